import { once } from 'node:events';
import type { IncomingMessage, request as plainRequest } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { bearerPrefix, captionsProtocol } from '../relay/protocol.js';
import { type OpenPage, TestBrowser } from './harness/browser.ts';
import { FrontProxy, type ProxyKind } from './harness/front-proxy.ts';
import { LocalAuthority } from './harness/local-authority.ts';
import { lastingPort } from './harness/ports.ts';
import { type RunningProgram, startDevice, TestReader, TestRelay, temporaryFolder } from './harness/programs.ts';
import { until } from './harness/until.ts';

const kinds: readonly ProxyKind[] = ['nginx', 'caddy'];
/** Shorter than what is shipped, longer than the relay is ever silent: its longest ping interval is 15 s. */
const idleSeconds = 20;

const folder = temporaryFolder();
const authority = new LocalAuthority(folder.path);
const usual = getCACertificates('default');
const proxies = new Map<ProxyKind, FrontProxy>();
const rooms = new Map<ProxyKind, { publish: string; read: string }>();
const devices = new Map<ProxyKind, RunningProgram>();
const readers = new Map<ProxyKind, TestReader>();
let relay: TestRelay;
let browser: TestBrowser;

function of<T>(parts: ReadonlyMap<ProxyKind, T>, kind: ProxyKind): T {
  const part = parts.get(kind);
  if (!part) throw new Error(`${kind} was not set up`);
  return part;
}

const startRelay = (port: number, origins: string) =>
  TestRelay.start({
    dataDir: join(folder.path, 'relay'),
    port,
    args: ['--origin', origins, '--trusted-proxy', '127.0.0.1', '--max-readers-per-room', '4'],
  });

beforeAll(async () => {
  setDefaultCACertificates([...usual, authority.certificate]);
  const ports = new Map(await Promise.all(kinds.map(async (kind) => [kind, await lastingPort()] as const)));
  const relayPort = await lastingPort();
  relay = await startRelay(relayPort, kinds.map((kind) => `https://localhost:${of(ports, kind)}`).join(','));
  browser = await TestBrowser.launch();
  for (const kind of kinds) {
    const options = { kind, port: of(ports, kind), relayPort, authority, idleSeconds };
    proxies.set(kind, await new FrontProxy({ ...options, folder: join(folder.path, kind) }).start());
    rooms.set(kind, await relay.room(kind));
  }
  for (const kind of kinds) {
    const address = of(proxies, kind).url.replace('https', 'wss');
    const { publish, read } = of(rooms, kind);
    const given = { relay: address, room: kind, token: publish, dataDir: join(folder.path, `device-${kind}`) };
    devices.set(kind, startDevice({ ...given, source: 'tone', env: { NODE_EXTRA_CA_CERTS: authority.authorityFile } }));
    readers.set(kind, new TestReader(() => address, kind, read, { partial: true }));
  }
});

afterAll(async () => {
  for (const reader of readers.values()) reader.close();
  for (const device of devices.values()) await device.stop();
  for (const proxy of proxies.values()) await proxy.stop();
  await browser?.close();
  await relay?.stop();
  setDefaultCACertificates(usual);
  folder.remove();
});

const captions = (kind: ProxyKind) => of(readers, kind).captions().length;
/** Waits for words that were said from now on. */
const newWords = async (kind: ProxyKind, timeoutMs = 30_000) => {
  const before = captions(kind);
  await until(() => captions(kind) > before || undefined, { timeoutMs, what: `words through ${kind}` });
};
const connections = (kind: ProxyKind) => of(devices, kind).entries({ ns: 'uplink', state: 'connected' }).length;

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** A call from another address of this machine than the proxy's. */
function ask(
  kind: ProxyKind,
  method: string,
  path: string,
  given: { headers?: Record<string, string>; body?: string; from?: string } = {},
) {
  const { port } = new URL(of(proxies, kind).url);
  const { body, from: localAddress = '127.0.0.2' } = given;
  const headers = { host: `localhost:${port}`, ...given.headers };
  const asked = request({
    host: '127.0.0.1',
    port,
    method,
    path,
    headers,
    localAddress,
    servername: 'localhost',
    agent: false,
  });
  asked.end(body);
  return answerOf(asked);
}

async function answerOf(asked: ReturnType<typeof plainRequest>): Promise<Answer> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    asked.once('response', resolve);
    asked.once('error', reject);
  });
  return readAnswer(answer);
}

