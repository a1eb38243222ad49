import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { union } from '../relay/protocol.js';
import { DeviceCore, eventually, temporaryFolder } from './harness/device-core.ts';
import { FakeRelay } from './harness/fake-relay.ts';

let relay: FakeRelay;
let folder: ReturnType<typeof temporaryFolder>;
let device: DeviceCore;

beforeEach(async () => {
  relay = new FakeRelay();
  await relay.start();
  folder = temporaryFolder();
  device = new DeviceCore({ relay: relay.url, dataDir: folder.path });
  // Waits between attempts pass at once, and are seen in what setTimeout was asked for.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});

afterEach(async () => {
  vi.useRealTimers();
  await device.stop();
  await relay.stop();
  folder.remove();
});

/** Waits for real things while `setTimeout` stands still. */
const tick = () => new Promise<void>((resolve) => setImmediate(resolve));
async function seen(condition: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`${what} did not come about`);
    await tick();
  }
}

/** Lets `ms` pass and then all that the network has to say. */
async function pass(ms: number): Promise<void> {
  vi.advanceTimersByTime(ms);
  for (let i = 0; i < 50; i++) await tick();
}

test.each([401, 403])('a token refused with %i is shown, and tried once a minute', async (status) => {
  relay.refuseStatus = status;
  device.start();
  await seen(() => device.uplink.health().problem !== null, 'the refusal');
  expect(device.uplink.health()).toMatchObject({ state: 'refused', problem: { code: 'token-refused' } });
  await pass(59_000);
  expect(relay.upgrades.length).toBe(1);
  await pass(1500);
  await seen(() => relay.upgrades.length === 2, 'the next attempt');
});

test('an unknown room is named, and asked for again after ten seconds', async () => {
  relay.refuseStatus = 404;
  device.start();
  await seen(() => device.uplink.health().problem?.code === 'room-unknown', 'the refusal');
  expect(device.uplink.health().problem?.message).toContain('aula');
  await pass(9_900);
  expect(relay.upgrades.length).toBe(1);
  await pass(500);
  await seen(() => relay.upgrades.length === 2, 'the next attempt');
});

test('a relay that answers and takes nobody is asked ever more seldom, in the end each 2.5 s on average', async () => {
  relay.refuseStatus = 502;
  device.start();
  await seen(() => device.uplink.health().problem?.code === 'relay-unavailable', 'the refusal');
  const atMs: number[] = [];
  for (let passedMs = 0; relay.upgrades.length < 8; passedMs += 100) {
    atMs[relay.upgrades.length] = passedMs;
    await pass(100);
  }
  const [last = 0, before = 0] = atMs.toReversed();
  expect(last - before).toBeGreaterThanOrEqual(2400);
  expect(last - before).toBeLessThanOrEqual(2600);
});

test('a relay that asks for a pause gets it', async () => {
  relay.refuseStatus = 503;
  relay.refuseHeaders = { 'retry-after': '7' };
  device.start();
  await seen(() => device.uplink.health().problem !== null, 'the refusal');
  await pass(6_900);
  expect(relay.upgrades.length).toBe(1);
  await pass(500);
  await seen(() => relay.upgrades.length === 2, 'the next attempt');
});

test('a device whose room was taken keeps capturing, and asks every 30 s without pushing', async () => {
  device.start();
  await seen(() => device.uplink.health().state === 'connected', 'a connection');
  expect(relay.hellos[0]?.hello.takeover).toBe(true);
  relay.close(4409);
  await seen(() => device.uplink.health().state === 'other-source', 'the other source');
  device.capture(10);
  expect(device.buffer.health().heldMs).toBe(1000);
  relay.refuseHello = { code: 4409 };
  await pass(29_900);
  expect(relay.upgrades.length).toBe(1);
  await pass(500);
  await seen(() => relay.hellos.length === 2 && device.uplink.health().state === 'other-source', 'the question');
  expect(relay.hellos[1]?.hello.takeover).toBe(false);
  expect(relay.frames.length).toBe(0);
  relay.refuseHello = null;
  await seen(() => relay.closes.length === 2, 'the end of the second connection');
  await pass(30_500);
  await seen(() => device.uplink.health().state === 'connected', 'the room again');
  expect(relay.hellos[2]?.hello.takeover).toBe(false);
});

test('a device that had nothing to send yet was not pushed out: it takes the room over once it has', async () => {
  relay.refuseHello = { code: 4409, retryAfterMs: 5000, reason: 'no-audio-yet' };
  device.start();
  await seen(() => device.uplink.health().state === 'other-source', 'the other source');
  device.capture(10); // sound comes right after the question
  relay.refuseHello = null;
  await pass(5300);
  await seen(() => device.uplink.health().state === 'connected', 'the room');
  expect(relay.hellos.at(-1)?.hello.takeover).toBe(true);
});

test('what another source covered is stored without having been sent: it is forgotten, and what follows is sent', async () => {
  device.start();
  await seen(() => device.uplink.health().state === 'connected', 'a connection');
  device.capture(10);
  await seen(() => device.buffer.health().backlogMs === 0, 'all stored');
  const [id = ''] = relay.streams.keys();
  relay.close(4409);
  await seen(() => device.uplink.health().state === 'other-source', 'the other source');
  device.capture(30);
  expect(device.buffer.health().backlogMs).toBe(3000);
  // The other source was in charge for two of the three seconds; the relay declared them as holes of this one.
  const known = relay.streams.get(id);
  if (!known) throw new Error('no stream');
  known.received = union(known.received, [[16_000, 48_000]]);
  known.stored = known.received;
  await pass(30_500);
  await seen(() => device.uplink.health().state === 'connected', 'the room again');
  for (let i = 0; i < 5; i++) await pass(500);
  await seen(() => device.buffer.health().backlogMs === 0, 'nothing waits');
  const sent = relay.frames
    .filter(({ connection }) => connection === 1)
    .map(({ from, to }): [number, number] => [from, to]);
  expect(union([], sent)).toEqual([[48_000, 64_000]]);
  // The same in the middle of a connection, for audio that was not confirmed yet.
  relay.receives = false;
  device.capture(20);
  await seen(() => device.buffer.health().backlogMs === 2000, 'two seconds wait');
  relay.say({ type: 'stored', index: 0, ranges: [[64_000, 96_000]] });
  await seen(() => device.buffer.health().backlogMs === 0, 'nothing waits');
  device.buffer.end();
  await device.buffer.settled();
  expect(device.buffer.health().droppedMs).toBe(0);
});

test('a relay that restarts is asked again within two seconds', async () => {
  device.start();
  await seen(() => device.uplink.health().state === 'connected', 'a connection');
  relay.close(1012);
  await seen(() => device.uplink.health().state === 'waiting', 'the loss');
  await pass(400);
  expect(relay.upgrades.length).toBe(1);
  await pass(1600);
  await seen(() => relay.upgrades.length === 2, 'the next attempt');
});

test('a relay that cannot be reached is named in words, and tried for ever', async () => {
  await relay.stop();
  device.start();
  await seen(() => device.uplink.health().problem?.code === 'relay-unreachable', 'the failure');
  for (let i = 0; i < 20; i++) await pass(5000);
  expect(device.uplink.health().problem?.hint).toContain('relay runs');
  relay = new FakeRelay();
  await relay.start(Number(new URL(relay.url).port));
  vi.useRealTimers();
  await eventually(() => device.uplink.health().state !== 'connected', 'still trying');
});
