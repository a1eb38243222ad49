import type { TranscriptEvent } from '@aws-sdk/client-transcribe-streaming';
import { bytesPerSample, sampleRate } from '../protocol.js';
import { AudioQueue } from './audio-queue.ts';
import type { EngineFailure, EngineListener, EngineSession } from './engine.ts';
import { brokenStream, classifyFailure, type FailureContext } from './transcribe-failures.ts';
import type { TranscribeRequest } from './transcribe-request.ts';
import { ResultReader } from './transcribe-results.ts';
import type { ConnectionNotes, TranscribeClient } from './transcribe-sdk.ts';

export interface SessionLimits {
  /** Audio that waits for the SDK; beyond it the session fails. */
  readonly maxQueuedMs: number;
  /** So long after the first audio was pulled, without an exception, a connected session counts as ready. */
  readonly readyAfterMs: number;
  /** Audio that waits this long and is not pulled means a stalled wire. */
  readonly stallTimeoutMs: number;
  /** From the opening until the connection stands and audio is pulled: loading, credentials, DNS, TLS. */
  readonly startTimeoutMs: number;
  /** The HTTP/2 stream may be this long without traffic. */
  readonly requestTimeoutMs: number;
}

const watchIntervalMs = 250;
const bytesPerMs = (sampleRate * bytesPerSample) / 1000;

/** A partial may hold what only the final leaves out. */
const unredacted: EngineFailure = {
  code: 'transcribe-unredacted',
  kind: 'reopen',
  message: 'Amazon Transcribe ended without the redacted form of its last words.',
  hint: 'Sala asks for them again.',
};

export interface SessionParts {
  readonly settings: TranscribeRequest;
  readonly language: string;
  readonly listener: EngineListener;
  readonly limits: SessionLimits;
  readonly client: () => Promise<TranscribeClient>;
  /** Told before the listener, which is told what it returns: the engine can forget a client whose credentials were refused. */
  readonly onFailure: (failure: EngineFailure, notes: ConnectionNotes) => EngineFailure;
  /** The session has ended, in whatever way. */
  readonly onOver: () => void;
  /** Monotonic, ms. */
  readonly now: () => number;
}

/**
 * One attempt at a stream, with its own connection, queue and abort. The SDK ends a dead stream without an error,
 * swallows audio after a failure and reads ahead into a stalled peer, so everything is judged here: the end counts as
 * one only if it was asked for and came whole.
 */
