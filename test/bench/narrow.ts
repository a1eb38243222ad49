import { setTimeout as delay } from 'node:timers/promises';
import { worstLag } from '../harness/lag.ts';
import { refused, talkThrough } from '../harness/link-faults.ts';
import { VenueLine } from '../harness/venue-line.ts';
import type { Bench, BenchSettings } from './bench.ts';

/** The line of the promise, and a narrower one. */
const linesKbit = [400, 300];
const promisedOutageSeconds = 60;
/** So long the link is really gone, and so long the draining is watched. */
const outageMs = 20_000;
const watchMs = 50_000;

interface Drained {
  readonly kbit: number;
  /** Seconds of backlog carried each second, beside live audio. */
  readonly rate: number;
  readonly liveLagMs: number;
}

/** A talk over such a line, with an outage; the reason where no line can be laid. */
async function drain(kbit: number): Promise<Drained | string> {
  const line = VenueLine.lay(kbit);
  if (typeof line === 'string') return line;
  const steps: (() => Promise<void>)[] = [];
  try {
    const { talk, returnedAtMs } = await talkThrough(refused, outageMs, {
      afterMs: watchMs + 5000,
      cleanUp: (step) => steps.push(step),
      line,
    });
    // The kit tells its backlog now and then: each new figure is a point.
    const points: { readonly atMs: number; readonly backlogMs: number }[] = [];
    while (performance.now() - returnedAtMs < watchMs) {
      const { live } = await talk.room<{ live: { backlogMs: number } }>();
      if (live.backlogMs > 2000 && live.backlogMs !== points.at(-1)?.backlogMs)
        points.push({ atMs: performance.now(), backlogMs: live.backlogMs });
      await delay(100);
    }
    const [first, last] = [points[0], points.at(-1)];
    const rate = first && last && last !== first ? (first.backlogMs - last.backlogMs) / (last.atMs - first.atMs) : 0;
    return { kbit, rate, liveLagMs: worstLag(talk.lags(), returnedAtMs) };
  } finally {
    for (const step of steps) await step();
    line.remove();
  }
}

async function run({ tell }: BenchSettings) {
  tell(`narrow: outage of ${outageMs / 1000} s on lines of ${linesKbit.join(' and ')} kbit/s`);
  const drained = await Promise.all(linesKbit.map(drain));
  const measured = drained.filter((each) => typeof each !== 'string');
  const reason = drained.find((each) => typeof each === 'string');
  const clearSeconds = (rate: number) => (rate > 0 ? promisedOutageSeconds / rate : Number.POSITIVE_INFINITY);
  const [wide] = measured;
  return {
    tables: [
      {
        title: `A real line between kit and relay, after an outage of ${promisedOutageSeconds} s`,
        columns: ['line', 'backlog carried, s a second', 'backlog gone after s', '', 'live words late by at most s'],
        rows: measured.map(({ kbit, rate, liveLagMs }) => [
          `${kbit} kbit/s`,
          rate.toFixed(2),
          clearSeconds(rate).toFixed(0),
          wide ? `${(wide.rate / rate).toFixed(1)} x` : '',
          (liveLagMs / 1000).toFixed(1),
        ]),
        note:
          reason ??
          `Reckoned from the rate at which the backlog of ${outageMs / 1000} s went, watched for ${watchMs / 1000} s; live audio goes on meanwhile.`,
      },
    ],
    aims: measured
      .filter(({ kbit }) => kbit === 400)
      .map(({ rate }) => ({
        what: `backlog of ${promisedOutageSeconds} s gone, line of 400 kbit/s`,
        figure: clearSeconds(rate),
        below: 180,
        unit: 's',
      })),
  };
}

export const narrow: Bench = {
  name: 'narrow',
  summary: 'how long lines of 400 and 300 kbit/s take for the backlog of an outage',
  run,
};
