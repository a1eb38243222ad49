import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isScreenConnected } from '../display/kiosk/connectors.ts';
import { kioskSettings } from '../display/kiosk/options.ts';
import { Place } from '../display/kiosk/placing.ts';
import { linkFault } from '../display/kiosk/relay-link.ts';
import { KioskServer } from '../display/kiosk/server.ts';
import { switchesFor } from '../display/kiosk/switches.ts';
import { readersAddress } from '../display/place.js';
import { readConfiguration } from '../systemd/configuration.ts';
import { pageFiles } from './harness/kiosk.ts';
import { lastingPort } from './harness/ports.ts';
import { root, temporaryFolder } from './harness/programs.ts';

let folder: ReturnType<typeof temporaryFolder>;
let server: KioskServer;
const warnings: unknown[] = [];
const log = { error() {}, warn: (entry: unknown) => void warnings.push(entry), info() {}, debug() {} };
const relay = 'wss://relay.example';
const at = (name: string) => join(folder.path, name);

beforeEach(async () => {
  folder = temporaryFolder();
  warnings.length = 0;
  const place = new Place(
    { relay, assignmentFile: at('assignment.json'), tokenFile: at('key'), readersTokenFile: at('readers') },
    log,
  );
  server = new KioskServer({
    ...pageFiles,
    host: '127.0.0.1',
    port: 0,
    place: () => place.read(),
    linkFault: async ({ room }) => ({ refusal: room === 'verdi' ? 'refused' : null, reason: null }),
  });
  await server.start();
});

afterEach(async () => {
  await server.stop();
  folder.remove();
});

const ask = (path: string, init: RequestInit = {}) => fetch(new URL(path, server.origin), init);
const config = async (): Promise<unknown> => (await ask('/config.json')).json();

function assign(text: string): void {
  writeFileSync(at('new'), text);
  renameSync(at('new'), at('assignment.json'));
}

describe('what the kiosk tells its page', () => {
  test('is what it waits for, until it has a key and a room; then always what the files say now', async () => {
    expect(await config()).toEqual({ relay, room: null, token: '', readers: '', waitsFor: 'key' });
    // What stands in for a credential that is not there yet.
    writeFileSync(at('key'), 'not-enrolled\n');
    expect(await config()).toMatchObject({ room: null, waitsFor: 'key' });
    writeFileSync(at('key'), 'kit_id_secret\n');
    expect(await config()).toEqual({ relay, room: null, token: '', readers: '', waitsFor: 'room' });
    assign('{"room":"verdi","relay":"wss://other.example","title":"Sala Verdi","atMs":1}');
    expect(await config()).toEqual({
      relay: 'wss://other.example',
      room: 'verdi',
      token: 'kit_id_secret',
      readers: '',
    });
    writeFileSync(at('readers'), 'tok_readers_secret');
    assign('{"room":"rossa"}');
    expect(await config()).toEqual({ relay, room: 'rossa', token: 'kit_id_secret', readers: 'tok_readers_secret' });
    expect(warnings).toEqual([]);
  });

  test.each(['', '{', '[]', '{"room":"../admin"}', '{"room":"verdi","relay":"javascript:alert(1)"}'])(
    'is not a broken assignment: %s',
    async (text) => {
      writeFileSync(at('key'), 'kit_id_secret');
      assign(text);
      expect(await config()).toMatchObject({ relay, room: null, waitsFor: 'room' });
      await config();
      expect(warnings).toHaveLength(text === '' ? 0 : 1);
    },
  );

  test('is why its line does not open, as far as the relay says', async () => {
    writeFileSync(at('key'), 'kit_id_secret');
    assign('{"room":"verdi"}');
    expect(await (await ask('/link.json')).json()).toEqual({ refusal: 'refused', reason: null });
  });

  test('is never kept by a browser, nor read by a page of anybody else', async () => {
    const { headers } = await ask('/config.json', { headers: { origin: 'https://evil.example' } });
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
  });
});

