import { afterEach, beforeEach, expect, test } from 'vitest';
import { DeviceCore, eventually, temporaryFolder, upTo, wholeBlocks } from './harness/device-core.ts';
import { FakeRelay } from './harness/fake-relay.ts';
import { LiveCapture } from './harness/live-capture.ts';
import { blockSamples } from './harness/numbered-signal.ts';
import { FaultyProxy } from './harness/proxy.ts';

let relay: FakeRelay;
let proxy: FaultyProxy;
let folder: ReturnType<typeof temporaryFolder>;
let device: DeviceCore;
let capture: LiveCapture;

beforeEach(async () => {
  relay = new FakeRelay();
  await relay.start();
  proxy = await new FaultyProxy({ host: '127.0.0.1', port: relay.port }).start();
  folder = temporaryFolder();
  device = new DeviceCore({
    relay: `ws://127.0.0.1:${proxy.port}`,
    dataDir: folder.path,
    waits: { pingIntervalMs: 300, deadAfterMs: 1500, handshakeTimeoutMs: 1500, welcomeTimeoutMs: 1500 },
  });
  capture = new LiveCapture(device);
});

afterEach(async () => {
  capture.stop();
  await device.stop();
  await proxy.stop();
  await relay.stop();
  folder.remove();
});

const connected = () => eventually(() => device.uplink.health().state === 'connected', 'a connection');
const seconds = (count: number) => new Promise((resolve) => setTimeout(resolve, count * 1000));

/** Stops capturing, and waits until the relay has all of it; how often it got a sample on average. */
async function allArrived(): Promise<number> {
  capture.stop();
  const total = device.captured;
  const stream = () => [...relay.streams.values()][0];
  await relay.until(() => {
    const received = stream()?.received ?? [];
    return received.length === 1 && received[0]?.[0] === 0 && received[0]?.[1] === total * blockSamples;
  }, 'all of it');
  expect(wholeBlocks(relay.samples([...relay.streams.keys()][0] ?? ''))).toEqual(upTo(total));
  expect(device.buffer.health().droppedMs).toBe(0);
  return relay.frames.reduce((sum, { from, to }) => sum + to - from, 0) / (total * blockSamples);
}

/** Milliseconds from capture to the relay, of the live frames that came in `[fromMs, toMs)`. */
function liveLags(fromMs: number, toMs: number): number[] {
  return relay.frames
    .filter(({ live, atMs }) => live && atMs >= fromMs && atMs < toMs)
    .map(({ from, atMs }) => atMs - (capture.capturedAtMs.get(from / blockSamples) ?? atMs));
}

test('a line that swallows everything is left, and all of it arrives when there is another', async () => {
  device.start();
  await connected();
  capture.start();
  await relay.until(() => relay.frames.length >= 10);
  proxy.blackHole(true);
  const lostMs = performance.now();
  await eventually(() => device.uplink.health().state === 'waiting', 'the loss is noticed');
  expect(performance.now() - lostMs).toBeLessThan(2500);
  expect(device.uplink.health().problem?.code).toBe('relay-unreachable');
  await seconds(2);
  proxy.blackHole(false);
  await relay.until(() => relay.hellos.length === 2, 'a second connection');
  await allArrived();
});

test('a line that is closed in one direction only is left, and nothing is lost', async () => {
  device.start();
  await connected();
  capture.start();
  await relay.until(() => relay.frames.length >= 10);
  proxy.halfClose();
  await relay.until(() => relay.hellos.length === 2, 'a second connection');
  await seconds(1);
  await allArrived();
});

test('on a line that breaks every three seconds words arrive live in between, and none is lost', {
  timeout: 60_000,
}, async () => {
  device.start();
  await connected();
  capture.start();
  const begunMs = performance.now();
  for (let round = 0; round < 3; round++) {
    await seconds(3);
    proxy.cut();
  }
  await connected();
  await seconds(1);
  const lags = liveLags(begunMs, performance.now());
  // What is captured while there is a connection goes at once: most of each three seconds.
  expect(lags.length).toBeGreaterThan(45);
  expect(Math.max(...lags)).toBeLessThan(1000);
  expect(await allArrived()).toBeLessThan(1.3);
});

test('on a line of 400 kbit/s live audio stays within 3 s while a minute of backlog drains', {
  timeout: 60_000,
}, async () => {
  device.capture(600);
  proxy.throttle(50_000);
  proxy.delay(20);
  device.start();
  await connected();
  capture.start();
  const begunMs = performance.now();
  await seconds(10);
  const nowMs = performance.now();
  const lags = liveLags(begunMs, nowMs);
  const backlog = relay.frames.filter(({ live }) => !live).reduce((sum, { from, to }) => sum + to - from, 0);
  const worstMs = Math.max(...lags);
  process.stderr.write(
    `400 kbit/s: live at most ${Math.round(worstMs)} ms behind, ${backlog / 16_000} s of backlog in 10 s\n`,
  );
  expect(lags.length).toBeGreaterThan(90);
  expect(worstMs).toBeLessThan(3000);
  // The line leaves 17 kB/s over: a little more than half a second of audio each second.
  expect(backlog / 16_000).toBeGreaterThan(3);
  proxy.throttle(Number.POSITIVE_INFINITY);
  await allArrived();
});
