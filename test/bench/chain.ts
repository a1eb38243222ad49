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

/** As the npm script starts the job: nobody waits for it, so garbage may be marked at once, and does not grow meanwhile. */
const options = [...nodeOptions, '--no-incremental-marking'];
const runFile = join(import.meta.dirname, 'chain-run.ts');
const told = z.object({
  ...{ voiceMs: z.number(), voiceMiB: z.number(), chainMs: z.number(), peakMiB: z.number(), words: z.number() },
  publishedMiB: z.number(),
  steps: z.array(z.object({ step: z.string(), ms: z.number() })),
});
type Told = z.infer<typeof told>;

async function once(minutes: number): Promise<Told> {
  const { stdout } = await promisify(execFile)(process.execPath, [...options, runFile, String(minutes)]);
  return told.parse(JSON.parse(stdout));
}

async function run({ rounds, tell }: BenchSettings) {
  const measured = new Map<number, Told[]>();
  for (let round = 0; round < rounds; round++)
    for (const { minutes, name } of lengths) {
      tell(`chain: a talk of ${name}, round ${round + 1} of ${rounds}`);
      measured.set(minutes, [...(measured.get(minutes) ?? []), await once(minutes)]);
    }
  const median = (minutes: number, figure: (each: Told) => number) =>
    quantile((measured.get(minutes) ?? []).map(figure), 0.5);
  const perHour = (minutes: number, figure: (each: Told) => number) => (median(minutes, figure) * 60) / minutes / 1000;
  const rows = lengths.map(({ minutes, name }) => [
    ...[name, median(minutes, ({ words }) => words).toFixed(0)],
    perHour(minutes, ({ voiceMs }) => voiceMs).toFixed(2),
    perHour(minutes, ({ chainMs }) => chainMs).toFixed(2),
    median(minutes, ({ voiceMiB }) => voiceMiB).toFixed(0),
    median(minutes, ({ publishedMiB }) => publishedMiB).toFixed(1),
    median(minutes, ({ peakMiB }) => peakMiB).toFixed(0),
  ]);
  const steps = (measured.get(60) ?? [])[0]?.steps ?? [];
  const msOf =
    (name: string) =>
    ({ steps: of }: Told) =>
      of.find(({ step }) => step === name)?.ms ?? 0;
  const growth = median(600, ({ peakMiB }) => peakMiB) / median(10, ({ peakMiB }) => peakMiB);
  return {
    tables: [
      {
        title: 'The canonical chain without the engine',
        columns: ['talk', 'words', 'voice map, s/h', 'steps, s/h', 'voice map, MiB', 'published, MiB', 'peak RSS, MiB'],
        rows,
        note: 's/h: seconds for an hour of audio, the reading of the engine’s result with it. Private data taken out, 200 phrases, 100 rules, speakers told apart.',
      },
      {
        title: 'The steps, for an hour of audio',
        columns: ['step', 'ms'],
        rows: steps.map(({ step }) => [step, median(60, msOf(step)).toFixed(0)]),
      },
    ],
    aims: [
      ...lengths.map(({ minutes, name }) => ({
        what: `chain for an hour of audio, talk of ${name}`,
        figure: perHour(minutes, ({ voiceMs, chainMs }) => voiceMs + chainMs),
        below: 20,
        unit: 's',
      })),
      {
        what: 'chain: memory of the voice map, 10 h',
        figure: median(600, ({ voiceMiB }) => voiceMiB),
        below: 32,
        unit: 'MiB',
      },
      // Sixty times as many words; a third of what is more are the files that are published.
      { what: 'chain: memory of 10 h against 10 min', figure: growth, below: 1.3, unit: 'times' },
    ],
  };
}

export const chain: Bench = {
  name: 'chain',
  summary: 'the canonical chain without its engine: time for an hour of audio, memory from 10 minutes to 10 hours',
  run,
};
