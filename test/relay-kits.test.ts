import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { AdminToken } from '../relay/admin-token.ts';
import { FailedAttempts } from '../relay/attempts.ts';
import { openDatabase } from '../relay/database.ts';
import { KitEnrolment } from '../relay/kit-enrolment.ts';
import { kitKinds } from '../relay/kit-protocol.ts';
import { Kits } from '../relay/kits.ts';
import { Origins } from '../relay/origins.ts';
import { Rights } from '../relay/rights.ts';
import { Rooms } from '../relay/rooms.ts';
import { SalaError } from '../systemd/errors.ts';
import { TestApi } from './harness/api.ts';
import { adminSecret, captureLog } from './harness/doors.ts';
import { newKey } from './harness/kits.ts';
import { temporaryFolder } from './harness/programs.ts';
import { SmallDisk } from './harness/small-disk.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;

let api: TestApi;
let now: number;

beforeEach(() => {
  now = 1_796_110_200_000;
  api = new TestApi({ now: () => now });
  api.rooms.put('verdi', { title: 'Sala Verdi' });
  api.rooms.put('rossini');
});
afterEach(() => api.rooms.remove());

const enrol = (token: string | null, key: string, more: object = {}) =>
  api.ask('POST', '/api/enrolment', { key, version: '1.2.3', ...more }, token);
const code = async (asked: ReturnType<typeof enrol>) => {
  const { status, text } = await asked;
  return `${status} ${/"code":"([\w-]+)"/.exec(text)?.[1] ?? ''}`;
};
const room = (name: string) => ({ name, public: false });
/** Whether all that was captured in a stretch of room time is a kit's to hand in to a room. */
const mayDeliver = (kit: string, name: string, fromMs: number, toMs: number, kits = api.kits) =>
  kits.served(kit, name).some(([from, to]) => from <= fromMs && toMs <= to);
const opens = (token: string, right: 'publish' | 'read' | 'admin' | 'kit', name: string | null) => {
  const admission = api.rights.access.decide({ token }, right, name === null ? null : room(name));
  return 'status' in admission ? admission.code : admission.kit?.isFormer ? 'former' : 'open';
};

