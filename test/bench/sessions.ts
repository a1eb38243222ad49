import { TranscribeStandIn } from '../stand-ins/transcribe.ts';
import { standInEnvironment } from '../stand-ins/transcribe-environment.ts';
import type { Bench, BenchSettings } from './bench.ts';
import { median, spread } from './figures.ts';
import { MeasuredProgram } from './program.ts';
import { type Stretch, watchUsage } from './usage.ts';

const count = 100;
const pairs = 7;
const warmUpMs = 2000;
/** A word each 400 ms for longer than a run lasts. */
const script = Array.from({ length: 2000 }, (_, i) => ({ text: `w${i}`, start: i * 6400, end: i * 6400 + 4800 }));

const kinds = { bare: 'the SDK alone', kept: 'as the relay holds them' };
type Kind = keyof typeof kinds;

async function measure(kind: Kind, url: string, seconds: number): Promise<Stretch> {
  const program = new MeasuredProgram('test/bench/session-load.ts', [kind, String(count)], {
    env: standInEnvironment(url),
  });
  try {
    await program.event('ready');
    await new Promise((resolve) => setTimeout(resolve, warmUpMs));
    return await watchUsage(program.pid, seconds);
  } finally {
    await program.stop();
  }
}

async function run({ seconds, tell }: BenchSettings) {
  const standIn = new TranscribeStandIn({ script, limits: { maxStreams: 1000, maxStartsPerSecond: 1000 } });
  const { url } = await standIn.start();
  const runs: Record<Kind, Stretch[]> = { bare: [], kept: [] };
  const halfSeconds = Math.ceil(seconds / 2);
  for (let pair = 1; pair <= pairs; pair++) {
    tell(`sessions: ${count} of them, pair ${pair} of ${pairs}`);
    // Whatever comes and goes on the machine strikes both alike.
    for (const kind of pair % 2 === 1 ? (['bare', 'kept'] as const) : (['kept', 'bare'] as const))
      runs[kind].push(await measure(kind, url, halfSeconds));
  }
  await standIn.stop();
  const share = runs.kept.map((each, i) => (each.cpuPercent / (runs.bare[i]?.cpuPercent ?? Number.NaN) - 1) * 100);
  const row = (kind: Kind) => [
    kinds[kind],
    spread(
      runs[kind].map(({ cpuPercent }) => cpuPercent / count),
      2,
    ),
    spread(
      runs[kind].map(({ cpuMs, elapsedMs }) => (cpuMs * 1000) / ((count * 10 * elapsedMs) / 1000)),
      0,
    ),
    spread(runs[kind].map(({ rssMib }) => rssMib)),
    spread(
      runs[kind].map(({ rssMib }) => rssMib / count),
      2,
    ),
  ];
  return {
    tables: [
      {
        title: `${count} Transcribe sessions at once, ${pairs} pairs of runs of ${halfSeconds} s; min / median / max`,
        columns: ['', 'CPU % a session', 'CPU µs a frame', 'RSS MiB of the process', 'RSS MiB, its share of a session'],
        rows: [row('bare'), row('kept')],
        note: `CPU beyond the SDK's own, pair by pair: ${spread(share)} %`,
      },
    ],
    aims: [
      { what: 'CPU of a session beyond the SDK’s own, median of pairs', figure: median(share), below: 25, unit: '%' },
    ],
  };
}

export const sessions: Bench = {
  name: 'sessions',
  summary: 'CPU and memory of 100 Transcribe sessions beside the SDK alone',
  run,
};
