import { describe, test } from 'vitest';
import { expectNoCrash } from './harness/fuzzing/report.ts';
import { targetNames } from './harness/fuzzing/targets.ts';

const seconds = 20;

describe.concurrent('odd input', { timeout: 60_000 }, () => {
  test.for(targetNames)('crashes nothing: %s', (name) => expectNoCrash(name, seconds));
});
