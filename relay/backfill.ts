import type { Logger } from '../systemd/log.ts';
import { Attempt, type Heard } from './attempt.ts';
import { toMono } from './audio.ts';
import type { DailyBudget } from './budget.ts';
import type { Engine, SessionSettings } from './engines/engine.ts';
import { feedLimits } from './feed-options.ts';
import { ownedFrom } from './feed-places.ts';
import { type Governing, sessionSettings } from './governing.ts';
import { isUnanswered } from './mute.ts';
import { Pace } from './pace.ts';
import { frameSamples, intersect, type RangeSet, runEnd, sampleRate, size, subtract, union } from './protocol.js';
import type { EngineQuota } from './quota.ts';
import { EngineRetry } from './retry.ts';
import type { Assignment } from './rooms.ts';
import type { SaidWords } from './said.ts';
import type { Spool } from './spool.ts';
import type { SpoolStream } from './spool-stream.ts';

export interface BackfillLimits {
  /** Engine sessions for backfill in the whole relay, beside the rooms' own. */
  readonly maxSessions: number;
  readonly scanIntervalMs: number;
  /** A stretch that is still arriving is begun when so much of it is here. */
  readonly minStartMs: number;
  /** A stretch that stops arriving is left for later after this long. */
  readonly patienceMs: number;
  /** Heard on either side of the stretch, so that words at its ends are whole. */
  readonly overlapMs: number;
  /** Left for later where audio begins whose beginning is still to come: the rest of a long word. */
  readonly cutMs: number;
  readonly maxLeadMs: number;
  readonly finishTimeoutMs: number;
  /** Stretches remembered as heard once without an answer. */
  readonly maxDoubted: number;
}

export const backfillLimits: BackfillLimits = {
  maxSessions: 2,
  scanIntervalMs: 1000,
  minStartMs: 10_000,
  patienceMs: 5000,
  overlapMs: 500,
  cutMs: feedLimits.cutMs,
  maxLeadMs: 5000,
  finishTimeoutMs: 10_000,
  maxDoubted: 1000,
};

/** What backfill needs to know of a room. */
export interface BackfillRoom {
  readonly name: string;
  /** Positions that live captions take care of, by stream. */
  claims(): ReadonlyMap<string, RangeSet>;
  engineFor(name: string): Engine;
  readonly said: SaidWords;
  backfilled(heard: Heard | null, done: ReadonlyMap<string, RangeSet>): void;
}

interface Stretch {
  readonly room: BackfillRoom;
  readonly stream: SpoolStream;
  readonly from: number;
  readonly to: number;
}

/** By stream; made once for all streams of a room, of which there may be thousands. */
type Claims = ReturnType<BackfillRoom['claims']>;

const leftOf = (claims: Claims, { id, edge, captioned }: SpoolStream): RangeSet =>
  subtract(subtract([[0, edge]], captioned), claims.get(id) ?? []);

const samples = (ms: number) => Math.round((ms * sampleRate) / 1000);

