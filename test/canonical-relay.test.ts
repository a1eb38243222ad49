import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { jobFolder, pointerKey } from '../relay/canonical/contract.ts';
import { FetchedTranscripts } from '../relay/canonical/fetched.ts';
import { Publishing } from '../relay/canonical/publishing.ts';
import { rowsOf, transcriptLimits } from '../relay/canonical/transcript-rows.ts';
import { openDatabase } from '../relay/database.ts';
import { FolderStore } from '../relay/objects/folder.ts';
import { Rooms } from '../relay/rooms.ts';
import {
  CanonicalRelay,
  type CanonicalRelayOptions,
  hourMs,
  segment,
  startMs,
  talkOf,
} from './harness/canonical-relay.ts';
import { identity, talk } from './harness/canonical-run.ts';
import { MemoryStore, storeError } from './harness/memory-store.ts';

/** How canonical transcripts come from the store to readers. Virtual time; about 5 s. */

const run = identity();
const opened: CanonicalRelay[] = [];
let store = new MemoryStore();

function relay(options: CanonicalRelayOptions = {}): CanonicalRelay {
  const made = new CanonicalRelay({
    ...{ store, random: () => 0.5, read: async (bytes, expected) => rowsOf(bytes, expected) },
    ...options,
  });
  opened.push(made);
  made.room.say('live one', { start: startMs + 1000 });
  made.room.say('live two', { start: startMs + 6000 });
  return made;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  vi.setSystemTime(startMs + hourMs);
  store = new MemoryStore();
});
afterEach(async () => {
  for (const each of opened.splice(0)) await each.stop();
  vi.useRealTimers();
});

/** Virtual time passes, with turns of the real event loop in between. */
async function passes(ms: number, stepMs = 5000): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) {
    await vi.advanceTimersByTimeAsync(Math.min(left, stepMs));
    for (let i = 0; i < 20; i++) await turn();
  }
}
const minutes = 60_000;
const live = ['live one', 'live two'];
const better = talkOf(run, [segment(0, 'Better one.'), segment(1, 'Better two.')]);