async function readAnswer(answer: IncomingMessage): Promise<Answer> {
  let text = '';
  for await (const piece of answer) text += String(piece);
  return { status: answer.statusCode ?? 0, headers: answer.headers, text };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const codeIn = ({ text }: Answer): unknown => JSON.parse(text).error.code;

/** A WebSocket that asks for the captions, and how it was answered. */
function knock(kind: ProxyKind, token: string, localAddress = '127.0.0.2') {
  const socket = new WebSocket(
    `${of(proxies, kind).url.replace('https', 'wss')}/api/rooms/${kind}/captions`,
    [captionsProtocol, `${bearerPrefix}${token}`],
    { localAddress },
  );
  const refused = new Promise<IncomingMessage>((resolve) =>
    socket.once('unexpected-response', (_, answer) => resolve(answer)),
  ).then(readAnswer);
  socket.on('error', () => {});
  return { socket, refused, opened: once(socket, 'open') };
}

describe.each(kinds)('behind %s', (kind) => {
  test('a kit is heard, and a reader and a page of readers see its words', async () => {
    await newWords(kind);
    const page: OpenPage = await browser.openPage(
      `${of(proxies, kind).url}/rooms/${kind}#token=${of(rooms, kind).read}`,
      { context: { ignoreHTTPSErrors: true } },
    );
    await page.page.locator('.row > .final').first().waitFor({ timeout: 20_000 });
    expect(page.consoleErrors).toEqual([]);
    expect(page.failedRequests).toEqual([]);
    await page.close();
  });

  test('an organizer logs in, acts and is kept up to date by a cookie that only TLS carries', async () => {
    const { url } = of(proxies, kind);
    const open = await browser.openPage(`${url}/admin`, { context: { ignoreHTTPSErrors: true } });
    const found = await open.page.evaluate(async (token) => {
      const call = async (method: string, path: string, body: unknown) => {
        const headers = { 'content-type': 'application/json' };
        return (await fetch(path, { method, headers, body: JSON.stringify(body) })).status;
      };
      const login = await call('POST', '/api/session', { token });
      const act = await call('PUT', '/api/rooms/made-by-cookie', { name: 'Made' });
      const live = await new Promise((resolve) => {
        const socket = new window.WebSocket(`wss://${location.host}/api/live`, ['sala.live.v1']);
        socket.onmessage = ({ data }) => resolve(typeof JSON.parse(String(data)).type);
        socket.onclose = ({ code }) => resolve(code);
      });
      return { login, act: [200, 201].includes(act), live, seen: document.cookie };
    }, relay.adminToken);
    expect(found).toEqual({ login: 200, act: true, live: 'string', seen: '' });
    const [cookie] = await open.page.context().cookies();
    expect(cookie).toMatchObject({ secure: true, httpOnly: true, sameSite: 'Strict', path: '/' });
    await open.close();
  });

  test('the relay knows where a call comes from, whatever the caller says', async () => {
    const headers = {
      ...bearer(relay.adminToken),
      'x-forwarded-for': '203.0.113.9',
      'content-type': 'application/json',
    };
    const { status } = await ask(kind, 'PUT', `/api/rooms/from-${kind}`, { headers, body: '{}', from: '127.0.0.7' });
    expect(status).toBe(201);
    const { entries } = await relay.call<{ entries: { room: string; address: string }[] }>(
      'GET',
      `/api/audit?room=from-${kind}`,
    );
    expect(entries.map(({ address }) => address)).toEqual(['127.0.0.7']);
  });

  test('refusals come as the relay makes them: 401, 429, 503 and 413', async () => {
    const { status, text, headers } = await knock(kind, 'no-token').refused;
    expect([status, JSON.parse(text).error.code]).toEqual([401, 'token-unknown']);
    expect(headers['content-type']).toBe('application/json');

    const sockets = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const { socket, opened } = knock(kind, of(rooms, kind).read);
        await opened;
        return socket;
      }),
    );
    const full = await knock(kind, of(rooms, kind).read).refused;
    expect([full.status, codeIn(full), Number(full.headers['retry-after']) > 0]).toEqual([
      503,
      'too-many-readers',
      true,
    ]);
    for (const socket of sockets) socket.terminate();

    const large = await ask(kind, 'PUT', '/api/rooms/large', {
      headers: { ...bearer(relay.adminToken), 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'x'.repeat(2_000_000) }),
    });
    expect([large.status, codeIn(large)]).toEqual([413, 'too-large']);

    const guess = (from: string) => ask(kind, 'GET', '/api/rooms', { headers: bearer('adm_guessed'), from });
    let last = await guess('127.0.0.9');
    for (let i = 0; i < 200 && last.status === 401; i++) last = await guess('127.0.0.9');
    expect([last.status, codeIn(last), Number(last.headers['retry-after']) > 0]).toEqual([
      429,
      'too-many-attempts',
      true,
    ]);
    // Nobody else pays for it, the proxy least of all.
    expect((await guess('127.0.0.10')).status).toBe(401);
  });

  test('headers as large as the relay takes go through, a transcript comes as it is', async () => {
    const headers = { ...bearer(of(rooms, kind).read), 'x-long': 'x'.repeat(6000) };
    const { status, text } = await ask(kind, 'GET', `/api/rooms/${kind}/transcript.txt`, { headers });
    expect(status).toBe(200);
    expect(text.length).toBeGreaterThan(0);
  });
});

