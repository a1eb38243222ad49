import { expect, test } from 'vitest';
import { cutDevice, cutRelay } from './harness/power-cut-runs.ts';
import { compiledShim } from './harness/shim.ts';

const shim = compiledShim('power-cut-shim.c');
const first = Number(process.env.SALA_TEST_SEED ?? Date.now() % 1e9);
process.stderr.write(`power cuts: SALA_TEST_SEED=${first}\n`);

/** Three runs of each program, 150 states of each run. */
const runs = [first, first + 1, first + 2];

test.skipIf(shim === null).each(runs)('a device whose power is cut loses no commit (seed %i)', async (seed) => {
  const found = await cutDevice({ seed, states: 150, batches: 250 });
  process.stderr.write(`device: ${found.states} states of ${found.promises} promises and ${found.syncs} syncs\n`);
  expect(found).toMatchObject({ corrupt: [], lost: [] });
});

test.skipIf(shim === null).each(runs)(
  'a relay whose power is cut loses nothing it reported (seed %i)',
  async (seed) => {
    const found = await cutRelay({ seed, states: 150, seconds: 60, age: 'used' });
    process.stderr.write(`relay: ${found.states} states of ${found.promises} promises and ${found.syncs} syncs\n`);
    expect(found).toMatchObject({ corrupt: [], lost: [] });
  },
);
