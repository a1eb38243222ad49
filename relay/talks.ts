import { SalaError } from '../systemd/errors.ts';
import { type Decisions, heldTalk, maxOverrunMs, moved, undecided } from './conduct-times.ts';
import { type Database, tryWrite } from './database.ts';
import type { Statement } from './database-handle.ts';
import type { Talk } from './protocol.js';

/** A talk of a room's schedule; `start` and `end` are room time in ms. */
export interface ScheduledTalk extends Talk {
  /** BCP 47; null: whatever the room is set to. */
  readonly language: string | null;
}

/** A talk as it is kept. */
export interface KeptTalk extends ScheduledTalk {
  /** An import leaves alone what was set by hand. */
  readonly source: 'hand' | 'schedule';
  /** What an engine would not guess of it. */
  readonly names: readonly string[];
}

/** What an import makes of a room. */
export interface TalkImport {
  readonly room: string;
  readonly put: readonly KeptTalk[];
  readonly gone: readonly string[];
}

/** A talk is on from so long before its start: people come, and the screen says what for. */
export const leadMs = 15 * 60_000;
export const maxTalks = 500;
export { maxOverrunMs } from './conduct-times.ts';

/**
 * The talk that is on: the one that runs (of several, that which began last), else the next one from its lead on, else the
 * one that ended last, which may overrun.
 * @param talks by start
 */
export function talkAt<T extends ScheduledTalk>(talks: readonly T[], nowMs: number): T | null {
  const running = talks.findLast(({ start, end }) => start <= nowMs && nowMs < end);
  const next = talks.find(({ start }) => nowMs < start && start - leadMs <= nowMs);
  const over = talks
    .filter(({ end }) => end <= nowMs && nowMs < end + maxOverrunMs)
    .reduce<T | null>((last, each) => (last && last.end > each.end ? last : each), null);
  return running ?? next ?? over;
}

interface TalkRow {
  readonly id: string;
  readonly title: string;
  readonly speakers: string;
  readonly language: string | null;
  readonly start: number;
  readonly end: number;
  readonly source: string;
  readonly names: string;
}

/** The talks of all rooms, and what organizers decided about them while they ran. */
export class Talks {
  readonly #db: Database;
  readonly #upsert: Statement<unknown[], unknown>;
  readonly #delete: Statement<unknown[], unknown>;
  /** By room; they are looked at every second. */
  readonly #known = new Map<string, readonly KeptTalk[]>();
  readonly #moved = new Map<string, readonly KeptTalk[]>();
  readonly #decisions = new Map<string, Decisions>();
  /** Rooms whose decisions the disk has not taken yet. */
  readonly #unsaved = new Set<string>();
  readonly #listeners = new Set<(room: string) => void>();

  constructor(db: Database) {
    this.#db = db;
    // Made once: an import writes thousands.
    this.#upsert = db.prepare(
      `INSERT INTO talks (room, id, title, speakers, language, start_ms, end_ms, source, names)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET title = excluded.title, speakers = excluded.speakers, language = excluded.language,
         start_ms = excluded.start_ms, end_ms = excluded.end_ms, source = excluded.source, names = excluded.names`,
    );
    this.#delete = db.prepare('DELETE FROM talks WHERE room = ? AND id = ?');
    // The copy that has taken its place may be half a minute older; decisions are in memory.
    db.onRenewed(() => {
      this.#known.clear();
      this.#moved.clear();
      for (const room of this.#decisions.keys()) this.#unsaved.add(room);
    });
  }