describe('a kit is enrolled', () => {
  test('once, with the key it made; asked again with the same key, it is answered the same', async () => {
    const { token } = api.kits.create('verdi-1', 'device', 'verdi', '');
    const key = newKey();
    const answer = { kit: { name: 'verdi-1', kind: 'device' }, room: { name: 'verdi', title: 'Sala Verdi' }, at: now };
    expect(opens(key, 'publish', 'verdi')).toBe('token-unknown');
    expect(await enrol(token, key, { serial: '10000000abcd' })).toMatchObject({ status: 200, body: answer });
    expect(opens(key, 'publish', 'verdi')).toBe('open');
    now += 40 * dayMs; // an answer that got lost, and a kit that was switched off since
    expect(await enrol(token, key)).toMatchObject({ status: 200, body: { ...answer, at: now } });
    expect(api.kits.get('verdi-1')).toMatchObject({
      enrolledMs: now - 40 * dayMs,
      told: { version: '1.2.3', serial: '10000000abcd' },
    });
    const noted = api.rights.audit.list({ limit: 10 }).entries;
    expect(noted.map(({ actor, act, detail }) => ({ actor, act, detail }))).toEqual([
      { actor: 'kit verdi-1', act: 'enrolled', detail: { kit: 'verdi-1', version: '1.2.3' } },
    ]);
  });

  test('and a replayed, expired, revoked or foreign token is refused, and changes nothing', async () => {
    const { token } = api.kits.create('verdi-1', 'device', 'verdi', '');
    const [key, thief] = [newKey(), newKey()];
    await enrol(token, key);
    expect(await code(enrol(token, thief))).toBe('409 enrolment-used');

    const late = api.kits.create('verdi-2', 'device', 'verdi', '').token;
    const replaced = api.kits.create('verdi-3', 'device', 'verdi', '').token;
    api.kits.renew('verdi-3');
    const gone = api.kits.create('verdi-4', 'device', 'verdi', '').token;
    api.kits.delete('verdi-4');
    expect(await code(enrol(replaced, thief))).toBe('401 enrolment-revoked');
    expect(await code(enrol(gone, thief))).toBe('401 enrolment-revoked');
    now += 30 * dayMs;
    expect(await code(enrol(late, thief))).toBe('401 enrolment-expired');
    const publish = api.tokens.create('verdi', 'publish', '').token;
    for (const foreign of [publish, adminSecret, key, `enr_0123456789ab_${'A'.repeat(43)}`, `${late}A`, 'nonsense'])
      expect(await code(enrol(foreign, thief)), foreign).toMatch(/^(401 enrolment-unknown|429 )/);
    expect(await code(enrol(null, thief))).toBe('401 token-missing');
    expect(opens(thief, 'kit', null)).toBe('token-unknown');
    expect(opens(key, 'kit', null)).toBe('open');
    const refused = api.rights.audit
      .list({ limit: 20 })
      .entries.filter(({ act }) => act === 'was refused an enrolment');
    expect(refused.map(({ detail }) => detail)).toEqual([
      { kit: 'verdi-1', code: 'enrolment-unknown' }, // a key, where an enrolment token belongs
      { kit: 'verdi-2', code: 'enrolment-expired' },
      { kit: 'verdi-4', code: 'enrolment-revoked' },
      { kit: 'verdi-3', code: 'enrolment-revoked' },
      { kit: 'verdi-1', code: 'enrolment-used' },
    ]);
  });

  test('and the key of another kit, or what is no key, is refused', async () => {
    const { token } = api.kits.create('verdi-1', 'device', 'verdi', '');
    const key = newKey();
    await enrol(token, key);
    const second = api.kits.create('rossini-1', 'device', 'rossini', '').token;
    expect(await code(enrol(second, key))).toBe('409 enrolment-key');
    const sameId = key.slice(0, 17) + newKey().slice(17);
    expect(await code(enrol(second, sameId))).toBe('409 enrolment-key');
    for (const none of ['', 'kit_', key.replace('kit_', 'adm_'), `${key}A`, adminSecret])
      expect(await code(enrol(second, none)), none).toBe('400 invalid');
    expect(opens(key, 'publish', 'verdi')).toBe('open');
    expect(await code(enrol(second, newKey()))).toBe('200 ');
  });

  test('anew with another token: the earlier key is good until then, and never after', async () => {
    const key = newKey();
    await enrol(api.kits.create('verdi-1', 'display', 'verdi', '').token, key);
    const ended: string[] = [];
    api.tokens.onEnded((id) => ended.push(id));
    const { token } = api.kits.renew('verdi-1');
    expect(opens(key, 'read', 'verdi')).toBe('open');
    expect(ended).toEqual([]);
    const next = newKey();
    expect(await code(enrol(token, next))).toBe('200 ');
    expect(opens(key, 'read', 'verdi')).toBe('token-ended');
    expect(ended).toEqual([key.slice(4, 16)]);
    expect(opens(next, 'read', 'verdi')).toBe('open');
  });

  test('and nothing that was revoked comes back by asking again', async () => {
    const { token } = api.kits.create('verdi-1', 'device', 'verdi', '');
    const key = newKey();
    await enrol(token, key);
    expect((await api.ask('DELETE', '/api/kits/verdi-1')).status).toBe(204);
    expect(opens(key, 'publish', 'verdi')).toBe('token-ended');
    expect(await code(enrol(token, key))).toBe('401 enrolment-revoked');
    api.kits.create('verdi-1', 'device', 'verdi', '');
    expect(await code(enrol(token, key))).toBe('401 enrolment-revoked');
    expect(opens(key, 'publish', 'verdi')).toBe('token-ended');
    expect((await api.ask('DELETE', '/api/kits/none')).status).toBe(404);
  });

  test('by its own token however often strangers fail at the same address', async () => {
    const { token } = api.kits.create('verdi-1', 'device', 'verdi', '');
    for (let i = 0; i < 60; i++) await enrol(`enr_0123456789ab_${'A'.repeat(43)}`, newKey());
    expect(api.enrolment.refusals.get('too-many-requests')).toBeGreaterThan(20);
    expect(await code(enrol(token, newKey()))).toBe('200 ');
    for (let i = 0; i < 60; i++) await enrol(token, newKey());
    expect(await code(enrol(token, newKey()))).toBe('429 too-many-requests');
    expect(api.rights.audit.list({ limit: 100 }).entries).toHaveLength(2);
  });

  test('and what was never a token of ours is a failed attempt of its address, which keeps no right one out', () => {
    const attempts = new FailedAttempts({ maxFailedAttempts: 3 }, () => 0);
    const rights = new Rights({
      ...{ db: api.rooms.db, adminToken: new AdminToken(adminSecret), origins: new Origins() },
      ...{ log: captureLog().log, attempts, now: () => now },
    });
    const { kits, access, audit } = rights;
    const enrolment = new KitEnrolment({ kits, rooms: api.rooms, access, audit, log: captureLog().log });
    const from = { address: '192.0.2.7', prefix: '192.0.2.7' };
    const ask = (token: string) => {
      try {
        const answer = enrolment.enrol({ token, key: newKey(), version: '1', from });
        return 'status' in answer ? answer.code : 'enrolled';
      } catch (error) {
        return error instanceof SalaError ? error.code : 'none';
      }
    };
    const unknown = `enr_0123456789ab_${'A'.repeat(43)}`;
    const answers = Array.from({ length: 5 }, () => ask(unknown));
    expect(answers).toEqual([...Array(3).fill('enrolment-unknown'), ...Array(2).fill('too-many-attempts')]);
    expect(attempts.bans).toBe(1);
    const { token } = kits.create('verdi-1', 'device', 'verdi', '');
    expect(ask(token)).toBe('enrolled');
    expect(ask(token)).toBe('enrolment-used');
    expect(attempts.failed).toBe(5);
    expect(Object.fromEntries(enrolment.refusals)).toEqual({
      ...{ 'enrolment-unknown': 3, 'too-many-attempts': 2, 'enrolment-used': 1 },
    });
  });

  test('and a stranger’s long body is not read', async () => {
    const long = await api.send('POST', '/api/enrolment', { body: { key: 'x'.repeat(5000) } });
    expect(long).toMatchObject({ status: 413 });
  });
});

