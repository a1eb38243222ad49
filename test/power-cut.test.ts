import { expect, test } from 'vitest';
import { cutDevice, cutKit, cutRelay } from './harness/power-cut-runs.ts';
import { compiledShim } from './harness/shim.ts';

const shim = compiledShim('power-cut-shim.c');
const seed = Number(process.env.SALA_TEST_SEED ?? Date.now() % 1e9);
const states = 40;
process.stderr.write(`power cuts: SALA_TEST_SEED=${seed}\n`);

test.skipIf(shim === null)('a device whose power is cut finds every commit of its buffer again', async () => {
  const found = await cutDevice({ seed, states, batches: 90 });
  expect(found).toMatchObject({ states, corrupt: [], lost: [] });
  expect(found.promises).toBe(2 * 90);
});

test.skipIf(shim === null).each([
  ['on any day', 'used'],
  ['in its first minute', 'new'],
] as const)('a relay whose power is cut %s has every position that it reported as stored', async (_, age) => {
  const found = await cutRelay({ seed, states, seconds: 20, age });
  expect(found).toMatchObject({ states, corrupt: [], lost: [] });
  expect(found.promises).toBeGreaterThan(10);
});

test.skipIf(shim === null)(
  'a kit whose power is cut has the key that it wrote last, and no token that it erased',
  async () => {
    const found = await cutKit({ seed, states: 60 });
    expect(found).toMatchObject({ states: 60, corrupt: [], lost: [] });
    expect(found.promises).toBeGreaterThan(40);
  },
);

test.skipIf(shim === null)('the same run with commits that are not synced is found out', async () => {
  const device = await cutDevice({ seed, states, batches: 90, normal: true });
  const relay = await cutRelay({ seed, states, seconds: 20, age: 'used', normal: true });
  for (const { corrupt, lost } of [device, relay]) {
    expect(lost.length).toBeGreaterThan(0);
    // What is lost is lost whole: that much holds even without a sync.
    expect(corrupt).toEqual([]);
  }
});
