import type { Database, Statement } from './database-handle.ts';
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

/** Where a caption stands in the order spoken; `seq` decides among those with the same start. */
export interface Place {
  readonly start: number;
  readonly seq: number;
}

export interface TranscriptQuery {
  /** Room time in ms: captions that end after `from` and start before `to`. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Only captions published before this seq. */
  readonly before?: number | undefined;
  /** Only captions spoken before or after this place. */
  readonly spokenBefore?: Place | undefined;
  readonly spokenAfter?: Place | undefined;
  /** At most so many: the newest spoken of those asked for, with `spokenAfter` alone the oldest. */
  readonly limit?: number | undefined;
  /** With the times of words. */
  readonly words?: boolean | undefined;
}

/** A caption as it is to be read now. */
export interface SpokenCaption {
  readonly caption: Caption;
  /** As the engine gave them, even where an organizer corrected the text; empty where unknown or not asked for. */
  readonly words: readonly SpokenWord[];
  readonly isAmended: boolean;
}

interface Row {
  readonly start_ms: number;
  readonly seq: number;
  readonly message: string;
  readonly words: string | null;
  readonly amend: string | null;
}

/** Captions read at a time: a few ms of the event loop. */
export const pageCaptions = 200;
const scannedMessages = 5000;

const least: Place = { start: -Number.MAX_VALUE, seq: 0 };
const greatest: Place = { start: Number.MAX_VALUE, seq: 0 };
const order = (a: Place, b: Place) => a.start - b.start || a.seq - b.seq;
const placeOf = ({ caption: { start, seq } }: SpokenCaption): Place => ({ start, seq });
const later = (a: Place, b: Place) => (order(a, b) > 0 ? a : b);
const earlier = (a: Place, b: Place) => (order(a, b) < 0 ? a : b);

const statement = (direction: 'ASC' | 'DESC') => `
  SELECT start_ms, seq, message, CASE WHEN @words THEN words END AS words, (
    -- Left to itself, SQLite would look for an amend among all messages, once for each caption.
    SELECT message FROM log AS amend INDEXED BY log_amended
    WHERE amend.room = caption.room AND amend.type = 'amend' AND amend.of_seq = caption.seq
    ORDER BY seq DESC LIMIT 1) AS amend
  FROM log AS caption
  WHERE room = @room AND type = 'caption'
    AND (start_ms, seq) > (@afterStart, @afterSeq) AND (start_ms, seq) < (@beforeStart, @beforeSeq)
    AND end_ms > @from AND seq < @before
  ORDER BY start_ms ${direction}, seq ${direction} LIMIT @rows`;

/** Where to read on, exclusive at both ends. */
interface Stretch {
  readonly after: Place;
  readonly before: Place;
}

/**
 * The captions of a room's log in the order spoken: amended texts in place, hidden ones left out, those that wait for the
 * disk included. Read a page at a time, each page a statement of its own, so that no reader, however slow, holds the
 * database, and nobody the whole of a large day.
 */
export class Transcript {
  readonly #room: string;
  readonly #log: LogSource;
  readonly #forwards: Statement<[Record<string, unknown>], Row>;
  readonly #backwards: Statement<[Record<string, unknown>], Row>;
  readonly #longestOf: Statement<[string, number, number], { longest: number | null; seq: number | null }>;
  /** Of the captions up to `#scannedSeq`. */
  #longestMs = 0;
  #scannedSeq = 0;

