import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { House, type HouseOptions, type Reading } from './harness/doors.ts';
import type { FakeRoom } from './harness/fake-rooms.ts';

let house: House;
let room: FakeRoom;

const begin = async (options: HouseOptions = {}) => {
  house = await new House(options).start();
  room = house.rooms.put('verdi', { title: 'Sala Verdi' });
};
const again = async (options: HouseOptions) => {
  await house.stop();
  await begin(options);
};

beforeEach(() => begin());
afterEach(() => house.stop());

const upTo = (last: number) => (reading: Reading) => reading.lastSeq() === last;
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const types = ({ messages }: Reading) => messages.map(({ type }) => type);

test('a reader without a past is greeted, gets the last 20, then status and tail, then what is said', async () => {
  for (let i = 1; i <= 30; i++) room.say(`word ${i}`);
  room.mumble('and so');
  const before = Date.now();
  const reading = house.read('verdi', '?partial=true');
  await reading.until((each) => each.of('partial').length > 0);
  expect(reading.messages[0]).toEqual({
    type: 'hello',
    log: room.log.id,
    seq: 30,
    room: { name: 'verdi', title: 'Sala Verdi' },
    talk: null,
    at: expect.toSatisfy((at: number) => at >= before && at <= Date.now(), 'room time'),
  });
  expect(reading.seqs()).toEqual(range(11, 30));
  expect(types(reading).slice(-2)).toEqual(['status', 'partial']);
  const said = room.say('now');
  await reading.until(upTo(31));
  expect(reading.messages.at(-1)).toEqual(said);
});

test('a reader that names its last seq gets the rest, once and in order', async () => {
  for (let i = 1; i <= 250; i++) room.say(`word ${i}`);
  const reading = house.read('verdi', `?since=7&log=${room.log.id}`);
  await reading.until(upTo(250));
  expect(reading.seqs()).toEqual(range(8, 250));
  expect(reading.of('reset')).toEqual([]);
});

test('a reader of another log, or ahead of this one, is reset and gets everything', async () => {
  for (let i = 1; i <= 30; i++) room.say(`word ${i}`);
  for (const query of ['?since=3&log=another', '?since=31', `?since=99&log=${room.log.id}`, '?log=another']) {
    const reading = house.read('verdi', query);
    await reading.until(upTo(30));
    expect(types(reading).slice(0, 3)).toEqual(['hello', 'reset', 'caption']);
    expect(reading.seqs()).toEqual(range(1, 30));
  }
});

test('a reader that has everything gets nothing again', async () => {
  room.say('one');
  const reading = house.read('verdi', '?since=1');
  await reading.until((each) => each.of('status').length > 0);
  expect(types(reading)).toEqual(['hello', 'status']);
});

test('readers that come and go while captions are said miss none and see none twice', async () => {
  const steps = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('say'), count: fc.integer({ min: 1, max: 60 }) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('mumble'), count: fc.constant(1) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('drop'), count: fc.constant(1) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('turn'), count: fc.integer({ min: 1, max: 4 }) }) },
    ),
    { minLength: 5, maxLength: 25 },
  );
  await again({
    readers: { maxPageMessages: 7, maxBufferedForMore: 2000, maxReadersPerTurn: 2, partialIntervalMs: 1 },
  });
  await fc.assert(
    fc.asyncProperty(steps, async (plan) => {
      const first = room.log.seq;
      // One commit for all: what takes longest here is the disk.
      const say = (count: number) =>
        house.rooms.db.transaction(() => {
          for (let i = 0; i < count; i++) room.say('x'.repeat(20));
        })();
      const none: number[] = [];
      const readers = [1, 2, 3].map(() => ({ seen: [...none], reading: house.read('verdi', `?since=${first}`) }));
      const takeUp = (each: (typeof readers)[number]) => {
        each.seen.push(...each.reading.seqs());
        each.reading.socket.terminate();
        each.reading = house.read('verdi', `?since=${each.seen.at(-1) ?? first}&partial=true`);
      };
      for (const { kind, count } of plan) {
        if (kind === 'say') say(count);
        if (kind === 'mumble') room.mumble('hm');
        if (kind === 'drop') takeUp(readers[room.log.seq % 3] ?? { seen: [], reading: house.read('verdi') });
        if (kind === 'turn') for (let i = 0; i < count; i++) await new Promise((done) => setImmediate(done));
      }
      room.say('last');
      const last = room.log.seq;
      for (const { seen, reading } of readers) {
        await reading.until(upTo(last));
        expect([...seen, ...reading.seqs()]).toEqual(range(first + 1, last));
        reading.socket.terminate();
      }
    }),
    { numRuns: 25, endOnFailure: true },
  );
});

