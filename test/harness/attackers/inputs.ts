import { randomBytes, randomUUID } from 'node:crypto';
import { encodeAudioFrame } from '../../../relay/protocol.js';
import { admission, ask, bearer, dial, end, knock, type Prey, Tally } from './wire.ts';

const oddPaths = [
  '/api/rooms/../../etc/passwd',
  '/api/rooms/%2e%2e/%2e%2e/etc/passwd',
  '/display/../relay/main.ts',
  '/display/..%2f..%2fpackage.json',
  '/display/%2e%2e/%2e%2e/package.json',
  '/display/....//....//package.json',
  '/display/admin/..%5c..%5cpackage.json',
  '/display/.git/config',
  '/display/admin/admin.js%00.css',
  '/relay/main.ts',
  '/relay/../package.json',
  '//etc/passwd',
  '/rooms/%3Cscript%3E',
  `/rooms/${'a'.repeat(65)}`,
  '/rooms/%2e%2e%2fadmin',
  '/rooms/HALL',
  '/rooms/a%2fb',
  '/api/rooms/a%00b/captions',
  '/api/rooms/__proto__/captions',
  '/api/rooms/constructor/transcript.json',
  '/t/../../api/rooms',
  '/ws/audio/..%2f..%2f',
  'http://evil.example/api/rooms',
  '/api/rooms/hall/transcript.json?from=1e999&limit=-1',
];
const oddNames = [
  '..',
  '%2e%2e',
  'A',
  'é',
  '-a',
  'a'.repeat(65),
  'a%2fb',
  'a%00',
  '%F0%9F%92%A9',
  'a b'.replace(' ', '%20'),
];

