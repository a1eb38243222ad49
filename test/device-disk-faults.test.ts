import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RangeSet, size, union } from '../relay/protocol.js';
import { DeviceCore, eventually, onDisk, temporaryFolder, wholeBlocks } from './harness/device-core.ts';
import { FakeRelay } from './harness/fake-relay.ts';
import { noise } from './harness/random.ts';

let relay: FakeRelay;
let folder: ReturnType<typeof temporaryFolder>;
const devices: DeviceCore[] = [];
const mounts: string[] = [];

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
  for (const path of mounts.splice(0).reverse()) execFileSync('umount', ['-l', path]);
  folder.remove();
});

const file = () => join(folder.path, 'buffer.db');
const problem = (device: DeviceCore) => device.buffer.health().problem?.code;
const holesAsRanges = (holes: readonly { from: number; to: number }[]): RangeSet =>
  union(
    [],
    holes.map(({ from, to }): [number, number] => [from, to]),
  );

/** Spills `blocks` while there is no relay, and lets memory forget them. */
async function spilled(device: DeviceCore, blocks: number): Promise<void> {
  device.capture(blocks);
  device.aheadMs += 5000;
  await eventually(() => device.buffer.health().diskBytes > blocks * 3200, 'all on disk');
  await eventually(() => device.inMemorySamples() <= 3 * 16_000, 'out of memory');
}

/** Waits until the relay has each position up to `edge` as audio or as a hole. */
async function accounted(edge: number): Promise<{ audio: RangeSet; holes: RangeSet; reasons: string[]; id: string }> {
  const stream = () => [...relay.streams.values()].at(-1);
  await relay.until(() => size(stream()?.received ?? []) === edge, `all ${edge} positions`);
  const { audio, holes = [], report } = stream() ?? {};
  return {
    id: report?.id ?? '',
    audio: union(
      [],
      [...(audio ?? [])].map(([from, samples]): [number, number] => [from, from + samples.length]),
    ),
    holes: holesAsRanges(holes),
    reasons: [...new Set(holes.map(({ reason }) => reason))],
  };
}

test('one bad blob is a hole of its own second; the rest arrives', async () => {
  const first = deviceWith();
  first.start({ connect: false });
  first.capture(100);
  await first.stop();
  const db = new Database(file());
  const bad = db.prepare<[], { id: number; audio: Buffer }>('SELECT id, audio FROM chunk WHERE position = 64000').get();
  bad?.audio.writeInt16LE(12345, 1000);
  db.prepare('UPDATE chunk SET audio = ? WHERE id = ?').run(bad?.audio, bad?.id);
  db.close();
  const second = deviceWith();
  second.start();
  const { holes, reasons, id } = await accounted(160_000);
  expect(holes).toEqual([[64_000, 80_000]]);
  expect(reasons).toEqual(['damaged']);
  expect(wholeBlocks(relay.samples(id))).toHaveLength(90);
  expect(second.buffer.health().droppedMs).toBe(1000);
});

test.each([
  [
    'overwritten with garbage',
    () => {
      for (const path of [file(), `${file()}-wal`]) {
        const fd = openSync(path, 'r+');
        writeSync(fd, noise(7, Math.max(4096, statSync(path).size)), 0, undefined, 0);
      }
    },
  ],
  [
    'cut to nothing',
    () => {
      for (const path of [file(), `${file()}-wal`]) truncateSync(path, 0);
    },
  ],
  [
    'deleted',
    () => {
      for (const path of [file(), `${file()}-wal`]) rmSync(path, { force: true });
    },
  ],
])('a buffer file %s in the middle of a run: what is gone is declared, and everything goes on', async (what, harm) => {
  const device = deviceWith({ limits: { keepSeconds: 2, retryDelayMs: 200 } });
  device.start({ connect: false });
  await eventually(() => device.buffer.ready, 'an open buffer');
  await spilled(device, 100);
  harm();
  device.capture(50);
  device.uplink.start();
  device.aheadMs += 20_000;
  await eventually(() => device.uplink.health().state === 'connected', 'a connection');
  device.capture(50);
  const { audio, holes, reasons, id } = await accounted(200 * 1600);
  expect(reasons.filter((reason) => reason !== 'damaged')).toEqual([]);
  // What was in memory at the time is not lost with the file.
  expect(holes.at(-1)?.[1] ?? 0).toBeLessThanOrEqual(100 * 1600);
  expect(size(audio)).toBeGreaterThanOrEqual(100 * 1600);
  expect(wholeBlocks(relay.samples(id)).slice(-100).at(0)).toBe(100);
  expect(device.buffer.health().droppedMs * 16).toBe(size(holes));
  // And the next outage finds a buffer again.
  await device.uplink.stop();
  device.capture(100);
  device.aheadMs += 20_000;
  await eventually(() => device.onDiskSamples() >= 90 * 1600, 'spilled again');
  await eventually(() => problem(device) === undefined, 'no problem left');
  await device.stop();
  // Bytes that something else overwrote are noticed when they are read, at the latest by the next start; it begins all the same.
  if (what === 'deleted') expect(onDisk(folder.path).samples).toBeGreaterThanOrEqual(90 * 1600);
  const next = deviceWith();
  next.start({ connect: false });
  await eventually(() => next.buffer.ready && problem(next) === undefined, 'an open buffer');
});