export class TranscribeSession implements EngineSession {
  readonly #parts: SessionParts;
  readonly #queue: AudioQueue;
  readonly #reader: ResultReader;
  readonly #abort = new AbortController();
  readonly #notes: ConnectionNotes = {
    connected: false,
    target: null,
    socketError: null,
    endedCleanly: false,
  };
  readonly #openedMs: number;
  #watch: NodeJS.Timeout | undefined;
  #endTimer: NodeJS.Timeout | undefined;
  #firstPullMs: number | null = null;
  #lastWriteMs: number;
  #stalledTicks = 0;
  #ready = false;
  #ending = false;
  #over = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#queue = new AudioQueue(parts.now);
    this.#reader = new ResultReader(parts.language);
    this.#openedMs = parts.now();
    this.#lastWriteMs = this.#openedMs;
  }

  start(): void {
    this.#watch = setInterval(() => this.#check(), watchIntervalMs);
    this.#run().catch((error: unknown) => this.#fail(classifyFailure(error, this.#context())));
  }

  write(audio: Uint8Array): void {
    if (this.#over || this.#ending) return;
    this.#lastWriteMs = this.#parts.now();
    this.#queue.push(audio);
    if (this.#queue.queuedBytes > this.#parts.limits.maxQueuedMs * bytesPerMs)
      this.#failSoon({
        code: 'transcribe-behind',
        kind: 'reopen',
        message: `More than ${this.#parts.limits.maxQueuedMs / 1000} s of audio wait for Amazon Transcribe.`,
        hint: 'Check the relay’s network and load. Sala opens a new session.',
      });
  }

  end(timeoutMs: number): void {
    if (this.#over || this.#ending) return;
    this.#ending = true;
    this.#queue.close();
    this.#endTimer = setTimeout(() => {
      this.#fail({
        code: 'transcribe-end-timeout',
        kind: 'reopen',
        message: `Amazon Transcribe did not give its last words within ${timeoutMs} ms.`,
        hint: 'Sala opens a new session.',
      });
    }, timeoutMs);
  }

  abort(): void {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#watch);
    clearTimeout(this.#endTimer);
    this.#queue.clear();
    this.#abort.abort();
    this.#parts.onOver();
  }

  async #run(): Promise<void> {
    const client = await this.#parts.client();
    if (this.#over) return;
    const events = await client.stream({
      settings: this.#parts.settings,
      audio: this.#queue,
      signal: this.#abort.signal,
      notes: this.#notes,
    });
    // Never broken off: only abort closes the stream, and then the loop ends by itself.
    for await (const event of events) this.#take(event);
    this.#closed();
  }

  #take(event: TranscriptEvent): void {
    if (this.#over) return;
    this.#becomeReady();
    for (const given of event.Transcript?.Results ?? []) {
      const reading = this.#reader.read(given);
      // A listener may abort in any of its calls.
      if (!reading || this.#over) continue;
      if (reading.final) this.#parts.listener.final(reading.result);
      else this.#parts.listener.partial(reading.result);
    }
  }

  /** The loop is over and said nothing, as it does for every end, wanted or not. */
  #closed(): void {
    if (this.#over) return;
    if (!this.#ending || !this.#notes.endedCleanly) {
      this.#fail(this.#lost());
      return;
    }
    this.#becomeReady();
    const unfinished = this.#reader.unfinished();
    if (unfinished.length > 0 && this.#parts.settings.ContentRedactionType) {
      this.#fail(unredacted);
      return;
    }
    // What the service left open at a whole end is its last word on it.
    for (const result of unfinished) if (!this.#over) this.#parts.listener.final(result);
    if (this.#over) return;
    this.abort();
    this.#parts.listener.ended();
  }

  #lost(): EngineFailure {
    const { limits, now } = this.#parts;
    if (!this.#ending && now() - this.#lastWriteMs >= limits.requestTimeoutMs)
      return {
        code: 'transcribe-no-audio',
        kind: 'reopen',
        message: `The session had no audio for ${limits.requestTimeoutMs / 1000} s.`,
        hint: 'Sala opens a new session when there is audio.',
      };
    return brokenStream(this.#context());
  }

  #check(): void {
    const { limits, now } = this.#parts;
    const queue = this.#queue;
    if (queue.pulled > 0) this.#firstPullMs ??= now();
    if (this.#firstPullMs !== null && this.#notes.connected && now() - this.#firstPullMs >= limits.readyAfterMs)
      this.#becomeReady();
    if (this.#over) return;
    if (!this.#notes.connected || queue.pulled === 0) {
      if (now() - this.#openedMs >= limits.startTimeoutMs && (queue.pulled > 0 || queue.stalledMs > 0))
        this.#fail({
          code: 'transcribe-start-timeout',
          kind: 'backoff',
          ...(this.#notes.target
            ? {
                message: `Amazon Transcribe could not be reached within ${limits.startTimeoutMs / 1000} s.`,
                hint: 'Check the relay’s network. Sala tries again.',
              }
            : {
                message: `There were no AWS credentials within ${limits.startTimeoutMs / 1000} s: whatever gives them does not answer.`,
                hint: 'Check the relay’s network and, on EC2, its instance profile; or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Sala tries again.',
              }),
          cause: this.#notes.socketError ?? undefined,
        });
      return;
    }
    // Seen twice: after a pause of this whole process the SDK gets its turn before it is judged.
    this.#stalledTicks = queue.stalledMs > limits.stallTimeoutMs ? this.#stalledTicks + 1 : 0;
    if (this.#stalledTicks >= 2)
      this.#fail({
        code: 'transcribe-stalled',
        kind: 'reopen',
        message: 'Amazon Transcribe takes no more audio.',
        hint: 'Sala opens a new session; if this goes on, check the relay’s network.',
      });
  }

  #becomeReady(): void {
    if (this.#ready || this.#over) return;
    this.#ready = true;
    this.#parts.listener.ready();
  }

  #context(): FailureContext {
    return {
      socketError: this.#notes.socketError,
      ready: this.#ready,
      ageMs: this.#parts.now() - this.#openedMs,
    };
  }

  /** Not within the caller's `write`. */
  #failSoon(failure: EngineFailure): void {
    this.#queue.clear();
    queueMicrotask(() => this.#fail(failure));
  }

  #fail(failure: EngineFailure): void {
    if (this.#over) return;
    this.abort();
    this.#parts.listener.failed(this.#parts.onFailure(failure, this.#notes));
  }
}
