import type { Explained } from '../systemd/errors.ts';
import type { Logger } from '../systemd/log.ts';
import { Attempt, type AttemptListener, type Heard } from './attempt.ts';
import type { Engine, EngineFailure, SessionSettings } from './engines/engine.ts';
import { sessionSettings } from './governing.ts';
import { LeavingSessions } from './leaving-sessions.ts';
import { isUnanswered, MuteWatch, maxSecondMs, minSecondMs } from './mute.ts';
import { type RangeSet, sampleRate, subtract } from './protocol.js';
import type { EngineQuota, Lease, SessionPurpose } from './quota.ts';
import { EngineRetry } from './retry.ts';
import type { Assignment } from './rooms.ts';
import type { SaidWords } from './said.ts';
import { mute, noPlace, noTurn, noWords, spent } from './session-notices.ts';

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

/** Of the longest a session may last: from here on the next one stands by, and at the latest it takes over. */
const rotateFromShare = 7 / 8;
const rotateAtLatestShare = 23 / 24;
/** A session that was to stand by and failed, or found no place, is tried again after this: 20 s of 4 h. */
const standbyRetryShare = 1 / 720;
/** Whoever waits for a place asks again this soon. */
const askAgainMs = 250;
const forever = Number.MAX_SAFE_INTEGER;

