import { setImmediate } from 'node:timers/promises';
import { type Database, tryWrite } from '../database.ts';
import type { Statement } from '../database-handle.ts';
import type { Rooms } from '../rooms.ts';
import type { SpokenWord } from '../transcript.ts';
import type { ReadTranscript, SegmentRow, TranscriptAbout } from './transcript-rows.ts';

/** One transcript of a talk as it came from the store; it never changes. */
export interface Version {
  readonly id: number;
  readonly room: string;
  readonly talk: string;
  /** One of a kind within its talk, also after it was fetched again. */
  readonly name: string;
  /** Key; ends with a slash. */
  readonly folder: string;
  readonly etag: string;
  readonly sha256: string;
  readonly about: TranscriptAbout;
  readonly fetchedMs: number;
}

/** What organizers want readers to have: whatever the job says counts, the live captions, or one version. */
export type Choice =
  | { readonly kind: 'newest' }
  | { readonly kind: 'live' }
  | { readonly kind: 'version'; readonly name: string };

export interface Trouble {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** A run that ended for good without a transcript. */
export interface FailedRun extends Trouble {
  readonly engine: string;
  readonly at: string;
  readonly folder: string;
  readonly etag: string;
}

/** How a talk stands with the store. */
export interface TalkState {
  readonly choice: Choice;
  /** The newest pointer that was believed. */
  readonly pointer: {
    readonly etag: string;
    readonly generation: number;
    readonly revision: number;
    readonly folder: string;
    readonly sha256: string;
  } | null;
  readonly failures: readonly FailedRun[];
  /** What is wrong with what lies in the store; null: nothing. */
  readonly trouble: Trouble | null;
}

export const unseen: TalkState = {
  choice: { kind: 'newest' },
  pointer: null,
  failures: [],
  trouble: null,
};

export interface KeptSegment extends Omit<SegmentRow, 'words'> {
  readonly words: readonly SpokenWord[];
  /** What an organizer made of it. */
  readonly correction: { readonly text: string | null; readonly atMs: number } | null;
}

/** Between which places, both exclusive, by start and then number. */
export interface SegmentStretch {
  readonly after: readonly [startMs: number, id: number];
  readonly before: readonly [startMs: number, id: number];
}
export const everywhere: SegmentStretch = { after: [-Number.MAX_VALUE, -1], before: [Number.MAX_VALUE, 0] };

type VersionRow = Omit<Version, 'about'> & { readonly about: string };
interface Row extends SegmentRow {
  readonly corrected: string | null;
  readonly correctedMs: number | null;
}

/** Written and read at a time: a few ms of the event loop. */
export const pageSegments = 200;

const segmentsOf = (direction: 'ASC' | 'DESC') => `
  SELECT id, start_ms AS startMs, end_ms AS endMs, speaker, language, canonical_segments.text, words, withheld,
    canonical_corrections.text AS corrected, at_ms AS correctedMs
  FROM canonical_segments LEFT JOIN canonical_corrections
    ON room = @room AND talk = @talk AND canonical_corrections.version = @name AND segment = id
  WHERE canonical_segments.version = @version
    AND (start_ms, id) > (@afterMs, @afterId) AND (start_ms, id) < (@beforeMs, @beforeId)
  ORDER BY start_ms ${direction}, id ${direction} LIMIT @rows`;

/** The transcripts that came from the store, and what organizers decided about them, in the relay's database. */
export class FetchedTranscripts {
  readonly #db: Database;
  readonly #rooms: Pick<Rooms, 'onChanged'>;
  readonly #now: () => number;
  readonly #forwards: Statement<[Record<string, unknown>], Row>;
  readonly #backwards: Statement<[Record<string, unknown>], Row>;
  /** By room and talk. */
  readonly #states = new Map<string, TalkState>();
  readonly #versions = new Map<string, readonly Version[]>();

  constructor(db: Database, rooms: Pick<Rooms, 'onChanged'>, now: () => number = Date.now) {
    this.#db = db;
    this.#rooms = rooms;
    this.#now = now;
    this.#forwards = db.prepare(segmentsOf('ASC'));
    this.#backwards = db.prepare(segmentsOf('DESC'));
  }

