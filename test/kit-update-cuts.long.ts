/** The long form of kit-update-cuts.test.ts. */
import { expect, test } from 'vitest';
import { cutEverywhere } from './harness/update-cuts.ts';

test.each(['before', 'torn', 'after'] as const)('%s each change of the disk', async (when) => {
  const seen = await cutEverywhere(when);
  expect(seen.length).toBeGreaterThan(20);
  expect(new Set(seen)).toEqual(new Set(['1.0.0', '1.1.0']));
});
