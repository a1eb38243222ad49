import { messageOf, SalaError } from '../systemd/errors.ts';
import type { Logger } from '../systemd/log.ts';
import type { Act } from './audit.ts';
import { type Decisions, heldTalk, maxOverrunMs, nextTalk, presentTalk } from './conduct-times.ts';
import { tryWrite } from './database.ts';
import { nearLanguages } from './engines/transcribe-languages.ts';
import type { LiveRoom, LiveRooms } from './live.ts';
import type { Assignment } from './rooms.ts';
import type { KeptTalk, Talks } from './talks.ts';

const tickMs = 1000;
/** A clock that was set is believed when it has gone on evenly for so long. */
const steadyMs = 60_000;
const jumpMs = 30_000;
/** What could not be assigned is tried again so often: its cause may have gone. */
const retryMs = 30_000;
export const maxExtendMinutes = 240;

export type ConductAct = 'hold' | 'advance' | 'extend';

export interface ConductRequest {
  readonly act: ConductAct;
  /** Of `extend`. */
  readonly minutes?: number | undefined;
  /** Of `hold`: another talk than the present one, as the one before where the next has begun by the clock. */
  readonly talk?: string | undefined;
}

export interface Conducted {
  /** The talk that is going on; null between talks. */
  readonly talk: KeptTalk | null;
  readonly held: boolean;
  /** Room time; null without a talk. */
  readonly until: number | null;
  readonly next: KeptTalk | null;
  /** Why its language could not be assigned; empty where it was. */
  readonly message: string;
}

export interface ConductParts {
  readonly rooms: Pick<LiveRooms, 'all' | 'get' | 'put'>;
  readonly talks: Talks;
  /** Those of a room, in order of time. */
  readonly assignments: (room: string) => readonly Pick<Assignment, 'language' | 'fromMs'>[];
  /** Of imported talks that name none. */
  readonly scheduleLanguage: () => string | null;
  readonly defaultLanguage: string;
  readonly audit: { note(act: Act): void };
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly now?: () => number;
  /** Goes on whatever is done to the clock. */
  readonly monotonic?: () => number;
}

interface Fault {
  readonly talk: string;
  readonly wanted: string;
  readonly message: string;
  /** The room's, when it was refused. */
  readonly language: string;
  readonly atMs: number;
}

/** Has each talk captioned in its language, and does what organizers say of the talk that is on. */
export class Conduct {
  readonly #parts: Required<ConductParts>;
  readonly #faults = new Map<string, Fault>();
  #timer: NodeJS.Timeout | undefined;
  /** What the clock showed beyond the time that went by. */
  #offsetMs: number;
  #unsteadyUntilMs = 0;

  constructor({ now = Date.now, monotonic = () => performance.now(), ...parts }: ConductParts) {
    this.#parts = { now, monotonic, ...parts };
    this.#offsetMs = now() - monotonic();
  }

  start(): void {
    this.#timer ??= setInterval(() => this.tick(), tickMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#parts.talks.saveDecisions();
  }

