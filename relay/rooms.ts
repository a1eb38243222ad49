import { randomUUID } from 'node:crypto';
import { SalaError } from '../systemd/errors.ts';
import {
  changeRecording,
  defaultRecording,
  type RecordingChange,
  type RecordingSettings,
} from './archive/recording-settings.ts';
import { type Database, tryWrite } from './database.ts';
import {
  changeRecognition,
  defaultRecognition,
  ownLanguage,
  type Recognition,
  type RecognitionChange,
} from './recognition.ts';
import type { TextRules } from './text-rules.ts';
import type { Phrase } from './vocabulary.ts';

/** What is left out stays; of recognition and recording, too, and null is every default of recognition. */
export type RoomChange = Partial<Omit<RoomSettings, 'recognition' | 'recording'>> & {
  readonly recognition?: RecognitionChange | null;
  readonly recording?: RecordingChange;
};

/** What an organizer sets for a room. */
export interface RoomSettings {
  /** What people call it: "Sala Verdi". */
  readonly title: string;
  /** BCP 47. */
  readonly language: string;
  /** `transcribe`, `pocketsphinx`, `script:NAME`, `sherpa`; null: the relay's default. */
  readonly engine: string | null;
  /** Readable without a token. */
  readonly public: boolean;
  /** The only device that may be in charge; null: whichever comes. */
  readonly source: string | null;
  /** Silence in s after which a paid session rests, 0: never; null or absent: the relay's setting. */
  readonly restAfter?: number | null;
  /** How to recognise, beside the language. */
  readonly recognition: Recognition;
  /** False until an organizer chose the language; the predecessor's `lang` counts only then. */
  readonly languageAssigned: boolean;
  /** Corrections of what engines say, beside those of the event; absent: none were ever given. */
  readonly textRules?: TextRules;
  /** Names and terms to listen for, beside those of the event; absent: none were ever given. */
  readonly vocabulary?: readonly Phrase[];
  /** Whether talks are recorded; absent: nobody ever said so, and they are not. */
  readonly recording?: RecordingSettings;
}

/** What governs captions from a room time on: language, engine and recognition, or that there are none. */
export interface Assignment {
  readonly id: number;
  readonly fromMs: number;
  readonly language: string;
  readonly engine: string;
  readonly recognition: Recognition;
  /** What is spoken while it governs is not captioned. */
  readonly paused: boolean;
}

export interface RoomRecord {
  readonly name: string;
  readonly logId: string;
  readonly settings: RoomSettings;
  /** What is spoken now is not captioned. */
  readonly paused: boolean;
}

/** Pauses that wait in memory for a disk that takes nothing. */
const maxUnsavedPauses = 1000;

export const unknownRoom = (name: string) =>
  new SalaError(`There is no room "${name}"`, {
    code: 'room-unknown',
    hint: 'Create it with PUT /api/rooms/NAME, or correct the name.',
  });

/** The rooms and their settings. Settings follow capture time: every change is kept with the room time it was accepted at. */
export class Rooms {
  readonly #db: Database;
  readonly #defaults: { language: string; engine: string };
  readonly #now: () => number;
  /** By room; they are asked for with every frame. */
  readonly #assignments = new Map<string, Assignment[]>();
  /** By room: new log ids that the disk has not taken yet. */
  readonly #renewed = new Map<string, string>();
  /** Pauses, and ends of pauses, that the disk has not taken yet, in order. */
  #unsaved: (Assignment & { readonly room: string })[] = [];
  readonly #listeners = new Set<() => void>();

  constructor(db: Database, defaults: { language: string; engine: string }, now: () => number = Date.now) {
    this.#db = db;
    this.#defaults = defaults;
    this.#now = now;
  }

  /** Calls `listener` after each change of a room's settings; returns what ends it. */
  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get defaultLanguage(): string {
    return this.#defaults.language;
  }

  /** Brings rooms that use the default engine to the present default. */
  start(): void {
    for (const { name, settings } of this.all()) this.#assign(name, settings);
  }

  /** Gives every caption log a new id: what readers hold of the old ones is void. */
  renewLogs(): void {
    for (const { name } of this.all()) this.#renewed.set(name, randomUUID());
    this.saveLogs();
  }

