import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DeviceCore, eventually, temporaryFolder, upTo, wholeBlocks } from './harness/device-core.ts';
import { FakeRelay } from './harness/fake-relay.ts';
import { FaultyProxy } from './harness/proxy.ts';

let relay: FakeRelay;
let proxy: FaultyProxy;
let folder: ReturnType<typeof temporaryFolder>;
const devices: DeviceCore[] = [];

beforeEach(async () => {
  relay = new FakeRelay();
  await relay.start();
  proxy = await new FaultyProxy({ host: '127.0.0.1', port: relay.port }).start();
  folder = temporaryFolder();
});

afterEach(async () => {
  await Promise.all(devices.splice(0).map((device) => device.stop()));
  await proxy.stop();
  await relay.stop();
  folder.remove();
});

function deviceAt(port: number, waits: ConstructorParameters<typeof DeviceCore>[0]['waits'] = {}): DeviceCore {
  const device = new DeviceCore({ relay: `ws://127.0.0.1:${port}`, dataDir: folder.path, waits });
  devices.push(device);
  return device;
}

test('an attempt that a dead line swallowed does not hold up the next one', async () => {
  proxy.blackHole(true);
  const device = deviceAt(proxy.port, { handshakeTimeoutMs: 60_000 });
  device.start();
  await eventually(() => proxy.accepted >= 2, 'a second attempt');
  proxy.blackHole(false);
  await relay.until(() => relay.hellos.length === 1, 'a connection');
  expect(relay.closes).toEqual([]);
});

test('of attempts that hang at most three are under way, and the first has its full time', async () => {
  const open: Socket[] = [];
  let most = 0;
  let accepted = 0;
  let firstLastedMs = 0;
  const server = createServer((socket) => {
    const atMs = performance.now();
    const isFirst = accepted++ === 0;
    open.push(socket);
    socket.on('error', () => {});
    socket.on('data', () => {
      most = Math.max(most, open.filter(({ closed }) => !closed).length);
    });
    socket.once('close', () => {
      open.splice(open.indexOf(socket), 1);
      if (isFirst) firstLastedMs = performance.now() - atMs;
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const device = deviceAt(typeof address === 'object' && address ? address.port : 0, {
    handshakeTimeoutMs: 2000,
    overtakeAfterMs: 100,
  });
  device.start();
  await eventually(() => firstLastedMs > 0, 'the end of the first attempt');
  expect(firstLastedMs).toBeGreaterThan(1900);
  expect(accepted).toBeGreaterThan(5);
  // One that made way may not be seen to be gone when the next one comes.
  expect(most).toBeLessThanOrEqual(4);
  expect(device.uplink.health().problem?.code).toBe('relay-unreachable');
  await device.stop();
  await eventually(() => open.length === 0, 'nothing under way after the stop');
  server.close();
});

test('a line with seconds of delay is connected, once', { timeout: 60_000 }, async () => {
  proxy.delay(1600);
  const device = deviceAt(proxy.port);
  device.start();
  await eventually(() => device.uplink.health().state === 'connected', 'a connection', 30_000);
  expect(relay.hellos.length).toBe(1);
});

test('a line on which nothing is heard any more is left as soon as another one opens', async () => {
  const device = deviceAt(proxy.port, { deadAfterMs: 60_000 });
  device.start();
  await eventually(() => device.uplink.health().state === 'connected', 'a connection');
  device.capture(5);
  await relay.until(() => relay.frames.length === 5);
  relay.freeze();
  device.capture(20);
  await relay.until(() => relay.hellos.length === 2, 'another connection');
  const [id = ''] = relay.streams.keys();
  await relay.until(() => (relay.streams.get(id)?.received.at(-1)?.[1] ?? 0) === 25 * 1600);
  expect(wholeBlocks(relay.samples(id))).toEqual(upTo(25));
  expect(device.uplink.health()).toMatchObject({ state: 'connected', reconnects: 1 });
});

test('a line that is only slow to answer is not left for another', async () => {
  const device = deviceAt(proxy.port, { silentAfterMs: 300, overtakeAfterMs: 100 });
  device.start();
  await eventually(() => device.uplink.health().state === 'connected', 'a connection');
  device.capture(5);
  await relay.until(() => relay.frames.length === 5);
  proxy.delay(500);
  const accepted = proxy.accepted;
  await eventually(() => proxy.accepted > accepted, 'an attempt beside it');
  device.capture(5);
  await relay.until(() => relay.frames.length === 10);
  await eventually(() => device.buffer.health().backlogMs === 0, 'all stored');
  expect(relay.hellos.length).toBe(1);
});