  /** Calls `listener` after each change of a room's talks; returns what ends it. */
  onChanged(listener: (room: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The talks of a room by start, as they are planned. */
  of(room: string): readonly KeptTalk[] {
    const known = this.#known.get(room);
    if (known) return known;
    const read = this.#db
      .prepare<[string], TalkRow>(
        `SELECT id, title, speakers, language, start_ms AS start, end_ms AS end, source, names
         FROM talks WHERE room = ? ORDER BY start_ms, id`,
      )
      .all(room)
      .map(
        ({ speakers, names, source, ...row }): KeptTalk => ({
          ...row,
          speakers: JSON.parse(speakers),
          names: JSON.parse(names),
          source: source === 'schedule' ? source : 'hand',
        }),
      );
    this.#known.set(room, read);
    return read;
  }

  /** The same as organizers moved them, by the start they have now. */
  moved(room: string): readonly KeptTalk[] {
    const known = this.#moved.get(room);
    if (known) return known;
    const all = moved(this.of(room), this.decisions(room));
    this.#moved.set(room, all);
    return all;
  }

  /** When each talk was or will be, by start: what its transcript is. */
  stretches(room: string, nowMs: number): readonly KeptTalk[] {
    const decisions = this.decisions(room);
    const all = this.moved(room);
    const held = heldTalk(all, decisions, nowMs);
    return all
      .map((talk) => {
        const { was } = decisions.moved[talk.id] ?? {};
        if (was && nowMs < talk.start) return { ...talk, ...was };
        return talk === held && nowMs > talk.end ? { ...talk, end: nowMs } : talk;
      })
      .sort((a, b) => a.start - b.start);
  }

  /** What pages are told of the talk that is on. */
  at(room: string, nowMs: number): Talk | null {
    const talks = this.moved(room);
    const on = heldTalk(talks, this.decisions(room), nowMs) ?? talkAt(talks, nowMs);
    return on && { id: on.id, title: on.title, speakers: on.speakers, start: on.start, end: on.end };
  }

  get(room: string, id: string): KeptTalk | undefined {
    return this.of(room).find((each) => each.id === id);
  }

  /** Makes a talk of an existing room by hand, or changes it; whether it is new.
   * @throws {SalaError} `talks-full` */
  put(room: string, talk: ScheduledTalk, names: readonly string[] = []): boolean {
    const isNew = this.get(room, talk.id) === undefined;
    if (isNew && this.of(room).length >= maxTalks)
      throw new SalaError(`The room has ${maxTalks} talks, which is as many as it takes`, {
        code: 'talks-full',
        hint: 'Delete talks of days that are over.',
      });
    this.#write(room, { ...talk, source: 'hand', names });
    this.#changed(room);
    return isNew;
  }

  /** False when there is none of that id. */
  delete(room: string, id: string): boolean {
    if (!this.get(room, id)) return false;
    this.#delete.run(room, id);
    this.#changed(room);
    return true;
  }

  /** All of an import, or nothing of it. */
  import(all: readonly TalkImport[]): void {
    this.#db.transaction(() => {
      for (const { room, put, gone } of all) {
        for (const id of gone) this.#delete.run(room, id);
        for (const talk of put) this.#write(room, talk);
      }
    })();
    for (const { room, put, gone } of all) if (put.length + gone.length > 0) this.#changed(room);
  }

  /** What organizers decided in a room. */
  decisions(room: string): Decisions {
    const known = this.#decisions.get(room);
    if (known) return known;
    const row = this.#db.prepare<[string], { state: string }>('SELECT state FROM conducted WHERE room = ?').get(room);
    const read: Decisions = row ? { ...undecided, ...JSON.parse(row.state) } : undecided;
    this.#decisions.set(room, read);
    return read;
  }

  /** In force at once, also while the disk takes nothing. What concerns talks that are gone is forgotten. */
  decide(room: string, { held, moved: by, assigned }: Decisions): void {
    const has = (id: string) => this.get(room, id) !== undefined;
    const kept: Decisions = {
      held: held !== null && has(held) ? held : null,
      moved: Object.fromEntries(Object.entries(by).filter(([id]) => has(id))),
      assigned,
    };
    this.#decisions.set(room, kept);
    this.#unsaved.add(room);
    this.saveDecisions();
    this.#moved.delete(room);
    for (const listener of [...this.#listeners]) listener(room);
  }

  /** Writes down decisions that are in memory alone; false while the disk does not take them. */
  saveDecisions(): boolean {
    for (const room of [...this.#unsaved]) {
      const saved = tryWrite(() => {
        this.#db
          .prepare('INSERT INTO conducted (room, state) VALUES (?, ?) ON CONFLICT DO UPDATE SET state = excluded.state')
          .run(room, JSON.stringify(this.decisions(room)));
      });
      if (!saved) return false;
      this.#unsaved.delete(room);
    }
    return true;
  }

  /** The room was deleted, and its talks with it. */
  forget(room: string): void {
    this.#known.delete(room);
    this.#moved.delete(room);
    this.#decisions.delete(room);
    this.#unsaved.delete(room);
  }

  #write(room: string, { id, title, speakers, language, start, end, source, names }: KeptTalk): void {
    this.#upsert.run(room, id, title, JSON.stringify(speakers), language, start, end, source, JSON.stringify(names));
  }

  #changed(room: string): void {
    this.#known.delete(room);
    this.#moved.delete(room);
    for (const listener of [...this.#listeners]) listener(room);
  }
}
