import { type Database, tryWrite } from '../database.ts';
import type { Statement } from '../database-handle.ts';
import type { CutPlan } from './cut.ts';
import type { RecordingSettings } from './recording-settings.ts';

/**
 * `running` while the talk goes on, `ended` while its audio is awaited, `cutting` and `uploading` on its way, `stored` when
 * the store has confirmed it; `failed` says why; `deleted` where a person asked for it.
 */
export const recordingStates = ['running', 'ended', 'cutting', 'uploading', 'stored', 'failed', 'deleted'] as const;
export type RecordingState = (typeof recordingStates)[number];

/** By the schedule, by silence, by a person, as recording was switched off, or as it had become too long. */
export type RecordingEnd = 'schedule' | 'silence' | 'hand' | 'off' | 'length';

/** The recording of one talk, as far as it has come. */
export interface Recording {
  readonly room: string;
  /** As it stands in keys; one of a kind within its room. */
  readonly talk: string;
  /** Id in the schedule; null: it was found by its sound. */
  readonly talkId: string | null;
  /** From 1. */
  readonly revision: number;
  readonly roomTitle: string;
  readonly title: string;
  readonly speakers: readonly string[];
  /** Room time. */
  readonly fromMs: number;
  /** null while it runs. */
  readonly toMs: number | null;
  readonly endedBy: RecordingEnd | null;
  readonly state: RecordingState;
  /** In words, for organizers. */
  readonly message: string;
  readonly hint: string;
  readonly redact: boolean;
  readonly engine: RecordingSettings['engine'];
  /** Key of its manifest; null until that is written. */
  readonly manifestKey: string | null;
}

interface RecordingRow {
  readonly room: string;
  readonly talk: string;
  readonly talk_id: string | null;
  readonly revision: number;
  readonly room_title: string;
  readonly title: string;
  readonly speakers: string;
  readonly from_ms: number;
  readonly to_ms: number | null;
  readonly ended_by: RecordingEnd | null;
  readonly state: RecordingState;
  readonly message: string;
  readonly hint: string;
  readonly redact: number;
  readonly engine: RecordingSettings['engine'];
  readonly manifest: string | null;
}

const columns =
  'room, talk, talk_id, revision, room_title, title, speakers, from_ms, to_ms, ended_by, state, message, hint, redact, engine, manifest';

export interface RecordingsListener {
  /** It is new, or something of it is other than before. */
  changed(recording: Recording): void;
}

/** All recordings, as they are kept. */
export class Recordings {
  readonly #db: Database;
  readonly #now: () => number;
  readonly #upsert: Statement<unknown[], unknown>;
  /** By room, then by talk, in the order they began; they are looked at every second. */
  readonly #known = new Map<string, Map<string, Recording>>();
  /** What the disk has not taken yet, by room and talk. */
  readonly #unsaved = new Set<Recording>();
  readonly #listeners = new Set<RecordingsListener>();

  constructor(db: Database, now: () => number = Date.now) {
    this.#db = db;
    this.#now = now;
    this.#upsert = db.prepare(
      `INSERT INTO recordings (${columns}, changed_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET talk_id = excluded.talk_id, revision = excluded.revision, room_title = excluded.room_title,
         title = excluded.title, speakers = excluded.speakers, from_ms = excluded.from_ms, to_ms = excluded.to_ms,
         ended_by = excluded.ended_by, state = excluded.state, message = excluded.message, hint = excluded.hint, redact = excluded.redact,
         engine = excluded.engine, manifest = excluded.manifest, changed_ms = excluded.changed_ms`,
    );
  }

  /** Reads what there is. */
  start(): void {
    const rows = this.#db.prepare<[], RecordingRow>(`SELECT ${columns} FROM recordings ORDER BY from_ms, talk`).all();
    for (const row of rows) this.#remember(recordingOf(row));
    // The copy that has taken the file's place may be half a minute older.
    this.#db.onRenewed(() => {
      for (const recording of this.all()) this.#unsaved.add(recording);
      this.save();
    });
  }

  listen(listener: RecordingsListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Of all rooms, those deleted included; each room's in the order they began. */
  all(): Recording[] {
    return [...this.#known.values()].flatMap((each) => [...each.values()]);
  }

  /** Of a room, in the order they began. */
  of(room: string): Recording[] {
    return [...(this.#known.get(room)?.values() ?? [])];
  }

  get(room: string, talk: string): Recording | null {
    return this.#known.get(room)?.get(talk) ?? null;
  }

  /** In force at once, also while the disk takes nothing. */
  put(recording: Recording): Recording {
    const before = this.get(recording.room, recording.talk);
    if (before) this.#unsaved.delete(before);
    this.#remember(recording);
    this.#unsaved.add(recording);
    this.save();
    for (const listener of [...this.#listeners]) listener.changed(recording);
    return recording;
  }

  /** The same with something changed; null where there is none. */
  change(room: string, talk: string, change: Partial<Recording>): Recording | null {
    const before = this.get(room, talk);
    return before && this.put({ ...before, ...change });
  }

  /**
   * Writes down what a recording is cut from; it is the same from then on.
   * @throws SqliteError where the disk does not take it
   */
  keepPlan({ room, talk }: Recording, plan: CutPlan): void {
    this.save();
    this.#db
      .prepare('UPDATE recordings SET plan = ? WHERE room = ? AND talk = ?')
      .run(JSON.stringify(plan), room, talk);
  }

  /** null: not fixed yet. */
  planOf({ room, talk }: Recording): CutPlan | null {
    const row = this.#db
      .prepare<[string, string], { plan: string | null }>('SELECT plan FROM recordings WHERE room = ? AND talk = ?')
      .get(room, talk);
    return row?.plan == null ? null : JSON.parse(row.plan);
  }

  /** Writes down what is in memory alone; false while the disk does not take it. */
  save(): boolean {
    for (const recording of [...this.#unsaved]) {
      if (!tryWrite(() => this.#write(recording))) return false;
      this.#unsaved.delete(recording);
    }
    return true;
  }

  #remember(recording: Recording): void {
    const ofRoom = this.#known.get(recording.room) ?? new Map<string, Recording>();
    this.#known.set(recording.room, ofRoom.set(recording.talk, recording));
  }

  #write(each: Recording): void {
    this.#upsert.run(
      each.room,
      each.talk,
      each.talkId,
      each.revision,
      each.roomTitle,
      each.title,
      JSON.stringify(each.speakers),
      each.fromMs,
      each.toMs,
      each.endedBy,
      each.state,
      each.message,
      each.hint,
      each.redact ? 1 : 0,
      each.engine,
      each.manifestKey,
      this.#now(),
    );
  }
}

function recordingOf(row: RecordingRow): Recording {
  return {
    room: row.room,
    talk: row.talk,
    talkId: row.talk_id,
    revision: row.revision,
    roomTitle: row.room_title,
    title: row.title,
    speakers: JSON.parse(row.speakers),
    fromMs: row.from_ms,
    toMs: row.to_ms,
    endedBy: row.ended_by,
    state: row.state,
    message: row.message,
    hint: row.hint,
    redact: row.redact === 1,
    engine: row.engine,
    manifestKey: row.manifest,
  };
}