  /** Forgets what a former run wrote in part. */
  start(): void {
    const clear = () => {
      this.#states.clear();
      this.#versions.clear();
    };
    // A room that was deleted took its rows along; the copy that takes a damaged file's place has none of the transcripts.
    this.#rooms.onChanged(clear);
    this.#db.onRenewed(clear);
    tryWrite(() => this.#db.prepare('DELETE FROM canonical_versions WHERE whole = 0').run());
  }

  state(room: string, talk: string): TalkState {
    const key = keyOf(room, talk);
    const known = this.#states.get(key);
    if (known) return known;
    const row = this.#db
      .prepare<[string, string], { state: string }>('SELECT state FROM canonical_talks WHERE room = ? AND talk = ?')
      .get(room, talk);
    const state: TalkState = row ? { ...unseen, ...JSON.parse(row.state) } : unseen;
    this.#states.set(key, state);
    return state;
  }

  /**
   * @param alongside runs in the same transaction
   * @throws SqliteError where the disk takes nothing: then all is as it was
   */
  change(room: string, talk: string, change: Partial<TalkState>, alongside: () => void = () => {}): void {
    const state = { ...this.state(room, talk), ...change };
    this.#db.transaction(() => {
      this.#db
        .prepare(
          'INSERT INTO canonical_talks (room, talk, state) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state',
        )
        .run(room, talk, JSON.stringify(state));
      alongside();
    })();
    this.#states.set(keyOf(room, talk), state);
  }

  /** An organizer's decision, which no damaged file may undo. */
  choose(room: string, talk: string, choice: Choice): void {
    this.change(room, talk, { choice });
    this.#db.updateCopy();
  }

  /** Those that are whole, the newest fetched first. */
  versions(room: string, talk: string): readonly Version[] {
    const key = keyOf(room, talk);
    const known = this.#versions.get(key);
    if (known) return known;
    const read = this.#db
      .prepare<[string, string], VersionRow>(
        `SELECT id, room, talk, name, folder, etag, sha256, about, fetched_ms AS fetchedMs FROM canonical_versions
         WHERE room = ? AND talk = ? AND whole = 1 ORDER BY id DESC`,
      )
      .all(room, talk)
      .map((row): Version => ({ ...row, about: JSON.parse(row.about) }));
    this.#versions.set(key, read);
    return read;
  }

