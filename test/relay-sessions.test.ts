import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AdminSessions } from '../relay/admin-sessions.ts';
import { relayOptions } from '../relay/options.ts';
import { Origins } from '../relay/origins.ts';
import { readSessionCookie } from '../relay/session-cookie.ts';
import { Tokens } from '../relay/tokens.ts';
import { origin, TestApi } from './harness/api.ts';
import { adminSecret } from './harness/doors.ts';
import { FakeRooms } from './harness/fake-rooms.ts';

const hourMs = 3_600_000;
const secure = '__Host-sala-session';
/** The name and value of the answer's cookie, as a browser sends it back. */
const cookieOf = (headers: Headers) => /^[^;]*/.exec(headers.get('set-cookie') ?? '')?.[0] ?? '';
const secretIn = (cookie: string) => cookie.slice(cookie.indexOf('=') + 1);

describe('the calls of a session', () => {
  let api: TestApi;
  let now: number;

  beforeEach(() => {
    now = Date.now();
    api = new TestApi({ now: () => now });
    api.rooms.put('verdi');
  });
  afterEach(() => api.rooms.remove());

  const login = (token = adminSecret, headers: Record<string, string> = { origin }, on = api) =>
    on.send('POST', '/api/session', { body: { token }, headers });
  const withCookie = (cookie: string, method = 'GET', path = '/api/rooms', body?: unknown, on = api) =>
    on.send(method, path, { body, headers: { cookie, origin } });
  const code = (body: unknown) => /"code":"([\w-]+)"/.exec(JSON.stringify(body))?.[1];

  test('a login of a clock that was years ahead does not last for years', async () => {
    now += 20 * 365 * 24 * hourMs;
    const cookie = cookieOf((await login()).headers);
    now -= hourMs;
    expect((await withCookie(cookie)).status).toBe(200);
    now -= 20 * 365 * 24 * hourMs;
    expect((await withCookie(cookie)).status).toBe(401);
    api.rights.sessions.sweep();
    expect(api.rights.sessions.count).toBe(0);
  });

  test('log a browser in, tell who it is, and log it out', async () => {
    const answer = await login();
    expect(answer).toMatchObject({ status: 200, body: { expires: now + 12 * hourMs } });
    const cookie = cookieOf(answer.headers);
    expect(answer.headers.get('set-cookie')).toBe(
      `${cookie}; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure`,
    );
    expect(cookie).toMatch(/^__Host-sala-session=[0-9a-f]{12}\.[\w-]{43}$/);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await withCookie(cookie, 'GET', '/api/session')).toMatchObject({
      status: 200,
      body: { actor: 'admin token of the file', expires: now + 12 * hourMs },
    });
    expect((await withCookie(cookie)).status).toBe(200);
    expect((await withCookie(cookie, 'PUT', '/api/rooms/verdi', { name: 'Verdi' })).status).toBe(200);
    expect((await withCookie(cookie, 'GET', '/api/rooms/verdi/transcript.txt')).status).toBe(200);
    const out = await withCookie(cookie, 'DELETE', '/api/session');
    expect(out.status).toBe(204);
    expect(out.headers.get('set-cookie')).toBe(`${secure}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure`);
    expect(await withCookie(cookie)).toMatchObject({ status: 401, body: { error: { code: 'session-ended' } } });
    expect((await withCookie(cookie, 'DELETE', '/api/session')).status).toBe(204);
    expect((await api.send('GET', '/api/session')).status).toBe(401);
  });

  test('take admin tokens alone', async () => {
    const { tokens } = api;
    const admin = tokens.create(null, 'admin', 'Ada', now + hourMs);
    const answer = await login(admin.token);
    expect(answer).toMatchObject({ status: 200, body: { expires: now + hourMs } }); // never longer than its token
    expect((await withCookie(cookieOf(answer.headers), 'GET', '/api/session')).body).toEqual({
      actor: `token "Ada" (${admin.id})`,
      expires: now + hourMs,
    });
    const refusals: [token: string, status: number, code: string][] = [
      ['nonsense', 401, 'token-unknown'],
      [`${adminSecret}x`, 401, 'token-unknown'],
      [tokens.create('verdi', 'publish', '').token, 403, 'token-wrong-right'],
      [tokens.create('verdi', 'read', '').token, 403, 'token-wrong-right'],
      [tokens.create(null, 'read', '').token, 403, 'token-wrong-right'],
    ];
    tokens.delete(null, admin.id);
    refusals.push([admin.token, 401, 'token-ended']);
    for (const [token, status, expected] of refusals) {
      const refused = await login(token);
      expect({ token, status: refused.status, code: code(refused.body) }).toEqual({ token, status, code: expected });
      expect(refused.headers.get('set-cookie')).toBeNull();
    }
    for (const body of [{}, { token: '' }, { token: 5 }, { token: adminSecret, more: 1 }, '{', undefined])
      expect((await api.send('POST', '/api/session', { body, headers: { origin } })).status).toBe(400);
  });

  const foreign = ['https://evil.example', 'null', 'http://captions.example', `${origin}:444`, `${origin}, ${origin}`];

  test.each(foreign)('refuse a page at %s, whatever it brings', async (from) => {
    const refused = { status: 403, body: { error: { code: 'origin' } } };
    expect(await login(adminSecret, { origin: from })).toMatchObject(refused);
    const cookie = cookieOf((await login()).headers);
    for (const [method, path, body] of [
      ['GET', '/api/rooms'],
      ['PUT', '/api/rooms/verdi', { name: 'Taken' }],
      ['POST', '/api/rooms/verdi/clear'],
      ['DELETE', '/api/rooms/verdi'],
      ['DELETE', '/api/session'],
    ] as const)
      for (const sent of [cookie, `sala-session=${secretIn(cookie)}; ${cookie}`])
        expect(await api.send(method, path, { body, headers: { cookie: sent, origin: from } })).toMatchObject(refused);
    const out = await api.send('DELETE', '/api/session', { headers: { origin: from } });
    expect(out).toMatchObject(refused);
    expect(out.headers.get('set-cookie')).toBeNull();
    expect(api.rooms.get('verdi')?.record.settings.title).not.toBe('Taken');
    expect((await withCookie(cookie)).status).toBe(200); // it was not logged out
  });

  test('demand an origin of whatever changes something, and of nothing else', async () => {
    const cookie = cookieOf((await login(adminSecret, {})).headers); // no browser, so no origin
    const bare = (method: string, path: string, body?: unknown) =>
      api.send(method, path, { body, headers: { cookie } });
    expect((await bare('GET', '/api/rooms')).status).toBe(200);
    expect((await bare('HEAD', '/api/rooms')).status).toBe(200);
    for (const [method, path, body] of [
      ['PUT', '/api/rooms/verdi', {}],
      ['POST', '/api/tokens', { right: 'admin' }],
      ['DELETE', '/api/rooms/verdi', undefined],
      ['DELETE', '/api/session', undefined],
      ['POST', '/api/text-rules/preview', { text: 'x' }],
    ] as const)
      expect(await bare(method, path, body)).toMatchObject({ status: 403, body: { error: { code: 'origin' } } });
    const { hint } = JSON.parse((await bare('PUT', '/api/rooms/verdi', {})).text).error;
    expect(hint).toContain(origin);
  });

  test('are judged by the bearer where both come, and a bearer needs no origin', async () => {
    const cookie = cookieOf((await login()).headers);
    const { token: read } = api.tokens.create('verdi', 'read', '');
    const both = (token: string, from: string) => ({ cookie, origin: from, authorization: `Bearer ${token}` });
    for (const [token, status] of [
      ['nonsense', 401],
      [read, 403],
      [adminSecret, 200],
    ] as const)
      for (const from of [origin, 'https://evil.example', 'null'])
        expect((await api.send('PUT', '/api/rooms/verdi', { body: {}, headers: both(token, from) })).status).toBe(
          status,
        );
    await api.send('DELETE', '/api/session', { headers: both(adminSecret, origin) });
    expect((await withCookie(cookie)).status).toBe(200); // the bearer has no session to end
    const basic = { cookie, origin, authorization: 'Basic dTpw' }; // of a proxy before the relay
    expect((await api.send('PUT', '/api/rooms/verdi', { body: {}, headers: basic })).status).toBe(200);
  });

  test('open no call of the readers where a page is foreign, and never a sign’s', async () => {
    const cookie = cookieOf((await login()).headers);
    const from = (each: string) =>
      api.send('GET', '/api/rooms/verdi/transcript.txt', { headers: { cookie, origin: each } });
    expect((await from(origin)).status).toBe(200);
    expect(await from('https://evil.example')).toMatchObject({
      status: 401,
      body: { error: { code: 'token-missing' } },
    });
    expect((await withCookie(cookie, 'GET', '/api/rooms/verdi/now.txt')).status).toBe(401); // any page may ask it
  });

  test('know a cookie by its name, once, and whole', async () => {
    const cookie = cookieOf((await login()).headers);
    const value = secretIn(cookie);
    const good = [cookie, `a=b; ${cookie}`, `${cookie};x`, ` ${cookie} ; y=`];
    for (const each of good) expect((await withCookie(each)).status, each).toBe(200);
    const bad = [
      `sala-session=${value}`,
      `__host-sala-session=${value}`,
      `x${cookie}`,
      `${cookie}; ${cookie}`,
      `${secure}=planted; ${cookie}`,
      `${cookie}; ${secure}=planted`,
      `${cookie}x`,
      cookie.slice(0, -1),
      `${secure}="${value}"`,
      `${secure}=`,
      secure,
      `${cookie.slice(0, -43)}${'A'.repeat(43)}`,
      `${secure}=0123456789ab.${value.slice(13)}`,
    ];
    for (const each of bad) expect((await withCookie(each)).status, each).toBe(401);
  });

  test('do not know the cookie of another relay', async () => {
    const other = new TestApi();
    const cookie = cookieOf((await login(adminSecret, { origin }, other)).headers);
    expect((await withCookie(cookie, 'GET', '/api/rooms', undefined, other)).status).toBe(200);
    expect(await withCookie(cookie)).toMatchObject({ status: 401, body: { error: { code: 'session-ended' } } });
    other.rooms.remove();
  });

  test('go on after a restart, but not with another admin token in the file', async () => {
    const { token, id } = api.tokens.create(null, 'admin', 'Ada');
    const ofFile = cookieOf((await login()).headers);
    const ofToken = cookieOf((await login(token)).headers);
    const restarted = (secret = adminSecret) => {
      api.rights.stop();
      api = new TestApi({ rooms: api.rooms, now: () => now, secret });
    };
    restarted();
    for (const cookie of [ofFile, ofToken]) expect((await withCookie(cookie)).status).toBe(200);
    restarted('another-secret-of-the-organizers');
    expect((await withCookie(ofFile)).status).toBe(401);
    expect((await withCookie(ofToken)).status).toBe(200);
    api.tokens.delete(null, id);
    expect((await withCookie(ofToken)).status).toBe(401);
    restarted();
    expect((await withCookie(ofFile)).status).toBe(200); // it was the same token again
    expect((await withCookie(ofToken)).status).toBe(401);
  });

  test('end 12 hours after the login, and two after the last call', async () => {
    const busy = cookieOf((await login()).headers);
    const idle = cookieOf((await login()).headers);
    for (let hour = 1; hour < 12; hour++) {
      now += hourMs;
      api.rights.sessions.sweep();
      expect((await withCookie(busy)).status, `${hour} h`).toBe(200);
      if (hour === 2) expect((await withCookie(idle)).status).toBe(401);
    }
    now += hourMs - 1;
    expect((await withCookie(busy)).status).toBe(200);
    now += 1;
    expect((await withCookie(busy)).status).toBe(401);
    api.rights.sessions.sweep();
    expect(api.rights.sessions.count).toBe(0);
  });

  test('begin anew with each login of a browser', async () => {
    const first = cookieOf((await login()).headers);
    const second = cookieOf((await login(adminSecret, { origin, cookie: first })).headers);
    expect(second).not.toBe(first);
    expect((await withCookie(first)).status).toBe(401);
    expect((await withCookie(second)).status).toBe(200);
  });

  test('stand nowhere in clear: not in the database, its copy, or a line of the log', async () => {
    const cookies = [cookieOf((await login()).headers), cookieOf((await login()).headers)];
    for (const cookie of cookies) await withCookie(cookie);
    api.rights.stop();
    api.rooms.db.updateCopy();
    const { dir } = api.rooms;
    const bytes = Buffer.concat(readdirSync(dir).map((name) => readFileSync(join(dir, name))));
    for (const cookie of cookies) {
      const [id = '', secret = ''] = secretIn(cookie).split('.');
      expect(bytes.includes(id)).toBe(true);
      expect(bytes.includes(secret)).toBe(false);
      expect(bytes.includes(Buffer.from(secret, 'base64url'))).toBe(false);
      expect(api.lines.join('')).not.toContain(secret);
    }
    expect(bytes.includes(adminSecret)).toBe(false);
    expect(api.lines.join('')).not.toContain(adminSecret);
  });
});