test(`an idle room stays connected for longer than the ${idleSeconds} s after which both proxies give up`, {
  timeout: 90_000,
}, async () => {
  const watched = await Promise.all(
    kinds.map(async (kind) => {
      await relay.call('PUT', `/api/rooms/idle-${kind}`, {});
      const address = of(proxies, kind).url.replace('https', 'wss');
      const device = startDevice({
        ...{ relay: address, room: `idle-${kind}`, token: await relay.token(`idle-${kind}`, 'publish') },
        ...{ dataDir: join(folder.path, `idle-${kind}`), source: 'mixer:of a room that has none' },
        env: { NODE_EXTRA_CA_CERTS: authority.authorityFile },
      });
      const live = new WebSocket(`${address}/api/live`, ['sala.live.v1'], { headers: bearer(relay.adminToken) });
      const reader = new WebSocket(`${address}/api/rooms/idle-${kind}/captions`, [
        captionsProtocol,
        `${bearerPrefix}${await relay.token(`idle-${kind}`, 'read')}`,
      ]);
      const closed: string[] = [];
      live.on('close', (code) => closed.push(`live ${code}`));
      reader.on('close', (code) => closed.push(`reader ${code}`));
      await Promise.all([once(live, 'open'), once(reader, 'open')]);
      const connected = () => device.entries({ ns: 'uplink', state: 'connected' }).length;
      await until(() => connected() > 0 || undefined, { what: 'the idle kit' });
      return { device, live, reader, closed, connected };
    }),
  );
  await new Promise((resolve) => setTimeout(resolve, idleSeconds * 1000 + 5000)); // the promise is about this time
  for (const { device, live, reader, closed, connected } of watched) {
    expect(closed).toEqual([]);
    expect(connected()).toBe(1);
    live.terminate();
    reader.terminate();
    await device.stop();
  }
});

test.each(kinds)('a reload of %s costs no words', async (kind) => {
  const before = connections(kind);
  of(proxies, kind).reload();
  await newWords(kind);
  await newWords(kind);
  // nginx lets its sockets be; Caddy 2.6 ends them, and kit and reader come back.
  if (kind === 'nginx') expect(connections(kind)).toBe(before);
  expect(of(readers, kind).resets).toBe(0);
});

test('while the relay is away the proxies say so, and all come back by themselves', { timeout: 60_000 }, async () => {
  const { port } = relay;
  const origins = kinds.map((kind) => of(proxies, kind).url).join(',');
  relay.program.kill('SIGTERM');
  await relay.program.exit;
  for (const kind of kinds) {
    await expect.poll(async () => (await ask(kind, 'GET', '/readyz')).status, { timeout: 10_000 }).toBe(502);
    expect((await ask(kind, 'GET', `/api/rooms/${kind}/now.txt?token=${of(rooms, kind).read}`)).status).toBe(502);
    expect((await knock(kind, of(rooms, kind).read).refused).status).toBe(502);
  }
  relay = await startRelay(port, origins);
  await Promise.all(kinds.map((kind) => newWords(kind, 40_000)));
  for (const kind of kinds) expect(of(readers, kind).resets).toBe(0);
});

test.each(kinds)('%s logs who asked for what, and no token', async (kind) => {
  const { read } = of(rooms, kind);
  const marked = (path: string) =>
    ask(kind, 'GET', path, { headers: { ...bearer(read), cookie: `sala-session=${read}` } });
  expect((await marked(`/api/rooms/${kind}/now.txt?lines=2&token=${read}`)).status).toBe(200);
  await marked(`/t/${read}/ws/transcript/${kind}`);
  await knock(kind, read).opened;
  const log = await until(() => (of(proxies, kind).log().includes('now.txt') ? of(proxies, kind).log() : undefined));
  expect(log).toContain(`/ws/transcript/${kind}`);
  for (const token of [read, of(rooms, kind).publish, relay.adminToken]) expect(log.includes(token)).toBe(false);
});
