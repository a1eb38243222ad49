/**
 * sherpa-onnx-node as a small object. Every call blocks, and a model that the library cannot make sense of ends the
 * process (exit, abort or a segmentation fault), so this belongs in a process of its own.
 */
import { createRequire } from 'node:module';
import { z } from 'zod';
import { codeOf, messageOf, SalaError } from '../../systemd/errors.ts';
import { type ModelFiles, readModel } from './sherpa-files.ts';
import type { NativeResult } from './sherpa-words.ts';

/** What the child is told at its start, as its one argument. */
export const settings = z.object({ folder: z.string(), threads: z.int().positive() });
export type Settings = z.output<typeof settings>;

const sampleRate = 16000;
/** The longest look-ahead of a published model is 1.1 s: so much silence brings out what it holds back. */
const tailSamples = 2 * sampleRate;

/** What of the library is used here. */
interface NativeStream {
  acceptWaveform(audio: { samples: Float32Array; sampleRate: number }): void;
}
interface NativeRecogniser {
  createStream(): NativeStream;
  isReady(stream: NativeStream): boolean;
  decode(stream: NativeStream): void;
  isEndpoint(stream: NativeStream): boolean;
  reset(stream: NativeStream): void;
  getResult(stream: NativeStream): NativeResult;
}
interface Library {
  readonly OnlineRecognizer: new (configuration: object) => NativeRecogniser;
}

export interface Recogniser {
  /** It knows no small letters: its capitals say nothing. */
  readonly capitalsOnly: boolean;
  /** Decodes mono audio at 16 kHz, -1 to 1; whether enough had gathered for the result to change. */
  accept(samples: Float32Array): boolean;
  /** Decodes what was held back, after the last audio. */
  finish(): void;
  /** What was recognised since the last reset. Its tokens are added to, never changed. */
  result(): NativeResult;
  /** Whether a pause that ends an utterance has just been decoded. */
  isEndpoint(): boolean;
  /** Starts a new utterance. */
  reset(): void;
}

/** @throws {SalaError} `sherpa-not-installed` or `sherpa-platform` */
function loadLibrary(): Library {
  const require = createRequire(import.meta.url);
  try {
    return require('sherpa-onnx-node');
  } catch (cause) {
    if (codeOf(cause) === 'MODULE_NOT_FOUND' && messageOf(cause).includes("'sherpa-onnx-node'"))
      throw new SalaError('sherpa needs the npm package sherpa-onnx-node, which is not installed', {
        code: 'sherpa-not-installed',
        hint: 'Install it with the optional packages: npm install --include=optional',
        cause,
      });
    // The package tries several places and keeps the reason of each to itself.
    const binary = `sherpa-onnx-${process.platform}-${process.arch}`;
    let reason = messageOf(cause);
    try {
      require(`${binary}/sherpa-onnx.node`);
    } catch (error) {
      reason = codeOf(error) === 'MODULE_NOT_FOUND' ? `there is no package ${binary}` : messageOf(error);
    }
    throw new SalaError(`sherpa-onnx does not load on this computer: ${reason.split('\n')[0]}`, {
      code: 'sherpa-platform',
      hint: 'It is built for Linux with glibc and for macOS, on x64 and arm64. There, install again on the computer itself (npm install --include=optional); elsewhere use another engine.',
      cause,
    });
  }
}

/** Greedy search, which says a token or none and never takes one back; nothing makes it say more than it would. */
function configuration({ kind, paths, tokens }: ModelFiles, threads: number): object {
  return {
    featConfig: { sampleRate, featureDim: 80 },
    modelConfig: { [kind]: paths, tokens, numThreads: threads, provider: 'cpu', debug: 0 },
    decodingMethod: 'greedy_search',
    blankPenalty: 0,
    enableEndpoint: true,
    /** Seconds of silence without a word, and after one. */
    rule1MinTrailingSilence: 2.4,
    rule2MinTrailingSilence: 0.8,
    /** Never for length alone: that would split words. */
    rule3MinUtteranceLength: 1e6,
  };
}

/**
 * Loads the library and the model, and decodes some silence with it, so that what cannot work shows before any audio.
 * @throws {SalaError} `sherpa-…`, of the library and of sherpa-files.ts
 */
export function openRecogniser({ folder, threads }: Settings): Recogniser {
  const files = readModel(folder);
  const { OnlineRecognizer } = loadLibrary();
  const recogniser = new OnlineRecognizer(configuration(files, threads));
  const decode = (stream: NativeStream, samples: Float32Array) => {
    stream.acceptWaveform({ samples, sampleRate });
    let decoded = false;
    for (; recogniser.isReady(stream); decoded = true) recogniser.decode(stream);
    return decoded;
  };
  const trial = recogniser.createStream();
  decode(trial, new Float32Array(tailSamples));
  recogniser.getResult(trial);

  const stream = recogniser.createStream();
  return {
    capitalsOnly: files.capitalsOnly,
    accept: (samples) => decode(stream, samples),
    finish: () => void decode(stream, new Float32Array(tailSamples)),
    result: () => recogniser.getResult(stream),
    isEndpoint: () => recogniser.isEndpoint(stream),
    reset: () => recogniser.reset(stream),
  };
}
