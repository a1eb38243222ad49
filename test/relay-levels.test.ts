import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { InputLevelMeter } from '../relay/input-level.ts';
import type { InputLevel } from '../relay/protocol.js';
import { House, type HouseOptions } from './harness/doors.ts';
import type { FakeRoom } from './harness/fake-rooms.ts';
import { frameAt } from './harness/virtual-feed.ts';

const frameMs = 100;

describe('the meter of a room', () => {
  let meter: InputLevelMeter;
  let told: { atMs: number; level: InputLevel }[];
  let unlisten: () => void;

  beforeEach(() => {
    vi.useFakeTimers();
    meter = new InputLevelMeter();
    told = [];
    unlisten = meter.listen((level) => told.push({ atMs: performance.now(), level }));
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Mono audio in real time. */
  const play = (dbfs: number, ms: number) => {
    for (let at = 0; at < ms; at += frameMs) {
      meter.hear(frameAt(dbfs), 1);
      vi.advanceTimersByTime(frameMs);
    }
  };
  const levels = () => told.map(({ level }) => level.rmsDbfs);

  test('tells four times a second what it hears, to 0.1 dB', () => {
    play(-20, 10_000);
    expect(told.length).toBe(40);
    for (const level of levels()) expect(level).toBe(-20);
    told = [];
    play(-33.3, 1000);
    expect(levels().at(-1)).toBe(-33.3);
  });

  test('takes the power of all it heard since the last one, not only the end of it', () => {
    meter.hear(frameAt(-20), 1);
    meter.hear(frameAt(-120), 1);
    vi.advanceTimersByTime(250);
    expect(levels()).toEqual([-23]);
  });

  test('silence of a mixer is -100, and goes on being told', () => {
    play(-200, 2000);
    expect(levels()).toEqual(Array.from({ length: 8 }, () => -100));
  });

  test('audio that stops is told once, about a second later, and then nothing for an hour', () => {
    play(-20, 1000);
    const stoppedMs = performance.now();
    told = [];
    vi.advanceTimersByTime(3_600_000);
    const last = told.at(-1);
    expect(levels().filter((level) => level === -100)).toEqual([-100]);
    expect(last?.level.rmsDbfs).toBe(-100);
    expect((last?.atMs ?? 0) - stoppedMs).toBeGreaterThanOrEqual(900);
    expect((last?.atMs ?? 0) - stoppedMs).toBeLessThanOrEqual(1500);
    expect(vi.getTimerCount()).toBe(0);
    play(-20, 500);
    expect(levels().slice(-2)).toEqual([-20, -20]);
  });

  test('a source that sends a second at once does not flicker', () => {
    for (let second = 0; second < 20; second++) {
      for (let frame = 0; frame < 10; frame++) meter.hear(frameAt(-20), 1);
      vi.advanceTimersByTime(second % 2 === 0 ? 1100 : 900);
    }
    expect(new Set(levels())).toEqual(new Set([-20]));
  });

  test('two channels are measured as the mix the engine hears', () => {
    const left = new DataView(frameAt(-20).buffer);
    const stereo = new DataView(new ArrayBuffer(left.byteLength * 2));
    for (let at = 0; at < left.byteLength; at += 2) stereo.setInt16(at * 2, left.getInt16(at, true), true);
    meter.hear(new Uint8Array(stereo.buffer), 2);
    vi.advanceTimersByTime(250);
    expect(levels()).toEqual([-26]);
  });

  test('without a listener nothing is computed and no timer runs', () => {
    unlisten();
    const audio = frameAt(-20);
    const read = vi.spyOn(DataView.prototype, 'getInt16');
    meter.hear(audio, 1);
    meter.hear(audio, 2);
    expect(read).not.toHaveBeenCalled();
    read.mockRestore();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(5000);
    expect(told).toEqual([]);
  });

  test('the last listener takes the timer along, and what was heard before is not told to the next', () => {
    meter.hear(frameAt(-1), 1);
    unlisten();
    expect(vi.getTimerCount()).toBe(0);
    meter.listen((level) => told.push({ atMs: performance.now(), level }));
    play(-40, 500);
    expect(levels()).toEqual([-40, -40]);
  });
});

describe('readers', () => {
  let house: House;
  let room: FakeRoom;
  const begin = async (options: HouseOptions = {}) => {
    house = await new House(options).start();
    room = house.rooms.put('verdi', { title: 'Sala Verdi' });
  };
  beforeEach(() => begin());
  afterEach(() => house.stop());

  test('only a reader that asked gets levels, each of them', async () => {
    const meter = house.read('verdi', '?level=true');
    const plain = house.read('verdi', '?partial=true&late=true');
    await Promise.all([meter, plain].map((each) => each.until(({ messages }) => messages.length >= 2)));
    room.sound(-31.4);
    await meter.until((each) => each.of('level').length === 1);
    room.sound(-100);
    await meter.until((each) => each.of('level').length === 2);
    room.say('done');
    await plain.until((each) => each.of('caption').length === 1);
    expect(meter.of('level')).toEqual([
      { type: 'level', rmsDbfs: -31.4 },
      { type: 'level', rmsDbfs: -100 },
    ]);
    expect(plain.of('level')).toEqual([]);
  });

  test('the room is listened to only while a reader with a meter is there, and a newcomer gets no old level', async () => {
    const plain = house.read('verdi');
    await plain.until(({ messages }) => messages.length >= 2);
    expect(room.meters.size).toBe(0);
    const first = house.read('verdi', '?level=true');
    const second = house.read('verdi', '?level=true');
    await Promise.all([first, second].map((each) => each.until(({ messages }) => messages.length >= 2)));
    expect(room.meters.size).toBe(1);
    room.sound(-20);
    await first.until((each) => each.of('level').length === 1);
    const late = house.read('verdi', '?level=true');
    await late.until(({ messages }) => messages.length >= 2);
    room.say('something');
    await late.until((each) => each.of('caption').length === 1);
    expect(late.of('level')).toEqual([]);
    for (const each of [first, second, late]) each.socket.terminate();
    await expect.poll(() => room.meters.size).toBe(0);
  });

  test('a partial is not sent before its time because a level is due', async () => {
    await house.stop();
    await begin({ readers: { partialIntervalMs: 60_000 } });
    const reading = house.read('verdi', '?partial=true&level=true');
    await reading.until(({ messages }) => messages.length >= 2);
    room.mumble('one');
    await reading.until((each) => each.of('partial').length === 1);
    room.mumble('one two');
    for (let i = 1; i <= 5; i++) {
      room.sound(-i);
      await reading.until((each) => each.of('level').length === i);
    }
    expect(reading.of('partial').length).toBe(1);
  });

  test('a reader that takes nothing misses levels, which is counted, and has the newest when it takes again', async () => {
    await house.stop();
    await begin({ readers: { maxBufferedForMore: 100_000, maxBufferedBytes: 64 * 1024 * 1024 } });
    const slow = house.read('verdi', '?level=true');
    await slow.until(({ messages }) => messages.length >= 2);
    slow.socket.pause();
    const long = 'x'.repeat(64 * 1024);
    while (house.readers.counters.levelsDropped === 0) {
      room.say(long);
      room.sound(-50);
      await new Promise((done) => setImmediate(done));
    }
    const sent = room.log.seq;
    for (let i = 0; i < 20; i++) {
      room.sound(-i);
      await new Promise((done) => setImmediate(done));
    }
    room.sound(-99);
    await expect.poll(() => house.readers.counters.levelsDropped).toBeGreaterThan(10);
    slow.socket.resume();
    await slow.until((each) => each.of('level').at(-1)?.rmsDbfs === -99);
    expect(slow.seqs()).toEqual(Array.from({ length: sent }, (_, i) => i + 1));
    expect(slow.of('level').filter(({ rmsDbfs }) => Number(rmsDbfs) > -20)).toEqual([]);
  });

  test('level is true or false', async () => {
    const reading = house.read('verdi', '?level=loud');
    const { status, body } = await reading.refused;
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: { code: 'query', message: expect.stringContaining('level') } });
  });
});