test('captions that come late go only to readers that asked for them', async () => {
  for (let i = 1; i <= 25; i++) room.say(`word ${i}`);
  for (let i = 26; i <= 75; i++) room.say(`missed ${i}`, { late: true });
  const screen = house.read('verdi');
  const desk = house.read('verdi', '?late=true&since=70');
  await Promise.all([screen.until((each) => each.of('status').length > 0), desk.until(upTo(75))]);
  expect(screen.seqs()).toEqual(range(6, 25));
  expect(desk.seqs()).toEqual(range(71, 75));
  room.say('missed too', { late: true });
  room.say('now');
  await Promise.all([screen.until(upTo(77)), desk.until(upTo(77))]);
  expect(screen.seqs()).toEqual([...range(6, 25), 77]);
  expect(desk.seqs()).toEqual(range(71, 77));
});

test('corrections reach readers as messages of their own', async () => {
  room.say('wrong');
  const reading = house.read('verdi');
  await reading.until(upTo(1));
  room.amend(1, 'right');
  await reading.until(upTo(2));
  expect(reading.messages.at(-1)).toEqual({ type: 'amend', seq: 2, of: 1, text: 'right', at: expect.any(Number) });
});

test('partials collapse to the newest, at most five a second, and only where they were asked for', async () => {
  const asked = house.read('verdi', '?partial=true');
  const plain = house.read('verdi');
  await Promise.all([asked, plain].map((each) => each.until(({ messages }) => messages.length >= 2)));
  const begun = performance.now();
  for (let i = 1; i <= 100; i++) {
    room.mumble(`word ${i}`);
    await new Promise((done) => setTimeout(done, 5));
  }
  room.mumble('the end');
  await asked.until((each) => each.messages.at(-1)?.text === 'the end');
  const partials = asked.of('partial');
  expect(partials.length).toBeGreaterThanOrEqual(2);
  expect(partials.length).toBeLessThanOrEqual((performance.now() - begun) / 200 + 2);
  expect(house.readers.counters.partialsDropped).toBe(101 - partials.length);
  expect(plain.of('partial')).toEqual([]);
});

test('a withdrawn tail goes at once, and what is said goes with the tail that follows it', async () => {
  await again({ readers: { partialIntervalMs: 60_000 } });
  const reading = house.read('verdi', '?partial=true');
  await reading.until((each) => each.of('status').length > 0);
  room.mumble('one');
  await reading.until((each) => each.of('partial').length === 1);
  room.mumble('one two');
  room.say('One two three.');
  room.mumble('four');
  await reading.until((each) => each.of('partial').length === 2);
  expect(reading.messages.slice(-2)).toMatchObject([{ type: 'caption' }, { type: 'partial', text: 'four' }]);
  room.mumble('');
  await reading.until((each) => each.of('partial').length === 3);
  expect(reading.messages.at(-1)).toMatchObject({ type: 'partial', text: '' });
});

test('status comes when it changes and again as a sign of life', async () => {
  await again({ readers: { statusIntervalMs: 50 } });
  const reading = house.read('verdi');
  room.become('offline', 'The kit is not connected');
  await reading.until((each) => each.of('status').filter(({ state }) => state === 'offline').length >= 3);
});

test('a reader that takes nothing is cut off while the others of its room go on, and comes back whole', async () => {
  await again({ readers: { cutOffTimeoutMs: 100 } });
  const slow = house.read('verdi');
  const others = [house.read('verdi'), house.read('verdi')];
  await Promise.all([slow, ...others].map((each) => each.until(({ messages }) => messages.length >= 2)));
  slow.socket.pause();
  const padding = 'x'.repeat(100_000);
  for (let i = 1; i <= 300 && house.readers.counters.cutOff === 0; i++) {
    room.say(padding);
    await Promise.all(others.map((each) => each.until(upTo(i))));
  }
  expect(house.readers.counters.cutOff).toBe(1);
  await expect.poll(() => house.doors.count('read'), { timeout: 5000 }).toBe(2);
  slow.socket.resume();
  expect([1006, 4410]).toContain((await slow.closed).code);
  const last = room.log.seq;
  const seen = slow.seqs();
  const back = house.read('verdi', `?since=${seen.at(-1) ?? 0}`);
  await back.until(upTo(last));
  expect([...seen, ...back.seqs()]).toEqual(range(1, last));
  for (const each of others) expect(each.seqs()).toEqual(range(1, last));
});

