import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Costs } from '../relay/costs.ts';
import type { RelayHealth } from '../relay/health.ts';
import { createMetricsApp, type Metrics } from '../relay/metrics.ts';
import { Tokens } from '../relay/tokens.ts';
import { SalaError } from '../systemd/errors.ts';
import { TestApi } from './harness/api.ts';
import { adminSecret } from './harness/doors.ts';
import type { FakeRooms } from './harness/fake-rooms.ts';

let api: TestApi;
let rooms: FakeRooms;
let tokens: Tokens;
let health: RelayHealth;
let costs: Costs;
let metrics: Metrics;
let lines: string[];
const refusals = new Map<string, number>();

beforeEach(() => {
  api = new TestApi({ refusals });
  ({ rooms, tokens, health, costs, metrics, lines } = api);
});

afterEach(() => rooms.remove());

const ask: TestApi['ask'] = (...asked) => api.ask(...asked);

const error = (code: string) => ({ error: { code, message: expect.any(String), hint: expect.stringMatching(/./) } });

test('a room has its own rest or the relay’s', async () => {
  expect((await ask('PUT', '/api/rooms/verdi', { restAfter: 0 })).body).toMatchObject({ restAfter: 0 });
  expect((await ask('PUT', '/api/rooms/verdi', { restAfter: -1 })).status).toBe(400);
  expect((await ask('PUT', '/api/rooms/verdi', { restAfter: null })).body).toMatchObject({ restAfter: null });
});

test('a room is made, changed, shown, listed and deleted', async () => {
  const made = await ask('PUT', '/api/rooms/verdi', {
    name: 'Sala Verdi',
    language: 'it-it',
    engine: 'script:demo',
    public: true,
  });
  expect(made.status).toBe(201);
  const view = {
    room: 'verdi',
    name: 'Sala Verdi',
    language: 'it-IT',
    engine: 'script:demo',
    public: true,
    seq: 0,
    log: expect.any(String),
    live: { state: 'listening', source: null, engine: { name: 'script:test' }, lagMs: 250, lastAudioMs: null },
  };
  expect(made.body).toMatchObject(view);
  const changed = await ask('PUT', '/api/rooms/verdi', { engine: null });
  expect(changed).toMatchObject({ status: 200, body: { ...view, engine: null } });
  expect(await ask('GET', '/api/rooms/verdi')).toMatchObject({ status: 200, body: { ...view, engine: null } });
  expect(await ask('PUT', '/api/rooms/rossini')).toMatchObject({
    status: 201,
    body: { name: 'rossini', language: 'en-US' },
  });
  expect(await ask('GET', '/api/rooms')).toMatchObject({ body: { rooms: [{ room: 'rossini' }, { room: 'verdi' }] } });
  expect((await ask('DELETE', '/api/rooms/verdi')).status).toBe(204);
  expect(await ask('GET', '/api/rooms/verdi')).toMatchObject({ status: 404, body: error('room-unknown') });
  expect((await ask('DELETE', '/api/rooms/verdi')).status).toBe(404);
});

test('the language is assigned on its own, in its canonical form', async () => {
  rooms.put('verdi');
  const answer = await ask('PUT', '/api/rooms/verdi/language', { language: 'IT-it' });
  expect(answer).toMatchObject({ status: 200, body: { room: 'verdi', language: 'it-IT' } });
  expect(rooms.get('verdi')?.record.settings).toMatchObject({ language: 'it-IT', languageAssigned: true });
  expect((await ask('PUT', '/api/rooms/nowhere/language', { language: 'it-IT' })).status).toBe(404);
  expect(rooms.get('nowhere')).toBeUndefined();
});

test('every mistake of a body is named at once', async () => {
  const wrong = { name: '', language: 'not a language', engine: 'whisper', public: 'yes', colour: 'red' };
  const { status, body, text } = await ask('PUT', '/api/rooms/verdi', wrong);
  expect(status).toBe(400);
  expect(body).toEqual(error('invalid'));
  for (const name of Object.keys(wrong)) expect(text).toContain(name);
  expect(rooms.get('verdi')).toBeUndefined();
});

