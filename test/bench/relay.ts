import type { Bench, BenchSettings } from './bench.ts';
import { median, percentiles, quantile, spread } from './figures.ts';
import { Load } from './load.ts';
import { build, RunningTarget } from './targets.ts';
import { type Stretch, usageOf, watchUsage } from './usage.ts';

const settleMs = 1500;
const warmUpMs = 4000;
const steps = [1, 10, 50];
const framesPerSecond = 10;
/** Eight partials and a final in 3 s to one reader, the final alone to the other. */
const captionsPerSecond = 10 / 3;

interface Step extends Stretch {
  readonly rooms: number;
  readonly latencies: readonly number[];
  readonly lateness: readonly number[];
}

interface Run {
  readonly idleRssMib: number;
  readonly steps: readonly Step[];
}

const variants = {
  installed: { what: 'relay, installed form', open: () => RunningTarget.relay('installed') },
  source: { what: 'relay, from TypeScript', open: () => RunningTarget.relay('source') },
  floor: { what: 'bare ws relay', open: () => RunningTarget.floor() },
};
type Variant = keyof typeof variants;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** One process: idle, then with more and more rooms. */
async function measure(variant: Variant, rooms: readonly number[], seconds: number): Promise<Run> {
  const target = await variants[variant].open();
  const load = new Load(target);
  try {
    await pause(settleMs);
    const idleRssMib = usageOf(target.pid).rssMib;
    const measured: Step[] = [];
    for (const count of rooms) {
      await load.grow(count);
      await pause(warmUpMs);
      load.reset();
      const stretch = await watchUsage(target.pid, seconds);
      const latencies = load.heard.map(({ latencyMs }) => latencyMs);
      measured.push({ ...stretch, rooms: count, latencies, lateness: load.lateness });
    }
    return { idleRssMib, steps: measured };
  } finally {
    load.stop();
    await target.stop();
  }
}

const stepsOf = (runs: readonly Run[], rooms: number) =>
  runs.flatMap(({ steps }) => steps.filter((step) => step.rooms === rooms));
const cpuPerFrameUs = ({ cpuMs, elapsedMs, rooms }: Step) =>
  (cpuMs * 1000) / ((rooms * framesPerSecond * elapsedMs) / 1000);

const deliveredPercent = ({ latencies, rooms, elapsedMs }: Step) =>
  (latencies.length * 100) / (rooms * captionsPerSecond * (elapsedMs / 1000));

function row(variant: Variant, runs: readonly Run[], rooms: number, floor: readonly Run[]): string[] {
  const found = stepsOf(runs, rooms);
  const percent = found.map(({ cpuPercent }) => cpuPercent);
  const bare = stepsOf(floor, rooms).map(({ cpuPercent }) => cpuPercent);
  return [
    `${String(rooms).padStart(2)} rooms: ${variants[variant].what}`,
    spread(percent),
    (median(percent) / median(bare)).toFixed(2),
    spread(found.map(cpuPerFrameUs), 0),
    spread(found.map(({ rssMib }) => rssMib)),
    spread(found.map(({ pssMib }) => pssMib)),
    percentiles(found.flatMap(({ latencies }) => latencies)),
    spread(found.map(deliveredPercent), 0),
  ];
}

function memoryRow(variant: Variant, runs: readonly Run[]): string[] {
  return [variants[variant].what, spread(runs.map(({ idleRssMib }) => idleRssMib)), spread(runs.map(perRoomMib), 2)];
}

/** RSS of each room beyond the tenth. */
function perRoomMib({ steps }: Run): number {
  const at = (rooms: number) => steps.find((step) => step.rooms === rooms)?.rssMib ?? Number.NaN;
  return (at(50) - at(10)) / 40;
}

async function run({ seconds, rounds, tell }: BenchSettings) {
  build();
  const runs: Record<Variant, Run[]> = { installed: [], source: [], floor: [] };
  for (let round = 1; round <= rounds; round++)
    for (const variant of ['installed', 'floor'] as const) {
      tell(`relay: ${variants[variant].what}, ${steps.join(', ')} rooms, run ${round} of ${rounds}`);
      runs[variant].push(await measure(variant, steps, seconds));
    }
  tell(`relay: ${variants.source.what}, 10 rooms`);
  runs.source.push(await measure('source', [10], seconds));
  const ten = stepsOf(runs.installed, 10);
  const lateness = Object.values(runs)
    .flat()
    .flatMap((each) => each.steps.flatMap((step) => step.lateness));
  return {
    tables: [
      {
        title: `Relay under load, 2 readers a room, ${rounds} runs of ${seconds} s; min / median / max`,
        columns: [
          '',
          'CPU %',
          'of floor',
          'CPU µs a frame',
          'RSS MiB',
          'PSS MiB',
          'latency ms p50 / p95 / p99',
          'delivered %',
        ],
        rows: steps.flatMap((rooms) => [
          row('installed', runs.installed, rooms, runs.floor),
          ...(rooms === 10 ? [row('source', runs.source, rooms, runs.floor)] : []),
          row('floor', runs.floor, rooms, runs.floor),
        ]),
        note: `Frames left late by ${percentiles(lateness)} ms (p50 / p95 / p99); that is not in the latencies. Delivered: of the captions due; short runs cut some at their edges.`,
      },
      {
        title: 'Memory of the relay in MiB',
        columns: ['', 'RSS idle', 'RSS a further room (10 to 50)'],
        rows: [
          memoryRow('installed', runs.installed),
          memoryRow('source', runs.source),
          memoryRow('floor', runs.floor),
        ],
      },
    ],
    aims: [
      {
        what: "relay's added latency, p95, 10 rooms, installed form",
        figure: median(ten.map(({ latencies }) => quantile(latencies, 0.95))),
        below: 15,
        unit: 'ms',
      },
      { what: 'relay RSS at 10 rooms', figure: Math.max(...ten.map(({ rssMib }) => rssMib)), below: 90, unit: 'MiB' },
      {
        what: 'relay RSS for each further room',
        figure: median(runs.installed.map(perRoomMib)),
        below: 0.5,
        unit: 'MiB',
      },
      {
        what: 'relay CPU a frame beyond the bare relay, 50 rooms',
        figure:
          median(stepsOf(runs.installed, 50).map(cpuPerFrameUs)) - median(stepsOf(runs.floor, 50).map(cpuPerFrameUs)),
        below: 60,
        unit: 'µs',
      },
    ],
  };
}

export const relay: Bench = {
  name: 'relay',
  summary: 'CPU, memory and latency of the relay at 1, 10 and 50 rooms beside a bare ws relay',
  run,
};