describe('sessions', () => {
  let rooms: FakeRooms;
  let now = 1_000_000_000;
  const made = (limits = {}) => {
    const tokens = new Tokens(rooms.db, () => now);
    return { tokens, sessions: new AdminSessions(rooms.db, tokens, Buffer.alloc(32), () => now, limits) };
  };
  beforeEach(() => {
    rooms = new FakeRooms();
  });
  afterEach(() => rooms.remove());

  test('are so many at most; the one that was used longest ago gives way', () => {
    const { sessions } = made({ maxSessions: 3 });
    const ended: string[] = [];
    sessions.onEnded((id) => ended.push(id));
    const [a, b, c] = [1, 2, 3].map(() => {
      now += 1000;
      return sessions.begin(null);
    });
    now += 1000;
    sessions.find(a?.cookie ?? '');
    sessions.begin(null);
    expect(ended).toEqual([b?.session.id]);
    expect(sessions.count).toBe(3);
    expect(sessions.find(b?.cookie ?? '')).toBeNull();
    expect(sessions.find(c?.cookie ?? '')).not.toBeNull();
  });

  test('begin, are known and end while the disk takes nothing, and are written once it does', () => {
    const { sessions } = made();
    const before = sessions.begin(null);
    rooms.db.pragma('query_only = ON');
    const { cookie } = sessions.begin(null);
    sessions.end(before.session.id);
    expect(sessions.find(cookie)).not.toBeNull();
    expect(sessions.find(before.cookie)).toBeNull();
    sessions.sweep();
    expect(made().sessions.find(cookie)).toBeNull();
    rooms.db.pragma('query_only = OFF');
    sessions.sweep();
    const { sessions: restarted } = made();
    expect(restarted.find(cookie)).not.toBeNull();
    expect(restarted.find(before.cookie)).toBeNull();
  });

  test('remember over a restart when they were used', () => {
    const { sessions } = made();
    const { cookie } = sessions.begin(null);
    now += 1.5 * hourMs;
    sessions.find(cookie);
    sessions.keep();
    now += 1.5 * hourMs;
    expect(made().sessions.find(cookie)).not.toBeNull();
    now += 2 * hourMs;
    expect(made().sessions.find(cookie)).toBeNull();
  });

  test('end with the token that they began with, also where that happened while nobody looked', () => {
    const { tokens, sessions } = made();
    const admin = tokens.create(null, 'admin', '');
    const { cookie, session } = sessions.begin(admin.id);
    const ended: string[] = [];
    sessions.onEnded((id) => ended.push(id));
    tokens.delete(null, admin.id);
    expect(ended).toEqual([session.id]);
    const later = tokens.create(null, 'admin', '');
    const open = sessions.begin(later.id);
    new Tokens(rooms.db, () => now).delete(null, later.id);
    expect(sessions.find(open.cookie)).toBeNull();
    expect(made().sessions.find(open.cookie)).toBeNull();
    expect(sessions.find(cookie)).toBeNull();
  });
});

