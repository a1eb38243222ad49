import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { TestReader, TestRelay, temporaryFolder } from './harness/programs.ts';
import { until } from './harness/until.ts';
import { TranscribeStandIn } from './stand-ins/transcribe.ts';
import { TranscribeControlStandIn } from './stand-ins/transcribe-control.ts';
import { standInEnvironment } from './stand-ins/transcribe-environment.ts';

interface Shown {
  readonly phrases: readonly unknown[];
  readonly leftOut: readonly unknown[];
  readonly vocabularies: readonly { name: string; state: string; message: string; rooms?: readonly string[] }[];
}

const folder = temporaryFolder();
/** In samples at 16 kHz. */
const script = ['we', 'like', 'web', 'three', 'here'].map((text, i) => ({
  text,
  start: 4800 * i,
  end: 4800 * i + 4000,
}));
/** 100 ms that may hold words. */
const loud = new Uint8Array(Int16Array.from({ length: 1600 }, (_, i) => (i % 2 ? 4000 : -4000)).buffer);
let streaming: TranscribeStandIn;
let control: TranscribeControlStandIn;
let relay: TestRelay;

beforeEach(async () => {
  streaming = new TranscribeStandIn({ script });
  control = new TranscribeControlStandIn({ readyAfterMs: null });
  const [{ url }, { url: controlUrl }] = await Promise.all([streaming.start(), control.start()]);
  relay = await TestRelay.start({
    dataDir: `${folder.path}/relay`,
    engine: 'transcribe',
    env: { ...standInEnvironment(url), AWS_ENDPOINT_URL_TRANSCRIBE: controlUrl },
  });
});

afterEach(async () => {
  await relay.stop();
  await Promise.all([streaming.stop(), control.stop()]);
  folder.remove();
});

test('names that organizers give become a vocabulary that a talk is captioned with, and are shown as they are to be shown', {
  timeout: 60_000,
}, async () => {
  const { publish, read } = await relay.room('hall', { language: 'en-US' });
  await expect(
    relay.call('PUT', '/api/vocabulary', { phrases: [{ phrase: 'Ada' }, { phrase: 'Web3' }] }),
  ).rejects.toThrow(/400.*phrases\.1\.phrase.*spell them out/);
  await relay.call('PUT', '/api/vocabulary', { phrases: [{ phrase: 'web three', displayAs: 'Web3' }] });
  await relay.call('PUT', '/api/rooms/hall/vocabulary', { phrases: [{ phrase: 'Ada Lovelace' }, { phrase: 'Zoë' }] });
  const shown = () => relay.call<Shown>('GET', '/api/rooms/hall/vocabulary');
  const become = (state: string) =>
    until(async () => (await shown()).vocabularies[0]?.state === state || undefined, { what: state });
  await become('pending');
  expect(await shown()).toMatchObject({
    phrases: [{ phrase: 'Ada Lovelace', displayAs: null }, { phrase: 'Zoë' }],
    leftOut: [{ list: 'room', index: 1, phrase: 'Zoë', language: 'en-US' }],
  });
  expect(control.vocabularies).toMatchObject([{ language: 'en-US', phrases: ['web-three', 'Ada-Lovelace'] }]);
  control.finish(control.vocabularies[0]?.name ?? '');
  await become('ready');
  expect(await relay.call<Shown>('GET', '/api/vocabulary')).toMatchObject({
    phrases: [{ phrase: 'web three', displayAs: 'Web3', language: null }],
    vocabularies: [{ name: control.vocabularies[0]?.name, state: 'ready', rooms: ['hall'] }],
  });

  const reader = new TestReader(() => relay.url.replace('http', 'ws'), 'hall', read);
  const socket = new WebSocket(`${relay.url.replace('http', 'ws')}/ws/audio/hall?token=${publish}`);
  await new Promise((resolve) => socket.once('open', resolve));
  const talking = setInterval(() => socket.send(loud), 100);
  try {
    expect((await streaming.session(0)).asked.vocabularies).toEqual([control.vocabularies[0]?.name]);
    await until(() => reader.captions()[0], { what: 'a caption' });
  } finally {
    clearInterval(talking);
    socket.close();
    reader.close();
  }
  expect(reader.captions()[0]?.text).toBe('we like Web3 here');
});

test('a room whose vocabulary the service refuses has captions all the same, and what it names itself goes before', {
  timeout: 60_000,
}, async () => {
  const { publish, read } = await relay.room('hall', { language: 'en-US' });
  await relay.call('PUT', '/api/rooms/hall/vocabulary', { phrases: [{ phrase: 'Ada Lovelace' }] });
  const kept = async () => (await relay.call<Shown>('GET', '/api/rooms/hall/vocabulary')).vocabularies[0];
  await until(async () => (await kept())?.state === 'pending' || undefined, { what: 'pending' });
  control.finish(control.vocabularies[0]?.name ?? '');
  await until(async () => (await kept())?.state === 'ready' || undefined, { what: 'ready' });
  streaming.failNext({
    kind: 'exception',
    name: 'BadRequestException',
    message: 'The requested vocabulary is not ready.',
    when: 'start',
  });

  const reader = new TestReader(() => relay.url.replace('http', 'ws'), 'hall', read);
  const socket = new WebSocket(`${relay.url.replace('http', 'ws')}/ws/audio/hall?token=${publish}`);
  await new Promise((resolve) => socket.once('open', resolve));
  const talking = setInterval(() => socket.send(loud), 100);
  try {
    expect((await streaming.session(0)).asked.vocabularies).toHaveLength(1);
    expect((await streaming.session(1)).asked.vocabularies).toEqual([]);
    await until(() => reader.captions()[0], { what: 'a caption' });
    expect(await kept()).toMatchObject({ state: 'failed', message: expect.stringContaining('refused a session') });
    await relay.call('PUT', '/api/rooms/hall', { recognition: { vocabularies: ['mine'] } });
    await until(() => streaming.sessions.at(-1)?.asked.vocabularies[0] === 'mine' || undefined, { what: 'its own' });
  } finally {
    clearInterval(talking);
    socket.close();
    reader.close();
  }
});
