import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { audioProtocol, captionsProtocol, liveProtocol } from '../relay/protocol.js';
import { adminSecret } from './harness/doors.ts';
import { WholeRelay } from './harness/whole-relay.ts';

/** The name and value of the answer's cookie, as a browser sends it back. */
const cookieOf = (headers: Headers) => /^[^;]*/.exec(headers.get('set-cookie') ?? '')?.[0] ?? '';

describe('the sockets of a session', () => {
  let relay: WholeRelay;
  let ours: string;

  beforeEach(async () => {
    relay = await new WholeRelay({ doors: { closeTimeoutMs: 200, readerPingMs: 20 } }).start();
    relay.house.rooms.put('verdi');
    ours = relay.url;
  });
  afterEach(() => relay.stop());

  const login = async (token = adminSecret) =>
    cookieOf((await relay.call('POST', '/api/session', { origin: ours }, { token })).headers);
  const live = (headers: Record<string, string>, path = '/api/live', protocol: string = liveProtocol) =>
    relay.house.connect(path, [protocol], { headers });

  test('open for a page of the relay, by any name of its own loopback address', async () => {
    const cookie = await login();
    expect(cookie).toMatch(/^sala-session=/); // without TLS a browser would not keep the other
    for (const from of [ours, ours.replace('127.0.0.1', 'localhost'), ours.replace('127.0.0.1', '[::1]')])
      await live({ cookie, origin: from }).opened;
    await live({ cookie, origin: ours }, '/api/rooms/verdi/captions', captionsProtocol).opened;
    expect(relay.house.doors.count('admin')).toBe(3);
  });

  test('that a bare token opens is noted once an hour and address, for nobody logged in; a page has its login', async () => {
    const bearer = { authorization: `Bearer ${adminSecret}` };
    for (let i = 0; i < 3; i++) await live(bearer).opened;
    const opened = () =>
      relay.house.rights.audit
        .list({ limit: 100 })
        .entries.flatMap(({ act, actor, address }) => (act.includes('live') ? [{ act, actor, address }] : []));
    const noted = { act: 'opened the live view', actor: 'admin token of the file', address: '127.0.0.1' };
    expect(opened()).toEqual([noted]);
    await live({ cookie: await login(), origin: ours }).opened;
    expect(opened()).toEqual([noted]);
  });

  test('are refused to a page of another site, to one that hides its site, and to none', async () => {
    const cookie = await login();
    const { port } = relay.house;
    for (const from of [
      'https://evil.example',
      'null',
      `http://127.0.0.1:${port + 1}`,
      `https://127.0.0.1:${port}`,
      '',
    ]) {
      const refused = await live({ cookie, ...(from === '' ? {} : { origin: from }) }).refused;
      expect([from, refused.status, refused.body]).toMatchObject([from, 403, { error: { code: 'origin' } }]);
      const reader = live(
        { cookie, ...(from === '' ? {} : { origin: from }) },
        '/api/rooms/verdi/captions',
        captionsProtocol,
      );
      expect((await reader.refused).status).toBe(401);
    }
    // What the request says of its host is not asked.
    const evil = await live({ cookie, origin: 'http://evil.example', host: 'evil.example' }).refused;
    expect(evil.body).toMatchObject({ error: { code: 'origin' } });
    expect((await live({ cookie, origin: ours }, '/api/rooms/verdi/audio', audioProtocol).refused).status).toBe(403);
    const wrong = await live({ cookie, origin: ours, authorization: 'Bearer nonsense' }).refused;
    expect(wrong.body).toMatchObject({ error: { code: 'token-unknown' } });
    expect(relay.house.doors.count('admin')).toBe(0);
  });

  test('close with a logout, and with the token that the browser logged in with', async () => {
    const { id, token } = relay.house.tokens.create(null, 'admin', 'Ada');
    const [mine, hers] = [await login(), await login(token)];
    const pages = [mine, hers].map((cookie) => live({ cookie, origin: ours }));
    const reading = live({ cookie: hers, origin: ours }, '/api/rooms/verdi/captions', captionsProtocol);
    await Promise.all([...pages, reading].map(({ opened }) => opened));
    let began = performance.now();
    await relay.call('DELETE', '/api/session', { cookie: mine, origin: ours });
    expect((await pages[0]?.closed)?.code).toBe(4401);
    expect(performance.now() - began).toBeLessThan(1000);
    expect(pages[1]?.socket.readyState).toBe(1);
    began = performance.now();
    const revoked = await relay.call('DELETE', `/api/tokens/${id}`, { cookie: hers, origin: ours }); // by itself
    expect(revoked.status).toBe(204);
    expect((await pages[1]?.closed)?.code).toBe(4401);
    expect((await reading.closed).code).toBe(4401);
    expect(performance.now() - began).toBeLessThan(1000);
    expect((await relay.call('GET', '/api/rooms', { cookie: hers })).status).toBe(401);
  });

  test('that stay open keep their session from idling out', async () => {
    const used = vi.spyOn(relay.house.rights.sessions, 'use');
    await live({ cookie: await login(), origin: ours }).opened;
    used.mockClear();
    await expect.poll(() => used.mock.calls.length).toBeGreaterThan(1);
  });

  test('and calls ask nothing of the host that a request names, nor of one in its path', async () => {
    const cookie = await login();
    const raw = (head: string) =>
      new Promise<string>((done) => {
        let answer = '';
        const socket = connect(relay.house.port, '127.0.0.1');
        socket.on('data', (bytes) => {
          answer += String(bytes);
        });
        socket.on('error', () => {}); // it may be reset once it is answered
        socket.on('close', () => done(answer));
        socket.write(`${head}\r\ncookie: ${cookie}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
      });
    for (const target of ['/api/rooms/verdi', '//evil.example/api/rooms/verdi', 'http://evil.example/api/rooms/verdi'])
      for (const from of ['http://evil.example', `http://127.0.0.1:${relay.house.port + 1}`]) {
        const answer = await raw(`DELETE ${target} HTTP/1.1\r\nhost: evil.example\r\norigin: ${from}`);
        expect(answer, target).toMatch(/^HTTP\/1\.1 (403|404|400) /);
      }
    const upgrade = 'upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==';
    const socket = await raw(
      `GET //evil.example/api/live HTTP/1.1\r\nhost: evil.example\r\norigin: http://evil.example\r\n${upgrade}\r\nsec-websocket-protocol: ${liveProtocol}`,
    );
    expect(socket).not.toContain('101 Switching');
    expect(relay.house.rooms.get('verdi')).toBeDefined();
    const twice = await raw(
      `DELETE /api/rooms/verdi HTTP/1.1\r\nhost: x\r\norigin: ${ours}\r\norigin: http://evil.example`,
    );
    expect(twice).toMatch(/^HTTP\/1\.1 40[13] /);
    expect(await raw(`DELETE /api/rooms/verdi HTTP/1.1\r\nhost: x\r\norigin: ${ours}`)).toMatch(/^HTTP\/1\.1 204 /);
  });
});
