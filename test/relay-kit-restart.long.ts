import { expect, test } from 'vitest';
import { killWhileEnrolling } from './harness/kit-kills.ts';

test('a relay that is killed forty times while kits are enrolled leaves each with exactly one key', {
  timeout: 600_000,
}, async () => {
  // Some of them in the midst of it, or this says nothing.
  expect(await killWhileEnrolling(40)).toBeGreaterThan(3);
});
