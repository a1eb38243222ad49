import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import type { Engine } from '../../relay/engines/engine.ts';
import { PocketSphinxEngine } from '../../relay/engines/pocketsphinx.ts';
import { ScriptEngine } from '../../relay/engines/script.ts';
import { SherpaEngine } from '../../relay/engines/sherpa.ts';
import { TranscribeEngine } from '../../relay/engines/transcribe.ts';
import { createLog } from '../../systemd/log.ts';
import { TranscribeStandIn } from '../stand-ins/transcribe.ts';
import { standInEnvironment } from '../stand-ins/transcribe-environment.ts';
import { EngineRecorder, play } from './engine-recorder.ts';
import { blockSamples, numberedBlocks } from './numbered-signal.ts';
import { toneSpeech, writeToneModel } from './tone-model.ts';
import { welcome } from './welcome.ts';

/** An engine and one utterance it is known to understand. */
export interface Prepared {
  readonly engine: Engine;
  readonly language: string;
  /** A language it lacks; null where it takes any. */
  readonly refusedLanguage: string | null;
  readonly audio: Int16Array;
  /** Its words, with where they lie in the audio, in samples. */
  readonly expected: readonly { readonly text: string; readonly start: number; readonly end: number }[];
  readonly toleranceSamples: number;
  /** How fast it takes audio, times real time. */
  readonly speed: number;
  readonly endTimeoutMs: number;
  /** How often the test of handles opens and closes a session. */
  readonly cycles: number;
  stop(): Promise<void>;
}

export interface Candidate {
  readonly name: string;
  /** true, or why it cannot be tested on this machine. */
  available(): true | string;
  prepare(): Promise<Prepared>;
}

const log = createLog('silent');

const transcribe: Candidate = {
  name: 'transcribe',
  available: () => true,
  async prepare() {
    const standIn = new TranscribeStandIn({ limits: { maxStartsPerSecond: 1000 } });
    const { url } = await standIn.start();
    for (const [name, value] of Object.entries(standInEnvironment(url))) vi.stubEnv(name, value);
    const first = 100;
    const count = 25;
    return {
      engine: new TranscribeEngine({ log: log('transcribe') }),
      language: 'it-IT',
      refusedLanguage: 'it-XX',
      audio: numberedBlocks(first, count),
      expected: Array.from({ length: count }, (_, i) => ({
        text: `n${first + i}`,
        start: i * blockSamples,
        end: (i + 1) * blockSamples,
      })),
      toleranceSamples: 0,
      speed: 10,
      endTimeoutMs: 10_000,
      cycles: 50,
      async stop() {
        vi.unstubAllEnvs();
        await standIn.stop();
      },
    };
  },
};

const script: Candidate = {
  name: 'script',
  available: () => true,
  async prepare() {
    const folder = await mkdtemp(join(tmpdir(), 'sala-script-'));
    const path = join(folder, 'hello.txt');
    await writeFile(path, '# a greeting\n0.2 1.2 good morning everyone welcome\n1.5 2.5 let us begin\n');
    const line = (start: number, end: number, words: string[]) =>
      words.map((text, i) => ({
        text,
        start: Math.round(16000 * start) + Math.round((16000 * (end - start) * i) / words.length),
        end: Math.round(16000 * start) + Math.round((16000 * (end - start) * (i + 1)) / words.length),
      }));
    return {
      engine: new ScriptEngine({ name: 'hello', path }),
      language: 'nap',
      refusedLanguage: null,
      audio: new Int16Array(2.5 * 16000),
      expected: [
        ...line(0.2, 1.2, ['good', 'morning', 'everyone', 'welcome']),
        ...line(1.5, 2.5, ['let', 'us', 'begin']),
      ],
      toleranceSamples: 1,
      speed: 50,
      endTimeoutMs: 1000,
      cycles: 50,
      stop: () => rm(folder, { recursive: true }),
    };
  },
};

const libraryFolders = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib'];
const modelFolder = '/usr/share/pocketsphinx/model/en-us';