  /** Once a second: assigns the language of each talk that begins. */
  tick(): void {
    this.#parts.talks.saveDecisions();
    if (!this.#isSteady()) return;
    // A disk that cannot be read now is no reason to end; a second later it is looked again.
    for (const room of this.#parts.rooms.all()) tryWrite(() => this.#lookAt(room));
  }

  of(room: LiveRoom): Conducted {
    const { name } = room.record;
    const { talks, now } = this.#parts;
    const [all, decisions, nowMs] = [talks.moved(name), talks.decisions(name), now()];
    const talk = presentTalk(all, decisions, nowMs);
    const held = talk !== null && heldTalk(all, decisions, nowMs) === talk;
    return {
      talk,
      held,
      until: talk && talk.end + (held ? maxOverrunMs : 0),
      next: nextTalk(all, talk, nowMs),
      message: this.#faults.get(name)?.message ?? '',
    };
  }

  /**
   * Holds the present talk, has the next one begin now, or has the present one end later.
   * @throws {SalaError} `talk-none` where there is no such talk
   */
  act(room: LiveRoom, { act, minutes = 10, talk: named }: ConductRequest): Conducted {
    const { name } = room.record;
    const { talks } = this.#parts;
    const decisions = talks.decisions(name);
    const nowMs = this.#parts.now();
    const { talk: present, held, next } = this.of(room);
    if (act === 'hold') {
      const talk = named === undefined ? present : talks.moved(name).find(({ id }) => id === named);
      if (!talk || nowMs >= talk.end + maxOverrunMs) throw noTalk('There is no talk that could be held now');
      talks.decide(name, { ...decisions, held: talk.id });
    } else if (act === 'extend') {
      if (!present) throw noTalk('There is no talk that could go on');
      const end = Math.max(present.end, nowMs) + minutes * 60_000;
      talks.decide(name, withMoved(decisions, present.id, { end, ended: undefined }));
    } else {
      const follows = next && next.start - nowMs <= maxOverrunMs ? next : null;
      if (!follows && !held) throw noTalk('There is no talk within the next three hours that could begin now');
      const early = present && present.start > nowMs ? { begun: nowMs } : {};
      const closed = present ? withMoved(decisions, present.id, { ...early, ended: nowMs }) : decisions;
      const opened = follows
        ? withMoved(closed, follows.id, { begun: nowMs, ended: undefined, end: undefined })
        : closed;
      talks.decide(name, { ...opened, held: null });
    }
    // An organizer's word does not wait for the clock to be believed.
    this.#lookAt(room, true);
    return this.of(room);
  }

  /** What a talk is spoken in, as a room may be assigned it, the likeliest first; none: its room's language stays. */
  languagesOf(talk: KeptTalk, room: LiveRoom): string[] {
    const wanted = this.wantedFor(talk);
    return wanted === null ? [] : this.languagesLike(wanted, room);
  }

  /** The form of a language that a room would be assigned: "it" is it-IT, and "en" the English that the room had before. */
  languagesLike(wanted: string, room: LiveRoom): string[] {
    const { scheduleLanguage, defaultLanguage } = this.#parts;
    const locale = new Intl.Locale(wanted);
    const usual = locale.maximize();
    const isKin = (each: string) => {
      if (!each.includes('-')) return false;
      const { language, script } = new Intl.Locale(each).maximize();
      return language === usual.language && script === usual.script;
    };
    const kin = [room.record.settings.language, scheduleLanguage() ?? '', defaultLanguage].filter(isKin);
    const likely = usual.region === undefined ? [] : [`${usual.language}-${usual.region}`];
    const own = locale.region === undefined ? [] : [wanted];
    return [...new Set([...own, ...kin, ...likely, ...nearLanguages(wanted), wanted])];
  }

  /** The language of a talk by the schedule; null: the room's stays. */
  wantedFor({ language, source }: Pick<KeptTalk, 'language' | 'source'>): string | null {
    return language ?? (source === 'schedule' ? this.#parts.scheduleLanguage() : null);
  }

  /** @param isCalled by an organizer, just now */
  #lookAt(room: LiveRoom, isCalled = false): void {
    const { name } = room.record;
    const { talks, now } = this.#parts;
    const decisions = talks.decisions(name);
    const talk = presentTalk(talks.moved(name), decisions, now());
    if (!talk) return void this.#faults.delete(name);
    const wanted = this.wantedFor(talk);
    const { assigned } = decisions;
    if (assigned?.talk === talk.id && assigned.wanted === wanted) return;
    const { settings } = room.record;
    // A change by hand wins until the next talk begins, also over a schedule that is corrected meanwhile.
    const isByHand =
      assigned?.talk === talk.id ? settings.language !== assigned.language : !isCalled && this.#isSetSince(room, talk);
    const fault = this.#faults.get(name);
    const isMended = fault?.talk === talk.id && fault.language !== settings.language;
    // Identification is an organizer's choice, which an assigned language would end.
    const isLeft = wanted === null || isByHand || isMended || settings.recognition.identification !== null;
    if (isLeft) this.#faults.delete(name);
    const language = isLeft ? settings.language : this.#assign(room, talk, wanted);
    if (language !== null) talks.decide(name, { ...decisions, assigned: { talk: talk.id, wanted, language } });
  }

  /** An organizer set the language since the talk began, and the schedule has not been there before. */
  #isSetSince(room: LiveRoom, { start }: KeptTalk): boolean {
    const { name, settings } = room.record;
    if (this.#parts.talks.decisions(name).assigned !== null || !settings.languageAssigned) return false;
    const all = this.#parts.assignments(name);
    const other = all.findLastIndex(({ language }) => language !== settings.language);
    const sinceMs = all[other + 1]?.fromMs ?? start;
    // A time to come was told by a clock that was wrong.
    return start < sinceMs && sinceMs <= this.#parts.now();
  }

  /** The language that is in force now; null where none could be assigned. */
  #assign(room: LiveRoom, talk: KeptTalk, wanted: string): string | null {
    const { name, settings } = room.record;
    const { rooms, audit, log, monotonic } = this.#parts;
    const before = this.#faults.get(name);
    const isSame = before?.talk === talk.id && before.wanted === wanted;
    if (isSame && monotonic() - before.atMs < retryMs) return null;
    let fault: unknown;
    for (const language of this.languagesLike(wanted, room)) {
      try {
        if (settings.language !== language) {
          rooms.put(name, { language });
          audit.note({
            ...{ actor: 'schedule', address: '', act: 'assigned a language', room: name },
            detail: { language, talk: talk.id },
          });
        }
        this.#faults.delete(name);
        log.info({ event: 'talk-language', room: name, talk: talk.id, language }, 'A talk begins');
        return language;
      } catch (error) {
        fault ??= error;
        if (!(error instanceof SalaError) || error.code !== 'settings-conflict') break; // the disk: no other would do
      }
    }
    const message = `The language of "${talk.title}" (${wanted}) could not be assigned: ${messageOf(fault)}`;
    this.#faults.set(name, { talk: talk.id, wanted, message, language: settings.language, atMs: monotonic() });
    if (!isSame) {
      log.warn(
        { event: 'talk-language-refused', room: name, talk: talk.id, wanted, err: fault },
        'A language could not be assigned',
      );
      audit.note({
        ...{ actor: 'schedule', address: '', act: 'could not assign a language', room: name },
        detail: { language: wanted, talk: talk.id },
      });
    }
    return null;
  }

  /**
   * Whether the clock goes evenly. A kit that is its own relay boots in 1970, a clock may be set by decades and back: what
   * is assigned at such a moment would govern from there on.
   */
  #isSteady(): boolean {
    const mono = this.#parts.monotonic();
    const offset = this.#parts.now() - mono;
    if (Math.abs(offset - this.#offsetMs) > jumpMs) this.#unsteadyUntilMs = mono + steadyMs;
    this.#offsetMs = offset;
    return mono >= this.#unsteadyUntilMs;
  }
}

const withMoved = (decisions: Decisions, id: string, change: Decisions['moved'][string]): Decisions => ({
  ...decisions,
  moved: { ...decisions.moved, [id]: { ...decisions.moved[id], ...change } },
});

const noTalk = (message: string) =>
  new SalaError(message, {
    code: 'talk-none',
    hint: 'GET /api/rooms/NAME/talks lists the talks; assign the language by hand.',
  });
