import { describe, test } from 'vitest';
import { settledAt, worstLag } from './harness/lag.ts';
import { flapMs, flapping, type LinkFault, refused, silent, talkThrough } from './harness/link-faults.ts';
import { figuresOf, finished, verdictOf, whole } from './harness/verdict.ts';

const maxLagMs = 3000;
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

describe.concurrent('a talk whose link', { timeout: 150_000 }, () => {
  const short: [name: string, fault: LinkFault, lengthMs: number, breakMs: number][] = [
    ['is dead for 3 s', silent, 3000, 3000],
    ['is refused for 3 s', refused, 3000, 3000],
    // Each single break is short, so the talk may be followed in order.
    ['flaps every 3 s for 15 s', flapping, 15_000, flapMs],
  ];
  test.for(short)(
    '%s is whole, and live again within four times a break and 3 s',
    async ([name, fault, lengthMs, breakMs], { expect, onTestFinished }) => {
      const { talk, returnedAtMs } = await talkThrough(fault, lengthMs, { afterMs: 18_000, cleanUp: onTestFinished });
      expect(await finished(talk, 60_000)).toBe(0);
      const settledMs = settledAt(talk.lags(), maxLagMs, returnedAtMs) - returnedAtMs;
      process.stderr.write(`${figuresOf(talk, name)}; live again after ${seconds(settledMs)}\n`);
      expect(await verdictOf(talk, name)).toEqual(whole);
      expect(settledMs).toBeLessThan(4 * breakMs + 3000);
    },
  );

  const longer: [name: string, fault: LinkFault, lengthMs: number][] = [
    ['is refused for 8 s', refused, 8000],
    ['is dead for 8 s', silent, 8000],
    ['is dead for 14 s', silent, 14_000],
  ];
  test.for(longer)(
    '%s is whole, and every word spoken since its return is shown within 3 s',
    async ([name, fault, lengthMs], { expect, onTestFinished }) => {
      const { talk, returnedAtMs } = await talkThrough(fault, lengthMs, { afterMs: 12_000, cleanUp: onTestFinished });
      expect(await finished(talk, 60_000)).toBe(0);
      const lagMs = worstLag(talk.lags(), returnedAtMs);
      process.stderr.write(`${figuresOf(talk, name)}; since its return at most ${seconds(lagMs)} behind\n`);
      expect(await verdictOf(talk, name)).toEqual(whole);
      expect(lagMs).toBeLessThan(maxLagMs);
    },
  );
});
