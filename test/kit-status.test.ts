/** The kit's status page as a server: who may see what, who may press what, and attacks on the PIN. Costs about 3 s. */

import { utimesSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { agentLine } from '../device/agent-line.ts';
import { GuestRate } from '../device/guest-rate.ts';
import { readKitFile } from '../device/kit-file.ts';
import { LastProblem } from '../device/last-problem.ts';
import { PinDoor } from '../device/pin-door.ts';
import { type KitStatus, type StatusButtons, StatusPage, type StatusPageOptions } from '../device/status.ts';
import { startDevice, temporaryFolder } from './harness/programs.ts';

const pin = '408316';
const status: KitStatus = {
  ...{
    room: 'verdi',
    relay: 'wss://captions.example.org',
    language: null,
    uptimeMs: 1000,
    lastProblem: null,
    kit: null,
  },
  health: { state: 'ok', message: 'All is well' },
};
const pages = new URL('../display/', import.meta.url);

let nowMs = 0;
let page: StatusPage | undefined;
let port = 0;
let done: string[] = [];
const sockets: Socket[] = [];

beforeEach(() => {
  nowMs = 0;
  done = [];
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await page?.stop();
  page = undefined;
});

const buttonsOf = (): StatusButtons => ({
  door: new PinDoor(pin, () => nowMs),
  agent: {
    identify: async () => void done.push('identify'),
    diagnostics: async () => {
      done.push('diagnostics');
      return 'how it is';
    },
  },
  restart: () => void done.push('restart'),
});

async function serve(options: Partial<StatusPageOptions> = {}) {
  const host = options.host ?? '127.0.0.1';
  page = new StatusPage({
    port: 0,
    pages,
    status: () => status,
    buttons: buttonsOf(),
    hostNames: ['verdi-sound'],
    ...options,
    host,
  });
  port = await page.start();
}

interface Ask {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
  readonly from?: string;
}
interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: NodeJS.Dict<string | string[]>;
}