  constructor(db: Database, room: string, log: LogSource) {
    this.#room = room;
    this.#log = log;
    this.#forwards = db.prepare(statement('ASC'));
    this.#backwards = db.prepare(statement('DESC'));
    this.#longestOf = db.prepare(
      `SELECT max(end_ms - start_ms) AS longest, max(seq) AS seq
       FROM (SELECT seq, start_ms, end_ms FROM log WHERE room = ? AND seq > ? ORDER BY seq LIMIT ?)`,
    );
  }

  /** All that is asked for, at once. */
  captions(query: TranscriptQuery): Caption[] {
    return this.whole(query).captions.map(({ caption }) => caption);
  }

  /** The same with word times, and whether there are more in that direction. */
  whole(query: TranscriptQuery): { captions: SpokenCaption[]; truncated: boolean } {
    const captions: SpokenCaption[] = [];
    const pages = this.pages(query);
    for (;;) {
      const { done, value } = pages.next();
      if (done) return { captions, truncated: value };
      captions.push(...value);
    }
  }

  /**
   * The captions asked for, page by page; a step without any was one of looking for them. What is published or amended
   * between two steps is in the pages that are still to come.
   * @returns whether `limit` left out captions
   */
  *pages(query: TranscriptQuery): Generator<readonly SpokenCaption[], boolean> {
    let stretch: Stretch = {
      after: query.spokenAfter ?? least,
      before: query.spokenBefore ?? greatest,
    };
    if (query.to !== undefined) stretch = { ...stretch, before: earlier(stretch.before, { start: query.to, seq: 0 }) };
    if (query.from !== undefined) {
      const longestMs = yield* this.#longest();
      stretch = { ...stretch, after: later(stretch.after, { start: query.from - longestMs, seq: 0 }) };
    }
    const { limit = Number.POSITIVE_INFINITY } = query;
    if (limit === Number.POSITIVE_INFINITY || (query.spokenAfter && !query.spokenBefore))
      return yield* this.#oldest(query, stretch, limit);
    return yield* limit <= pageCaptions ? this.#lastPage(query, stretch, limit) : this.#newest(query, stretch, limit);
  }

  *#oldest(query: TranscriptQuery, { after, before }: Stretch, limit: number): Generator<SpokenCaption[], boolean> {
    for (let missing = limit; ; ) {
      const { captions, next } = this.#step(query, { after, before }, true, missing);
      yield captions.slice(0, missing);
      missing -= captions.length;
      if (missing < 0 || next === null) return missing < 0;
      after = next;
    }
  }

  *#lastPage(query: TranscriptQuery, { after, before }: Stretch, limit: number): Generator<SpokenCaption[], boolean> {
    const backwards: SpokenCaption[] = [];
    for (;;) {
      const { captions, next } = this.#step(query, { after, before }, false, limit - backwards.length);
      backwards.push(...captions);
      if (next === null || backwards.length > limit) break;
      before = next;
    }
    yield backwards.slice(0, limit).reverse();
    return backwards.length > limit;
  }

  /** Counts from the end on where to begin, and keeps nothing of what it sees on the way. */
  *#newest(query: TranscriptQuery, { after, before }: Stretch, limit: number): Generator<SpokenCaption[], boolean> {
    let end: Place | undefined;
    for (let missing = limit; ; ) {
      const { captions, next } = this.#step(query, { after, before }, false, missing);
      // What is published from now on is not counted, and not read.
      const [newest] = captions;
      if (newest) end ??= { start: newest.caption.start, seq: newest.caption.seq + 0.5 };
      const leftOut = captions[missing];
      missing -= captions.length;
      if (leftOut) after = placeOf(leftOut);
      if (leftOut || next === null) {
        if (end) yield* this.#oldest(query, { after, before: end }, Number.POSITIVE_INFINITY);
        return leftOut !== undefined;
      }
      yield [];
      before = next;
    }
  }

  /**
   * A page of a stretch, from one of its ends on and in that order, and one caption more than is `missing` at the most.
   * @returns `next`: where the rest begins; null where there is none
   */
  #step(
    { from = -Number.MAX_VALUE, before = Number.MAX_SAFE_INTEGER, words = false }: TranscriptQuery,
    stretch: Stretch,
    isForwards: boolean,
    missing: number,
  ): { captions: SpokenCaption[]; next: Place | null } {
    const rows = Math.min(missing + 1, pageCaptions + 1);
    const saved = this.#log.read(() =>
      (isForwards ? this.#forwards : this.#backwards).all({
        room: this.#room,
        afterStart: stretch.after.start,
        afterSeq: stretch.after.seq,
        beforeStart: stretch.before.start,
        beforeSeq: stretch.before.seq,
        from,
        before,
        words: words ? 1 : 0,
        rows,
      }),
    );
    const found = saved.map(ofRow);
    const amends = new Map<number, string | null>();
    for (const { message, words: given } of this.#log.waiting()) {
      if (message.type === 'amend') amends.set(message.of, message.text);
      if (message.type !== 'caption' || message.end <= from || message.seq >= before) continue;
      if (order(message, stretch.after) <= 0 || order(message, stretch.before) >= 0) continue;
      found.push({ caption: message, words: words ? given : [], amend: undefined });
    }
    const direction = isForwards ? 1 : -1;
    if (found.length > saved.length) found.sort((a, b) => direction * order(a.caption, b.caption));
    const page = found.slice(0, rows);
    const edge = page.at(-1);
    const isLast = saved.length < rows && page.length === found.length;
    return { captions: page.flatMap((each) => present(each, amends)), next: edge && !isLast ? edge.caption : null };
  }

  /** How long the longest caption is; what ends after a time starts at most so long before it. */
  *#longest(): Generator<SpokenCaption[], number> {
    for (;;) {
      const row = this.#log.read(() => this.#longestOf.all(this.#room, this.#scannedSeq, scannedMessages))[0];
      if (row?.seq === null || row?.seq === undefined) break;
      this.#longestMs = Math.max(this.#longestMs, row.longest ?? 0);
      this.#scannedSeq = row.seq;
      yield [];
    }
    const waiting = this.#log
      .waiting()
      .map(({ message }) => (message.type === 'caption' ? message.end - message.start : 0));
    return waiting.reduce((longest, each) => Math.max(longest, each), this.#longestMs);
  }
}

interface Found {
  readonly caption: Caption;
  readonly words: readonly SpokenWord[];
  /** What an organizer made of it; undefined: nothing. */
  readonly amend: string | null | undefined;
}

function ofRow({ message, words, amend }: Row): Found {
  const caption: Caption = JSON.parse(message);
  const given: SpokenWord[] = words === null ? [] : JSON.parse(words);
  const act: { text: string | null } | null = amend === null ? null : JSON.parse(amend);
  return { caption, words: given, amend: act?.text ?? (act ? null : undefined) };
}

/** None for a hidden caption. */
function present({ caption, words, amend }: Found, amends: ReadonlyMap<number, string | null>): SpokenCaption[] {
  const text = amends.get(caption.seq) ?? (amends.has(caption.seq) ? null : amend);
  if (text === null) return [];
  return [
    text === undefined
      ? { caption, words, isAmended: false }
      : { caption: { ...caption, text }, words, isAmended: true },
  ];
}
