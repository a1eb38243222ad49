import { expect, test } from 'vitest';
import { outage } from './harness/outage-run.ts';

test('two hours without a relay are all on disk, with memory that does not grow and at most 3 times the audio in writes', async () => {
  const { flash, megabytes, heldMs, droppedMs } = await outage(7200);
  expect({ heldMs, droppedMs }).toEqual({ heldMs: 7_200_000, droppedMs: 0 });
  expect(flash).toBeLessThan(3);
  const [early = 0] = megabytes.slice(5);
  expect(Math.max(...megabytes.slice(5))).toBeLessThan(early + 50);
});
