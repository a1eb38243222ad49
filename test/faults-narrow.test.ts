import { expect, onTestFinished, test } from 'vitest';
import { worstLag } from './harness/lag.ts';
import { refused, talkThrough } from './harness/link-faults.ts';
import { finished, verdictOf, whole } from './harness/verdict.ts';

/** 400 kbit/s, of which live audio takes 275 kbit/s with its headers. */
const bytesPerSecond = 50_000;
const outageMs = 15_000;
const maxLagMs = 3000;
/** A line with 14 kB/s to spare carries 15 s of audio in 34 s. */
const maxBacklogMs = 60_000;

test('after an outage of 15 s a line of 400 kbit/s carries the backlog, and live captions stay within 3 s', {
  timeout: 180_000,
}, async () => {
  const { talk, returnedAtMs } = await talkThrough(
    async (proxy, lengthMs) => {
      proxy.throttle(bytesPerSecond);
      await refused(proxy, lengthMs);
    },
    outageMs,
    { afterMs: 40_000, cleanUp: onTestFinished },
  );
  expect(await finished(talk, 120_000)).toBe(0);
  expect(await verdictOf(talk, 'narrow line')).toEqual(whole);
  const liveLag = worstLag(talk.lags(), returnedAtMs);
  process.stderr.write(`narrow line: since its return at most ${(liveLag / 1000).toFixed(1)} s behind\n`);
  expect(liveLag).toBeLessThan(maxLagMs);
  const late = talk.parts.reader.shown().filter(({ caption }) => caption.late);
  expect(Math.max(...late.map(({ atMs }) => atMs)) - returnedAtMs).toBeLessThan(maxBacklogMs);
});
