import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  blockBytes,
  DeviceCore,
  eventually,
  onDisk,
  temporaryFolder,
  upTo,
  wholeBlocks,
} from './harness/device-core.ts';
import { FakeRelay, type RelayStream } from './harness/fake-relay.ts';
import { blockSamples } from './harness/numbered-signal.ts';

// A kit that is given another room, with its frames by hand; about 2 s.

let relay: FakeRelay;
let folder: ReturnType<typeof temporaryFolder>;
const devices: DeviceCore[] = [];

beforeEach(async () => {
  relay = new FakeRelay();
  await relay.start();
  folder = temporaryFolder();
});
afterEach(async () => {
  for (const device of devices.splice(0)) await device.stop();
  await relay.stop();
  folder.remove();
});

function kit(room: string, isKit = true, url = relay.url): DeviceCore {
  const device = new DeviceCore({ relay: url, dataDir: folder.path, room, isKit });
  devices.push(device);
  return device;
}

const connected = (device: DeviceCore) =>
  eventually(() => device.uplink.health().state === 'connected', 'a connection');
const doors = () => relay.upgrades.map(({ path }) => path.split('/')[3]);
const delivering = () => relay.hellos.filter(({ hello }) => hello.deliver === true);
const streams = (): RelayStream[] => [...relay.streams.values()];
const isWhole = ({ received }: RelayStream, blocks: number) =>
  JSON.stringify(received) === JSON.stringify([[0, blocks * blockSamples]]);
test('another room begins with the very next sample, and its first words have a time at once', async () => {
  const device = kit('aula');
  device.start();
  await connected(device);
  device.capture(15);
  device.serve('bar');
  device.capture(10);
  await relay.until(() => streams().length === 2 && isWhole(streams()[1] as RelayStream, 10), 'the second stream');
  const [aula, bar] = streams();
  await relay.until(() => aula?.report.ended === true, 'the end of the first');
  expect(aula?.report.edge).toBe(15 * blockSamples);
  expect(wholeBlocks(relay.samples(aula?.report.id ?? ''))).toEqual(upTo(15));
  // The second stream counts from 0, and holds what came next.
  expect(bar?.holes).toEqual([]);
  expect(new Uint8Array(bar?.audio.get(0)?.buffer ?? new ArrayBuffer(0))).toEqual(blockBytes(15));
  const from = aula?.report.anchors[0];
  const to =
    bar?.report.anchors[0] ?? relay.messages.flatMap((each) => (each.type === 'anchor' ? [each.anchor] : [])).at(-1);
  expect(to?.position).toBe(0);
  expect((to?.monotonicMs ?? 0) - (from?.monotonicMs ?? 0)).toBeGreaterThan(0);
});

test('what a former room is owed is brought home by a second line, which ends when nothing is left', async () => {
  const device = kit('aula');
  relay.stores = false;
  device.start();
  await connected(device);
  device.capture(30);
  device.serve('bar');
  device.capture(5);
  await relay.until(() => relay.closes.length === 1, 'the end of the first line');
  relay.stores = true;
  await relay.until(() => delivering().length === 1, 'the second line');
  expect(doors()).toEqual(['aula', 'bar', 'aula']);
  const [{ hello } = {}] = delivering();
  expect(hello).toMatchObject({ takeover: false, deliver: true, streams: [{ ended: true, edge: 30 * blockSamples }] });
  expect(hello?.health).toBeUndefined();
  await eventually(() => device.buffer.formerRooms.length === 0, 'the end of what is owed');
  await eventually(() => relay.closes.filter((code) => code === 1001).length === 2, 'the end of both lines');
  expect(device.uplink.health().state).toBe('connected');
  await device.stop();
  expect(onDisk(folder.path).streams).toBeLessThanOrEqual(1);
});

test('is owed it also after a restart, and while the relay is away', async () => {
  const before = kit('aula');
  before.start({ connect: false });
  before.capture(30);
  await before.stop();
  const { port, url } = relay;
  await relay.stop();

  const after = kit('bar', true, url);
  after.start();
  after.capture(5);
  await eventually(() => after.uplink.health().state === 'waiting', 'that nobody answers');
  await eventually(() => after.buffer.formerRooms.join() === 'aula', 'what is owed');
  relay = new FakeRelay();
  await relay.start(port);
  await relay.until(() => delivering().length === 1, 'the second line');
  await eventually(() => after.buffer.formerRooms.length === 0, 'the end of what is owed');
  const [first] = streams().filter(({ report }) => report.ended);
  expect(wholeBlocks(relay.samples(first?.report.id ?? ''))).toEqual(upTo(30));
});

test('a room that refuses it keeps no other waiting', async () => {
  for (const room of ['attic', 'aula']) {
    const device = kit(room);
    device.start({ connect: false });
    device.capture(10);
    await device.stop();
  }
  relay.refuseStatus = 404;
  relay.refusePath = 'aula';
  const device = kit('bar');
  device.start();
  await eventually(() => device.buffer.formerRooms.join() === 'aula', 'that the attic has its own');
  expect(doors()).toContain('aula');
  expect(delivering()).toHaveLength(1);
});

test('a device without a key of its own hands in nothing of other rooms', async () => {
  const before = kit('aula');
  before.start({ connect: false });
  before.capture(10);
  await before.stop();
  const device = kit('bar', false);
  device.start();
  await connected(device);
  await eventually(() => device.buffer.formerRooms.join() === 'aula', 'what is owed');
  await new Promise((resolve) => setTimeout(resolve, 250)); // longer than a kit waits
  expect(doors()).toEqual(['bar']);
});

test('that is given the room it had before sends the rest on its own line', async () => {
  const device = kit('aula');
  relay.stores = false;
  device.start();
  await connected(device);
  device.capture(10);
  device.serve('bar');
  device.serve('aula');
  await connected(device);
  device.capture(10);
  relay.stores = true;
  relay.storeAll();
  await eventually(() => device.buffer.health().backlogMs === 0, 'that all is stored');
  expect(delivering()).toEqual([]);
  expect(device.buffer.formerRooms).toEqual([]);
});

test('a relay that gives a kit another room is told so in words, and asked again soon', async () => {
  const device = kit('aula');
  device.start();
  await connected(device);
  relay.close(4403);
  await eventually(() => device.uplink.health().problem?.code === 'room-moves', 'the state');
  await eventually(() => relay.hellos.length === 2, 'another attempt', 10_000);
});
