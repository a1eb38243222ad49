import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { temporaryFolder } from '../harness/programs.ts';
import type { Bench, BenchSettings } from './bench.ts';
import { median, spread } from './figures.ts';
import { nodeOptions } from './program.ts';

const leastRounds = 3;
const runFile = join(import.meta.dirname, 'archive-run.ts');
const told = z.object({ ms: z.number(), peakMiB: z.number(), stopMs: z.number() });

async function runOnce(minutes: number, form: 'make' | 'flac' | 'sala', folder: string): Promise<string> {
  const args = [...nodeOptions, '--expose-gc', runFile, String(minutes), form, folder];
  return (await promisify(execFile)(process.execPath, args)).stdout;
}

/** Runs of one length. Both forms take turns: what else the machine does is nearly the same for both. */
class Talk {
  readonly minutes: number;
  readonly name: string;
  readonly flac: number[] = [];
  readonly sala: number[] = [];
  readonly peaks: number[] = [];
  readonly stops: number[] = [];

  constructor(minutes: number, name: string) {
    this.minutes = minutes;
    this.name = name;
  }

  async measure(): Promise<void> {
    const folder = temporaryFolder();
    try {
      const run = (form: 'make' | 'flac' | 'sala') => runOnce(this.minutes, form, folder.path);
      await run('make');
      const flac = told.parse(JSON.parse(await run('flac')));
      const sala = told.parse(JSON.parse(await run('sala')));
      this.flac.push(flac.ms / 1000);
      this.sala.push(sala.ms / 1000);
      this.peaks.push(sala.peakMiB);
      this.stops.push(sala.stopMs);
    } finally {
      folder.remove();
    }
  }

  /** Of each pair. */
  get ratios(): number[] {
    return this.sala.map((seconds, i) => seconds / (this.flac[i] ?? Number.NaN));
  }
}

async function run({ rounds, tell }: BenchSettings) {
  const [short, hour, long] = [new Talk(10, '10 min'), new Talk(60, '1 h'), new Talk(600, '10 h')];
  const talks = [short, hour, long];
  for (let round = 1; round <= Math.max(rounds, leastRounds); round++)
    for (const talk of talks) {
      tell(`archive: a talk of ${talk.name} by flac and by Sala, round ${round}`);
      await talk.measure();
    }
  return {
    tables: [
      {
        title: 'Recordings: from the spool to the last byte in a folder store (least / median / most)',
        columns: ['talk', 'flac alone, s', 'Sala, s', 'ratio', 'times real time', 'peak RSS, MiB', 'longest stop, ms'],
        rows: talks.map(({ minutes, name, flac, sala, ratios, peaks, stops }) => [
          ...[name, spread(flac), spread(sala), spread(ratios, 2), ((minutes * 60) / median(sala)).toFixed(0)],
          ...[spread(peaks, 0), spread(stops, 0)],
        ]),
        note: 'flac alone: encode, test, copy, from a raw file. Sala: cut, encode, test, hash, upload, confirm. Mono, 16 kHz.',
      },
    ],
    aims: [
      { what: 'recording of an hour, against flac alone', figure: median(hour.ratios), below: 2, unit: 'times' },
      {
        what: 'recording: memory of 10 h against 10 min',
        figure: median(long.peaks) - median(short.peaks),
        below: 20,
        unit: 'MiB',
      },
      { what: 'recording of 10 h: longest stop of the event loop', figure: median(long.stops), below: 50, unit: 'ms' },
    ],
  };
}

export const archive: Bench = {
  name: 'archive',
  summary: 'recordings of talks: from the spool to the store, beside flac alone; memory from 10 minutes to 10 hours',
  run,
};