test('the kiosk answers to its own name alone, so that no name of anybody else can be pointed at it', async () => {
  const { port } = new URL(server.origin);
  const status = (host: string) =>
    new Promise<number>((resolve) =>
      request({ host: '127.0.0.1', port, path: '/config.json', headers: { host } }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      }).end(),
    );
  expect(await status(`127.0.0.1:${port}`)).toBe(200);
  for (const host of [
    `evil.example:${port}`,
    'evil.example',
    '127.0.0.1',
    `localhost:${port}`,
    `127.0.0.1.evil.example:${port}`,
  ])
    expect({ host, status: await status(host) }).toEqual({ host, status: 421 });
  expect((await ask('/config.json', { method: 'POST' })).status).toBe(405);
});

test('the page and its files come under strict headers, and nothing else comes at all', async () => {
  const page = await ask('/?lang=it');
  expect(await page.text()).toBe(readFileSync(join(root, 'display/caption.html'), 'utf8'));
  const policy = page.headers.get('content-security-policy') ?? '';
  for (const each of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "trusted-types 'none'"])
    expect(policy).toContain(each);
  expect(page.headers.get('x-content-type-options')).toBe('nosniff');
  expect(page.headers.get('referrer-policy')).toBe('no-referrer');
  for (const path of ['/relay/protocol.js', '/display/caption.js', '/display/lib/qr.js', '/display/screen/screen.css'])
    expect({ path, status: (await ask(path)).status }).toEqual({ path, status: 200 });
  for (const path of [
    '/display/README.md',
    '/package.json',
    '/display/kiosk/main.ts',
    '/api/rooms',
    '/admin',
    '/rooms/verdi',
  ])
    expect({ path, status: (await ask(path)).status }).toEqual({ path, status: 404 });
});

test('the compiled kiosk is no page', async () => {
  const pagesDir = at('display');
  mkdirSync(join(pagesDir, 'kiosk'), { recursive: true });
  mkdirSync(join(pagesDir, 'lib'));
  writeFileSync(join(pagesDir, 'lib/packages.json'), '{}');
  for (const name of ['kiosk/main.js', 'kiosks.js']) writeFileSync(join(pagesDir, name), '');
  const other = new KioskServer({
    ...pageFiles,
    pagesDir,
    host: '127.0.0.1',
    port: 0,
    place: async () => ({ relay, room: null, token: '', readers: '' }),
    linkFault,
  });
  await other.start();
  const status = async (path: string) => (await fetch(new URL(path, other.origin))).status;
  expect([await status('/display/kiosks.js'), await status('/display/kiosk/main.js')]).toEqual([200, 404]);
  await other.stop();
});

describe('why the line to the relay does not open', () => {
  const place = { relay: '', room: 'verdi', token: 'kit_id_secret', readers: '' };
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  const http = createServer((incoming, response) => answer(incoming, response));
  const fault = async () => {
    const address = http.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    return linkFault({ ...place, relay: `ws://127.0.0.1:${port}` });
  };
  const json = (status: number, code: string) => {
    answer = (_, response) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { code, message: '', hint: '' } }));
    };
  };

  beforeEach(() => new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve)));
  afterEach(() => {
    http.closeAllConnections();
    return new Promise((resolve) => http.close(resolve));
  });

  test('is the key, the places, or nothing that it says', async () => {
    let authorization = '';
    for (const status of [401, 403, 404]) {
      json(status, 'unauthorized');
      const inner = answer;
      answer = (incoming, response) => {
        authorization = `${incoming.url} ${incoming.headers.authorization}`;
        inner(incoming, response);
      };
      expect(await fault()).toEqual({ refusal: 'refused', reason: null });
    }
    expect(authorization).toBe('/api/rooms/verdi/captions Bearer kit_id_secret');
    json(503, 'too-many-readers');
    expect(await fault()).toEqual({ refusal: 'full', reason: null });
    json(503, 'starting');
    expect(await fault()).toEqual({ refusal: null, reason: null });
    json(426, 'upgrade');
    expect(await fault()).toEqual({ refusal: null, reason: null });
  });

  test('is somebody else who answers, or who never ends answering', async () => {
    answer = (_, response) => response.writeHead(302, { location: 'http://login.example/' }).end();
    expect(await fault()).toEqual({ refusal: null, reason: 'portal' });
    answer = (_, response) => response.end('<html>Please log in');
    expect(await fault()).toEqual({ refusal: null, reason: 'portal' });
    answer = (_, response) => response.writeHead(401).end('{ not JSON');
    expect(await fault()).toMatchObject({ refusal: null });
    answer = (_, response) => response.end('x'.repeat(1_000_000));
    expect(await fault()).toEqual({ refusal: null, reason: 'portal' });
    answer = (_, response) => response.writeHead(502).end('Bad Gateway');
    expect(await fault()).toEqual({ refusal: null, reason: 'unreachable' });
  });

  test('is that nobody answers, or that the name is not found', async () => {
    expect(await linkFault({ ...place, relay: `ws://127.0.0.1:${await lastingPort()}` })).toEqual({
      refusal: null,
      reason: 'unreachable',
    });
    expect(await linkFault({ ...place, relay: 'wss://relay.invalid' })).toEqual({ refusal: null, reason: 'name' });
  });
});

