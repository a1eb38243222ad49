import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Act, Audit } from '../relay/audit.ts';
import type { Logger } from '../systemd/log.ts';
import { origin, TestApi } from './harness/api.ts';
import { adminSecret } from './harness/doors.ts';
import { FakeRooms } from './harness/fake-rooms.ts';
import { WholeRelay } from './harness/whole-relay.ts';

const act = (name: string, room: string | null = null): Act => ({
  ...{ actor: 'schedule', address: '', act: name, room, detail: { by: name } },
});
const quiet: Pick<Logger, 'info'> = { info: () => {} };

describe('the audit log', () => {
  let rooms: FakeRooms;
  let now = 1000;
  const made = (limits = {}, log = quiet) => new Audit(rooms.db, log, () => now, limits);
  const told = (audit: Audit, query: { before?: number; limit?: number; room?: string } = {}) =>
    audit.list({ limit: 100, ...query }).entries.map((each) => each.act);
  const stored = () => rooms.db.prepare('SELECT count(*) FROM audit').pluck().get();

  beforeEach(() => {
    rooms = new FakeRooms();
    now = 1000;
  });
  afterEach(() => rooms.remove());

  test('tells the newest first, by page and by room', () => {
    const audit = made();
    for (let i = 1; i <= 7; i++) {
      now += 1;
      audit.note(act(`act ${i}`, i % 2 === 0 ? 'verdi' : null));
    }
    expect(audit.list({ limit: 2 })).toEqual({
      entries: [
        { ...act('act 7'), id: 7, at: 1007 },
        { ...act('act 6', 'verdi'), id: 6, at: 1006 },
      ],
      truncated: true,
    });
    expect(told(audit, { before: 6, limit: 3 })).toEqual(['act 5', 'act 4', 'act 3']);
    expect(audit.list({ before: 3, limit: 2 }).truncated).toBe(false);
    expect(told(audit, { room: 'verdi' })).toEqual(['act 6', 'act 4', 'act 2']);
    expect(told(audit, { room: 'verdi', before: 4 })).toEqual(['act 2']);
    expect(told(audit, { room: 'nowhere' })).toEqual([]);
  });

  test('goes on after a restart, and outlives the rooms it tells of', async () => {
    rooms.put('verdi');
    made().note(act('first', 'verdi'));
    await rooms.delete('verdi');
    const audit = made();
    audit.note(act('second'));
    expect(audit.list({ limit: 9 }).entries).toMatchObject([{ id: 2 }, { id: 1, room: 'verdi' }]);
  });

  test('keeps the newest alone, also over a restart', () => {
    const audit = made({ maxEntries: 5 });
    for (let i = 1; i <= 12; i++) audit.note(act(`act ${i}`));
    expect(stored()).toBe(5);
    expect(told(made({ maxEntries: 5 }))).toEqual(['act 12', 'act 11', 'act 10', 'act 9', 'act 8']);
    expect(audit.lost).toBe(0);
  });

  test('keeps what comes while the disk takes nothing, tells it, and writes it in order afterwards', () => {
    const audit = made();
    audit.note(act('before', 'verdi'));
    rooms.db.pragma('query_only = ON');
    audit.note(act('during 1'));
    audit.note(act('during 2', 'verdi'));
    expect(audit.waiting).toBe(2);
    expect(told(audit)).toEqual(['during 2', 'during 1', 'before']);
    expect(told(audit, { limit: 1 })).toEqual(['during 2']);
    expect(told(audit, { before: 3 })).toEqual(['during 1', 'before']);
    expect(told(audit, { room: 'verdi' })).toEqual(['during 2', 'before']);
    expect(stored()).toBe(1);
    rooms.db.pragma('query_only = OFF');
    audit.flush();
    expect(audit.waiting).toBe(0);
    expect(told(made())).toEqual(['during 2', 'during 1', 'before']);
  });

  test('counts what found no place; the journal has it all', () => {
    const lines: unknown[] = [];
    const audit = made({ maxRecent: 3 }, { info: (line: unknown) => void lines.push(line) });
    for (let i = 1; i <= 4; i++) audit.note(act(`kept ${i}`)); // written, so nothing is lost when memory forgets it
    expect(audit.lost).toBe(0);
    rooms.db.pragma('query_only = ON');
    for (let i = 1; i <= 5; i++) audit.note(act(`late ${i}`));
    expect(audit.lost).toBe(2);
    expect(audit.waiting).toBe(3);
    rooms.db.pragma('query_only = OFF');
    audit.flush();
    expect(told(made())).toEqual(['late 5', 'late 4', 'late 3', 'kept 4', 'kept 3', 'kept 2', 'kept 1']);
    expect(lines).toHaveLength(9);
    expect(lines.at(-1)).toMatchObject({ event: 'audit', actor: 'schedule', act: 'late 5' });
  });

  test('has no more of a detail than fits', () => {
    const audit = made({ maxDetailLetters: 50 });
    audit.note({ ...act('long'), detail: { text: 'x'.repeat(51) } });
    expect(audit.list({ limit: 1 }).entries).toMatchObject([{ act: 'long', detail: { tooLong: true } }]);
  });
});

