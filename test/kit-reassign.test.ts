import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { KitProcesses } from './harness/kit-processes.ts';
import { numberedBlocks } from './harness/numbered-signal.ts';
import { TestReader, TestRelay, temporaryFolder } from './harness/programs.ts';
import { FaultyProxy } from './harness/proxy.ts';
import { judge } from './harness/talk.ts';
import { until } from './harness/until.ts';
import { writeWav } from './harness/wav.ts';
import { TranscribeStandIn } from './stand-ins/transcribe.ts';
import { standInEnvironment } from './stand-ins/transcribe-environment.ts';

// The real relay, agent and device, and a network between them that is cut: a talk of 6 s, about 8 s in all.

const cleanup: (() => Promise<unknown> | unknown)[] = [];

afterEach(async () => {
  for (const step of cleanup.splice(0).reverse()) await step();
});

const numbersIn = (reader: TestReader) => reader.words().map((word) => Number(word.slice(1)));

async function reassignedKit(numbers: number) {
  const folder = temporaryFolder();
  cleanup.push(() => folder.remove());
  const standIn = new TranscribeStandIn({ limits: { maxSegmentWords: 5, unstableWords: 1 } });
  const { url } = await standIn.start();
  cleanup.push(() => standIn.stop());
  const relay = await TestRelay.start({
    dataDir: join(folder.path, 'relay'),
    engine: 'transcribe',
    env: standInEnvironment(url),
  });
  cleanup.push(() => relay.stop());
  const proxy = await new FaultyProxy({ host: '127.0.0.1', port: relay.port }).start();
  cleanup.push(() => proxy.stop());
  const readers = new Map<string, TestReader>();
  for (const room of ['aula', 'bar']) {
    const { read } = await relay.room(room, { language: 'en-US' });
    const reader = new TestReader(() => relay.url.replace('http', 'ws'), room, read);
    cleanup.push(() => reader.close());
    readers.set(room, reader);
  }
  writeWav(join(folder.path, 'talk.wav'), numberedBlocks(0, numbers));
  const kit = new KitProcesses({
    folder: join(folder.path, 'kit'),
    room: 'aula',
    relay: () => `ws://127.0.0.1:${proxy.port}`,
    source: `wav:${join(folder.path, 'talk.wav')}`,
  });
  cleanup.push(() => kit.stop());
  await kit.make(relay);
  kit.startAgent();
  await kit.enrolled();
  const said = (room: string) => {
    const reader = readers.get(room);
    return reader ? numbersIn(reader) : [];
  };
  const assign = (room: string) => relay.call('PUT', `/api/kits/${kit.name}/room`, { room });
  const serves = (room: string) =>
    until(() => (kit.device?.entries({ event: 'room' }).at(-1)?.entry.room === room ? true : undefined), {
      what: `the device to serve ${room}`,
    });
  return { relay, proxy, kit, said, assign, serves };
}

test('a kit that is moved back and forth, with its line cut, has each number captioned once, in the room it was spoken in', {
  timeout: 90_000,
}, async () => {
  const numbers = 60;
  const { proxy, kit, said, assign, serves } = await reassignedKit(numbers);
  const device = kit.startDevice();
  await until(() => said('aula').includes(5) || undefined, { what: 'n5 in the first room' });

  await assign('bar');
  await serves('bar');
  await until(() => said('bar').length > 3 || undefined, { what: 'words in the second room' });

  // The line is cut while audio of this room is not stored yet, and the kit is moved the moment it is back.
  await proxy.refuse(true);
  proxy.cut();
  await new Promise((resolve) => setTimeout(resolve, 1000)); // what is spoken meanwhile is the point
  await assign('aula');
  await proxy.refuse(false);
  await serves('aula');

  const { status } = await device.exit;
  expect(status).toBe(0);
  expect(device.entries({ event: 'delivered', room: 'bar' })).toHaveLength(1);
  await until(() => said('aula').length + said('bar').length >= numbers || undefined, { what: 'every number' }).catch(
    () => {},
  );

  expect(judge([...said('aula'), ...said('bar')], numbers)).toMatchObject({ lost: [], repeated: [] });
  const bar = said('bar').toSorted((a, b) => a - b);
  expect(bar.length).toBeGreaterThan(8);
  // One stretch of the talk, whole: what was before and after it was spoken in the other room.
  expect((bar.at(-1) ?? 0) - (bar[0] ?? 0)).toBe(bar.length - 1);
});