test('a kit’s own key is handed to nobody by a code on the screen', () => {
  const place = { relay: 'https://relay.example', room: 'verdi', token: 'kit_id_secret', readers: '' };
  expect(readersAddress(place)).toBe('https://relay.example/rooms/verdi?view=reader');
  expect(readersAddress({ ...place, readers: 'tok' })).toContain('#token=tok');
});

test('a screen is connected where any connector says so, or nothing can say so', async () => {
  const connector = (name: string, status: string) => {
    mkdirSync(at(`drm/${name}`), { recursive: true });
    writeFileSync(at(`drm/${name}/status`), `${status}\n`);
  };
  expect(await isScreenConnected(at('none'))).toBe(true);
  connector('card1-HDMI-A-1', 'disconnected');
  connector('card1-Writeback-1', 'unknown');
  mkdirSync(at('drm/card1'), { recursive: true });
  expect(await isScreenConnected(at('drm'))).toBe(false);
  connector('card1-HDMI-A-2', 'connected');
  expect(await isScreenConnected(at('drm'))).toBe(true);
});

test('the switches keep the sandbox, show one page, and let the operator’s own come last', () => {
  const switches = switchesFor('/run/profile', 'http://127.0.0.1:8082/', ['--ozone-platform=wayland']);
  expect(switches.filter((each) => /sandbox|disable-web-security|remote-debugging-port/.test(each))).toEqual([]);
  for (const each of ['--kiosk', '--remote-debugging-pipe', '--user-data-dir=/run/profile', '--disable-extensions'])
    expect(switches).toContain(each);
  expect(switches.at(-1)).toBe('--ozone-platform=wayland');
});

test('the settings of the kiosk come from a file, and it listens to nobody but its own machine', () => {
  const read = (...argv: string[]) => readConfiguration(kioskSettings, { usage: '', summary: '' }, argv, {});
  writeFileSync(
    at('display.toml'),
    'relay = "wss://relay.example"\nassignment-file = "/var/lib/sala/assignment/assignment.json"\n',
  );
  expect(read('--config', at('display.toml'))).toMatchObject({
    settings: { relay: 'wss://relay.example', listen: { host: '127.0.0.1', port: 8082 } },
  });
  expect(() => read('--relay', 'wss://relay.example', '--listen', '0.0.0.0:8082')).toThrow('--listen');
  expect(() => read('--relay', 'relay.example', '--room', 'Not A Room')).toThrow(/--relay[\s\S]*--room/);
});

test.each(['left_ptr', 'default'])('the blank cursor %s is one transparent pixel', (name) => {
  const bytes = readFileSync(join(root, 'display/kiosk/cursors/sala-blank/cursors', name));
  expect(bytes.toString('latin1', 0, 4)).toBe('Xcur');
  const image = bytes.readUInt32LE(24);
  expect([bytes.readUInt32LE(image + 16), bytes.readUInt32LE(image + 20)]).toEqual([1, 1]);
  expect(bytes.subarray(image + 36)).toEqual(Buffer.alloc(4));
});