describe('a transcript that counts', () => {
  test('takes the place of the live captions of its talk, marked; both are kept', async () => {
    const own = relay();
    own.fetching.start();
    own.record();
    expect(await own.words()).toEqual(live);
    await own.publish(run, better);
    await passes(2 * minutes);
    expect(await own.words()).toEqual(['Better one.', 'Better two.']);
    expect(await own.words('&version=live')).toEqual(live);
    expect(await own.get('transcript.json?talk=opening')).toMatchObject({
      ...{ version: 'canonical', engine: 'parakeet', revision: 1, truncated: false },
      captions: [
        { seq: 1, start: startMs, end: startMs + 4000, late: false },
        { seq: 2, start: startMs + 5000 },
      ],
    });
    expect(await own.get('transcript.json')).toMatchObject({ version: 'live', engine: null, revision: null });
    expect(await own.get('transcripts')).toMatchObject({
      talks: [{ talk: 'opening', title: 'Opening', version: 'canonical', engine: 'parakeet', start: startMs }],
    });
    const file = async (ending: string) =>
      (await own.api.ask('GET', `/api/rooms/verdi/transcript.${ending}?talk=opening`)).text;
    expect(await file('vtt')).toMatch(
      /^WEBVTT\n\nNOTE Made from the recording.*version canonical, parakeet, revision 1\n/,
    );
    expect(await file('vtt')).toContain('00:00:05.000 --> ');
    expect(await file('txt')).toBe(
      '[Made from the recording after the talk: version canonical, parakeet, revision 1]\n\nBetter one. Better two.\n',
    );
    expect(await file('srt')).toContain('Better one.');
  });

  test('is found within a minute while it is awaited, and looked for seldom once it is there', async () => {
    const own = relay();
    own.fetching.start();
    own.record();
    await passes(3 * hourMs, minutes);
    const awaiting = own.fetching.looked;
    expect(awaiting).toBeGreaterThan(100);
    expect(awaiting).toBeLessThan(250);
    await own.publish(run, better);
    await passes(80_000);
    expect(await own.words()).toEqual(['Better one.', 'Better two.']);
    await passes(hourMs, minutes);
    const found = own.fetching.looked;
    await passes(24 * hourMs, 10 * minutes);
    expect(own.fetching.looked - found).toBeLessThan(40);
    expect(own.fetching.counters.fetched).toBe(1);
  });

  test('survives a restart, and one in the midst of being taken over', async () => {
    const first = relay();
    first.record();
    const segments = Array.from({ length: 900 }, (_, i) => segment(i, `n${i}`));
    await first.publish(run, talkOf(run, segments));
    const [version] = [{ room: 'verdi', talk: 'opening', name: 'r1-half', folder: 'f/', etag: 'e', sha256: 's' }];
    // Killed while it was written: nothing of it says that it is whole.
    let pages = 0;
    const half = rowsOf(store.objects.get(`${jobFolder(run)}transcript.json`) ?? new Uint8Array(), {
      ...talk,
      revision: 1,
    });
    const adding = first.fetched.add(version, half, () => {
      if (++pages === 3) throw new Error('killed');
      return true;
    });
    await expect(adding).rejects.toThrow('killed');
    expect(first.rooms.db.prepare('SELECT count(*) FROM canonical_segments').pluck().get()).toBe(400);
    expect(await first.words()).toEqual(live);
    const second = relay({ rooms: first.rooms });
    expect(first.rooms.db.prepare('SELECT count(*) FROM canonical_segments').pluck().get()).toBe(0);
    expect(await second.words()).toEqual([...live, ...live].sort());
    second.fetching.start();
    await passes(2 * minutes);
    expect(await second.words()).toHaveLength(900);
    await second.fetching.stop();
    store.before = () => {
      throw storeError('store-unreachable');
    };
    const third = relay({ rooms: first.rooms });
    third.fetching.start();
    expect(await third.words()).toHaveLength(900);
    opened.splice(0, 2);
    await first.fetching.stop();
  });

  test('is fetched anew where the database was replaced by its copy, which has decisions and corrections', async () => {
    const own = relay();
    own.fetching.start();
    own.record();
    await own.publish(run, better);
    await passes(2 * minutes);
    const [version] = own.fetched.versions('verdi', 'opening');
    await own.api.ask('PUT', '/api/rooms/verdi/recordings/opening/canonical/segments/1', { text: 'Corrected two.' });
    own.rooms.db.prepare('DELETE FROM canonical_versions').run(); // as in the copy
    for (const each of [own.rooms.kept]) each.put('verdi', {});
    expect(await own.words()).toEqual(live);
    await passes(2 * hourMs, minutes);
    expect(await own.words()).toEqual(['Better one.', 'Corrected two.']);
    expect(own.fetched.versions('verdi', 'opening')[0]?.name).toBe(version?.name);
  });

  test('from a folder on a disk, read in a thread of its own, comes the same way', async () => {
    vi.useRealTimers();
    const folder = mkdtempSync(join(tmpdir(), 'sala-store-'));
    const onDisk = new FolderStore(join(folder, 'store'));
    const own = new CanonicalRelay({ store: onDisk, random: () => 0 });
    opened.push(own);
    own.record();
    await own.publish(run, talkOf(run, [segment(0, 'From the disk.')]));
    own.fetching.start();
    await expect.poll(() => own.words(), { timeout: 20_000 }).toEqual(['From the disk.']);
    rmSync(folder, { recursive: true });
  });
});

