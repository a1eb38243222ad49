import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { bearerPrefix, captionsProtocol } from '../relay/protocol.js';
import { type OpenPage, TestBrowser } from './harness/browser.ts';
import type { ProxyKind } from './harness/front-proxy.ts';
import { type RunningProgram, TestReader } from './harness/programs.ts';
import { bearer, ProxiedRelay, proxyKinds } from './harness/proxied-relay.ts';
import { until } from './harness/until.ts';

const kinds = proxyKinds;
const rooms = new Map<ProxyKind, { publish: string; read: string }>();
const devices = new Map<ProxyKind, RunningProgram>();
const readers = new Map<ProxyKind, TestReader>();
let behind: ProxiedRelay;
let browser: TestBrowser;

function of<T>(parts: ReadonlyMap<ProxyKind, T>, kind: ProxyKind): T {
  const part = parts.get(kind);
  if (!part) throw new Error(`${kind} was not set up`);
  return part;
}

beforeAll(async () => {
  browser = await TestBrowser.launch();
  behind = await ProxiedRelay.start();
  for (const kind of kinds) {
    const { publish, read } = await behind.relay.room(kind);
    rooms.set(kind, { publish, read });
    devices.set(kind, behind.device(kind, kind, publish, 'tone'));
    readers.set(kind, new TestReader(() => behind.address(kind), kind, read, { partial: true }));
  }
});

afterAll(async () => {
  for (const reader of readers.values()) reader.close();
  await behind?.stop();
  await browser?.close();
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
  const { port } = new URL(behind.proxy(kind).url);
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
  return new Promise<IncomingMessage>((resolve, reject) => {
    asked.once('response', resolve);
    asked.once('error', reject);
  }).then(readAnswer);
}

async function readAnswer(answer: IncomingMessage): Promise<Answer> {
  let text = '';
  for await (const piece of answer) text += String(piece);
  return { status: answer.statusCode ?? 0, headers: answer.headers, text };
}

const codeIn = ({ text }: Answer): unknown => JSON.parse(text).error.code;

/** A WebSocket that asks for the captions, and how it was answered. */
function knock(kind: ProxyKind, token: string, localAddress = '127.0.0.2') {
  const socket = new WebSocket(
    `${behind.address(kind)}/api/rooms/${kind}/captions`,
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
      `${behind.proxy(kind).url}/rooms/${kind}#token=${of(rooms, kind).read}`,
      { context: { ignoreHTTPSErrors: true } },
    );
    await page.page.locator('.row > .final').first().waitFor({ timeout: 20_000 });
    expect(page.consoleErrors).toEqual([]);
    expect(page.failedRequests).toEqual([]);
    await page.close();
  });

  test('an organizer logs in, acts and is kept up to date by a cookie that only TLS carries', async () => {
    const { url } = behind.proxy(kind);
    const open = await browser.openPage(`${url}/admin`, { context: { ignoreHTTPSErrors: true } });
    const { page } = open;
    await page.fill('#token', behind.relay.adminToken);
    await page.locator('#entry').getByRole('button').click();
    // The wall is drawn from what the live socket brings.
    await page.getByText(kind, { exact: true }).first().waitFor();
    const made = await page.evaluate(async (name) => {
      const headers = { 'content-type': 'application/json' };
      const given = { method: 'PUT', headers, body: JSON.stringify({ name: `Made behind ${name}` }) };
      return { status: (await fetch(`/api/rooms/cookie-${name}`, given)).status, seen: document.cookie };
    }, kind);
    expect(made).toEqual({ status: 201, seen: '' });
    await page.getByText(`Made behind ${kind}`).first().waitFor();
    expect(open.requests.filter((address) => !address.startsWith(url) && !address.startsWith('blob:'))).toEqual([]);
    const [cookie] = await open.page.context().cookies();
    expect(cookie).toMatchObject({ secure: true, httpOnly: true, sameSite: 'Strict', path: '/' });
    await open.close();
  });

  test('the relay knows where a call comes from, whatever the caller says', async () => {
    const headers = {
      ...bearer(behind.relay.adminToken),
      'x-forwarded-for': '203.0.113.9',
      'content-type': 'application/json',
    };
    const { status } = await ask(kind, 'PUT', `/api/rooms/from-${kind}`, { headers, body: '{}', from: '127.0.0.7' });
    expect(status).toBe(201);
    const { entries } = await behind.relay.call<{ entries: { room: string; address: string }[] }>(
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
      headers: { ...bearer(behind.relay.adminToken), 'content-type': 'application/json' },
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

/** No stretch without audio, and captions without a break in between. */
async function expectWhole(kind: ProxyKind): Promise<void> {
  const { gaps } = await behind.relay.call<{ gaps: unknown[] }>('GET', `/api/rooms/${kind}/gaps`);
  expect(gaps).toEqual([]);
  const longestBreak = () => {
    const heard = of(readers, kind)
      .captions()
      .toSorted((one, other) => one.from - other.from);
    expect(heard.length).toBeGreaterThan(2);
    return Math.max(...heard.flatMap(({ from }, i) => (i > 0 ? [from - (heard[i - 1]?.to ?? 0)] : [])));
  };
  // The script of load has pauses of its own; what was lost would be longer. A relay that was slow to come back fills in a
  // stretch beside what is spoken since.
  await expect.poll(longestBreak, { timeout: 30_000 }).toBeLessThan(16_000);
  expect(of(readers, kind).resets).toBe(0);
}

test.each(kinds)('a reload of %s costs no words', async (kind) => {
  const before = connections(kind);
  behind.proxy(kind).reload();
  await newWords(kind);
  await newWords(kind);
  // nginx lets its sockets be; Caddy 2.6 ends them, and kit and reader come back.
  if (kind === 'nginx') expect(connections(kind)).toBe(before);
  await expectWhole(kind);
});

test('while the relay is away the proxies say so, and all come back by themselves', { timeout: 60_000 }, async () => {
  const { port, program } = behind.relay;
  program.kill('SIGTERM');
  await program.exit;
  for (const kind of kinds) {
    await expect.poll(async () => (await ask(kind, 'GET', '/readyz')).status, { timeout: 10_000 }).toBe(502);
    expect((await ask(kind, 'GET', `/api/rooms/${kind}/now.txt?token=${of(rooms, kind).read}`)).status).toBe(502);
    expect((await knock(kind, of(rooms, kind).read).refused).status).toBe(502);
  }
  await behind.startRelay(port);
  await Promise.all(kinds.map((kind) => newWords(kind, 40_000)));
  for (const kind of kinds) await expectWhole(kind);
});

test.each(kinds)('%s logs who asked for what, and no token', async (kind) => {
  const { read } = of(rooms, kind);
  const marked = (path: string) =>
    ask(kind, 'GET', path, { headers: { ...bearer(read), cookie: `sala-session=${read}` } });
  expect((await marked(`/api/rooms/${kind}/now.txt?lines=2&token=${read}`)).status).toBe(200);
  await marked(`/t/${read}/ws/transcript/${kind}`);
  await knock(kind, read).opened;
  const log = await until(() => (behind.proxy(kind).log().includes('now.txt') ? behind.proxy(kind).log() : undefined));
  expect(log).toContain(`/ws/transcript/${kind}`);
  for (const token of [read, of(rooms, kind).publish, behind.relay.adminToken]) expect(log.includes(token)).toBe(false);
});
