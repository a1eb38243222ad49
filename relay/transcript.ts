import type { Database } from './database.ts';
import type { Caption, LogMessage } from './protocol.js';

/** `[text, startMs, endMs]` in room time. */
export type SpokenWord = readonly [text: string, startMs: number, endMs: number];

/** What a log keeps of a message. */
export interface LogEntry {
  readonly message: LogMessage;
  readonly words: readonly SpokenWord[];
}

/** What a transcript needs of its log. */
export interface LogSource {
  /** What `read` finds in the database of one generation, which `waiting` adds to. */
  read<T>(read: () => T): T;
  /** What the database does not have yet, in the order published. */
  waiting(): readonly LogEntry[];
}

export interface TranscriptQuery {
  /** Room time in ms: captions that end after `from` and start before `to`. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Only captions published before this seq. */
  readonly before?: number | undefined;
  /** At most so many, the newest spoken of those asked for. */
  readonly limit?: number | undefined;
}

/** The captions of a room's log in the order spoken: amended texts in place, hidden ones left out. */
export class Transcript {
  readonly #db: Database;
  readonly #room: string;
  readonly #log: LogSource;

  constructor(db: Database, room: string, log: LogSource) {
    this.#db = db;
    this.#room = room;
    this.#log = log;
  }

  captions({ from, to, before, limit }: TranscriptQuery): Caption[] {
    const rows = this.#log.read(() =>
      this.#db
        .prepare<[Record<string, unknown>], { message: string; amend: string | null }>(
          // Hidden captions are left out before the limit counts.
          `WITH amended AS (
           SELECT caption.message, caption.start_ms, caption.seq, (
             SELECT message FROM log AS amend
             WHERE amend.room = caption.room AND amend.type = 'amend' AND amend.of_seq = caption.seq
             ORDER BY seq DESC LIMIT 1) AS amend
           FROM log AS caption
           WHERE room = @room AND type = 'caption' AND end_ms > @from AND start_ms < @to AND seq < @before)
         SELECT message, amend FROM amended
         WHERE amend IS NULL OR json_extract(amend, '$.text') IS NOT NULL
         ORDER BY start_ms DESC, seq DESC LIMIT @limit`,
        )
        .all({
          room: this.#room,
          from: from ?? -Number.MAX_SAFE_INTEGER,
          to: to ?? Number.MAX_SAFE_INTEGER,
          before: before ?? Number.MAX_SAFE_INTEGER,
          limit: limit ?? -1,
        }),
    );
    const saved = rows.reverse().map(({ message, amend }): Caption => {
      const caption: Caption = JSON.parse(message);
      const text: string = amend === null ? caption.text : JSON.parse(amend).text;
      return { ...caption, text };
    });
    return this.#log.waiting().length === 0 ? saved : this.#withWaiting(saved, { from, to, before, limit });
  }

  #withWaiting(
    saved: readonly Caption[],
    { from = 0, to = Number.POSITIVE_INFINITY, before = Number.POSITIVE_INFINITY, limit }: TranscriptQuery,
  ): Caption[] {
    const all = new Map(saved.map((caption) => [caption.seq, caption]));
    for (const { message } of this.#log.waiting()) {
      if (message.type === 'caption' && message.end > from && message.start < to && message.seq < before)
        all.set(message.seq, message);
      if (message.type !== 'amend') continue;
      const amended = all.get(message.of);
      if (message.text === null) all.delete(message.of);
      else if (amended) all.set(message.of, { ...amended, text: message.text });
    }
    const spoken = [...all.values()].sort((a, b) => a.start - b.start || a.seq - b.seq);
    return limit === undefined ? spoken : spoken.slice(-limit);
  }
}
