import { expect, test } from 'vitest';
import { changedBlocks, playNumbered } from './harness/numbered-run.ts';

test('for a minute every sample of the room reaches the device once, unchanged and in order', async () => {
  const count = 600;
  const result = await playNumbered(count);
  expect(result.blocks.map(({ number }) => number)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
  expect(changedBlocks(result), result.xruns.slice(0, 3).join(' | ')).toEqual([]);
  const first = result.blocks[0]?.start ?? 0;
  expect(result.blocks.map(({ start }) => start - first)).toEqual(result.blocks.map((_, i) => i * 1600));
  expect(result.states).toEqual(['starting', 'capturing']);
});