/**
 * The engine sessions of one room's live feed: the present one, one beside it when it is doubted, those that are leaving, and
 * when the next may be tried.
 */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #retry = new EngineRetry();
  readonly #mute = new MuteWatch();
  #present: Attempt | null = null;
  /** Hears the same as the present one, which is doubted: whichever speaks first goes on. */
  #second: Attempt | null = null;
  /** Hears the same as the present one, and owns nothing until it takes its place at a pause. */
  #standby: Attempt | null = null;
  #standbyNotBeforeMs = 0;
  readonly #leaving: LeavingSessions;
  /** It has ended a session to open the next one, and waits for a place. */
  #isChangingOver = false;
  #reopenAtMs = 0;
  #engine: Engine | null = null;
  /** Why there is no session, or why the last one ended; null while all is well. */
  failure: EngineFailure | null = null;
  readonly counters = { sessions: 0, failures: 0, secondOpinions: 0, silenceMs: 0 };

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#leaving = new LeavingSessions(options.finishTimeoutMs);
  }

  get present(): Attempt | null {
    return this.#present;
  }

  get engineName(): string {
    return this.#engine?.name ?? '';
  }

  /** Whether a session is open, or may be opened now. */
  get isOpenable(): boolean {
    return this.#present !== null || this.#options.now() >= this.#reopenAtMs;
  }

  /** Whether the present session hears what may be speech and says nothing: time for a second one beside it. */
  get isDoubtful(): boolean {
    const present = this.#present;
    if (!present?.ready || this.#second || this.hasLeaving) return false;
    return this.#engine?.promptPartials === true && this.#mute.doubts(present);
  }

  /** Whether the present session comes near the longest it may last: time for the next one to stand by. */
  get isDue(): boolean {
    if (this.#standby || this.#second || this.hasLeaving || !this.#present?.ready) return false;
    return this.#ageShare >= rotateFromShare && this.#options.now() >= this.#standbyNotBeforeMs;
  }

  /** Whether the one that stands by may take over now: at a pause, or at the latest moment. */
  mayChangeOver(isPause: boolean): boolean {
    return this.#standby?.ready === true && (isPause || this.#ageShare >= rotateAtLatestShare);
  }

  /** Whether the present session costs money and nothing is under way that needs it. */
  get isRestable(): boolean {
    const { present } = this;
    return this.#engine?.paid === true && present?.ready === true && !this.#second && !this.hasLeaving;
  }

  engineOf(name: string): Engine {
    return this.#options.engineFor(name);
  }

  /** The present session's age, as a share of the longest it may have. */
  get #ageShare(): number {
    const maxMs = this.#engine?.maxSessionMs;
    return this.#present && maxMs ? (this.#options.now() - this.#present.openedAtMs) / maxMs : 0;
  }

  /** What organizers should know although nothing has failed; null where there is nothing. */
  get notice(): Explained | null {
    return this.#present && this.#mute.isTrusted ? noWords : null;
  }

  get hasLeaving(): boolean {
    return !this.#leaving.isEmpty;
  }

  /** Every session that may still answer. */
  all(): Attempt[] {
    const each = [this.#present, ...this.#leaving.attempts];
    return each.flatMap((attempt) => (attempt && !attempt.over ? [attempt] : []));
  }

  /** Opens the next session; null when there is no place or it failed at once: `isOpenable` says when to try again. */
  open(assignment: Assignment): Attempt | null {
    const { room, engineFor, quota, listener } = this.#options;
    const engine = engineFor(assignment.engine);
    this.#engine = engine;
    const purpose = this.hasLeaving || this.#isChangingOver ? 'handover' : 'live';
    const overspent = engine.paid ? quota.overspent(room) : null;
    const lease = engine.paid && !overspent ? quota.take(purpose, room) : null;
    this.#isChangingOver = purpose === 'handover' && engine.paid && !lease && !overspent;
    if (engine.paid && !lease) {
      // The place that is missing may be the one that the old session holds.
      if (overspent || !quota.hasPlace(purpose, room)) this.dismissLeaving();
      this.#wait(overspent ? spent(overspent) : this.#queued(purpose));
      return null;
    }
    const made = this.#make(engine, sessionSettings(this.#options.room, assignment), lease);
    this.#present = made;
    this.#mute.replaced();
    listener.changed();
    if (made.over) return null;
    this.counters.sessions++;
    return made;
  }

  /** Opens a session beside the present one, with its settings; null when there is no place: it is doubted again later. */
  openSecond(): Attempt | null {
    const [present, engine] = [this.#present, this.#engine];
    if (!present || !engine) return null;
    const { quota, now, log, room } = this.#options;
    const lease = engine.paid ? quota.takeOrLeave('handover', room) : null;
    if (engine.paid && !lease) {
      this.#mute.putOff(present);
      return null;
    }
    this.#mute.ask(present, now());
    log.info({ room, engine: engine.name }, 'The engine session hears sound and says nothing; a second one is asked');
    this.counters.sessions++;
    this.counters.secondOpinions++;
    this.#second = this.#make(engine, present.settings, lease);
    return this.#second;
  }

  /** Opens the session that will take the present one's place; null when there is no place: later, again. */
  openStandby(): Attempt | null {
    const [present, engine] = [this.#present, this.#engine];
    if (!present || !engine) return null;
    const { quota, now, room } = this.#options;
    this.#standbyNotBeforeMs = now() + (engine.maxSessionMs ?? 0) * standbyRetryShare;
    const lease = engine.paid ? quota.takeOrLeave('handover', room) : null;
    if (engine.paid && !lease) return null;
    this.counters.sessions++;
    this.#standby = this.#make(engine, present.settings, lease);
    return this.#standby;
  }

  /** The one that stands by owns the stream from `position` on; the present one hears as far as `until` and ends. */
  changeOver(stream: string, position: number, until: number): void {
    const next = this.#standby;
    if (!next) return;
    this.#standby = null;
    this.replace(stream, position, until);
    next.own(stream, [[position, forever]]);
    this.#present = next;
    this.#mute.replaced();
    this.#options.listener.changed();
  }

  dropStandby(): void {
    this.#standby?.abort();
    this.#standby = null;
  }

  #make(engine: Engine, settings: SessionSettings, lease: Lease | null): Attempt {
    const { said, listener, now } = this.#options;
    let made: Attempt | null = null;
    const isPresent = () => made !== null && this.#present === made;
    const events: AttemptListener = {
      ready: () => {
        if (!isPresent()) return;
        this.failure = null;
        listener.changed();
      },
      answered: () => {
        if (made !== null && this.#second === made) this.#promoteSecond();
        if (!isPresent()) return;
        this.#dropSecond();
        const { isTrusted } = this.#mute;
        this.#mute.answered(now());
        if (isTrusted) listener.changed();
      },
      partial: (heard) => {
        if (isPresent()) listener.partial(heard);
      },
      final: (heard, done) => listener.final(heard, done),
      ended: () => {
        // It has answered all it heard: what holds no words is done, too. What it may have been mute about is backfilled.
        const isTrusted = (made !== null && this.#leaving.remove(made)) || this.#mute.isTrusted;
        const isMute = made !== null && !isTrusted && isUnanswered(made, engine);
        if (made && !isMute) listener.final(null, made.undone());
        if (isPresent()) this.#present = null;
        if (made !== null && this.#standby === made) this.#standby = null;
        listener.changed();
      },
      // An engine may fail while it is being opened, before there is an attempt to speak of.
      failed: (failure) =>
        made ? this.#failed(made, failure) : queueMicrotask(() => made && this.#failed(made, failure)),
    };
    made = new Attempt(engine, settings, now(), events, lease, said);
    return made;
  }

  /** Gives audio to the present session, and to those leaving as far as they still hear. */
  write(stream: string, position: number, audio: Uint8Array): void {
    this.#present?.write(stream, position, audio);
    this.#second?.write(stream, position, audio);
    this.#standby?.write(stream, position, audio);
    this.#judgeSecond();
    this.#leaving.write(stream, position, audio);
  }

  /** Silence that has no position, as far as none comes further ahead of its own clock than `maxLeadMs`; in whole
   * milliseconds, in which engines tell times: else words behind it would be some samples off. */
  writeSilence(samples: number, maxLeadMs: number): void {
    for (const attempt of [...this.all(), this.#second, this.#standby].filter((each) => each !== null)) {
      const leftMs = Math.max(0, maxLeadMs - attempt.leadMs(this.#options.now()));
      const given = (Math.floor(Math.min((samples * 1000) / sampleRate, leftMs)) * sampleRate) / 1000;
      attempt.writeSilence(given);
      if (attempt === this.#present) this.counters.silenceMs += (given * 1000) / sampleRate;
    }
    this.#judgeSecond();
  }

  /** The present session owns nothing from `position` on; it hears as far as `until`, and the next one takes its place. */
  replace(stream: string, position: number, until: number): void {
    const old = this.#present;
    if (!old) return;
    this.#dropSecond();
    this.dropStandby();
    old.own(stream, subtract(old.owned(stream), [[position, forever]]));
    this.#leaving.add(old, stream, until, this.#mute.isTrusted);
    this.#present = null;
    this.#options.listener.partial(null);
  }

  /** The present session owns nothing of these positions: they are left to others. */
  disown(stream: string, ranges: RangeSet): void {
    this.#present?.disown(stream, ranges);
    this.#second?.disown(stream, ranges);
  }

  /** Ends a paid session that has come to the day's limit of spending. */
  endOverspent(): void {
    const { quota, room } = this.#options;
    const overspent = this.#present && this.#engine?.paid ? quota.overspent(room) : null;
    if (!overspent) return;
    this.finish();
    this.#wait(spent(overspent));
  }

  /** Ends them all properly; finals still come. */
  finish(): void {
    const attempt = this.#present;
    this.#dropSecond();
    this.dropStandby();
    this.#present = null;
    if (attempt) this.#leaving.add(attempt, '', 0, this.#mute.isTrusted);
    this.dismissLeaving();
    if (!attempt) return;
    this.#options.listener.partial(null);
    this.#options.listener.changed();
  }

  /** No more audio comes for those that are leaving. */
  dismissLeaving(): void {
    this.#leaving.dismiss();
  }

  /** Ends them all; resolves when the last finals are out, or the time is. */
  async stop(timeoutMs: number): Promise<void> {
    const { now } = this.#options;
    const open = this.all();
    this.#dropSecond();
    this.dropStandby();
    this.#present = null;
    for (const attempt of open) attempt.finish(timeoutMs);
    const deadlineMs = now() + timeoutMs;
    while (open.some((attempt) => !attempt.over) && now() < deadlineMs)
      await new Promise((resolve) => setTimeout(resolve, 20));
    for (const attempt of open) attempt.abort();
  }

  /** It spoke first: the doubted session is mute. */
  #promoteSecond(): void {
    const old = this.#present;
    if (!old) return;
    old.abort();
    this.#failed(old, mute);
  }

  #dropSecond(): void {
    this.#second?.abort();
    this.#second = null;
  }

  /** A second session that says nothing either has heard noise, as far as anybody can tell. */
  #judgeSecond(): void {
    const { room, log, listener, now } = this.#options;
    const [second, present] = [this.#second, this.#present];
    if (!second || !present) return;
    const ageMs = now() - second.openedAtMs;
    const isJudged = second.ready && ageMs >= minSecondMs && this.#mute.isEnough(second);
    if (!isJudged && ageMs < maxSecondMs) return;
    this.#dropSecond();
    this.#mute.trust(present);
    log.info({ room, engine: present.engineName, code: noWords.code }, noWords.message);
    listener.changed();
  }

  #failed(attempt: Attempt, failure: EngineFailure): void {
    if (attempt === this.#second || attempt === this.#standby) {
      // Another one is opened later.
      if (attempt === this.#second) this.#second = null;
      else this.#standby = null;
      const { room, log } = this.#options;
      log.info({ room, code: failure.code, reason: failure.message }, 'A session beside the present one failed');
      return;
    }
    this.counters.failures++;
    this.#leaving.remove(attempt); // what it did not answer is backfilled
    if (this.#present !== attempt) return;
    this.dropStandby();
    const second = this.#second;
    this.#second = null;
    this.#present = second;
    this.#mute.replaced();
    const { room, log, listener, now } = this.#options;
    const { code, kind, message: reason } = failure;
    log.warn({ room, engine: attempt.engineName, code, kind, reason }, 'An engine session failed');
    if (second) {
      // It is at the newest audio already; what the other did not answer of what lies before is backfilled.
      listener.partial(null);
      listener.changed();
      return;
    }
    this.#putOff(failure, now() - attempt.openedAtMs);
    listener.failed(attempt.undone());
  }

  #queued(purpose: SessionPurpose): EngineFailure {
    const { quota, room } = this.#options;
    return (quota.hasPlace(purpose, room) ? noTurn : noPlace)(quota.ahead(purpose, room));
  }

  /** No session may be opened yet. */
  #wait(failure: EngineFailure): void {
    this.failure = failure;
    this.#reopenAtMs = this.#options.now() + askAgainMs;
    this.#options.listener.changed();
  }

  #putOff(failure: EngineFailure, livedMs: number): void {
    this.failure = failure;
    this.#reopenAtMs = this.#options.now() + this.#retry.next(failure.kind, livedMs);
    this.#options.listener.changed();
  }
}
