import { expect, onTestFinished, test } from 'vitest';
import { worstLag } from './harness/lag.ts';
import { refused, talkThrough } from './harness/link-faults.ts';
import { VenueLine } from './harness/venue-line.ts';
import { figuresOf, finished, verdictOf, whole } from './harness/verdict.ts';

const maxLagMs = 3000;
const maxBacklogMs = 180_000;

test('after an outage of a minute a real line of 400 kbit/s carries the backlog in three, live captions within 3 s', async (context) => {
  const line = VenueLine.lay(400);
  if (typeof line === 'string') return context.skip(line);
  onTestFinished(() => line.remove());
  const { talk, returnedAtMs } = await talkThrough(refused, 60_000, {
    afterMs: 200_000,
    cleanUp: onTestFinished,
    line,
  });
  expect(await finished(talk, 300_000)).toBe(0);
  const late = talk.parts.reader.shown().filter(({ caption }) => caption.late);
  const goneMs = Math.max(...late.map(({ atMs }) => atMs)) - returnedAtMs;
  const liveLag = worstLag(talk.lags(), returnedAtMs);
  process.stdout.write(
    `${figuresOf(talk, 'line of 400 kbit/s, 60 s outage')}; since its return at most ${(liveLag / 1000).toFixed(1)} s behind, backlog captioned ${(goneMs / 1000).toFixed(0)} s after the link's return\n`,
  );
  expect(await verdictOf(talk, 'real narrow line')).toEqual(whole);
  expect(liveLag).toBeLessThan(maxLagMs);
  expect(goneMs).toBeLessThan(maxBacklogMs);
});
