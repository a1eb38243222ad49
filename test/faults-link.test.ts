import { describe, test } from 'vitest';
import { settledAt, worstLag } from './harness/lag.ts';
import { flapping, type LinkFault, refused, silent, talkThrough } from './harness/link-faults.ts';
import { finished, verdictOf, whole } from './harness/verdict.ts';

const maxLagMs = 3000;

describe.concurrent('a talk whose link', { timeout: 150_000 }, () => {
  test('is dead for 3 s is whole, and live again within four times that', async ({ expect, onTestFinished }) => {
    const { talk, returnedAtMs } = await talkThrough(silent, 3000, { afterMs: 18_000, cleanUp: onTestFinished });
    expect(await finished(talk, 60_000)).toBe(0);
    expect(await verdictOf(talk, 'dead for 3 s')).toEqual(whole);
    expect(settledAt(talk.lags(), maxLagMs, returnedAtMs) - returnedAtMs).toBeLessThan(4 * 3000 + 3000);
  });

  test('is refused for 3 s is whole, and live again within four times that', async ({ expect, onTestFinished }) => {
    const { talk, returnedAtMs } = await talkThrough(refused, 3000, { afterMs: 18_000, cleanUp: onTestFinished });
    expect(await finished(talk, 60_000)).toBe(0);
    expect(await verdictOf(talk, 'refused for 3 s')).toEqual(whole);
    expect(settledAt(talk.lags(), maxLagMs, returnedAtMs) - returnedAtMs).toBeLessThan(4 * 3000 + 3000);
  });

  const longer: [string, LinkFault, number][] = [
    ['is refused for 8 s', refused, 8000],
    ['is dead for 14 s', silent, 14_000],
    ['flaps for 15 s', flapping, 15_000],
  ];
  test.for(longer)(
    '%s is whole, and new words are shown at once',
    async ([name, fault, lengthMs], { expect, onTestFinished }) => {
      const { talk, returnedAtMs } = await talkThrough(fault, lengthMs, { afterMs: 12_000, cleanUp: onTestFinished });
      expect(await finished(talk, 60_000)).toBe(0);
      expect(await verdictOf(talk, name)).toEqual(whole);
      expect(worstLag(talk.lags(), returnedAtMs)).toBeLessThan(maxLagMs);
    },
  );
});
