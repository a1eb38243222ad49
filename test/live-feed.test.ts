import { afterEach, beforeEach, expect, test } from 'vitest';
import { LiveFeed } from '../relay/live-feed.ts';
import type { LiveLimits } from '../relay/live-page.ts';
import { type Alarm, liveProtocol } from '../relay/protocol.js';
import { RoomViews } from '../relay/room-views.ts';
import { adminSecret, bearer, House, type HouseOptions, type Reading } from './harness/doors.ts';
import { eventually } from './harness/eventually.ts';

let house: House;
let feed: LiveFeed;
let relayAlarms: Alarm[];
/** By room. */
let roomAlarms: Map<string, Alarm[]>;
let looks = 0;

async function open(limits: Partial<LiveLimits> = {}, options: HouseOptions = {}) {
  house = await new House({ ...options, handlers: { live: (socket) => feed.serve(socket) } }).start();
  const views = new RoomViews({
    readers: house.readers,
    alarms: { of: ({ record }) => roomAlarms.get(record.name) ?? [] },
  });
  const rooms = {
    all: () => {
      looks++;
      return house.rooms.all();
    },
  };
  feed = new LiveFeed({ rooms, views, alarms: { ofRelay: () => relayAlarms }, version: '1.2.3', limits });
}

beforeEach(() => {
  relayAlarms = [];
  roomAlarms = new Map();
  looks = 0;
});
afterEach(() => house.stop());

const enter = (token = adminSecret) => house.connect('/api/live', [liveProtocol], bearer(token));
const named = (reading: Reading, from = 0) =>
  reading
    .of('rooms')
    .slice(from)
    .flatMap(({ rooms }) => (Array.isArray(rooms) ? rooms.map(({ room }: { room: string }) => room) : []));
const newest = (reading: Reading, room: string): Record<string, unknown> =>
  reading
    .of('rooms')
    .flatMap(({ rooms }) => (Array.isArray(rooms) ? rooms : []))
    .findLast((view: { room: string }) => view.room === room);
const alarm: Alarm = { code: 'lag', severity: 'warning', message: 'Behind.', hint: 'Wait.', since: 1 };

test('hello, then every room, the relay’s alarms, and only what changed', async () => {
  await open();
  for (const name of ['verdi', 'rossini', 'bellini']) house.rooms.put(name, { title: name });
  const page = enter();
  await page.until(() => page.of('alarms').length === 1);
  expect(page.messages.map(({ type }) => type)).toEqual(['hello', 'rooms', 'alarms']);
  expect(page.of('hello')[0]).toMatchObject({ version: '1.2.3', at: expect.any(Number) });
  expect(named(page).toSorted()).toEqual(['bellini', 'rossini', 'verdi']);
  house.rooms.get('verdi')?.say('buongiorno a tutti');
  await page.until(() => named(page, 1).length > 0);
  expect(newest(page, 'verdi')).toMatchObject({ lastWords: { text: 'buongiorno a tutti', at: 2000 }, seq: 1 });
  roomAlarms.set('rossini', [alarm]);
  await page.until(() => named(page, 1).length > 1);
  expect(newest(page, 'rossini').alarms).toEqual([alarm]);
  relayAlarms = [{ ...alarm, code: 'relay-disk' }];
  await page.until(() => page.of('alarms').length === 2);
  expect(page.of('alarms')[1]).toEqual({ type: 'alarms', alarms: relayAlarms });
  expect(named(page, 1)).toEqual(['verdi', 'rossini']);
});

test('what changes by itself all the time is no news: the line is only shown to be alive', async () => {
  await open({ roomIntervalMs: 5, quietIntervalMs: 50 });
  const verdi = house.rooms.put('verdi');
  let ms = 0;
  Object.defineProperty(verdi, 'facts', {
    get: () => {
      ms += 10;
      const rest = { resting: false, levelDb: -40 + (ms % 9), floorDb: -60, thresholdDb: -54, silentMs: ms };
      return { rest, lastAudioMs: ms, lastCaptionMs: ms, counters: { audioSeconds: ms }, lagMs: 200 + (ms % 90) };
    },
  });
  const page = enter();
  await page.until(() => page.of('rooms').length === 4);
  expect(page.of('rooms').map(({ rooms }) => Array.isArray(rooms) && rooms.length)).toEqual([1, 0, 0, 0]);
  expect(looks).toBeGreaterThan(10);
});

test('a hidden caption is not the last words of a room', async () => {
  await open();
  const verdi = house.rooms.put('verdi');
  verdi.say('as it was');
  verdi.amend(verdi.say('a secret').seq, null);
  const page = enter();
  await page.until(() => page.of('rooms').length === 1);
  expect(newest(page, 'verdi').lastWords).toMatchObject({ text: 'as it was' });
});

test('readers of each room are counted', async () => {
  await open();
  house.rooms.put('verdi');
  house.rooms.put('rossini');
  const page = enter();
  await page.until(() => page.of('rooms').length === 1);
  const readers = [house.read('verdi'), house.read('verdi')];
  await page.until(() => newest(page, 'verdi').readers === 2);
  readers[0]?.socket.terminate();
  await page.until(() => newest(page, 'verdi').readers === 1);
  expect(newest(page, 'rossini').readers).toBe(0);
});

