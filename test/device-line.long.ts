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
  device = new DeviceCore({ relay: `ws://127.0.0.1:${proxy.port}`, dataDir: folder.path });
  capture = new LiveCapture(device);
});

afterEach(async () => {
  capture.stop();
  await device.stop();
  await proxy.stop();
  await relay.stop();
  folder.remove();
});

test('a minute of backlog drains over 400 kbit/s within three minutes, live audio never more than 3 s behind', async () => {
  device.capture(600);
  proxy.throttle(50_000);
  proxy.delay(20);
  const begunMs = performance.now();
  device.start();
  await eventually(() => device.uplink.health().state === 'connected', 'a connection');
  capture.start();
  const received = () => [...relay.streams.values()][0]?.received ?? [];
  await relay.until(() => received().length === 1 && (received()[0]?.[1] ?? 0) > 700 * blockSamples, 'all', 180_000);
  const drainedMs = performance.now() - begunMs;
  capture.stop();
  const lags = relay.frames
    .filter(({ live }) => live)
    .map(({ from, atMs }) => atMs - (capture.capturedAtMs.get(from / blockSamples) ?? atMs));
  process.stderr.write(
    `400 kbit/s: drained in ${Math.round(drainedMs / 1000)} s, live at most ${Math.round(Math.max(...lags))} ms behind\n`,
  );
  expect(Math.max(...lags)).toBeLessThan(3000);
  await relay.until(() => received().length === 1 && received()[0]?.[1] === device.captured * blockSamples, 'the rest');
  expect(wholeBlocks(relay.samples([...relay.streams.keys()][0] ?? ''))).toEqual(upTo(device.captured));
});
