// What a publish token may cost the relay and its room. 7 s.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { closeCodes } from '../relay/protocol.js';
import { AudioDoor, type Knocker, report } from './harness/audio-door.ts';

let door: AudioDoor;
afterEach(() => door.stop());

const count = (table: 'streams' | 'anchors') => Number(door.db.prepare(`SELECT count(*) FROM ${table}`).pluck().get());

describe('new streams', () => {
  // Each commit is a sync of the disk, for which everything else of the relay waits: 4 to 8 ms on a disk of the cloud.
  test('of a hello, 250 with their anchors, cost a few commits', async () => {
    door = await new AudioDoor().start();
    const kit = await door.connect();
    const minute = 16_000 * 60;
    const before = door.commits();
    kit.hello(Array.from({ length: 250 }, (_, i) => report(i, { anchors: [kit.anchor(0), kit.anchor(minute)] })));
    await expect.poll(() => kit.told[0]?.type, { interval: 5 }).toBe('welcome');
    expect([count('streams'), count('anchors')]).toEqual([250, 500]);
    expect(door.commits() - before).toBeLessThanOrEqual(3);
  });

  test('told one by one, with anchors of many minutes, share their commits', async () => {
    door = await new AudioDoor().start();
    const kit = await door.connect();
    kit.hello([]);
    const before = door.commits();
    for (let i = 0; i < 200; i++) {
      kit.say({ type: 'stream', stream: report(i) });
      kit.say({ type: 'anchor', index: i, anchor: kit.anchor(16_000 * 60 * i) });
    }
    await expect.poll(() => kit.told.length, { interval: 5 }).toBe(401);
    await expect.poll(() => [count('streams'), count('anchors')], { interval: 5 }).toEqual([200, 200]);
    expect(door.commits() - before).toBeLessThan(40);
  });

  test('whose room is gone meanwhile do not take the others along', async () => {
    door = await new AudioDoor().start();
    door.spool.open('a', 'hall', 'kit', 1);
    door.spool.open('b', 'nowhere', 'kit', 1);
    door.spool.open('c', 'hall', 'kit', 1);
    expect(door.db.prepare('SELECT id FROM streams ORDER BY id').pluck().all()).toEqual(['a', 'c']);
  });
});

describe('a socket that reads nothing', () => {
  test('is cut off with 4410 once a megabyte waits for it, is counted, and frees its place', async () => {
    door = await new AudioDoor({ messageBurst: 10_000 }).start();
    const kit = await door.connect();
    kit.hello([]);
    await expect.poll(() => kit.told[0]?.type).toBe('welcome');
    kit.socket.pause();
    // Each is answered with twice as many ranges.
    const ranges = Array.from({ length: 1000 }, (_, i): [number, number] => [i * 20_000, i * 20_000 + 10_000]);
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, door.ends[0]?.bufferedAmount ?? 0);
    }, 1);
    for (let i = 0; i < 350; i++) kit.say({ type: 'stream', stream: report(i, { edge: 20_000_000, ranges }) });
    await expect.poll(() => door.rates.closes.get(closeCodes.slowReader), { timeout: 15_000 }).toBe(1);
    await expect.poll(() => door.ends[0]?.readyState, { timeout: 5000 }).toBe(WebSocket.CLOSED);
    clearInterval(watch);
    expect(most).toBeLessThan(1.5 * 1024 * 1024);
  }, 30_000);

  test('is not what a kit on a slow line is: one long answer may wait', async () => {
    door = await new AudioDoor({ maxUnsentBytes: 1000 }).start();
    const kit = await door.connect();
    kit.hello(Array.from({ length: 100 }, (_, i) => report(i)));
    await expect.poll(() => kit.told[0]?.type).toBe('welcome');
    kit.say({ type: 'stream', stream: report(100) });
    await expect.poll(() => kit.told.length).toBe(3);
    expect(door.rates.closes.size).toBe(0);
  });
});

describe('a room that is full of streams', () => {
  const maxStreamsPerRoom = 20;
  const empty = (count: number) => Array.from({ length: count }, (_, i) => report(i, { edge: 16_000 }));
  const welcomed = async (kit: Knocker) => await expect.poll(() => kit.told[0]?.type ?? kit.closed).toBe('welcome');
  const left = async (kit: Knocker) => {
    kit.socket.close();
    await expect.poll(() => door.ends.every((end) => end.readyState === WebSocket.CLOSED)).toBe(true);
  };
  const storedOf = (kit: Knocker) => kit.told.flatMap((each) => (each.type === 'stored' ? each.ranges : []));

  beforeEach(async () => {
    door = await new AudioDoor({ maxStreamsPerRoom }).start();
  });

  test('takes a new kit once those who filled it with nothing are gone, and no sooner', async () => {
    const filler = await door.connect();
    filler.hello(empty(maxStreamsPerRoom), 'filler');
    await welcomed(filler);
    const early = await door.connect();
    early.hello([report(0)], 'early');
    await expect.poll(() => early.closed).toBe(closeCodes.policy);
    await left(filler);
    const kit = await door.connect();
    kit.hello([report(0, { edge: 1600, ranges: [[0, 1600]] })]);
    await welcomed(kit);
    kit.audio(0, 0, 1600);
    await expect.poll(() => storedOf(kit)).toEqual([[0, 1600]]);
    expect(door.spool.forgottenStreams).toBe(maxStreamsPerRoom);
    expect(count('streams')).toBe(1);
  });

  test('forgets no stream with audio, and takes what a kit still has of one that it forgot', async () => {
    const mine = report(0, { edge: 3200, ranges: [[0, 3200]] });
    const waiting = report(1, { edge: 1600, ranges: [[0, 1600]] });
    const first = await door.connect();
    first.hello([mine, waiting]);
    first.audio(0, 0, 1600);
    await expect.poll(() => storedOf(first)).toEqual([[0, 1600]]);
    await left(first);
    const filler = await door.connect();
    filler.hello(empty(maxStreamsPerRoom - 1), 'filler');
    await welcomed(filler);
    expect([door.spool.get(mine.id)?.stored, door.spool.get(waiting.id)]).toEqual([[[0, 1600]], undefined]);
    await left(filler);
    const again = await door.connect();
    again.hello([mine, waiting]);
    await welcomed(again);
    again.audio(0, 1600, 1600);
    again.audio(1, 0, 1600);
    await expect.poll(() => door.spool.get(waiting.id)?.stored).toEqual([[0, 1600]]);
    expect(door.spool.get(mine.id)?.stored).toEqual([[0, 3200]]);
  });

  test('comes about no sooner by audio: of so many new streams in a day none is taken', async () => {
    while (door.rates.takeStream('hall'));
    const kit = await door.connect();
    kit.hello([report(0, { edge: 1600, ranges: [[0, 1600]] })]);
    await welcomed(kit);
    kit.audio(0, 0, 1600);
    await expect.poll(() => kit.closed).toBe(closeCodes.tooFast);
  });

  test('takes a new kit also where the empty streams never ended, after a minute', async () => {
    const filler = await door.connect();
    filler.hello(
      empty(maxStreamsPerRoom).map((each) => ({ ...each, ended: false })),
      'filler',
    );
    await welcomed(filler);
    await left(filler);
    expect(door.spool.forgetEmpty('hall', 100)).toBe(0);
    for (const stream of door.spool.all()) stream.heardMs -= 61_000;
    expect(door.spool.forgetEmpty('hall', 100)).toBe(maxStreamsPerRoom);
  });
});
