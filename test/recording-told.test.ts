import { afterEach, beforeEach, expect, test } from 'vitest';
import { Readers } from '../relay/publish.ts';
import { House } from './harness/doors.ts';

/** Whoever reads is told that the room is recorded. About 1 s. */

let house: House;
beforeEach(async () => {
  house = await new House().start();
});
afterEach(() => house.stop());

const record = (on: boolean) => house.rooms.put('verdi', { recording: { on } });

test('a reader that comes to a room that is recorded is told so, and to one that is not, nothing', async () => {
  house.rooms.put('verdi').say('one');
  const before = house.read('verdi');
  await before.until((each) => each.of('status').length > 0);
  expect(before.of('recording')).toEqual([]);
  record(true);
  await before.until((each) => each.of('recording').length > 0);
  const after = house.read('verdi');
  await after.until((each) => each.of('status').length > 0);
  expect(after.messages.map(({ type }) => type)).toEqual(['hello', 'caption', 'recording', 'status']);
  record(true);
  record(false);
  for (const reader of [before, after]) {
    await reader.until((each) => each.of('recording').length > 1);
    expect(reader.of('recording')).toEqual([
      { type: 'recording', on: true },
      { type: 'recording', on: false },
    ]);
  }
});

test('a relay without a place for recordings does not say that it records', async () => {
  const without = new Readers({}, Date.now, false);
  const other = new House({
    handlers: { captions: (socket, line, room, query) => without.serve(socket, line, room, query) },
  });
  await other.start();
  try {
    other.rooms.put('verdi', { recording: { on: true } });
    const reader = other.read('verdi');
    await reader.until((each) => each.of('status').length > 0);
    other.rooms.put('verdi', { recording: { on: false } });
    other.rooms.put('verdi', { recording: { on: true } }).say('one');
    await reader.until((each) => each.of('caption').length > 0);
    expect(reader.of('recording')).toEqual([]);
  } finally {
    await other.stop();
  }
});

test('readers of the predecessor are told nothing that they would not understand', async () => {
  record(true);
  const { token } = house.tokens.create('verdi', 'read', '');
  const reader = house.connect(`/ws/transcript/verdi?token=${token}`);
  await reader.opened;
  record(false);
  record(true).say('one');
  await reader.until(({ messages }) => messages.length > 0);
  expect(reader.messages).toEqual([{ text: 'one', is_partial: false }]);
});
