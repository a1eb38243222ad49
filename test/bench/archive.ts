import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { Bench, BenchSettings } from './bench.ts';
import { quantile } from './figures.ts';
import { nodeOptions } from './program.ts';

const lengths = [
  { minutes: 10, name: '10 min' },
  { minutes: 60, name: '1 h' },
  { minutes: 600, name: '10 h' },
] as const;
const forms = ['flac', 'sala'] as const;

const runFile = join(import.meta.dirname, 'archive-run.ts');
const told = z.object({ ms: z.number(), peakMiB: z.number(), stopMs: z.number() });
type Told = z.infer<typeof told>;

async function once(minutes: number, form: string): Promise<Told> {
  const { stdout } = await promisify(execFile)(process.execPath, [...nodeOptions, runFile, String(minutes), form]);
  return told.parse(JSON.parse(stdout));
}

async function run({ rounds, tell }: BenchSettings) {
  const measured = new Map<string, Told[]>();
  for (let round = 0; round < rounds; round++)
    for (const { minutes, name } of lengths)
      for (const form of forms) {
        tell(`archive: a talk of ${name} by ${form}, round ${round + 1} of ${rounds}`);
        const key = `${minutes} ${form}`;
        measured.set(key, [...(measured.get(key) ?? []), await once(minutes, form)]);
      }
  const median = (minutes: number, form: string, figure: (each: Told) => number) =>
    quantile((measured.get(`${minutes} ${form}`) ?? []).map(figure), 0.5);
  const seconds = (minutes: number, form: string) => median(minutes, form, ({ ms }) => ms) / 1000;
  const ratio = (minutes: number) => seconds(minutes, 'sala') / seconds(minutes, 'flac');
  const peak = (minutes: number) => median(minutes, 'sala', ({ peakMiB }) => peakMiB);
  return {
    tables: [
      {
        title: 'Recordings: from the spool to the last byte in a folder store',
        columns: ['talk', 'flac alone, s', 'Sala, s', 'ratio', 'times real time', 'peak RSS, MiB', 'longest stop, ms'],
        rows: lengths.map(({ minutes, name }) => [
          ...[
            name,
            seconds(minutes, 'flac').toFixed(1),
            seconds(minutes, 'sala').toFixed(1),
            ratio(minutes).toFixed(2),
          ],
          ...[((minutes * 60) / seconds(minutes, 'sala')).toFixed(0), peak(minutes).toFixed(0)],
          median(minutes, 'sala', ({ stopMs }) => stopMs).toFixed(0),
        ]),
        note: 'flac alone: encode, test, copy, from a raw file. Sala: cut, encode, test, hash, upload, confirm. Mono, 16 kHz.',
      },
    ],
    aims: [
      { what: 'recording of an hour, against flac alone', figure: ratio(60), below: 2, unit: 'times' },
      { what: 'recording: memory of 10 h against 10 min', figure: peak(600) - peak(10), below: 20, unit: 'MiB' },
    ],
  };
}

export const archive: Bench = {
  name: 'archive',
  summary: 'recordings of talks: from the spool to the store, beside flac alone; memory from 10 minutes to 10 hours',
  run,
};
