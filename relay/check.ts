import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ConfigurationError, messageOf, SalaError } from '../systemd/errors.ts';
import type { Engine, EngineFailure, SessionSettings } from './engines/engine.ts';
import { bytesPerSample, sampleRate } from './protocol.js';

/** The first two lines of the bundled speech, and the second of silence behind them. */
const playedMs = 7600;
const playedLines = 2;
const chunkMs = 100;
const chunkBytes = (sampleRate * bytesPerSample * chunkMs) / 1000;

export const checkLimits = {
  /** From the opening to the last word: 7.6 s of speech, and what a slow computer needs to load a model and to say it. */
  maxSessionMs: 18_000,
  /** Of these, for the last words after the last sound. */
  endTimeoutMs: 10_000,
};

export interface Speech {
  /** s16le, mono, 16 kHz. */
  readonly audio: Uint8Array;
  readonly text: string;
}

export interface CheckParts {
  readonly engine: Engine;
  readonly settings: SessionSettings;
  /** AWS_REGION, where a paid engine has one and it is known. */
  readonly region: string | null;
  readonly speech: Speech;
  readonly print: (line: string) => void;
  readonly limits?: typeof checkLimits;
  /** How the audio is paced: tests need not wait. */
  readonly chunkEveryMs?: number;
}

/**
 * The part of the bundled speech that is played.
 * @throws {SalaError} `speech-missing`
 */
export function readSpeech(folder: URL): Speech {
  try {
    const wav = readFileSync(new URL('welcome.wav', folder));
    const begin = wav.indexOf('data', 12, 'latin1') + 8;
    const lines = readFileSync(new URL('welcome.txt', folder), 'utf8').split('\n');
    return {
      audio: wav.subarray(begin, begin + (playedMs / chunkMs) * chunkBytes),
      text: lines.slice(0, playedLines).join(' '),
    };
  } catch (error) {
    throw new SalaError(`The speech to check with cannot be read: ${messageOf(error)}`, {
      code: 'speech-missing',
      hint: 'Run --check from a whole release or checkout: it brings provisioning/speech along.',
    });
  }
}

/**
 * Plays a little speech into one session, and says in words whether captions would work.
 * @throws {ConfigurationError} where the settings alone show that they would not; {SalaError} where they do not, and why
 */
export class Check {
  readonly #parts: CheckParts;
  readonly #abort = new AbortController();

  constructor(parts: CheckParts) {
    this.#parts = parts;
  }

  stop(): void {
    this.#abort.abort();
  }

  async run(): Promise<void> {
    const { engine, settings, region, speech, print } = this.#parts;
    const where = engine.paid && region ? `, region ${region}` : '';
    const wrong = engine.check(settings);
    if (wrong) throw new ConfigurationError([wrong.message], wrong.hint);
    print(`Engine ${engine.name}, language ${settings.language}${where}. Playing ${playedMs / 1000} s of speech …`);
    if (engine.paid) print('A session that opens costs 15 billed seconds.');
    const outcome = await this.#play();
    const { failure, readyMs, firstWordsMs, endMs, said } = outcome;
    if (readyMs !== null) print(`Connected after ${seconds(readyMs)}.`);
    if (firstWordsMs !== null)
      print(`The first words came after ${seconds(firstWordsMs)}, the last after ${seconds(endMs)}.`);
    const hears = !engine.name.startsWith('script') && /^en\b/.test(settings.language);
    if (said) print(`Said:       ${speech.text}\nUnderstood: ${said}`);
    if (failure) throw await this.#wouldNot(failure);
    if (!hears) {
      print(
        engine.name.startsWith('script')
          ? 'Captions would work. A script says what its file says, whatever it hears.'
          : `The connection works. The speech is English and the language is ${settings.language}: how well that is understood cannot be told here.`,
      );
      return;
    }
    const [understood, all] = wordsUnderstood(speech.text, said);
    if (understood === 0)
      throw new SalaError('Captions would not work: the session ran well, and not one of the words was understood.', {
        code: 'check-no-words',
        hint: 'Check --engine and its model, and try again; if it stays so, report it.',
      });
    print(`Captions would work: ${understood} of ${all} words were understood.`);
  }

  async #wouldNot(failure: EngineFailure): Promise<SalaError> {
    const { message, hint, code } = { ...failure, ...(await this.#parts.engine.findCause?.(failure)) };
    return new SalaError(`Captions would not work: ${message}`, { code, hint, cause: failure.cause });
  }

  async #play() {
    const { engine, settings, speech, chunkEveryMs = chunkMs, limits = checkLimits } = this.#parts;
    const over = Promise.withResolvers<EngineFailure | null>();
    const openedMs = performance.now();
    const since = () => performance.now() - openedMs;
    let readyMs: number | null = null;
    let firstWordsMs: number | null = null;
    const finals: string[] = [];
    const session = engine.open(settings, {
      ready: () => {
        readyMs = since();
      },
      partial: ({ text }) => {
        if (text) firstWordsMs ??= since();
      },
      final: ({ text }) => {
        firstWordsMs ??= since();
        finals.push(text);
      },
      ended: () => over.resolve(null),
      failed: (failure) => over.resolve(failure),
    });
    const tooLong = setTimeout(() => over.resolve(noEnd(limits.maxSessionMs)), limits.maxSessionMs);
    this.#abort.signal.addEventListener('abort', () => over.resolve(stopped));
    const stream = randomUUID();
    let at = 0;
    const feeding = setInterval(() => {
      // As much as is due: a late timer makes up for it.
      for (const due = (since() / chunkEveryMs) * chunkBytes; at < due && at < speech.audio.length; at += chunkBytes)
        session.write(speech.audio.subarray(at, at + chunkBytes), { stream, position: at / bytesPerSample });
      if (at < speech.audio.length) return;
      clearInterval(feeding);
      session.end(limits.endTimeoutMs);
    }, chunkEveryMs);
    try {
      const failure = await over.promise;
      return { failure, readyMs, firstWordsMs, endMs: since(), said: finals.join(' ') };
    } finally {
      clearInterval(feeding);
      clearTimeout(tooLong);
      session.abort();
    }
  }
}

const stopped: EngineFailure = {
  code: 'check-stopped',
  kind: 'backoff',
  message: 'the check was stopped before its end.',
  hint: 'Run it again.',
};

const noEnd = (ms: number): EngineFailure => ({
  code: 'check-timeout',
  kind: 'backoff',
  message: `there was no end of it within ${ms / 1000} s.`,
  hint: 'Look for load on this computer and for a slow network, and run it again.',
});

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

const wordsOf = (text: string) => text.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? [];

/** How many of the words are in what was understood, in their order, and how many there are. */
export function wordsUnderstood(text: string, said: string): readonly [understood: number, all: number] {
  const expected = wordsOf(text);
  const heard = wordsOf(said);
  let row: number[] = new Array(heard.length + 1).fill(0);
  for (const word of expected) {
    const next = [0];
    for (const [j, other] of heard.entries())
      next.push(word === other ? (row[j] ?? 0) + 1 : Math.max(row[j + 1] ?? 0, next[j] ?? 0));
    row = next;
  }
  return [row.at(-1) ?? 0, expected.length];
}