  /**
   * Keeps a transcript; nobody sees it before it is whole.
   * @param isWanted asked once more at the end: its talk may have been deleted meanwhile
   * @returns false where the disk does not take it, or it is not wanted any more: then nothing of it is there
   */
  async add(
    version: Pick<Version, 'room' | 'talk' | 'name' | 'folder' | 'etag' | 'sha256'>,
    { about, segments }: ReadTranscript,
    isWanted: () => boolean,
  ): Promise<boolean> {
    const { room, talk, name, folder, etag, sha256 } = version;
    let id: number | bigint = 0;
    const isBegun = tryWrite(() => {
      this.#db.prepare('DELETE FROM canonical_versions WHERE room = ? AND talk = ? AND name = ?').run(room, talk, name);
      id = this.#db
        .prepare(
          `INSERT INTO canonical_versions (room, talk, name, folder, etag, sha256, about, fetched_ms)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        )
        .run(room, talk, name, folder, etag, sha256, JSON.stringify(about), this.#now()).lastInsertRowid;
    });
    if (!isBegun) return false;
    for (let from = 0; from < segments.length; from += pageSegments) {
      await setImmediate();
      const page = segments.slice(from, from + pageSegments);
      if (!isWanted() || !tryWrite(() => this.#db.transaction(() => this.#insert(id, page))())) {
        this.#drop(id);
        return false;
      }
    }
    const isWhole =
      isWanted() && tryWrite(() => this.#db.prepare('UPDATE canonical_versions SET whole = 1 WHERE id = ?').run(id));
    if (!isWhole) this.#drop(id);
    this.#versions.delete(keyOf(room, talk));
    return isWhole;
  }

  #insert(version: number | bigint, segments: readonly SegmentRow[]): void {
    const insert = this.#db.prepare(
      `INSERT INTO canonical_segments (version, id, start_ms, end_ms, speaker, language, text, words, withheld)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    for (const { id, startMs, endMs, speaker, language, text, words, withheld } of segments)
      insert.run(version, id, startMs, endMs, speaker, language, text, words, withheld);
  }

  #drop(id: number | bigint): void {
    tryWrite(() => this.#db.prepare('DELETE FROM canonical_versions WHERE id = ?').run(id));
  }

  /** Forgets a version; what organizers corrected in it stays, in case it is fetched again. */
  remove({ id, room, talk }: Version): void {
    this.#drop(id);
    this.#versions.delete(keyOf(room, talk));
  }

  /** JSON, as the job wrote it; null where there is none yet. */
  report({ id }: Version): unknown {
    const row = this.#db
      .prepare<[number], { report: string | null }>('SELECT report FROM canonical_versions WHERE id = ?')
      .get(id);
    return row?.report ? JSON.parse(row.report) : null;
  }

  keepReport({ id }: Version, report: string): boolean {
    return tryWrite(() => this.#db.prepare('UPDATE canonical_versions SET report = ? WHERE id = ?').run(report, id));
  }

  /** At most `rows` segments of a stretch, from one of its ends on and in that order. */
  segments(
    { id: version, room, talk, name }: Version,
    { after, before }: SegmentStretch,
    rows: number,
    isForwards = true,
  ): KeptSegment[] {
    const query = isForwards ? this.#forwards : this.#backwards;
    return query
      .all({
        ...{ version, room, talk, name, rows },
        ...{ afterMs: after[0], afterId: after[1], beforeMs: before[0], beforeId: before[1] },
      })
      .map(keptSegment);
  }

  segment(version: Version, id: number): KeptSegment | null {
    const row = this.#db
      .prepare<[number, number], { startMs: number }>(
        'SELECT start_ms AS startMs FROM canonical_segments WHERE version = ? AND id = ?',
      )
      .get(version.id, id);
    if (!row) return null;
    const place = { after: [row.startMs, id - 1], before: [row.startMs, id + 1] } as const;
    return this.segments(version, place, 1)[0] ?? null;
  }

  /** How many segments of a version organizers corrected or hid. */
  corrected({ room, talk, name }: Version): number {
    return Number(
      this.#db
        .prepare('SELECT count(*) FROM canonical_corrections WHERE room = ? AND talk = ? AND version = ?')
        .pluck()
        .get(room, talk, name),
    );
  }

  /** In the place of its text; null hides it. Its version is the one that counts from then on: another one has other segments. */
  correct({ room, talk, name }: Version, segment: number, text: string | null, choice: Choice): void {
    this.change(room, talk, { choice }, () =>
      this.#db
        .prepare(
          `INSERT INTO canonical_corrections (room, talk, version, segment, text, at_ms) VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET text = excluded.text, at_ms = excluded.at_ms`,
        )
        .run(room, talk, name, segment, text, this.#now()),
    );
    this.#db.updateCopy();
  }

  /** Everything of a talk goes. */
  forget(room: string, talk: string): void {
    const key = keyOf(room, talk);
    tryWrite(() =>
      this.#db.transaction(() => {
        for (const table of ['canonical_versions', 'canonical_talks', 'canonical_corrections'])
          this.#db.prepare(`DELETE FROM ${table} WHERE room = ? AND talk = ?`).run(room, talk);
      })(),
    );
    this.#states.delete(key);
    this.#versions.delete(key);
    this.#db.updateCopy();
  }

  /** Nothing stays of other revisions of the recording: they may hold what a person asked to be taken out. */
  keepRevision(room: string, talk: string, revision: number): void {
    const prefix = `r${revision}-`;
    const others = this.versions(room, talk).filter(({ about }) => about.recordingRevision !== revision);
    const { choice } = this.state(room, talk);
    const isOutdated = choice.kind === 'version' && !choice.name.startsWith(prefix);
    // It is asked at each look, and a copy of the database costs the event loop more than all else here.
    if (others.length === 0 && !isOutdated) return;
    for (const version of others) this.remove(version);
    const statement = this.#db.prepare(
      'DELETE FROM canonical_corrections WHERE room = ? AND talk = ? AND substr(version, 1, ?) <> ?',
    );
    tryWrite(() => statement.run(room, talk, prefix.length, prefix));
    if (isOutdated) tryWrite(() => this.change(room, talk, { choice: { kind: 'newest' } }));
    this.#db.updateCopy();
  }

  /** Every talk of which anything is kept. */
  talks(): { room: string; talk: string }[] {
    return this.#db
      .prepare<[], { room: string; talk: string }>(
        'SELECT room, talk FROM canonical_versions UNION SELECT room, talk FROM canonical_talks',
      )
      .all();
  }
}

const keyOf = (room: string, talk: string) => `${room}/${talk}`;

function keptSegment({ corrected, correctedMs, words, ...row }: Row): KeptSegment {
  return {
    ...row,
    words: words === null ? [] : JSON.parse(words),
    correction: correctedMs === null ? null : { text: corrected, atMs: correctedMs },
  };
}
