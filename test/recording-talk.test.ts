/** A talk recorded by real programs, through outages, equals what was captured. About 15 s, most of it waiting. */
import { expect, test } from 'vitest';
import { apart, recordNumbers } from './harness/numbered-recording.ts';

test('a recording equals what was captured, sample for sample, through a cut link and a killed relay', {
  timeout: 120_000,
}, async () => {
  const talk = await recordNumbers({ blocks: [35, 10], cutsAtMs: [1000], cutForMs: 700, killsAtMs: [2300] });
  const { heard, silent } = apart(talk);
  expect(Buffer.from(heard.buffer).equals(Buffer.from(talk.played.buffer))).toBe(true);
  expect(silent.some((sample) => sample !== 0)).toBe(false);
  const { manifest } = talk;
  // Before the first kit, and between both; the end is where a person set it.
  expect(manifest.holes.map(({ reason }) => reason)).toEqual(['no-source', 'no-source', 'no-source']);
  const [before, between] = manifest.holes;
  const apartMs = ((between?.to_sample ?? 0) - (before?.to_sample ?? 0)) / 16;
  // Clocks of two kits agree within 200 ms.
  expect(apartMs).toBeGreaterThan(talk.apartMs[0] - 200);
  expect(apartMs).toBeLessThan(talk.apartMs[1] + 200);
  expect(manifest).toMatchObject({
    event: 'test',
    room: 'hall',
    title: 'Opening',
    speakers: ['Ada'],
    channels: 2,
    revision: 1,
  });
  expect(manifest.talk).toMatch(/^opening-[0-9a-f]{8}$/);
});