test('what cannot be taken is refused in words', async () => {
  rooms.put('verdi');
  const cases: [method: string, path: string, body: unknown, status: number, code: string][] = [
    ['PUT', '/api/rooms/verdi', '{"name":', 400, 'malformed'],
    ['PUT', '/api/rooms/verdi', '[]', 400, 'invalid'],
    ['PUT', '/api/rooms/verdi', { engine: 'whisper' }, 400, 'invalid'],
    ['PUT', '/api/rooms/verdi', { engine: 'script:../../etc/passwd' }, 400, 'invalid'],
    ['PUT', '/api/rooms/verdi', { name: 'x'.repeat(70_000) }, 413, 'too-large'],
    ['PUT', '/api/rooms/Verdi', {}, 400, 'invalid'],
    ['PUT', '/api/rooms/..%2fverdi', {}, 400, 'invalid'],
    ['PUT', `/api/rooms/${'a'.repeat(65)}`, {}, 400, 'invalid'],
    ['PUT', '/api/rooms/verdi/language', {}, 400, 'invalid'],
    ['PUT', '/api/rooms/verdi/language', { language: '' }, 400, 'invalid'],
    ['POST', '/api/rooms/verdi/tokens', { right: 'admin' }, 400, 'invalid'],
    ['POST', '/api/rooms/nowhere/tokens', { right: 'read' }, 404, 'room-unknown'],
    ['DELETE', '/api/rooms/verdi/tokens/none', undefined, 404, 'token-unknown'],
    ['POST', '/api/rooms/verdi', {}, 405, 'method'],
    ['DELETE', '/healthz', undefined, 405, 'method'],
    ['GET', '/api/elsewhere', undefined, 404, 'not-found'],
    ['GET', '/api/rooms/verdi/audio', undefined, 426, 'upgrade-required'],
    ['GET', '/api/rooms/verdi/transcript.json?from=yesterday', undefined, 400, 'invalid'],
    ['GET', '/api/rooms/verdi/transcript.json?limit=0', undefined, 400, 'invalid'],
    ['GET', '/api/rooms/verdi/transcript.vtt?to=2026-13-01T00:00:00Z', undefined, 400, 'invalid'],
  ];
  for (const [method, path, body, status, code] of cases) {
    const answer = await ask(method, path, body);
    expect({ path, status: answer.status, body: answer.body }).toEqual({ path, status, body: error(code) });
  }
  expect((await ask('POST', '/api/rooms/verdi', {})).headers.get('allow')).toContain('PUT');
});

test('settings that do not go together are a conflict, and a fault of the relay is not told in its own words', async () => {
  rooms.put = () => {
    throw new SalaError('PocketSphinx knows English only', { code: 'settings-conflict', hint: 'Use transcribe.' });
  };
  const conflict = await ask('PUT', '/api/rooms/verdi', { engine: 'pocketsphinx', language: 'it-IT' });
  expect(conflict).toMatchObject({ status: 409, body: error('settings-conflict') });
  rooms.put = () => {
    throw new Error('SQLITE_CORRUPT at page 17');
  };
  const fault = await ask('PUT', '/api/rooms/verdi', {});
  expect(fault).toMatchObject({ status: 500, body: error('internal') });
  expect(fault.text).not.toContain('SQLITE');
});

test('tokens are shown once, listed without their secret, and revoked', async () => {
  rooms.put('verdi');
  rooms.put('rossini');
  const made = await ask('POST', '/api/rooms/verdi/tokens', { right: 'read', label: 'screen' });
  expect(made.status).toBe(201);
  const [{ id }] = tokens.list('verdi').length === 1 ? tokens.list('verdi') : [{ id: '' }];
  expect(made.body).toEqual({ id, token: expect.stringMatching(/^sub_[0-9a-f]{12}_[\w-]{43}$/) });
  const listed = await ask('GET', '/api/rooms/verdi/tokens');
  expect(listed.body).toEqual({
    tokens: [
      {
        ...{ id, right: 'read', label: 'screen', room: 'verdi', successor: null },
        ...{ createdMs: expect.any(Number), expiresMs: null, lastUsedMs: null },
      },
    ],
  });
  const files = readdirSync(rooms.dir).map((name) => readFileSync(join(rooms.dir, name)));
  expect(Buffer.concat(files).includes(JSON.stringify(made.body).slice(-30, -2))).toBe(false);
  expect((await ask('DELETE', `/api/rooms/rossini/tokens/${id}`)).status).toBe(404);
  expect((await ask('DELETE', `/api/rooms/verdi/tokens/${id}`)).status).toBe(204);
  expect((await ask('GET', '/api/rooms/verdi/tokens')).body).toEqual({ tokens: [] });
});

