import { messageOf, SalaError } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import type { Act } from '../audit.ts';
import { type Database, keep, readKept, tryWrite } from '../database.ts';
import type { Rooms } from '../rooms.ts';
import type { Talks } from '../talks.ts';
import { type Fetched, fetchSchedule, type Validators } from './fetch.ts';
import type { ReadingOptions, ScheduleFormat } from './formats.ts';
import { mergeSchedule } from './merge.ts';
import { readInThread } from './reading.ts';
import { type Mistake, ScheduleError, type ScheduleFile, scheduleLimits } from './schedule-file.ts';

/** Where the schedule comes from, as the organizer set it. */
export interface ScheduleSource {
  readonly kind: 'url' | 'file';
  readonly url?: string | undefined;
  readonly everyMinutes?: number | undefined;
  /** Left out: told by the content. */
  readonly format?: ScheduleFormat | undefined;
  /** Of times without an offset; left out: as the file says. */
  readonly timeZone?: string | undefined;
  /** Rooms by their name in the schedule, where that is not theirs. */
  readonly rooms: Readonly<Record<string, string>>;
  /** Of talks that name none. */
  readonly language?: string | undefined;
}

export interface ScheduleState {
  readonly fetchedMs: number | null;
  readonly lastGoodMs: number | null;
  /** What is wrong, in words; empty where nothing is. */
  readonly message: string;
  readonly hint: string;
  readonly mistakes: readonly Mistake[];
  /** What was cut, left out or guessed. */
  readonly notes: readonly string[];
}

export interface ScheduleView {
  readonly source: ScheduleSource | null;
  readonly state: ScheduleState;
  /** Talks of it, in all rooms. */
  readonly talks: number;
  readonly unmatched: readonly string[];
  /** As the schedule calls them. */
  readonly rooms: readonly string[];
}

export interface ScheduleParts {
  readonly db: Database;
  readonly rooms: Pick<Rooms, 'all' | 'onChanged'>;
  readonly talks: Talks;
  readonly audit: { note(act: Act): void };
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly fetch?: (url: string, known: Validators) => Promise<Fetched>;
  readonly read?: (bytes: Uint8Array, options: ReadingOptions) => Promise<ScheduleFile>;
  readonly now?: () => number;
  readonly random?: () => number;
}

interface Stored extends Validators {
  readonly source: ScheduleSource;
  readonly state: ScheduleState;
}

export const defaultEveryMinutes = 5;
/** After a start, so that a relay that restarts again and again does not ask each time at once. */
const firstFetchMs = 10_000;
/** A few rooms that are made one after another are looked at once. */
const roomsDelayMs = 500;
const stateKey = 'schedule';
const fileKey = 'schedule-file';
const atRest: ScheduleState = { fetchedMs: null, lastGoodMs: null, message: '', hint: '', mistakes: [], notes: [] };
const neverAsked: Validators = { etag: null, lastModified: null };

/** The conference's own schedule: fetched or given, and kept in the rooms' talks. A broken one leaves the last good one. */
export class Schedule {
  readonly #parts: Required<ScheduleParts>;
  #stored: Stored | null;
  /** The last good one. */
  #file: ScheduleFile | null;
  /** Of the newest that could be read, so that they can be mapped. */
  #seen: { readonly rooms: readonly string[]; readonly unmatched: readonly string[] } = { rooms: [], unmatched: [] };
  #timer: NodeJS.Timeout | undefined;
  #roomsTimer: NodeJS.Timeout | undefined;
  #roomsKnown = '';
  #fetching: Promise<void> | null = null;
  /** Another source has taken the place of the one that an answer is for. */
  #generation = 0;
  #isStopped = false;
  #unlisten: () => void = () => {};

  constructor({
    fetch = fetchSchedule,
    read = readInThread,
    now = Date.now,
    random = Math.random,
    ...parts
  }: ScheduleParts) {
    this.#parts = { fetch, read, now, random, ...parts };
    this.#stored = readKept<Stored>(this.#parts.db, stateKey);
    this.#file = readKept<ScheduleFile>(this.#parts.db, fileKey);
  }

  /** Takes up what a former run left; a source with an address is asked soon. */
  start(): void {
    this.#roomsKnown = this.#roomNames();
    this.#unlisten = this.#parts.rooms.onChanged(() => this.#roomsChanged());
    this.#mergeAgain();
    this.#plan(firstFetchMs);
  }

