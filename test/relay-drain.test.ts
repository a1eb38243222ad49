import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'vitest';
import WebSocket from 'ws';
import { openDatabase } from '../relay/database.ts';
import { audioProtocol, bearerPrefix, captionsProtocol, liveProtocol } from '../relay/protocol.js';
import { Rooms } from '../relay/rooms.ts';
import type { Fetched } from '../relay/schedule/fetch.ts';
import { Schedule } from '../relay/schedule/schedule.ts';
import { Talks } from '../relay/talks.ts';
import { captureLog } from './harness/doors.ts';
import { TestRelay, temporaryFolder } from './harness/programs.ts';
import { stopWithinMs } from './harness/relay-stops.ts';
import { Talk } from './harness/talk.ts';
import { until } from './harness/until.ts';

/** An open socket: what it was told, and how it was closed. */
class Guest {
  readonly socket: WebSocket;
  readonly told: { atMs: number; text: string }[] = [];
  readonly opened: Promise<void>;
  readonly closed: Promise<{ code: number; atMs: number }>;

  constructor(relay: TestRelay, path: string, protocol: string, token: string) {
    this.socket = new WebSocket(new URL(path, relay.url.replace('http', 'ws')), [protocol, `${bearerPrefix}${token}`]);
    this.socket.on('error', () => {});
    this.socket.on('message', (data) => this.told.push({ atMs: performance.now(), text: String(data) }));
    this.opened = new Promise((done) => this.socket.once('open', done));
    this.closed = new Promise((done) => this.socket.once('close', (code) => done({ code, atMs: performance.now() })));
  }
}

/** Tells the relay to stop; how it ended, and after how long. */
async function stopped(relay: TestRelay): Promise<{ status: number | null; ms: number }> {
  const toldMs = performance.now();
  relay.program.kill('SIGTERM');
  const { status } = await relay.program.exit;
  return { status, ms: Math.round(performance.now() - toldMs) };
}

async function startRelay({ onTestFinished }: TestContext, prepare: (dataDir: string) => void = () => {}) {
  const folder = temporaryFolder();
  const dataDir = join(folder.path, 'relay');
  prepare(dataDir);
  const relay = await TestRelay.start({ dataDir });
  onTestFinished(async () => {
    relay.program.kill();
    await relay.program.exit;
    folder.remove();
  });
  return relay;
}

/** Bytes on a line of their own; nothing of the answer is read until `socket.resume()`. */
async function line(relay: TestRelay, bytes: string): Promise<Socket> {
  const socket = connect(relay.port, '127.0.0.1');
  socket.on('error', () => {});
  await new Promise<void>((done) => socket.once('connect', () => socket.write(bytes, () => done())));
  return socket;
}

/** A room with a transcript of some megabytes. */
function longTranscript(dataDir: string): void {
  const db = openDatabase(dataDir);
  new Rooms(db, { language: 'en-US', engine: 'script:load' }).put('hall', { public: true });
  const insert = db.prepare(
    `INSERT INTO log (room, seq, type, start_ms, end_ms, message) VALUES ('hall', ?, 'caption', ?, ?, ?)`,
  );
  db.transaction(() => {
    for (let seq = 1; seq <= 30_000; seq++) {
      const place = { start: seq * 1000, end: seq * 1000 + 900, stream: 's', from: 0, to: 1 };
      const said = { speaker: null, late: false, text: `${seq} ${'words '.repeat(30)}`, language: 'en-US' };
      const message = JSON.stringify({ type: 'caption', seq, final: true, ...said, ...place });
      insert.run(seq, place.start, place.end, message);
    }
  })();
  db.close();
}

const upgrade = (path: string) =>
  `GET ${path} HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n`;