test('every call asks for its right', async () => {
  rooms.put('verdi');
  rooms.put('rossini');
  const read = tokens.create('verdi', 'read', '').token;
  const publish = tokens.create('verdi', 'publish', '').token;
  const foreign = tokens.create('rossini', 'read', '').token;
  const admin: [string, string, unknown?][] = [
    ['GET', '/api/rooms'],
    ['PUT', '/api/rooms/verdi', {}],
    ['PUT', '/api/rooms/new', {}],
    ['GET', '/api/rooms/verdi'],
    ['DELETE', '/api/rooms/verdi'],
    ['PUT', '/api/rooms/verdi/language', { language: 'it-IT' }],
    ['POST', '/api/rooms/verdi/tokens', { right: 'publish' }],
    ['GET', '/api/rooms/verdi/tokens'],
    ['DELETE', '/api/rooms/verdi/tokens/x'],
    ['GET', '/metrics'],
    ['GET', '/api/text-rules'],
    ['PUT', '/api/text-rules', {}],
    ['POST', '/api/text-rules/preview', { text: 'x' }],
    ['GET', '/api/rooms/verdi/text-rules'],
    ['PUT', '/api/rooms/verdi/text-rules', {}],
  ];
  for (const [method, path, body] of admin) {
    for (const token of [null, 'nonsense', `${adminSecret}x`])
      expect((await ask(method, path, body, token)).status).toBe(401);
    for (const token of [read, publish, foreign]) expect((await ask(method, path, body, token)).status).toBe(403);
  }
  for (const ending of ['json', 'vtt', 'srt', 'txt']) {
    const path = `/api/rooms/verdi/transcript.${ending}`;
    expect((await ask('GET', path, undefined, null)).headers.get('www-authenticate')).toContain('Bearer');
    expect((await ask('GET', path, undefined, null)).status).toBe(401);
    expect((await ask('GET', `${path}?token=${read}`, undefined, null)).status).toBe(401);
    for (const token of [publish, foreign]) expect((await ask('GET', path, undefined, token)).status).toBe(403);
    for (const token of [read, adminSecret]) expect((await ask('GET', path, undefined, token)).status).toBe(200);
  }
  expect((await ask('GET', '/api/rooms/nowhere/transcript.json', undefined, null)).status).toBe(401);
  expect((await ask('GET', '/api/rooms/nowhere/transcript.json', undefined, read)).status).toBe(403);
  rooms.put('verdi', { public: true });
  for (const token of [null, publish, foreign, 'nonsense'])
    expect((await ask('GET', '/api/rooms/verdi/transcript.json', undefined, token)).status).toBe(200);
  expect((await ask('GET', '/api/rooms/verdi', undefined, null)).status).toBe(401);
});

test('a revoked token opens nothing any more, and the note of its use is kept to the minute', () => {
  let now = 1_000_000;
  const clocked = new Tokens(rooms.db, () => now);
  rooms.put('verdi');
  const { id, token } = clocked.create('verdi', 'read', '');
  const lastUsed = () => clocked.list('verdi')[0]?.lastUsedMs;
  expect(clocked.identify(token)).toMatchObject({ id, room: 'verdi', access: 'read' });
  expect(lastUsed()).toBe(1_000_000);
  now += 59_000;
  clocked.identify(token);
  expect(lastUsed()).toBe(1_000_000);
  now += 1000;
  clocked.identify(token);
  expect(lastUsed()).toBe(1_060_000);
  clocked.delete('verdi', id);
  expect(clocked.identify(token)).toBeNull();
});

test('the transcript is in the order spoken, by period and by page', async () => {
  const room = rooms.put('verdi');
  for (let i = 1; i <= 5; i++) room.say(`word ${i}`, { start: i * 10_000, end: i * 10_000 + 1000 });
  room.say('missed', { start: 25_000, end: 26_000, late: true });
  room.amend(2, 'WORD 2');
  room.amend(1, null);
  const texts = async (query: string) => {
    const { body } = await ask('GET', `/api/rooms/verdi/transcript.json${query}`);
    expect(body).toMatchObject({ room: 'verdi', log: room.log.id });
    return JSON.stringify(body).match(/(?<="text":")[^"]*/g);
  };
  expect(await texts('')).toEqual(['WORD 2', 'missed', 'word 3', 'word 4', 'word 5']);
  expect(await texts('?from=20000&to=30000')).toEqual(['WORD 2', 'missed']);
  expect(await texts('?from=1970-01-01T00:00:25Z')).toEqual(['missed', 'word 3', 'word 4', 'word 5']);
  expect(await texts(`?from=${encodeURIComponent('1970-01-01T01:00:25+01:00')}`)).toEqual([
    'missed',
    'word 3',
    'word 4',
    'word 5',
  ]);
  expect(await texts('?limit=2&before=4')).toEqual(['WORD 2', 'word 3']);
  expect(await ask('GET', '/api/rooms/verdi/transcript.json?limit=2')).toMatchObject({ body: { truncated: true } });
  expect(await ask('GET', '/api/rooms/verdi/transcript.json')).toMatchObject({ body: { truncated: false } });
  const vtt = await ask('GET', '/api/rooms/verdi/transcript.vtt?from=20000');
  expect(vtt.headers.get('content-type')).toBe('text/vtt; charset=utf-8');
  expect(vtt.text).toContain('00:00:05.000 --> 00:00:06.000\nmissed\n');
  expect((await ask('GET', '/api/rooms/verdi/transcript.srt')).text).toContain(
    '1\n00:00:00,000 --> 00:00:01,000\nWORD 2\n',
  );
  expect((await ask('GET', '/api/rooms/verdi/transcript.txt')).text).toBe('WORD 2 missed word 3\n\nword 4\n\nword 5\n');
});

