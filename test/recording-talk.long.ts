/** The same as `recording-talk.test.ts` for longer, with more outages. About 2 minutes. */
import { expect, test } from 'vitest';
import { apart, recordNumbers } from './harness/numbered-recording.ts';

test('a recording equals what was captured, sample for sample, through many outages', {
  timeout: 300_000,
}, async () => {
  const talk = await recordNumbers({
    ...{ blocks: [700, 200], cutForMs: 4000 },
    ...{ cutsAtMs: [5000, 20_000, 45_000], killsAtMs: [12_000, 33_000, 60_000] },
  });
  const { heard, silent } = apart(talk);
  expect(Buffer.from(heard.buffer).equals(Buffer.from(talk.played.buffer))).toBe(true);
  expect(silent.some((sample) => sample !== 0)).toBe(false);
  expect(talk.manifest.holes.map(({ reason }) => reason)).toEqual(['no-source', 'no-source', 'no-source']);
});
