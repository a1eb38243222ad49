import { type Database, tryWrite } from './database.ts';
import type { Amend, Caption, Clear, LogMessage } from './protocol.js';
import { type LogEntry, type SpokenWord, Transcript, type TranscriptQuery } from './transcript.ts';

export type { SpokenWord, TranscriptQuery } from './transcript.ts';

/** A caption before it has its place in the log. */
export type NewCaption = Omit<Caption, 'seq' | 'type' | 'final'>;

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
  /** The captions in the order spoken. */
  readonly spoken: Transcript;
  #seq: number;
  #unsaved: LogEntry[] = [];
  /** What the copy of the database may not have yet: written again when that takes the database's place. */
  #recent: LogEntry[] = [];
  #generation: number;
  /** Captions that found no place even in memory. */
  dropped = 0;

  constructor(db: Database, room: string, id: string) {
    this.#db = db;
    this.#room = room;
    this.id = id;
    this.#generation = db.generation;
    this.#seq = newestSeq(db, room);
    this.spoken = new Transcript(db, room, { read: (read) => this.#read(read), waiting: () => this.#unsaved });
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
    const isSaved = () =>
      this.#db.prepare(`SELECT 1 FROM log WHERE room = ? AND seq = ? AND type = 'caption'`).get(this.#room, of);
    const exists = this.#recent.some(({ message }) => message.type === 'caption' && message.seq === of) || isSaved();
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
    this.#keepUp();
    if (this.#unsaved.length === 0) return true;
    const saved = tryWrite(() =>
      this.#db.transaction(() => {
        this.#keepUp();
        for (const entry of this.#unsaved) this.#insert(entry);
        alongside();
      })(),
    );
    if (saved) this.#unsaved = [];
    return saved;
  }

  /** At most `limit` messages after `seq`, in order. */
  after(seq: number, limit: number): LogMessage[] {
    const saved = this.#read((): LogMessage[] =>
      this.#db
        .prepare<[string, number, number], { message: string }>(
          'SELECT message FROM log WHERE room = ? AND seq > ? ORDER BY seq LIMIT ?',
        )
        .all(this.#room, seq, limit)
        .map((row) => JSON.parse(row.message)),
    );
    const waiting = this.#unsaved.flatMap(({ message }) => (message.seq > seq ? [message] : []));
    return [...saved, ...waiting].slice(0, limit);
  }

  /** The seq after which exactly the newest `count` messages follow. */
  tail(count: number): number {
    return Math.max(0, this.#seq - count);
  }

  /** Captions in the order spoken, amended texts in place, hidden ones left out. */
  transcript(query: TranscriptQuery): Caption[] {
    return this.spoken.captions(query);
  }

  /** What `read` finds in the database of one generation, which `#unsaved` adds to. */
  #read<T>(read: () => T): T {
    for (;;) {
      this.#keepUp();
      const found = read();
      if (this.#db.generation === this.#generation) return found;
    }
  }

  /** An older database has taken the place of the one that was written to. */
  #keepUp(): void {
    while (this.#db.generation !== this.#generation) {
      this.#generation = this.#db.generation;
      const saved = newestSeq(this.#db, this.#room);
      this.#unsaved = this.#recent.filter(({ message }) => message.seq > saved);
    }
  }

  #keep(entry: LogEntry, alongside?: () => void): void {
    this.#keepUp();
    this.#unsaved.push(entry);
    this.#seq = entry.message.seq;
    const copied = this.#db.copiedSeq(this.#room);
    const isCopied = this.#recent.findIndex(({ message }) => message.seq > copied);
    this.#recent.splice(0, isCopied < 0 ? this.#recent.length : isCopied);
    this.#recent.push(entry);
    if (this.#recent.length > maxUnsaved) this.#recent.shift();
    if (this.flush(alongside) || this.#unsaved.length <= maxUnsaved) return;
    this.#unsaved.shift();
    this.dropped++;
  }

  #insert({ message, words }: LogEntry): void {
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

const newestSeq = (db: Database, room: string) =>
  Number(db.prepare('SELECT coalesce(max(seq), 0) FROM log WHERE room = ?').pluck().get(room));
