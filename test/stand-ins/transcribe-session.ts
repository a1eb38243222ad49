import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { performance } from 'node:perf_hooks';
import { type Asked, askedIn } from './transcribe-asked.ts';
import type { Fault, When } from './transcribe-faults.ts';
import { codec, eventFrame, exceptionFrame, FrameReader } from './transcribe-frames.ts';
import type { HeardWord, Hearing } from './transcribe-hearing.ts';
import type { Segmenter, ServiceResult } from './transcribe-segments.ts';
import type { SignatureChain } from './transcribe-signature.ts';

export interface SessionLimits {
  /** Without audio for this long: BadRequestException. */
  readonly idleTimeoutMs: number;
  /** One event holds at most this much audio. */
  readonly maxEventMs: number;
  readonly maxSessionMs: number;
}

export interface SessionParts {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly chain: SignatureChain;
  readonly hearing: Hearing;
  readonly segmenter: Segmenter;
  readonly limits: SessionLimits;
  readonly fault: Fault | null;
  /** That the request was signed for. */
  readonly region: string;
}

const bytesPerMs = 32;

/** One stream at the stand-in, and all that a test may want to know of it afterwards. */
export class StandInSession {
  /** Empty where it is to be identified. */
  readonly language: string;
  readonly asked: Asked;
  readonly region: string;
  readonly sessionId: string;
  readonly headers: IncomingHttpHeaders;
  /** All words heard, said or not: what came in at the engine's input. */
  readonly words: HeardWord[] = [];
  bytes = 0;
  events = 0;
  badSignatures = 0;
  /** The most audio that had come ahead of the stream's own clock. */
  maxAheadMs = 0;
  /** The exception this stream was ended with. */
  exception: string | null = null;
  /** The client's end frame came. */
  endedByClient = false;
  over = false;
  /** Monotonic, ms. */
  readonly startedAt = performance.now();
  endedAt: number | null = null;
  readonly closed: Promise<void>;
  /** When its fault struck, monotonic ms. */
  readonly struck: Promise<number>;

