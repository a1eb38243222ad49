import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Erasure, foldersOf, foldersOfRoom, placeOf } from '../relay/archive/erasure.ts';
import { RecordingRetention } from '../relay/archive/recording-retention.ts';
import type { Recording } from '../relay/archive/recordings.ts';
import { pointerKey, recordingFolder, transcriptsFolder } from '../relay/canonical/contract.ts';
import { UploadHouse } from './harness/upload-house.ts';
import { s3StandInEnvironment } from './stand-ins/s3-environment.ts';

beforeAll(() => {
  for (const [name, value] of Object.entries(s3StandInEnvironment)) vi.stubEnv(name, value);
});
afterAll(() => vi.unstubAllEnvs());

const hourMs = 3_600_000;
const talk = (room: string, name: string) => ({ event: 'expo', room, talk: name });
const doomed = talk('verdi', 'opening');
const folders = foldersOf(doomed);

let house: UploadHouse;
let erasure: Erasure;
let kept: Set<string>;
let erased: string[];

/** Everything that a talk has in the store. */
async function store(address: ReturnType<typeof talk>): Promise<string[]> {
  const keys = [
    ...['live.json', 'manifest.json', 'part-0001.flac', 'part-0002.flac', 'r2/manifest.json'].map(
      (name) => `${recordingFolder(address)}${name}`,
    ),
    ...['transcript.json', 'captions.vtt'].map((name) => `${transcriptsFolder(address)}r1-parakeet-abc/${name}`),
    pointerKey(address),
  ];
  for (const key of keys) await house.store.put(key, new TextEncoder().encode(key));
  return keys.sort();
}

function begin(): void {
  erased = [];
  const note = (what: unknown) => void house.warnings.push(what);
  erasure = new Erasure({
    db: house.db,
    store: house.store,
    log: { error: note, warn: note, info: () => {}, debug: () => {} },
    clock: house.clock,
    isKept: (key) => kept.has(placeOf(key)?.talk ?? ''),
    onErased: (prefix) => void erased.push(prefix),
  });
}

beforeEach(async () => {
  house = await new UploadHouse({ maxKeys: 2 }).open();
  kept = new Set();
  begin();
});
afterEach(async () => {
  await erasure.stop();
  await house.close();
});

const rows = () => house.db.prepare<[], { n: number }>('SELECT count(*) AS n FROM erasures').get()?.n;

