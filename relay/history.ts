import type { Database } from './database.ts';
import type { Amend, Caption, Clear, LogMessage } from './protocol.js';
import type { LogSource } from './transcript.ts';

/** A caption with all that an organizer may want to do about it. */
export interface ActedCaption {
  /** As it was said. */
  readonly caption: Caption;
  /** The newest act on it; null where there was none. */
  readonly amend: Amend | null;
}

/** The newest act on a caption, as a column of `log`; left to itself, SQLite would look through all messages of the room. */
const newestAmend = `(SELECT message FROM log AS amend INDEXED BY log_amended
  WHERE amend.room = log.room AND amend.type = 'amend' AND amend.of_seq = log.seq ORDER BY amend.seq DESC LIMIT 1)`;
/** Acts of an organizer other than amends; the index is theirs alone. */
const acts = `FROM log INDEXED BY log_acts WHERE room = ? AND type IN ('clear', 'pause', 'resume')`;

/**
 * A room's log as readers are sent it. What an organizer hid or corrected never travels again in its old words: a caption
 * bears its present text, none where it is hidden, and of several acts on one caption only the newest is told.
 */
export class History {
  readonly #db: Database;
  readonly #room: string;
  readonly #log: LogSource;

  constructor(db: Database, room: string, log: LogSource) {
    this.#db = db;
    this.#room = room;
    this.#log = log;
  }

  /** At most `limit` messages after `seq`, in order; empty only when there are none. */
  after(seq: number, limit: number): LogMessage[] {
    for (let from = seq; ; ) {
      const { messages, read } = this.#page(from, limit);
      const { last, isFull } = read;
      if (messages.length > 0 || !isFull) return messages.slice(0, limit);
      from = last; // all of them were overtaken by acts that wait for the disk
    }
  }