describe('the key of a kit', () => {
  const enrolled = (kind: (typeof kitKinds)[number], name = 'verdi') => {
    const kit = `${name}-${kind}`;
    const key = newKey();
    api.kits.enrol(api.kits.create(kit, kind, name, '').token, key, { version: '1' });
    return { kit, key };
  };

  test('opens what its kind is for, in its room alone, and never what organizers have', () => {
    for (const kind of kitKinds) {
      const { key } = enrolled(kind);
      expect(opens(key, 'publish', 'verdi')).toBe(kind === 'display' ? 'token-wrong-right' : 'open');
      expect(opens(key, 'read', 'verdi')).toBe(kind === 'device' ? 'token-wrong-right' : 'open');
      for (const right of ['publish', 'read'] as const)
        for (const elsewhere of ['rossini', 'nowhere', null])
          expect(opens(key, right, elsewhere)).toMatch(/^(kit-other-room|token-wrong-right)$/);
      expect(opens(key, 'admin', null)).toBe('token-wrong-right');
      expect(opens(key, 'kit', null)).toBe('open');
    }
  });

  test('is kept as SHA-256 alone, like what it was exchanged for', async () => {
    const { token } = api.kits.create('verdi-1', 'device', 'verdi', '');
    const key = newKey();
    await enrol(token, key);
    const rows = api.rooms.db.prepare('SELECT * FROM tokens').all();
    expect(rows).toHaveLength(2);
    const kept = JSON.stringify([rows, api.rights.audit.list({ limit: 10 }), api.lines, api.kits.all()]);
    for (const secret of [token, key]) expect(kept).not.toContain(secret.slice(17));
  });

  test('opens the next room at once when the kit is assigned to it, and of the former only the audio', () => {
    const { kit, key } = enrolled('solo');
    api.kits.assign(kit, 'rossini');
    expect(opens(key, 'publish', 'rossini')).toBe('open');
    expect(opens(key, 'read', 'rossini')).toBe('open');
    expect(opens(key, 'publish', 'verdi')).toBe('former');
    expect(opens(key, 'read', 'verdi')).toBe('kit-other-room');
    api.kits.assign(kit, 'verdi');
    expect(opens(key, 'publish', 'verdi')).toBe('open');
    expect(opens(key, 'publish', 'rossini')).toBe('former');
  });

  test('asks nothing of a room that the kit served, and all that its kind may of the one it serves', async () => {
    const { kit, key } = enrolled('solo');
    const answers = async () => {
      const asked = ['verdi', 'rossini'].flatMap((name) => [`${name}/source`, `${name}/transcript.json`]);
      const all = await Promise.all(asked.map((path) => code(api.ask('GET', `/api/rooms/${path}`, undefined, key))));
      return all.map((answer) => answer.slice(0, 3));
    };
    expect(await answers()).toEqual(['200', '200', '403', '403']);
    api.kits.assign(kit, 'rossini');
    expect(await answers()).toEqual(['403', '403', '200', '200']);
  });

  test('hands in what was heard while the kit served a room, and nothing of before, between or after', () => {
    const { kit } = enrolled('device');
    const start = now;
    now += 60 * minuteMs;
    api.kits.assign(kit, 'rossini');
    const moved = now;
    now += 60 * minuteMs;
    api.kits.assign(kit, 'verdi');
    const back = now;
    now += 60 * minuteMs;
    const may = (name: string, from: number, to: number) => mayDeliver(kit, name, from, to);
    expect(may('verdi', start, moved)).toBe(true);
    expect(may('verdi', start - 29_000, moved + 29_000)).toBe(true);
    expect(may('verdi', start - 31_000, moved)).toBe(false);
    expect(may('verdi', start, moved + 31_000)).toBe(false);
    expect(may('verdi', moved + 10 * minuteMs, moved + 11 * minuteMs)).toBe(false);
    expect(may('verdi', start, back)).toBe(false);
    expect(may('verdi', back, now + 60 * minuteMs)).toBe(true);
    expect(may('rossini', moved, back)).toBe(true);
    expect(may('rossini', start, moved)).toBe(false);
    expect(may('nowhere', start, moved)).toBe(false);
    expect(mayDeliver('none', 'verdi', start, moved)).toBe(false);
  });

  test('is not led astray by a relay whose clock is set back, nor by rooms that come and go', async () => {
    const { kit, key } = enrolled('device');
    const start = now;
    now += 60 * minuteMs;
    api.kits.assign(kit, 'rossini');
    now -= 30 * minuteMs;
    api.kits.assign(kit, 'verdi');
    expect(api.kits.roomOf(kit)).toBe('verdi');
    expect(api.kits.served(kit, 'rossini')).toEqual([[start + 59.5 * minuteMs, start + 60.5 * minuteMs]]);
    expect(mayDeliver(kit, 'verdi', start, now + 90 * minuteMs)).toBe(true);
    await api.rooms.delete('verdi');
    expect(api.kits.roomOf(kit)).toBeNull();
    expect(opens(key, 'publish', 'verdi')).toBe('kit-other-room');
    expect(api.kits.get(kit)).toMatchObject({ room: null });
    api.rooms.put('verdi');
    expect(opens(key, 'publish', 'verdi')).toBe('kit-other-room'); // another room of the same name
    expect(opens(key, 'publish', 'rossini')).toBe('former');
    api.kits.assign(kit, 'rossini');
    expect(opens(key, 'publish', 'rossini')).toBe('open');
  });

  test('remembers a bounded number of changes, the newest of them', () => {
    const { kit } = enrolled('device');
    const kits = new Kits(api.rooms.db, api.tokens, () => now, { maxRooms: 4 });
    const start = now;
    for (let i = 0; i < 6; i++) {
      now += minuteMs;
      kits.assign(kit, i % 2 === 0 ? 'rossini' : 'verdi');
    }
    expect(api.rooms.db.prepare('SELECT count(*) FROM kit_rooms').pluck().get()).toBe(4);
    expect(mayDeliver(kit, 'verdi', start, start, kits)).toBe(false);
    expect(mayDeliver(kit, 'verdi', now, now, kits)).toBe(true);
    kits.assign(kit, 'verdi'); // as it was
    expect(api.rooms.db.prepare('SELECT count(*) FROM kit_rooms').pluck().get()).toBe(4);
    expect(kits.roomOf(kit)).toBe('verdi');
  });
});