test('/openapi.json lists every call and its shapes', async () => {
  const { body } = await ask('GET', '/openapi.json', undefined, null);
  const room = '/api/rooms/{room}';
  const calls: Record<string, string[]> = {
    '/api/rooms': ['get'],
    [room]: ['put', 'get', 'delete'],
    [`${room}/language`]: ['put'],
    [`${room}/text-rules`]: ['get', 'put'],
    '/api/text-rules': ['get', 'put'],
    '/api/text-rules/preview': ['post'],
    [`${room}/tokens`]: ['post', 'get'],
    [`${room}/tokens/{id}`]: ['delete'],
    ...Object.fromEntries(['json', 'vtt', 'srt', 'txt'].map((each) => [`${room}/transcript.${each}`, ['get']])),
    [`${room}/audio`]: ['get'],
    [`${room}/captions`]: ['get'],
    '/healthz': ['get'],
    '/readyz': ['get'],
    '/metrics': ['get'],
  };
  for (const [path, methods] of Object.entries(calls))
    for (const method of methods) expect(body).toHaveProperty(['paths', path, method, 'responses']);
  expect(body).toHaveProperty(['components', 'schemas', 'RoomChange', 'properties', 'language']);
  expect(body).toHaveProperty(['components', 'schemas', 'Caption', 'properties', 'timeUncertain']);
});

test('the relay says whether it lives and whether it takes newcomers', async () => {
  expect(await ask('GET', '/healthz', undefined, null)).toMatchObject({ status: 200, body: { status: 'ok' } });
  expect(await ask('GET', '/readyz', undefined, null)).toMatchObject({ status: 200, body: { status: 'ready' } });
  health.stop();
  expect(await ask('GET', '/healthz', undefined, null)).toMatchObject({ status: 200 });
  expect(await ask('GET', '/readyz', undefined, null)).toMatchObject({ status: 503, body: { status: 'stopping' } });
  rooms.db.close();
});

test('the cost of the day is told, by room, with its limits', async () => {
  costs.begin('verdi', 'live')();
  costs.begin('verdi', 'backfill')();
  costs.begin('aida', 'live')();
  const spent = (sessions: number, seconds: number) => ({ sessions, seconds, money: (seconds * 0.6) / 60 });
  expect((await ask('GET', '/api/costs')).body).toEqual({
    day: new Date().toISOString().slice(0, 10),
    pricePerMinute: 0.6,
    spent: spent(3, 45),
    alarm: { perDay: 1, reached: false },
    limits: { perDay: null, perRoomAndDay: null },
    rooms: [
      { room: 'aida', spent: spent(1, 15), refusal: null },
      { room: 'verdi', spent: spent(2, 30), refusal: null },
    ],
  });
});

test('metrics show the rooms that are, not those that were', async () => {
  refusals.set('token-unknown', 3);
  rooms.put('verdi').say('one');
  rooms.put('rossini').become('fault');
  const before = await ask('GET', '/metrics');
  expect(before.headers.get('content-type')).toContain('text/plain');
  for (const line of [
    'sala_rooms 2',
    'sala_spool_bytes 4096',
    'sala_refusals_total{code="token-unknown"} 3',
    'sala_room_log_seq{room="verdi"} 1',
    'sala_room_state{room="rossini",state="fault"} 1',
    'sala_room_lag_seconds{room="verdi"} 0.25',
    'sala_room_audio_stored_seconds_total{room="verdi"} 12',
  ])
    expect(before.text.split('\n')).toContain(line);
  await rooms.delete('rossini');
  const after = await ask('GET', '/metrics');
  expect(after.text).not.toContain('rossini');
  expect(after.text).toContain('sala_room_audio_stored_seconds_total{room="verdi"} 12\n');
  const open = await createMetricsApp(metrics).request('/metrics');
  expect(open.status).toBe(200);
});

test('no token reaches the log of the API', async () => {
  rooms.put('verdi');
  const { token } = tokens.create('verdi', 'read', '');
  rooms.all = () => {
    throw new Error('out of order');
  };
  await ask('GET', `/api/rooms?token=${token}`);
  await ask('GET', `/api/rooms/verdi?token=${token}`, undefined, token);
  expect(lines.length).toBeGreaterThan(0);
  for (const secret of [adminSecret, token]) expect(lines.join('')).not.toContain(secret);
});
