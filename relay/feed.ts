import type { Logger } from '../systemd/log.ts';
import { Attempt, type AttemptListener, type Heard } from './attempt.ts';
import { toMono } from './audio.ts';
import type { Engine, EngineFailure } from './engines/engine.ts';
import type { Governing } from './governing.ts';
import { Pace } from './pace.ts';
import { frameSamples, type RangeSet, runEnd, sampleRate, subtract, union } from './protocol.js';
import type { EngineQuota } from './quota.ts';
import { EngineRetry } from './retry.ts';
import type { Assignment } from './rooms.ts';
import type { Spool, SpoolStream } from './spool.ts';

export interface FeedLimits {
  /** Behind the edge by more than this, the feed jumps to it and leaves the stretch to backfill. */
  readonly catchUpLimitMs: number;
  /** Live audio that is late by this long is bridged with silence that has no position. */
  readonly patienceMs: number;
  /** A declared hole is crossed by at most this much silence. */
  readonly maxHoleSilenceMs: number;
  /** No session is fed further ahead of its own wall clock. */
  readonly maxLeadMs: number;
  /** A session without any audio for this long is ended. */
  readonly idleMs: number;
  readonly finishTimeoutMs: number;
  /** Audio on the far side of a boundary that both sessions hear, so that no word is cut for the one that owns it. */
  readonly overlapMs: number;
}

export const feedLimits: FeedLimits = {
  catchUpLimitMs: 5000,
  patienceMs: 1000,
  maxHoleSilenceMs: 2000,
  maxLeadMs: 5000,
  idleMs: 60_000,
  finishTimeoutMs: 10_000,
  overlapMs: 500,
};

export interface FeedListener {
  partial(heard: Heard | null): void;
  /** `heard` null: nothing was said, only progress. */
  final(heard: Heard | null, done: ReadonlyMap<string, RangeSet>): void;
  /** The engine's state changed: see `state`. */
  changed(): void;
}

export type EngineState = 'idle' | 'opening' | 'ready' | 'retrying';

const noPlace: EngineFailure = {
  kind: 'capacity',
  code: 'engine-quota',
  message: 'All places of the captioning service are taken.',
  hint: 'Captions begin when another room ends; a higher quota of the account and --max-engine-sessions make more places.',
};
const tickMs = 200;
const samples = (ms: number) => Math.round((ms * sampleRate) / 1000);
const forever = Number.MAX_SAFE_INTEGER;

/**
 * The live feed of one room: takes audio from the spool as it arrives, in order, to one engine session. Its clock is
 * the stream's: a timer only notices that audio is late. What it skips, backfill finds.
 */
export class Feed {
  readonly #spool: Spool;
  readonly #governing: Governing;
  readonly #room: string;
  readonly #engineFor: (name: string) => Engine;
  readonly #quota: EngineQuota;
  readonly #taken: (streamId: string) => RangeSet;
  readonly #listener: FeedListener;
  readonly #log: Logger;
  readonly #limits: FeedLimits;
  readonly #now: () => number;
  readonly #retry = new EngineRetry();

  #stream: SpoolStream | null = null;
  #next: SpoolStream | null = null;
  #cursor = 0;
  #attempt: Attempt | null = null;
  #assignment: Assignment | null = null;
  /** Ended sessions that still hear up to a position past their boundary, then finish. */
  #trailing: { attempt: Attempt; stream: string; until: number }[] = [];
  #pace = new Pace();
  #busy = false;
  #again = false;
  #stopped = false;
  #generation = 0;
  #timer: NodeJS.Timeout | undefined;
  #lastWriteMs = 0;
  #lastAudioMs = 0;
  #reopenAtMs = 0;
  failure: EngineFailure | null = null;
  readonly counters = { sessions: 0, failures: 0, jumps: 0, silenceMs: 0 };

  constructor(options: {
    spool: Spool;
    governing: Governing;
    room: string;
    engineFor: (name: string) => Engine;
    quota: EngineQuota;
    /** What of a stream is being backfilled already. */
    taken: (streamId: string) => RangeSet;
    listener: FeedListener;
    log: Logger;
    limits?: FeedLimits;
    now?: () => number;
  }) {
    this.#spool = options.spool;
    this.#governing = options.governing;
    this.#room = options.room;
    this.#engineFor = options.engineFor;
    this.#quota = options.quota;
    this.#taken = options.taken;
    this.#listener = options.listener;
    this.#log = options.log;
    this.#limits = options.limits ?? feedLimits;
    this.#now = options.now ?? (() => performance.now());
  }

