import type { Explained } from '../systemd/errors.ts';
import type { Logger } from '../systemd/log.ts';
import type { EngineFailure } from './engines/engine.ts';
import { FeedOpening, type Start } from './feed-opening.ts';
import { type EngineState, type FeedLimits, type FeedOptions, feedLimits } from './feed-options.ts';
import { holeAt, isHere, jumpTarget, monoOf, newestOf, ownedFrom, readableTo, startOf } from './feed-places.ts';
import type { Governed, Governing } from './governing.ts';
import { Pace } from './pace.ts';
import { frameSamples, type RangeSet, sampleRate, union } from './protocol.js';
import { settleBoundary } from './quiet-boundary.ts';
import { Resting, type RestView } from './resting.ts';
import type { Assignment } from './rooms.ts';
import { Sessions } from './sessions.ts';
import type { Spool } from './spool.ts';
import type { SpoolStream } from './spool-stream.ts';

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
  readonly #taken: (streamId: string) => RangeSet;
  readonly #log: Logger;
  readonly #limits: FeedLimits;
  readonly #now: () => number;
  readonly #sessions: Sessions;
  readonly #opening: FeedOpening;
  readonly #resting: Resting;

  #stream: SpoolStream | null = null;
  #next: SpoolStream | null = null;
  #cursor = 0;
  /** The cursor, where it has come to by passing a pause. */
  #passedTo: number | null = null;
  #assignment: Assignment | null = null;
  #pace = new Pace();
  #busy = false;
  #again = false;
  #stopped = false;
  /** Changes whenever the cursor is put elsewhere: whoever waited for audio meanwhile must look again. */
  #generation = 0;
  #timer: NodeJS.Timeout | undefined;
  #lastWriteMs = 0;
  #lastAudioMs = 0;
  #jumps = 0;

  constructor(options: FeedOptions) {
    this.#spool = options.spool;
    this.#governing = options.governing;
    this.#room = options.room;
    this.#taken = options.taken;
    this.#log = options.log;
    this.#limits = options.limits ?? feedLimits;
    this.#now = options.now ?? (() => performance.now());
    const { room, engineFor, quota, said, log, listener } = options;
    const { finishTimeoutMs } = this.#limits;
    this.#resting = new Resting(options.restAfterMs ?? (() => 0));
    this.#sessions = new Sessions({
      ...{ room, engineFor, quota, said, log, finishTimeoutMs, now: this.#now },
      listener: {
        partial: (heard) => {
          if (heard) this.#resting.spoken();
          listener.partial(heard);
        },
        final: (heard, done) => {
          if (heard) this.#resting.spoken();
          listener.final(heard, done);
        },
        changed: () => listener.changed(),
        failed: (undone) => this.#goBack(undone),
      },
    });
    this.#opening = new FeedOpening(this.#sessions, this.#limits);
  }

  get state(): EngineState {
    const { present, failure } = this.#sessions;
    if (this.#resting.isResting) return 'resting';
    if (present) return present.ready ? 'ready' : 'opening';
    return failure ? 'retrying' : 'idle';
  }

  get failure(): EngineFailure | null {
    return this.#sessions.failure;
  }

  /** What organizers should know of the engine although nothing has failed. */
  get notice(): Explained | null {
    return this.#sessions.notice;
  }

  get rest(): RestView {
    return this.#resting.view;
  }

  get engineName(): string {
    return this.#sessions.engineName;
  }

  get counters() {
    return { ...this.#sessions.counters, jumps: this.#jumps };
  }

  /** How far the engine's input is behind the newest audio received, in ms. */
  get lagMs(): number {
    return this.#stream ? (Math.max(0, newestOf(this.#stream) - this.#cursor) * 1000) / sampleRate : 0;
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
    if (this.#stream) claim(this.#stream.id, [[Math.min(this.#cursor, this.#resting.from ?? forever), forever]]);
    if (this.#next) claim(this.#next.id, [[startOf(this.#next, this.#taken(this.#next.id)), forever]]);
    for (const attempt of this.#sessions.all()) for (const [stream, ranges] of attempt.undone()) claim(stream, ranges);
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
    await this.#sessions.stop(timeoutMs);
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
    if (this.#timer || this.#stopped || !(this.#stream || this.#sessions.hasLeaving)) return;
    const paceMs = this.#pace.waitMs(this.#now());
    const again = () => {
      this.#timer = undefined;
      this.advance();
    };
    this.#timer = setTimeout(again, paceMs > 0 ? Math.min(tickMs, Math.max(1, paceMs)) : tickMs);
  }

  /** One piece of progress; false when there is nothing to do until something happens. */
  async #step(): Promise<boolean> {
    const stream = this.#stream;
    const now = this.#now();
    if (!stream) return this.#takeNext();
    if (this.#movesOn(stream, now)) return this.#takeNext();
    const governing = this.#governing.at(stream, this.#cursor);
    const isPaused = governing?.assignment.paused === true;
    if (!isPaused && !this.#sessions.isOpenable) return false;

    const hole = holeAt(stream, this.#cursor);
    if (hole) {
      this.#silence(Math.min(hole.to - this.#cursor, samples(this.#limits.maxHoleSilenceMs)));
      this.#note(stream, this.#resting.leave(this.#cursor, hole.to));
      this.#cursor = hole.to;
      return true;
    }
    const end = Math.min(readableTo(stream, this.#cursor), this.#cursor + frameSamples);
    // A rest or a pause passes by at once what is here.
    const isPassing = (isPaused || this.#resting.isResting) && end > this.#cursor;
    if (this.lagMs > this.#limits.catchUpLimitMs && !isPassing) return this.#jump(stream);
    if (end <= this.#cursor) return this.#waiting(stream, now);
    if (governing && isPaused) return this.#pass(stream, end, governing);
    return this.#feed(stream, end, now);
  }

  /** Off the record: nobody hears it, but for the end of a word that was begun before. */
  async #pass(stream: SpoolStream, end: number, { assignment, from: since, until }: Governed): Promise<boolean> {
    const from = this.#cursor;
    const to = Math.min(end, until);
    if (assignment.id !== this.#assignment?.id) {
      this.#replace(stream, Math.min(since, from));
      for (const attempt of this.#sessions.all()) attempt.disown(stream.id, [[since, until]]);
      this.#note(stream, this.#resting.leave(from, from));
    }
    this.#assignment = assignment;
    const generation = this.#generation;
    const audio = await monoOf(stream, from, to);
    if (generation !== this.#generation || this.#stopped) return true;
    this.#resting.hear(from, audio);
    this.#sessions.write(stream.id, from, audio);
    this.#note(stream, this.#resting.skip(from, to));
    this.#note(stream, [[Math.min(since, from), to]]);
    this.#cursor = this.#passedTo = to;
    this.#lastAudioMs = this.#now();
    return true;
  }

  async #feed(stream: SpoolStream, end: number, now: number): Promise<boolean> {
    const mayWait = now - this.#lastAudioMs < this.#limits.patienceMs;
    const at = this.#generation;
    if (await settleBoundary(this.#governing, stream, this.#cursor, mayWait)) return false;
    const governing = this.#governing.at(stream, this.#cursor);
    if (!governing || at !== this.#generation || this.#stopped) return false;
    // A pause may have ended a little before the audio that was passed by.
    if (this.#passedTo === this.#cursor) this.#cursor = governing.from;
    this.#passedTo = null;
    const { present } = this.#sessions;
    // It hears a little beyond its end.
    const { maxLeadMs, overlapMs } = this.#limits;
    const isAhead = present !== null && present.leadMs(now) + 100 + overlapMs > maxLeadMs;
    if (isAhead || governing.assignment.id !== this.#assignment?.id) this.#replace(stream);
    this.#assignment = governing.assignment;
    if (this.#pace.waitMs(now) > 0) return false;

    const from = this.#cursor;
    const to = Math.min(end, governing.until, from + frameSamples);
    const generation = this.#generation;
    const audio = await monoOf(stream, from, to);
    if (generation !== this.#generation || this.#stopped) return true;
    this.#resting.hear(from, audio);
    if (this.#resting.isResting) return this.#rest(stream, to, governing.assignment);
    const isAfterPause = this.#governing.at(stream, from - 1)?.assignment.paused === true;
    const isAfterOthers = this.#sessions.hasLeaving || isAfterPause;
    if (
      !this.#sessions.present &&
      !(await this.#opening.open(this.#start(stream), governing.assignment, isAfterOthers))
    )
      return false;
    if (generation !== this.#generation) return true;
    this.#sessions.write(stream.id, from, audio);
    this.#pace.spend(now, to - from);
    this.#cursor = to;
    this.#lastWriteMs = this.#lastAudioMs = now;
    if (this.#sessions.isDoubtful || this.#sessions.isDue) await this.#opening.openBeside(this.#start(stream));
    if (this.#sessions.mayChangeOver(this.#resting.isPause)) {
      this.#sessions.changeOver(stream.id, to, to + samples(this.#limits.overlapMs));
    } else if (this.#sessions.isRestable && this.#resting.mayRest(now - (this.#sessions.present?.openedAtMs ?? now))) {
      this.#sessions.finish();
      this.#resting.begin(to);
    }
    return true;
  }

  /** Passes silence by; goes back to just before the sound that ends it. */
  #rest(stream: SpoolStream, to: number, { engine }: Assignment): boolean {
    const isPaid = this.#sessions.engineOf(engine).paid;
    const woken = isPaid ? this.#resting.wake(to) : this.#resting.end(to);
    this.#cursor = woken?.from ?? to;
    this.#note(stream, woken ? woken.passed : this.#resting.pass(to));
    if (woken) this.#generation++;
    this.#lastAudioMs = this.#now();
    return true;
  }

  /** These positions are silence that no session need hear. */
  #note(stream: SpoolStream, silence: RangeSet): void {
    if (silence.length > 0) this.#spool.settle(stream, silence);
  }

  /** A session that is opened here begins at the cursor. */
  #start(stream: SpoolStream): Start {
    const generation = this.#generation;
    return { stream, position: this.#cursor, isStill: () => generation === this.#generation && !this.#stopped };
  }

  /** What a failed session did not answer is asked again, if it is still near; else backfill finds it. */
  #goBack(undone: ReadonlyMap<string, RangeSet>): void {
    this.#generation++;
    const stream = this.#stream;
    const nearest = stream ? newestOf(stream) - samples(this.#limits.catchUpLimitMs) : 0;
    const back = undone.get(stream?.id ?? '')?.find(([from]) => from >= nearest)?.[0] ?? forever;
    this.#cursor = Math.min(this.#cursor, back);
    this.advance();
  }

  /** The present session owns nothing from `position` on; the next one begins at the cursor. */
  #replace(stream: SpoolStream, position = this.#cursor): void {
    if (!this.#sessions.present) return;
    this.#sessions.replace(stream.id, position, this.#cursor + samples(this.#limits.overlapMs));
    this.#generation++;
  }

  /** To the newest audio at once; what lies between is backfilled. */
  #jump(stream: SpoolStream): boolean {
    const target = jumpTarget(stream, this.#cursor, samples(this.#limits.catchUpLimitMs));
    if (target <= this.#cursor) return false;
    this.#jumps++;
    this.#leave(stream, target);
    this.#note(stream, this.#resting.leave(this.#cursor, target));
    this.#cursor = target;
    return true;
  }

  /** Nothing can be read at the cursor. */
  #waiting(stream: SpoolStream, now: number): boolean {
    if (stream.ended && this.#cursor >= stream.edge) {
      this.#sessions.finish();
      this.#note(stream, this.#resting.leave(this.#cursor, this.#cursor));
      this.#stream = null;
      return true;
    }
    const idle = now - this.#lastAudioMs;
    if (idle > this.#limits.patienceMs) this.#sessions.dismissLeaving();
    const { present } = this.#sessions;
    if (!present) return false;
    if (idle > this.#limits.idleMs) {
      this.#sessions.finish();
      return false;
    }
    if (idle < this.#limits.patienceMs || now - this.#lastWriteMs < 100) return false;
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
    const isBehind = left + newestOf(next) > samples(this.#limits.catchUpLimitMs);
    const isStuck = !isHere(stream, this.#cursor) && now - this.#lastAudioMs > this.#limits.patienceMs;
    if (left > 0 && !isBehind && !isStuck) return false;
    this.#leave(stream, forever);
    this.#note(stream, this.#resting.leave(this.#cursor, this.#cursor));
    return true;
  }

  #switchTo(stream: SpoolStream): void {
    this.#stream = stream;
    this.#cursor = startOf(stream, this.#taken(stream.id));
    this.#passedTo = null;
    this.#resting.follow(this.#cursor);
    this.#sessions.dropStandby();
    this.#generation++;
    this.#lastAudioMs = this.#now();
  }

  /** Silence that has no position, as far as no session comes too far ahead of its own clock: it may have to hear a little beyond its end. */
  #silence(count: number): void {
    const { maxLeadMs, overlapMs } = this.#limits;
    this.#sessions.writeSilence(count, maxLeadMs - overlapMs - 100);
  }

  /** The present session does not own what lies from the cursor to `target`; silence closes its open segment. */
  #leave(stream: SpoolStream, target: number): void {
    const until = target === forever ? forever : ownedFrom(stream, target, samples(this.#limits.cutMs));
    this.#sessions.disown(stream.id, [[this.#cursor, until]]);
    this.#silence(samples(1000));
  }

  /** Once a second: what silence has put behind the session is saved with the next sync; limits of spending are kept. */
  tick(): void {
    this.#sessions.endOverspent();
    for (const attempt of this.#sessions.all())
      for (const [id, ranges] of attempt.settle()) {
        const stream = this.#spool.get(id);
        if (stream && ranges.length > 0) this.#spool.settle(stream, ranges);
      }
  }
}
