/** From the spool to the store: kills at each step, what is held, what is awaited, what goes. About 8 s. */
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { liveTranscript, manifest as manifestSchema } from '../relay/canonical/contract.ts';
import type { ObjectStore } from '../relay/objects/object-store.ts';
import { Retention } from '../relay/retention.ts';
import { createLog } from '../systemd/log.ts';
import { isLong } from './harness/lengths.ts';
import { decodedFlac } from './harness/numbered-recording.ts';
import { temporaryFolder } from './harness/programs.ts';
import { noise } from './harness/random.ts';
import { filesBelow, RecordedHall, type RecordedHallOptions, snapshot } from './harness/recorded-hall.ts';
import { until } from './harness/until.ts';

const second = 32_000;
const start = 1_796_110_200_000;
const stream = '00000000-0000-4000-8000-00000000000a';
const other = '00000000-0000-4000-8000-00000000000b';
const talkFolder = 'recordings/v1/test/hall/opera/';

function folder(): string {
  const made = temporaryFolder();
  onTestFinished(made.remove);
  return made.path;
}

/** A hall at `start`; time is what the test says. */
async function hallIn(place: string, options: Partial<RecordedHallOptions> = {}) {
  const clock = { now: start };
  const limits = { partSamples: 2 * 16_000, ...options.limits };
  const hall = new RecordedHall({ folder: place, now: () => clock.now, ...options, limits });
  onTestFinished(() => hall.stop());
  return { hall: await hall.start(), clock };
}

/** A talk of three seconds that has been recorded and is over. */
async function ended(place: string, options: Partial<RecordedHallOptions> = {}) {
  const { hall, clock } = await hallIn(place, options);
  hall.talks.put('hall', { id: 'opera', title: 'Opera', speakers: ['Ada'], language: null, start, end: start + 3000 });
  hall.archive.tick();
  const audio = noise(7, 3 * second);
  await hall.play(stream, start, audio);
  hall.log.append({
    ...{ text: 'said', language: 'it-IT', start: start + 500, end: start + 900, speaker: null },
    ...{ late: false, stream, from: 8000, to: 14_400 },
  });
  clock.now += 3000;
  hall.archive.end('hall');
  hall.backlogMs = 1; // it waits for the rest, see `reach`
  return { hall, clock, audio };
}

/** The recording as it lies in the store is whole. */
function expectWhole(place: string, audio: Uint8Array): void {
  const at = (key: string) => join(place, 'store', key);
  const told = manifestSchema.parse(JSON.parse(readFileSync(at(`${talkFolder}manifest.json`), 'utf8')));
  const all = ['live.json', 'manifest.json', 'part-0001.flac', 'part-0002.flac'].map((name) => talkFolder + name);
  expect(filesBelow(join(place, 'store')).filter((file) => !file.startsWith('.'))).toEqual(all);
  expect(Buffer.concat(told.parts.map(({ key }) => decodedFlac(at(key)))).equals(audio)).toBe(true);
  expect(told).toMatchObject({
    ...{
      event: 'test',
      room: 'hall',
      room_title: 'Sala',
      talk: 'opera',
      title: 'Opera',
      speakers: ['Ada'],
      revision: 1,
    },
    ...{
      started_at: new Date(start).toISOString(),
      duration_ms: 3000,
      samples: 48_000,
      channels: 1,
      holes: [],
      pauses: [],
    },
    ...{ vocabulary: ['Sala'], languages: [{ from_ms: 0, language: 'en-US' }] },
  });
  const live = liveTranscript.parse(JSON.parse(readFileSync(at(told.live.key), 'utf8')));
  expect(live.captions).toEqual([
    { seq: 1, start_ms: 500, end_ms: 900, text: 'said', language: 'it-IT', speaker: null },
  ]);
}

