import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { size } from '../relay/protocol.js';
import { DeviceCore, eventually, temporaryFolder, upTo, wholeBlocks } from './harness/device-core.ts';
import { FakeRelay } from './harness/fake-relay.ts';
import { LiveCapture } from './harness/live-capture.ts';
import { MachineFaults } from './harness/machine-faults.ts';
import { numberedBlocks } from './harness/numbered-signal.ts';
import { type RunningProgram, startDevice } from './harness/programs.ts';
import { until } from './harness/until.ts';
import { writeWav } from './harness/wav.ts';

const yearMs = 365.25 * 86_400_000;
const in1970 = -Date.now();
/** Boot in 1970, the network's time 56 years later, and a correction back. */
const jumps = [in1970, 0, -7_200_000, 30 * yearMs];

let relay: FakeRelay;
let folder: ReturnType<typeof temporaryFolder>;
const cleanup: (() => Promise<unknown> | unknown)[] = [];

beforeEach(async () => {
  relay = new FakeRelay();
  await relay.start();
  folder = temporaryFolder();
});

afterEach(async () => {
  for (const step of cleanup.splice(0).reverse()) await step();
  await relay.stop();
  folder.remove();
});

test('a wall clock that jumps by decades, online and offline, moves no sample and upsets no timer', {
  timeout: 60_000,
}, async () => {
  let offMs = in1970;
  const device = new DeviceCore({
    relay: relay.url,
    dataDir: folder.path,
    wallMs: () => Date.now() + offMs,
    limits: { anchorIntervalMs: 500, keepSeconds: 2 },
  });
  const capture = new LiveCapture(device);
  cleanup.push(
    () => device.stop(),
    () => capture.stop(),
  );
  device.start();
  await eventually(() => device.uplink.health().state === 'connected', 'a connection');
  capture.start();
  const anchors = () => relay.messages.flatMap((each) => (each.type === 'anchor' ? [each.anchor] : []));
  for (const jump of jumps) {
    offMs = jump;
    const from = anchors().length;
    await relay.until(() => anchors().length >= from + 2, 'anchors');
  }
  relay.refuseStatus = 503;
  relay.cut();
  await eventually(() => device.uplink.health().state === 'waiting', 'an outage');
  for (const jump of jumps) {
    offMs = jump;
    const captured = device.captured;
    await eventually(() => device.captured >= captured + 10, 'a second of sound');
  }
  await eventually(() => device.buffer.health().diskBytes > 30_000, 'spilled');
  relay.refuseStatus = null;
  await relay.until(() => relay.hellos.length === 2, 'a connection');
  capture.stop();
  const stream = () => [...relay.streams.values()][0];
  await relay.until(
    () => stream()?.received.length === 1 && size(stream()?.received ?? []) === device.captured * 1600,
    'all',
  );
  expect(stream()?.holes).toEqual([]);
  expect(device.buffer.health().droppedMs).toBe(0);
  expect(wholeBlocks(relay.samples(stream()?.report.id ?? ''))).toEqual(upTo(device.captured));
  // The wall clock is told as it stood; the monotonic one shows no jump.
  const years = new Set(anchors().map(({ wallMs }) => new Date(wallMs).getUTCFullYear()));
  expect(years.size).toBeGreaterThanOrEqual(3);
  const offsets = anchors().map(({ position, monotonicMs }) => monotonicMs - position / 16);
  expect(Math.max(...offsets) - Math.min(...offsets)).toBeLessThan(300);
});

const machine = temporaryFolder();
const faults = MachineFaults.make(join(machine.path, 'faults'));
afterAll(() => machine.remove());

test.skipIf(faults === null)(
  'a whole device whose machine begins in 1970 and jumps misses no frame and closes no connection',
  { timeout: 60_000 },
  async () => {
    faults?.wallClockOff(in1970);
    const wav = join(folder.path, 'numbers.wav');
    writeWav(wav, numberedBlocks(0, 200));
    const device: RunningProgram = startDevice({
      relay: relay.url,
      room: 'aula',
      token: `secret-${randomUUID()}`,
      dataDir: join(folder.path, 'data'),
      source: `wav:${wav}`,
      env: faults?.env ?? {},
    });
    cleanup.push(() => device.stop());
    for (const [i, jump] of jumps.entries()) {
      faults?.wallClockOff(jump);
      await relay.until(() => relay.frames.length >= (i + 1) * 25, 'some seconds');
    }
    // The journal proves that the program saw it.
    const years = new Set(device.lines.flatMap((line) => /"time":"(\d{4})/.exec(line)?.[1] ?? []));
    expect(years.has('1970')).toBe(true);
    const frames = relay.frames.slice(1);
    expect(frames.every(({ from }, i) => from === relay.frames[i]?.to)).toBe(true);
    expect(frames.every(({ live }) => live)).toBe(true);
    const gaps = frames.map(({ atMs }, i) => atMs - (relay.frames[i]?.atMs ?? 0));
    expect(Math.max(...gaps)).toBeLessThan(1000);
    expect(relay.hellos).toHaveLength(1);
    // And offline: what is captured while the clock jumps is spilled and sent as ever.
    relay.refuseStatus = 503;
    relay.cut();
    for (const jump of jumps.toReversed()) {
      faults?.wallClockOff(jump);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    relay.refuseStatus = null;
    const stream = () => [...relay.streams.values()][0];
    await until(() => stream()?.report.ended || undefined, { timeoutMs: 40_000, what: 'the end of the file' });
    expect((await device.exit).status).toBe(0);
    expect(stream()?.received).toEqual([[0, 200 * 1600]]);
    expect(stream()?.holes).toEqual([]);
    expect(wholeBlocks(relay.samples(stream()?.report.id ?? ''))).toEqual(upTo(200));
  },
);