  get state(): EngineState {
    if (this.#attempt) return this.#attempt.ready ? 'ready' : 'opening';
    return this.failure ? 'retrying' : 'idle';
  }

  get engineName(): string {
    return this.#attempt?.engineName ?? this.#assignment?.engine ?? '';
  }

  /** How far the engine's input is behind the newest audio received, in ms. */
  get lagMs(): number {
    return this.#stream ? (Math.max(0, this.#newest(this.#stream) - this.#cursor) * 1000) / sampleRate : 0;
  }

  /** Takes the room's live stream; what is left of the one before is finished first if it is close behind. */
  follow(stream: SpoolStream): void {
    if (stream === this.#stream || stream === this.#next) return;
    if (!this.#stream) this.#switchTo(stream);
    else this.#next = stream;
    this.advance();
  }

  /** Positions that this feed will caption itself, by stream: backfill keeps off them. */
  claims(): Map<string, RangeSet> {
    const out = new Map<string, RangeSet>();
    const claim = (stream: string, ranges: RangeSet) => out.set(stream, union(out.get(stream) ?? [], ranges));
    if (this.#stream) claim(this.#stream.id, [[this.#cursor, forever]]);
    if (this.#next) claim(this.#next.id, [[this.#startOf(this.#next), forever]]);
    for (const attempt of this.#open()) for (const [stream, ranges] of attempt.undone()) claim(stream, ranges);
    return out;
  }

  /** Something changed: audio came, a hole was declared, the settings changed. */
  advance(): void {
    if (this.#stopped) return;
    if (this.#busy) {
      this.#again = true;
      return;
    }
    this.#busy = true;
    this.#run().catch((error) => this.#log.error({ err: error, room: this.#room }, 'The feed stumbled and goes on'));
  }

  /** Ends the session properly; its last finals are delivered before this resolves. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    const open = this.#open();
    for (const attempt of open) attempt.finish(timeoutMs);
    const deadline = this.#now() + timeoutMs;
    while (open.some((attempt) => !attempt.over) && this.#now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 20));
    for (const attempt of open) attempt.abort();
    this.#attempt = null;
  }

  async #run(): Promise<void> {
    try {
      do {
        this.#again = false;
        while (!this.#stopped && (await this.#step()));
      } while (this.#again && !this.#stopped);
    } finally {
      this.#busy = false;
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#timer || this.#stopped || !(this.#stream || this.#attempt || this.#trailing.length > 0)) return;
    const paceMs = this.#pace.waitMs(this.#now());
    const wait = paceMs > 0 ? Math.min(tickMs, Math.max(1, paceMs)) : tickMs;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.advance();
    }, wait);
  }

  /** One piece of progress; false when there is nothing to do until something happens. */
  async #step(): Promise<boolean> {
    const stream = this.#stream;
    const now = this.#now();
    if (!stream) return this.#takeNext();
    if (this.#movesOn(stream, now)) return this.#takeNext();
    if (!this.#attempt && now < this.#reopenAtMs) return false;

    const hole = stream.holes.find(({ from, to }) => from <= this.#cursor && this.#cursor < to);
    if (hole) {
      if (this.#attempt) this.#silence(Math.min(hole.to - this.#cursor, samples(this.#limits.maxHoleSilenceMs)));
      this.#cursor = hole.to;
      return true;
    }
    if (this.lagMs > this.#limits.catchUpLimitMs) return this.#jump(stream);

    const nextHole = stream.holes.reduce(
      (least, { from }) => (from > this.#cursor ? Math.min(least, from) : least),
      forever,
    );
    const end = Math.min(runEnd(stream.received, this.#cursor), nextHole, this.#cursor + frameSamples);
    if (end <= this.#cursor) return this.#waiting(stream, now);
    return this.#feed(stream, end, now);
  }

  async #feed(stream: SpoolStream, end: number, now: number): Promise<boolean> {
    const governing = this.#governing.at(stream, this.#cursor);
    if (!governing) return false;
    if (this.#attempt && governing.assignment.id !== this.#assignment?.id) this.#replace(stream, 'settings');
    if (this.#attempt && this.#attempt.leadMs(now) + 100 > this.#limits.maxLeadMs) this.#replace(stream, 'lead');
    this.#assignment = governing.assignment;
    if (this.#pace.waitMs(now) > 0) return false;

    const from = this.#cursor;
    const to = Math.min(end, governing.until);
    const generation = this.#generation;
    const audio = stream.peek(from, to) ?? (await stream.read(from, to));
    if (generation !== this.#generation || this.#stopped) return true;
    const attempt = this.#attempt ?? (await this.#openSession(stream, governing.assignment));
    if (!attempt || generation !== this.#generation) return false;
    const mono = toMono(audio, stream.channels);
    attempt.write(stream.id, from, mono);
    this.#trail(stream, from, mono);
    this.#pace.spend(now, to - from);
    this.#cursor = to;
    this.#lastWriteMs = this.#lastAudioMs = now;
    return true;
  }

  async #openSession(stream: SpoolStream, assignment: Assignment): Promise<Attempt | null> {
    const generation = this.#generation;
    // A little of what came before, so that a word at the boundary is heard whole by the one that owns it.
    const before = Math.max(0, this.#cursor - samples(this.#limits.overlapMs));
    const context =
      this.#trailing.length > 0 && runEnd(subtract(stream.received, stream.holeRanges), before) >= this.#cursor;
    const preroll = context ? toMono(await stream.read(before, this.#cursor), stream.channels) : new Uint8Array(0);
    if (generation !== this.#generation || this.#stopped) return null;
    const attempt = this.#begin(assignment);
    if (!attempt || attempt.over) return null;
    this.counters.sessions++;
    attempt.own(stream.id, [[this.#cursor, forever]]);
    for (let at = 0; at < preroll.length; at += frameSamples * 2)
      attempt.write(stream.id, before + at / 2, preroll.subarray(at, at + frameSamples * 2));
    return attempt;
  }

  #begin(assignment: Assignment): Attempt | null {
    const engine = this.#engineFor(assignment.engine);
    const lease = engine.paid ? this.#quota.take(this.#trailing.length > 0 ? 'handover' : 'live') : null;
    if (engine.paid && !lease) {
      this.#putOff(noPlace, 0);
      return null;
    }
    let made: Attempt | null = null;
    const mine = () => made !== null && this.#attempt === made;
    const listener: AttemptListener = {
      ready: () => {
        if (!mine()) return;
        this.failure = null;
        this.#listener.changed();
      },
      partial: (heard) => {
        if (mine()) this.#listener.partial(heard);
      },
      final: (heard, done) => this.#listener.final(heard, done),
      ended: () => {
        // It has answered all it heard: what holds no words is done, too.
        if (made) this.#listener.final(null, made.undone());
        if (mine()) this.#attempt = null;
        this.#listener.changed();
      },
      failed: (failure) =>
        made ? this.#failed(made, failure) : queueMicrotask(() => made && this.#failed(made, failure)),
    };
    made = new Attempt(engine, { room: this.#room, language: assignment.language }, this.#now(), listener, lease);
    this.#attempt = made;
    this.#listener.changed();
    return made;
  }

  #failed(attempt: Attempt, failure: EngineFailure): void {
    this.counters.failures++;
    const undone = attempt.undone();
    if (this.#attempt !== attempt) return; // a trailing one: what it did not answer is backfilled
    this.#attempt = null;
    this.#generation++;
    this.#putOff(failure, this.#now() - attempt.openedAtMs);
    // What was not answered is asked again, if it is still near; else backfill finds it.
    const stream = this.#stream;
    const nearest = stream ? this.#newest(stream) - samples(this.#limits.catchUpLimitMs) : 0;
    const back = stream && undone.get(stream.id)?.find(([from]) => from >= nearest)?.[0];
    if (back !== undefined && back !== null) this.#cursor = Math.min(this.#cursor, back);
    this.#log.warn(
      { room: this.#room, engine: attempt.engineName, code: failure.code, kind: failure.kind, reason: failure.message },
      'An engine session failed',
    );
    this.#listener.changed();
    this.advance();
  }

  #putOff(failure: EngineFailure, livedMs: number): void {
    this.failure = failure;
    this.#reopenAtMs = this.#now() + this.#retry.next(failure.kind, livedMs);
    this.#listener.changed();
  }

  /** Every session that may still answer. */
  #open(): Attempt[] {
    return [this.#attempt, ...this.#trailing.map((each) => each.attempt)].flatMap((each) =>
      each && !each.over ? [each] : [],
    );
  }

  /** The present session ends at the cursor; the next one begins there. */
  #replace(stream: SpoolStream, why: string): void {
    const old = this.#attempt;
    if (!old) return;
    old.own(stream.id, subtract(old.owned(stream.id), [[this.#cursor, forever]]));
    this.#trailing.push({ attempt: old, stream: stream.id, until: this.#cursor + samples(this.#limits.overlapMs) });
    this.#attempt = null;
    this.#generation++;
    this.#listener.partial(null);
    this.#log.debug({ room: this.#room, why, position: this.#cursor }, 'An engine session is replaced');
  }

  /** Lets ended sessions hear the overlap, then ends them. */
  #trail(stream: SpoolStream, from: number, audio: Uint8Array): void {
    if (this.#trailing.length === 0) return;
    for (const each of this.#trailing)
      if (each.stream === stream.id && from < each.until) each.attempt.write(stream.id, from, audio);
    this.#finishTrailing((each) => each.stream !== stream.id || from + audio.length / 2 >= each.until);
  }

  #finishTrailing(isOver: (each: { stream: string; until: number }) => boolean): void {
    for (const each of this.#trailing) if (isOver(each)) each.attempt.finish(this.#limits.finishTimeoutMs);
    this.#trailing = this.#trailing.filter((each) => !each.attempt.over);
  }

  /** To the newest audio at once; what lies between is backfilled. */
  #jump(stream: SpoolStream): boolean {
    const newest = this.#newest(stream);
    const lastRun = subtract(stream.received, stream.holeRanges).at(-1)?.[0] ?? newest;
    const target = newest - lastRun <= samples(this.#limits.catchUpLimitMs) ? Math.max(lastRun, this.#cursor) : newest;
    if (target <= this.#cursor) return false;
    this.counters.jumps++;
    if (this.#attempt) {
      this.#attempt.disown(stream.id, [[this.#cursor, target]]);
      this.#silence(samples(1000)); // closes the open segment
    }
    this.#cursor = target;
    return true;
  }

  /** Nothing can be read at the cursor. */
  #waiting(stream: SpoolStream, now: number): boolean {
    if (stream.ended && this.#cursor >= stream.edge) {
      this.#finish();
      this.#stream = null;
      return true;
    }
    const idle = now - this.#lastAudioMs;
    if (this.#trailing.length > 0 && idle > this.#limits.patienceMs) this.#finishTrailing(() => true);
    if (!this.#attempt) return false;
    if (idle > this.#limits.idleMs) {
      this.#finish();
      return false;
    }
    if (idle < this.#limits.patienceMs || now - this.#lastWriteMs < 100) return false;
    if (this.#attempt.leadMs(now) + 100 > this.#limits.maxLeadMs) return false;
    this.#silence(
      Math.min(samples(now - Math.max(this.#lastWriteMs, this.#lastAudioMs + this.#limits.patienceMs)), samples(1000)),
    );
    this.#lastWriteMs = now;
    return false;
  }

  #takeNext(): boolean {
    const next = this.#next;
    if (!next) return false;
    this.#next = null;
    this.#switchTo(next);
    return true;
  }

  /** Moves on to the next stream once the present one is over, or too far behind, or its rest does not come. */
  #movesOn(stream: SpoolStream, now: number): boolean {
    const next = this.#next;
    if (!next) return false;
    const left = Math.max(0, stream.edge - this.#cursor);
    const behindMs = ((left + this.#newest(next)) * 1000) / sampleRate;
    const stuck =
      runEnd(stream.received, this.#cursor) <= this.#cursor && now - this.#lastAudioMs > this.#limits.patienceMs;
    if (left > 0 && behindMs <= this.#limits.catchUpLimitMs && !stuck) return false;
    if (this.#attempt) {
      this.#attempt.disown(stream.id, [[this.#cursor, forever]]);
      this.#silence(samples(1000));
    }
    return true;
  }

  #switchTo(stream: SpoolStream): void {
    this.#stream = stream;
    this.#cursor = this.#startOf(stream);
    this.#generation++;
    this.#lastAudioMs = this.#now();
  }

  #finish(): void {
    const attempt = this.#attempt;
    this.#attempt = null;
    this.#finishTrailing(() => true);
    if (!attempt) return;
    attempt.finish(this.#limits.finishTimeoutMs);
    this.#trailing.push({ attempt, stream: '', until: 0 });
    this.#listener.partial(null);
    this.#listener.changed();
  }

  #silence(count: number): void {
    this.counters.silenceMs += (count * 1000) / sampleRate;
    this.#attempt?.writeSilence(count);
    for (const each of this.#trailing) each.attempt.writeSilence(count);
  }

  /** What silence has put behind the session, saved with the next sync. */
  settle(): void {
    for (const attempt of this.#open())
      for (const [id, ranges] of attempt.settle()) {
        const stream = this.#spool.get(id);
        if (stream && ranges.length > 0) this.#spool.settle(stream, ranges);
      }
  }

  /** Where the live feed takes a stream up: behind the last final and what backfill is at, or at its beginning. */
  #startOf(stream: SpoolStream): number {
    return union(subtract(stream.captioned, stream.holeRanges), this.#taken(stream.id)).at(-1)?.[1] ?? 0;
  }

  #newest(stream: SpoolStream): number {
    return stream.received.at(-1)?.[1] ?? 0;
  }
}
