import { describe } from 'vitest';
import { cells } from './harness/engine-cells.ts';
import { testMatrix } from './harness/engine-matrix.ts';

describe('a talk whose engine sessions meet', { timeout: 120_000 }, () => {
  testMatrix(cells.filter(({ isShort }) => isShort));
});