describe('the store', () => {
  test('may be away for days: what is there is read, one asks for all, and what came meanwhile is fetched', async () => {
    const own = relay();
    own.fetching.start();
    own.record();
    await own.publish(run, better);
    await passes(2 * minutes);
    const later = identity({ talk: 'later' });
    for (let i = 0; i < 20; i++) own.record(identity({ talk: `t${i}` }));
    own.record(later);
    let asked = 0;
    store.before = ({ name }) => {
      if (name === 'put') return;
      asked++;
      throw storeError('store-unreachable');
    };
    await own.publish(later, talkOf(later, [segment(0, 'Later.')])).catch(() => {});
    await passes(3 * 24 * hourMs, 10 * minutes);
    expect(asked).toBeGreaterThan(200);
    expect(asked).toBeLessThan(600);
    expect(own.fetching.fault).toMatchObject({ code: 'store-unreachable', hint: 'This is a test.' });
    expect(await own.get('canonical')).toMatchObject({ store: { code: 'store-unreachable' } });
    expect(await own.words()).toEqual(['Better one.', 'Better two.']);
    store.before = () => {};
    await own.publish(later, talkOf(later, [segment(0, 'Later.')]));
    await passes(hourMs, minutes);
    expect(own.fetching.fault).toBeNull();
    expect(await own.words('', 'later')).toEqual(['Later.']);
    expect(own.lines.filter((line) => line.includes('cannot be fetched'))).toHaveLength(1);
  });

  test('whose pointer goes backwards, ahead or to another talk is not followed, and says so', async () => {
    const own = relay();
    own.fetching.start();
    own.record();
    await own.publish(run, better);
    const old = store.objects.get(pointerKey(talk));
    const newer = identity({ engine: 'parakeet', model: 'm2' });
    await passes(2 * minutes);
    await own.publish(newer, talkOf(newer, [segment(0, 'Newer.')]), true);
    await passes(3 * hourMs, minutes);
    expect(await own.words()).toEqual(['Newer.']);
    const trouble = () => own.fetched.state('verdi', 'opening').trouble?.code;
    expect(trouble()).toBeUndefined();
    for (const [change, code] of [
      [{}, 'pointer-backwards'],
      [{ generation: 9, revision: 2, folder: `transcripts/v1/conf/verdi/opening/r2-x/` }, 'pointer-invalid'],
      [{ generation: 9, room: 'rossini' }, 'pointer-invalid'],
      [{ generation: 9, folder: 'transcripts/v1/conf/rossini/opening/r1-x/' }, 'pointer-invalid'],
      [{ generation: 9, folder: 'transcripts/v1/conf/verdi/opening/r1-x/../../' }, 'pointer-invalid'],
      [{ generation: 'many' }, 'pointer-invalid'],
    ] as const) {
      const pointer = { ...JSON.parse(new TextDecoder().decode(old)), ...change };
      store.objects.set(pointerKey(talk), new TextEncoder().encode(JSON.stringify(pointer)));
      await passes(3 * hourMs, minutes);
      expect([change, trouble()]).toEqual([change, code]);
      expect(await own.words()).toEqual(['Newer.']);
    }
    expect(await own.get('recordings/opening/canonical')).toMatchObject({ trouble: { code: 'pointer-invalid' } });
    store.objects.delete(pointerKey(talk));
    await passes(3 * hourMs, minutes);
    expect(await own.words()).toEqual(['Newer.']);
  });

  test('that gives another transcript than was published is not believed, and asked a few times alone', async () => {
    const own = relay();
    own.fetching.start();
    own.record();
    await own.publish(run, better);
    const key = `${jobFolder(run)}transcript.json`;
    const right = store.objects.get(key) ?? new Uint8Array();
    const forged = new TextDecoder().decode(right).replace('Better one.', 'Forged one.');
    store.objects.set(key, new TextEncoder().encode(forged));
    let gets = 0;
    store.before = (call) => {
      if (call.name === 'get' && call.key === key) gets++;
    };
    await passes(5 * hourMs, minutes);
    expect(await own.words()).toEqual(live);
    expect(own.fetched.state('verdi', 'opening').trouble).toMatchObject({ code: 'transcript-damaged' });
    expect(gets).toBe(5);
    store.objects.set(key, right);
    // Whoever mends it has the relay look once more.
    own.record();
    await passes(2 * minutes);
    expect(await own.words()).toEqual(['Better one.', 'Better two.']);
    expect(own.fetched.state('verdi', 'opening').trouble).toBeNull();
  });

  test('that refuses one object of a talk keeps no other talk waiting', async () => {
    const own = relay();
    const other = identity({ talk: 'other' });
    own.record();
    own.record(other);
    await own.publish(run, better);
    await own.publish(other, talkOf(other, [segment(0, 'Other.')]));
    store.before = ({ name, key }) => {
      if (name === 'get' && key.startsWith(jobFolder(run))) throw storeError('store-damaged');
    };
    own.fetching.start();
    await passes(5 * minutes);
    expect(own.fetching.fault).toBeNull();
    expect(await own.words('', 'other')).toEqual(['Other.']);
    expect(await own.words()).toEqual(live);
  });
});

