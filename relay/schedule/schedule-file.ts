import { createHash } from 'node:crypto';
import { SalaError } from '../../systemd/errors.ts';
import { language as languageTag } from '../settings.ts';
import { msAt, parseDuration, parseMoment, timeOf } from './local-time.ts';
import { namesIn, ordinaryWords } from './names.ts';

/** Bounds of what is read; a file beyond them is refused, and told which one. */
export const scheduleLimits = {
  maxBytes: 5 * 1024 * 1024,
  maxTalks: 5000,
  maxRooms: 500,
  /** Mistakes and notes that are told; the others are counted. */
  maxTold: 50,
  maxDepth: 24,
  maxTitle: 300,
  maxSpeakers: 20,
  maxSpeaker: 200,
  maxRoomName: 200,
  maxTalkMs: 24 * 3_600_000,
} as const;

/** A talk as a schedule has it; `start` and `end` in ms since 1970. */
export interface FileTalk {
  readonly id: string;
  /** As the schedule calls it. */
  readonly room: string;
  readonly title: string;
  readonly speakers: readonly string[];
  readonly language: string | null;
  readonly start: number;
  readonly end: number;
  /** What an engine would not guess: speakers, and names in the title. */
  readonly names: readonly string[];
}

/** What cannot be used, and where it stands. */
export interface Mistake {
  readonly place: string;
  readonly message: string;
  /** The room of the schedule that it is in; null: it concerns the whole. */
  readonly room: string | null;
}

/** What is in a schedule, within `scheduleLimits`. */
export interface ScheduleFile {
  readonly talks: readonly FileTalk[];
  /** As the schedule calls them, those without talks included where it names them. */
  readonly rooms: readonly string[];
  readonly mistakes: readonly Mistake[];
  /** What was cut, left out or guessed, in words. */
  readonly notes: readonly string[];
}

/** A file that cannot be read at all. */
export class ScheduleError extends SalaError {
  constructor(message: string, hint = 'Export the schedule again; relay/README.md says what is understood.') {
    super(message.slice(0, 8000), { code: 'schedule-invalid', hint });
  }
}

/** What a parser found of one talk, as it stands there. */
export interface RawTalk {
  readonly place: string;
  readonly room: string;
  /** The first that is there names the talk, for ever. */
  readonly ids: readonly unknown[];
  readonly title: unknown;
  readonly speakers: readonly unknown[];
  readonly language: unknown;
  /** Date and time, with or without an offset; or absent, and `day` and `time` say it. */
  readonly moment: unknown;
  readonly day: unknown;
  readonly time: unknown;
  /** What comes before it on the clock is after midnight. */
  readonly dayStart: unknown;
  /** `HH:MM`, `D:HH:MM`, or minutes. */
  readonly duration: unknown;
  readonly end: unknown;
  readonly status: unknown;
  /** Only read to learn which words are ordinary. */
  readonly texts: readonly unknown[];
}

const cancelled =
  /^\W*(cancell?ed|abgesagt|entfällt|annullat[oa]|cancellat[oa]|annulée?|cancelad[oa])\b\s*(?:[\])}:!–—-]|\W*$)/iu;
const cancelledWord = /^(cancell?ed|withdrawn|rejected|deleted|abgesagt|annullat[oa]|cancellat[oa]|annulée?)$/iu;

/** Text of any kind on one line, without control characters. */
export function lineOf(value: unknown): string {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  if (typeof value !== 'string') return '';
  return value
    .slice(0, 4000)
    .replace(/[\p{Cc}\u2028\u2029\s]+/gu, ' ')
    .toWellFormed()
    .trim();
}

/** The name of a room, as a schedule has it. */
export const roomNameOf = (value: unknown) => lineOf(value).slice(0, scheduleLimits.maxRoomName).toWellFormed().trim();

const cutTo = (text: string, max: number) => (text.length > max ? `${text.slice(0, max - 1).toWellFormed()}…` : text);

