import { describe } from 'vitest';
import { cells } from './harness/engine-cells.ts';
import { testMatrix } from './harness/engine-matrix.ts';

/** All ways in which a session ends or does not begin; `engine-matrix.test.ts` has one of each kind. */
describe('a talk whose engine sessions meet', () => {
  testMatrix(cells);
});