describe('acts of organizers', () => {
  let api: TestApi;
  beforeEach(() => {
    api = new TestApi();
  });
  afterEach(() => api.rooms.remove());

  const newest = async (count = 1) => {
    const { entries } = api.rights.audit.list({ limit: count });
    return entries;
  };
  const byFile = { actor: 'admin token of the file', address: 'unknown' };

  test('are in the log with who, what and where, and without what was said', async () => {
    const { id, token } = api.tokens.create(null, 'admin', 'Ada');
    await api.ask('PUT', '/api/rooms/verdi', { name: 'Verdi', language: 'it-IT', restAfter: null }, token);
    expect(await newest()).toMatchObject([
      {
        ...{ actor: `token "Ada" (${id})`, act: 'set a room', room: 'verdi' },
        detail: { name: 'Verdi', language: 'it-IT', restAfter: null },
      },
    ]);
    const room = api.rooms.get('verdi');
    room?.say('a secret of the speaker');
    const cases: [method: string, path: string, body: unknown, act: string, room: string | null, detail: object][] = [
      [
        'PUT',
        '/api/rooms/verdi/language',
        { language: 'en-GB' },
        'assigned a language',
        'verdi',
        { language: 'en-GB' },
      ],
      ['PUT', '/api/rooms/verdi/paused', { paused: true }, 'paused or resumed captions', 'verdi', { paused: true }],
      ['POST', '/api/rooms/verdi/clear', undefined, 'cleared the screens', 'verdi', {}],
      [
        'PUT',
        '/api/rooms/verdi/captions/1',
        { text: 'corrected words' },
        'corrected or hid a caption',
        'verdi',
        { seq: '1', text: 'given' },
      ],
      [
        'PUT',
        '/api/rooms/verdi/captions/1',
        { text: null },
        'corrected or hid a caption',
        'verdi',
        { seq: '1', text: null },
      ],
      [
        'PUT',
        '/api/rooms/verdi/talks/k',
        { title: 'T', start: 1, end: 2 },
        'set a talk',
        'verdi',
        { talk: 'k', title: 'given', start: 1, end: 2 },
      ],
      ['DELETE', '/api/rooms/verdi/talks/k', undefined, 'deleted a talk', 'verdi', { talk: 'k' }],
      [
        'PUT',
        '/api/rooms/verdi/text-rules',
        { replacements: [], blocked: [{ word: 'damn', method: 'mask' }] },
        'set text rules',
        'verdi',
        { replacements: { count: 0 }, blocked: { count: 1 } },
      ],
      ['PUT', '/api/text-rules', {}, 'set text rules', null, {}],
      [
        'PUT',
        '/api/vocabulary',
        { phrases: [{ phrase: 'Ada Lovelace' }] },
        'set a vocabulary',
        null,
        { phrases: { count: 1 } },
      ],
      [
        'PUT',
        '/api/rooms/verdi',
        { recognition: { stability: 'low' } },
        'set a room',
        'verdi',
        { recognition: { fields: ['stability'] } },
      ],
      ['DELETE', '/api/rooms/verdi', undefined, 'deleted a room', 'verdi', {}],
    ];
    for (const [method, path, body, act, where, detail] of cases) {
      const { status } = await api.ask(method, path, body);
      expect(`${method} ${path} ${status}`).toMatch(/ 20\d$/);
      const [entry] = await newest();
      expect(entry).toEqual({ ...byFile, id: expect.any(Number), at: expect.any(Number), act, room: where, detail });
    }
    const all = JSON.stringify(await newest(1000)) + api.lines.join('');
    for (const word of ['speaker', 'corrected words', 'damn', 'Lovelace', token.slice(-43), adminSecret])
      expect(all).not.toContain(word);
  });

  test('on tokens and logins are there, the tokens by their ids', async () => {
    api.rooms.put('verdi');
    const ask = async (method: string, path: string, body?: unknown) => {
      const answer = await api.ask(method, path, body);
      const parsed: { id?: string; token?: string } = JSON.parse(answer.text || '{}');
      return { id: parsed.id ?? '', token: parsed.token ?? '' };
    };
    const made = await ask('POST', '/api/rooms/verdi/tokens', { right: 'read', label: 'screen' });
    const rotated = await ask('POST', `/api/rooms/verdi/tokens/${made.id}/rotation`, { overlapHours: 1 });
    await ask('DELETE', `/api/rooms/verdi/tokens/${made.id}`);
    const admin = await ask('POST', '/api/tokens', { right: 'admin', label: 'Ada', expires: '2100-01-01T00:00:00Z' });
    const login = await api.send('POST', '/api/session', { body: { token: admin.token }, headers: { origin } });
    const cookie = /^[^;]*/.exec(login.headers.get('set-cookie') ?? '')?.[0] ?? '';
    await api.send('POST', '/api/rooms/verdi/clear', { headers: { cookie, origin } });
    await api.send('DELETE', '/api/session', { headers: { cookie, origin } });
    const ada = `token "Ada" (${admin.id})`;
    expect(await newest(100)).toMatchObject([
      { actor: ada, act: 'logged out', detail: {} },
      { actor: ada, act: 'cleared the screens', room: 'verdi' },
      { actor: ada, act: 'logged in', detail: {} },
      {
        act: 'made a token',
        room: null,
        detail: { right: 'admin', label: 'Ada', expires: '2100-01-01T00:00:00Z', token: admin.id },
      },
      { act: 'revoked a token', room: 'verdi', detail: { id: made.id } },
      { act: 'rotated a token', room: 'verdi', detail: { id: made.id, overlapHours: 1, successor: rotated.id } },
      { act: 'made a token', room: 'verdi', detail: { right: 'read', label: 'screen', token: made.id } },
    ]);
    api.rooms.db.updateCopy();
    const { dir } = api.rooms;
    const bytes = Buffer.concat(readdirSync(dir).map((name) => readFileSync(join(dir, name))));
    for (const { token } of [made, rotated, admin]) expect(bytes.includes(token.slice(-43))).toBe(false);
  });

  test('are not there where they were refused, or only asked', async () => {
    api.rooms.put('verdi');
    const { token } = api.tokens.create('verdi', 'read', '');
    for (const [method, path, body, by] of [
      ['GET', '/api/rooms', undefined, adminSecret],
      ['GET', '/api/audit', undefined, adminSecret],
      ['POST', '/api/text-rules/preview', { text: 'x' }, adminSecret],
      ['PUT', '/api/rooms/verdi', { engine: 'whisper' }, adminSecret],
      ['DELETE', '/api/rooms/nowhere', undefined, adminSecret],
      ['PUT', '/api/rooms/verdi', {}, null],
      ['PUT', '/api/rooms/verdi', {}, 'nonsense'],
      ['PUT', '/api/rooms/verdi', {}, token],
      ['POST', '/api/session', { token: 'nonsense' }, null],
      ['DELETE', '/api/session', undefined, null],
    ] as const)
      await api.ask(method, path, body, by);
    expect(await newest(100)).toEqual([]);
  });

  test('are told by the API, page by page', async () => {
    for (let i = 0; i < 5; i++) await api.ask('PUT', `/api/rooms/room-${i % 2}`, { name: `R ${i}` });
    const first = await api.ask('GET', '/api/audit?limit=3');
    expect(first).toMatchObject({ status: 200, body: { truncated: true, entries: [{ id: 5 }, { id: 4 }, { id: 3 }] } });
    expect((await api.ask('GET', '/api/audit?limit=3&before=3')).body).toMatchObject({
      truncated: false,
      entries: [{ id: 2 }, { id: 1 }],
    });
    expect((await api.ask('GET', '/api/audit?room=room-1')).body).toMatchObject({
      entries: [
        { id: 4, room: 'room-1' },
        { id: 2, room: 'room-1' },
      ],
    });
    for (const wrong of ['limit=0', 'limit=1001', 'before=x', 'before=0', 'room=..%2f'])
      expect((await api.ask('GET', `/api/audit?${wrong}`)).status, wrong).toBe(400);
    expect((await api.ask('GET', '/api/audit', undefined, null)).status).toBe(401);
  });

  test('are done and noted while the disk takes nothing', async () => {
    api.rooms.put('verdi').say('one');
    const entries = () => newest(10);
    const cookie = async () => {
      const { headers } = await api.send('POST', '/api/session', { body: { token: adminSecret }, headers: { origin } });
      return /^[^;]*/.exec(headers.get('set-cookie') ?? '')?.[0] ?? '';
    };
    api.rooms.db.pragma('query_only = ON');
    const mine = await cookie();
    expect((await api.send('POST', '/api/rooms/verdi/clear', { headers: { cookie: mine, origin } })).status).toBe(200);
    const { text } = await api.ask('GET', '/metrics');
    for (const line of ['sala_audit_waiting 2', 'sala_audit_lost_total 0', 'sala_admin_sessions 1'])
      expect(text.split('\n')).toContain(line);
    expect(await entries()).toMatchObject([{ act: 'cleared the screens' }, { act: 'logged in' }]);
    expect(await api.ask('POST', '/api/tokens', { right: 'read' })).toMatchObject({
      status: 503,
      body: { error: { code: 'disk' } },
    });
    api.rooms.db.pragma('query_only = OFF');
    api.rights.stop();
    expect(new Audit(api.rooms.db, quiet).list({ limit: 10 }).entries).toHaveLength(2);
  });
});

test('the log names the address that a call came from', async () => {
  const relay = await new WholeRelay().start();
  try {
    await relay.call('PUT', '/api/rooms/verdi', { authorization: `Bearer ${adminSecret}` }, { name: 'Verdi' });
    expect(relay.house.rights.audit.list({ limit: 1 }).entries).toMatchObject([
      { address: '127.0.0.1', act: 'set a room' },
    ]);
  } finally {
    await relay.stop();
  }
});
