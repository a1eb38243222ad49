import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterEach, expect, test, vi } from 'vitest';
import { TranscribeEngine } from '../relay/engines/transcribe.ts';
import { createLog } from '../systemd/log.ts';
import { EngineRecorder, play } from './harness/engine-recorder.ts';
import { blockSamples, numberedBlocks } from './harness/numbered-signal.ts';
import { type StandInOptions, TranscribeStandIn } from './stand-ins/transcribe.ts';
import { standInEnvironment } from './stand-ins/transcribe-environment.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

const transcribe = async (url: string, audio: Int16Array) => {
  for (const [name, value] of Object.entries(standInEnvironment(url))) vi.stubEnv(name, value);
  const recorder = new EngineRecorder();
  const engine = new TranscribeEngine({ log: createLog('silent')('transcribe') });
  const session = engine.open({ room: 'a-room', language: 'de-DE' }, recorder);
  await play(session, audio, { speed: 10, until: () => recorder.isOver });
  session.end(10_000);
  await recorder.over();
  return recorder;
};

const withStandIn = async (options: StandInOptions, audio: Int16Array) => {
  const standIn = new TranscribeStandIn(options);
  const { url } = await standIn.start();
  const recorder = await transcribe(url, audio);
  await standIn.stop();
  return { recorder, standIn };
};

test('it says a script by the stream’s time, with punctuation of its own', async () => {
  const script = [
    { text: 'good', start: 8000, end: 16_000 },
    { text: 'morning.', start: 16_000, end: 24_000 },
    { text: 'never', start: 800_000, end: 816_000 },
  ];
  const { recorder } = await withStandIn({ script }, new Int16Array(32_000));
  const [final] = recorder.results('final');
  expect(final?.text).toBe('good morning.');
  expect(final?.words.map(({ text, start, end, kind }) => [text, start, end, kind])).toEqual([
    ['good', 8000, 16_000, 'word'],
    ['morning', 16_000, 24_000, 'word'],
    ['.', 24_000, 24_000, 'punctuation'],
  ]);
});

test('a second of silence ends a segment, and a cut block is said whole where it would have lain', async () => {
  const audio = new Int16Array(16_000 * 4);
  audio.set(numberedBlocks(7, 2).subarray(1000), 0);
  audio.set(numberedBlocks(9, 1), 48_000);
  const { recorder } = await withStandIn({}, audio);
  expect(recorder.results('final').map(({ text }) => text)).toEqual(['n7 n8', 'n9']);
  const [seven, eight] = recorder.results('final')[0]?.words ?? [];
  expect([seven?.start, seven?.end, eight?.start]).toEqual([0, blockSamples - 1000, blockSamples - 1000].map(toMs));
});

/** Samples as they come back through the service's milliseconds. */
const toMs = (samples: number) => Math.round((Math.round((samples / 16_000) * 1000) / 1000) * 16_000);

test('it notices a signature made with another key', async () => {
  const { recorder, standIn } = await withStandIn(
    { credentials: { accessKeyId: standInEnvironment('').AWS_ACCESS_KEY_ID, secretAccessKey: 'another' } },
    new Int16Array(16_000),
  );
  expect(recorder.names).toEqual(['failed']);
  expect(standIn.badRequests).toBe(1);
  expect(standIn.sessions).toEqual([]);
});

test('it runs as a program, obeys orders and reports', async () => {
  const program = new URL('./stand-ins/transcribe-main.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'], env: {} });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => JSON.parse(String((await lines.next()).value));
  const { url } = await answer();
  const recorder = await transcribe(url, numberedBlocks(0, 12));
  expect(recorder.results('final').map(({ text }) => text)).toEqual(['n0 n1 n2 n3 n4 n5 n6 n7 n8 n9', 'n10 n11']);
  const exception = { kind: 'exception', name: 'InternalFailureException', message: 'x', when: 'start' };
  child.stdin.write(`${JSON.stringify({ next: exception })}\n{"report":true}\n`);
  const { sessions } = await answer();
  expect(sessions).toMatchObject([{ language: 'de-DE', badSignatures: 0, events: 12, endedByClient: true }]);
  const failing = await transcribe(url, numberedBlocks(0, 12));
  expect(failing.failures[0]?.code).toBe('transcribe-service');
  child.kill('SIGTERM');
  const status = await new Promise((resolve) => child.once('exit', resolve));
  expect(status).toBe(0);
});