/** What could keep a relay from ending. */
const hindrances: [string, (relay: TestRelay) => Promise<unknown>][] = [
  [
    'a reader that never reads',
    async (relay) => {
      const { read } = await relay.room('hall');
      const reader = new Guest(relay, '/api/rooms/hall/captions', captionsProtocol, read);
      await reader.opened;
      reader.socket.pause();
    },
  ],
  [
    'an admin page that never reads',
    async (relay) => {
      const page = new Guest(relay, '/api/live', liveProtocol, relay.adminToken);
      await page.opened;
      page.socket.pause();
    },
  ],
  [
    'a kit that says nothing',
    async (relay) => {
      const { publish } = await relay.room('hall');
      const kit = new Guest(relay, '/api/rooms/hall/audio', audioProtocol, publish);
      await kit.opened;
      kit.socket.pause();
    },
  ],
  ['an upgrade half done', (relay) => line(relay, upgrade('/api/rooms/hall/captions'))],
  [
    'an upgrade that is done, whose peer never reads',
    (relay) => line(relay, `${upgrade('/ws/transcript/hall')}sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`),
  ],
  [
    'a call whose body never comes',
    (relay) =>
      line(
        relay,
        `PUT /api/rooms/hall HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${relay.adminToken}\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{`,
      ),
  ],
  ['a connection that is kept open', (relay) => line(relay, 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')],
];

describe.concurrent('a relay that is told to stop', { timeout: 60_000 }, () => {
  test('is not ready at once, publishes the last words, and then sends everyone away to come back', async ({
    expect,
    onTestFinished,
  }) => {
    const talk = new Talk({ numbers: 600 });
    onTestFinished(() => talk.stop());
    talk.standIn.failNext({ kind: 'delay', ms: 1000 }); // what it says last comes after the relay was told to stop
    await talk.start();
    await talk.said(15);
    const { relay, read } = talk.parts;
    const screen = new Guest(relay, '/api/rooms/hall/captions', captionsProtocol, read);
    const page = new Guest(relay, '/api/live', liveProtocol, relay.adminToken);
    const spare = await relay.room('spare');
    const kit = new Guest(relay, '/api/rooms/spare/audio', audioProtocol, spare.publish);
    await Promise.all([screen.opened, page.opened, kit.opened]);

    const toldMs = performance.now();
    const end = stopped(relay);
    const unready = await until(async () => {
      const answer = await fetch(`${relay.url}/readyz`);
      return answer.status === 503 ? { body: await answer.json(), atMs: performance.now() } : undefined;
    });
    expect(unready.body).toMatchObject({ status: 'stopping' });
    const late = new WebSocket(`${relay.url.replace('http', 'ws')}/api/rooms/hall/captions`, [
      captionsProtocol,
      `${bearerPrefix}${read}`,
    ]);
    const refusal = await new Promise<number | undefined>((done) => {
      late.once('unexpected-response', (_, { statusCode }) => done(statusCode));
      late.once('open', () => done(101));
      late.once('error', () => done(0));
    });
    expect(refusal).toBe(503);

    const closes = await Promise.all([screen.closed, page.closed, kit.closed]);
    expect(closes.map(({ code }) => code)).toEqual([1012, 1012, 1012]);
    const lastWords = screen.told.filter(({ text }) => text.includes('"caption"')).at(-1);
    expect(lastWords?.atMs).toBeGreaterThan(unready.atMs);
    const { status, ms } = await end;
    expect(status).toBe(0);
    expect(ms).toBeLessThan(stopWithinMs);
    // The session was ended as the service asks for it, and all it said is with the reader.
    const [session] = talk.standIn.sessions;
    expect(session?.report()).toMatchObject({ endedByClient: true, exception: null });
    expect(talk.shown().at(-1)).toBe(Math.max(...(session?.numbers ?? [])));
    process.stdout.write(
      `stopped in mid-talk, words 1 s late: ${ms} ms, 503 after ${Math.round(unready.atMs - toldMs)} ms\n`,
    );
  });

  test.for(hindrances)('ends within its time with %s', async ([what, hinder], context) => {
    const relay = await startRelay(context);
    await relay.room('hall', { public: true });
    await hinder(relay);
    const { status, ms } = await stopped(relay);
    context.expect({ what, status }).toEqual({ what, status: 0 });
    context.expect(ms).toBeLessThan(stopWithinMs);
    process.stdout.write(`stopped with ${what}: ${ms} ms\n`);
  });

  test('cuts off a transcript that is being fetched, so that it does not look whole', async (context) => {
    const { expect } = context;
    const relay = await startRelay(context, longTranscript);
    const download = await line(
      relay,
      'GET /api/rooms/hall/transcript.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
    );
    let got = '';
    download.once('data', (bytes) => {
      got = String(bytes);
      download.pause();
    });
    await until(() => got !== '' || undefined, { what: 'the beginning of the transcript' });
    const { status, ms } = await stopped(relay);
    expect(status).toBe(0);
    expect(ms).toBeLessThan(stopWithinMs);
    const ended = new Promise((done) => download.once('close', done));
    download.on('data', (bytes) => {
      got = `${got}${bytes}`.slice(-1000);
    });
    download.resume();
    await ended;
    expect(got.endsWith('0\r\n\r\n')).toBe(false);
    expect(got).not.toContain('"truncated"');
    process.stdout.write(`stopped with a transcript under way: ${ms} ms\n`);
  });

  test.for([
    ['never ends', { kind: 'silent', when: { audioMs: 2000 } }],
    ['takes nothing any more', { kind: 'stop-reading', when: { audioMs: 2000 } }],
  ] as const)(
    'ends within its time with an engine session that %s',
    async ([what, fault], { expect, onTestFinished }) => {
      const talk = new Talk({ numbers: 300 });
      onTestFinished(() => talk.stop());
      talk.standIn.failNext(fault);
      await talk.start();
      await talk.standIn.session(0);
      await until(
        () => talk.heard().length > 25 || (fault.kind === 'stop-reading' && talk.heard().length > 10) || undefined,
      );
      const { status, ms } = await stopped(talk.parts.relay);
      expect(status).toBe(0);
      expect(ms).toBeLessThan(stopWithinMs);
      process.stdout.write(`stopped with an engine that ${what}: ${ms} ms\n`);
    },
  );

  test('ends at once when it is told a second time, with the status of the signal', async ({
    expect,
    onTestFinished,
  }) => {
    for (const [signal, expected] of [
      ['SIGTERM', 143],
      ['SIGINT', 130],
    ] as const) {
      const talk = new Talk({ numbers: 300 });
      onTestFinished(() => talk.stop());
      talk.standIn.failNext({ kind: 'silent', when: { audioMs: 500 } });
      await talk.start();
      await until(() => talk.heard().length > 8 || undefined);
      const { program } = talk.parts.relay;
      program.kill('SIGTERM');
      // Ctrl-C comes twice through npm: what follows within a second is the same order.
      await new Promise((done) => setTimeout(done, 1200));
      expect(program.child.exitCode).toBeNull();
      const toldMs = performance.now();
      program.kill(signal);
      expect((await program.exit).status).toBe(expected);
      expect(performance.now() - toldMs).toBeLessThan(1000);
    }
  });
});

test.for([
  ['comes', (done: (answer: Fetched) => void) => done({ changed: false })],
  ['fails', (_: unknown, fail: (error: Error) => void) => fail(new Error('reset'))],
] as const)(
  'a schedule that is being fetched keeps no database open, and is left alone when it %s afterwards',
  async ([what, end], { expect, onTestFinished }) => {
    const folder = temporaryFolder();
    onTestFinished(folder.remove);
    const db = openDatabase(folder.path);
    const rooms = new Rooms(db, { language: 'en-US', engine: 'script:load' });
    const { log, lines } = captureLog();
    let answer: Promise<Fetched> | undefined;
    let finish = () => {};
    const schedule = new Schedule({
      ...{ db, rooms, talks: new Talks(db), audit: { note: () => {} }, log },
      fetch: () => {
        answer = new Promise<Fetched>((done, fail) => {
          finish = () => end(done, fail);
        });
        return answer;
      },
    });
    schedule.start();
    const asked = schedule.put({ kind: 'url', url: 'https://talks.example.org/schedule.json', rooms: {} });
    await until(() => answer !== undefined, { what: `the fetch that ${what}` });
    schedule.stop();
    db.close();
    finish();
    await asked; // a write now would throw
    expect(lines).toEqual([]);
  },
);

test('a relay that starts on the old folder has every room as it was, and goes on with its log', async (context) => {
  const { expect } = context;
  const relay = await startRelay(context);
  const folder = String(relay.program.child.spawnargs[relay.program.child.spawnargs.indexOf('--data-dir') + 1]);
  const now = Date.now();
  await relay.room('verdi', { name: 'Sala Verdi', language: 'it-IT', source: 'kit-1', restAfter: 5 });
  await relay.room('rossini', { public: true, engine: 'script:other' });
  await relay.room('puccini');
  await relay.call('PUT', '/api/rooms/puccini/paused', { paused: true });
  await relay.call('POST', '/api/rooms/verdi/clear');
  await relay.call('PUT', '/api/rooms/verdi/talks/t1', { title: 'Opera', start: now, end: now + 3_600_000 });
  await relay.call('PUT', '/api/rooms/verdi/text-rules', { replacements: [{ find: 'a', replace: 'b' }], blocked: [] });
  await relay.call('PUT', '/api/vocabulary', { phrases: [{ phrase: 'Falstaff' }] });
  const view = async (of: TestRelay) => {
    const { rooms } = await of.call<{ rooms: Record<string, unknown>[] }>('GET', '/api/rooms');
    const kept = rooms.map(({ live, alarms, ...rest }) => rest);
    const paths = ['rooms/verdi/talks', 'rooms/verdi/text-rules', 'vocabulary', 'rooms/verdi/tokens', 'costs'];
    return { kept, lists: await Promise.all(paths.map((path) => of.call('GET', `/api/${path}`))) };
  };
  const before = await view(relay);
  expect(before.kept).toHaveLength(3);
  expect((await stopped(relay)).status).toBe(0);
  const again = await TestRelay.start({ dataDir: folder });
  context.onTestFinished(async () => {
    await again.stop();
  });
  expect(await view(again)).toEqual(before);
  const { seq } = await again.call<{ seq: number }>('POST', '/api/rooms/verdi/clear');
  expect(seq).toBe(2);
});