  /** The newest captions, the newest first, hidden ones too. */
  newest(limit: number): ActedCaption[] {
    return this.#log.read(() => {
      const waiting = this.#waiting();
      const captions = waiting.filter((message) => message.type === 'caption').reverse();
      const saved = this.#db
        .prepare<[string, number], { message: string; amend: string | null }>(
          `SELECT message, ${newestAmend} AS amend FROM log WHERE room = ? AND type = 'caption' ORDER BY seq DESC LIMIT ?`,
        )
        .all(this.#room, limit)
        .map((row): ActedCaption => ({ caption: JSON.parse(row.message), amend: row.amend && JSON.parse(row.amend) }));
      const amends = newestByCaption(waiting);
      return [...captions.map((caption): ActedCaption => ({ caption, amend: null })), ...saved]
        .slice(0, limit)
        .map(({ caption, amend }) => ({ caption, amend: amends.get(caption.seq) ?? amend }));
    });
  }

  /** A caption of that seq, with the newest act on it; null where there is no such caption. */
  caption(seq: number): ActedCaption | null {
    return this.#log.read(() => {
      const waiting = this.#waiting();
      const amend = newestByCaption(waiting).get(seq) ?? null;
      const unsaved = waiting.find((message) => message.seq === seq);
      if (unsaved) return unsaved.type === 'caption' ? { caption: unsaved, amend } : null;
      const row = this.#db
        .prepare<[string, number], { message: string; amend: string | null }>(
          `SELECT message, ${newestAmend} AS amend FROM log WHERE room = ? AND seq = ? AND type = 'caption'`,
        )
        .get(this.#room, seq);
      return row
        ? { caption: JSON.parse(row.message), amend: amend ?? (row.amend === null ? null : JSON.parse(row.amend)) }
        : null;
    });
  }

  /** The stretches of room time whose captions are hidden now, and when each was hidden. */
  hidden(fromMs: number, toMs: number): { start: number; end: number; at: number }[] {
    return this.#log.read(() => {
      const waiting = this.#waiting();
      const amends = newestByCaption(waiting);
      // Few are ever amended: from these on, not from all that was said.
      for (const row of this.#db
        .prepare<[string], { of_seq: number; message: string; seq: number }>(
          `SELECT of_seq, message, max(seq) AS seq FROM log INDEXED BY log_amended
           WHERE room = ? AND type = 'amend' GROUP BY of_seq`,
        )
        .all(this.#room))
        if (!amends.has(row.of_seq)) amends.set(row.of_seq, JSON.parse(row.message));
      const place = this.#db.prepare<[string, number], { start: number; end: number }>(
        'SELECT start_ms AS start, end_ms AS end FROM log WHERE room = ? AND seq = ?',
      );
      return [...amends.values()].flatMap(({ of, text, at = Number.NEGATIVE_INFINITY }) => {
        if (text !== null) return [];
        const caption = waiting.find(({ seq }) => seq === of) ?? place.get(this.#room, of);
        if (!caption || !('start' in caption)) return [];
        const { start, end } = caption;
        return end > fromMs && start < toMs ? [{ start, end, at }] : [];
      });
    });
  }

  /** The words a caption was shown in last, though it may be hidden now; null where there is no such caption. */
  wordsOf(seq: number): string | null {
    const corrected = this.#waiting().findLast(
      (each) => each.type === 'amend' && each.of === seq && each.text !== null,
    );
    if (corrected?.type === 'amend') return corrected.text;
    const saved = this.#log.read(() =>
      this.#db
        .prepare<[string, number], { text: string }>(
          `SELECT message ->> '$.text' AS text FROM log INDEXED BY log_amended
           WHERE room = ? AND type = 'amend' AND of_seq = ? AND text IS NOT NULL ORDER BY seq DESC LIMIT 1`,
        )
        .get(this.#room, seq),
    );
    return saved?.text ?? this.caption(seq)?.caption.text ?? null;
  }

  /** The newest clear; null where the screens were never cleared. */
  newestClear(): Clear | null {
    const waiting = this.#waiting().findLast((message) => message.type === 'clear');
    if (waiting) return waiting;
    return this.#log.read(() => {
      const row = this.#db
        .prepare<[string], { message: string }>(`SELECT message ${acts} AND type = 'clear' ORDER BY seq DESC LIMIT 1`)
        .get(this.#room);
      return row ? JSON.parse(row.message) : null;
    });
  }

  /** Whether the newest act says that the room is paused. */
  isPaused(): boolean {
    const waiting = this.#waiting().findLast(({ type }) => type === 'pause' || type === 'resume');
    if (waiting) return waiting.type === 'pause';
    return this.#log.read(() => {
      const newest = this.#db.prepare(`SELECT type ${acts} AND type <> 'clear' ORDER BY seq DESC LIMIT 1`).pluck();
      return newest.get(this.#room) === 'pause';
    });
  }

  #waiting(): LogMessage[] {
    return this.#log.waiting().map(({ message }) => message);
  }

  /** What is shown of the next `limit` rows, and how far they went. */
  #page(seq: number, limit: number): { messages: LogMessage[]; read: { last: number; isFull: boolean } } {
    const saved = this.#log.read(() =>
      this.#db
        .prepare<[string, number, number], { message: string; amend: string | null }>(
          // The newest message is never overtaken: whoever has read to the end has its seq.
          `SELECT message, CASE WHEN type = 'caption' THEN ${newestAmend} END AS amend FROM log
           WHERE room = ? AND seq > ? AND NOT (type = 'amend' AND EXISTS (
             SELECT 1 FROM log AS later
             WHERE later.room = log.room AND later.type = 'amend' AND later.of_seq = log.of_seq AND later.seq > log.seq))
           ORDER BY seq LIMIT ?`,
        )
        .all(this.#room, seq, limit)
        .map(({ message, amend }): LogMessage => asAmended(JSON.parse(message), amend && JSON.parse(amend))),
    );
    const read = { last: saved.at(-1)?.seq ?? seq, isFull: saved.length === limit };
    const waiting = this.#waiting();
    if (waiting.length === 0) return { messages: saved, read };
    const all = read.isFull ? saved : [...saved, ...waiting.filter((message) => message.seq > seq)];
    const amends = newestByCaption(waiting);
    const messages = all.flatMap((message) => {
      const amend = amends.get(message.type === 'amend' ? message.of : message.seq);
      if (message.type === 'amend') return amend && amend.seq > message.seq ? [] : [message];
      return [asAmended(message, amend ?? null)];
    });
    return { messages, read };
  }
}

/** A caption in its present words; other messages as they are. */
export const asAmended = (message: LogMessage, amend: Amend | null): LogMessage =>
  amend && message.type === 'caption' ? { ...message, text: amend.text ?? '' } : message;

function newestByCaption(messages: readonly LogMessage[]): Map<number, Amend> {
  return new Map(messages.flatMap((message) => (message.type === 'amend' ? [[message.of, message] as const] : [])));
}