/** Captions what live captions had to skip, each stretch in an engine session of its own, the shortest first. */
export class Backfill {
  readonly #spool: Spool;
  readonly #governing: Governing;
  readonly #quota: EngineQuota;
  readonly #budget: DailyBudget;
  readonly #log: Logger;
  readonly #limits: BackfillLimits;
  readonly #now: () => number;
  readonly #rooms = new Map<string, BackfillRoom>();
  /** What is under way, with what cuts it short. */
  readonly #running = new Map<Stretch, { readonly isOpen: boolean; cut(): void }>();
  readonly #retry = new Map<string, { schedule: EngineRetry; notBeforeMs: number }>();
  /** By stream and end: what sounded like speech, and got no answer from one session. */
  readonly #doubted = new Set<string>();
  /** Assignments whose settings an engine has refused: a vocabulary that does not exist, for example. */
  readonly #refused = new Set<number>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: {
    spool: Spool;
    governing: Governing;
    quota: EngineQuota;
    /** Of paid engines. */
    budget: DailyBudget;
    log: Logger;
    limits?: BackfillLimits;
    now?: () => number;
  }) {
    this.#spool = options.spool;
    this.#governing = options.governing;
    this.#quota = options.quota;
    this.#budget = options.budget;
    this.#log = options.log;
    this.#limits = options.limits ?? backfillLimits;
    this.#now = options.now ?? (() => performance.now());
  }

  start(): void {
    this.#timer = setInterval(() => this.#scan(), this.#limits.scanIntervalMs);
  }

  /** What is under way is dropped; it is found again after the next start. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    for (const { cut } of this.#running.values()) cut();
  }

  add(room: BackfillRoom): void {
    this.#rooms.set(room.name, room);
  }

  remove(name: string): void {
    this.#rooms.delete(name);
    for (const [stretch, { cut }] of this.#running) if (stretch.room.name === name) cut();
  }

  /** What of a stream is being backfilled at this moment. */
  taken(streamId: string): RangeSet {
    return [...this.#running.keys()].reduce<RangeSet>(
      (set, { stream, from, to }) => (stream.id === streamId ? union(set, [[from, to]]) : set),
      [],
    );
  }

  /** Whether a missed stretch of the room is being captioned at this moment; one that waits for a session is not. */
  isFilling(name: string): boolean {
    return [...this.#running].some(([{ room }, { isOpen }]) => isOpen && room.name === name);
  }

  /** Why what a room missed is not filled in by a paid engine today, in words; empty when nothing stands against it. */
  standstill(name: string): string {
    const spent = 'The daily limit of filling in missed captions is reached.';
    const refusal = this.#budget.isSpent ? spent : this.#quota.overspent(name, 'backfill');
    const engine = this.#governing.present(name)?.engine;
    if (!refusal || engine === undefined || !this.#rooms.get(name)?.engineFor(engine).paid) return '';
    return this.pendingMs(name) > 0 ? refusal : '';
  }

  /** Audio of a room that waits for its captions, in ms. */
  pendingMs(name: string): number {
    const room = this.#rooms.get(name);
    if (!room) return 0;
    const claims = room.claims();
    const total = this.#spool
      .streamsOf(name)
      .reduce((sum, stream) => sum + size(intersect(this.#missing(claims, stream), stream.received)), 0);
    return (total * 1000) / sampleRate;
  }

  /** What of a stream is neither captioned nor claimed by the live feed, and was not spoken during a pause. */
  #missing(claims: Claims, stream: SpoolStream): RangeSet {
    const left = leftOf(claims, stream);
    return left.length > 0 ? subtract(left, this.#governing.paused(stream)) : left;
  }

  /** Nobody captions what was spoken during a pause: it is done. The live feed sees to what it passes itself. */
  #settlePaused(room: BackfillRoom): void {
    const claims = room.claims();
    for (const stream of this.#spool.streamsOf(room.name)) {
      const paused = this.#governing.paused(stream);
      const left = paused.length > 0 ? intersect(leftOf(claims, stream), paused) : [];
      if (left.length > 0) this.#spool.settle(stream, left);
    }
  }

  #scan(): void {
    for (const room of this.#rooms.values()) this.#settlePaused(room);
    if (this.#running.size >= this.#limits.maxSessions) return;
    const found = [...this.#rooms.values()]
      .flatMap((room) => this.#stretches(room))
      .sort((a, b) => a.to - a.from - (b.to - b.from));
    for (const stretch of found) {
      if (this.#running.size >= this.#limits.maxSessions) return;
      this.#begin(stretch).catch((error) =>
        this.#log.error({ err: error, room: stretch.room.name }, 'A backfill stumbled; it is tried again'),
      );
    }
  }

  #stretches(room: BackfillRoom): Stretch[] {
    if ((this.#retry.get(room.name)?.notBeforeMs ?? 0) > this.#now()) return [];
    const claims = room.claims();
    return this.#spool.streamsOf(room.name).flatMap((stream) => {
      return subtract(this.#missing(claims, stream), this.taken(stream.id)).flatMap(([least, to]) => {
        // The first piece that is here; where live captions have jumped to, all of it may have to wait for what comes before.
        const piece = intersect([[least, to]], stream.received).find(
          ([begin, here]) => this.#owned(stream, begin) < here,
        );
        if (!piece) return [];
        const [begin, here] = piece;
        const from = this.#owned(stream, begin);
        const until = Math.min(to, this.#governing.at(stream, from)?.until ?? to);
        const isEnough = here >= until || here - from >= samples(this.#limits.minStartMs) || stream.ended;
        return isEnough ? [{ room, stream, from, to: until }] : [];
      });
    });
  }

  #owned(stream: SpoolStream, begin: number): number {
    return ownedFrom(stream, begin, samples(this.#limits.cutMs));
  }

  async #begin(stretch: Stretch): Promise<void> {
    this.#running.set(stretch, { isOpen: false, cut: () => {} });
    try {
      await this.#caption(stretch);
    } finally {
      this.#running.delete(stretch);
    }
  }

  async #caption(stretch: Stretch): Promise<void> {
    const { room, stream, from, to } = stretch;
    const governing = this.#governing.at(stream, from);
    if (!governing) return;
    const engine = room.engineFor(governing.assignment.engine);
    const isSpent = () => engine.paid && this.#quota.overspent(room.name, 'backfill') !== null;
    const lease = engine.paid && !this.#budget.isSpent && !isSpent() ? this.#quota.take('backfill', room.name) : null;
    if (engine.paid && !lease) {
      this.#putOff(room.name, 'capacity', 0);
      return;
    }
    const over = Promise.withResolvers<'ended' | 'failed'>();
    const startedMs = this.#now();
    const attempt: Attempt = new Attempt(
      engine,
      this.#settingsFor(room, governing.assignment),
      startedMs,
      {
        ready: () => {},
        partial: () => {},
        final: (heard, done) => room.backfilled(heard, done),
        ended: () => over.resolve('ended'),
        failed: (failure) => {
          if (failure.kind === 'configuration') this.#refused.add(governing.assignment.id);
          this.#putOff(room.name, failure.kind, this.#now() - startedMs);
          over.resolve('failed');
        },
      },
      lease,
      room.said,
    );
    const cut = () => {
      attempt.abort();
      over.resolve('failed');
    };
    this.#running.set(stretch, { isOpen: true, cut });
    attempt.own(stream.id, [[from, to]]);
    const fedTo = await this.#feed(attempt, stretch, isSpent);
    attempt.finish(this.#limits.finishTimeoutMs);
    const outcome = await over.promise;
    if (engine.paid) this.#budget.spend((this.#now() - startedMs) / 1000);
    if (outcome === 'failed' || this.#stopped) return;
    if (this.#doubt(stretch, isUnanswered(attempt, engine))) {
      this.#putOff(room.name, 'reopen', this.#now() - startedMs);
      return;
    }
    this.#retry.delete(room.name);
    // Whatever of it held no words is done, too.
    room.backfilled(null, new Map([[stream.id, [[from, Math.min(fedTo, to)]]]]));
  }

  /** As they were when it was spoken; where those were refused, in the language of then, and otherwise as they are now. */
  #settingsFor({ name }: BackfillRoom, assignment: Assignment): SessionSettings {
    const settings = sessionSettings(name, assignment);
    const present = this.#governing.present(name);
    return present && this.#refused.has(assignment.id) ? { ...settings, recognition: present.recognition } : settings;
  }

  /** Feeds the stretch with its surroundings, as fast as an engine may be fed; returns where it ended. */
  async #feed(attempt: Attempt, { stream, from, to }: Stretch, isSpent: () => boolean): Promise<number> {
    const pace = new Pace();
    const overlap = samples(this.#limits.overlapMs);
    const before = subtract(stream.received, stream.holeRanges).find(([begin, end]) => begin < from && from <= end);
    let cursor = Math.max(before?.[0] ?? from, from - overlap);
    let waitedSinceMs = this.#now();
    while (cursor < to + overlap && !attempt.over && !this.#stopped && !isSpent()) {
      const hole = stream.holes.find((each) => each.from <= cursor && cursor < each.to);
      const nextHole = stream.holes.reduce(
        (least, each) => (each.from > cursor ? Math.min(least, each.from) : least),
        cursor + frameSamples,
      );
      const end = Math.min(runEnd(stream.received, cursor), cursor + frameSamples, nextHole, to + overlap);
      const waitMs = Math.max(pace.waitMs(this.#now()), attempt.leadMs(this.#now()) + 100 - this.#limits.maxLeadMs);
      if (hole) {
        attempt.writeSilence(Math.min(hole.to - cursor, samples(1000)));
        cursor = hole.to;
      } else if (end <= cursor) {
        if (cursor >= to || this.#now() - waitedSinceMs > this.#limits.patienceMs) break;
        await sleep(100);
      } else if (waitMs > 0) await sleep(waitMs);
      else {
        attempt.write(stream.id, cursor, toMono(await stream.read(cursor, end), stream.channels));
        pace.spend(this.#now(), end - cursor);
        cursor = end;
        waitedSinceMs = this.#now();
      }
    }
    return cursor;
  }

  /** Whether to ask another session: music has no words either, so the second answer counts, whatever it is. */
  #doubt({ room, stream, to }: Stretch, isMute: boolean): boolean {
    const name = `${stream.id} ${to}`;
    if (this.#doubted.delete(name) || !isMute) return false;
    this.#doubted.add(name);
    const [oldest] = this.#doubted;
    if (oldest !== undefined && this.#doubted.size > this.#limits.maxDoubted) this.#doubted.delete(oldest);
    this.#log.info({ room: room.name }, 'A session heard sound and found no words; another one is asked');
    return true;
  }

  #putOff(room: string, kind: Parameters<EngineRetry['next']>[0], livedMs: number): void {
    const state = this.#retry.get(room) ?? { schedule: new EngineRetry(), notBeforeMs: 0 };
    state.notBeforeMs = this.#now() + state.schedule.next(kind, livedMs);
    this.#retry.set(room, state);
  }
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
