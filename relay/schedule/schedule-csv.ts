import { createHash } from 'node:crypto';
import { parse } from 'csv-parse/sync';
import { messageOf } from '../../systemd/errors.ts';
import {
  lineOf,
  type RawTalk,
  roomNameOf,
  ScheduleError,
  type ScheduleFile,
  ScheduleReader,
  scheduleLimits,
} from './schedule-file.ts';

/** What columns may be called; of small letters alone. */
const columns = {
  id: ['id', 'guid', 'code', 'proposalid', 'talkid', 'sessionid'],
  room: ['room', 'sala', 'raum', 'salle', 'location', 'venue', 'hall', 'stage'],
  title: ['title', 'titolo', 'titel', 'titre', 'name', 'talk', 'session', 'proposaltitle'],
  speakers: ['speakers', 'speaker', 'speakernames', 'persons', 'people', 'relatori', 'vortragende', 'presenter'],
  language: ['language', 'lang', 'lingua', 'sprache', 'langue', 'locale'],
  date: ['date', 'day', 'data', 'datum', 'giorno'],
  start: ['start', 'starttime', 'startdate', 'begin', 'time', 'inizio', 'beginn', 'von', 'from'],
  end: ['end', 'endtime', 'enddate', 'fine', 'ende', 'bis', 'until'],
  duration: ['duration', 'minutes', 'durata', 'dauer', 'length'],
  status: ['status', 'state', 'stato'],
} as const;
type Column = keyof typeof columns;
const needed = ['room', 'title', 'start'] as const;
const maxColumns = 200;
const maxRecordBytes = 256 * 1024;

const plain = (text: string) => text.toLowerCase().replace(/[^a-z]/g, '');

/**
 * A table: a line of headings (`id, room, title, speakers, language, date, start, end` or `duration`), then a talk a line,
 * divided by commas, semicolons or tabs. Several speakers stand in one field, divided by semicolons, "|" or line ends.
 * @param timeZone of times without an offset
 * @throws {ScheduleError} where it is no such file
 */
export function readScheduleCsv(text: string, timeZone: string | null): ScheduleFile {
  const rows = rowsOf(text);
  const [head = [], ...lines] = rows;
  const at = new Map<Column, number>();
  head.forEach((heading, i) => {
    for (const [column, names] of Object.entries(columns))
      if (isColumn(column) && names.some((name) => name === plain(heading)) && !at.has(column)) at.set(column, i);
  });
  const missing: string[] = needed.filter((column) => !at.has(column));
  if (!at.has('end') && !at.has('duration')) missing.push('end or duration');
  if (missing.length > 0)
    throw new ScheduleError(
      `The table lacks the column${missing.length > 1 ? 's' : ''} ${missing.join(', ')}`,
      'Its first line names the columns: id, room, title, speakers, language, date, start, end or duration.',
    );
  const reader = new ScheduleReader(timeZone);
  const ids = new Map<string, number>();
  const talks = lines.map((fields, i): RawTalk => {
    const of = (column: Column) => lineOf(fields[at.get(column) ?? -1]);
    const [date, start] = [of('date'), of('start')];
    const isWhole = /^\d{4}-\d{2}-\d{2}[T ]/.test(start);
    return {
      place: `line ${i + 2}`,
      room: roomNameOf(of('room')),
      ids: [of('id')],
      title: of('title'),
      speakers: String(fields[at.get('speakers') ?? -1] ?? '').split(/[;|\n]/),
      language: of('language'),
      ...{
        moment: isWhole || date === '' ? start : '',
        day: dayOf(date),
        time: start,
        dayStart: '',
        duration: of('duration'),
      },
      ...{ end: of('duration') === '' ? of('end') : '', status: of('status'), texts: [] },
    };
  });
  for (const talk of talks) {
    if (talk.ids[0] !== '') reader.add(talk);
    else {
      // Without ids a talk is known by its title and speakers, of equal ones by their order.
      const content = `${lineOf(talk.title)}|${talk.speakers.map(lineOf).join('|')}`;
      const count = (ids.get(content) ?? 0) + 1;
      ids.set(content, count);
      const hash = createHash('sha256').update(content).digest('hex').slice(0, 16);
      reader.add({ ...talk, ids: [`csv-${hash}${count > 1 ? `-${count}` : ''}`] });
    }
  }
  return reader.done();
}

const isColumn = (name: string): name is Column => Object.hasOwn(columns, name);

/** 2026-12-01, or 1.12.2026, which no country reads otherwise. */
function dayOf(text: string): string {
  const [, day = '', month = '', year] = /^(\d{1,2})\.(\d{1,2})\.(\d{4})$/.exec(text) ?? [];
  return year === undefined ? text : `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`;
}

function rowsOf(text: string): string[][] {
  const [first = ''] = text.slice(0, 10_000).split(/\r?\n/, 1);
  const count = (mark: string) => first.split(mark).length;
  const delimiter = [',', ';', '\t'].reduce((best, mark) => (count(mark) > count(best) ? mark : best));
  try {
    return parse(text, {
      ...{ delimiter, bom: true, relaxColumnCount: true, skipEmptyLines: true, relaxQuotes: false },
      ...{ maxRecordSize: maxRecordBytes, to: scheduleLimits.maxTalks + 2, trim: true },
      onRecord: (record: string[]) => {
        if (record.length > maxColumns) throw new ScheduleError(`The table has more than ${maxColumns} columns`);
        return record;
      },
    });
  } catch (error) {
    if (error instanceof ScheduleError) throw error;
    throw new ScheduleError(`The file cannot be read as a table: ${messageOf(error).slice(0, 200)}`);
  }
}
