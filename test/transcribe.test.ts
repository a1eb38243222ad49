import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { FailureKind } from '../relay/engines/engine.ts';
import { TranscribeEngine, type TranscribeParts } from '../relay/engines/transcribe.ts';
import { createLog } from '../systemd/log.ts';
import { EngineRecorder, type Playing, play } from './harness/engine-recorder.ts';
import { blockSamples, numberedBlocks } from './harness/numbered-signal.ts';
import { TranscribeStandIn } from './stand-ins/transcribe.ts';
import { standInEnvironment } from './stand-ins/transcribe-environment.ts';
import type { Fault } from './stand-ins/transcribe-faults.ts';

const log = createLog('silent')('transcribe');
let standIn: TranscribeStandIn;
let url: string;

const setEnvironment = (changes: Record<string, string | undefined>) => {
  for (const [name, value] of Object.entries({ ...standInEnvironment(url), ...changes })) vi.stubEnv(name, value);
};
const createEngine = (parts: Partial<TranscribeParts> = {}) => new TranscribeEngine({ log, ...parts });

const open = (engine = createEngine()) => {
  const recorder = new EngineRecorder();
  return { recorder, session: engine.open({ room: 'a-room', language: 'en-US' }, recorder) };
};
/** Speaks numbers, ten times as fast as they are, until the session is over. */
const speak = async ({ recorder, session }: ReturnType<typeof open>, playing: Playing = {}, count = 300) => {
  await play(session, numberedBlocks(0, count), { speed: 10, until: () => recorder.isOver, ...playing });
};
const runWith = async (fault: Fault, engine?: TranscribeEngine) => {
  standIn.failNext(fault);
  const run = open(engine);
  await speak(run);
  await run.recorder.over();
  return run.recorder;
};

beforeEach(async () => {
  standIn = new TranscribeStandIn();
  ({ url } = await standIn.start());
  setEnvironment({});
});

afterEach(async () => {
  vi.unstubAllEnvs();
  expect(standIn.sessions.map(({ badSignatures }) => badSignatures)).toEqual(standIn.sessions.map(() => 0));
  await standIn.stop();
});

const exceptions: readonly [name: string, message: string, kind: FailureKind, code: string][] = [
  ['BadRequestException', 'no new audio was received for 15 seconds', 'reopen', 'transcribe-no-audio'],
  ['BadRequestException', 'Signature expired: 20261121T080000Z', 'reopen', 'transcribe-signature-expired'],
  ['BadRequestException', 'Your stream is too big. Reduce the frame size', 'configuration', 'transcribe-frame-size'],
  ['BadRequestException', 'The language code is not supported', 'configuration', 'transcribe-language'],
  ['BadRequestException', 'Something else', 'configuration', 'transcribe-refused'],
  ['LimitExceededException', 'You have reached your limit of streams', 'capacity', 'transcribe-quota'],
  ['LimitExceededException', 'the maximum session duration was reached', 'reopen', 'transcribe-session-length'],
  ['LimitExceededException', 'Rate exceeded', 'backoff', 'transcribe-start-rate'],
  ['ThrottlingException', 'Slow down', 'backoff', 'transcribe-throttled'],
  ['ConflictException', 'A new stream started', 'backoff', 'transcribe-conflict'],
  ['InternalFailureException', 'Oops', 'backoff', 'transcribe-service'],
  ['ServiceUnavailableException', 'Later', 'backoff', 'transcribe-service'],
  ['UnrecognizedClientException', 'The security token is invalid', 'credentials', 'transcribe-credentials'],
  ['AccessDeniedException', 'User is not authorized', 'credentials', 'transcribe-credentials'],
  ['ExpiredTokenException', 'The token has expired', 'credentials', 'transcribe-credentials'],
  ['NeverHeardOfException', 'What is this', 'backoff', 'transcribe-failed'],
];

describe.each(exceptions)('%s: %s', (name, message, kind, code) => {
  test.each([
    ['before the first event', { when: 'start' as const }],
    ['after the first event', { when: 'first-event' as const }],
    ['as a plain HTTP answer', { when: 'start' as const, http: 400 }],
  ])('%s fails once, in its class', async (_when, how) => {
    const recorder = await runWith({ kind: 'exception', name, message, ...how });
    expect(recorder.failures).toHaveLength(1);
    expect(recorder.names.at(-1)).toBe('failed');
    expect(recorder.failures[0]).toMatchObject({ kind, code });
    expect(recorder.failures[0]?.hint).toMatch(/\w/);
    expect(recorder.names.includes('partial')).toBe(how.when === 'first-event');
  });
});

const losses: readonly [title: string, kind: 'reset' | 'destroy' | 'end'][] = [
  ['a reset', 'reset'],
  ['a dead TCP connection', 'destroy'],
  ['an end nobody asked for', 'end'],
];

test.each(losses)('%s before the first event is a failure, never an end', async (_title, kind) => {
  const recorder = await runWith({ kind, when: 'start' });
  expect(recorder.names).toEqual(['failed']);
  expect(recorder.failures[0]?.kind).toBe('backoff');
});

