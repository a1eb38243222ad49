/**
 * A session of a recogniser that runs in a child process, one for each session: decoding blocks, and a library that
 * crashes takes along neither the relay nor another room.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Explained, messageOf } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import { bytesPerSample, sampleRate } from '../protocol.js';
import type { EngineFailure, EngineListener, EngineResult, EngineSession } from './engine.ts';
import { type HostMessage, type HostResult, hostMessage } from './recogniser-messages.ts';

export const recogniserLimits = Object.freeze({
  /** PocketSphinx loads its model in 0.6 s on a PC; a large model of another takes many times that on a Pi. */
  readyTimeoutMs: 60_000,
  /** Audio waits and none of it gets decoded for this long: the child hangs. */
  stallTimeoutMs: 10_000,
  /** Audio written and not yet decoded: so much is noted in the journal, */
  notedBacklogMs: 5000,
  /** and with so much the session is given up. */
  maxBacklogMs: 30_000,
  maxLineChars: 1024 * 1024,
  maxErrorChars: 2000,
});
export type RecogniserLimits = { readonly [K in keyof typeof recogniserLimits]: number };

/** The program of a child beside the file `from`: compiled, both are `.js`. */
export function hostBeside(from: string, name: string): string {
  return fileURLToPath(new URL(`./${name}${extname(from)}`, from));
}

/** How a child ended by itself: a signal or a status, and the last it wrote on standard error. */
export interface Death {
  readonly signal: NodeJS.Signals | null;
  readonly errors: string;
}

export interface RecogniserSessionOptions {
  readonly id: string;
  /** The library's name, for people. */
  readonly recogniser: string;
  /** The first part of every fault's code. */
  readonly code: string;
  readonly tooSlowHint: string;
  /** Why a child that ended before it was ready always will, where a person can mend that. */
  readonly diagnose?: (death: Death) => Explained | null;
  readonly language: string;
  readonly listener: EngineListener;
  readonly log: Logger;
  readonly limits: RecogniserLimits;
}

function parseMessage(line: string): HostMessage | null {
  try {
    return hostMessage.parse(JSON.parse(line));
  } catch {
    return null;
  }
}

const samplesToMs = (samples: number) => (samples * 1000) / sampleRate;

export class RecogniserSession implements EngineSession {
  readonly #options: RecogniserSessionOptions;
  #child: ChildProcess | null = null;
  #over = false;
  #ending = false;
  #ready = false;
  #written = 0;
  #decoded = 0;
  #behind = false;
  /** When decoding last moved on, or had nothing to do. */
  #movedAt = performance.now();
  readonly #timers: NodeJS.Timeout[] = [];
  #errors = '';

  constructor(options: RecogniserSessionOptions) {
    this.#options = options;
  }

  /** In place of `start`: these settings cannot work. */
  refuse(why: Explained): void {
    setImmediate(() => this.#fail({ ...why, kind: 'configuration' }));
  }

  /** @param settings for the child, as its one argument */
  start(execPath: string, hostPath: string, settings: object): void {
    // The child gets no environment: it needs none, and the relay's may hold credentials.
    const child = spawn(execPath, [hostPath, JSON.stringify(settings)], { env: {}, stdio: 'pipe' });
    this.#child = child;
    child.on('error', (error) => this.#broken(`did not start: ${messageOf(error)}`));
    if (child.stdin === undefined) return; // there are no file handles left: the error says so
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
    child.on('close', (status, signal) => this.#died(status, signal));
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
    this.#note(waitingMs);
    if (waitingMs > this.#options.limits.maxBacklogMs)
      this.#fail({
        kind: 'backoff',
        code: `${this.#options.code}-too-slow`,
        message: `This computer is too slow for ${this.#options.recogniser}: ${Math.round(waitingMs / 1000)} s of audio wait`,
        hint: this.#options.tooSlowHint,
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
        listener.partial(this.#result(message));
        break;
      case 'final':
        listener.final(this.#result(message));
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
        if (this.#ready) this.#broken(`failed: ${message.message}`);
        else
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

  #result({ number, text, start, end, words }: HostResult): EngineResult {
    return {
      id: `${this.#options.id}-${number}`,
      text,
      start,
      end,
      words: words.map((word) => ({ ...word, kind: 'word', speaker: null, stable: false })),
      language: this.#options.language,
    };
  }

  /** Tells of falling behind, and of catching up, once each. */
  #note(waitingMs: number): void {
    const { id, log, limits } = this.#options;
    if (this.#behind ? waitingMs >= limits.notedBacklogMs / 2 : waitingMs < limits.notedBacklogMs) return;
    this.#behind = !this.#behind;
    const event = this.#behind ? 'recogniser-behind' : 'recogniser-caught-up';
    log.warn(
      { event, session: id, waitingMs: Math.round(waitingMs) },
      'Audio waits for the recogniser, or does no more',
    );
  }

  #watch(): void {
    const { readyTimeoutMs, stallTimeoutMs } = this.#options.limits;
    const idleMs = performance.now() - this.#movedAt;
    // The child reports every half second of audio, so less than a second may wait for ever without a fault.
    if (this.#ready && this.#written - this.#decoded < sampleRate) this.#movedAt = performance.now();
    else if (idleMs > (this.#ready ? stallTimeoutMs : readyTimeoutMs)) this.#broken('hangs');
  }

  #died(status: number | null, signal: NodeJS.Signals | null): void {
    const why = this.#ready ? null : this.#options.diagnose?.({ signal, errors: this.#errors });
    if (why) this.#fail({ ...why, kind: 'configuration' });
    else this.#broken(`ended by itself (${signal ?? `status ${status}`})`);
  }

  /** The child failed in a way no configuration explains. One that never was ready will hardly be the next time. */
  #broken(what: string): void {
    if (this.#over) return;
    this.#options.log.warn({ session: this.#options.id, what, stderr: this.#errors }, 'recogniser broken');
    this.#fail({
      kind: this.#ready ? 'reopen' : 'backoff',
      code: `${this.#options.code}-broken`,
      message: `The ${this.#options.recogniser} process ${what}`,
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
    // One that did not start has no number, and Node would kill the relay's whole group for it.
    if (this.#child?.pid !== undefined) this.#child.kill('SIGKILL');
  }
}