describe('on the relay’s disk', () => {
  const rightsOn = (dataDir: string) => {
    const db = openDatabase(dataDir);
    const rooms = new Rooms(db, { language: 'en-US', engine: 'script:load' });
    const origins = new Origins();
    const { log } = captureLog();
    return { db, rooms, rights: new Rights({ db, adminToken: new AdminToken(adminSecret), origins, log }) };
  };

  test('kits, their rooms and what they said last are there again after a restart', () => {
    const folder = temporaryFolder();
    onTestFinished(folder.remove);
    mkdirSync(join(folder.path, 'data'));
    const before = rightsOn(join(folder.path, 'data'));
    before.rooms.put('verdi', {});
    const key = newKey();
    const { kits } = before.rights;
    kits.enrol(kits.create('verdi-1', 'device', 'verdi', 'left').token, key, { version: '1' });
    kits.heard('verdi-1', { health: { state: 'ok', message: 'All is well' }, healthMs: 5 });
    before.rights.stop();
    before.db.close();
    const after = rightsOn(join(folder.path, 'data'));
    onTestFinished(() => after.db.close());
    expect(after.rights.kits.get('verdi-1')).toMatchObject({
      ...{ kind: 'device', room: 'verdi', label: 'left', seenMs: expect.any(Number) },
      told: { version: '1', health: { state: 'ok', message: 'All is well' }, healthMs: 5 },
    });
    expect(after.rights.access.decide({ token: key }, 'publish', room('verdi'))).toMatchObject({
      kit: { name: 'verdi-1', isFormer: false },
    });
  });

  test('while it is full nobody is enrolled and nothing is assigned, and a kit is revoked all the same', ({ skip }) => {
    const disk = SmallDisk.mount(4);
    if (typeof disk === 'string') return skip(disk);
    onTestFinished(() => disk.unmount());
    const { db, rooms, rights } = rightsOn(disk.path);
    onTestFinished(() => db.close());
    rooms.put('verdi', {});
    rooms.put('rossini', {});
    const { kits } = rights;
    const key = newKey();
    kits.enrol(kits.create('verdi-1', 'device', 'verdi', '').token, key, { version: '1' });
    const { token } = kits.create('verdi-2', 'device', 'verdi', '');
    disk.fill();
    const noDisk = expect.objectContaining({ code: 'disk' });
    const late = newKey();
    // What little the log of the database has left may be used.
    const until = (work: () => void) => {
      for (let i = 0; i < 1000; i++) work();
    };
    expect(() => until(() => kits.renew('verdi-1'))).toThrow(noDisk);
    expect(() => kits.enrol(token, late, { version: '1' })).toThrow(noDisk);
    expect(() => kits.assign('verdi-1', 'rossini')).toThrow(noDisk);
    expect(kits.roomOf('verdi-1')).toBe('verdi');
    expect(() => kits.delete('verdi-1')).toThrow(noDisk);
    const opened = (shown: string) => rights.access.decide({ token: shown }, 'publish', room('verdi'));
    expect(opened(key)).toMatchObject({ code: 'token-ended' });
    expect(opened(late)).toMatchObject({ code: 'token-unknown' });
    disk.free();
    rights.tokens.sweep();
    expect(kits.delete('verdi-1')).toBe(true);
    expect(kits.enrol(token, late, { version: '1' })).toMatchObject({ kit: 'verdi-2', isRepeated: false });
    expect(opened(late)).toMatchObject({ kit: { name: 'verdi-2' } });
    expect(opened(key)).toMatchObject({ code: 'token-ended' });
  });
});