test.each(losses)('%s in the middle is a failure, never an end', async (_title, kind) => {
  const run = open();
  const speaking = speak(run);
  await run.recorder.saw('partial');
  (await standIn.session(0)).strike({ kind, when: 'start' });
  await run.recorder.over();
  await speaking;
  expect(run.recorder.failures).toHaveLength(1);
  expect(run.recorder.names).not.toContain('ended');
  expect(run.recorder.failures[0]?.kind).toBe('reopen');
});

test.each([
  ['a reset', { kind: 'reset', when: 'end' } as const],
  ['a dead TCP connection', { kind: 'destroy', when: 'end' } as const],
])('%s while the last finals are awaited is a failure', async (_title, fault) => {
  standIn.failNext(fault);
  const run = open();
  await speak(run, {}, 5);
  run.session.end(5000);
  await run.recorder.over();
  expect(run.recorder.names.at(-1)).toBe('failed');
});

test('a partial that the service leaves open at a whole end becomes the final', async () => {
  standIn.failNext({ kind: 'end', when: 'end' });
  const run = open();
  await speak(run, {}, 5);
  await run.recorder.saw('partial');
  run.session.end(5000);
  await run.recorder.over();
  expect(run.recorder.names.at(-1)).toBe('ended');
  const [final] = run.recorder.results('final');
  expect(final?.text).toBe(run.recorder.results('partial').at(-1)?.text);
});

test('a service that does not answer the end fails the session in time', async () => {
  standIn.failNext({ kind: 'silent', when: { audioMs: 100 } });
  const run = open();
  await speak(run, {}, 5);
  run.session.end(300);
  await run.recorder.over();
  expect(run.recorder.failures[0]).toMatchObject({ kind: 'reopen', code: 'transcribe-end-timeout' });
  await (await standIn.session(0)).closed;
});

test('a service that stops reading is noticed by the audio that waits', async () => {
  const recorder = await runWith({ kind: 'stop-reading', when: { audioMs: 500 } });
  expect(recorder.failures).toHaveLength(1);
  expect(recorder.failures[0]).toMatchObject({ kind: 'reopen', code: 'transcribe-stalled' });
});

test('a peer that takes the connection and never answers is noticed', async () => {
  const sockets = new Set<{ destroy(): unknown }>();
  const mute = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  const address = mute.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  setEnvironment({ AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING: `http://127.0.0.1:${port}` });
  const run = open();
  await speak(run);
  await run.recorder.over();
  expect(run.recorder.failures).toHaveLength(1);
  for (const socket of sockets) socket.destroy();
  mute.close();
});

test('in silence a session is ready without any event, and stays', async () => {
  const run = open();
  await play(run.session, new Int16Array(16000 * 3), { speed: 2 });
  await run.recorder.saw('ready');
  expect(run.recorder.names).toEqual(['ready']);
  run.session.abort();
});

test('a refused connection fails with its reason, and the next session works when the service is back', async () => {
  await standIn.refuseConnections();
  const engine = createEngine();
  const run = open(engine);
  await speak(run);
  await run.recorder.over();
  expect(run.recorder.names).toEqual(['failed']);
  expect(run.recorder.failures[0]).toMatchObject({ kind: 'backoff', code: 'transcribe-connection' });
  expect(run.recorder.failures[0]?.message).toContain('refused');
  await standIn.acceptConnections();
  const next = open(engine);
  await speak(next, {}, 5);
  next.session.end(5000);
  await next.recorder.over();
  expect(next.recorder.names.at(-1)).toBe('ended');
});

test('missing and wrong credentials fail as such, and work as soon as they are put right', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sala-credentials-'));
  const file = join(folder, 'credentials');
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: key } = standInEnvironment(url);
  const writeKeys = (secret: string) =>
    writeFile(file, `[default]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`);
  setEnvironment({
    AWS_ACCESS_KEY_ID: undefined,
    AWS_SECRET_ACCESS_KEY: undefined,
    AWS_SHARED_CREDENTIALS_FILE: file,
  });
  const engine = createEngine();
  const tryOnce = async () => {
    const run = open(engine);
    await speak(run, {}, 5);
    run.session.end(5000);
    await run.recorder.over();
    return run.recorder;
  };
  const missing = await tryOnce();
  expect(missing.names).toEqual(['failed']);
  expect(missing.failures[0]).toMatchObject({ kind: 'credentials', code: 'transcribe-credentials-missing' });
  await writeKeys('not-the-secret');
  const wrong = await tryOnce();
  expect(wrong.names).toEqual(['failed']);
  expect(wrong.failures[0]).toMatchObject({ kind: 'credentials', code: 'transcribe-credentials' });
  await writeKeys(key);
  expect((await tryOnce()).names.at(-1)).toBe('ended');
  await rm(folder, { recursive: true });
});