  stop(): void {
    this.#isStopped = true;
    this.#generation++;
    clearTimeout(this.#timer);
    clearTimeout(this.#roomsTimer);
    this.#unlisten();
  }

  /** Of talks that name none. */
  get language(): string | null {
    return this.#stored?.source.language ?? null;
  }

  get state(): ScheduleState {
    return this.#stored?.state ?? atRest;
  }

  get view(): ScheduleView {
    const { rooms, talks } = this.#parts;
    const ours = rooms.all().flatMap(({ name }) => talks.of(name).filter(({ source }) => source === 'schedule'));
    return {
      source: this.#stored?.source ?? null,
      state: this.state,
      talks: ours.length,
      ...this.#seen,
    };
  }

  /** Takes an address and asks it at once; what comes of that is in the view. Of a file, changes how it is taken.
   * @throws {SalaError} `schedule-none` where there is no file yet */
  async put(source: ScheduleSource): Promise<void> {
    if (source.kind === 'file') {
      const file = this.#file;
      if (!file || this.#stored?.source.kind !== 'file') throw noFile();
      this.#stored = { ...this.#stored, source };
      this.#merge(file);
      return;
    }
    const before = this.#stored;
    const isSame = before?.source.kind === 'url' && before.source.url === source.url;
    this.#take({ source, state: isSame ? before.state : atRest, ...neverAsked });
    await this.fetch();
  }

  /** Takes a file in the place of any source; rooms that were mapped stay so.
   * @throws {ScheduleError} with every mistake; then all is as it was */
  async putFile(bytes: Uint8Array, options: Pick<ScheduleSource, 'format' | 'timeZone' | 'language'>): Promise<void> {
    const file = await this.#parts.read(bytes, options);
    const source: ScheduleSource = { kind: 'file', rooms: this.#stored?.source.rooms ?? {}, ...options };
    const { mistakes } = this.#mergeOf(file, source);
    if (mistakes.length > 0) throw new ScheduleError(told(mistakes), 'Correct these places, and give it again.');
    const [before, seen] = [this.#stored, this.#seen];
    this.#take({ source, state: { ...atRest, fetchedMs: this.#parts.now() }, ...neverAsked });
    try {
      this.#merge(file);
    } catch (error) {
      // The disk took nothing: the source before holds, with its talks.
      this.#take(before);
      this.#seen = seen;
      this.#plan(firstFetchMs);
      throw error;
    }
  }

  /** Asks the address now. @throws {SalaError} `schedule-none` where there is none */
  fetch(): Promise<void> {
    const { url } = this.#stored?.source ?? {};
    if (url === undefined) throw noAddress();
    const generation = this.#generation;
    this.#fetching ??= this.#fetch(url, generation).finally(() => {
      if (generation !== this.#generation) return;
      this.#fetching = null;
      const every = (this.#stored?.source.everyMinutes ?? defaultEveryMinutes) * 60_000;
      this.#plan(every * (0.9 + 0.2 * this.#parts.random()));
    });
    return this.#fetching;
  }

  /** Forgets it, and takes its talks out; those by hand stay. */
  remove(): void {
    const { db, rooms, talks } = this.#parts;
    talks.import(
      rooms.all().map(({ name }) => ({
        room: name,
        put: [],
        gone: talks.of(name).flatMap(({ id, source }) => (source === 'schedule' ? id : [])),
      })),
    );
    this.#take(null);
    tryWrite(() => db.prepare('DELETE FROM meta WHERE key = ?').run(fileKey));
    this.#file = null;
    this.#seen = { rooms: [], unmatched: [] };
  }

  /** Another source, or none: what is still on its way from the one before comes to nothing. */
  #take(stored: Stored | null): void {
    this.#generation++;
    clearTimeout(this.#timer);
    this.#fetching = null;
    this.#stored = stored;
    this.#keepState();
  }

  async #fetch(url: string, generation: number): Promise<void> {
    const { fetch, read, log, now } = this.#parts;
    const source = this.#stored?.source;
    // What is not known any more must be sent whole.
    const known = this.#file && this.#stored ? this.#stored : neverAsked;
    try {
      const answer = await fetch(url, { etag: known.etag, lastModified: known.lastModified });
      const file = answer.changed ? await read(answer.bytes, source ?? {}) : this.#file;
      if (generation !== this.#generation || !this.#stored) return;
      this.#change({ fetchedMs: now() });
      if (!file || !this.#merge(file) || !answer.changed) return;
      this.#stored = { ...this.#stored, etag: answer.etag, lastModified: answer.lastModified };
      this.#keepState();
    } catch (error) {
      if (generation !== this.#generation) return;
      const { message, hint } = error instanceof SalaError ? error : { message: messageOf(error), hint: '' };
      if (this.#stored?.state.message === '')
        log.warn(
          { event: 'schedule', host: URL.parse(url)?.host, reason: message },
          'The schedule could not be had; the last good one holds',
        );
      this.#change({
        ...{ fetchedMs: now(), hint, mistakes: [], notes: [] },
        message: error instanceof ScheduleError ? `What came is no good: ${message}` : message,
      });
    }
  }

  /** What is known, in rooms that are others now. A disk that takes nothing is no reason to end. */
  #mergeAgain(): void {
    try {
      if (this.#file) this.#merge(this.#file);
    } catch (error) {
      this.#parts.log.warn({ event: 'schedule', err: error }, 'The schedule could not be taken over into the rooms');
    }
  }

  #mergeOf(file: ScheduleFile, source: ScheduleSource) {
    const { rooms, talks, now } = this.#parts;
    const mapping = new Map(Object.entries(source.rooms));
    return mergeSchedule(file, { talks, rooms: rooms.all(), mapping, nowMs: now() });
  }

  /** Whether it took effect. What is wrong with it is in the state, and the last good one holds. */
  #merge(file: ScheduleFile): boolean {
    const { talks, now, log, audit } = this.#parts;
    const source = this.#stored?.source;
    if (!source) return false;
    const merge = this.#mergeOf(file, source);
    const { match, imports, mistakes, notes } = merge;
    this.#seen = { rooms: file.rooms, unmatched: match.unmatched };
    if (mistakes.length > 0) {
      if (this.#stored?.state.message === '')
        log.warn(
          { event: 'schedule', mistakes: mistakes.length },
          'The schedule has mistakes; the last good one holds',
        );
      const [first] = mistakes;
      this.#change({
        message: `The schedule has ${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`}, and the last good one holds. ${first?.place} ${first?.message}.`,
        hint: 'Correct it where it is made; it is looked at again by itself.',
        mistakes: mistakes.slice(0, scheduleLimits.maxTold),
        notes: notes.slice(0, scheduleLimits.maxTold),
      });
      return false;
    }
    talks.import(imports);
    for (const { room, decisions } of merge.decisions) talks.decide(room, decisions);
    if (imports.length > 0) {
      const count = (of: 'put' | 'gone') => imports.reduce((sum, each) => sum + each[of].length, 0);
      const detail = { changed: count('put'), gone: count('gone') };
      log.info({ event: 'schedule', ...detail }, 'The schedule has changed');
      audit.note({ actor: 'schedule', address: '', act: 'imported the schedule', room: null, detail });
    }
    if (match.renamed.size > 0 && this.#stored)
      this.#stored = {
        ...this.#stored,
        source: { ...source, rooms: { ...source.rooms, ...Object.fromEntries(match.renamed) } },
      };
    const isNew = this.#file !== file;
    this.#file = file;
    if (isNew) tryWrite(() => keep(this.#parts.db, fileKey, file));
    this.#change({
      lastGoodMs: now(),
      message: '',
      hint: '',
      mistakes: [],
      notes: notes.slice(0, scheduleLimits.maxTold),
    });
    return true;
  }

  /** A room that was made or named anew may be one that the schedule means. */
  #roomsChanged(): void {
    if (this.#roomNames() === this.#roomsKnown) return;
    clearTimeout(this.#roomsTimer);
    this.#roomsTimer = setTimeout(() => {
      this.#roomsKnown = this.#roomNames();
      this.#mergeAgain();
    }, roomsDelayMs);
    this.#roomsTimer.unref();
  }

  #roomNames(): string {
    return JSON.stringify(this.#parts.rooms.all().map(({ name, settings }) => [name, settings.title]));
  }

  #plan(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#isStopped || this.#stored?.source.kind !== 'url') return;
    this.#timer = setTimeout(() => void this.fetch(), delayMs);
    this.#timer.unref();
  }

  #change(change: Partial<ScheduleState>): void {
    if (!this.#stored) return;
    this.#stored = { ...this.#stored, state: { ...this.#stored.state, ...change } };
    this.#keepState();
  }

  #keepState(): void {
    const { db } = this.#parts;
    tryWrite(() => {
      if (this.#stored) keep(this.#parts.db, stateKey, this.#stored);
      else db.prepare('DELETE FROM meta WHERE key = ?').run(stateKey);
    });
  }
}

/** All of them, by their places. */
const told = (mistakes: readonly Mistake[]) => mistakes.map(({ place, message }) => `${place} ${message}`).join('; ');

const noFile = () =>
  new SalaError('There is no file of a schedule yet', {
    code: 'schedule-none',
    hint: 'Give it with PUT /api/schedule/file.',
  });
const noAddress = () =>
  new SalaError('There is no address to fetch a schedule from', {
    code: 'schedule-none',
    hint: 'Give it with PUT /api/schedule.',
  });