describe('origins', () => {
  const parse = (text: string) => relayOptions.shape.origin.safeParse(text);

  test('are told as a browser writes them', () => {
    expect(parse('https://captions.example.org, http://10.0.0.5:8080/').data).toEqual([
      'https://captions.example.org',
      'http://10.0.0.5:8080',
    ]);
    for (const wrong of [
      'captions.example.org',
      'https://captions.example.org/admin',
      'ftp://x',
      '*',
      '',
      'https://a:443,',
      'null',
    ])
      expect(parse(wrong).success, wrong).toBe(false);
  });

  test('are where the relay listens unless others are given; a loopback address has three names', () => {
    const listening = (url: string, given: string[] = []) => {
      const origins = new Origins(given);
      origins.listening(url);
      return origins.all();
    };
    expect(listening('http://192.168.7.1:8080')).toEqual(['http://192.168.7.1:8080']);
    const names = ['http://localhost:8080', 'http://127.0.0.1:8080', 'http://[::1]:8080'];
    for (const url of ['http://127.0.0.1:8080', 'http://localhost:8080', 'http://[::1]:8080', 'http://0.0.0.0:8080'])
      expect(listening(url)).toEqual(expect.arrayContaining(names));
    expect(listening('http://127.0.0.1:8080', [origin])).toEqual([origin]);
  });

  test('decide which cookie counts where there are some with TLS and some without', () => {
    const both = new Origins([origin, 'http://127.0.0.1:8080']);
    const cookies = `${secure}=tls; sala-session=plain`;
    expect(readSessionCookie(cookies, both, origin)).toBe('tls');
    expect(readSessionCookie(cookies, both, 'http://127.0.0.1:8080')).toBe('plain');
    expect(readSessionCookie(cookies, both, undefined)).toBe('tls');
    expect(readSessionCookie('sala-session=plain', both, undefined)).toBe('plain');
    expect(readSessionCookie('sala-session=plain', both, origin)).toBeNull();
    expect(readSessionCookie('sala-session=plain', new Origins([origin]), undefined)).toBeNull();
    expect(readSessionCookie(`${secure}=a; ${secure}=b; sala-session=plain`, both, undefined)).toBeNull();
  });
});
