import { describe } from 'vitest';
import { cells, testMatrix } from './harness/engine-matrix.ts';

describe('a talk whose engine sessions meet', { timeout: 120_000 }, () => {
  testMatrix(cells.filter(({ isShort }) => isShort));
});
