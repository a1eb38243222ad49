import { type Database, tryWrite } from './database.ts';
import type { Amend, Caption, Clear, LogMessage } from './protocol.js';

/** A caption before it has its place in the log. */
export type NewCaption = Omit<Caption, 'seq' | 'type' | 'final'>;
/** `[text, startMs, endMs]` in room time. */
export type SpokenWord = readonly [text: string, startMs: number, endMs: number];

export interface TranscriptQuery {
  /** Room time in ms: captions that end after `from` and start before `to`. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Only captions published before this seq. */
  readonly before?: number | undefined;
  /** At most so many, the newest spoken of those asked for. */
  readonly limit?: number | undefined;
}

interface Entry {
  readonly message: LogMessage;
  readonly words: readonly SpokenWord[];
}

/** Captions that wait in memory for a disk that takes nothing: about a day of talk. */
const maxUnsaved = 20_000;

/**
 * The captions of one room: an append-only log, `seq` increasing by one from 1. It is committed before anyone sees it, so
 * a reader that names its last `seq` gets the rest exactly once, also over a restart. While the disk takes nothing, it
 * goes on in memory and is saved as soon as it can be (see unsaved-mark.ts for a restart in between).
 */
export class CaptionLog {
  readonly #db: Database;
  readonly #room: string;
  /** Names this log: another id means that all a reader knows is void. */
  readonly id: string;
  #seq: number;
  #unsaved: Entry[] = [];
  /** Captions that found no place even in memory. */
  dropped = 0;

  constructor(db: Database, room: string, id: string) {
    this.#db = db;
    this.#room = room;
    this.id = id;
    this.#seq = Number(db.prepare('SELECT coalesce(max(seq), 0) FROM log WHERE room = ?').pluck().get(room));
  }

  /** The newest seq, 0 while the log is empty. */
  get seq(): number {
    return this.#seq;
  }

  /** How many messages wait for the disk. */
  get unsaved(): number {
    return this.#unsaved.length;
  }

  /** Commits a caption; `alongside` runs in the same transaction (the feed's own progress). */
  append(caption: NewCaption, words: readonly SpokenWord[] = [], alongside: () => void = () => {}): Caption {
    const message: Caption = { type: 'caption', seq: this.#seq + 1, final: true, ...caption };
    this.#keep({ message, words }, alongside);
    return message;
  }

  /** Corrects a caption, or hides it (`text` null). `null` when there is no such caption. */
  amend(of: number, text: string | null): Amend | null {
    const exists =
      this.#unsaved.some(({ message }) => message.type === 'caption' && message.seq === of) ||
      this.#db.prepare(`SELECT 1 FROM log WHERE room = ? AND seq = ? AND type = 'caption'`).get(this.#room, of);
    if (!exists) return null;
    const message: Amend = { type: 'amend', seq: this.#seq + 1, of, text };
    this.#keep({ message, words: [] });
    return message;
  }

  /** Empties the readers' screens; the transcript keeps its captions. */
  clear(): Clear {
    const message: Clear = { type: 'clear', seq: this.#seq + 1 };
    this.#keep({ message, words: [] });
    return message;
  }

  /** Saves what waits for the disk; false while it takes nothing. */
  flush(alongside: () => void = () => {}): boolean {
    if (this.#unsaved.length === 0) return true;
    const saved = tryWrite(() =>
      this.#db.transaction(() => {
        for (const entry of this.#unsaved) this.#insert(entry);
        alongside();
      })(),
    );
    if (saved) this.#unsaved = [];
    return saved;
  }

  /** At most `limit` messages after `seq`, in order. */
  after(seq: number, limit: number): LogMessage[] {
    const saved: LogMessage[] = this.#db
      .prepare<[string, number, number], { message: string }>(
        'SELECT message FROM log WHERE room = ? AND seq > ? ORDER BY seq LIMIT ?',
      )
      .all(this.#room, seq, limit)
      .map((row) => JSON.parse(row.message));
    const waiting = this.#unsaved.flatMap(({ message }) => (message.seq > seq ? [message] : []));
    return [...saved, ...waiting].slice(0, limit);
  }

  /** The seq after which exactly the newest `count` messages follow. */
  tail(count: number): number {
    return Math.max(0, this.#seq - count);
  }

  /** Captions in the order spoken, amended texts in place, hidden ones left out. */
  transcript({ from, to, before, limit }: TranscriptQuery): Caption[] {
    const rows = this.#db
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
      });
    const saved = rows.reverse().map(({ message, amend }): Caption => {
      const caption: Caption = JSON.parse(message);
      const text: string = amend === null ? caption.text : JSON.parse(amend).text;
      return { ...caption, text };
    });
    return this.#unsaved.length === 0 ? saved : this.#withUnsaved(saved, { from, to, before, limit });
  }

  #withUnsaved(
    saved: readonly Caption[],
    { from = 0, to = Number.POSITIVE_INFINITY, before = Number.POSITIVE_INFINITY, limit }: TranscriptQuery,
  ): Caption[] {
    const all = new Map(saved.map((caption) => [caption.seq, caption]));
    for (const { message } of this.#unsaved) {
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

  #keep(entry: Entry, alongside?: () => void): void {
    this.#unsaved.push(entry);
    this.#seq = entry.message.seq;
    if (this.flush(alongside) || this.#unsaved.length <= maxUnsaved) return;
    this.#unsaved.shift();
    this.dropped++;
  }

  #insert({ message, words }: Entry): void {
    const caption = message.type === 'caption' ? message : null;
    this.#db
      .prepare(
        'INSERT INTO log (room, seq, type, of_seq, start_ms, end_ms, message, words) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      )
      .run(
        this.#room,
        message.seq,
        message.type,
        message.type === 'amend' ? message.of : null,
        caption?.start ?? null,
        caption?.end ?? null,
        JSON.stringify(message),
        words.length > 0 ? JSON.stringify(words) : null,
      );
  }
}