test('garbage that the next start finds is kept for whoever wants to look, and shown', async () => {
  const first = deviceWith();
  first.start({ connect: false });
  first.capture(100);
  await first.stop();
  const fd = openSync(file(), 'r+');
  writeSync(fd, noise(3, 100_000), 0, undefined, 0);
  const second = deviceWith();
  second.start();
  await eventually(() => second.buffer.health().damagedFile !== null, 'the damage is shown');
  expect(readdirSync(folder.path).some((name) => name.includes('.damaged-'))).toBe(true);
  second.capture(20);
  await accounted(32_000);
});

test('of damaged files the newest three are kept, whatever the clock says', async () => {
  for (let round = 1; round <= 5; round++) {
    writeFileSync(file(), noise(round, 20_000));
    const device = deviceWith();
    device.start({ connect: false });
    await eventually(() => device.buffer.health().damagedFile !== null, 'the damage is shown');
    await device.stop();
  }
  const kept = readdirSync(folder.path).filter((name) => /damaged-\d+$/.test(name));
  expect(kept.sort()).toEqual([3, 4, 5].map((number) => `buffer.db.damaged-${number}`));
  expect(readFileSync(join(folder.path, 'buffer.db.damaged-5'))).toEqual(Buffer.from(noise(5, 20_000)));
});

test('the bound in bytes forces the oldest out, as a declared and counted hole', async () => {
  const device = deviceWith({ limits: { maxBufferBytes: 1_000_000, keepSeconds: 2 } });
  device.start({ connect: false });
  await eventually(() => device.buffer.ready, 'an open buffer');
  for (let round = 0; round < 6; round++) {
    device.capture(100);
    device.aheadMs += 5000;
    await eventually(() => device.inMemorySamples() <= 3 * 16_000, 'out of memory');
  }
  await eventually(() => device.buffer.health().diskBytes <= 1_000_000, 'the bound');
  expect(statSync(file()).size).toBeLessThan(1_800_000);
  const { droppedMs, heldMs } = device.buffer.health();
  expect(droppedMs).toBeGreaterThan(25_000);
  expect(droppedMs + heldMs).toBe(60_000);
  device.uplink.start();
  const { holes, reasons } = await accounted(960_000);
  expect(reasons).toEqual(['bound']);
  expect(holes).toEqual([[0, droppedMs * 16]]);
});

const isRoot = process.getuid?.() === 0;
if (!isRoot) process.stderr.write('skipped: disks that fill up or turn read-only need root, to mount them\n');

