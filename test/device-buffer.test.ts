import { mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DeviceCore, eventually, onDisk, temporaryFolder, upTo, wholeBlocks } from './harness/device-core.ts';
import { FakeRelay } from './harness/fake-relay.ts';

let relay: FakeRelay;
let folder: ReturnType<typeof temporaryFolder>;
const devices: DeviceCore[] = [];

function deviceWith(options: Partial<ConstructorParameters<typeof DeviceCore>[0]> = {}): DeviceCore {
  const device = new DeviceCore({ relay: relay.url, dataDir: folder.path, ...options });
  devices.push(device);
  return device;
}

beforeEach(async () => {
  relay = new FakeRelay();
  await relay.start();
  folder = temporaryFolder();
});

afterEach(async () => {
  await Promise.all(devices.splice(0).map((device) => device.stop()));
  await relay.stop();
  folder.remove();
});

const samplesOf = (id: string) => relay.streams.get(id)?.received.at(-1)?.[1] ?? 0;

test('audio that is stored in time never touches the disk', async () => {
  const device = deviceWith();
  device.start();
  await eventually(() => device.uplink.health().state === 'connected', 'a connection');
  device.capture(50);
  await eventually(() => device.buffer.health().backlogMs === 0, 'all stored');
  device.aheadMs += 10_000;
  device.capture(20);
  await eventually(() => device.buffer.health().backlogMs === 0, 'all stored');
  await device.stop();
  expect(onDisk(folder.path).samples).toBe(0);
});

test('audio unstored for more than two seconds goes to the disk, younger audio does not', async () => {
  const device = deviceWith();
  device.start({ connect: false });
  await eventually(() => device.buffer.ready, 'an open buffer');
  device.capture(50);
  const before = device.buffer.health().diskBytes;
  await new Promise((resolve) => setTimeout(resolve, 1200));
  expect(device.buffer.health().diskBytes - before).toBeLessThan(50_000);
  device.aheadMs += 2000;
  await eventually(() => device.buffer.health().diskBytes - before > 150_000, 'five seconds on disk');
});

test('nothing is deleted from the disk before the relay has stored it', async () => {
  const device = deviceWith({ limits: { keepSeconds: 1 } });
  relay.stores = false;
  device.start();
  await eventually(() => device.uplink.health().state === 'connected', 'a connection');
  device.capture(50);
  await relay.until(() => samplesOf([...relay.streams.keys()][0] ?? '') === 80_000, 'all received');
  device.aheadMs += 30_000;
  await eventually(() => device.buffer.health().diskBytes > 160_000, 'all on disk');
  const full = device.buffer.health().diskBytes;
  device.aheadMs += 30_000;
  device.capture(10);
  await relay.until(() => samplesOf([...relay.streams.keys()][0] ?? '') === 96_000, 'all received');
  device.aheadMs += 30_000;
  await eventually(() => device.buffer.health().diskBytes > full, 'more on disk');
  // Long enough for two rounds of trimming, with memory that keeps next to nothing.
  for (let round = 0; round < 2; round++) {
    device.aheadMs += 30_000;
    await new Promise((resolve) => setTimeout(resolve, 1200));
  }
  expect(device.buffer.health()).toMatchObject({ heldMs: 6000, backlogMs: 6000, droppedMs: 0 });
  relay.stores = true;
  relay.storeAll();
  device.aheadMs += 30_000;
  await eventually(() => device.buffer.health().diskBytes < full - 100_000, 'the disk is free again');
});

test('what one run spilled comes back as an ended stream of the next', async () => {
  const first = deviceWith();
  first.start({ connect: false });
  first.capture(35);
  await first.stop();
  expect(onDisk(folder.path)).toEqual({ streams: 1, samples: 56_000 });
  const second = deviceWith();
  second.start();
  await relay.until(() => relay.streams.size === 1 && samplesOf([...relay.streams.keys()][0] ?? '') === 56_000);
  const id = [...relay.streams.keys()][0] ?? '';
  expect(relay.streams.get(id)?.report).toMatchObject({ ended: true, edge: 56_000 });
  expect(relay.streams.get(id)?.report.anchors.length).toBeGreaterThan(0);
  expect(wholeBlocks(relay.samples(id))).toEqual(upTo(35));
});

test('audio stays bound to the room it was captured for', async () => {
  const first = deviceWith({ room: 'blue' });
  first.start({ connect: false });
  first.capture(20);
  await first.stop();
  const other = deviceWith({ room: 'aula' });
  other.start();
  await eventually(() => other.buffer.ready && other.uplink.health().state === 'connected', 'a connection');
  other.capture(5);
  await relay.until(() => relay.frames.length >= 5);
  expect(relay.streams.size).toBe(1);
  await other.stop();
  const back = deviceWith({ room: 'blue' });
  back.start();
  await relay.until(() => [...relay.streams.values()].some(({ received }) => received.at(-1)?.[1] === 32_000));
});

test('a damaged file is set aside, shown, and capture goes on', async () => {
  writeFileSync(join(folder.path, 'buffer.db'), Buffer.alloc(40_000, 7));
  const device = deviceWith();
  device.start({ connect: false });
  device.capture(30);
  await eventually(() => device.buffer.health().damagedFile !== null, 'the damage is shown');
  await device.stop();
  expect(readdirSync(folder.path).some((name) => name.startsWith('buffer.db.damaged-'))).toBe(true);
  expect(onDisk(folder.path).samples).toBe(48_000);
});

test('the bound in hours forces the oldest out, as a declared and counted hole', async () => {
  const device = deviceWith({ limits: { maxBufferHours: 20 / 3600, keepSeconds: 5 } });
  device.start({ connect: false });
  await eventually(() => device.buffer.ready, 'an open buffer');
  device.capture(300);
  device.aheadMs += 5000;
  await eventually(() => device.buffer.health().droppedMs > 0, 'a drop');
  device.aheadMs += 5000;
  await eventually(() => device.buffer.health().heldMs <= 20_000, 'the bound');
  const { heldMs, droppedMs } = device.buffer.health();
  expect(heldMs + droppedMs).toBe(30_000);
  device.uplink.start();
  await relay.until(() => relay.streams.size === 1 && samplesOf([...relay.streams.keys()][0] ?? '') === 480_000);
  const stream = [...relay.streams.values()][0];
  expect(stream?.holes).toEqual([{ from: 0, to: droppedMs * 16, reason: 'bound' }]);
});

test('a disk that cannot be written is a state: audio stays in memory, and goes to the disk when it can', async () => {
  const blocked = join(folder.path, 'buffer.db');
  mkdirSync(blocked);
  const device = deviceWith({ limits: { retryDelayMs: 100 } });
  device.start({ connect: false });
  device.capture(30);
  await eventually(() => device.buffer.health().problem?.code === 'disk-read-only', 'the state');
  expect(device.buffer.health().backlogMs).toBe(3000);
  rmdirSync(blocked);
  device.aheadMs += 5000;
  await eventually(() => device.buffer.health().problem === null, 'the end of the state');
  await device.stop();
  expect(onDisk(folder.path)).toEqual({ streams: 1, samples: 48_000 });
});
