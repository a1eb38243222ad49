import { test } from 'vitest';
import { expectWhole } from './harness/sound-transcript.ts';

test('a talk of ten hours is whole, and in its files', { timeout: 600_000 }, () => {
  expectWhole(36_000_000, 3000);
});
