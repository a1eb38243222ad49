import { expect, test } from 'vitest';
import { pythonTests } from './harness/python-tests.ts';

test('PocketSphinx hears minutes of speech, with and without pauses, in memory that does not grow', async () => {
  const { ran, there } = await pythonTests('long_', {});
  expect(there).toBeGreaterThan(3);
  expect(ran).toBe(there);
}, 1_200_000);
