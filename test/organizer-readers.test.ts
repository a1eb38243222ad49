import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ReaderLimits } from '../relay/audience.ts';
import { House, type Reading } from './harness/doors.ts';
import type { FakeRoom } from './harness/fake-rooms.ts';

let house: House;
let room: FakeRoom;

const begin = async (readers: Partial<ReaderLimits> = {}) => {
  house = await new House({ readers }).start();
  room = house.rooms.put('verdi', { title: 'Sala Verdi' });
};
beforeEach(() => begin());
afterEach(() => house.stop());

/** Everything before the first status has been told. */
const greeted = (reading: Reading) => reading.until((each) => each.of('status').length > 0);
const upTo = (last: number) => (reading: Reading) => reading.seqs().at(-1) === last;
const say = (count: number, from = 1) => {
  for (let i = from; i < from + count; i++) room.say(`word ${i}`);
};
/** What a screen shows that does as it is told. */
function screenOf({ messages }: Reading): string[] {
  const rows = new Map<unknown, string>();
  for (const { type, seq, of, text } of messages) {
    if (type === 'caption') rows.set(seq, String(text));
    if (type === 'clear') rows.clear();
    if (type === 'amend' && rows.has(of)) rows.set(of, text === null ? '' : String(text));
  }
  return [...rows.values()].filter((text) => text !== '');
}

test('every act reaches each of 150 readers within a second, in the order of the log', async () => {
  const { token } = house.tokens.create('verdi', 'read', '');
  const protocols = ['sala.captions.v1', `bearer.${token}`];
  const readings = Array.from({ length: 150 }, () => house.connect('/api/rooms/verdi/captions', protocols));
  await Promise.all(readings.map(greeted));
  say(1);
  const begunMs = performance.now();
  house.rooms.pause('verdi', true);
  room.clear();
  room.amend(1, 'corrected');
  room.amend(1, null);
  house.rooms.pause('verdi', false);
  await Promise.all(readings.map((each) => each.until(upTo(6))));
  expect(performance.now() - begunMs).toBeLessThan(1000);
  const acts = ['pause', 'clear', 'amend', 'resume']; // an act that is overtaken at once is not told
  for (const each of readings) {
    const told = each.messages.filter(({ seq, type }) => typeof seq === 'number' && type !== 'hello');
    expect(told.map(({ type }) => type)).toEqual(['caption', ...acts]);
    expect(told[0]).toMatchObject({ text: '' });
    expect(told.slice(1).every(({ at }) => typeof at === 'number')).toBe(true);
    expect(each.of('status').at(-1)).toMatchObject({ state: 'listening' });
  }
});

test('a reader that saw the words gets every act on them as it happens', async () => {
  say(1);
  const reading = house.read('verdi');
  await reading.until(upTo(1));
  for (const text of ['one', null, 'two'] as const) {
    room.amend(1, text);
    await reading.until(upTo(room.log.seq));
  }
  expect(reading.messages.filter(({ type }) => type === 'amend').map(({ text }) => text)).toEqual(['one', null, 'two']);
});

test('whoever comes later never gets the old words, from the newest, since or everything', async () => {
  say(3);
  room.amend(1, 'the better words');
  room.amend(2, null);
  room.amend(3, null);
  room.amend(3, 'word 3');
  // Others are here already, and have been sent the old words: what is kept for them is not for newcomers.
  for (const query of ['', '?since=0', `?since=0&log=${room.log.id}`, '?log=another', '?late=true']) {
    const reading = house.read('verdi', query);
    await greeted(reading);
    expect(JSON.stringify(reading.messages)).not.toMatch(/word [12]/);
    expect(screenOf(reading)).toEqual(['the better words', 'word 3']);
  }
});

test('nor does whoever comes while another is here, nor when the act has just been made', async () => {
  const first = house.read('verdi');
  say(2);
  await first.until(upTo(2));
  room.amend(1, null);
  const second = house.read('verdi', '?since=0');
  await greeted(second);
  room.amend(2, 'changed');
  const third = house.read('verdi', '?since=0');
  await greeted(third);
  expect(JSON.stringify(second.messages)).not.toContain('word 1');
  expect(JSON.stringify(third.messages)).not.toMatch(/word [12]/);
  await Promise.all([first, second].map((each) => each.until(upTo(4))));
  for (const each of [first, second, third]) expect(screenOf(each)).toEqual(['changed']);
});