test('killed at any step, it goes on from there, and the store ends with one whole recording', {
  timeout: 120_000,
}, async () => {
  const place = folder();
  const kept = folder();
  const steps: string[] = [];
  const keep = (name: string) => {
    const step = `${String(steps.length).padStart(2, '0')}-${name}`;
    steps.push(step);
    snapshot(place, join(kept, step));
  };
  // A program that is killed while it waits for its encoder.
  const flac = join(folder(), 'flac');
  writeFileSync(
    flac,
    `#!/bin/sh\ncase "$1" in --version) exit 0 ;; esac\nstep=${kept}/flac-$(ls ${kept} | wc -l)\nmkdir -p "$step" && cp -r ${place}/data ${place}/store "$step"/\nexec flac "$@"\n`,
  );
  chmodSync(flac, 0o755);
  const store = (inner: ObjectStore): ObjectStore =>
    new Proxy(inner, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        if (name !== 'put') return value.bind(target);
        return async (key: string, ...rest: unknown[]) => {
          keep(`before ${key.slice(talkFolder.length)}`);
          const done: unknown = await value.call(target, key, ...rest);
          keep(`after ${key.slice(talkFolder.length)}`);
          return done;
        };
      },
    });
  const { hall, audio } = await ended(place, { flac, store });
  hall.archiving.recordings.listen({ changed: ({ state }) => keep(state) });
  await hall.reach('stored');
  expectWhole(place, audio);
  const all = readdirSync(kept).sort();
  // Three states, twice two runs of the encoder, four files before and after.
  expect(all.length).toBe(3 + 4 + 8);
  // All of them in `npm run test:long`; else every third, another third each time.
  const [every, first] = isLong ? [1, 0] : [3, Date.now() % 3];
  for (const step of all.filter((_, i) => i % every === first)) {
    const there = join(kept, step);
    const { hall: again, clock } = await hallIn(there);
    clock.now += 4 * 3_600_000;
    await again.reach('stored');
    expectWhole(there, audio);
    // Nothing is left on the relay's own disk.
    await until(() => filesBelow(join(there, 'data')).every((file) => !file.startsWith('recordings/')), {
      what: `${step}: nothing left`,
    });
  }
});

test('audio stays in the spool until the store has confirmed it, whatever retention says', async () => {
  let isRefusing = true;
  const store = (inner: ObjectStore): ObjectStore =>
    new Proxy(inner, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        if (name === 'put' && isRefusing) return () => Promise.reject(new Error('refused'));
        return value.bind(target);
      },
    });
  const { hall, clock } = await ended(folder(), { store });
  const retention = (
    isHeld = (...range: Parameters<RecordedHall['archiving']['isHeld']>) => hall.archiving.isHeld(...range),
  ) =>
    new Retention(
      hall.spool,
      { retain: 'captioned', retainHours: 0.01, maxSpoolBytes: 1 },
      createLog('silent')('t'),
      () => clock.now,
      isHeld,
    );
  await retention().run();
  expect(hall.spool.bytes).toBe(3 * second);
  await hall.reach('uploading');
  clock.now += 72 * 3_600_000;
  await retention().run();
  expect(hall.spool.bytes).toBe(3 * second);
  const { archiver } = hall.archiving;
  await expect.poll(() => archiver?.uploads.state).toMatchObject({ waitingFiles: 4, error: { message: 'refused' } });
  isRefusing = false;
  archiver?.uploads.retryNow();
  await hall.reach('stored');
  await retention().run();
  expect(hall.spool.bytes).toBe(0);
});

test('only what a recording needs is held', async () => {
  const { hall, clock } = await hallIn(folder());
  const before = await hall.play(other, start - 3_600_000, noise(1, second));
  hall.talks.put('hall', { id: 'opera', title: 'Opera', speakers: [], language: null, start, end: start + 3000 });
  hall.archive.tick();
  const during = await hall.play(stream, start, noise(2, 3 * second));
  const held = () => [hall.archiving.isHeld(before, 0, 16_000), hall.archiving.isHeld(during, 0, 48_000)];
  expect(held()).toEqual([false, true]);
  clock.now += 3000;
  hall.archive.end('hall');
  expect(held()).toEqual([false, true]);
  await hall.reach('stored');
  expect(held()).toEqual([false, false]);
});

test('what a kit still has is awaited, and after half an hour it is a hole', async () => {
  const { hall, clock } = await hallIn(folder());
  hall.talks.put('hall', { id: 'opera', title: 'Opera', speakers: [], language: null, start, end: start + 3000 });
  hall.archive.tick();
  const opened = hall.spool.open(stream, 'hall', 'kit', 1);
  if (!opened) throw new Error('it is new');
  hall.time.fix(stream, start, false);
  hall.spool.write(opened, 0, noise(1, second));
  hall.spool.write(opened, 32_000, noise(2, 2 * second));
  hall.spool.settle(opened, [[0, 96_000]]);
  clock.now += 3000;
  hall.archive.end('hall');
  clock.now += 20 * 60_000;
  await until(() => opened.pending.length === 0, { what: 'the sync' });
  for (let i = 0; i < 5; i++) hall.archive.tick();
  expect(hall.recording?.state).toBe('ended');
  clock.now += 11 * 60_000;
  await hall.reach('stored');
  const { body } = await hall.store.get(`${talkFolder}manifest.json`, 1e6);
  expect(manifestSchema.parse(JSON.parse(Buffer.from(body).toString())).holes).toEqual([
    { from_sample: 16_000, to_sample: 32_000, reason: 'not-received' },
  ]);
});

