import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RangeSet, subtract, union } from '../relay/protocol.js';
import { DeviceCore, eventually, onDisk, temporaryFolder, upTo, wholeBlocks } from './harness/device-core.ts';
import { FakeRelay } from './harness/fake-relay.ts';

let relay: FakeRelay;
let folder: ReturnType<typeof temporaryFolder>;
let device: DeviceCore;

beforeEach(async () => {
  relay = new FakeRelay();
  await relay.start();
  folder = temporaryFolder();
  device = new DeviceCore({ relay: relay.url, dataDir: folder.path });
});

afterEach(async () => {
  await device.stop();
  await relay.stop();
  folder.remove();
});

const onlyStream = () => [...relay.streams.keys()][0] ?? '';
const edgeOf = (id: string) => relay.streams.get(id)?.received.at(-1)?.[1] ?? 0;
const hasAll = (id: string, samples: number) =>
  JSON.stringify(relay.streams.get(id)?.received) === JSON.stringify([[0, samples]]);

test('frames captured while connected arrive live, whole and in order', async () => {
  device.start();
  await relay.until(() => relay.hellos.length === 1);
  await eventually(() => device.uplink.health().state === 'connected', 'a connection');
  device.capture(20);
  await relay.until(() => edgeOf(onlyStream()) === 20 * 1600);
  expect(wholeBlocks(relay.samples(onlyStream()))).toEqual(upTo(20));
  expect(relay.frames.every(({ live }) => live)).toBe(true);
  expect(relay.upgrades[0]).toMatchObject({ authorization: 'Bearer secret', path: '/api/rooms/aula/audio' });
});

test('after a cut exactly what is missing is sent, and live audio goes first', async () => {
  device.start();
  await eventually(() => device.uplink.health().state === 'connected', 'a connection');
  device.capture(10);
  await relay.until(() => edgeOf(onlyStream()) === 10 * 1600);
  const before: RangeSet = union(
    [],
    relay.frames.map(({ from, to }): [number, number] => [from, to]),
  );
  relay.refuseStatus = 503;
  relay.maxBacklogRate = 10;
  relay.cut();
  await eventually(() => device.uplink.health().state === 'waiting', 'the loss of the connection');
  device.capture(200);
  relay.refuseStatus = null;
  await relay.until(() => relay.hellos.length === 2);
  await eventually(() => device.uplink.health().state === 'connected', 'a connection');
  device.capture(1);
  const id = onlyStream();
  await relay.until(() => hasAll(id, 211 * 1600));
  const after = relay.frames.filter(({ connection }) => connection === 1);
  const sent = after.map(({ from, to }): [number, number] => [from, to]);
  expect(union([], sent)).toEqual(subtract([[0, 211 * 1600]], before));
  // Nothing twice.
  expect(sent.reduce((sum, [from, to]) => sum + to - from, 0)).toBe(201 * 1600);
  expect(after[0]).toMatchObject({ live: true, from: 190 * 1600 });
  expect(wholeBlocks(relay.samples(id))).toEqual(upTo(211));
});

test('what was spoken while the connection came about goes first, in order, as live audio', async () => {
  device.capture(100);
  device.start();
  await eventually(() => device.uplink.health().state === 'connected', 'a connection');
  device.capture(5);
  await relay.until(() => hasAll(onlyStream(), 105 * 1600));
  const live = relay.frames.filter((frame) => frame.live);
  expect(relay.frames.slice(0, 20)).toEqual(live.slice(0, 20));
  expect(live.map(({ from }) => from / 1600)).toEqual(upTo(105, 80));
  expect(wholeBlocks(relay.samples(onlyStream()))).toEqual(upTo(105));
  // Nothing twice.
  expect(relay.frames.reduce((sum, { from, to }) => sum + to - from, 0)).toBe(105 * 1600);
});

test('an empty relay gets everything that is still held', async () => {
  device.start();
  await eventually(() => device.uplink.health().state === 'connected', 'a connection');
  device.capture(300);
  const id = await new Promise<string>((resolve) => {
    void relay.until(() => edgeOf(onlyStream()) === 300 * 1600).then(() => resolve(onlyStream()));
  });
  relay.replace();
  await relay.until(() => hasAll(id, 300 * 1600), 'all again');
  expect(wholeBlocks(relay.samples(id))).toEqual(upTo(300));
});

test('a relay that confirms nothing gets five seconds of live audio, not more', async () => {
  relay.receives = false;
  relay.maxBacklogRate = 0;
  device.start();
  await eventually(() => device.uplink.health().state === 'connected', 'a connection');
  device.capture(100);
  await relay.until(() => relay.frames.length >= 50);
  relay.say({ type: 'settings', settings: {} });
  await eventually(() => device.buffer.health().backlogMs === 10_000, 'ten seconds of backlog');
  expect(relay.frames.length).toBe(50);
});

test('the backlog keeps below the rate that the relay told', async () => {
  relay.maxBacklogRate = 4;
  device.capture(100);
  device.start();
  await relay.until(() => hasAll(onlyStream(), 160_000));
  const [first] = relay.frames;
  const seconds = ((relay.frames.at(-1)?.atMs ?? 0) - (first?.atMs ?? 0)) / 1000;
  expect(10 / seconds).toBeLessThan(4.4);
  expect(10 / seconds).toBeGreaterThan(1);
});

test('an ended stream is announced, and forgotten once it is stored', async () => {
  device.start();
  await eventually(() => device.uplink.health().state === 'connected', 'a connection');
  device.capture(10);
  device.buffer.end();
  const settled = device.buffer.settled();
  await settled;
  await relay.until(() => relay.streams.get(onlyStream())?.report.ended === true);
  expect(relay.streams.get(onlyStream())?.stored).toEqual([[0, 16_000]]);
  await device.stop();
  expect(onDisk(folder.path)).toEqual({ streams: 0, samples: 0 });
});

test('a line that died without a word is noticed, and what it swallowed is sent again', async () => {
  await device.stop();
  device = new DeviceCore({
    relay: relay.url,
    dataDir: folder.path,
    waits: { pingIntervalMs: 200, deadAfterMs: 1000 },
  });
  device.start();
  await eventually(() => device.uplink.health().state === 'connected', 'a connection');
  device.capture(5);
  await relay.until(() => edgeOf(onlyStream()) === 5 * 1600);
  relay.freeze();
  device.capture(20);
  await relay.until(() => relay.hellos.length === 2, 'a second connection');
  await relay.until(() => hasAll(onlyStream(), 25 * 1600));
  expect(wholeBlocks(relay.samples(onlyStream()))).toEqual(upTo(25));
});