describe('a hostile transcript', () => {
  const hostile: readonly (readonly [string, (json: string) => string | Uint8Array])[] = [
    ['is no JSON', () => '{'],
    ['is no UTF-8', () => new Uint8Array([0xff, 0xfe, 0x7b])],
    ['is nothing', () => ''],
    ['is a list', () => '[]'],
    ['is deep', () => '['.repeat(100_000)],
    ['is of another talk', (json) => json.replace('"talk_id":"opening"', '"talk_id":"closing"')],
    ['is of another room', (json) => json.replace('"room":"verdi"', '"room":"rossini"')],
    ['is of another revision', (json) => json.replace('"recording":{"revision":1', '"recording":{"revision":2')],
    ['began at no time', (json) => json.replace('2026-11-20T09:00:00Z', 'yesterday')],
    ['has a segment twice', (json) => json.replace('"id":1', '"id":0')],
    [
      'ends before it begins',
      (json) => json.replace('"end_ms":4000', '"end_ms":0').replace('"start_ms":0', '"start_ms":9'),
    ],
    ['has a segment after the end of days', (json) => json.replace('"end_ms":9000', '"end_ms":900000000000')],
    ['has an endless segment', (json) => json.replace('Better one.', 'a'.repeat(transcriptLimits.maxLetters + 1))],
  ];
  test.each(hostile)('that %s is refused in words', (_, spoil) => {
    const spoiled = spoil(JSON.stringify(better.transcript));
    const body = typeof spoiled === 'string' ? new TextEncoder().encode(spoiled) : spoiled;
    expect(() => rowsOf(body, { ...talk, revision: 1 })).toThrow(/no transcript that can be used/);
  });

  test('is refused by the relay in words; readers keep what they have', async () => {
    const own = relay();
    own.record();
    await own.publish(run, talkOf(run, [segment(0, 'one'), segment(0, 'the same number')]));
    own.fetching.start();
    await passes(2 * minutes);
    expect(await own.words()).toEqual(live);
    expect(await own.get('recordings/opening/canonical')).toMatchObject({
      trouble: { code: 'transcript-invalid', message: expect.stringContaining('two segments have the number 0') },
    });
  });

  test('is refused by its size before it is fetched, and by a store that lies about it', async () => {
    const own = relay();
    own.record();
    await own.publish(run, better);
    const key = `${jobFolder(run)}transcript.json`;
    store.objects.set(key, new Uint8Array(transcriptLimits.maxBytes + 1));
    const got: string[] = [];
    store.before = (call) => void (call.name === 'get' && got.push(call.key));
    own.fetching.start();
    await passes(2 * minutes);
    expect(got).not.toContain(key);
    expect(own.fetched.state('verdi', 'opening').trouble).toMatchObject({ code: 'transcript-too-large' });
    expect(await own.words()).toEqual(live);
  });

  test('shows markup, controls and names as words alone', () => {
    const made = talkOf(
      run,
      [
        segment(0, '<b>bold</b>\u0000\u001b[2J\nnew\u2028line \ud800', { speaker: '__proto__' }),
        segment(1, 'x', { speaker: 'B' }),
      ],
      { speakers: { B: { name: 'Ada\n<i>', from: 'schedule' } } },
    );
    const { segments } = rowsOf(new TextEncoder().encode(JSON.stringify(made.transcript)), { ...talk, revision: 1 });
    expect(segments).toMatchObject([
      { text: '<b>bold</b> [2J new line \ufffd', speaker: '0' },
      { text: 'x', speaker: 'Ada <i>' },
    ]);
  });

  test('with more runs than are of use fills nothing', async () => {
    const own = relay();
    own.record();
    for (let i = 0; i < 12; i++) {
      const each = identity({ engine: 'whisper', model: `m${i}` });
      await own.publish(each, talkOf(each, [segment(0, `w${i}`)], { canonical: false }));
    }
    await own.publish(run, better);
    own.fetching.start();
    await passes(5 * hourMs, minutes);
    expect(own.fetched.versions('verdi', 'opening').length).toBe(5);
    expect(own.fetching.counters.leftOut).toBeGreaterThan(0);
    expect(await own.words()).toEqual(['Better one.', 'Better two.']);
  });
});

