import type { Bench, BenchSettings } from './bench.ts';
import { median, percentiles, quantile, spread } from './figures.ts';
import { type Crowd, type Heard, Load } from './load.ts';
import { build, RunningTarget } from './targets.ts';
import { type Stretch, watchUsage } from './usage.ts';

const hallReaders = 2000;
const otherRooms = 10;
const otherReaders = 50;
const rooms = 1 + otherRooms;
const readers = hallReaders + otherRooms * otherReaders;
/** The hall begins its life as room-0; all want partials, so each caption goes to everybody. */
const crowd: Crowd = (room) => new Array<boolean>(room === 0 ? hallReaders : otherReaders).fill(true);
/** What is used then is for the rooms' audio and their log; what comes on top is the fan-out. */
const nobody: Crowd = () => [];
const hall = 'room-0';
const warmUpMs = 4000;
/** Eight partials and a final in 3 s. */
const captionsPerSecond = 3;

interface Run extends Stretch {
  readonly heard: readonly Heard[];
  readonly lateness: readonly number[];
}

const variants = {
  relay: { what: 'relay, installed form', open: () => RunningTarget.relay('installed') },
  floor: { what: 'bare ws relay', open: () => RunningTarget.floor() },
};
type Variant = keyof typeof variants;

async function measure(variant: Variant, seconds: number, who: Crowd): Promise<Run> {
  const target = await variants[variant].open();
  const load = new Load(target, who);
  try {
    await load.grow(rooms);
    await new Promise((resolve) => setTimeout(resolve, warmUpMs));
    load.reset();
    const stretch = await watchUsage(target.pid, seconds);
    return { ...stretch, heard: load.heard, lateness: load.lateness };
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

const cpuPercentOf = (runs: readonly Run[]) => median(runs.map(({ cpuPercent }) => cpuPercent));
/** CPU of the fan-out alone, in percent of a core. */
const fanOutOf = ({ full, empty }: Measured) => cpuPercentOf(full) - cpuPercentOf(empty);
interface Measured {
  readonly full: Run[];
  /** The same rooms without readers. */
  readonly empty: Run[];
}

const deliveredPercent = ({ heard, elapsedMs }: Run) =>
  (heard.length * 100) / (readers * captionsPerSecond * (elapsedMs / 1000));

function row(variant: Variant, measured: Measured, floor: Measured): string[] {
  const { full: runs, empty } = measured;
  return [
    variants[variant].what,
    spread(runs.map(({ cpuPercent }) => cpuPercent)),
    spread(empty.map(({ cpuPercent }) => cpuPercent)),
    (fanOutOf(measured) / fanOutOf(floor)).toFixed(2),
    percentiles(latenciesOf(runs, true)),
    percentiles(latenciesOf(runs, false)),
    percentiles(spreads(runs)),
    spread(empty.map(({ rssMib }) => rssMib)),
    spread(runs.map(({ rssMib }) => rssMib)),
    spread(runs.map(deliveredPercent), 0),
  ];
}

async function run({ seconds, rounds, tell }: BenchSettings) {
  build();
  const runs: Record<Variant, Measured> = { relay: { full: [], empty: [] }, floor: { full: [], empty: [] } };
  for (let round = 1; round <= rounds; round++)
    for (const variant of ['relay', 'floor'] as const) {
      tell(`audience: ${variants[variant].what}, ${readers} readers, run ${round} of ${rounds}`);
      runs[variant].full.push(await measure(variant, seconds, crowd));
      runs[variant].empty.push(await measure(variant, seconds, nobody));
    }
  const ratio = (figure: (each: Measured) => number) => figure(runs.relay) / figure(runs.floor);
  const lateness = Object.values(runs).flatMap(({ full }) => full.flatMap((each) => each.lateness));
  return {
    tables: [
      {
        title: `Fan-out: ${hallReaders} readers in one room, ${otherReaders} in each of ${otherRooms} more, with partials; ${rounds} runs of ${seconds} s`,
        columns: [
          '',
          'CPU %',
          'without readers',
          'fan-out, of floor',
          'hall, ms p50 / p95 / p99',
          'other rooms, ms',
          'first to last in the hall, ms',
          'RSS MiB without readers',
          'RSS MiB',
          'delivered %',
        ],
        rows: [row('relay', runs.relay, runs.floor), row('floor', runs.floor, runs.floor)],
        note: `Frames left late by ${percentiles(lateness)} ms (p50 / p95 / p99); that is not in the latencies.`,
      },
    ],
    aims: [
      {
        what: 'CPU of the fan-out, of the bare relay',
        figure: ratio(fanOutOf),
        below: 1.3,
        unit: 'times',
      },
      {
        what: 'latency in the hall, p95, of the bare relay',
        figure: ratio(({ full }) => quantile(latenciesOf(full, true), 0.95)),
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
