import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Inside, type Seen } from '../harness/inside-view.ts';
import { temporaryFolder } from '../harness/programs.ts';
import { bareNode, lateness } from './bare-node.ts';
import type { Bench, BenchSettings } from './bench.ts';
import { median, percentiles, quantile, spread } from './figures.ts';
import { type Heard, Load } from './load.ts';
import { RunningTarget } from './targets.ts';

const rooms = 10;
const warmUpMs = 4000;

interface Sample {
  readonly isFinal: boolean;
  readonly toEngineMs: number;
  readonly inEngineMs: number;
  readonly toPageMs: number;
  readonly totalMs: number;
}

interface Run {
  readonly samples: readonly Sample[];
  readonly inside: Seen;
}

/** One run: what readers heard, with the relay's own two times of each caption, and its event loop meanwhile. */
async function measure(seconds: number): Promise<Run> {
  const folder = temporaryFolder();
  const inside = new Inside('inside');
  try {
    const file = join(folder.path, 'stamps.json');
    const stamps = new URL('./stamps.ts', import.meta.url);
    const relay = await RunningTarget.relay('source', {
      ...inside.env,
      NODE_OPTIONS: `${inside.env.NODE_OPTIONS} --import=${stamps.href}`,
      SALA_BENCH_STAMPS: file,
    });
    const load = new Load(relay);
    await load.grow(rooms);
    await new Promise((resolve) => setTimeout(resolve, warmUpMs));
    load.reset();
    const seen = await inside.watch(relay.program.pid, seconds);
    const { heard } = load;
    load.stop();
    await relay.stop();
    const said: Record<string, [writtenMs: number, saidMs: number]> = JSON.parse(readFileSync(file, 'utf8'));
    return { samples: heard.flatMap((each) => sampleOf(each, said)), inside: seen };
  } finally {
    folder.remove();
    inside.remove();
  }
}

function sampleOf(heard: Heard, said: Readonly<Record<string, readonly [number, number]>>): Sample[] {
  const { room, frame, isFinal, sentMs, heardMs, latencyMs } = heard;
  const [writtenMs, saidMs] = said[`${room} ${frame} ${isFinal ? 'final' : 'partial'}`] ?? [];
  if (writtenMs === undefined || saidMs === undefined) return [];
  return [
    {
      isFinal,
      toEngineMs: writtenMs - sentMs,
      inEngineMs: saidMs - writtenMs,
      toPageMs: heardMs - saidMs,
      totalMs: latencyMs,
    },
  ];
}

async function run({ seconds, rounds, tell }: BenchSettings) {
  const runs: Run[] = [];
  for (let round = 1; round <= rounds; round++) {
    tell(`latency: ${rooms} rooms, run ${round} of ${rounds}`);
    runs.push(await measure(seconds));
  }
  const bare = await bareNode(seconds);
  const stages = [
    ['capture to engine: frame at the socket, until the engine is given it', 'toEngineMs'],
    ['in the engine (script:load)', 'inEngineMs'],
    ['engine to page: result, until the message is at the reader', 'toPageMs'],
    ['all that the relay adds', 'totalMs'],
  ] as const;
  const rows = [false, true].flatMap((isFinal) =>
    stages.map(([what, stage]) => {
      const each = runs.map(({ samples }) => samples.filter((one) => one.isFinal === isFinal).map((one) => one[stage]));
      const all = each.flat();
      const p95 = each.map((values) => quantile(values, 0.95));
      return [`${isFinal ? 'final' : 'partial'}: ${what}`, String(all.length), percentiles(all), spread(p95, 2)];
    }),
  );
  const total = runs.map(({ samples }) =>
    quantile(
      samples.map((one) => one.totalMs),
      0.95,
    ),
  );
  return {
    tables: [
      {
        title: `Latency by stage in ms, ${rooms} rooms with 2 readers each, ${rounds} runs of ${seconds} s`,
        columns: ['stage', 'captions', 'p50 / p95 / p99', 'p95 of the runs, min / median / max'],
        rows,
      },
      {
        title: `Event loop of the relay, ${rooms} rooms: late by, in ms`,
        columns: ['', 'p50 / p99 / max', 'p99 of bare Node’s'],
        rows: [
          ['bare Node, a timer each 100 ms', lateness(bare), '1.0 x'],
          ...runs.map(({ inside }, i) => [
            `run ${i + 1}`,
            lateness(inside),
            `${(inside.loopMs.p99 / bare.loopMs.p99).toFixed(1)} x`,
          ]),
        ],
      },
    ],
    aims: [{ what: `relay's added latency, p95, ${rooms} rooms`, figure: median(total), below: 15, unit: 'ms' }],
  };
}

export const latency: Bench = {
  name: 'latency',
  summary: 'what the relay adds between the frame and the caption, by stage',
  run,
};
