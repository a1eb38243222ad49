import type { Logger } from '../systemd/log.ts';
import { Attempt, type AttemptListener, type Heard } from './attempt.ts';
import type { Engine, EngineFailure } from './engines/engine.ts';
import { type RangeSet, sampleRate, subtract } from './protocol.js';
import type { EngineQuota } from './quota.ts';
import { EngineRetry } from './retry.ts';
import type { Assignment } from './rooms.ts';
import type { SaidWords } from './said.ts';

export interface SessionsListener {
  partial(heard: Heard | null): void;
  /** `heard` null: nothing was said, only progress. */
  final(heard: Heard | null, done: ReadonlyMap<string, RangeSet>): void;
  /** The present session failed; `undone` is what it was fed and did not answer. */
  failed(undone: ReadonlyMap<string, RangeSet>): void;
  changed(): void;
}

export interface SessionsOptions {
  readonly room: string;
  readonly engineFor: (name: string) => Engine;
  readonly quota: EngineQuota;
  readonly said: SaidWords;
  readonly listener: SessionsListener;
  readonly log: Logger;
  readonly finishTimeoutMs: number;
  readonly now: () => number;
}

/** A session that ended at a boundary, and hears a little of what lies beyond it before it is finished. */
interface Leaving {
  readonly attempt: Attempt;
  readonly stream: string;
  readonly until: number;
}

const noPlace: EngineFailure = {
  kind: 'capacity',
  code: 'engine-quota',
  message: 'All places of the captioning service are taken.',
  hint: 'Captions begin when another room ends; a higher quota of the account and --max-engine-sessions make more places.',
};
const forever = Number.MAX_SAFE_INTEGER;

/** The engine sessions of one room's live feed: the present one, those that are leaving, and when the next may be tried. */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #retry = new EngineRetry();
  #present: Attempt | null = null;
  #leaving: Leaving[] = [];
  #reopenAtMs = 0;
  #engineName = '';
  /** Why there is no session, or why the last one ended; null while all is well. */
  failure: EngineFailure | null = null;
  readonly counters = { sessions: 0, failures: 0, silenceMs: 0 };

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get present(): Attempt | null {
    return this.#present;
  }

  get engineName(): string {
    return this.#engineName;
  }

  /** Whether a session is open, or may be opened now. */
  get isOpenable(): boolean {
    return this.#present !== null || this.#options.now() >= this.#reopenAtMs;
  }

  get hasLeaving(): boolean {
    return this.#leaving.length > 0;
  }

  /** Every session that may still answer. */
  all(): Attempt[] {
    const each = [this.#present, ...this.#leaving.map(({ attempt }) => attempt)];
    return each.flatMap((attempt) => (attempt && !attempt.over ? [attempt] : []));
  }

  /** Opens the next session; null when there is no place or it failed at once: `isOpenable` says when to try again. */
  open({ engine: name, language }: Assignment): Attempt | null {
    const { room, engineFor, quota, said, listener, now } = this.#options;
    const engine = engineFor(name);
    this.#engineName = engine.name;
    const lease = engine.paid ? quota.take(this.hasLeaving ? 'handover' : 'live') : null;
    if (engine.paid && !lease) {
      this.#putOff(noPlace, 0);
      return null;
    }
    let made: Attempt | null = null;
    const isPresent = () => made !== null && this.#present === made;
    const events: AttemptListener = {
      ready: () => {
        if (!isPresent()) return;
        this.failure = null;
        listener.changed();
      },
      partial: (heard) => {
        if (isPresent()) listener.partial(heard);
      },
      final: (heard, done) => listener.final(heard, done),
      ended: () => {
        // It has answered all it heard: what holds no words is done, too.
        if (made) listener.final(null, made.undone());
        if (isPresent()) this.#present = null;
        listener.changed();
      },
      // An engine may fail while it is being opened, before there is an attempt to speak of.
      failed: (failure) =>
        made ? this.#failed(made, failure) : queueMicrotask(() => made && this.#failed(made, failure)),
    };
    made = new Attempt(engine, { room, language }, now(), events, lease, said);
    this.#present = made;
    listener.changed();
    if (made.over) return null;
    this.counters.sessions++;
    return made;
  }

  /** Gives audio to the present session, and to those leaving as far as they still hear. */
  write(stream: string, position: number, audio: Uint8Array): void {
    this.#present?.write(stream, position, audio);
    if (!this.hasLeaving) return;
    for (const each of this.#leaving)
      if (each.stream === stream && position < each.until) each.attempt.write(stream, position, audio);
    this.#dismiss((each) => each.stream !== stream || position + audio.length / 2 >= each.until);
  }

  /** Silence that has no position, for all of them. */
  writeSilence(samples: number): void {
    this.counters.silenceMs += (samples * 1000) / sampleRate;
    for (const attempt of this.all()) attempt.writeSilence(samples);
  }

  /** The present session owns nothing from `position` on; it hears as far as `until`, and the next one takes its place. */
  replace(stream: string, position: number, until: number): void {
    const old = this.#present;
    if (!old) return;
    old.own(stream, subtract(old.owned(stream), [[position, forever]]));
    this.#leaving.push({ attempt: old, stream, until });
    this.#present = null;
    this.#options.listener.partial(null);
  }

  /** Ends them all properly; finals still come. */
  finish(): void {
    const attempt = this.#present;
    this.#present = null;
    if (attempt) this.#leaving.push({ attempt, stream: '', until: 0 });
    this.dismissLeaving();
    if (!attempt) return;
    this.#options.listener.partial(null);
    this.#options.listener.changed();
  }

  /** No more audio comes for those that are leaving. */
  dismissLeaving(): void {
    this.#dismiss(() => true);
  }

  /** Ends them all; resolves when the last finals are out, or the time is. */
  async stop(timeoutMs: number): Promise<void> {
    const { now } = this.#options;
    const open = this.all();
    this.#present = null;
    for (const attempt of open) attempt.finish(timeoutMs);
    const deadlineMs = now() + timeoutMs;
    while (open.some((attempt) => !attempt.over) && now() < deadlineMs)
      await new Promise((resolve) => setTimeout(resolve, 20));
    for (const attempt of open) attempt.abort();
  }

  #dismiss(isOver: (each: Leaving) => boolean): void {
    for (const each of this.#leaving) if (isOver(each)) each.attempt.finish(this.#options.finishTimeoutMs);
    this.#leaving = this.#leaving.filter(({ attempt }) => !attempt.over);
  }

  #failed(attempt: Attempt, failure: EngineFailure): void {
    this.counters.failures++;
    this.#leaving = this.#leaving.filter((each) => each.attempt !== attempt); // what it did not answer is backfilled
    if (this.#present !== attempt) return;
    this.#present = null;
    const { room, log, listener, now } = this.#options;
    const { code, kind, message: reason } = failure;
    log.warn({ room, engine: attempt.engineName, code, kind, reason }, 'An engine session failed');
    this.#putOff(failure, now() - attempt.openedAtMs);
    listener.failed(attempt.undone());
  }

  #putOff(failure: EngineFailure, livedMs: number): void {
    this.failure = failure;
    this.#reopenAtMs = this.#options.now() + this.#retry.next(failure.kind, livedMs);
    this.#options.listener.changed();
  }
}