test('a wrong secret key fails as a credentials fault', async () => {
  setEnvironment({ AWS_SECRET_ACCESS_KEY: 'not-the-secret' });
  const run = open();
  await speak(run);
  await run.recorder.over();
  expect(standIn.badRequests).toBe(1);
  expect(run.recorder.failures[0]).toMatchObject({ kind: 'credentials', code: 'transcribe-credentials' });
});

test('a missing region fails as a configuration fault', async () => {
  setEnvironment({ AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined });
  const run = open();
  await speak(run);
  await run.recorder.over();
  expect(run.recorder.failures[0]).toMatchObject({ kind: 'configuration', code: 'transcribe-region' });
});

test('the SDK is loaded by the first session, and its absence fails that session', async () => {
  const loadSdk = vi.fn(() =>
    Promise.reject(Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })),
  );
  const engine = createEngine({ loadSdk });
  expect(engine.check({ room: 'a-room', language: 'en-US' })).toBeNull();
  expect(loadSdk).not.toHaveBeenCalled();
  const { recorder } = open(engine);
  await recorder.over();
  expect(recorder.failures[0]).toMatchObject({ kind: 'configuration', code: 'transcribe-not-installed' });
});

test('an SDK that never gets going fails the session in time', async () => {
  const run = open(createEngine({ loadSdk: () => new Promise(() => {}), options: { startTimeoutMs: 300 } }));
  run.session.write(new Uint8Array(3200), null);
  await run.recorder.over();
  expect(run.recorder.failures[0]).toMatchObject({ kind: 'backoff', code: 'transcribe-start-timeout' });
});

test('audio beyond the bound fails the session instead of growing', async () => {
  const run = open(createEngine({ loadSdk: () => new Promise(() => {}), options: { maxQueuedMs: 1000 } }));
  for (let i = 0; i < 20; i++) run.session.write(new Uint8Array(3200), null);
  await run.recorder.over();
  expect(run.recorder.names).toEqual(['failed']);
  expect(run.recorder.failures[0]).toMatchObject({ kind: 'reopen', code: 'transcribe-behind' });
});

test('the service’s own 15 seconds without audio reopen', async () => {
  standIn.limits = { ...standIn.limits, idleTimeoutMs: 300 };
  const run = open();
  await speak(run, {}, 3);
  await run.recorder.over();
  expect(run.recorder.failures[0]).toMatchObject({ kind: 'reopen', code: 'transcribe-no-audio' });
});

test('a session that is given no audio is over, and says why', async () => {
  const run = open(createEngine({ options: { requestTimeoutMs: 500 } }));
  await speak(run, {}, 3);
  await run.recorder.over();
  expect(run.recorder.failures[0]).toMatchObject({ kind: 'reopen', code: 'transcribe-no-audio' });
});

test('the longest session reopens', async () => {
  standIn.limits = { ...standIn.limits, maxSessionMs: 500 };
  const run = open();
  await speak(run);
  await run.recorder.over();
  expect(run.recorder.failures[0]).toMatchObject({ kind: 'reopen', code: 'transcribe-session-length' });
});

test('a used-up quota waits for capacity, starts too quick after one another for a moment', async () => {
  standIn.limits = { ...standIn.limits, maxStreams: 1 };
  const engine = createEngine();
  const first = open(engine);
  first.session.write(new Uint8Array(3200), null);
  await standIn.session(0);
  const second = open(engine);
  second.session.write(new Uint8Array(3200), null);
  await second.recorder.over();
  expect(second.recorder.failures[0]).toMatchObject({ kind: 'capacity', code: 'transcribe-quota' });
  standIn.limits = { ...standIn.limits, maxStreams: 25, maxStartsPerSecond: 0 };
  const third = open(engine);
  third.session.write(new Uint8Array(3200), null);
  await third.recorder.over();
  expect(third.recorder.failures[0]).toMatchObject({ kind: 'backoff', code: 'transcribe-start-rate' });
  first.session.abort();
});

test('abort closes the stream at the service at once', async () => {
  const run = open();
  await speak(run, {}, 10);
  const session = await standIn.session(0);
  run.session.abort();
  await session.closed;
  expect(session.endedByClient).toBe(false);
});

test('30 s in real time: every number once, in order, right to the sample', { timeout: 90_000 }, async () => {
  const run = open();
  await speak(run, { speed: 1 });
  run.session.end(10_000);
  await run.recorder.over();
  expect(run.recorder.names.at(-1)).toBe('ended');
  const words = run.recorder.results('final').flatMap((final) => final.words);
  expect(words.map(({ text, start, end }) => ({ text, start, end }))).toEqual(
    Array.from({ length: 300 }, (_, i) => ({ text: `n${i}`, start: i * blockSamples, end: (i + 1) * blockSamples })),
  );
  const session = await standIn.session(0);
  expect(session.numbers).toEqual(Array.from({ length: 300 }, (_, i) => i));
  expect(session.events).toBe(300);
  expect(session.headers['x-amzn-transcribe-partial-results-stability']).toBe('high');
  expect(session.language).toBe('en-US');
  expect(run.recorder.results('partial').some((each) => each.words.some(({ stable }) => stable))).toBe(true);
});
