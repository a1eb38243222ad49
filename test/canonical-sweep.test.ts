/** Which recordings of a store are worked on, and when again. Costs 1 s. */
import { beforeEach, describe, expect, test } from 'vitest';
import { type Exit, exits, JobFault } from '../relay/canonical/job-fault.ts';
import { Publishing } from '../relay/canonical/publishing.ts';
import { Sweep } from '../relay/canonical/sweep.ts';
import { createLog } from '../systemd/log.ts';
import { identity, manifestKey, product } from './harness/canonical-run.ts';
import { MemoryStore, storeError } from './harness/memory-store.ts';

const minuteMs = 60_000;
let store: MemoryStore;
let asked: string[];
let nowMs: number;
let faults: Map<string, Exit>;
let ending: AbortController;

beforeEach(() => {
  store = new MemoryStore();
  asked = [];
  nowMs = 0;
  faults = new Map();
  ending = new AbortController();
});

const put = (talk: string, revision = 1) => {
  const key = manifestKey(identity({ talk, revision }));
  store.objects.set(key, new TextEncoder().encode(`{} ${nowMs}`));
  store.objects.set(key.replace('manifest.json', 'part-0001.flac'), new Uint8Array());
  return key;
};
const sweep = (replace = false) =>
  new Sweep({
    work: async (key) => {
      asked.push(key);
      const exit = faults.get(key);
      if (exit !== undefined) throw new JobFault(exit, 'told', 'It did not work', 'Try.');
    },
    ...{ store, replace, log: createLog('silent')('sweep'), signal: ending.signal, now: () => nowMs, random: () => 1 },
  });

test('all recordings of all pages, of each talk the latest, none that is not whole', async () => {
  const keys = ['a', 'b', 'c', 'd'].map((talk) => put(talk));
  const later = [2, 10, 9].map((revision) => put('b', revision));
  store.objects.set('recordings/v1/conf/verdi/uploading/part-0001.flac', new Uint8Array());
  expect(await sweep().once()).toBe(exits.done);
  expect(asked.toSorted()).toEqual([keys[0], later[1], keys[2], keys[3]].toSorted());
});

test('none that has a transcript that counts, unless it is to be replaced', async () => {
  const [first, second] = [identity({ talk: 'a' }), identity({ talk: 'b', revision: 2 })];
  const [a, b] = [put('a'), put('b', 1)];
  const b2 = put('b', 2);
  for (const run of [first, { ...second, revision: 1 }])
    await new Publishing({ store, now: () => 0 }).publish(run, product(run));
  await sweep().once();
  expect(asked).toEqual([b2]);
  expect([a, b]).not.toContain(b2);
  await sweep(true).once();
  expect(asked.slice(1).toSorted()).toEqual([a, b2].toSorted());
});

test.each<[given: Exit[], told: Exit]>([
  [[exits.bad, exits.done], exits.bad],
  [[exits.bad, exits.mistake], exits.mistake],
  [[exits.machine, exits.bad], exits.machine],
  [[exits.again, exits.machine], exits.again],
  [[exits.machine, exits.again], exits.again],
])('of %j it tells %i, and goes on with the others', async (given, told) => {
  for (const [i, exit] of given.entries()) {
    const key = put(`talk-${i}`);
    if (exit !== exits.done) faults.set(key, exit);
  }
  expect(await sweep().once()).toBe(told);
  expect(asked).toHaveLength(given.length);
});

describe('again and again', () => {
  test('what is done or has failed for good is left alone, until something else lies there', async () => {
    const keys = [put('done'), put('bad')];
    faults.set(keys[1] ?? '', exits.bad);
    const one = sweep();
    await one.once();
    nowMs = 24 * 60 * minuteMs;
    await one.once();
    expect(asked).toEqual(keys.toSorted());
    put('bad');
    await one.once();
    expect(asked.slice(2)).toEqual([keys[1]]);
  });

  test.each([exits.again, exits.machine])(
    'what ended with %i waits twice as long each time, and an hour at most',
    async (exit) => {
      faults.set(put('slow'), exit);
      const one = sweep();
      const pauses: number[] = [];
      let lastMs = 0;
      for (; nowMs < 300 * minuteMs; nowMs += minuteMs / 2) {
        const before = asked.length;
        await one.once();
        if (asked.length === before) continue;
        if (before > 0) pauses.push((nowMs - lastMs) / minuteMs);
        lastMs = nowMs;
      }
      expect(pauses.slice(0, 9)).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
    },
  );

  test('a store that does not answer ends nothing; the one who says so does', async () => {
    let lists = 0;
    store.before = ({ name }) => {
      if (name !== 'list') return;
      lists += 1;
      if (lists <= 2) throw storeError('store-unreachable');
      if (lists === 3) put('come');
    };
    const watching = sweep().watch(1);
    const told = expect(watching).rejects.toThrow();
    await expect.poll(() => asked.length).toBe(1);
    ending.abort(new Error('enough'));
    await told;
  });
});
