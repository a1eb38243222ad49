import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Range, type RangeSet, sampleRate, size } from '../relay/protocol.js';
import { AudioDoor, type Knocker, report } from './harness/audio-door.ts';
import { until } from './harness/until.ts';

// A room in this process and real sockets; about 2 s.

const seconds = (from: number, to: number): Range => [from * sampleRate, to * sampleRate];

let door: AudioDoor;

beforeEach(async () => {
  door = await new AudioDoor().start();
});
afterEach(() => door.stop());

/** The room was served from `fromS` to `toS` seconds before now. */
const served = (...stretches: (readonly [fromS: number, toS: number])[]) => ({
  served: () => stretches.map(([from, to]) => [Date.now() - from * 1000, Date.now() - to * 1000] as const),
});

/** A stream of so many seconds that ended right now, by its kit's clock: `hello` says 5,000,000. */
function endedNow(kit: Knocker, index: number, lengthS: number, ranges: RangeSet = [seconds(0, lengthS)]) {
  const at = (positionS: number) => kit.anchor(positionS * sampleRate, 5_000_000 - (lengthS - positionS) * 1000);
  return report(index, { edge: lengthS * sampleRate, ranges, anchors: [at(0), at(lengthS)] });
}

const closed = (kit: Knocker) => until(() => kit.closed ?? undefined, { what: 'the close' });

const welcome = (kit: Knocker) =>
  until(() => kit.told.find((message) => message.type === 'welcome'), { what: 'welcome' });

/** Waits until the relay has answered for so many seconds of a stream, as audio or as holes. */
const stored = (id: string, lengthS: number) =>
  until(() => size(door.spool.get(id)?.stored ?? []) === lengthS * sampleRate || undefined, { what: 'the answer' });

/** What the relay holds of a stream as audio, and as holes of that reason. */
const held = (id: string) => {
  const stream = door.spool.get(id);
  const holes = (stream?.holes ?? []).map(({ from, to, reason }) => ({ reason, from, to }));
  return { audio: stream?.audio ?? [], holes };
};

/** Positions of room times are found to the delay of a loopback socket. */
const nearly = ([from, to]: Range): unknown => [
  expect.closeTo(from / sampleRate, 0),
  expect.closeTo(to / sampleRate, 0),
];
const inSeconds = (ranges: RangeSet) => ranges.map(([from, to]) => [from / sampleRate, to / sampleRate]);

describe('a kit that serves another room by now', () => {
  test('may not be in charge, nor bring a stream that runs', async () => {
    door.delivery = served([100, 0]);
    const live = await door.connect();
    live.hello([report(0, { ended: false })], 'kit', true);
    expect(await closed(live)).toBe(4403);
    expect(live.told).toEqual([expect.objectContaining({ type: 'refused', code: 'kit-other-room' })]);

    const plain = await door.connect();
    plain.hello([], 'kit', false);
    expect(await closed(plain)).toBe(4403);

    const later = await door.connect();
    later.hello([endedNow(later, 0, 5)]);
    await welcome(later);
    later.say({ type: 'stream', stream: report(1, { ended: false }) });
    expect(await closed(later)).toBe(4000);
  });

  test('hands in what it heard while it served this one; the rest is a hole, answered as stored', async () => {
    door.delivery = served([40, 20]);
    const kit = await door.connect();
    const stream = endedNow(kit, 0, 60);
    kit.hello([stream]);
    await welcome(kit);
    for (let second = 0; second < 60; second++) kit.audio(0, second * sampleRate, sampleRate);
    await stored(stream.id, 60);

    const { audio, holes } = held(stream.id);
    expect(inSeconds(audio)).toEqual([nearly(seconds(20, 40))]);
    expect(new Set(holes.map(({ reason }) => reason))).toEqual(new Set(['not-assigned']));
  });

  test('cannot make a stream longer to hand in more', async () => {
    door.delivery = served([40, 20]);
    const kit = await door.connect();
    const stream = endedNow(kit, 0, 10);
    kit.hello([stream]);
    await welcome(kit);
    kit.say({ type: 'ended', index: 0, edge: 20 * sampleRate });
    for (let second = 10; second < 20; second++) kit.audio(0, second * sampleRate, sampleRate);
    await stored(stream.id, 20);
    expect(held(stream.id).audio).toEqual([]);
  });

  test('cannot move what it hands in out of the time in which it served the room', async () => {
    door.delivery = served([40, 20]);
    const kit = await door.connect();
    const { id, ...stream } = report(0, { edge: 10 * sampleRate, ranges: [seconds(0, 10)] });
    const at = (positionS: number, agoS: number) => kit.anchor(positionS * sampleRate, 5_000_000 - agoS * 1000);
    kit.hello([{ ...stream, id, anchors: [at(0, 35), at(10, 25)] }]);
    await welcome(kit);
    const timeOf = (positionS: number) => door.time.at(id, positionS * sampleRate, { position: 0, ms: 0 }).ms;
    const before = [timeOf(1), timeOf(9)];
    // By another clock it would have been said just now, when another kit serves the room.
    const anchor = { ...kit.anchor(5 * sampleRate, 5_000_000 - 25_000), bootId: randomUUID() };
    kit.say({ type: 'anchor', index: 0, sentMonotonicMs: anchor.monotonicMs, anchor });
    kit.audio(0, 0, sampleRate);
    await until(() => ((door.spool.get(id)?.audio.length ?? 0) > 0 ? true : undefined), { what: 'the audio' });
    expect([timeOf(1), timeOf(9)]).toEqual(before.map((ms) => expect.closeTo(ms, -2)));
  });

  test('is believed where nothing is known of the time: then it was right before it left', async () => {
    door.delivery = served([40, 20]);
    const kit = await door.connect();
    const stream = report(0, { edge: 30 * sampleRate, ranges: [seconds(0, 30)] });
    kit.hello([stream]);
    await welcome(kit);
    for (let second = 0; second < 30; second++) kit.audio(0, second * sampleRate, sampleRate);
    await stored(stream.id, 30);
    expect(inSeconds(held(stream.id).audio)).toEqual([nearly(seconds(10, 30))]);
  });

  test('takes the room from nobody, and takes no part in its state', async () => {
    const other = await door.connect();
    other.hello([report(0, { ended: false })], 'other', false);
    await welcome(other);
    door.delivery = served([100, 0]);
    const kit = await door.connect();
    const stream = endedNow(kit, 0, 5);
    kit.hello([stream]);
    await welcome(kit);
    kit.say({ type: 'health', health: { state: 'mixer-absent', message: 'none' } });
    kit.audio(0, 0, sampleRate);
    await until(() => (held(stream.id).audio.length > 0 ? true : undefined), { what: 'the audio' });
    const live = door.live();
    expect(live.source).toMatchObject({ device: 'other', health: null });
    expect(other.closed).toBe(null);
  });
});
