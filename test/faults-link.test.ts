import { describe, test } from 'vitest';
import { settledAt, worstLag } from './harness/lag.ts';
import { flapping, type LinkFault, refused, silent, talkThrough } from './harness/link-faults.ts';
import { isStrict } from './harness/strict.ts';
import { finished, verdictOf, whole } from './harness/verdict.ts';

const maxLagMs = 3000;
/** The kit waits at most 5 s between two attempts. */
const maxReconnectMs = 5500;

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

  // Each single break is short, so the talk may be followed in order; every wait in between counts as part of one.
  test('flaps every 3 s for 15 s is whole, and live again within four times a break', async ({
    expect,
    onTestFinished,
  }) => {
    const { talk, returnedAtMs } = await talkThrough(flapping, 15_000, { afterMs: 18_000, cleanUp: onTestFinished });
    expect(await finished(talk, 60_000)).toBe(0);
    expect(await verdictOf(talk, 'flapping')).toEqual(whole);
    expect(settledAt(talk.lags(), maxLagMs, returnedAtMs) - returnedAtMs).toBeLessThan(4 * 3000 + 3000);
  });

  const longer: [string, LinkFault, number][] = [
    ['is refused for 8 s', refused, 8000],
    ['is dead for 14 s', silent, 14_000],
  ];
  test.for(longer)(
    '%s is whole, and words spoken once the kit is back are shown at once',
    async ([name, fault, lengthMs], { expect, onTestFinished }) => {
      const { talk, returnedAtMs } = await talkThrough(fault, lengthMs, { afterMs: 12_000, cleanUp: onTestFinished });
      const connectedAtMs = await talk.connected(returnedAtMs - 20);
      expect(await finished(talk, 60_000)).toBe(0);
      expect(await verdictOf(talk, name)).toEqual(whole);
      expect(connectedAtMs - returnedAtMs).toBeLessThan(maxReconnectMs);
      expect(worstLag(talk.lags(), connectedAtMs)).toBeLessThan(maxLagMs);
    },
  );

  test('is refused for 8 s shows every word spoken since its return within 3 s', async ({
    expect,
    onTestFinished,
    skip,
  }) => {
    skip(
      !isStrict,
      'not so yet: the kit asks again up to 5 s after the return, and what is spoken meanwhile waits for backfill',
    );
    const { talk, returnedAtMs } = await talkThrough(refused, 8000, { afterMs: 12_000, cleanUp: onTestFinished });
    expect(await finished(talk, 60_000)).toBe(0);
    expect(worstLag(talk.lags(), returnedAtMs)).toBeLessThan(maxLagMs);
  });
});