test('levels come as they are measured, each newest one of a room once, and a newcomer gets what is known', async () => {
  await open({ levelIntervalMs: 50 });
  const [verdi, rossini] = [house.rooms.put('verdi'), house.rooms.put('rossini')];
  const page = enter();
  await page.until(() => page.of('rooms').length === 1);
  verdi.sound(-30);
  verdi.sound(-20);
  rossini.sound(-50);
  await page.until(() => page.of('levels').length === 1);
  expect(page.of('levels')).toEqual([{ type: 'levels', levels: { verdi: -20, rossini: -50 } }]);
  verdi.sound(-10);
  await page.until(() => page.of('levels').length === 2);
  expect(page.of('levels')[1]?.levels).toEqual({ verdi: -10 });
  const second = enter();
  await second.until(() => second.of('levels').length === 1);
  expect(second.of('levels')[0]?.levels).toEqual({ verdi: -10, rossini: -50 });
});

test('while nobody looks nothing is computed, measured or kept', async () => {
  await open({ roomIntervalMs: 5 });
  const verdi = house.rooms.put('verdi');
  expect([looks, verdi.meters.size]).toEqual([0, 0]);
  const page = enter();
  await eventually(() => looks).toBeGreaterThan(3);
  expect(verdi.meters.size).toBe(1);
  page.socket.terminate();
  await eventually(() => feed.counters.pages).toBe(0);
  const before = looks;
  expect(verdi.meters.size).toBe(0);
  await new Promise((done) => setTimeout(done, 100));
  expect(looks).toBe(before);
  const again = enter();
  await again.until(() => again.of('alarms').length === 1);
  expect(named(again)).toEqual(['verdi']);
});

test('a room that is made appears, one that is deleted goes, and one of the same name is another', async () => {
  await open({ roomIntervalMs: 20 });
  house.rooms.put('verdi');
  const page = enter();
  await page.until(() => page.of('rooms').length === 1);
  house.rooms.put('rossini');
  await page.until(() => named(page).includes('rossini'));
  const rossini = house.rooms.get('rossini');
  await house.rooms.delete('rossini');
  await page.until(() => page.of('rooms').some(({ gone }) => Array.isArray(gone) && gone.includes('rossini')));
  expect(rossini?.meters.size).toBe(0);
  house.rooms.put('rossini', { title: 'Another' });
  await page.until(() => newest(page, 'rossini').name === 'Another');
});

test('a page that does not read is told no more than fits, then the newest state alone; it holds up no other', async () => {
  await open({ roomIntervalMs: 5, levelIntervalMs: 5, quietIntervalMs: 60_000, maxBufferedBytes: 16 * 1024 });
  const rooms = Array.from({ length: 20 }, (_, i) => house.rooms.put(`room-${i}`));
  const slow = enter();
  const quick = enter();
  await Promise.all([slow, quick].map((page) => page.until(() => page.of('alarms').length === 1)));
  slow.socket.pause();
  // A socket's own buffers take some megabytes before anything waits here.
  const title = 'x'.repeat(190);
  let n = 0;
  const churn = setInterval(() => {
    n++;
    for (const room of rooms) {
      room.facts = { message: `${title}${title}${title}${title} ${n}` };
      room.sound(-n % 90);
    }
  }, 5);
  await expect.poll(() => feed.counters.statesDropped, { timeout: 60_000 }).toBeGreaterThan(100);
  await eventually(() => feed.counters.levelsDropped).toBeGreaterThan(0);
  clearInterval(churn);
  await quick.until(() => hasCome(quick, n));
  const before = slow.of('rooms').length;
  slow.socket.resume();
  await slow.until(() => hasCome(slow, n));
  // One message with all rooms ends what it missed.
  const last = slow.of('rooms').at(-1)?.rooms;
  expect(Array.isArray(last) && last.length).toBe(20);
  expect(slow.of('rooms').length - before).toBeLessThan(quick.of('rooms').length);
  expect(slow.socket.readyState).toBe(slow.socket.OPEN);
}, 90_000);

/** The newest of the last room has come to this. */
const hasCome = (page: Reading, n: number) => JSON.stringify(newest(page, 'room-19').live).includes(` ${n}"`);

test('a page that reads nothing for long is cut off with 4410', async () => {
  await open({ roomIntervalMs: 5, maxBufferedBytes: 16 * 1024, drainTimeoutMs: 200, closeTimeoutMs: 200 });
  const rooms = Array.from({ length: 20 }, (_, i) => house.rooms.put(`room-${i}`));
  const slow = enter();
  await slow.until(() => slow.of('alarms').length === 1);
  slow.socket.pause();
  let n = 0;
  const churn = setInterval(() => {
    n++;
    for (const room of rooms) room.facts = { message: `${'x'.repeat(2000)} ${n}` };
  }, 5);
  await expect.poll(() => feed.counters.cutOff, { timeout: 60_000 }).toBeGreaterThan(0);
  clearInterval(churn);
  await eventually(() => feed.counters.pages).toBe(0);
  slow.socket.resume();
  expect(feed.counters.cutOff).toBe(1);
}, 90_000);

test('who may not administer does not get in, and a page that speaks is shown out', async () => {
  await open();
  house.rooms.put('verdi');
  const { token } = house.tokens.create('verdi', 'read', '');
  expect((await enter(token).refused).status).toBe(403);
  expect((await enter('nobody').refused).status).toBe(401);
  const page = enter();
  await page.until(() => page.of('rooms').length === 1);
  page.socket.send('{"type":"hello"}');
  expect((await page.closed).code).toBe(1003);
});

test('a page leaves as soon as the token it came with is revoked, and nothing is computed for it any more', async () => {
  await open();
  const verdi = house.rooms.put('verdi');
  const { id, token } = house.tokens.create(null, 'admin', 'the desk');
  const page = enter(token);
  await page.until(() => page.of('rooms').length === 1);
  house.tokens.delete(null, id);
  expect((await page.closed).code).toBe(4401);
  await eventually(() => [feed.counters.pages, verdi.meters.size]).toEqual([0, 0]);
  expect((await enter(token).refused).status).toBe(401);
});
