import type { Database } from '../database.ts';
import type { Source } from './rows.ts';

/** A talk that is to be sent, or to be erased. */
export interface OutboxItem {
  readonly id: number;
  readonly room: string;
  readonly talk: string;
  readonly source: Source | 'deleted';
  readonly revision: number;
  readonly addedMs: number;
}

/** How a talk looked when it was last put into the outbox, and what ClickHouse has of it. */
export interface SentTalk {
  readonly room: string;
  readonly talk: string;
  readonly live: string;
  readonly canonical: string;
  readonly liveRevision: number;
  readonly canonicalRevision: number;
}

const columns = 'room, talk, live, canonical, live_revision AS liveRevision, canonical_revision AS canonicalRevision';

/** What waits for the sink, on the disk: it outlives restarts and any outage. Bounded: three entries for a talk. */
export class Outbox {
  readonly #db: Database;
  readonly #now: () => number;

  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  /**
   * Puts a talk in, or a newer revision of it in place of the one that waits.
   * @param mark how it looks now: see watch.ts
   * @throws SqliteError where the disk does not take it
   */
  add(room: string, talk: string, source: Source, mark: string): void {
    this.#db.transaction(() => {
      this.#put(room, talk, source);
      this.#db
        .prepare(
          `INSERT INTO sink_talks (room, talk, ${source}) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET ${source} = excluded.${source}`,
        )
        .run(room, talk, mark);
    })();
  }

  /** A talk is gone: nothing of it is sent any more, and what was sent is to be erased. */
  addDeletion(room: string, talk: string): void {
    this.#db.transaction(() => {
      this.#db.prepare('DELETE FROM sink_outbox WHERE room = ? AND talk = ?').run(room, talk);
      this.#db.prepare('DELETE FROM sink_talks WHERE room = ? AND talk = ?').run(room, talk);
      this.#put(room, talk, 'deleted');
    })();
    // A damaged file must not bring it back.
    this.#db.updateCopy();
  }

  /** In the order they came; the oldest first. */
  waiting(): OutboxItem[] {
    return this.#db
      .prepare<[], OutboxItem>(
        'SELECT id, room, talk, source, revision, added_ms AS addedMs FROM sink_outbox ORDER BY id',
      )
      .all();
  }

  /** Whether it is still the newest of its kind. */
  has({ id, revision }: OutboxItem): boolean {
    const row = this.#db.prepare<[number, number], unknown>('SELECT 1 FROM sink_outbox WHERE id = ? AND revision = ?');
    return row.get(id, revision) !== undefined;
  }

  sent(room: string, talk: string): SentTalk | null {
    return (
      this.#db
        .prepare<[string, string], SentTalk>(`SELECT ${columns} FROM sink_talks WHERE room = ? AND talk = ?`)
        .get(room, talk) ?? null
    );
  }

  talks(): SentTalk[] {
    return this.#db.prepare<[], SentTalk>(`SELECT ${columns} FROM sink_talks`).all();
  }

  /** ClickHouse has it. What was put in place of it meanwhile stays. */
  done({ id, room, talk, source, revision }: OutboxItem): void {
    this.#db.transaction(() => {
      this.#db.prepare('DELETE FROM sink_outbox WHERE id = ? AND revision = ?').run(id, revision);
      if (source === 'deleted') return;
      this.#db
        .prepare(`UPDATE sink_talks SET ${source}_revision = max(${source}_revision, ?) WHERE room = ? AND talk = ?`)
        .run(revision, room, talk);
    })();
  }

  /** Revisions of a talk only grow, also where the clock was set back: the newest counts in ClickHouse. */
  #put(room: string, talk: string, source: OutboxItem['source']): void {
    this.#db
      .prepare(
        `INSERT INTO sink_outbox (room, talk, source, revision, added_ms) VALUES (
           @room, @talk, @source, max(@now,
             1 + coalesce((SELECT max(revision) FROM sink_outbox), 0),
             1 + coalesce((SELECT max(max(live_revision, canonical_revision)) FROM sink_talks), 0)), @now)
         ON CONFLICT (room, talk, source) DO UPDATE SET revision = excluded.revision`,
      )
      .run({ room, talk, source, now: Math.round(this.#now()) });
  }
}
