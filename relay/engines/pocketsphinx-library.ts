/**
 * Debian's PocketSphinx (libpocketsphinx.so.3, "5prealpha") as a small object. Every call blocks, the last pass of an
 * utterance for some 200 ms, so this belongs in a process of its own.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, SalaError } from '../../systemd/errors.ts';

/** The decoder's frame: 10 ms. */
const frameSamples = 160;
const install = 'Install it: sudo apt install libpocketsphinx3 pocketsphinx-en-us';

/** What the child is told at its start, as its one argument. */
export const settings = z.object({ libraryPath: z.string(), modelDir: z.string() });
export type Settings = z.output<typeof settings>;

export interface Segment {
  /** A dictionary word, a variant of one (`good(2)`) or a marker (`<sil>`, `[NOISE]`). */
  readonly text: string;
  /** Samples since the recogniser was opened. */
  readonly start: number;
  readonly end: number;
  readonly confidence: number;
}

export interface Recogniser {
  startUtterance(): void;
  /** Decodes whole samples of mono s16le at 16 kHz. */
  process(audio: Buffer): void;
  /** Whether the voice detector heard speech at the end of what was processed. */
  inSpeech(): boolean;
  endUtterance(): void;
  /** The best reading so far of the utterance that is open, or of the last one. Posteriors only count in the latter. */
  segments(): Segment[];
}

async function loadKoffi() {
  try {
    return (await import('koffi')).default;
  } catch (cause) {
    throw new SalaError(`PocketSphinx needs the npm package koffi, which does not load: ${messageOf(cause)}`, {
      code: 'pocketsphinx-koffi',
      hint: 'Install it with the optional packages: npm install --include=optional',
      cause,
    });
  }
}

/** The library, once it is known to be the version whose calls are made here.
 * @throws {SalaError} `pocketsphinx-koffi`, `pocketsphinx-library` or `pocketsphinx-version` */
async function loadLibrary(libraryPath: string) {
  const koffi = await loadKoffi();
  const open = (path: string) => {
    try {
      return koffi.load(path);
    } catch (error) {
      return messageOf(error);
    }
  };
  const version5 = (cause?: unknown) =>
    new SalaError('The PocketSphinx library found is version 5; this engine speaks to 0.8+5prealpha', {
      code: 'pocketsphinx-version',
      hint: 'Use Debian 12 or 13, which carry libpocketsphinx3, or another engine: transcribe or sherpa.',
      cause,
    });
  const library = open(libraryPath);
  if (typeof library === 'string') {
    if (!libraryPath.includes('/') && typeof open('libpocketsphinx.so.5') !== 'string') throw version5();
    throw new SalaError(`The PocketSphinx library ${libraryPath} does not load: ${library}`, {
      code: 'pocketsphinx-library',
      hint: install,
    });
  }
  try {
    library.func('ps_args', 'void *', []);
  } catch (cause) {
    throw version5(cause);
  }
  return library;
}

function modelArguments(modelDir: string): string[] {
  const files = {
    '-hmm': join(modelDir, 'en-us'),
    '-lm': join(modelDir, 'en-us.lm.bin'),
    '-dict': join(modelDir, 'cmudict-en-us.dict'),
  };
  const missing = Object.values(files).find((path) => !existsSync(path));
  if (missing)
    throw new SalaError(`The PocketSphinx model is incomplete: ${missing} is not there`, {
      code: 'pocketsphinx-model',
      hint: install,
    });
  return Object.entries(files).flat();
}

/** Opens the library and the US English model (0.6 s on a PC).
 * @throws {SalaError} `pocketsphinx-koffi`, `-library`, `-version`, `-model` or `-start` */
export async function openRecogniser({ libraryPath, modelDir }: Settings): Promise<Recogniser> {
  const library = await loadLibrary(libraryPath);
  const argv = [...modelArguments(modelDir), '-logfn', '/dev/null'];

  const args = library.func('void *ps_args()');
  const parse = library.func('void *cmd_ln_parse_r(void *, void *, int32_t, const char **, int32_t)');
  const init = library.func('void *ps_init(void *)');
  const startStream = library.func('int ps_start_stream(void *)');
  const startUtterance = library.func('int ps_start_utt(void *)');
  const endUtterance = library.func('int ps_end_utt(void *)');
  const processRaw = library.func('int ps_process_raw(void *, const void *, size_t, int, int)');
  const inSpeech = library.func('uint8_t ps_get_in_speech(void *)');
  const logmath = library.func('void *ps_get_logmath(void *)');
  const exponential = library.func('double logmath_exp(void *, int)');
  const iterate = library.func('void *ps_seg_iter(void *)');
  const next = library.func('void *ps_seg_next(void *)');
  const word = library.func('const char *ps_seg_word(void *)');
  const frames = library.func('void ps_seg_frames(void *, void *, void *)');
  const posterior = library.func('int32_t ps_seg_prob(void *, void *, void *, void *)');

  const configuration: unknown = parse(null, args(), argv.length, argv, 1);
  const decoder: unknown = configuration && init(configuration);
  if (!decoder)
    throw new SalaError('PocketSphinx does not start with this model', { code: 'pocketsphinx-start', hint: install });
  startStream(decoder);

  const from = new Int32Array(1);
  const to = new Int32Array(1);
  return {
    startUtterance: () => startUtterance(decoder),
    process: (audio) => processRaw(decoder, audio, audio.length / 2, 0, 0),
    inSpeech: () => inSpeech(decoder) !== 0,
    endUtterance: () => endUtterance(decoder),
    segments() {
      const found: Segment[] = [];
      for (let segment: unknown = iterate(decoder); segment; segment = next(segment)) {
        frames(segment, from, to);
        const probability: unknown = exponential(logmath(decoder), posterior(segment, null, null, null));
        found.push({
          text: String(word(segment)),
          start: (from[0] ?? 0) * frameSamples,
          end: ((to[0] ?? 0) + 1) * frameSamples,
          confidence: Math.min(1, Math.max(0, Number(probability))),
        });
      }
      return found;
    },
  };
}