function ask(path: string, { method = 'GET', body, headers = {}, from = '127.0.0.1' }: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = httpRequest(
      { host: '127.0.0.1', port, path, method, headers, localAddress: from, agent: false },
      (answer) => {
        let text = '';
        answer.on('data', (piece) => {
          text += String(piece);
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text, headers: answer.headers }));
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}

const json = { 'content-type': 'application/json' };
const open = (each: string, options: Ask = {}) =>
  ask('/session', {
    method: 'POST',
    body: JSON.stringify({ pin: each }),
    ...options,
    headers: { ...json, 'content-length': String(JSON.stringify({ pin: each }).length), ...options.headers },
  });
const cookieOf = ({ headers }: Answer) => String(headers['set-cookie']).split(';')[0] ?? '';

describe('the status page', () => {
  test('shows everyone how the kit is, and nobody the buttons without the PIN', async () => {
    await serve();
    expect(JSON.parse((await ask('/status.json')).text)).toMatchObject({ room: 'verdi', health: { state: 'ok' } });
    expect((await ask('/')).text).toContain('<h1 id="room">');
    expect(JSON.parse((await ask('/session')).text)).toEqual({
      buttons: ['identify', 'diagnostics', 'restart'],
      open: false,
    });
    for (const [method, path] of [
      ['POST', '/identify'],
      ['POST', '/restart'],
      ['GET', '/diagnostics.txt'],
    ] as const)
      expect((await ask(path, { method, headers: json })).status).toBe(401);
    expect(
      (await ask('/restart', { method: 'POST', headers: { ...json, cookie: 'sala-status=guessed' } })).status,
    ).toBe(401);
    expect(done).toEqual([]);
  });

  test('opens to the PIN, for one browser, until that closes them', async () => {
    await serve();
    const answer = await open(pin);
    expect(answer.status).toBe(204);
    expect(String(answer.headers['set-cookie'])).toMatch(/^sala-status=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    const cookie = cookieOf(answer);
    expect((await ask('/identify', { method: 'POST', headers: { ...json, cookie } })).status).toBe(204);
    const bundle = await ask('/diagnostics.txt', { headers: { cookie } });
    expect([bundle.status, bundle.text]).toEqual([200, 'how it is']);
    expect(bundle.headers['content-disposition']).toBe('attachment; filename="sala-kit.txt"');
    expect((await ask('/restart', { method: 'POST', headers: { ...json, cookie: `a=b; ${cookie}` } })).status).toBe(
      202,
    );
    expect(done).toEqual(['identify', 'diagnostics', 'restart']);
    expect((await ask('/session', { method: 'DELETE', headers: { cookie } })).status).toBe(204);
    expect((await ask('/identify', { method: 'POST', headers: { ...json, cookie } })).status).toBe(401);
  });

  test('without a PIN has no buttons; without an agent, or without somebody who starts it again, not all of them', async () => {
    await serve({ buttons: null });
    expect(JSON.parse((await ask('/session')).text)).toEqual({ buttons: [], open: false });
    expect((await open(pin)).status).toBe(404);
    await page?.stop();
    await serve({ buttons: { ...buttonsOf(), agent: null, restart: null } });
    expect(JSON.parse((await ask('/session')).text).buttons).toEqual([]);
    const cookie = cookieOf(await open(pin));
    for (const path of ['/identify', '/restart'])
      expect((await ask(path, { method: 'POST', headers: { ...json, cookie } })).status).toBe(503);
    expect(done).toEqual([]);
  });

  test('tells in words when the agent does not do it', async () => {
    await serve({ buttons: { ...buttonsOf(), agent: agentLine('/nowhere/agent.sock') } });
    const cookie = cookieOf(await open(pin));
    const answer = await ask('/diagnostics.txt', { headers: { cookie } });
    expect([answer.status, JSON.parse(answer.text).error.code]).toEqual([503, 'agent']);
  });

  test('has no script or style of its own in the page, and lets none in', async () => {
    await serve();
    const { headers, text } = await ask('/');
    expect(String(headers['content-security-policy'])).not.toContain('unsafe');
    expect(String(headers['content-security-policy'])).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self'/,
    );
    expect(text).not.toMatch(/<style|style=|<script(?! type="module" src=)/);
    for (const path of ['/kit.css', '/kit.js', '/kit-buttons.js']) expect((await ask(path)).status).toBe(200);
    for (const path of ['/options.ts', '/../device/main.ts', '/%2e%2e/package.json', '/kit.html'])
      expect((await ask(path)).status).toBe(404);
  });

  test('changes nothing for other methods, and answers what it does not know', async () => {
    await serve();
    for (const method of ['PUT', 'DELETE', 'PATCH', 'POST'])
      expect((await ask('/status.json', { method })).status).toBe(405);
    expect((await ask('/identify')).status).toBe(404);
    expect((await ask('/status.json', { method: 'HEAD' })).text).toBe('');
  });
});

describe('a page of elsewhere', () => {
  test.each(['evil.example', 'evil.example:8081', '127.0.0.1.evil.example', 'verdi-sound.evil.example', '.'])(
    'whose name %j turns to this address sees nothing',
    async (host) => {
      await serve();
      for (const path of ['/', '/status.json', '/session'])
        expect((await ask(path, { headers: { host } })).status).toBe(421);
      expect((await open(pin, { headers: { host } })).status).toBe(421);
    },
  );

  test.each(['10.0.3.11:8081', 'verdi-sound.local:8081', 'Verdi-Sound', 'localhost:1', '[fe80::1]:8081'])(
    'is not one that is called %s',
    async (host) => {
      await serve();
      expect((await ask('/status.json', { headers: { host } })).status).toBe(200);
    },
  );

  test('cannot press a button, nor try a PIN, although the browser is logged in', async () => {
    await serve();
    const cookie = cookieOf(await open(pin));
    const foreign: Record<string, string>[] = [
      { ...json, origin: 'http://evil.example' },
      { ...json, origin: 'null' },
      { ...json, origin: `https://127.0.0.1:${port}` },
      { ...json, 'sec-fetch-site': 'cross-site' },
      { ...json, 'sec-fetch-site': 'same-site' },
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/x-www-form-urlencoded' },
      {},
    ];
    for (const headers of foreign) {
      for (const path of ['/identify', '/restart'])
        expect([headers, (await ask(path, { method: 'POST', headers: { ...headers, cookie } })).status]).toEqual([
          headers,
          403,
        ]);
      expect(
        (await ask('/session', { method: 'POST', body: `{"pin":"${pin}"}`, headers: { ...headers } })).status,
      ).toBe(403);
    }
    expect(
      (await ask('/session', { method: 'DELETE', headers: { cookie, origin: 'http://evil.example' } })).status,
    ).toBe(403);
    expect(done).toEqual([]);
    const own = { ...json, cookie, origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin' };
    expect((await ask('/identify', { method: 'POST', headers: own })).status).toBe(204);
  });
});

describe('the PIN', () => {
  test('tried five times may be tried again after half a minute, then after twice as long each time', async () => {
    await serve();
    for (let attempt = 0; attempt < 4; attempt++) expect((await open('000000')).status).toBe(401);
    const fifth = await open('000000');
    expect([fifth.status, fifth.headers['retry-after']]).toEqual([429, '30']);
    // Not even the right one is looked at, and asking does not lengthen the wait.
    nowMs = 29_000;
    expect((await open(pin)).status).toBe(429);
    nowMs = 30_000;
    const sixth = await open('000001');
    expect([sixth.status, sixth.headers['retry-after']]).toEqual([429, '60']);
    nowMs = 90_000;
    expect((await open(pin)).status).toBe(204);
    expect((await open('000002')).status).toBe(401);
  });

  test('is read with spaces, and only as text of a bounded length', async () => {
    await serve();
    expect((await open('408 316')).status).toBe(204);
    for (const body of ['{"pin":408316}', 'null', '[]', 'pin', ''])
      expect([
        body,
        (await ask('/session', { method: 'POST', body, headers: { ...json, 'content-length': String(body.length) } }))
          .status,
      ]).toEqual([body, 400]);
    const long = `{"pin":"${'0'.repeat(300)}"}`;
    expect(
      (
        await ask('/session', {
          method: 'POST',
          body: long,
          headers: { ...json, 'content-length': String(long.length) },
        })
      ).status,
    ).toBe(413);
    expect(
      (await ask('/session', { method: 'POST', body: '{}', headers: { ...json, 'transfer-encoding': 'chunked' } }))
        .status,
    ).toBe(413);
  });
});

describe('guests on the network', () => {
  const guests = async (count: number, address: string) => {
    const opened = await Promise.all(
      Array.from(
        { length: count },
        () =>
          new Promise<boolean>((resolve) => {
            const socket = connect({ host: '127.0.0.1', port, localAddress: address });
            sockets.push(socket);
            // One that is not let in is closed at once; one that is, says nothing.
            socket.once('close', () => resolve(false));
            socket.once('error', () => resolve(false));
            socket.once('connect', () => setTimeout(() => resolve(!socket.destroyed), 100));
          }),
      ),
    );
    return opened.filter(Boolean).length;
  };

  test('who hold every connection do not keep this machine’s own agent out', async () => {
    // Every address of this machine's loopback is its own: here they play guests.
    await serve({
      isOwn: (address) => address === '127.0.0.1',
      limits: { maxConnections: 12, maxConnectionsOfAddress: 5 },
    });
    expect(await guests(8, '127.0.0.2')).toBe(5);
    expect(await guests(5, '127.0.0.3')).toBe(5);
    expect(await guests(5, '127.0.0.4')).toBe(2);
    for (let call = 0; call < 5; call++) expect((await ask('/status.json')).status).toBe(200);
    for (const socket of sockets.splice(0)) socket.destroy();
    await expect.poll(() => guests(1, '127.0.0.5')).toBe(1);
  });

  /** Asks so often in one go, without waiting for an answer; resolves when it is cut off. */
  const flood = (count: number, address: string, line = '') =>
    new Promise<void>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port, localAddress: address });
      sockets.push(socket);
      socket.once('close', () => resolve());
      socket.on('error', () => {});
      socket.resume().write(`GET /status.json HTTP/1.1\r\nHost: 127.0.0.1\r\n${line}\r\n`.repeat(count));
    });

  test.each(['', 'Expect: anything\r\n'])(
    'who ask thousands of times at once are cut off after the first: %j',
    async (line) => {
      let asked = 0;
      await serve({
        isOwn: (address) => address === '127.0.0.1',
        limits: { maxRequestsPerSecond: 1, maxRequestsAtOnce: 20 },
        status: () => {
          asked++;
          return status;
        },
      });
      await flood(3000, '127.0.0.2', line);
      // They come back at once, and another phone and the agent are answered all the same.
      await flood(3000, '127.0.0.2', line);
      expect(asked).toBeGreaterThanOrEqual(10);
      expect(asked).toBeLessThanOrEqual(30);
      expect((await ask('/status.json', { from: '127.0.0.3' })).status).toBe(200);
      for (let call = 0; call < 40; call++) expect((await ask('/status.json')).status).toBe(200);
    },
  );

  test('are forgotten before they fill the memory', () => {
    let nowMs = 0;
    const rate = new GuestRate({ perSecond: 1, atOnce: 2, maxAddresses: 3 }, () => nowMs);
    expect(['a', 'a', 'a'].map((each) => rate.take(each))).toEqual([true, true, false]);
    nowMs += 1000;
    expect(['a', 'a'].map((each) => rate.take(each))).toEqual([true, false]);
    for (const each of ['b', 'c', 'd']) rate.take(each);
    expect(rate.size).toBe(3);
  });
});