/** Paths and room names that mean something to a file system, a browser or a prototype. */
export async function paths(prey: Prey): Promise<Tally> {
  const tally = new Tally();
  for (const path of oddPaths) {
    tally.note('asked for', await ask(prey, 'GET', path));
    tally.note('with a right token', await ask(prey, 'GET', path, { headers: bearer(prey.tokens.read) }));
    const upgrade = { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
    const headers = { ...upgrade, 'sec-websocket-key': randomBytes(16).toString('base64') };
    tally.note('upgraded', await ask(prey, 'GET', path, { headers }));
  }
  for (const name of oddNames) {
    const headers = { ...bearer(prey.tokens.admin), 'content-type': 'application/json' };
    tally.note('made a room of', await ask(prey, 'PUT', `/api/rooms/${name}`, { headers, body: '{}' }));
  }
  return tally;
}

const hello = (streams: unknown[] = []) => ({
  ...{ type: 'hello', device: { id: 'stranger', version: '1', bootId: randomUUID() } },
  ...{ takeover: true, streams },
});
const stream = (more: object = {}) => ({
  ...{ index: 0, id: randomUUID(), format: { encoding: 'pcm_s16le', rate: 16000, channels: 1 }, edge: 0 },
  ...{ ended: false, ranges: [], holes: [], anchors: [] },
  ...more,
});
const frame = (position: number, samples: number) =>
  Buffer.from(encodeAudioFrame({ index: 0, position, live: true, audio: Buffer.alloc(samples * 2) }));

/** A WebSocket frame as it stands on the wire. */
function rawFrame(first: number, payload: Buffer, isMasked = true): Buffer {
  const length = payload.length < 126 ? [payload.length] : [126, payload.length >> 8, payload.length & 255];
  const header = Buffer.from([first, (length[0] ?? 0) | (isMasked ? 0x80 : 0), ...length.slice(1)]);
  return Buffer.concat([header, ...(isMasked ? [Buffer.alloc(4)] : []), payload]);
}

/** Frames and messages that break the protocol, after a right token let them in. */
export async function frames(prey: Prey): Promise<Tally> {
  const tally = new Tally();
  const bomb = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  const texts: Record<string, unknown[]> = {
    'text of 300 KB': ['x'.repeat(300_000)],
    'no JSON': ['{"type":'],
    'no object': ['42'],
    'unknown message': [{ type: 'reboot' }],
    'message before hello': [{ type: 'ended', index: 0, edge: 0 }],
    'second hello': [hello(), hello()],
    'hello with prototype': ['{"type":"hello","__proto__":{"device":{"id":"x"}}}'],
    'deep JSON': [`{"type":"hello","streams":${bomb(100_000)}}`],
    'wide JSON': [`{"type":"hello","streams":[${'{},'.repeat(80_000)}{}]}`],
    'numbers beyond': [hello([stream({ edge: 2 ** 53 - 1, ended: true })])],
    'a thousand streams': [hello(Array.from({ length: 300 }, (_, i) => stream({ index: i })))],
    'ranges backwards': [hello([stream({ edge: 100, ranges: [[50, 10]] })])],
    'stream of nobody': [hello(), { type: 'ended', index: 7, edge: 0 }],
    'a flood of messages': [
      hello([stream()]),
      ...Array.from({ length: 700 }, () => ({ type: 'ended', index: 0, edge: 0 })),
    ],
  };
  for (const [name, messages] of Object.entries(texts)) {
    const socket = knock(prey, 'audio', prey.tokens.publish);
    if ((await admission(socket)) !== 'open') tally.note(name, 'not open');
    for (const each of messages) socket.send(typeof each === 'string' ? each : JSON.stringify(each));
    tally.note(name, await end(socket));
  }
  const binaries: Record<string, Buffer[]> = {
    'audio before hello': [frame(0, 1600)],
    'frame of 100 KB': [Buffer.alloc(100_000, 1)],
    'frame of 1 MB': [Buffer.alloc(1_000_000, 1)],
    garbage: [randomBytes(1000)],
    'empty frame': [Buffer.alloc(0)],
  };
  for (const [name, pieces] of Object.entries(binaries)) {
    const socket = knock(prey, 'audio', prey.tokens.publish);
    await admission(socket);
    if (!name.includes('before')) socket.send(JSON.stringify(hello([stream()])));
    for (const piece of pieces) socket.send(piece);
    tally.note(name, await end(socket));
  }
  await rawFrames(prey, tally);
  for (const door of ['captions', 'live'] as const) {
    const socket = knock(prey, door, door === 'live' ? prey.tokens.admin : prey.tokens.read);
    await admission(socket);
    socket.send('{"type":"hello"}');
    tally.note('a reader that speaks', await end(socket));
    const loud = knock(prey, door, door === 'live' ? prey.tokens.admin : prey.tokens.read);
    await admission(loud);
    loud.send('x'.repeat(2000));
    tally.note('a reader that speaks at length', await end(loud));
  }
  return tally;
}

/** What no library sends. */
async function rawFrames(prey: Prey, tally: Tally): Promise<void> {
  const text = Buffer.from(JSON.stringify(hello()));
  const wire: Record<string, Buffer[]> = {
    'unmasked frame': [rawFrame(0x81, text, false)],
    'compressed frame': [rawFrame(0xc1, text)],
    'reserved opcode': [rawFrame(0x83, text)],
    'text that is no UTF-8': [rawFrame(0x81, Buffer.from([0xff, 0xfe, 0xfd]))],
    'continuation of nothing': [rawFrame(0x80, text)],
    'fragments of 400 KB': [
      rawFrame(0x01, Buffer.alloc(60_000, 120)),
      ...Array(6).fill(rawFrame(0x00, Buffer.alloc(60_000, 120))),
    ],
    'countless empty fragments': [rawFrame(0x01, text), ...Array(50_000).fill(rawFrame(0x00, Buffer.alloc(0)))],
    'a ping of 1 KB': [rawFrame(0x89, Buffer.alloc(1000))],
    'a frame that announces 2^62 bytes': [Buffer.from([0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
  };
  for (const [name, pieces] of Object.entries(wire)) {
    const socket = knock(prey, 'audio', prey.tokens.publish);
    await admission(socket);
    const bare = Reflect.get(socket, '_socket');
    for (const piece of pieces) bare.write(piece);
    tally.note(name, await end(socket));
  }
}

/** JSON that is small to send and large to read, to calls that take it; and bodies that never end. */
export async function bombs(prey: Prey): Promise<Tally> {
  const tally = new Tally();
  const headers = { ...bearer(prey.tokens.admin), 'content-type': 'application/json' };
  const put = (path: string, body: string | Buffer) => ask(prey, 'PUT', path, { headers, body });
  const room = `/api/rooms/${prey.room}`;
  const deep = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
  tally.note('deep', await put(room, deep(10_000)));
  tally.note('deep', await put('/api/text-rules', deep(80_000)));
  tally.note('deep list', await put(`${room}/vocabulary`, `{"phrases":${'['.repeat(200_000)}${']'.repeat(200_000)}}`));
  tally.note('wide', await put('/api/text-rules', `{"replacements":[${'{},'.repeat(150_000)}{}]}`));
  tally.note('large', await put(room, JSON.stringify({ name: 'x'.repeat(70_000) })));
  tally.note('large', await put('/api/text-rules', Buffer.alloc(600_000, 32)));
  tally.note('endless', await put(room, Buffer.alloc(30_000_000, 32)));
  tally.note('a number of a million digits', await put('/api/text-rules', `{"replacements":${'9'.repeat(500_000)}}`));
  tally.note(
    'a pattern that explodes',
    await put(
      `${room}/text-rules`,
      JSON.stringify({ replacements: [{ find: '(a+)+$', replace: '', regex: true }], blocked: [] }),
    ),
  );
  tally.note('keys of prototypes', await put(room, '{"__proto__":{"public":true},"constructor":{"prototype":{}}}'));
  tally.note(
    'compressed',
    await ask(prey, 'PUT', room, { headers: { ...headers, 'content-encoding': 'gzip' }, body: randomBytes(1000) }),
  );
  const endless = dial(prey);
  endless.write(
    `PUT ${room} HTTP/1.1\r\nhost: relay\r\nauthorization: Bearer ${prey.tokens.admin}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`,
  );
  const drip = setInterval(() => endless.write('1\r\n \r\n'), 200);
  const begunMs = performance.now();
  await new Promise((resolve) => endless.once('close', resolve).resume());
  clearInterval(drip);
  tally.note('a body that never ends', performance.now() - begunMs < 12_000 ? 'closed in time' : 'held open');
  return tally;
}