describe('a talk that is deleted', () => {
  test('is gone at once, with its transcripts, decisions and corrections', async () => {
    const own = relay();
    own.fetching.start();
    own.record();
    await own.publish(run, better);
    await passes(2 * minutes);
    await own.api.ask('PUT', '/api/rooms/verdi/recordings/opening/canonical/segments/1', { text: 'Corrected.' });
    own.recordings.change('verdi', 'opening', { state: 'deleted' });
    expect((await own.api.ask('GET', '/api/rooms/verdi/transcript.json?talk=opening')).status).toBe(404);
    expect((await own.api.ask('GET', '/api/rooms/verdi/recordings/opening/canonical')).status).toBe(404);
    expect(await own.get('transcripts')).toEqual({ room: 'verdi', talks: [] });
    for (const table of ['versions', 'segments', 'talks', 'corrections'])
      expect(own.rooms.db.prepare(`SELECT count(*) FROM canonical_${table}`).pluck().get()).toBe(0);
    const { looked } = own.fetching;
    await passes(hourMs, minutes);
    expect(own.fetching.looked).toBe(looked);
  });

  test('while it is being taken over leaves nothing', async () => {
    const own = relay();
    own.record();
    await own.publish(
      run,
      talkOf(
        run,
        Array.from({ length: 2000 }, (_, i) => segment(i, `n${i}`)),
      ),
    );
    own.fetching.start();
    const wasDeleted = Promise.withResolvers<void>();
    store.after = ({ name, key }) => {
      if (name !== 'get' || !key.endsWith('transcript.json')) return;
      own.recordings.change('verdi', 'opening', { state: 'deleted' });
      wasDeleted.resolve();
    };
    await passes(2 * minutes);
    await wasDeleted.promise;
    for (const table of ['versions', 'segments'])
      expect(own.rooms.db.prepare(`SELECT count(*) FROM canonical_${table}`).pluck().get()).toBe(0);
  });

  test('ends a download in its midst, not as if it were whole', async () => {
    const own = relay();
    own.fetching.start();
    own.record();
    await own.publish(
      run,
      talkOf(
        run,
        Array.from({ length: 2000 }, (_, i) => segment(i, `n${i} and some more words`)),
      ),
    );
    await passes(2 * minutes);
    const { body } = await own.api.app.request('/api/rooms/verdi/transcript.json?talk=opening', {
      headers: { authorization: `Bearer ${(await import('./harness/doors.ts')).adminSecret}` },
    });
    const reader = body?.getReader();
    await reader?.read();
    own.recordings.change('verdi', 'opening', { state: 'deleted' });
    await expect(
      (async () => {
        while (!(await reader?.read())?.done);
      })(),
    ).rejects.toThrow('deleted');
  });

  test('or whose recording was changed is not read any more as it was, and its new transcript is', async () => {
    const own = relay();
    own.fetching.start();
    own.record();
    await own.publish(run, better);
    await passes(2 * minutes);
    await own.api.ask('PUT', '/api/rooms/verdi/recordings/opening/canonical/segments/1', { text: 'A secret.' });
    own.recordings.change('verdi', 'opening', { revision: 2, state: 'cutting' });
    expect(await own.words()).toEqual(live);
    expect(own.rooms.db.prepare('SELECT count(*) FROM canonical_corrections').pluck().get()).toBe(0);
    const second = identity({ revision: 2 });
    own.record(second);
    await passes(5 * minutes);
    expect(await own.words()).toEqual(live);
    await own.publish(second, talkOf(second, [segment(0, 'Without it.')]));
    await passes(5 * minutes);
    expect(await own.words()).toEqual(['Without it.']);
  });

  test('and was deleted while the relay was down is gone when it starts', async () => {
    const first = relay();
    first.fetching.start();
    first.record();
    await first.publish(run, better);
    await passes(2 * minutes);
    await first.fetching.stop();
    first.recordings.change('verdi', 'opening', { state: 'deleted' });
    const second = relay({ rooms: first.rooms });
    second.fetching.start();
    expect(first.rooms.db.prepare('SELECT count(*) FROM canonical_versions').pluck().get()).toBe(0);
    opened.shift();
  });
});