const pocketsphinx: Candidate = {
  name: 'pocketsphinx',
  available() {
    if (!libraryFolders.some((folder) => existsSync(join(folder, 'libpocketsphinx.so.3'))))
      return 'libpocketsphinx.so.3 is not installed (Debian: libpocketsphinx3)';
    return existsSync(modelFolder) || 'its model is not installed (Debian: pocketsphinx-en-us)';
  },
  async prepare() {
    const seconds = 3.6;
    const bytes = welcome.audio().subarray(0, seconds * 32_000);
    return {
      engine: new PocketSphinxEngine({ log: log('pocketsphinx'), execPath: process.execPath }),
      language: 'en-US',
      refusedLanguage: 'it-IT',
      audio: new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)),
      // The engine's own times of the first sentence: the suite holds it to them, whatever the pieces it is written in.
      expected: [
        { text: 'good', start: 16_000, end: 19_700 },
        { text: 'morning', start: 19_700, end: 26_700 },
        { text: 'and', start: 29_400, end: 32_600 },
        { text: 'welcome', start: 32_600, end: 39_000 },
        { text: 'to', start: 39_000, end: 40_800 },
        { text: 'the', start: 40_800, end: 42_700 },
        { text: 'conference', start: 42_700, end: 57_000 },
      ],
      toleranceSamples: 1600,
      speed: 8,
      endTimeoutMs: 60_000,
      cycles: 4,
      stop: async () => {},
    };
  },
};

const sherpaPackage = join(import.meta.dirname, '../../node_modules/sherpa-onnx-node');
const withoutSherpa = 'the npm package sherpa-onnx-node is not installed';
const sherpaEngine = (modelDir: string, languages?: readonly string[]) =>
  new SherpaEngine({ log: log('sherpa'), execPath: process.execPath, modelDir, languages, threads: 1 });

const sherpa: Candidate = {
  name: 'sherpa',
  available: () => existsSync(sherpaPackage) || withoutSherpa,
  async prepare() {
    const folder = await mkdtemp(join(tmpdir(), 'sala-sherpa-'));
    const modelDir = join(folder, 'streaming-tones-en');
    writeToneModel(modelDir);
    const { audio, words } = toneSpeech(['good', 'morning', 'everyone', 'welcome']);
    return {
      engine: sherpaEngine(modelDir),
      language: 'en-GB',
      refusedLanguage: 'it-IT',
      audio,
      expected: words,
      // A piece begins in the 40 ms that it is said to; where it ends is reckoned.
      toleranceSamples: 1600,
      speed: 8,
      endTimeoutMs: 60_000,
      cycles: 4,
      stop: () => rm(folder, { recursive: true }),
    };
  },
};

/** Real speech and a real model, which takes up too much to be bundled. */
const realModel = process.env.SALA_TEST_SHERPA_MODEL;
const sherpaSpeech: Candidate = {
  name: 'sherpa with a model of speech',
  available() {
    if (!existsSync(sherpaPackage)) return withoutSherpa;
    return realModel !== undefined || 'SALA_TEST_SHERPA_MODEL names no folder of an English streaming model';
  },
  async prepare() {
    const engine = sherpaEngine(realModel ?? '', ['en']);
    const language = 'en-US';
    const bytes = welcome.audio().subarray(0, 3.6 * 32_000);
    const audio = new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    // The model's own words and times: the suite holds it to them, whatever the pieces they are written in.
    const recorder = new EngineRecorder();
    const session = engine.open({ room: 'a-room', language }, recorder);
    await play(session, audio);
    session.end(60_000);
    await recorder.over();
    const expected = recorder.results('final').flatMap(({ words }) => words);
    if (!expected.some(({ text }) => /^welcome$/i.test(text)))
      throw new Error(`the model does not understand the bundled speech: ${JSON.stringify(recorder.calls)}`);
    return {
      engine,
      language,
      refusedLanguage: 'it-IT',
      audio,
      expected,
      toleranceSamples: 1600,
      speed: 1,
      endTimeoutMs: 60_000,
      cycles: 4,
      stop: async () => {},
    };
  },
};

/** Every engine that the conformance suite holds to the port; a new one is a new row. */
export const candidates: readonly Candidate[] = [transcribe, script, pocketsphinx, sherpa, sherpaSpeech];
