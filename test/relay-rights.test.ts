import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { audioProtocol, captionsProtocol, liveProtocol } from '../relay/protocol.js';
import { Tokens } from '../relay/tokens.ts';
import { adminSecret, bearer } from './harness/doors.ts';
import { WholeRelay } from './harness/whole-relay.ts';

const made = (prefix: string) => `${prefix}_0123456789ab_${'A'.repeat(43)}`;

describe('every door', () => {
  let relay: WholeRelay;
  const open: Record<'publish' | 'read' | 'admin' | 'all', string> = { publish: '', read: '', admin: '', all: '' };

  beforeEach(async () => {
    relay = await new WholeRelay({ doors: { closeTimeoutMs: 200, maxUpgradesPerMinute: 10_000 } }).start();
    relay.house.rooms.put('verdi');
    relay.house.rooms.put('rossini');
    open.publish = relay.house.tokens.create('verdi', 'publish', 'kit').token;
    open.read = relay.house.tokens.create('verdi', 'read', 'screen').token;
    open.admin = relay.house.tokens.create(null, 'admin', 'Ada').token;
    open.all = relay.house.tokens.create(null, 'read', 'every screen').token;
  });
  afterEach(() => relay.stop());

  const sockets = {
    publish: [
      ['/api/rooms/verdi/audio', [audioProtocol]],
      ['/ws/audio/verdi', []],
    ],
    read: [
      ['/api/rooms/verdi/captions', [captionsProtocol]],
      ['/ws/transcript/verdi', []],
    ],
    admin: [['/api/live', [liveProtocol]]],
  } as const;
  const calls = {
    read: [
      ...['json', 'vtt', 'srt', 'txt'].map((each) => `/api/rooms/verdi/transcript.${each}`),
      '/api/rooms/verdi/gaps',
      '/api/rooms/verdi/now.txt',
      '/api/rooms/verdi/now.json',
    ],
    admin: [
      ...['/api/rooms', '/api/rooms/verdi', '/api/rooms/verdi/tokens', '/api/tokens', '/api/audit', '/api/session'],
      ...['/api/costs', '/metrics', '/api/text-rules', '/api/vocabulary', '/api/rooms/verdi/talks'],
    ],
  } as const;
  /** What a door answers to a token: 101 and 200 are open. */
  async function answers(token: string | null): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    const headers = token === null ? {} : { authorization: `Bearer ${token}` };
    for (const [path, protocols] of [...sockets.publish, ...sockets.read, ...sockets.admin]) {
      const way = relay.house.connect(path, [...protocols], token === null ? {} : bearer(token));
      const refused = await Promise.race([way.refused, way.opened.then(() => null)]);
      found[path] = refused ? `${refused.status} ${codeIn(refused.body)}` : '101';
      way.socket.terminate();
    }
    for (const path of [...calls.read, ...calls.admin]) {
      const { status, body } = await relay.call('GET', path, headers);
      found[path] = status === 200 ? '200' : `${status} ${codeIn(body)}`;
    }
    return found;
  }
  const paths = (right: 'publish' | 'read' | 'admin') => [
    ...sockets[right].map(([path]) => path),
    ...(right === 'publish' ? [] : calls[right]),
  ];

  test.each([
    ['no token', () => null, '401 token-missing'],
    ['nonsense', () => 'nonsense', '401 token-unknown'],
    ['a made-up audio token', () => made('pub'), '401 token-unknown'],
    ['a made-up read token', () => made('sub'), '401 token-unknown'],
    ['a made-up admin token', () => made('adm'), '401 token-unknown'],
    ['the admin token with one letter more', () => `${adminSecret}x`, '401 token-unknown'],
    ['an admin token of another secret', () => `${open.admin.slice(0, 17)}${'A'.repeat(43)}`, '401 token-unknown'],
  ])('refuses %s', async (_, token, refusal) => {
    for (const [path, answer] of Object.entries(await answers(token())))
      expect(`${path} ${answer}`).toBe(`${path} ${refusal}`);
  });

  test('refuses what was revoked, has expired, or gave way to its successor', async () => {
    const { tokens } = relay.house;
    const past = Date.now() - 1000;
    for (const [room, access] of [
      ['verdi', 'publish'],
      ['verdi', 'read'],
      [null, 'read'],
      [null, 'admin'],
    ] as const) {
      const revoked = tokens.create(room, access, '');
      tokens.delete(room, revoked.id);
      const rotated = tokens.create(room, access, '');
      tokens.rotate(room, rotated.id, 0);
      const expired = new Tokens(relay.house.rooms.db, () => past - 1000).create(room, access, '', past);
      for (const { token } of [revoked, rotated, expired])
        for (const [path, answer] of Object.entries(await answers(token)))
          expect(`${path} ${answer}`).toBe(`${path} 401 token-ended`);
    }
  });

  test('opens to its own right and to no other', async () => {
    const { tokens } = relay.house;
    const wrong = '403 token-wrong-right';
    const expected: [token: string, publish: string, read: string, admin: string][] = [
      [open.publish, '101', wrong, wrong],
      [open.read, wrong, '101', wrong],
      [open.all, wrong, '101', wrong],
      [open.admin, wrong, '101', '101'],
      [adminSecret, wrong, '101', '101'],
      [tokens.create('rossini', 'publish', '').token, '403 token-other-room', wrong, wrong],
      [tokens.create('rossini', 'read', '').token, wrong, '403 token-other-room', wrong],
    ];
    for (const [token, publish, read, admin] of expected) {
      const found = await answers(token);
      for (const [right, answer] of [
        ['publish', publish],
        ['read', read],
        ['admin', admin],
      ] as const)
        for (const path of paths(right)) {
          const opened = answer === '101' && path.startsWith('/api/rooms/verdi/now') ? '200' : answer;
          const isSocket = sockets[right].some(([each]) => each === path);
          expect(`${path} ${found[path]}`).toBe(`${path} ${opened === '101' && !isSocket ? '200' : opened}`);
        }
    }
  });

  test('of captions opens to a read token of every room, in the address too where one may stand', async () => {
    relay.house.rooms.put('puccini'); // made after the token
    for (const room of ['verdi', 'puccini']) {
      await relay.house.connect(`/api/rooms/${room}/captions`, [captionsProtocol, `bearer.${open.all}`]).opened;
      await relay.house.connect(`/t/${open.all}/ws/transcript/${room}`).opened;
      await relay.house.connect(`/ws/transcript/${room}?token=${open.all}`).opened;
      for (const now of ['now.txt', 'now.json'])
        expect((await relay.call('GET', `/api/rooms/${room}/${now}?token=${open.all}`)).status).toBe(200);
    }
    expect((await relay.call('GET', `/api/rooms/verdi/transcript.txt?token=${open.all}`)).status).toBe(401);
    for (const token of [open.admin, adminSecret])
      expect(codeIn((await relay.call('GET', `/api/rooms/verdi/now.txt?token=${token}`)).body)).toBe('token-unknown');
    expect(codeIn((await relay.call('GET', `/api/rooms/verdi/now.txt?token=${open.publish}`)).body)).toBe(
      'token-wrong-right',
    );
    expect((await relay.house.connect(`/api/live?token=${open.admin}`, [liveProtocol]).refused).status).toBe(401);
  });

  test('that a token opened closes within a second of its revocation, and no other', async () => {
    const kit = relay.house.connect('/api/rooms/verdi/audio', [audioProtocol], bearer(open.publish));
    const screens = [
      relay.house.connect('/api/rooms/verdi/captions', [captionsProtocol], bearer(open.all)),
      relay.house.connect('/api/rooms/rossini/captions', [captionsProtocol], bearer(open.all)),
      relay.house.connect('/ws/transcript/verdi', [], bearer(open.all)),
    ];
    const page = relay.house.connect('/api/live', [liveProtocol], bearer(open.admin));
    const other = relay.house.connect('/api/rooms/verdi/captions', [captionsProtocol], bearer(open.read));
    await Promise.all([kit, page, other, ...screens].map(({ opened }) => opened));
    const idOf = (token: string) => token.split('_')[1] ?? '';
    for (const [path, token, closing] of [
      ['/api/rooms/verdi/tokens', open.publish, [kit]],
      ['/api/tokens', open.all, screens],
      ['/api/tokens', open.admin, [page]],
    ] as const) {
      const began = performance.now();
      expect(
        (await relay.call('DELETE', `${path}/${idOf(token)}`, { authorization: `Bearer ${adminSecret}` })).status,
      ).toBe(204);
      for (const { closed } of closing)
        expect(await closed).toEqual({ code: 4401, reason: 'the token or the login ended' });
      expect(performance.now() - began).toBeLessThan(1000);
    }
    expect(other.socket.readyState).toBe(other.socket.OPEN);
  });

  test('that a token opened closes within a second of its end', async () => {
    const expiresMs = Date.now() + 700;
    const ends = relay.house.tokens.create('verdi', 'read', '', expiresMs);
    const rotated = relay.house.tokens.create('verdi', 'publish', '');
    const screen = relay.house.connect('/api/rooms/verdi/captions', [captionsProtocol], bearer(ends.token));
    const kit = relay.house.connect('/api/rooms/verdi/audio', [audioProtocol], bearer(rotated.token));
    await Promise.all([screen.opened, kit.opened]);
    const next = relay.house.tokens.rotate('verdi', rotated.id, 700);
    const rotatedMs = Date.now() + 700;
    const newKit = relay.house.connect('/api/rooms/verdi/audio', [audioProtocol], bearer(next?.token ?? ''));
    await newKit.opened;
    expect((await screen.closed).code).toBe(4401);
    expect(Date.now()).toBeGreaterThanOrEqual(expiresMs);
    expect(Date.now()).toBeLessThan(expiresMs + 1000);
    expect((await kit.closed).code).toBe(4401);
    expect(Date.now()).toBeLessThan(rotatedMs + 1000);
    expect(newKit.socket.readyState).toBe(newKit.socket.OPEN);
  });

  test('that stays open counts as use of its token', async () => {
    await relay.stop();
    relay = await new WholeRelay({ doors: { readerPingMs: 20, audioPingMs: 20 } }).start();
    relay.house.rooms.put('verdi');
    const used = vi.spyOn(relay.house.tokens, 'use');
    const { id, token } = relay.house.tokens.create('verdi', 'publish', '');
    await relay.house.connect('/api/rooms/verdi/audio', [audioProtocol], bearer(token)).opened;
    await expect.poll(() => used.mock.calls).toContainEqual([id]);
  });
});

/** The code of a refusal's body. */
function codeIn(body: unknown): string {
  const text = JSON.stringify(body);
  return /"code":"([\w-]+)"/.exec(text)?.[1] ?? text;
}
