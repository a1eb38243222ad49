import { SalaError } from '../systemd/errors.ts';
import type { Database } from './database.ts';
import type { Talk } from './protocol.js';

/** A talk of a room's schedule; `start` and `end` are room time in ms. */
export interface ScheduledTalk extends Talk {
  /** BCP 47; null: whatever the room is set to. */
  readonly language: string | null;
}

/** A talk is on from so long before its start: people come, and the screen says what for. */
export const leadMs = 15 * 60_000;
/** An overrun is over after so long at the latest: the last talk of a day is not on all night. */
export const maxOverrunMs = 3 * 3_600_000;
export const maxTalks = 500;

/**
 * The talk that is on: the one that runs (of several, that which began last), else the next one from its lead on, else the
 * one that ended last, which may overrun.
 * @param talks by start
 */
export function talkAt(talks: readonly ScheduledTalk[], nowMs: number): ScheduledTalk | null {
  const running = talks.findLast(({ start, end }) => start <= nowMs && nowMs < end);
  const next = talks.find(({ start }) => nowMs < start && start - leadMs <= nowMs);
  const over = talks
    .filter(({ end }) => end <= nowMs && nowMs < end + maxOverrunMs)
    .reduce<ScheduledTalk | null>((last, each) => (last && last.end > each.end ? last : each), null);
  return running ?? next ?? over;
}

interface TalkRow {
  readonly id: string;
  readonly title: string;
  readonly speakers: string;
  readonly language: string | null;
  readonly start: number;
  readonly end: number;
}

/** The talks of all rooms. */
export class Talks {
  readonly #db: Database;
  /** By room; they are looked at every second. */
  readonly #known = new Map<string, readonly ScheduledTalk[]>();
  readonly #listeners = new Set<(room: string) => void>();

  constructor(db: Database) {
    this.#db = db;
    // The copy that has taken its place may be half a minute older.
    db.onRenewed(() => this.#known.clear());
  }

  /** Calls `listener` after each change of a room's talks; returns what ends it. */
  onChanged(listener: (room: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The talks of a room by start. */
  of(room: string): readonly ScheduledTalk[] {
    const known = this.#known.get(room);
    if (known) return known;
    const read = this.#db
      .prepare<[string], TalkRow>(
        `SELECT id, title, speakers, language, start_ms AS start, end_ms AS end
         FROM talks WHERE room = ? ORDER BY start_ms, id`,
      )
      .all(room)
      .map(({ speakers, ...row }): ScheduledTalk => ({ ...row, speakers: JSON.parse(speakers) }));
    this.#known.set(room, read);
    return read;
  }

  /** What pages are told of the talk that is on. */
  at(room: string, nowMs: number): Talk | null {
    const on = talkAt(this.of(room), nowMs);
    return on && { id: on.id, title: on.title, speakers: on.speakers, start: on.start, end: on.end };
  }

  get(room: string, id: string): ScheduledTalk | undefined {
    return this.of(room).find((each) => each.id === id);
  }

  /** Makes a talk of an existing room, or changes it; whether it is new.
   * @throws {SalaError} `talks-full` */
  put(room: string, { id, title, speakers, language, start, end }: ScheduledTalk): boolean {
    const isNew = this.get(room, id) === undefined;
    if (isNew && this.of(room).length >= maxTalks)
      throw new SalaError(`The room has ${maxTalks} talks, which is as many as it takes`, {
        code: 'talks-full',
        hint: 'Delete talks of days that are over.',
      });
    this.#db
      .prepare(
        `INSERT INTO talks (room, id, title, speakers, language, start_ms, end_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET title = excluded.title, speakers = excluded.speakers, language = excluded.language,
           start_ms = excluded.start_ms, end_ms = excluded.end_ms`,
      )
      .run(room, id, title, JSON.stringify(speakers), language, start, end);
    this.#changed(room);
    return isNew;
  }

  /** False when there is none of that id. */
  delete(room: string, id: string): boolean {
    if (!this.get(room, id)) return false;
    this.#db.prepare('DELETE FROM talks WHERE room = ? AND id = ?').run(room, id);
    this.#changed(room);
    return true;
  }

  /** The room was deleted, and its talks with it. */
  forget(room: string): void {
    this.#known.delete(room);
  }

  #changed(room: string): void {
    this.#known.delete(room);
    for (const listener of [...this.#listeners]) listener(room);
  }
}
