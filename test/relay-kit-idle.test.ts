import { afterEach, beforeEach, expect, test } from 'vitest';
import { RoomIdle } from '../relay/kit-idle.ts';
import { FakeRooms } from './harness/fake-rooms.ts';

const minuteMs = 60_000;
const rest = { resting: false, levelDb: -40, floorDb: -60, thresholdDb: -54, silentMs: 0 };
const talk = { id: 't', title: 'Opera', speakers: [], start: 0, end: 1 };

let rooms: FakeRooms;
let now: number;
let idle: RoomIdle;

beforeEach(() => {
  rooms = new FakeRooms();
  rooms.put('verdi').facts = { lastAudioMs: 20, rest: { ...rest, silentMs: 5 * minuteMs } };
  now = 0;
  idle = new RoomIdle({ rooms, now: () => now });
});
afterEach(() => rooms.remove());

test('a room is idle after five minutes without sound, and not a moment before', () => {
  const room = rooms.get('verdi');
  if (!room) throw new Error('no room');
  expect(idle.of('verdi')).toBe(true);
  room.facts = { lastAudioMs: 20, rest: { ...rest, silentMs: 5 * minuteMs - 1 } };
  expect(idle.of('verdi')).toBe(false);
  room.facts = { lastAudioMs: 5 * minuteMs, rest };
  expect(idle.of('verdi')).toBe(true);
});

test('a room is not idle while a talk is on or soon will be, however silent it is', () => {
  rooms.get('verdi')?.give(talk);
  expect(idle.of('verdi')).toBe(false);
  rooms.get('verdi')?.give(null);
  expect(idle.of('verdi')).toBe(true);
});

test('after a start of the relay a room that sends nothing is not taken for idle until five minutes have passed', () => {
  const room = rooms.get('verdi');
  if (room) room.facts = { lastAudioMs: null, rest };
  now = 5 * minuteMs - 1;
  expect(idle.of('verdi')).toBe(false);
  now += 1;
  expect(idle.of('verdi')).toBe(true);
});

test('nobody misses a room that is not there', () => {
  expect(idle.of('nowhere')).toBe(true);
  expect(idle.of(null)).toBe(true);
});
