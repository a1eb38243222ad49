import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestApi } from './harness/api.ts';

let api: TestApi;
let now: number;

beforeEach(() => {
  now = Date.now();
  api = new TestApi({ now: () => now });
  api.rooms.put('verdi');
  api.rooms.put('rossini');
});
afterEach(() => api.rooms.remove());

const hourMs = 3_600_000;
const both = ['/api/tokens', '/api/rooms/verdi/tokens'];
const error = (code: string) => ({ error: { code, message: expect.any(String), hint: expect.stringMatching(/./) } });
const inAnHour = () => new Date(now + hourMs).toISOString();
/** Makes a token by the API. */
async function make(path: string, body: unknown, by?: string): Promise<{ id: string; token: string }> {
  const { status, text } = await api.ask('POST', path, body, by);
  expect(status, text).toBe(201);
  return JSON.parse(text);
}

test('tokens of the relay and of a room are made, listed, rotated and revoked, each in its own place', async () => {
  const [relay = '', room = ''] = both;
  const admin = await make(relay, { right: 'admin', label: ' Ada ', expires: inAnHour() });
  expect(admin.token).toMatch(/^adm_/);
  const screens = await make(relay, { right: 'read', label: 'screens' }, admin.token);
  expect(screens.token).toMatch(/^sub_/);
  const kit = await make(room, { right: 'publish', expires: now + 500 }, admin.token);
  const usual = { createdMs: now, successor: null, lastUsedMs: null, expiresMs: null };
  expect((await api.ask('GET', relay)).body).toEqual({
    tokens: expect.arrayContaining([
      { ...usual, id: admin.id, right: 'admin', label: 'Ada', room: null, expiresMs: now + hourMs, lastUsedMs: now },
      { ...usual, id: screens.id, right: 'read', label: 'screens', room: null },
    ]),
  });
  expect((await api.ask('GET', room)).body).toEqual({
    tokens: [{ ...usual, id: kit.id, right: 'publish', label: '', room: 'verdi', expiresMs: now + 500 }],
  });
  const next = await make(`${relay}/${screens.id}/rotation`, { expires: inAnHour() });
  expect((await api.ask('GET', relay)).body).toMatchObject({
    tokens: expect.arrayContaining([
      expect.objectContaining({ id: screens.id, successor: next.id, expiresMs: now + 24 * hourMs }),
      expect.objectContaining({ id: next.id, right: 'read', label: 'screens', expiresMs: now + hourMs }),
    ]),
  });
  for (const { token } of [screens, next])
    expect((await api.ask('GET', '/api/rooms/rossini/transcript.txt', undefined, token)).status).toBe(200);
  expect((await api.ask('DELETE', `${room}/${next.id}`)).status).toBe(404);
  expect((await api.ask('DELETE', `/api/rooms/rossini/tokens/${kit.id}`)).status).toBe(404);
  expect((await api.ask('DELETE', `${relay}/${kit.id}`)).status).toBe(404);
  expect((await api.ask('DELETE', `${relay}/${next.id}`)).status).toBe(204);
  expect((await api.ask('DELETE', `${relay}/${next.id}`)).body).toEqual(error('token-unknown'));
  now += hourMs;
  expect((await api.ask('GET', relay, undefined, admin.token)).body).toEqual(error('token-ended'));
});

test('rotations are told what is wrong with them', async () => {
  for (const path of both) {
    const { id } = await make(path, { right: 'read' });
    const rotate = (body: unknown, of = id) => api.ask('POST', `${path}/${of}/rotation`, body);
    for (const body of [{ overlapHours: -1 }, { overlapHours: 721 }, { overlapHours: '1' }, { label: 'x' }, '[]', '{'])
      expect((await rotate(body)).status, JSON.stringify(body)).toBe(400);
    expect(await rotate({ expires: now })).toMatchObject({ status: 400, body: error('token-past') });
    expect(await rotate({}, '0123456789ab')).toMatchObject({ status: 404, body: error('token-unknown') });
    expect((await rotate({ overlapHours: 0.5, expires: null })).status).toBe(201);
    expect(await rotate({})).toMatchObject({ status: 409, body: error('token-rotating') });
  }
});

test('tokens that make no sense are refused, every mistake named', async () => {
  const wrong: [path: string, body: unknown][] = [
    ['/api/tokens', { right: 'publish' }],
    ['/api/rooms/verdi/tokens', { right: 'admin' }],
  ];
  for (const path of both)
    wrong.push(
      [path, {}],
      [path, { right: 'read', label: 'x'.repeat(201) }],
      [path, { right: 'read', label: 'two\nlines' }],
      [path, { right: 'read', expires: 'tomorrow' }],
      [path, { right: 'read', expires: '2100-01-01' }],
      [path, { right: 'read', expires: -1 }],
      [path, { right: 'read', expires: 1e300 }],
      [path, { right: 'read', room: 'rossini' }],
      [path, { right: 'read', id: 'mine' }],
    );
  for (const [path, body] of wrong)
    expect(await api.ask('POST', path, body), JSON.stringify(body)).toMatchObject({
      status: 400,
      body: error('invalid'),
    });
  for (const path of both)
    for (const expires of [now, 0, '1970-01-01T00:00:00Z'])
      expect(await api.ask('POST', path, { right: 'read', expires })).toMatchObject({
        status: 400,
        body: error('token-past'),
      });
  const { text } = await api.ask('POST', '/api/tokens', { right: 'all', label: 5, expires: 'x', more: 1 });
  for (const name of ['right', 'label', 'expires', 'more']) expect(text).toContain(name);
  expect((await api.ask('GET', '/api/tokens')).body).toEqual({ tokens: [] });
});

test('/openapi.json tells how each call is opened: by bearer, by cookie, or by nothing', async () => {
  const { body } = await api.ask('GET', '/openapi.json', undefined, null);
  expect(body).toMatchObject({
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        cookie: { type: 'apiKey', in: 'cookie', name: '__Host-sala-session' },
      },
    },
  });
  const { paths }: { paths: Record<string, Record<string, { security?: object[] }>> } = JSON.parse(
    JSON.stringify(body),
  );
  const byWays: Record<string, string[]> = {};
  for (const [path, calls] of Object.entries(paths))
    for (const [method, { security = [] }] of Object.entries(calls)) {
      const ways = security.flatMap((each) => Object.keys(each)).join(' ') || 'nothing';
      byWays[ways] = [...(byWays[ways] ?? []), `${method} ${path}`];
    }
  expect(byWays.nothing?.sort()).toEqual(expect.arrayContaining(['get /healthz', 'get /readyz', 'post /api/session']));
  for (const call of byWays.nothing ?? []) expect(call).toMatch(/session|healthz|readyz|audio|captions|metrics-listen/);
  const rotation = ['/api/tokens/{id}/rotation', '/api/rooms/{room}/tokens/{id}/rotation'].map(
    (each) => `post ${each}`,
  );
  expect(byWays['bearer cookie']).toEqual(
    expect.arrayContaining([
      ...['get /api/session', 'delete /api/session', 'get /api/audit', 'get /api/live', 'post /api/tokens'],
      ...rotation,
    ]),
  );
});
