/** Recordings by calls, in metrics, alarms and the audit log of a running relay. About 4 s. */
import { afterEach, expect, test } from 'vitest';
import { relayTroubles } from '../relay/alarms.ts';
import { type Recording, Recordings } from '../relay/archive/recordings.ts';
import { roomTroubleOf, troubleOf } from '../relay/archive/troubles.ts';
import type { UploadsState } from '../relay/archive/uploads.ts';
import { openDatabase } from '../relay/database.ts';
import { TestRelay, temporaryFolder } from './harness/programs.ts';

const minute = 60_000;
const cleanup: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const step of cleanup.splice(0).reverse()) await step();
});

interface Listed {
  readonly store: { readonly toDelete: number } | null;
  readonly recordings: readonly { readonly room: string; readonly talk: string; readonly state: string }[];
}

async function start(args: (folder: string) => readonly string[]) {
  const folder = temporaryFolder();
  cleanup.push(() => folder.remove());
  const relay = await TestRelay.start({ dataDir: `${folder.path}/data`, args: args(folder.path) });
  cleanup.push(() => relay.stop());
  return relay;
}

test('a relay without a store records nothing and says so', async () => {
  const relay = await start(() => []);
  await relay.room('hall');
  await expect(relay.call('PUT', '/api/rooms/hall', { recording: { on: true } })).rejects.toThrow(
    /409.*settings-conflict.*nowhere to put recordings.*--recording-store/,
  );
  // Other settings of it may be made before.
  await relay.call('PUT', '/api/rooms/hall', { recording: { redact: true, engine: 'whisper' } });
  expect(await relay.call('GET', '/api/rooms/hall')).toMatchObject({
    recording: { on: false, redact: true, engine: 'whisper' },
  });
  expect(await relay.call('GET', '/api/recordings')).toEqual({ store: null, recordings: [] });
  await expect(relay.call('POST', '/api/rooms/hall/recordings/end')).rejects.toThrow(/409.*recording-none/);
});

test('what a person asks for is listed first, and goes when it is confirmed', async () => {
  const relay = await start((folder) => ['--recording-store', `folder:${folder}/store`]);
  const now = Date.now();
  for (const [room, speaker] of [
    ['hall', 'Ada  Lovelace'],
    ['small', 'Charles'],
  ] as const) {
    await relay.room(room, { recording: { on: true } });
    const times = { start: now - 60_000, end: now + 600_000 };
    await relay.call('PUT', `/api/rooms/${room}/talks/t1`, { title: 'Engines', speakers: [speaker], ...times });
  }
  const listed = () => relay.call<Listed>('GET', '/api/recordings');
  await expect.poll(async () => (await listed()).recordings.length, { timeout: 10_000 }).toBe(2);
  const response = await fetch(`${relay.url}/metrics`, { headers: { authorization: `Bearer ${relay.adminToken}` } });
  const metrics = await response.text();
  expect(metrics).toContain('sala_recordings{state="running"} 2');
  expect(metrics).not.toContain('Ada');

  const ask = (body: object) =>
    relay.call<{ confirmed: boolean; recordings: { room: string }[] }>('POST', '/api/recordings/erasure', body);
  expect(await ask({ person: 'ada lovelace' })).toMatchObject({ confirmed: false, recordings: [{ room: 'hall' }] });
  expect((await listed()).recordings).toHaveLength(2);
  expect(await ask({ person: 'Ada Lovelace', confirm: true })).toMatchObject({
    confirmed: true,
    recordings: [{ room: 'hall' }],
  });
  expect((await listed()).recordings).toMatchObject([{ room: 'small' }]);
  await expect.poll(async () => (await listed()).store?.toDelete, { timeout: 10_000 }).toBe(0);
  expect(await ask({ room: 'small', confirm: true })).toMatchObject({ recordings: [{ room: 'small' }] });
  expect((await listed()).recordings).toEqual([]);
  await expect(ask({})).rejects.toThrow(/400.*either room or person/);

  const { entries } = await relay.call<{ entries: { act: string; detail: object }[] }>('GET', '/api/audit');
  const acts = entries.filter(({ act }) => act.includes('deletion of recordings'));
  expect(acts.map(({ detail }) => detail)).toContainEqual({ confirm: true, recordings: 1, person: 'given' });
  expect(JSON.stringify(acts)).not.toContain('Lovelace');
  const switched = entries.filter(({ act }) => act === 'set a room');
  expect(switched[0]?.detail).toMatchObject({ recording: { on: true } });
});

