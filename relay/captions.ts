import { type Database, tryWrite } from './database.ts';
import { History } from './history.ts';
import type { Amend, Caption, Clear, LogMessage, Pause, Resume } from './protocol.js';
import { type LogEntry, type LogSource, type SpokenWord, Transcript, type TranscriptQuery } from './transcript.ts';

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
  readonly #before: () => boolean;
  /** Names this log: another id means that all a reader knows is void. */
  readonly id: string;
  /** The captions in the order spoken. */
  readonly spoken: Transcript;
  /** What readers are sent of it. */
  readonly history: History;
  #seq: number;
  #unsaved: LogEntry[] = [];
  /** What the copy of the database may not have yet: written again when that takes the database's place. */
  #recent: LogEntry[] = [];
  #generation: number;
  /** Captions that found no place even in memory. */
  dropped = 0;

  /** @param before saves what must be on the disk no later than the log; false while the disk takes nothing */
  constructor(db: Database, room: string, id: string, before: () => boolean = () => true) {
    this.#db = db;
    this.#room = room;
    this.#before = before;
    this.id = id;
    this.#generation = db.generation;
    this.#seq = newestSeq(db, room);
    const source: LogSource = { read: (read) => this.#read(read), waiting: () => this.#unsaved };
    this.spoken = new Transcript(db, room, source);
    this.history = new History(db, room, source);
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

  /**
   * Corrects a caption, or hides it (`text` null); its own words bring it back. The same again is no new act.
   * @param at room time in ms
   * @returns the newest act on it, whether it `isNew`; null where there is no such caption
   */
  amend(of: number, text: string | null, at: number): { message: Amend; isNew: boolean } | null {
    const found = this.history.caption(of);
    if (!found) return null;
    const present = found.amend ?? { type: 'amend', seq: of, of, text: found.caption.text };
    if (present.text === text) return { message: present, isNew: false };
    const message: Amend = { type: 'amend', seq: this.#seq + 1, of, text, at };
    this.#keep({ message, words: [] });
    return { message, isNew: true };
  }

  /** Empties the readers' screens; the transcript keeps its captions. @param at room time in ms */
  clear(at: number): Clear {
    const message: Clear = { type: 'clear', seq: this.#seq + 1, at };
    this.#keep({ message, words: [] });
    return message;
  }

  /** From that room time on nothing is captioned, or is again. */
  pause(isPaused: boolean, at: number): Pause | Resume {
    const message: Pause | Resume = { type: isPaused ? 'pause' : 'resume', seq: this.#seq + 1, at };
    this.#keep({ message, words: [] });
    return message;
  }

  /** Saves what waits for the disk; false while it takes nothing. */
  flush(alongside: () => void = () => {}): boolean {
    this.#keepUp();
    if (this.#unsaved.length === 0) return true;
    if (!this.#before()) return false;
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

  /** At most `limit` messages after `seq`, in order, as they stand now. */
  after(seq: number, limit: number): LogMessage[] {
    return this.history.after(seq, limit);
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
