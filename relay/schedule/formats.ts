import { readScheduleCsv } from './schedule-csv.ts';
import { ScheduleError, type ScheduleFile, scheduleLimits } from './schedule-file.ts';
import { readScheduleJson } from './schedule-json.ts';
import { readScheduleXml } from './schedule-xml.ts';

export const scheduleFormats = ['json', 'xml', 'csv'] as const;
export type ScheduleFormat = (typeof scheduleFormats)[number];

const readers = { json: readScheduleJson, xml: readScheduleXml, csv: readScheduleCsv };

/** What a file is, by how it begins. */
export function formatOf(text: string): ScheduleFormat {
  const [first] = text.slice(0, 1000).trimStart();
  return first === '{' || first === '[' ? 'json' : first === '<' ? 'xml' : 'csv';
}

export interface ReadingOptions {
  /** null: told by the content. */
  readonly format?: ScheduleFormat | null | undefined;
  /** Of times without an offset; null: as the file says. */
  readonly timeZone?: string | null | undefined;
}

/**
 * A schedule in any of the formats.
 * @throws {ScheduleError}, and nothing else
 */
export function readSchedule(bytes: Uint8Array, { format, timeZone }: ReadingOptions = {}): ScheduleFile {
  if (bytes.length > scheduleLimits.maxBytes)
    throw new ScheduleError(`The file is longer than ${scheduleLimits.maxBytes / 1024 / 1024} MB`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ScheduleError('The file is not UTF-8', 'Save it as UTF-8.');
  }
  if (text.trim() === '') throw new ScheduleError('The file is empty');
  if (/^\s*<(!doctype html|html)/i.test(text.slice(0, 1000)))
    throw new ScheduleError('This is a web page, not a schedule', 'Take the address of the export: …/schedule.json');
  return readers[format ?? formatOf(text)](text, timeZone ?? null);
}
