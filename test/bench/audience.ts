import type { Bench, BenchSettings } from './bench.ts';
import { median, percentiles, quantile, spread } from './figures.ts';
import { type Heard, Load } from './load.ts';
import { build, RunningTarget } from './targets.ts';
import { type Stretch, usageOf, watchUsage } from './usage.ts';

const hallReaders = 2000;
const otherRooms = 10;
const otherReaders = 50;
const rooms = 1 + otherRooms;
const readers = hallReaders + otherRooms * otherReaders;
/** The hall begins its life as room-0; all want partials, so each caption goes to everybody. */
const crowd = (room: number) => new Array<boolean>(room === 0 ? hallReaders : otherReaders).fill(true);
const hall = 'room-0';
const warmUpMs = 4000;
/** Eight partials and a final in 3 s. */
const captionsPerSecond = 3;

interface Run extends Stretch {
  readonly idleRssMib: number;
  readonly heard: readonly Heard[];
  readonly lateness: readonly number[];
}

const variants = {
  relay: { what: 'relay, installed form', open: () => RunningTarget.relay('installed') },
  floor: { what: 'bare ws relay', open: () => RunningTarget.floor() },
};
type Variant = keyof typeof variants;

async function measure(variant: Variant, seconds: number): Promise<Run> {
  const target = await variants[variant].open();
  const load = new Load(target, crowd);
  try {
    const idleRssMib = usageOf(target.pid).rssMib;
    await load.grow(rooms);
    await new Promise((resolve) => setTimeout(resolve, warmUpMs));
    load.reset();
    const stretch = await watchUsage(target.pid, seconds);
    return { ...stretch, idleRssMib, heard: load.heard, lateness: load.lateness };
  } finally {
    load.stop();
    await target.stop();
  }
}

const latenciesOf = (runs: readonly Run[], isHall: boolean) =>
  runs.flatMap(({ heard }) => heard.filter(({ room }) => (room === hall) === isHall).map(({ latencyMs }) => latencyMs));

/** From the first reader of the hall to the last, by caption that all of them got. */
function spreads(runs: readonly Run[]): number[] {
  return runs.flatMap(({ heard }) => {
    const byFrame = Map.groupBy(
      heard.filter(({ room }) => room === hall),
      ({ frame, isFinal }) => `${frame} ${isFinal}`,
    );
    return [...byFrame.values()]
      .filter(({ length }) => length === hallReaders)
      .map((same) => Math.max(...same.map(({ heardMs }) => heardMs)) - Math.min(...same.map(({ heardMs }) => heardMs)));
  });
}

const cpuPerMessageUs = ({ cpuMs, heard }: Run) => (cpuMs * 1000) / heard.length;
const deliveredPercent = ({ heard, elapsedMs }: Run) =>
  (heard.length * 100) / (readers * captionsPerSecond * (elapsedMs / 1000));

function row(variant: Variant, runs: readonly Run[], floor: readonly Run[]): string[] {
  const cpu = runs.map(cpuPerMessageUs);
  return [
    variants[variant].what,
    spread(runs.map(({ cpuPercent }) => cpuPercent)),
    spread(cpu, 1),
    (median(cpu) / median(floor.map(cpuPerMessageUs))).toFixed(2),
    percentiles(latenciesOf(runs, true)),
    percentiles(latenciesOf(runs, false)),
    percentiles(spreads(runs)),
    spread(runs.map(({ idleRssMib }) => idleRssMib)),
    spread(runs.map(({ rssMib }) => rssMib)),
    spread(runs.map(deliveredPercent), 0),
  ];
}

async function run({ seconds, rounds, tell }: BenchSettings) {
  build();
  const runs: Record<Variant, Run[]> = { relay: [], floor: [] };
  for (let round = 1; round <= rounds; round++)
    for (const variant of ['relay', 'floor'] as const) {
      tell(`audience: ${variants[variant].what}, ${readers} readers, run ${round} of ${rounds}`);
      runs[variant].push(await measure(variant, seconds));
    }
  const ratio = (figure: (each: readonly Run[]) => number) => figure(runs.relay) / figure(runs.floor);
  const lateness = Object.values(runs).flatMap((all) => all.flatMap((each) => each.lateness));
  return {
    tables: [
      {
        title: `Fan-out: ${hallReaders} readers in one room, ${otherReaders} in each of ${otherRooms} more, with partials; ${rounds} runs of ${seconds} s`,
        columns: [
          '',
          'CPU %',
          'CPU µs a message',
          'of floor',
          'hall, ms p50 / p95 / p99',
          'other rooms, ms',
          'first to last in the hall, ms',
          'RSS idle',
          'RSS MiB',
          'delivered %',
        ],
        rows: [row('relay', runs.relay, runs.floor), row('floor', runs.floor, runs.floor)],
        note: `Frames left late by ${percentiles(lateness)} ms (p50 / p95 / p99); that is not in the latencies.`,
      },
    ],
    aims: [
      {
        what: 'CPU of a message to a reader, of the bare relay',
        figure: ratio((each) => median(each.map(cpuPerMessageUs))),
        below: 1.3,
        unit: 'times',
      },
      {
        what: 'latency in the hall, p95, of the bare relay',
        figure: ratio((each) => quantile(latenciesOf(each, true), 0.95)),
        below: 1.3,
        unit: 'times',
      },
    ],
  };
}

export const audience: Bench = {
  name: 'audience',
  summary: '2,000 readers in one room and 50 in each of ten more: fan-out, CPU, memory',
  run,
};