test('a reader that is a little too slow is told 4410', async () => {
  await again({ readers: { maxBufferedBytes: 100_000, cutOffTimeoutMs: 10_000 } });
  const slow = house.read('verdi');
  await slow.until(({ messages }) => messages.length >= 2);
  slow.socket.pause();
  while (house.readers.counters.cutOff === 0) {
    room.say('x'.repeat(50_000));
    await new Promise((done) => setImmediate(done));
  }
  slow.socket.resume();
  expect((await slow.closed).code).toBe(4410);
});

test('a reader with history to take that takes nothing is cut off after a while', async () => {
  await again({ readers: { drainTimeoutMs: 200, cutOffTimeoutMs: 100 } });
  for (let i = 1; i <= 200; i++) room.say('x'.repeat(50_000));
  const slow = house.read('verdi', '?since=0');
  await slow.opened;
  slow.socket.pause();
  await expect.poll(() => house.readers.counters.cutOff, { timeout: 10_000 }).toBe(1);
  await expect.poll(() => house.doors.count('read'), { timeout: 5000 }).toBe(0);
});

test('history waits for the socket: what the relay holds for a reader stays small', async () => {
  for (let i = 1; i <= 300; i++) room.say('x'.repeat(50_000));
  const slow = house.read('verdi', '?since=0');
  await slow.opened;
  slow.socket.pause();
  let sent = -1;
  await expect
    .poll(
      () => {
        const before = sent;
        sent = house.readers.counters.messages;
        return sent === before && sent > 1;
      },
      { interval: 200, timeout: 10_000 },
    )
    .toBe(true);
  expect(sent).toBeLessThan(250); // the kernel took the rest of what went
  expect(house.readers.counters.cutOff).toBe(0);
  room.say('now');
  slow.socket.resume();
  await slow.until(upTo(301));
  expect(slow.seqs()).toEqual(range(1, 301));
});

test('a full room is served in turns, everyone the same', async () => {
  await again({ readers: { maxReadersPerTurn: 50 } });
  const { token } = house.tokens.create('verdi', 'read', '');
  const readings = Array.from({ length: 300 }, () =>
    house.connect('/api/rooms/verdi/captions', ['sala.captions.v1', `bearer.${token}`]),
  );
  await Promise.all(readings.map((each) => each.until(({ messages }) => messages.length >= 2)));
  expect(house.readers.byRoom()).toEqual(new Map([['verdi', 300]]));
  for (let i = 0; i < 20; i++) room.say(`word ${i}`);
  await Promise.all(readings.map((each) => each.until(upTo(20))));
  for (const each of readings) expect(each.seqs()).toEqual(range(1, 20));
});

test('a room that nobody reads any more is let go', async () => {
  const reading = house.read('verdi');
  await reading.opened;
  expect(room.listeners).toBeGreaterThan(0);
  reading.socket.close();
  await expect.poll(() => room.listeners).toBe(0);
  expect(house.readers.counters.readers).toBe(0);
});

test("the predecessor's displays get its two fields from now on, and may talk without harm", async () => {
  room.say('before');
  const { token } = house.tokens.create('verdi', 'read', '');
  const finals = house.connect(`/ws/transcript/verdi?token=${token}`);
  const partials = house.connect(`/t/${token}/ws/transcript/verdi?partial=true`);
  await Promise.all([finals.opened, partials.opened]);
  finals.socket.send('ping');
  room.mumble('now');
  await partials.until((each) => each.messages.length === 1);
  room.mumble('');
  room.say('missed', { late: true });
  room.amend(1, 'corrected');
  room.say('Now.');
  const final = { text: 'Now.', is_partial: false };
  await Promise.all([finals, partials].map((each) => each.until(({ messages }) => messages.at(-1)?.text === 'Now.')));
  expect(finals.messages).toEqual([final]);
  expect(partials.messages).toEqual([{ text: 'now', is_partial: true }, final]);
});