describe('what the agent wrote of the kit', () => {
  const folder = temporaryFolder();
  const path = join(folder.path, 'kit.json');
  const text = {
    name: 'verdi-sound',
    state: 'ok',
    message: 'All is well',
    relay: 'x',
    device: null,
    machine: { temperatureC: 50 },
  };

  test('is shown while it is written, and not when it is old, broken, or too long', async () => {
    expect(await readKitFile(path)).toBeNull();
    writeFileSync(path, JSON.stringify(text));
    expect(await readKitFile(path)).toEqual({
      name: 'verdi-sound',
      state: 'ok',
      message: 'All is well',
      machine: { temperatureC: 50 },
    });
    utimesSync(path, new Date(), new Date(Date.now() - 46_000));
    expect(await readKitFile(path)).toBeNull();
    writeFileSync(path, '{"name":');
    expect(await readKitFile(path)).toBeNull();
    writeFileSync(path, JSON.stringify({ ...text, more: 'x'.repeat(70_000) }));
    expect(await readKitFile(path)).toBeNull();
    folder.remove();
  });

  test('is asked of an agent that answers, and bounded', async () => {
    const place = temporaryFolder();
    const socket = join(place.path, 'a.sock');
    const server: Server = createServer((request, response) => {
      response.end(request.method === 'GET' ? 'x'.repeat(request.url === '/diagnostics' ? 6_000_000 : 1) : '');
    });
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    await agentLine(socket).identify();
    await expect(agentLine(socket).diagnostics()).rejects.toThrow('too much');
    server.close();
    server.closeAllConnections();
    place.remove();
  });
});

