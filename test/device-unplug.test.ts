import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { size } from '../relay/protocol.js';
import { temporaryFolder } from './harness/device-core.ts';
import { FakeRelay, type ReceivedFrame } from './harness/fake-relay.ts';
import { type RunningProgram, startDevice } from './harness/programs.ts';
import { PulseRig } from './harness/pulse.ts';
import { until } from './harness/until.ts';

let relay: FakeRelay;
let folder: ReturnType<typeof temporaryFolder>;
let rig: PulseRig;
let device: RunningProgram;

beforeEach(async () => {
  relay = new FakeRelay();
  await relay.start();
  folder = temporaryFolder();
  rig = await PulseRig.start(process.env, { prompt: true });
  device = startDevice({
    relay: relay.url,
    room: 'aula',
    token: 'secret-of-this-test',
    dataDir: join(folder.path, 'data'),
    source: 'mixer:mixer',
    args: ['--source-channels', '2', '--status-listen', '127.0.0.1:0'],
    env: rig.env,
  });
});

afterEach(async () => {
  await device.stop();
  await rig.stop();
  await relay.stop();
  folder.remove();
});

/** When position 0 was captured as the least delayed of these frames tells it, in ms. */
const originMs = (frames: readonly ReceivedFrame[]) => Math.min(...frames.map(({ to, atMs }) => atMs - to / 16));

const status = z.object({ health: z.object({ state: z.string(), message: z.string(), hint: z.string() }) });

test('a mixer that is unplugged and comes back as another one: one stream, one hole, as long as it was gone', {
  timeout: 60_000,
}, async () => {
  await relay.until(() => relay.frames.length >= 50, 'five seconds');
  const before = relay.frames.slice(-30);
  const unpluggedMs = performance.now();
  await rig.killServer();
  // Told in words, at the relay, on the kit's own page and in the journal.
  const told = () => relay.messages.findLast((message) => message.type === 'health')?.health;
  await relay.until(() => told()?.state === 'mixer-silent' || told()?.state === 'mixer-absent', 'the state');
  const noticedMs = performance.now() - unpluggedMs;
  await relay.until(() => told()?.state === 'mixer-absent', 'the absence');
  expect(told()).toMatchObject({
    message: expect.stringContaining('mixer'),
    hint: expect.stringContaining('Plug it in'),
  });
  const { statusPort } = await device.event('started');
  const page = status.parse(await (await fetch(`http://127.0.0.1:${statusPort}/status.json`)).json());
  expect(page.health.state).toBe('mixer-absent');
  expect(device.output).toContain('mixer-absent');

  await rig.startServer({ rateHz: 48_000, channels: 2 });
  const count = relay.frames.length;
  const pluggedInMs = performance.now();
  await relay.until(() => relay.frames.length >= count + 1, 'sound again');
  const capturedMs = performance.now() - pluggedInMs;
  await relay.until(() => relay.frames.length >= count + 40, 'four seconds of it');
  await until(() => told()?.state === 'ok' || undefined, { what: 'all is well again' });
  const after = relay.frames.slice(-30);

  expect([...relay.streams.values()]).toHaveLength(1);
  const [stream] = relay.streams.values();
  expect(stream?.holes).toHaveLength(1);
  expect(stream?.holes[0]?.reason).toBe('source-lost');
  // Audio and hole together are a whole.
  expect(stream?.received).toHaveLength(1);
  expect(size(stream?.received ?? [])).toBe(stream?.received[0]?.[1]);
  // Positions are a true clock: had the hole another length than the time that passed, position 0 would have moved.
  const errorMs = originMs(after) - originMs(before);
  process.stderr.write(
    `at the relay: noticed after ${Math.round(noticedMs)} ms, sound again after ${Math.round(capturedMs)} ms, hole wrong by ${Math.round(errorMs)} ms\n`,
  );
  expect(Math.abs(errorMs)).toBeLessThan(300);
  expect(noticedMs).toBeLessThan(1500);
  expect(capturedMs).toBeLessThan(3000);
});
