import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { settledAt, worstLag } from './harness/lag.ts';
import { flapMs, flapping, type LinkFault, refused, silent, talkThrough } from './harness/link-faults.ts';
import { VenueLine } from './harness/venue-line.ts';
import { figuresOf, finished, verdictOf, whole } from './harness/verdict.ts';

const maxLagMs = 3000;
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

describe('a talk whose link', () => {
  const faults: [name: string, fault: LinkFault, lengthMs: number][] = [
    ['is refused for 60 s', refused, 60_000],
    ['is dead for 20 s', silent, 20_000],
    ['is dead for 60 s', silent, 60_000],
  ];
  test.for(faults)(
    '%s is whole, and every word spoken since its return is shown within 3 s',
    async ([name, fault, lengthMs]) => {
      const { talk, returnedAtMs } = await talkThrough(fault, lengthMs, { afterMs: 30_000, cleanUp: onTestFinished });
      expect(await finished(talk, 120_000)).toBe(0);
      const lagMs = worstLag(talk.lags(), returnedAtMs);
      process.stdout.write(`${figuresOf(talk, name)}; since its return at most ${seconds(lagMs)} behind\n`);
      expect(await verdictOf(talk, name)).toEqual(whole);
      expect(lagMs).toBeLessThan(maxLagMs);
    },
  );

  test.for([8000, 20_000])(
    'loses every packet for %i ms is whole, and every word spoken since its return is shown within 3 s',
    async (lengthMs, context) => {
      const line = VenueLine.lay(2000);
      if (typeof line === 'string') return context.skip(line);
      onTestFinished(() => line.remove());
      const lossy: LinkFault = async () => {
        line.lose(true);
        await delay(lengthMs);
        line.lose(false);
      };
      const { talk, returnedAtMs } = await talkThrough(lossy, lengthMs, {
        afterMs: 30_000,
        cleanUp: onTestFinished,
        line,
      });
      expect(await finished(talk, 120_000)).toBe(0);
      const name = `loses every packet for ${seconds(lengthMs)}`;
      const lagMs = worstLag(talk.lags(), returnedAtMs);
      process.stdout.write(`${figuresOf(talk, name)}; since its return at most ${seconds(lagMs)} behind\n`);
      expect(await verdictOf(talk, name)).toEqual(whole);
      expect(lagMs).toBeLessThan(maxLagMs);
    },
  );

  test('flaps every 3 s for a minute is whole, and live again within four times a break and 3 s', async () => {
    const { talk, returnedAtMs } = await talkThrough(flapping, 60_000, { afterMs: 25_000, cleanUp: onTestFinished });
    expect(await finished(talk, 120_000)).toBe(0);
    const settledMs = settledAt(talk.lags(), maxLagMs, returnedAtMs) - returnedAtMs;
    process.stdout.write(`${figuresOf(talk, 'flaps for 60 s')}; live again after ${seconds(settledMs)}\n`);
    expect(await verdictOf(talk, 'flaps for 60 s')).toEqual(whole);
    expect(settledMs).toBeLessThan(4 * flapMs + 3000);
  });
});
