/**
 * PocketSphinx, the engine that needs no credentials: modest, US English only, a demonstration and a test partner. Each
 * session is a child process, because decoding blocks and a library that crashes must not take the relay along.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Explained, messageOf } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import { bytesPerSample, sampleRate } from '../protocol.js';
import type { Engine, EngineFailure, EngineListener, EngineResult, EngineSession, SessionSettings } from './engine.ts';
import { type HostMessage, type HostSettings, hostMessage, type RecognisedWord } from './pocketsphinx-messages.ts';

export const pocketsphinxLimits = Object.freeze({
  /** The model loads in 0.6 s on a PC. */
  readyTimeoutMs: 60_000,
  /** Audio waits and none of it gets decoded for this long: the child hangs. */
  stallTimeoutMs: 10_000,
  /** Audio written and not yet decoded. */
  maxBacklogMs: 30_000,
  maxLineChars: 1024 * 1024,
  maxErrorChars: 2000,
});
export type PocketSphinxLimits = { readonly [K in keyof typeof pocketsphinxLimits]: number };

export interface PocketSphinxOptions {
  readonly log: Logger;
  /** The Node that runs the child. */
  readonly execPath: string;
  readonly libraryPath?: string | undefined;
  readonly modelDir?: string | undefined;
  readonly limits?: Partial<PocketSphinxLimits>;
  /** The child's program, for tests of what a bad one does. */
  readonly hostPath?: string;
}

/** Compiled, this file and the child's are both `.js`. */
const host = fileURLToPath(new URL(`./pocketsphinx-host${extname(import.meta.url)}`, import.meta.url));

export class PocketSphinxEngine implements Engine {
  readonly name = 'pocketsphinx';
  readonly paid = false;
  readonly promptPartials = false;
  readonly #options: PocketSphinxOptions;
  #sessions = 0;

  constructor(options: PocketSphinxOptions) {
    this.#options = options;
  }

  check({ language }: SessionSettings): Explained | null {
    if (/^en(-|$)/i.test(language)) return null;
    return {
      code: 'language-unsupported',
      message: `PocketSphinx knows English only, not ${language}`,
      hint: 'Give the room an English language, or another engine: transcribe or sherpa.',
    };
  }

  open(settings: SessionSettings, listener: EngineListener): EngineSession {
    const { log, execPath, libraryPath, modelDir, limits, hostPath } = this.#options;
    const session = new PocketSphinxSession({
      id: `pocketsphinx-${++this.#sessions}`,
      language: settings.language,
      listener,
      log,
      limits: { ...pocketsphinxLimits, ...limits },
    });
    const refusal = this.check(settings);
    if (refusal) session.refuse({ ...refusal, kind: 'configuration' });
    else
      session.start(execPath, hostPath ?? host, {
        libraryPath: libraryPath ?? 'libpocketsphinx.so.3',
        modelDir: modelDir ?? '/usr/share/pocketsphinx/model/en-us',
      });
    return session;
  }
}

interface SessionOptions {
  readonly id: string;
  readonly language: string;
  readonly listener: EngineListener;
  readonly log: Logger;
  readonly limits: PocketSphinxLimits;
}

function parseMessage(line: string): HostMessage | null {
  try {
    return hostMessage.parse(JSON.parse(line));
  } catch {
    return null;
  }
}

const samplesToMs = (samples: number) => (samples * 1000) / sampleRate;