test('an encoder that is missing, a store that refuses and a talk that is lost are alarms, with what to do', () => {
  const idle = {
    waitingFiles: 0,
    waitingBytes: 0,
    maxBacklogBytes: 100,
    oldestMs: null,
    uploading: null,
    error: null,
    nextTryMs: null,
  };
  const nothing = { waiting: 0, oldestMs: null, error: null, nextTryMs: null };
  const error = { code: 'store-refused', message: 'The bucket refuses', hint: 'Renew its key.' };
  const now = 100 * minute;
  const of = (uploads: Partial<UploadsState> = {}, erasure = {}, fault: typeof error | null = null) =>
    troubleOf(
      {
        archiver: {
          archive: { fault },
          uploads: { state: { ...idle, ...uploads } },
          erasure: { state: { ...nothing, ...erasure } },
        },
      },
      now,
    );
  expect(of()).toBeNull();
  expect(troubleOf({ archiver: null }, now)).toBeNull();
  expect(of({}, {}, error)).toMatchObject({
    severity: 'fault',
    message: 'A recording cannot be made: The bucket refuses.',
    hint: 'Renew its key.',
  });
  expect(of({ error, waitingBytes: 10, oldestMs: now - 9 * minute })).toBeNull();
  expect(of({ waitingBytes: 10, oldestMs: now - 90 * minute })).toBeNull(); // a slow line is at work
  expect(of({ error, waitingBytes: 10, oldestMs: now - 10 * minute })).toMatchObject({
    severity: 'warning',
    hint: 'Renew its key.',
  });
  expect(of({ waitingBytes: 80 })).toMatchObject({
    severity: 'fault',
    hint: expect.stringContaining('--max-recording-backlog'),
  });
  expect(of({}, { error, waiting: 1, oldestMs: now - 59 * minute })).toBeNull();
  expect(of({}, { error, waiting: 1, oldestMs: now - 60 * minute })).toMatchObject({
    severity: 'warning',
    message: expect.stringContaining('deleted'),
  });

  const folder = temporaryFolder();
  cleanup.push(() => folder.remove());
  const db = openDatabase(folder.path);
  cleanup.push(() => db.close());
  const recordings = new Recordings(db, () => now);
  const lost: Recording = {
    ...{ room: 'hall', talk: 't1', talkId: null, revision: 1, roomTitle: 'Sala', title: 'Opera', speakers: [] },
    ...{
      fromMs: 0,
      toMs: minute,
      endedBy: 'schedule',
      state: 'failed',
      message: 'No sound of it ever came',
      hint: 'Look.',
    },
    ...{ redact: false, engine: null, manifestKey: null },
  };
  const archiver = { archive: { fault: null }, uploads: { state: idle }, erasure: { state: nothing } };
  const ofRoom = (nowMs: number) => roomTroubleOf({ recordings, archiver }, 'hall', nowMs);
  expect(ofRoom(now)).toBeNull();
  recordings.put(lost);
  expect(ofRoom(now)).toEqual({
    severity: 'warning',
    message: 'The recording of “Opera” failed: No sound of it ever came.',
    hint: 'Look.',
  });
  expect(ofRoom(now + 24 * 60 * minute)).toBeNull();

  const facts = {
    storage: '',
    freeBytes: null,
    renewal: null,
    spent: 0,
    alarmPerDay: null,
    maxPerDay: null,
    waitingRooms: 0,
    now,
  };
  const recording = of({ waitingBytes: 80 });
  expect(relayTroubles({ ...facts, schedule: { message: '', hint: '' }, recordings: recording })).toMatchObject([
    { code: 'relay-recordings', ...recording },
  ]);
});
