import { rmSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { UploadHouse } from './harness/upload-house.ts';
import { s3StandInEnvironment } from './stand-ins/s3-environment.ts';
import type { S3Fault } from './stand-ins/s3-faults.ts';

beforeAll(() => {
  for (const [name, value] of Object.entries(s3StandInEnvironment)) vi.stubEnv(name, value);
});
afterAll(() => vi.unstubAllEnvs());

const dayMs = 86_400_000;
let house: UploadHouse;
beforeEach(async () => {
  house = await new UploadHouse().open();
});
afterEach(() => house.close());

/** A recording: a part that goes in pieces, one that does not, and what stands for both. */
const recording = (name = 'talk') => [
  house.file(`r/${name}/part-0001.flac`, name, 320_000),
  house.file(`r/${name}/live.json`, name, 2000),
  house.file(`r/${name}/manifest.json`, name, 500),
];

describe('files on their way to the store', () => {
  test('arrive whole and in order, and are told of when all of them are confirmed', async () => {
    const files = recording();
    const created: [string, number][] = [];
    house.standIn.on('created', ({ detail }) => created.push([detail.object.key, house.stored.length]));
    house.queue.add(...files);
    expect(house.queue.state).toMatchObject({ waitingFiles: 3, waitingBytes: 322_500, oldestMs: house.clock.now() });
    house.queue.start();
    await house.clock.leapUntil(() => house.stored.length > 0);
    expect(created).toEqual(files.map(({ key }) => [key, 0]));
    expect(files.every((file) => house.holds(file))).toBe(true);
    await house.clock.leapUntil(() => !house.queue.has('talk'));
    expect(house.stored).toEqual(['talk']);
    expect(house.queue.state).toMatchObject({ waitingFiles: 0, oldestMs: null, uploading: null, error: null });
    expect(house.queue).toMatchObject({ storedFiles: 3, storedBytes: 322_500, failures: 0 });
    expect(house.standIn.held.objects.get('r/talk/live.json')?.contentType).toBe('audio/flac');
  });

  test('wait for longer than a day while the store refuses, are seen to wait, and then go by themselves', async () => {
    house.standIn.fail({ kind: 'refuse' });
    house.queue.add(...recording());
    const from = house.clock.now();
    house.queue.start();
    await house.clock.leapUntil(() => house.clock.now() - from > 1.3 * dayMs && house.queue.state.nextTryMs !== null);
    const { error, nextTryMs, oldestMs } = house.queue.state;
    expect(error).toMatchObject({ code: 'store-refused', hint: expect.stringContaining('rights') });
    expect(error?.message).toContain('bucket talks');
    expect(oldestMs).toBe(from);
    expect(nextTryMs).toBeGreaterThan(house.clock.now());
    expect(house.stored).toEqual([]);
    // From 5 s to a quarter of an hour, half of it by chance.
    expect(house.clock.slept[0]).toBeLessThanOrEqual(5000);
    expect(house.clock.slept[0]).toBeGreaterThanOrEqual(2500);
    expect(Math.max(...house.clock.slept)).toBeLessThanOrEqual(900_000);
    expect(house.clock.slept.length).toBeGreaterThan(1.3 * 96);
    expect(house.clock.slept.length).toBeLessThan(1.3 * 96 * 2 + 20);
    // Said once, not a thousand times.
    expect(house.warnings).toHaveLength(1);
    house.standIn.heal();
    await house.clock.leapUntil(() => house.stored.length > 0);
    expect(house.queue.state).toMatchObject({ waitingFiles: 0, error: null, nextTryMs: null });
  });

  test('that are more than the limit by themselves go alone: they wait for nothing', async () => {
    await house.restart({ maxBacklogBytes: 1000 });
    house.queue.add(...recording('one'));
    expect(() => house.queue.add(...recording('two'))).toThrow(expect.objectContaining({ code: 'upload-backlog' }));
    house.queue.start();
    await house.clock.leapUntil(() => house.stored.includes('one'));
    house.queue.add(...recording('two'));
    await house.clock.leapUntil(() => house.stored.includes('two'));
  });

  test('that would be too much are not taken, none of them', async () => {
    await house.restart({ maxBacklogBytes: 400_000 });
    const one = recording('one');
    house.queue.add(...one);
    // What waits already is not counted twice.
    house.queue.add(...one);
    expect(() => house.queue.add(...recording('two'))).toThrow(expect.objectContaining({ code: 'upload-backlog' }));
    expect(house.queue.has('two')).toBe(false);
    expect(house.queue.state.waitingBytes).toBe(322_500);
    house.queue.start();
    await house.clock.leapUntil(() => house.stored.length > 0);
    house.queue.add(...recording('two'));
    await house.clock.leapUntil(() => house.stored.includes('two'));
  });

  test('that the store cannot keep do not hold up the others', async () => {
    house.standIn.fail({ kind: 'lie', on: ['HeadObject', 'PutObject'], key: 'r/bad/' });
    house.queue.add(house.file('r/bad/part', 'bad', 1000));
    house.queue.add(...recording('good'));
    house.queue.start();
    await house.clock.leapUntil(() => house.stored.includes('good') && house.queue.failures > 5);
    expect(house.stored).toEqual(['good']);
    expect(house.queue.state.error).toMatchObject({ code: 'store-damaged' });
    // Nor does what comes later wait for its next turn.
    await house.clock.leapUntil(() => house.queue.failures > 12);
    const from = house.clock.now();
    house.queue.add(...recording('next'));
    await house.clock.leapUntil(() => house.stored.includes('next'), 1000);
    expect(house.clock.now() - from).toBeLessThan(1000);
    house.standIn.heal();
    await house.clock.leapUntil(() => house.stored.includes('bad'));
  });

  test('that fail as if it were the store take turns with the others', async () => {
    house.standIn.fail({ kind: 'refuse', key: 'r/bad/' });
    house.queue.add(house.file('r/bad/part', 'bad', 1000));
    house.queue.add(...recording('good'));
    house.queue.start();
    await house.clock.leapUntil(() => house.stored.length > 0);
    expect(house.stored).toEqual(['good']);
  });

  test.each<[string, S3Fault, string]>([
    ['a wrong hash in the answer', { kind: 'lie', on: ['PutObject'], times: 2 }, 'store-damaged'],
    ['a wrong hash when it is asked', { kind: 'lie', on: ['HeadObject'], times: 4 }, 'store-damaged'],
    ['a wrong hash of a part', { kind: 'lie', on: ['UploadPart'], times: 2 }, 'store-damaged'],
    ['no more room', { kind: 'full', times: 3 }, 'store-full'],
    ['a body cut off', { kind: 'cut', on: ['UploadPart', 'PutObject'], times: 7 }, 'store-unreachable'],
    ['a web page', { kind: 'page', on: ['CreateMultipartUpload'], times: 2 }, 'store-unreachable'],
    ['overload', { kind: 'busy', on: ['PutObject'], times: 4 }, 'store-unreachable'],
    ['no such bucket', { kind: 'unknown', times: 2 }, 'store-missing'],
  ])('outlive %s', async (_, fault, code) => {
    const codes = new Set<string | undefined>();
    house.onStored = () => expect(files.every((file) => house.holds(file))).toBe(true);
    house.standIn.fail(fault);
    const files = recording();
    house.queue.add(...files);
    house.queue.start();
    await house.clock.leapUntil(() => {
      if (house.queue.state.error) codes.add(house.queue.state.error.code);
      return house.stored.length > 0;
    });
    expect([...codes]).toEqual([code]);
    expect(house.queue.failures).toBeGreaterThan(0);
    expect(house.standIn.held.uploads.size).toBe(0);
  });

  test.each(['PutObject', 'CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload'] as const)(
    'are there once although the answer to %s was lost',
    async (operation) => {
      house.standIn.fail({ kind: 'lost', on: [operation], times: 3 });
      const files = recording();
      house.queue.add(...files);
      house.queue.start();
      await house.clock.leapUntil(() => house.stored.length > 0);
      expect(files.every((file) => house.holds(file))).toBe(true);
      expect(house.standIn.keys).toEqual(files.map(({ key }) => key).sort());
    },
  );

  test('are read back where the store knows no hash, and sent again where it has spoilt them', async () => {
    await house.close();
    house = await new UploadHouse({ checksums: false }).open();
    house.standIn.fail({ kind: 'spoil', on: ['PutObject', 'UploadPart'], times: 2 });
    const files = recording();
    house.onStored = () => expect(files.every((file) => house.holds(file))).toBe(true);
    house.queue.add(...files);
    house.queue.start();
    await house.clock.leapUntil(() => house.stored.length > 0);
    expect(house.queue.failures).toBeGreaterThan(0);
  });

  test('whose parts the store has thrown away are begun anew', async () => {
    house.standIn.fail({ kind: 'refuse', on: ['CompleteMultipartUpload'] });
    const files = recording();
    house.queue.add(...files);
    house.queue.start();
    await house.clock.leapUntil(() => house.asked('CompleteMultipartUpload') > 0 && house.queue.failures > 0);
    house.standIn.held.uploads.clear();
    house.standIn.heal();
    await house.clock.leapUntil(() => house.stored.length > 0);
    expect(files.every((file) => house.holds(file))).toBe(true);
    expect(house.asked('CreateMultipartUpload')).toBe(2);
  });

  test('that are gone or changed on our own disk are given up, in words, and nothing of them appears', async () => {
    const gone = house.file('r/gone/part', 'gone', 1000);
    rmSync(gone.file);
    const changed = house.file('r/changed/part', 'changed', 1000);
    writeFileSync(changed.file, 'x'.repeat(1000));
    const cut = house.file('r/cut/part', 'cut', 320_000);
    writeFileSync(cut.file, cut.body.subarray(0, 310_000));
    for (const file of [gone, changed, cut])
      house.queue.add(file, house.file(`r/${file.group}/manifest.json`, file.group, 10));
    house.queue.add(...recording('good'));
    house.queue.start();
    await house.clock.leapUntil(() => house.stored.length > 0 && house.failed.length >= 3);
    expect(house.stored).toEqual(['good']);
    expect(house.failed.map(([group, { code }]) => [group, code]).sort()).toEqual(
      ['changed', 'cut', 'gone'].map((group) => [group, 'upload-file']),
    );
    expect(house.standIn.keys.filter((key) => !key.startsWith('r/good/'))).toEqual([]);
    expect(house.queue.has('gone')).toBe(false);
  });

  test('are told of again where that could not be written down', async () => {
    let failures = 0;
    house.onStored = () => {
      if (failures++ < 3) throw new Error('the disk is full');
    };
    house.queue.add(...recording());
    house.queue.start();
    await house.clock.leapUntil(() => failures >= 2);
    expect(house.queue.state.error).toMatchObject({ code: 'upload-told' });
    await house.restart();
    house.queue.start();
    await house.clock.leapUntil(() => house.stored.length > 0);
    expect(house.asked('PutObject')).toBe(2);
  });
});

describe('a relay that ends in mid-upload', () => {
  /** @param at the request at which it ends, from 0 */
  async function endsAt(at: number) {
    const files = recording();
    house.queue.add(...files);
    let count = 0;
    const ended = new Promise<void>((resolve) => {
      house.standIn.on('request', () => {
        if (count++ === at) resolve();
      });
    });
    house.queue.start();
    await Promise.race([ended, house.clock.leapUntil(() => house.stored.length > 0)]);
    await house.restart();
    house.queue.start();
    await house.clock.leapUntil(() => house.stored.length > 0 && !house.queue.has('talk'));
    expect(files.every((file) => house.holds(file))).toBe(true);
    expect(house.standIn.held.uploads.size).toBeLessThanOrEqual(at <= 2 ? 1 : 0);
  }

  test.each([0, 2, 3, 5, 6, 8, 9, 11])('goes on where it was: after request %i', async (at) => {
    await endsAt(at);
  });

  test('sends no part twice that has arrived', async () => {
    const file = house.file('r/long/part', 'long', 1_000_000);
    house.queue.add(file);
    house.queue.start();
    await house.clock.leapUntil(() => house.asked('UploadPart') >= 5);
    await house.restart();
    const before = house.asked('UploadPart');
    house.queue.start();
    await house.clock.leapUntil(() => house.stored.length > 0);
    expect(house.queue.resumedParts).toBeGreaterThanOrEqual(before - 1);
    expect(house.asked('UploadPart')).toBeLessThanOrEqual(11);
    expect(house.asked('CreateMultipartUpload')).toBe(1);
    expect(house.holds(file)).toBe(true);
  });
});

describe('a recording that is not to be uploaded any more', () => {
  test('is taken out in the middle, with what was begun of it', async () => {
    house.standIn.fail({ kind: 'slow', on: ['UploadPart'], ms: 20 });
    house.queue.add(...recording('doomed'));
    house.queue.add(...recording('good'));
    house.queue.start();
    await house.clock.leapUntil(() => house.asked('UploadPart') >= 1);
    const begun = await house.queue.remove('doomed');
    expect(begun.map(({ key }) => key)).toEqual([
      'r/doomed/part-0001.flac',
      'r/doomed/live.json',
      'r/doomed/manifest.json',
    ]);
    expect(house.standIn.held.uploads.has(begun[0]?.uploadId ?? '')).toBe(true);
    await house.clock.leapUntil(() => house.stored.includes('good'));
    expect(house.stored).toEqual(['good']);
    expect(house.standIn.keys.filter((key) => key.startsWith('r/doomed/'))).toEqual([]);
    expect(house.queue.has('doomed')).toBe(false);
  });

  test('is not begun again while it is taken out', async () => {
    house.standIn.fail({ kind: 'slow', on: ['UploadPart'], ms: 20 });
    house.queue.add(...recording('doomed'));
    house.queue.start();
    await house.clock.leapUntil(() => house.asked('UploadPart') >= 1);
    await house.queue.remove('doomed');
    const asked = house.standIn.requests.length;
    house.queue.add(...recording('good'));
    await house.clock.leapUntil(() => house.stored.includes('good'));
    // The one that was under way may have been answered meanwhile.
    const late = house.standIn.requests.slice(asked).filter(({ key }) => key.startsWith('r/doomed/'));
    expect(late.length).toBeLessThanOrEqual(1);
    expect(house.queue.failures).toBe(0);
  });
});