  readonly #parts: SessionParts;
  readonly #reader = new FrameReader();
  readonly #timers = new Set<NodeJS.Timeout>();
  #idle: NodeJS.Timeout | undefined;
  #fault: Fault | null;
  #said = 0;
  #silent = false;
  #endsWell = false;
  #delayMs = 0;
  readonly #tellStruck: (atMs: number) => void;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#fault = parts.fault;
    this.headers = parts.headers;
    this.asked = askedIn(parts.headers);
    this.region = parts.region;
    this.language = String(parts.headers['x-amzn-transcribe-language-code'] ?? '');
    this.sessionId = String(parts.headers['x-amzn-transcribe-session-id'] ?? '');
    this.closed = new Promise((resolve) => parts.stream.once('close', resolve));
    const struck = Promise.withResolvers<number>();
    this.struck = struck.promise;
    this.#tellStruck = struck.resolve;
  }

  /** The numbers of the numbered signal among the words, in the order heard. */
  get numbers(): number[] {
    return this.words.flatMap(({ text }) => (/^n\d+$/.test(text) ? [Number(text.slice(1))] : []));
  }

  /** The figures as JSON. */
  report() {
    const { language, sessionId, numbers, bytes, events, badSignatures, maxAheadMs, exception, endedByClient, over } =
      this;
    return { language, sessionId, numbers, bytes, events, badSignatures, maxAheadMs, exception, endedByClient, over };
  }

  start(): void {
    const { stream, limits } = this.#parts;
    stream.on('error', () => {});
    stream.once('close', () => this.#finish());
    stream.on('data', (bytes: Buffer) => {
      for (const frame of this.#reader.push(bytes)) this.#take(frame);
    });
    const fault = this.#fault;
    if (fault?.kind === 'delay') this.#delayMs = fault.ms;
    if (fault?.kind === 'exception' && fault.when === 'start' && fault.http !== undefined) {
      this.exception = fault.name;
      this.#tellStruck(performance.now());
      refuse(stream, fault.http, fault.name, fault.message);
      return;
    }
    this.#later(() =>
      stream.respond({
        ':status': 200,
        'content-type': 'application/vnd.amazon.eventstream',
        'x-amzn-request-id': this.sessionId,
      }),
    );
    this.#timer(limits.maxSessionMs, () =>
      this.raise('LimitExceededException', 'Your stream has reached the maximum session duration.'),
    );
    this.#resetIdle();
    this.#strike('start');
  }

  /** A fault now, whatever was planned. */
  strike(fault: Fault): void {
    const { stream } = this.#parts;
    this.#fault = null;
    this.#tellStruck(performance.now());
    switch (fault.kind) {
      case 'exception':
        this.raise(fault.name, fault.message);
        return;
      case 'reset':
        stream.destroy(new Error('reset by the stand-in'));
        return;
      case 'destroy':
        stream.session?.socket.destroy();
        stream.session?.destroy();
        return;
      case 'end':
        this.#silent = true;
        this.#later(() => stream.end());
        return;
      case 'stop-reading':
        stream.pause();
        return;
      case 'silent':
        this.#silent = true;
        this.#endsWell = fault.endsWell ?? false;
        return;
      case 'delay':
        this.#delayMs = fault.ms;
    }
  }

  raise(name: string, message: string): void {
    if (this.over || this.exception) return;
    this.exception = name;
    this.#silent = true;
    this.#later(() => this.#parts.stream.end(exceptionFrame(name, message)));
  }

  #take(bytes: Uint8Array): void {
    if (this.over || this.exception) return;
    const frame = codec.decode(bytes);
    const verdict = this.#parts.chain.verify(frame, Date.now());
    if (verdict !== 'right') this.badSignatures++;
    const inner = frame.body.length > 0 ? codec.decode(frame.body).body : null;
    const wrong = complaints[verdict] ?? (inner && wrongAudio(inner, this.#parts.limits.maxEventMs));
    if (wrong) this.raise('BadRequestException', wrong);
    else if (inner) this.#hear(inner);
    else this.#end();
  }

  #hear(audio: Uint8Array): void {
    const { hearing, segmenter } = this.#parts;
    this.#resetIdle();
    this.events++;
    this.bytes += audio.length;
    this.maxAheadMs = Math.max(this.maxAheadMs, this.bytes / bytesPerMs - (performance.now() - this.startedAt));
    const words = hearing.hear(new Int16Array(audio.slice().buffer));
    this.words.push(...words);
    for (const result of segmenter.push(words, this.bytes / 2)) this.#say(result);
    this.#strike({ audioMs: this.bytes / bytesPerMs });
  }

  #end(): void {
    this.endedByClient = true;
    clearTimeout(this.#idle);
    const { hearing, segmenter, stream } = this.#parts;
    const words = hearing.flush();
    this.words.push(...words);
    this.#strike('end');
    if (this.#silent && !this.#endsWell) return;
    for (const result of [...segmenter.push(words, this.bytes / 2), ...segmenter.flush()]) this.#say(result);
    this.#later(() => stream.end());
  }

  #say(result: ServiceResult): void {
    if (this.#silent) return;
    this.#send({ Transcript: { Results: [result] } });
    // The service says nothing now and then, in so many words.
    if (!result.IsPartial) this.#send({ Transcript: { Results: [] } });
    if (this.#said++ === 0) this.#strike('first-event');
  }

  #send(event: unknown): void {
    this.#later(() => this.#parts.stream.write(eventFrame('TranscriptEvent', event)));
  }

  #strike(now: When): void {
    const fault = this.#fault;
    if (!fault) return;
    const when = fault.when ?? 'start';
    const due =
      typeof when === 'object'
        ? typeof now === 'object' && now.audioMs >= when.audioMs
        : typeof now === 'string' && now === when;
    if (due) this.strike(fault);
  }

  #resetIdle(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(
      () =>
        this.raise('BadRequestException', 'Your request timed out because no new audio was received for 15 seconds.'),
      this.#parts.limits.idleTimeoutMs,
    );
  }

  /** Now, or after the delay; nothing once the stream is closed. */
  #later(act: () => void): void {
    const guarded = () => {
      if (!this.#parts.stream.destroyed && !this.#parts.stream.writableEnded) act();
    };
    if (this.#delayMs > 0) this.#timer(this.#delayMs, guarded);
    else guarded();
  }

  #timer(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }

  #finish(): void {
    this.over = true;
    this.endedAt = performance.now();
    clearTimeout(this.#idle);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}

const complaints = {
  right: null,
  wrong: 'The signature of an event does not match.',
  expired: 'Signature expired: an event is too old.',
} as const;

function wrongAudio(audio: Uint8Array, maxEventMs: number): string | null {
  if (audio.length > maxEventMs * bytesPerMs)
    return 'Your stream is too big. Reduce the frame size and try your request again.';
  return audio.length % 2 === 0 ? null : 'An event holds half a sample.';
}

/** A refusal before any event: the exception as an HTTP answer. */
export function refuse(stream: ServerHttp2Stream, status: number, name: string, message: string): void {
  stream.on('error', () => {});
  stream.resume();
  stream.respond({ ':status': status, 'content-type': 'application/json', 'x-amzn-errortype': name });
  stream.end(JSON.stringify({ Message: message, message }));
}