test('as soon as all has come, nothing is awaited', async () => {
  const { hall, clock } = await hallIn(folder());
  hall.talks.put('hall', { id: 'opera', title: 'Opera', speakers: [], language: null, start, end: start + 3000 });
  hall.archive.tick();
  await hall.play(stream, start, noise(1, 3 * second));
  clock.now += 3000;
  hall.backlogMs = 1;
  hall.archive.end('hall');
  for (let i = 0; i < 5; i++) hall.archive.tick();
  expect(hall.recording?.state).toBe('ended');
  hall.backlogMs = 0;
  await hall.reach('stored');
});

test('a recording that is deleted on its way is nowhere any more', async () => {
  for (const state of ['running', 'ended', 'uploading', 'stored'] as const) {
    const place = folder();
    const { hall } = state === 'running' ? await hallIn(place) : await ended(place);
    if (state === 'running')
      hall.talks.put('hall', { id: 'opera', title: '', speakers: [], language: null, start, end: start + 3000 });
    await hall.reach(state);
    expect(await hall.archive.delete('hall', 'opera', 'by a test')).toMatchObject({
      state: 'deleted',
      title: '',
      speakers: [],
    });
    expect(await hall.archive.delete('hall', 'opera', 'by a test')).toBeNull();
    await expect.poll(() => hall.keys(), { timeout: 10_000 }).toEqual([]);
    for (let i = 0; i < 5; i++) hall.archive.tick();
    await hall.archive.idle();
    expect(hall.recording?.state).toBe('deleted');
    expect(filesBelow(join(place, 'data')).filter((file) => file.startsWith('recordings/'))).toEqual([]);
    expect(hall.archiving.archiver?.uploads.state.waitingFiles).toBe(0);
  }
});

