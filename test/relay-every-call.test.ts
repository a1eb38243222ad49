import { afterEach, beforeEach, expect, test } from 'vitest';
import { origin, TestApi } from './harness/api.ts';
import { adminSecret } from './harness/doors.ts';

/** Every call of the description, whoever added it: what stands there cannot be forgotten here. */

let api: TestApi;

beforeEach(() => {
  api = new TestApi();
  api.rooms.put('verdi').say('kept');
  api.rooms.put('rossini');
});
afterEach(() => api.rooms.remove());

interface Call {
  readonly method: string;
  readonly path: string;
}
const readable = /\/(transcript\.\w+|transcripts|gaps|now\.\w+|captions)$/;
const published = /\/source$/;
/** What only a kit's key opens. */
const ofKits = /^\/api\/kit(\/|$)/;
/** No token is asked for, or the socket's own door asks. */
const open = /^(GET \/(healthz|readyz)|POST \/api\/(session|enrolment)|GET .*\/audio)$/;
const values: Readonly<Record<string, string>> = {
  ...{ room: 'verdi', id: '0123456789ab', seq: '1', talk: 'keynote', kit: 'verdi-1' },
};

async function calls(): Promise<{ admin: Call[]; read: Call[]; publish: Call[]; kit: Call[] }> {
  const { text } = await api.ask('GET', '/openapi.json', undefined, null);
  const { paths }: { paths: Record<string, Record<string, unknown>> } = JSON.parse(text);
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({
      method: method.toUpperCase(),
      path: path.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? 'x'),
    })),
  );
  const guarded = all.filter(({ method, path }) => !open.test(`${method} ${path}`));
  return {
    admin: guarded.filter(({ path }) => !readable.test(path) && !published.test(path) && !ofKits.test(path)),
    kit: guarded.filter(({ path }) => ofKits.test(path)),
    publish: guarded.filter(({ path }) => published.test(path)),
    read: guarded.filter(({ path }) => readable.test(path)),
  };
}

const send = async ({ method, path }: Call, headers: Record<string, string>) => {
  const body = method === 'PUT' || method === 'POST' ? {} : undefined;
  const answer = await api.send(method, path, { body, headers });
  return `${method} ${path} ${answer.status} ${/"code":"([\w-]+)"/.exec(answer.text)?.[1] ?? ''}`;
};
const by = (token: string) => ({ authorization: `Bearer ${token}` });

test('every call refuses no token, wrong ones, ended ones, and those of another right or room', async () => {
  const { admin, read, publish, kit } = await calls();
  expect(admin.length).toBeGreaterThan(25);
  expect(read.length).toBeGreaterThan(5);
  expect(publish).toHaveLength(1);
  expect(kit.length).toBeGreaterThan(0);
  const { tokens } = api;
  const revoked = tokens.create(null, 'admin', '');
  tokens.delete(null, revoked.id);
  const rotated = tokens.create('verdi', 'read', '');
  tokens.rotate('verdi', rotated.id, 0);
  const nobody: [headers: Record<string, string>, refusal: string][] = [
    [{}, '401 token-missing'],
    [by('nonsense'), '401 token-unknown'],
    [by(`adm_0123456789ab_${'A'.repeat(43)}`), '401 token-unknown'],
    [by(`${adminSecret}x`), '401 token-unknown'],
    [by(revoked.token), '401 token-ended'],
    [by(rotated.token), '401 token-ended'],
  ];
  for (const call of [...admin, ...read, ...publish, ...kit])
    for (const [headers, refusal] of nobody) {
      // Who is not logged in cannot be logged out, and is told nothing else.
      const isLogout = `${call.method} ${call.path}` === 'DELETE /api/session' && refusal === '401 token-missing';
      expect(await send(call, headers)).toBe(`${call.method} ${call.path} ${isLogout ? '204 ' : refusal}`);
    }
  const wrong = [
    tokens.create('verdi', 'publish', '').token,
    tokens.create('verdi', 'read', '').token,
    tokens.create('rossini', 'read', '').token,
    tokens.create(null, 'read', '').token,
  ];
  api.kits.create('rossini-1', 'solo', 'rossini', '');
  const key = `kit_0123456789ab_${'k'.repeat(43)}`;
  const { token: enrolment } = api.kits.renew('rossini-1');
  // Whoever has no login to end is refused as by every other call; what enrols a kit opens nothing but that.
  for (const call of [...admin, ...read, ...publish, ...kit])
    expect(await send(call, by(enrolment))).toBe(`${call.method} ${call.path} 403 token-wrong-right`);
  api.kits.enrol(enrolment, key, { version: '1.0.0' });
  for (const call of [...read, ...publish])
    expect(await send(call, by(key))).toBe(`${call.method} ${call.path} 403 kit-other-room`);
  for (const call of kit) {
    expect(await send(call, by(key))).toMatch(/ (200|404|426) /);
    for (const token of [...wrong, adminSecret])
      expect(await send(call, by(token))).toBe(`${call.method} ${call.path} 403 token-wrong-right`);
  }
  for (const call of admin)
    for (const token of [...wrong, key])
      expect(await send(call, by(token))).toBe(`${call.method} ${call.path} 403 token-wrong-right`);
  for (const call of read) {
    expect(await send(call, by(wrong[0] ?? ''))).toBe(`${call.method} ${call.path} 403 token-wrong-right`);
    expect(await send(call, by(wrong[2] ?? ''))).toBe(`${call.method} ${call.path} 403 token-other-room`);
    for (const token of [wrong[1], wrong[3], adminSecret])
      expect(await send(call, by(token ?? ''))).toMatch(/ (200|426) /);
  }
  for (const call of publish) {
    expect(await send(call, by(wrong[0] ?? ''))).toBe(`${call.method} ${call.path} 200 `);
    const elsewhere = tokens.create('rossini', 'publish', '').token;
    expect(await send(call, by(elsewhere))).toBe(`${call.method} ${call.path} 403 token-other-room`);
    for (const token of [...wrong.slice(1), adminSecret])
      expect(await send(call, by(token))).toBe(`${call.method} ${call.path} 403 token-wrong-right`);
  }
  expect(api.rights.audit.list({ limit: 10 }).entries).toEqual([]);
  expect(api.rooms.get('verdi')?.log.seq).toBe(1);
});

test('every call refuses the cookie of an admin page to pages of other sites, and to none where it acts', async () => {
  const { admin } = await calls();
  const { headers } = await api.send('POST', '/api/session', { body: { token: adminSecret }, headers: { origin } });
  const cookie = /^[^;]*/.exec(headers.get('set-cookie') ?? '')?.[0] ?? '';
  const noted = api.rights.audit.list({ limit: 10 }).entries.length;
  for (const call of admin) {
    for (const from of ['https://evil.example', 'null', `${origin}.evil.example`])
      expect(await send(call, { cookie, origin: from })).toBe(`${call.method} ${call.path} 403 origin`);
    if (call.method !== 'GET') expect(await send(call, { cookie })).toBe(`${call.method} ${call.path} 403 origin`);
  }
  expect(api.rights.audit.list({ limit: 10 }).entries).toHaveLength(noted);
  expect((await api.send('GET', '/api/session', { headers: { cookie } })).status).toBe(200);
});