describe('what is to be deleted from the store', () => {
  test('goes, all of it and nothing else, what others begin with first', async () => {
    await store(doomed);
    const others = [...(await store(talk('verdi', 'opening-2'))), ...(await store(talk('rossini', 'opening')))].sort();
    const deleted = () =>
      house.standIn.requests.filter(({ operation }) => operation === 'DeleteObject').map(({ key }) => key);
    erasure.add(folders, 'an organizer');
    expect(erasure.state).toMatchObject({ waiting: 2, oldestMs: house.clock.now() });
    erasure.start();
    await house.clock.leapUntil(() => erased.length === 2, hourMs / 2);
    expect(erased).toEqual(folders);
    expect(house.standIn.keys).toEqual(others);
    expect(deleted()[0]).toBe(`${recordingFolder(doomed)}manifest.json`);
    expect(deleted().indexOf(pointerKey(doomed))).toBeLessThan(
      deleted().findIndex((key) => key.endsWith('transcript.json')),
    );
    expect(erasure.state).toMatchObject({ waiting: 0, error: null });
    expect(erasure.deletedObjects).toBe(8);
  });

  test('waits while the store refuses, over restarts, and then goes by itself', async () => {
    await store(doomed);
    house.standIn.fail({ kind: 'refuse', on: ['DeleteObject'] });
    erasure.add(folders, 'a person');
    const from = house.clock.now();
    erasure.start();
    await house.clock.leapUntil(() => house.clock.now() - from > 2 * hourMs);
    expect(erasure.state.error).toMatchObject({ code: 'store-refused' });
    expect(erasure.state).toMatchObject({ waiting: 2, oldestMs: from });
    expect(house.warnings).toHaveLength(1);
    await erasure.stop();
    await house.restart();
    begin();
    erasure.start();
    house.standIn.heal();
    await house.clock.leapUntil(() => erased.length === 2);
    expect(house.standIn.keys).toEqual([]);
  });

  test('is not called gone while the store still has it', async () => {
    await store(doomed);
    const body = Buffer.from('locked');
    house.standIn.on('request', ({ operation, key }) => {
      const options = { contentType: '', encryption: null, kmsKey: null };
      if (operation === 'DeleteObject' && key.endsWith('.flac')) house.standIn.held.put(key, body, options, null);
    });
    erasure.add(folders, 'an organizer');
    erasure.start();
    await house.clock.leapUntil(() => erasure.state.error !== null);
    expect(erasure.state.error).toMatchObject({ code: 'erasure-stuck', hint: expect.stringContaining('Object Lock') });
    expect(erased).toEqual([]);
    house.standIn.removeAllListeners('request');
    await house.clock.leapUntil(() => erased.length === 2);
  });

  test('is looked for again: what a job that was under way writes later goes, too', async () => {
    await store(doomed);
    erasure.add(folders, 'an organizer');
    erasure.start();
    await house.clock.leapUntil(() => erased.length === 2, hourMs / 2);
    await house.store.put(`${transcriptsFolder(doomed)}late/transcript.json`, new Uint8Array([1]));
    await house.clock.leapUntil(() => erasure.lateObjects === 1, 2 * hourMs);
    expect(house.standIn.keys).toEqual([]);
    await house.store.put(`${transcriptsFolder(doomed)}later/transcript.json`, new Uint8Array([1]));
    await house.clock.leapUntil(() => erasure.lateObjects === 2, 30 * hourMs);
    await house.clock.leapUntil(() => rows() === 0, 30 * hourMs);
    // Told once.
    expect(erased).toEqual(folders);
  });

  test('is left alone where it was recorded anew', async () => {
    await store(doomed);
    erasure.add(folders, 'an organizer');
    erasure.start();
    await house.clock.leapUntil(() => erased.length === 2, hourMs / 2);
    kept.add('opening');
    const anew = await store(doomed);
    await house.clock.leapUntil(() => rows() === 0, 40 * hourMs);
    expect(house.standIn.keys).toEqual(anew);
  });

  test('is all of a room, also talks that nobody remembers, but not what is recorded there now', async () => {
    await store(doomed);
    await store(talk('verdi', 'forgotten'));
    const now = await store(talk('verdi', 'now'));
    const others = await store(talk('verdi-2', 'other'));
    kept.add('now');
    erasure.add(foldersOfRoom('expo', 'verdi'), 'an organizer');
    erasure.start();
    await house.clock.leapUntil(() => erased.length === 2, hourMs / 2);
    expect(house.standIn.keys).toEqual([...now, ...others].sort());
  });

  test('may be half of an upload', async () => {
    house.standIn.fail({ kind: 'refuse', on: ['CompleteMultipartUpload'] });
    house.queue.add(house.file(`${recordingFolder(doomed)}part-0001.flac`, 'opening', 320_000));
    house.queue.start();
    await house.clock.leapUntil(() => house.asked('CompleteMultipartUpload') > 0 && house.queue.failures > 0);
    expect(house.standIn.held.uploads.size).toBe(1);
    house.standIn.fail({ kind: 'busy', on: ['AbortMultipartUpload'], times: 3 });
    erasure.add(folders, 'an organizer', await house.queue.remove('opening'));
    erasure.start();
    await house.clock.leapUntil(() => erased.length === 2);
    expect(house.standIn.held.uploads.size).toBe(0);
    expect(house.queue.state.waitingFiles).toBe(0);
  });

  test('is a folder, never the beginning of a name', () => {
    expect(() => erasure.add(['recordings/v1/expo/verdi'], 'a mistake')).toThrow(RangeError);
    expect(rows()).toBe(0);
  });
});

test('keys tell whose they are', () => {
  expect(placeOf('recordings/v1/expo/verdi/opening/r2/part-0001.flac')).toEqual({ kind: 'recording', ...doomed });
  expect(placeOf(pointerKey(doomed))).toEqual({ kind: 'transcript', ...doomed });
  for (const key of ['recordings/v1/expo/verdi', 'other/v1/a/b/c/d', 'recordings/v2/a/b/c/d', ''])
    expect(placeOf(key)).toBeNull();
});

describe('old recordings', () => {
  const dayMs = 24 * hourMs;
  const nowMs = Date.parse('2026-11-22T12:00:00Z');
  const recording = (name: string, state: Recording['state'], daysAgo: number) => ({
    room: 'verdi',
    talk: name,
    fromMs: nowMs - daysAgo * dayMs - hourMs,
    toMs: nowMs - daysAgo * dayMs,
    state,
  });
  const all = [
    recording('old', 'stored', 30.01),
    recording('young', 'stored', 29.99),
    recording('failed', 'failed', 31),
    recording('waiting', 'uploading', 60),
    recording('deleted', 'deleted', 60),
  ];
  const log = { error: vi.fn(), warn: vi.fn(), info: vi.fn(), debug: vi.fn() };
  const expiredAfter = (days: number | null) => {
    const expired: string[] = [];
    const expire = ({ talk: name }: { talk: string }) => {
      expired.push(name);
      if (name === 'old') throw new Error('one that fails does not keep the others');
    };
    new RecordingRetention({ recordings: () => all, days, log, now: () => nowMs, expire }).run();
    return expired;
  };

  test('go by their age, unless they are still on their way', () => {
    expect(expiredAfter(30)).toEqual(['old', 'failed']);
    expect(log.error).toHaveBeenCalledTimes(1);
    expect(expiredAfter(null)).toEqual([]);
  });
});