test.skipIf(!isRoot)('a full disk is a state; captions go on, and it heals when there is space again', async () => {
  const disk = join(folder.path, 'disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
  mounts.push(disk);
  const device = deviceWith({ dataDir: disk, limits: { keepSeconds: 2, retryDelayMs: 200 } });
  relay.stores = false;
  device.start();
  await eventually(() => device.uplink.health().state === 'connected' && device.buffer.ready, 'a connection');
  writeFileSync(join(disk, 'filler'), noise(1, 700_000));
  device.capture(200);
  device.aheadMs += 5000;
  await eventually(() => problem(device) === 'disk-full', 'the state');
  expect(device.buffer.health().problem?.hint).toMatch(/space/);
  device.capture(20);
  await relay.until(() => size([...relay.streams.values()][0]?.received ?? []) === 220 * 1600, 'words go on');
  // Nothing that is nowhere else was let go of.
  expect(device.buffer.health()).toMatchObject({ droppedMs: 0, heldMs: 22_000 });
  rmSync(join(disk, 'filler'));
  execFileSync('mount', ['-o', 'remount,size=8m', disk]);
  device.aheadMs += 5000;
  await eventually(() => problem(device) === undefined, 'the end of the state');
  device.aheadMs += 5000;
  await eventually(() => device.buffer.health().diskBytes > 220 * 3200, 'all on disk');
  relay.stores = true;
  relay.storeAll();
  await eventually(() => device.buffer.health().backlogMs === 0, 'nothing waits');
  expect((await accounted(220 * 1600)).holes).toEqual([]);
});

test.skipIf(!isRoot)('a disk that damaged files have filled makes room by itself', async () => {
  const disk = join(folder.path, 'disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
  mounts.push(disk);
  writeFileSync(join(disk, 'buffer.db.damaged-7'), noise(1, 600_000));
  writeFileSync(join(disk, 'buffer.db.damaged-8'), noise(1, 300_000));
  const device = deviceWith({ dataDir: disk, limits: { retryDelayMs: 200 } });
  device.start({ connect: false });
  await eventually(() => device.buffer.ready || problem(device) === 'disk-full', 'a first attempt');
  device.capture(100);
  device.aheadMs += 5000;
  await eventually(() => device.onDiskSamples() === 160_000, 'all on disk');
  expect(problem(device)).toBeUndefined();
  expect(readdirSync(disk)).toContain('buffer.db.damaged-8');
});

test.skipIf(!isRoot)('a disk that is full at the start is the same state', async () => {
  const disk = join(folder.path, 'disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]);
  mounts.push(disk);
  writeFileSync(join(disk, 'filler'), noise(1, 262_144));
  const device = deviceWith({ dataDir: disk, limits: { retryDelayMs: 200 } });
  device.start();
  await eventually(() => device.uplink.health().state === 'connected', 'a connection');
  device.capture(30);
  await eventually(() => problem(device) === 'disk-full', 'the state');
  await accounted(48_000);
  execFileSync('mount', ['-o', 'remount,size=8m', disk]);
  device.aheadMs += 5000;
  await eventually(() => problem(device) === undefined, 'the end of the state');
  await device.uplink.stop();
  device.capture(30);
  await device.stop();
  expect(onDisk(disk)).toEqual({ streams: 1, samples: 48_000 });
});

test.skipIf(!isRoot)(
  'a card that turns read-only is a state; captions go on, and a good one is used at once',
  async () => {
    const disk = join(folder.path, 'disk');
    mkdirSync(disk);
    const insert = (name: string) => {
      const image = join(folder.path, name);
      writeFileSync(image, '');
      truncateSync(image, 16_000_000);
      execFileSync('mkfs.ext4', ['-q', '-F', image]);
      execFileSync('mount', ['-o', 'loop', image, disk]);
    };
    try {
      insert('good');
    } catch (error) {
      if (!(error instanceof Error && 'status' in error)) throw error;
      process.stderr.write(`skipped: no loop device here (${error.message})\n`);
      return;
    }
    mounts.push(disk);
    const device = deviceWith({ dataDir: disk, limits: { keepSeconds: 2, retryDelayMs: 200 } });
    relay.stores = false;
    device.start();
    await eventually(() => device.uplink.health().state === 'connected' && device.buffer.ready, 'a connection');
    device.capture(50);
    device.aheadMs += 5000;
    await eventually(() => device.buffer.health().diskBytes > 50 * 3200, 'the first five seconds on disk');
    // What the kernel does by itself when a card stops taking writes.
    execFileSync('mount', ['-o', 'remount,abort', disk], { stdio: 'ignore' });
    device.capture(50);
    device.aheadMs += 5000;
    await eventually(() => problem(device) === 'disk-read-only', 'the state');
    expect(device.buffer.health().problem?.hint).toMatch(/SD card/);
    device.capture(20);
    await relay.until(() => size([...relay.streams.values()][0]?.received ?? []) === 120 * 1600, 'words go on');
    execFileSync('umount', ['-l', disk]);
    insert('good');
    device.aheadMs += 5000;
    await eventually(() => problem(device) === undefined, 'the end of the state');
    relay.stores = true;
    relay.storeAll();
    expect((await accounted(120 * 1600)).reasons.filter((reason) => reason !== 'damaged')).toEqual([]);
  },
);