  /** Writes down the new log ids; false while the disk does not take them. */
  saveLogs(): boolean {
    if (this.#renewed.size === 0) return true;
    const saved = tryWrite(() =>
      this.#db.transaction(() => {
        for (const [name, id] of this.#renewed)
          this.#db.prepare('UPDATE rooms SET log = ? WHERE name = ?').run(id, name);
      })(),
    );
    if (saved) this.#renewed.clear();
    return saved;
  }

  /**
   * What is spoken from now on is not captioned, or is again; in force at once, also while the disk takes nothing.
   * @returns what governs from now on; null where it was so already
   * @throws {SalaError} `room-unknown`; `disk` when the disk has taken nothing for a thousand of them
   */
  pause(name: string, paused: boolean): Assignment | null {
    const known = this.assignments(name);
    const last = known.at(-1);
    if (!last) throw unknownRoom(name);
    if (last.paused === paused) return null;
    if (this.#unsaved.length >= maxUnsavedPauses)
      throw new SalaError('The relay cannot note any more pauses: its disk takes nothing', {
        code: 'disk',
        hint: "Make room on the relay's disk, then try again.",
      });
    const next = { ...last, id: this.#nextId(), fromMs: this.#fromMs(last), paused };
    this.#assignments.set(name, [...known, next]);
    this.#unsaved.push({ room: name, ...next });
    if (this.savePauses()) this.#db.updateCopy();
    for (const listener of this.#listeners) listener();
    return next;
  }

  /** Writes down pauses that are in memory alone; false while the disk does not take them. */
  savePauses(): boolean {
    if (this.#unsaved.length === 0) return true;
    const saved = tryWrite(() => this.#db.transaction(() => this.#insertUnsaved())());
    if (saved) this.#unsaved = [];
    return saved;
  }

  all(): RoomRecord[] {
    return this.#rows('SELECT name, log, settings FROM rooms ORDER BY name');
  }

  get(name: string): RoomRecord | null {
    return this.#rows('SELECT name, log, settings FROM rooms WHERE name = ?', name)[0] ?? null;
  }

  /**
   * The settings as a change would leave them. A language assigned without more ends identification; identification
   * keeps the room's language among those it may be.
   */
  settingsAfter(name: string, { recognition: asked, recording, ...change }: RoomChange): RoomSettings {
    const before: RoomSettings = this.get(name)?.settings ?? {
      title: name,
      language: this.#defaults.language,
      engine: null,
      public: false,
      source: null,
      recognition: defaultRecognition,
      languageAssigned: false,
    };
    const endsIdentification = change.language !== undefined && asked !== null && asked?.identification === undefined;
    const recognition = changeRecognition(
      before.recognition,
      endsIdentification ? { ...asked, identification: null } : asked === undefined ? {} : asked,
    );
    return {
      ...before,
      ...change,
      language: change.language ?? ownLanguage(before.language, recognition),
      recognition,
      ...(recording && { recording: changeRecording(before.recording ?? defaultRecording, recording) }),
      languageAssigned: before.languageAssigned || change.language !== undefined || recognition.identification !== null,
    };
  }

  /** Creates the room or changes the settings given; a change of language, engine or recognition becomes an assignment. */
  put(name: string, change: RoomChange): RoomRecord {
    return this.#change(() => {
      const settings = this.settingsAfter(name, change);
      this.#db
        .prepare(
          `INSERT INTO rooms (name, settings, log, created_ms) VALUES (?, ?, ?, ?)
           ON CONFLICT (name) DO UPDATE SET settings = excluded.settings`,
        )
        .run(name, JSON.stringify(settings), randomUUID(), this.#now());
      this.#assign(name, settings);
      const record = this.get(name);
      if (!record) throw unknownRoom(name);
      return record;
    });
  }

  /** Sets the language a client of the predecessor's protocol asked for; does nothing once an organizer has chosen. */
  suggestLanguage(name: string, language: string): RoomRecord {
    const record = this.get(name);
    if (!record) throw unknownRoom(name);
    // Such a client says so each time it connects.
    if (record.settings.languageAssigned || record.settings.language === language) return record;
    return this.#change(() => {
      const settings = { ...record.settings, language };
      this.#db.prepare('UPDATE rooms SET settings = ? WHERE name = ?').run(JSON.stringify(settings), name);
      this.#assign(name, settings);
      return { ...record, settings };
    });
  }

  delete(name: string): boolean {
    this.#assignments.delete(name);
    this.#renewed.delete(name);
    this.#unsaved = this.#unsaved.filter(({ room }) => room !== name);
    return this.#change(() => this.#db.prepare('DELETE FROM rooms WHERE name = ?').run(name).changes > 0);
  }

  /** The assignments of a room in order of time; the first governs everything before it too. */
  assignments(name: string): readonly Assignment[] {
    const known = this.#assignments.get(name);
    if (known) return known;
    const read = this.#db
      .prepare<[string], Omit<Assignment, 'recognition' | 'paused'> & { recognition: string; paused: number }>(
        'SELECT id, from_ms AS fromMs, language, engine, recognition, paused FROM assignments WHERE room = ? ORDER BY from_ms, id',
      )
      .all(name)
      .map((row) => ({ ...row, recognition: recognitionIn(JSON.parse(row.recognition)), paused: row.paused === 1 }));
    const all = [
      ...read,
      ...this.#unsaved.filter(({ room, id }) => room === name && !read.some((each) => each.id === id)),
    ];
    this.#assignments.set(name, all);
    return all;
  }

  /** A change that no damaged file may undo. */
  #change<T>(work: () => T): T {
    let done: T;
    try {
      done = this.#db.transaction(work)();
    } catch (error) {
      this.#assignments.clear(); // some may have been read that are undone now
      throw error;
    }
    this.#db.updateCopy();
    for (const listener of this.#listeners) listener();
    return done;
  }

  #assign(name: string, { language, engine, recognition }: RoomSettings): void {
    const effective = engine ?? this.#defaults.engine;
    const last = this.assignments(name).at(-1);
    const isSame = last?.language === language && last.engine === effective;
    if (isSame && JSON.stringify(last.recognition) === JSON.stringify(recognition)) return;
    this.#insertUnsaved();
    const paused = last?.paused ?? false;
    this.#insert({
      room: name,
      id: this.#nextId(),
      fromMs: this.#fromMs(last),
      language,
      engine: effective,
      recognition,
      paused,
    });
    this.#assignments.delete(name);
  }

  /** Now, and never before what is in force: a clock that was set back must not undo a pause. */
  #fromMs(last: Assignment | undefined): number {
    return Math.max(this.#now(), last?.fromMs ?? Number.NEGATIVE_INFINITY);
  }

  /** Ids are in the order in which assignments were made, saved or not. */
  #nextId(): number {
    const saved = Number(this.#db.prepare('SELECT coalesce(max(id), 0) FROM assignments').pluck().get());
    return Math.max(saved, ...this.#unsaved.map(({ id }) => id)) + 1;
  }

  #insertUnsaved(): void {
    for (const each of this.#unsaved) this.#insert(each);
  }

  #insert({ id, room, fromMs, language, engine, recognition, paused }: Assignment & { room: string }): void {
    this.#db
      .prepare(
        `INSERT INTO assignments (id, room, from_ms, language, engine, recognition, paused) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO NOTHING`,
      )
      .run(id, room, fromMs, language, engine, JSON.stringify(recognition), paused ? 1 : 0);
  }

  #rows(sql: string, ...values: string[]): RoomRecord[] {
    return this.#db
      .prepare<string[], { name: string; log: string; settings: string }>(sql)
      .all(...values)
      .map((row) => ({
        name: row.name,
        logId: this.#renewed.get(row.name) ?? row.log,
        settings: settingsIn(row.settings),
        paused: this.assignments(row.name).at(-1)?.paused ?? false,
      }));
  }
}

/** What was stored before a setting existed has its default. */
function settingsIn(json: string): RoomSettings {
  const stored: RoomSettings = JSON.parse(json);
  return { ...stored, recognition: recognitionIn(stored.recognition) };
}

const recognitionIn = (stored: Partial<Recognition>): Recognition => ({ ...defaultRecognition, ...stored });