/** Ids of talks are of these letters; any other is known by its hash. */
function idOf(text: string): string {
  if (/^[A-Za-z0-9._-]{1,64}$/.test(text)) return text;
  return `s-${createHash('sha256').update(text).digest('hex').slice(0, 24)}`;
}

/** Collects talks from a parser, within the limits, and tells what is wrong with each at its place. */
export class ScheduleReader {
  readonly #timeZone: string | null;
  readonly #raw: RawTalk[] = [];
  readonly #rooms = new Set<string>();
  readonly #mistakes: Mistake[] = [];
  /** Rooms with a mistake. */
  readonly #inRooms = new Set<string | null>();
  readonly #notes: string[] = [];
  readonly #places = new Map<string, string>();
  #untold = 0;

  /** @param timeZone of times without an offset; null: nobody said */
  constructor(timeZone: string | null) {
    this.#timeZone = timeZone;
  }

  /** @throws {ScheduleError} where there are more than anyone could use */
  add(talk: RawTalk): void {
    if (this.#raw.length >= scheduleLimits.maxTalks)
      throw new ScheduleError(
        `The schedule has more than ${scheduleLimits.maxTalks} talks, as many as are taken`,
        'Export only the days and rooms that are to be captioned.',
      );
    this.#raw.push(talk);
    this.room(talk.room);
  }

  /** The schedule has a room of that name. @throws {ScheduleError} */
  room(name: string): void {
    if (name === '' || this.#rooms.has(name)) return;
    if (this.#rooms.size >= scheduleLimits.maxRooms)
      throw new ScheduleError(`The schedule has more than ${scheduleLimits.maxRooms} rooms, as many as are taken`);
    this.#rooms.add(name);
  }

  mistake(place: string, message: string, room: string | null): void {
    // One of each room is told in any case: those of other rooms may not hide that ours has one.
    if (this.#mistakes.length >= scheduleLimits.maxTold && this.#inRooms.has(room)) this.#untold++;
    else this.#mistakes.push({ place: place.slice(0, 200), message, room });
    this.#inRooms.add(room);
  }

  done(): ScheduleFile {
    const ordinary = ordinaryWords(
      this.#raw.flatMap(({ texts, title }) => [...texts, title].filter((text) => typeof text === 'string')),
    );
    const talks = this.#raw.flatMap((raw) => this.#talk(raw, ordinary) ?? []);
    if (this.#untold > 0) this.#notes.push(`${this.#untold} more mistakes or notes are not listed here.`);
    return { talks, rooms: [...this.#rooms], mistakes: this.#mistakes, notes: this.#notes };
  }

  #note(text: string): void {
    if (this.#notes.length < scheduleLimits.maxTold) this.#notes.push(text);
    else this.#untold++;
  }

  #talk(raw: RawTalk, ordinary: ReadonlySet<string>): FileTalk | null {
    const { place, room } = raw;
    const wrong = (what: string, message: string) => this.mistake(`${place}${what}`, message, room || null);
    const title = lineOf(raw.title);
    if (cancelled.test(title) || cancelledWord.test(lineOf(raw.status))) {
      this.#note(`${place}: ${cutTo(title, 80) || 'a talk'} is cancelled and left out.`);
      return null;
    }
    if (title === '') wrong('.title', 'is missing');
    if (room === '') wrong('.room', 'is missing');
    const id = raw.ids.map(lineOf).find((each) => each !== '');
    if (id === undefined) wrong('.id', 'is missing: without it a talk cannot be followed when it moves');
    const first = id === undefined ? undefined : this.#places.get(id);
    if (id !== undefined && first === undefined) this.#places.set(id, place);
    if (first !== undefined) wrong('.id', `is that of ${first} once more (${cutTo(id ?? '', 64)})`);
    const start = this.#startOf(raw, wrong);
    const end = start === null ? null : this.#endOf(raw, start, wrong);
    if (title === '' || room === '' || id === undefined || first !== undefined || start === null || end === null)
      return null;
    if (title.length > scheduleLimits.maxTitle)
      this.#note(`${place}.title: is cut to ${scheduleLimits.maxTitle} characters.`);
    const people = [...new Set(raw.speakers.map(lineOf).filter((each) => each !== ''))];
    if (people.length > scheduleLimits.maxSpeakers)
      this.#note(`${place}.persons: only the first ${scheduleLimits.maxSpeakers} of ${people.length} are kept.`);
    const speakers = people
      .slice(0, scheduleLimits.maxSpeakers)
      .map((person) => cutTo(person, scheduleLimits.maxSpeaker));
    const language = this.#languageOf(raw);
    const kept = { title: cutTo(title, scheduleLimits.maxTitle), speakers, language };
    return { id: idOf(id), room, ...kept, start, end, names: namesIn(kept, ordinary) };
  }

  #startOf(raw: RawTalk, wrong: (what: string, message: string) => void): number | null {
    const moment = lineOf(raw.moment);
    const [where, local] =
      moment === '' ? ['.start', `${lineOf(raw.day)}T${lineOf(raw.time)}`] : (['.date', moment] as const);
    if (moment === '' && (lineOf(raw.day) === '' || lineOf(raw.time) === '')) {
      wrong('.date', 'is missing');
      return null;
    }
    const found = parseMoment(local, this.#timeZone);
    if (typeof found === 'string') {
      wrong(where, found);
      return null;
    }
    if (moment !== '' || lineOf(raw.dayStart) === '') return found;
    // A day of a conference goes on past midnight: what comes before its beginning belongs to its night.
    const begins = timeOf(lineOf(raw.dayStart));
    const time = timeOf(lineOf(raw.time));
    if (begins === null || time === null || time >= begins) return found;
    return msAt({ ms: found, days: 1, timeZone: this.#timeZone });
  }

  #endOf(raw: RawTalk, start: number, wrong: (what: string, message: string) => void): number | null {
    const duration = lineOf(raw.duration);
    const end = lineOf(raw.end);
    if (duration === '' && end === '') {
      wrong('.duration', 'is missing');
      return null;
    }
    if (duration !== '') {
      const ms = parseDuration(duration);
      const message = ms === null ? `is not HH:MM or minutes: "${duration.slice(0, 40)}"` : longEnough(ms);
      if (ms !== null && message === null) return start + ms;
      wrong('.duration', message ?? '');
      return null;
    }
    // A whole date and time may have another offset than the start, or be another day's.
    const clock = /^\d{4}-/.test(end) ? null : timeOf(end);
    const ms = clock === null ? parseMoment(end, this.#timeZone) : this.#clockAfter(start, end);
    const message = typeof ms === 'string' ? ms : longEnough(ms - start);
    if (typeof ms === 'number' && message === null) return ms;
    wrong('.end', message ?? '');
    return null;
  }

  /** The next time after `start` at which clocks show it. */
  #clockAfter(start: number, clock: string): number | string {
    const zone = this.#timeZone ?? 'UTC';
    const day = new Date(start).toLocaleDateString('sv-SE', { timeZone: zone });
    const same = parseMoment(`${day}T${clock}`, zone);
    if (typeof same === 'string' || same > start) return same;
    return msAt({ ms: same, days: 1, timeZone: zone });
  }

  #languageOf(raw: RawTalk): string | null {
    const given = lineOf(raw.language).replaceAll('_', '-');
    if (given === '') return null;
    const [first = ''] = given.split(/[\s,;/]+/);
    const parsed = /^[a-z]{2,3}(-[a-z0-9]+)*$/i.test(first) ? languageTag.safeParse(first) : null;
    if (parsed?.success) {
      const { language, script, region } = new Intl.Locale(parsed.data);
      return [language, script, region].filter(Boolean).join('-');
    }
    this.#note(`${raw.place}.language: "${cutTo(given, 40)}" is no language tag like it or it-IT, and is left out.`);
    return null;
  }
}

/** Why a talk cannot be so long; null where it can. */
function longEnough(ms: number): string | null {
  if (ms <= 0) return 'makes the talk end before it begins';
  return ms > scheduleLimits.maxTalkMs ? 'makes the talk longer than 24 h' : null;
}