describe('organizers', () => {
  test('make, see, assign and revoke kits, and the log of acts says so without a secret', async () => {
    const made = await api.ask('POST', '/api/kits', { name: 'verdi-1', kind: 'display', room: 'verdi', label: 'left' });
    expect(made).toMatchObject({
      status: 201,
      body: { kit: { name: 'verdi-1', state: 'new', room: 'verdi' }, expiresMs: now + 30 * dayMs },
    });
    const token = /"token":"([\w]+_[\w]+_[\w-]+)"/.exec(made.text)?.[1] ?? '';
    expect(await code(enrol(token, newKey()))).toBe('200 ');
    expect((await api.ask('PUT', '/api/kits/verdi-1/room', { room: 'rossini' })).body).toMatchObject({
      ...{ room: 'rossini', state: 'offline', enrolled: now, version: '1.2.3', idle: false, health: null },
    });
    expect((await api.ask('PUT', '/api/kits/verdi-1/room', { room: 'nowhere' })).status).toBe(404);
    expect((await api.ask('POST', '/api/kits/verdi-1/identify')).text).toContain('kit-offline');
    expect((await api.ask('POST', '/api/kits', { name: 'verdi-1', kind: 'display', room: 'verdi' })).text).toContain(
      'kit-exists',
    );
    expect((await api.ask('DELETE', '/api/kits/verdi-1')).status).toBe(204);
    expect((await api.ask('GET', '/api/kits')).body).toEqual({ kits: [] });
    const { entries } = api.rights.audit.list({ limit: 20 });
    expect(entries.map(({ act, detail }) => [act, detail]).reverse()).toEqual([
      ['made a kit', { name: 'verdi-1', kind: 'display', room: 'verdi', label: 'left' }],
      ['enrolled', { kit: 'verdi-1', version: '1.2.3' }],
      ['assigned a kit to a room', { kit: 'verdi-1', room: 'rossini' }],
      ['revoked a kit', { kit: 'verdi-1' }],
    ]);
    expect(JSON.stringify(entries)).not.toContain(token);
  });

  test('find no kit’s key among the tokens, and end it with its kit alone', async () => {
    const key = newKey();
    api.kits.enrol(api.kits.create('verdi-1', 'device', 'verdi', '').token, key, { version: '1' });
    const id = key.slice(4, 16);
    expect((await api.ask('GET', '/api/tokens')).body).toEqual({ tokens: [] });
    expect((await api.ask('DELETE', `/api/tokens/${id}`)).status).toBe(404);
    expect((await api.ask('POST', `/api/tokens/${id}/rotation`, {})).status).toBe(404);
    expect(opens(key, 'publish', 'verdi')).toBe('open');
  });

  test('give a kit a name that a host can have', async () => {
    for (const name of ['', 'Verdi', '-verdi', 'verdi-', 'a.b', 'x'.repeat(64)])
      expect((await api.ask('POST', '/api/kits', { name, kind: 'display', room: 'verdi' })).status, name).toBe(400);
  });
});