test("nor do the predecessor's displays, in whatever order it happens", async () => {
  const { token } = house.tokens.create('verdi', 'read', '');
  const display = house.connect(`/ws/transcript/verdi?token=${token}`);
  await display.opened;
  room.say('secret');
  room.amend(1, null);
  room.say('wrong');
  room.amend(3, 'right');
  house.rooms.pause('verdi', true);
  room.clear();
  room.say('the end');
  await display.until(({ messages }) => messages.at(-1)?.text === 'the end');
  expect(display.messages.map(({ text }) => text)).toEqual(['right', 'the end']);
});

test('after a clear a newcomer ends with an empty screen, however much is corrected or filled in after it', async () => {
  say(30);
  room.clear();
  const expectEmpty = async () => {
    for (const query of ['', '?since=0', '?since=25']) {
      const reading = house.read('verdi', query);
      await greeted(reading);
      expect(screenOf(reading)).toEqual([]);
    }
  };
  await expectEmpty();
  for (let i = 1; i <= 30; i++) room.amend(i, `better ${i}`);
  await expectEmpty();
  for (let i = 31; i <= 60; i++) room.say(`missed ${i}`, { late: true });
  await expectEmpty();
  // Whoever takes late captions is told when the screens were cleared, to know what was spoken before.
  const phone = house.read('verdi', '?late=true');
  await greeted(phone);
  expect(phone.of('clear')).toHaveLength(1);
  expect(phone.of('caption').length).toBeGreaterThanOrEqual(20);
});

test('corrections do not take the place of captions for a newcomer', async () => {
  say(40);
  for (let i = 1; i <= 30; i++) room.amend(i, `better ${i}`);
  room.amend(40, null);
  const reading = house.read('verdi');
  await greeted(reading);
  expect(screenOf(reading)).toHaveLength(20);
  expect(screenOf(reading).at(-1)).toBe('word 39');
});

test('a thousand corrections of one caption cost a newcomer one message', async () => {
  say(2);
  for (let i = 1; i <= 1000; i++) room.amend(1, `version ${i}`);
  for (const query of ['', '?since=0']) {
    const reading = house.read('verdi', query);
    await greeted(reading);
    expect(reading.seqs()).toEqual([1, 2, 1002]);
    expect(screenOf(reading)).toEqual(['version 1000', 'word 2']);
  }
});

test('a clear reaches a reader that is 400 KiB behind, in its place and before what follows', async () => {
  await house.stop();
  await begin({ drainTimeoutMs: 30_000 });
  const slow = house.read('verdi');
  await greeted(slow);
  slow.socket.pause();
  const before = house.readers.counters.messages;
  // As much as the kernel takes, and 400 KiB on top.
  for (let i = 0; i < 40; i++) {
    room.say('x'.repeat(10 * 1024));
    await new Promise((done) => setImmediate(done));
  }
  const clear = room.clear();
  room.say('after');
  await new Promise((done) => setImmediate(done));
  expect(house.readers.counters.messages).toBeGreaterThan(before);
  expect(house.readers.counters.cutOff).toBe(0);
  slow.socket.resume();
  await slow.until(upTo(42));
  expect(slow.seqs()).toEqual(Array.from({ length: 42 }, (_, i) => i + 1));
  expect(slow.messages.findIndex(({ seq }) => seq === clear.seq)).toBeLessThan(
    slow.messages.findIndex(({ text }) => text === 'after'),
  );
  expect(screenOf(slow)).toEqual(['after']);
});

test('readers of a paused room are told so, those who come later too', async () => {
  const here = house.read('verdi');
  await greeted(here);
  house.rooms.pause('verdi', true);
  await here.until((each) => each.of('status').at(-1)?.state === 'paused');
  const later = house.read('verdi', '?since=0');
  await greeted(later);
  expect(later.messages.map(({ type }) => type)).toEqual(['hello', 'pause', 'status']);
  expect(later.of('status')[0]).toMatchObject({ state: 'paused', message: expect.stringContaining('organizer') });
});