test('a deletion that was cut off by a kill goes on at the next start', async () => {
  const place = folder();
  const refusing = (inner: ObjectStore): ObjectStore =>
    new Proxy(inner, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (name === 'put') return () => Promise.reject(new Error('refused'));
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  const { hall } = await ended(place, { store: refusing });
  await hall.reach('uploading');
  await expect.poll(() => hall.archiving.archiver?.uploads.state.waitingFiles).toBe(4);
  hall.archiving.recordings.change('hall', 'opera', { state: 'deleted' });
  await hall.stop();
  const { hall: next } = await hallIn(place);
  expect(next.archiving.archiver?.uploads.state.waitingFiles).toBe(0);
  expect(await next.keys()).toEqual([]);
  expect(filesBelow(join(place, 'data')).filter((file) => file.startsWith('recordings/'))).toEqual([]);
});

test('a room that is deleted takes its recordings along', async () => {
  const { hall } = await ended(folder());
  await hall.reach('stored');
  expect(await hall.keys()).toHaveLength(4);
  hall.rooms.delete('hall');
  await hall.reach('deleted');
  await expect.poll(() => hall.keys(), { timeout: 10_000 }).toEqual([]);
});

test('a file that is spoilt on the disk is made again', async () => {
  const place = folder();
  const { hall, audio } = await ended(place);
  hall.archiving.recordings.listen({
    changed: ({ state, message }) => {
      const file = join(place, 'data/recordings/hall/opera/r1/part-0002.flac');
      if (state === 'uploading' && !message.includes('again')) writeFileSync(file, 'x', { flag: 'r+' });
    },
  });
  const states = new Set<string>();
  hall.archiving.recordings.listen({ changed: ({ message }) => void states.add(message) });
  hall.backlogMs = 0;
  hall.archive.tick();
  await until(() => [...states].some((message) => message.startsWith('It is made again')), {
    what: 'made again',
    timeoutMs: 20_000,
  });
  await hall.stop();
  const { hall: next, clock } = await hallIn(place);
  clock.now += 4 * 3_600_000;
  await next.reach('stored');
  expectWhole(place, audio);
});

test('without its encoder it says so, waits, and goes on', async () => {
  const flac = join(folder(), 'flac');
  const { hall, clock, audio } = await ended(folder(), { flac });
  await until(() => hall.archive.fault !== null, { what: 'the fault' });
  expect(hall.archive.fault).toMatchObject({ code: 'flac-missing', hint: expect.stringContaining('apt-get') });
  hall.backlogMs = 0;
  hall.archive.tick();
  await hall.archive.idle();
  expect(hall.recording).toMatchObject({ state: 'cutting', message: expect.stringContaining('flac') });
  writeFileSync(flac, '#!/bin/sh\nexec flac "$@"\n');
  chmodSync(flac, 0o755);
  clock.now += 60_000;
  await hall.reach('stored');
  expect(hall.archive.fault).toBeNull();
  expect(audio.length).toBe(3 * second);
});

test('a talk without any sound, and one whose sound was lost, fail in words', async () => {
  const { hall, clock } = await hallIn(folder());
  hall.talks.put('hall', { id: 'opera', title: 'Opera', speakers: [], language: null, start, end: start + 3000 });
  hall.archive.tick();
  clock.now += 4 * 3_600_000;
  await hall.reach('failed');
  expect(hall.recording).toMatchObject({ message: expect.stringContaining('No sound'), manifestKey: null });
  const place = folder();
  const { hall: lost } = await ended(place);
  lost.archiving.recordings.listen({
    changed: ({ state }) => {
      const found = lost.spool.get(stream);
      if (state === 'cutting' && found) void lost.spool.remove(found);
    },
  });
  await lost.reach('failed');
  expect(lost.recording).toMatchObject({
    message: expect.stringContaining('deleted before'),
    hint: expect.stringContaining('--retain'),
  });
  expect(await lost.keys()).toEqual([]);
});

test('what cannot be made does not keep what comes after it', async () => {
  const flac = join(folder(), 'flac');
  writeFileSync(flac, '#!/bin/sh\ncase "$*" in *opera/*) echo broken >&2; exit 1 ;; esac\nexec flac "$@"\n');
  chmodSync(flac, 0o755);
  const { hall, clock } = await ended(folder(), { flac });
  const later = clock.now;
  hall.talks.put('hall', { id: 'next', title: '', speakers: [], language: null, start: later, end: later + 2000 });
  hall.archive.tick();
  await hall.play(other, later, noise(3, 2 * second));
  clock.now += 2000;
  hall.archive.end('hall');
  hall.backlogMs = 0;
  const stateOf = (talk: string) => hall.archiving.recordings.get('hall', talk)?.state;
  await until(
    () => {
      hall.archive.tick();
      return stateOf('next') === 'stored' || undefined;
    },
    { what: 'the next is stored', timeoutMs: 20_000 },
  );
  expect(stateOf('opera')).toBe('cutting');
  // And whoever looks is told all the same.
  expect(hall.archive.fault).toMatchObject({ code: 'flac-failed', message: expect.stringContaining('broken') });
});

test('files of recordings leave room on the disk for audio and captions', async () => {
  const place = folder();
  let free = 1e6;
  const { hall, clock, audio } = await ended(place, { freeBytes: async () => free });
  hall.backlogMs = 0;
  hall.archive.tick();
  await hall.archive.idle();
  expect(hall.recording).toMatchObject({ state: 'cutting', hint: expect.stringContaining('Make room') });
  expect(hall.archive.fault).toMatchObject({ code: 'recording-space' });
  expect(filesBelow(join(place, 'data')).filter((file) => file.startsWith('recordings/'))).toEqual([]);
  free = 1e12;
  clock.now += 60_000;
  await hall.reach('stored');
  expectWhole(place, audio);
});

test('a disk that takes nothing while a room is deleted does not end the relay, and nothing is forgotten', async () => {
  const { hall } = await ended(folder());
  await hall.reach('stored');
  const erasure = hall.archiving.archiver?.erasure;
  if (!erasure) throw new Error('there is a store');
  const full = vi.spyOn(erasure, 'add').mockImplementation(() => {
    throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
  });
  hall.rooms.delete('hall');
  expect(() => hall.archive.tick()).not.toThrow();
  expect(hall.recording?.state).toBe('stored');
  full.mockRestore();
  await hall.reach('deleted');
  await expect.poll(() => hall.keys(), { timeout: 10_000 }).toEqual([]);
});

test('nothing is recorded of a time at which the relay had no store, though rooms were set to it', async () => {
  const place = folder();
  const { hall } = await hallIn(place);
  await hall.stop();
  const { hall: bare } = await hallIn(place, { store: () => null });
  await bare.stop();
  const later = start + 3_600_000;
  const again = new RecordedHall({ folder: place, now: () => later });
  onTestFinished(() => again.stop());
  await again.start();
  again.talks.put('hall', { id: 'opera', title: '', speakers: [], language: null, start, end: later + 60_000 });
  again.archive.tick();
  expect(again.recording).toMatchObject({ talk: 'opera', fromMs: later });
});
