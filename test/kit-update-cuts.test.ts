/**
 * Power cuts while a kit is updated, within each thing that is done to its disk. Costs 2 s; the long form also cuts before
 * and after.
 */
import { expect, test } from 'vitest';
import { cutEverywhere } from './harness/update-cuts.ts';

test('a power cut at any step of an update leaves a version that starts, and the next start comes to the same end', async () => {
  const seen = await cutEverywhere('torn');
  expect(seen.length).toBeGreaterThan(20);
  expect(new Set(seen)).toEqual(new Set(['1.0.0', '1.1.0']));
});
