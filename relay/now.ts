import type { LiveRoom } from './live.ts';
import { linesOf } from './now-lines.ts';
import type { LogMessage } from './protocol.js';

export interface NowQuery {
  /** At most so many. */
  readonly lines: number;
  /** At most so many in a line. */
  readonly letters: number;
  /** Seconds without words until nothing is shown; 0: for ever. */
  readonly hold: number;
}

/** What is on the screens of a room at this moment. */
export interface Now {
  /** The newest last. */
  readonly lines: readonly string[];
  readonly language: string;
  /** Since when, room time in ms; null while there was nothing yet. */
  readonly at: number | null;
}

interface Shown {
  readonly seq: number;
  readonly language: string;
  /** Empty: hidden. */
  text: string;
  /** By the relay's monotonic clock, which no correction of the time moves. */
  readonly shownMs: number;
  readonly at: number;
  /** By letters in a line. */
  readonly broken: Map<number, readonly string[]>;
}

/** Ten lines take ten captions, and hidden ones lie between them. */
const maxCaptions = 64;
/** How far back to look for them when the first one asks. */
const maxLookBack = 400;

/**
 * The newest captions of a room for those that ask again and again: kept in memory from the first time on. Each caption
 * begins a line, so that a line that was shown stays as it is while others come.
 */
class NowBoard {
  readonly #room: LiveRoom;
  #shown: Shown[] = [];
  #changedAt: number | null = null;

  constructor(room: LiveRoom) {
    this.#room = room;
    for (const message of room.log.after(room.log.tail(maxLookBack), maxLookBack)) {
      const at = message.type === 'caption' ? message.end : (message.at ?? Date.now());
      this.#take(message, Math.min(at, Date.now()));
    }
  }

  logged(message: LogMessage): void {
    this.#take(message, Date.now());
  }

  view({ lines: wanted, letters, hold }: NowQuery): Now {
    const lines: string[] = [];
    const visible = this.#room.record.paused ? [] : this.#shown.filter(({ text }) => text !== '');
    const newest = visible.at(-1);
    const language = newest?.language ?? this.#room.record.settings.language;
    if (newest && hold > 0 && performance.now() - newest.shownMs >= hold * 1000)
      return { lines, language, at: Math.round(newest.at + hold * 1000) };
    for (const each of visible.toReversed()) {
      if (lines.length >= wanted) break;
      lines.unshift(...broken(each, letters));
    }
    return { lines: lines.slice(-wanted), language, at: this.#changedAt };
  }

  #take(message: LogMessage, at: number): void {
    if (message.type === 'caption') {
      if (message.late) return;
      const { seq, language, text } = message;
      const shownMs = performance.now() - (Date.now() - at);
      this.#shown.push({ seq, language, text, shownMs, at, broken: new Map() });
      if (this.#shown.length > maxCaptions) this.#shown.shift();
    } else if (message.type === 'amend') {
      const amended = this.#shown.find(({ seq }) => seq === message.of);
      if (!amended) return;
      amended.text = message.text ?? '';
      amended.broken.clear();
    } else this.#shown = []; // also with a resume: the last words of before the pause are not those of now
    this.#changedAt = Math.round(at);
  }
}

function broken(shown: Shown, letters: number): readonly string[] {
  const known = shown.broken.get(letters);
  if (known) return known;
  const lines = linesOf(shown.text, letters);
  shown.broken.set(letters, lines);
  return lines;
}

/** What is on the screens of all rooms, from memory. */
export class NowBoards {
  readonly #boards = new Map<LiveRoom, NowBoard>();

  view(room: LiveRoom, query: NowQuery): Now {
    return (this.#boards.get(room) ?? this.#begin(room)).view(query);
  }

  #begin(room: LiveRoom): NowBoard {
    const board = new NowBoard(room);
    this.#boards.set(room, board);
    const unlisten = room.listen({
      logged: (message) => board.logged(message),
      partial: () => {},
      status: () => {},
      deleted: () => {
        this.#boards.delete(room);
        unlisten();
      },
    });
    return board;
  }
}