test('a room that was deleted and made again has none of its old transcripts', async () => {
  const own = relay();
  own.fetching.start();
  own.record();
  await own.publish(run, better);
  await passes(2 * minutes);
  await own.rooms.delete('verdi');
  own.rooms.put('verdi');
  own.recordings.change('verdi', 'opening', { state: 'deleted' });
  await passes(hourMs, minutes);
  expect(await own.get('transcripts')).toEqual({ room: 'verdi', talks: [] });
});

test('a run that failed is told, until another one of it succeeds', async () => {
  const own = relay();
  own.fetching.start();
  own.record();
  const fault = { code: 'audio-bad', message: 'Part 1 cannot be decoded', hint: 'Look at it.' };
  await new Publishing({ store: Object.assign(store), now: () => startMs }).fail(run, fault).catch(() => {});
  await store.put(
    `${jobFolder(run)}failed.json`,
    new TextEncoder().encode(
      JSON.stringify({ schema: 'sala.failure.v1', ...fault, engine: 'parakeet', at: '2026-11-20T10:00:00Z' }),
    ),
  );
  await passes(2 * minutes);
  expect(await own.get('canonical')).toMatchObject({
    talks: [
      { talk: 'opening', state: 'failed', message: 'No transcript: Part 1 cannot be decoded', hint: 'Look at it.' },
    ],
  });
  expect(await own.words()).toEqual(live);
  await own.publish(run, better);
  await passes(5 * minutes);
  expect(await own.get('canonical')).toMatchObject({ talks: [{ state: 'published', served: 'canonical' }] });
  expect(own.fetched.state('verdi', 'opening').failures).toEqual([]);
});

test('what an organizer published costs no copy of the database at each look', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sala-'));
  const db = openDatabase(folder);
  try {
    const rooms = new Rooms(db, { language: 'en-US', engine: 'script:x' });
    rooms.put('main', { title: 'Sala' });
    const fetched = new FetchedTranscripts(db, rooms);
    fetched.choose('main', 'opening', { kind: 'version', name: 'r1-parakeet-0123456789ab-89abcdef' });
    const copies = vi.spyOn(db, 'updateCopy');
    for (let look = 0; look < 3; look++) fetched.keepRevision('main', 'opening', 1);
    expect(copies).not.toHaveBeenCalled();
    fetched.keepRevision('main', 'opening', 2);
    expect(fetched.state('main', 'opening').choice).toEqual({ kind: 'newest' });
    expect(copies).toHaveBeenCalledTimes(1);
  } finally {
    db.close();
    rmSync(folder, { recursive: true });
  }
});