test('the last problem is there until the program ends, with its age', () => {
  const last = new LastProblem(() => nowMs);
  expect(last.last).toBeNull();
  last.see({ code: 'a', message: 'No mixer', hint: 'Plug it in.' });
  nowMs = 5000;
  expect(last.last).toEqual({ message: 'No mixer', hint: 'Plug it in.', agoMs: 0 });
  last.see(null);
  nowMs = 65_000;
  expect(last.last?.agoMs).toBe(65_000);
});

describe('the device as a program', () => {
  test('serves its page to the network with what its agent says, and ends in good order when a button restarts it', async () => {
    const folder = temporaryFolder();
    const file = (name: string, text: string) => {
      const path = join(folder.path, name);
      writeFileSync(path, text, { mode: 0o600 });
      return path;
    };
    const blinked: string[] = [];
    const agent = createServer((request, response) => {
      blinked.push(`${request.method} ${request.url}`);
      response.end();
    });
    const socket = join(folder.path, 'agent.sock');
    await new Promise<void>((resolve) => agent.listen(socket, resolve));
    const kit = file('kit.json', JSON.stringify({ name: 'verdi-sound', state: 'ok', message: 'All is well' }));
    const device = startDevice({
      ...{
        relay: 'ws://127.0.0.1:9',
        room: 'verdi',
        token: 'not-enrolled',
        dataDir: join(folder.path, 'data'),
        source: 'tone',
      },
      args: [
        ...['--status-listen', '0.0.0.0:0', '--status-pin-file', file('pin', `${pin}\n`)],
        ...['--kit-file', kit, '--agent-socket', socket],
      ],
      // Under systemd, which starts it again.
      env: { NOTIFY_SOCKET: join(folder.path, 'nobody-listens') },
    });
    port = Number((await device.event('started')).statusPort);
    await expect
      .poll(async () => JSON.parse((await ask('/status.json')).text).kit?.name, { timeout: 10_000 })
      .toBe('verdi-sound');
    const cookie = cookieOf(await open(pin));
    expect((await ask('/identify', { method: 'POST', headers: { ...json, cookie } })).status).toBe(204);
    expect(blinked).toEqual(['POST /identify']);
    expect((await ask('/restart', { method: 'POST', headers: { ...json, cookie } })).status).toBe(202);
    expect(await device.exit).toEqual({ status: 0, signal: null });
    expect(device.output).not.toContain(pin);
    agent.close();
    agent.closeAllConnections();
    folder.remove();
  });
});