class PocketSphinxSession implements EngineSession {
  readonly #options: SessionOptions;
  #child: ChildProcess | null = null;
  #over = false;
  #ending = false;
  #ready = false;
  #written = 0;
  #decoded = 0;
  /** When decoding last moved on, or had nothing to do. */
  #movedAt = performance.now();
  readonly #timers: NodeJS.Timeout[] = [];
  #errors = '';

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  refuse(failure: EngineFailure): void {
    setImmediate(() => this.#fail(failure));
  }

  start(execPath: string, hostPath: string, settings: HostSettings): void {
    // The child gets no environment: it needs none, and the relay's may hold credentials.
    const child = spawn(execPath, [hostPath, JSON.stringify(settings)], { env: {}, stdio: 'pipe' });
    this.#child = child;
    child.stdin.on('error', () => {}); // its end is told by `close`
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-this.#options.limits.maxErrorChars);
    });
    let line = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (line + text).split('\n');
      line = lines.pop() ?? '';
      for (const each of lines) this.#hear(each);
      if (line.length > this.#options.limits.maxLineChars) this.#broken('sent a line without an end');
    });
    child.on('error', (error) => this.#broken(`did not start: ${messageOf(error)}`));
    child.on('close', (status, signal) => this.#broken(`ended by itself (${signal ?? `status ${status}`})`));
    this.#movedAt = performance.now();
    this.#timers.push(setInterval(() => this.#watch(), Math.min(1000, this.#options.limits.stallTimeoutMs / 4)));
  }

  write(audio: Uint8Array): void {
    const stdin = this.#child?.stdin;
    if (this.#over || this.#ending || !stdin) return;
    // A copy, because what the pipe cannot take at once waits here while the caller may use its bytes again.
    stdin.write(Uint8Array.from(audio));
    this.#written += audio.length / bytesPerSample;
    const waitingMs = samplesToMs(this.#written - this.#decoded);
    if (waitingMs > this.#options.limits.maxBacklogMs)
      this.#fail({
        kind: 'backoff',
        code: 'pocketsphinx-too-slow',
        message: `This computer is too slow for PocketSphinx: ${Math.round(waitingMs / 1000)} s of audio wait`,
        hint: 'Caption fewer rooms here with PocketSphinx, or give this room the engine transcribe.',
      });
  }

  end(timeoutMs: number): void {
    if (this.#over || this.#ending) return;
    this.#ending = true;
    this.#child?.stdin?.end();
    this.#timers.push(setTimeout(() => this.#broken(`did not finish within ${timeoutMs} ms`), timeoutMs));
  }

  abort(): void {
    this.#close();
  }

  #hear(line: string): void {
    if (this.#over) return;
    const message = parseMessage(line);
    const { listener } = this.#options;
    switch (message?.type) {
      case 'ready':
        this.#ready = true;
        this.#movedAt = performance.now();
        listener.ready();
        break;
      case 'partial':
        listener.partial(this.#result(message.number, message.words));
        break;
      case 'final':
        listener.final(this.#result(message.number, message.words));
        break;
      case 'progress':
        this.#decoded = message.samples;
        this.#movedAt = performance.now();
        break;
      case 'ended':
        if (this.#ending) {
          this.#close();
          listener.ended();
        } else this.#broken('ended before its audio did');
        break;
      case 'error':
        this.#fail({
          kind: 'configuration',
          code: message.code,
          message: message.message,
          hint: message.hint,
        });
        break;
      default:
        this.#broken('sent what is no message');
    }
  }

  #result(number: number, words: readonly RecognisedWord[]): EngineResult {
    return {
      id: `${this.#options.id}-${number}`,
      text: words.map(({ text }) => text).join(' '),
      start: words[0]?.start ?? 0,
      end: words.at(-1)?.end ?? 0,
      words: words.map((word) => ({ ...word, kind: 'word', speaker: null, stable: false })),
      language: this.#options.language,
    };
  }

  #watch(): void {
    const { readyTimeoutMs, stallTimeoutMs } = this.#options.limits;
    const idleMs = performance.now() - this.#movedAt;
    // The child reports every half second of audio, so less than a second may wait for ever without a fault.
    if (this.#ready && this.#written - this.#decoded < sampleRate) this.#movedAt = performance.now();
    else if (idleMs > (this.#ready ? stallTimeoutMs : readyTimeoutMs)) this.#broken('hangs');
  }

  /** The child failed in a way no configuration explains. One that never was ready will hardly be the next time. */
  #broken(what: string): void {
    if (this.#over) return;
    this.#options.log.warn({ session: this.#options.id, what, stderr: this.#errors }, 'recogniser broken');
    this.#fail({
      kind: this.#ready ? 'reopen' : 'backoff',
      code: 'pocketsphinx-broken',
      message: `The PocketSphinx process ${what}`,
      hint: 'It is started again by itself; if this goes on, look at the memory and load of this computer.',
    });
  }

  #fail(failure: EngineFailure): void {
    if (this.#over) return;
    this.#close();
    this.#options.listener.failed(failure);
  }

  #close(): void {
    this.#over = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#child?.kill('SIGKILL');
  }
}
