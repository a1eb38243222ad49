import { describe, test } from 'vitest';
import { expectNoCrash } from './harness/fuzzing/report.ts';
import { targetNames } from './harness/fuzzing/targets.ts';

const seconds = 600;

describe.concurrent('ten minutes of odd input', () => {
  test.for(targetNames)('crash nothing: %s', (name) => expectNoCrash(name, seconds));
});
