import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { liveProtocol } from '../relay/protocol.js';
import { TestBrowser } from './harness/browser.ts';
import { adminSecret } from './harness/doors.ts';
import { WholeRelay } from './harness/whole-relay.ts';

let browser: TestBrowser;
let relay: WholeRelay;
let neighbour: Server;
/** What reached the relay: method, path, origin, whether the cookie came along, and the answer. */
const asked: { method: string; path: string; from: string; withCookie: boolean; status: number }[] = [];

beforeAll(async () => {
  browser = await TestBrowser.launch();
  relay = await new WholeRelay().start();
  relay.house.rooms.put('verdi').say('kept');
  relay.house.server.on('request', (request, response) => {
    const { method = '', url = '', headers } = request;
    response.on('finish', () =>
      asked.push({
        ...{ method, path: url, from: String(headers.origin ?? headers.referer ?? '') },
        ...{ withCookie: /sala-session=/.test(headers.cookie ?? ''), status: response.statusCode },
      }),
    );
  });
  neighbour = createServer((_, response) => response.end('<!doctype html><title>Win a prize</title><body></body>'));
  neighbour.listen(0, '127.0.0.1');
  await once(neighbour, 'listening');
});
afterAll(async () => {
  await browser.close();
  neighbour.close();
  await relay.stop();
});

/** What a page can do without being asked: the answers it sees, and whether the socket opened. */
const attack = async ({ url, protocol }: { url: string; protocol: string }) => {
  const tried = async (path: string, init: RequestInit) => {
    try {
      const answer = await fetch(url + path, { credentials: 'include', ...init });
      return `${answer.type} ${answer.status}`;
    } catch {
      return 'failed';
    }
  };
  const json = { 'content-type': 'application/json' };
  const seen = [
    await tried('/api/rooms', {}),
    await tried('/api/rooms', { mode: 'no-cors' }),
    await tried('/api/rooms/verdi/clear', { method: 'POST' }),
    await tried('/api/rooms/verdi/clear', { method: 'POST', mode: 'no-cors' }),
    await tried('/api/session', { method: 'POST', mode: 'no-cors', body: '{"token":"guess"}' }),
    await tried('/api/rooms/verdi', { method: 'DELETE' }),
    await tried('/api/rooms/verdi', { method: 'PUT', headers: json, body: '{"name":"Taken"}' }),
    await tried('/api/session', { method: 'DELETE' }),
  ];
  const socket = new WebSocket(`${url.replace('http', 'ws')}/api/live`, [protocol]);
  const socketOpened = await new Promise<boolean>((done) => {
    socket.onopen = () => done(true);
    socket.onerror = () => done(false);
  });
  const form = document.createElement('form');
  const frame = document.createElement('iframe');
  frame.name = 'frame';
  document.body.append(frame, form);
  Object.assign(form, { method: 'post', action: `${url}/api/rooms/verdi/clear`, target: 'frame' });
  const framed = new Promise((done) => frame.addEventListener('load', done, { once: true }));
  form.submit();
  await framed;
  return { seen, socketOpened };
};

test('a page of another site, and a neighbour on the same host, can do nothing with the cookie of an admin page', {
  timeout: 60_000,
}, async () => {
  const { port } = relay.house;
  const address = neighbour.address();
  const neighbourPort = typeof address === 'object' && address ? address.port : 0;
  const { page, close } = await browser.openPage(`${relay.url}/`);
  const mine = await page.evaluate(async (token) => {
    const headers = { 'content-type': 'application/json' };
    const login = await fetch('/api/session', { method: 'POST', headers, body: JSON.stringify({ token }) });
    const set = await fetch('/api/rooms/verdi', { method: 'PUT', headers, body: '{"name":"Verdi"}' });
    return { login: login.status, set: set.status, cookie: document.cookie };
  }, adminSecret);
  expect(mine).toEqual({ login: 200, set: 200, cookie: '' }); // the browser keeps it, and no script sees it
  const ownSocket = page.evaluate(
    (protocol) =>
      new Promise((done) => {
        const socket = new WebSocket(`ws://${location.host}/api/live`, [protocol]);
        socket.onopen = () => done('open');
        socket.onerror = () => done('refused');
      }),
    liveProtocol,
  );
  expect(await ownSocket).toBe('open');
  const { seq } = relay.house.rooms.get('verdi')?.log ?? {};
  const open = relay.house.doors.count('admin');
  for (const [host, isSameSite] of [
    ['127.0.0.1', true], // ports do not part sites: the browser sends the cookie along
    ['localhost', false],
  ] as const) {
    asked.length = 0;
    await page.goto(`http://${host}:${neighbourPort}/`);
    const { seen, socketOpened } = await page.evaluate(attack, { url: relay.url, protocol: liveProtocol });
    expect(socketOpened).toBe(false);
    for (const each of seen) expect(['failed', 'opaque 0']).toContain(each);
    const acting = asked.filter(({ method }) => method !== 'GET');
    expect(acting.filter(({ path }) => path === '/api/rooms/verdi/clear').length).toBeGreaterThanOrEqual(2);
    for (const { method, path, status } of acting)
      expect(`${method} ${path} ${status}`).toMatch(/ (40[0135]|415)$|^OPTIONS .* 40[45]$/);
    expect(acting.some(({ withCookie, status }) => withCookie && status === 403)).toBe(isSameSite);
    expect(asked.some(({ withCookie }) => withCookie)).toBe(isSameSite);
  }
  expect(relay.house.doors.count('admin')).toBeLessThanOrEqual(open);
  expect(relay.house.rooms.get('verdi')?.log.seq).toBe(seq);
  expect(relay.house.rooms.get('verdi')?.record.settings.title).toBe('Verdi');
  await page.goto(`http://127.0.0.1:${port}/`);
  expect(await page.evaluate(async () => (await fetch('/api/session')).status)).toBe(200); // still logged in
  await close();
});
