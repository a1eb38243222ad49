import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type WebSocket as Peer, WebSocketServer } from 'ws';
import { Live } from '../display/admin/live.js';
import type { LiveMessage } from '../relay/protocol.js';
import { eventually } from './harness/eventually.ts';

let server: WebSocketServer;
let peers: Peer[];

beforeEach(async () => {
  peers = [];
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (peer) => peers.push(peer));
  await once(server, 'listening');
});
afterEach(async () => {
  for (const peer of server.clients) peer.terminate();
  await new Promise((done) => server.close(done));
});

/** The page's line on real sockets; its clock stands until the test lets it go on. */
function open({ random = 0 } = {}) {
  const state = { random, isSignedOut: false, nowMs: 0 };
  let timer: { ms: number; run: () => void } | null = null;
  const links: string[] = [];
  const shown: { rooms: string[]; gone: string[] }[] = [];
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const live = new Live(
    {
      rooms: (views, gone) => shown.push({ rooms: views.map(({ room }) => room), gone }),
      levels: () => {},
      alarms: () => {},
      link: (link) => links.push(link),
    },
    {
      open: () => new WebSocket(`ws://127.0.0.1:${port}`),
      isSignedOut: async () => state.isSignedOut,
      now: () => state.nowMs,
      date: () => 5000,
      random: () => state.random,
      setTimeout: (run, ms) => {
        timer = { ms, run };
        return 1;
      },
      clearTimeout: () => {
        timer = null;
      },
    },
  );
  live.start();
  return {
    ...{ live, links, shown, state },
    /** What the page waits for next, in ms. */
    waits: () => timer?.ms ?? null,
    /** That time is over. */
    pass: () => {
      state.nowMs += timer?.ms ?? 0;
      timer?.run();
    },
  };
}

const peer = async (n: number): Promise<Peer> => {
  await eventually(() => peers.length).toBeGreaterThan(n);
  const found = peers[n];
  if (!found) throw new Error(`There is no connection ${n}`);
  return found;
};
const say = (to: Peer, ...messages: LiveMessage[]) => {
  for (const message of messages) to.send(JSON.stringify(message));
};
const hello: LiveMessage = { type: 'hello', version: '1', at: 65_000 };
const rooms = (names: string[], gone: string[] = []): LiveMessage => ({
  ...{ type: 'rooms', at: 66_000, gone },
  rooms: names.map((room) => ({ room })),
});

test('what the relay says is shown as it comes, and room time with it', async () => {
  const { live, shown, links } = open();
  say(await peer(0), hello, rooms(['a', 'b']), rooms(['b']), rooms([], ['a']));
  await eventually(() => shown.length).toBe(3);
  expect(shown).toEqual([
    { rooms: ['a', 'b'], gone: [] },
    { rooms: ['b'], gone: [] },
    { rooms: [], gone: ['a'] },
  ]);
  expect(links).toEqual(['connecting', 'open']);
  expect(live.roomTime).toBe(66_000);
  live.stop();
});

test.each([
  [0, 500],
  [0.999999, 2000],
])('after 1012 it comes back in 0.5 to 2 s: with a random number of %d in %d ms', async (random, ms) => {
  const page = open({ random });
  const first = await peer(0);
  say(first, hello, rooms(['a']));
  await eventually(() => page.links.at(-1)).toBe('open');
  first.close(1012, 'the relay restarts');
  await eventually(() => page.links).toContain('lost');
  await eventually(() => Math.round(page.waits() ?? 0)).toBe(ms);
  expect(peers.length).toBe(1);
  page.pass();
  say(await peer(1), hello, rooms(['a']));
  await eventually(() => page.links.at(-1)).toBe('open');
  page.live.stop();
});

test('a relay that stays away is asked less and less often, at least every 5 s, and for ever', async () => {
  const page = open({ random: 0.999999 });
  const waits: number[] = [];
  for (let n = 0; n < 6; n++) {
    (await peer(n)).terminate();
    await eventually(() => page.waits()).not.toBe(8000);
    waits.push(Math.round(page.waits() ?? 0));
    page.pass();
  }
  expect(waits).toEqual([2000, 4000, 5000, 5000, 5000, 5000]);
  page.live.stop();
});

test('rooms that were deleted while the line was lost are gone', async () => {
  const page = open();
  const first = await peer(0);
  say(first, hello, rooms(['a', 'b', 'c']), rooms(['d']));
  await eventually(() => page.shown.length).toBe(2);
  first.terminate();
  await eventually(() => page.waits()).toBe(500);
  page.pass();
  say(await peer(1), hello, rooms(['a', 'd']));
  await eventually(() => page.shown.at(-1)).toEqual({ rooms: ['a', 'd'], gone: ['b', 'c'] });
  page.live.stop();
});

test('a line that says nothing for 6 s is left, and one that does not open in 8', async () => {
  const page = open();
  expect(page.waits()).toBe(8000);
  say(await peer(0), hello, rooms(['a']));
  await eventually(() => page.waits()).toBe(6000);
  expect(page.links.at(-1)).toBe('open');
  page.pass();
  expect(page.links.at(-1)).toBe('lost');
  expect(page.live.ageMs).toBe(6000);
  expect(page.waits()).toBe(500);
  page.pass();
  await peer(1);
  expect(page.waits()).toBe(8000);
  page.pass(); // this one was let in and never heard of again
  expect(page.waits()).toBe(500);
  page.live.stop();
});

test('a session that has ended is told, and the relay is not asked again', async () => {
  const page = open();
  const first = await peer(0);
  say(first, hello, rooms(['a']));
  await eventually(() => page.links.at(-1)).toBe('open');
  page.state.isSignedOut = true;
  first.close(4401, 'the token was revoked');
  await eventually(() => page.links.at(-1)).toBe('signed-out');
  expect(page.waits()).toBe(null);
  page.live.wake();
  expect(peers.length).toBe(1);
  page.state.isSignedOut = false;
  page.live.start(); // somebody logged in
  await peer(1);
  page.live.stop();
});

test('a page that is shown again does not wait for its turn', async () => {
  const page = open({ random: 0.999999 });
  (await peer(0)).terminate();
  await eventually(() => page.waits()).toBeLessThan(8000);
  page.live.wake();
  say(await peer(1), hello, rooms(['a']));
  await eventually(() => page.links.at(-1)).toBe('open');
  // It slept: timers stood still, the clock did not.
  page.state.nowMs += 60_000;
  page.live.wake();
  expect(page.links.at(-1)).toBe('lost');
  expect(page.waits()).toBe(0);
  page.live.stop();
});
