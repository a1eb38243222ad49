import type { LiveRoom } from './live.ts';

export interface Words {
  readonly text: string;
  /** When they ended; room time. */
  readonly at: number;
}

/** Among so many of the newest captions that all are hidden, nothing is shown. */
const lookBack = 5;
const maxCharacters = 300;

/** The newest words that readers of a room have, looked up only when its log has grown. */
export class LastWords {
  readonly #known = new WeakMap<
    LiveRoom,
    { readonly log: string; readonly seq: number; readonly words: Words | null }
  >();

  of(room: LiveRoom): Words | null {
    const { id: log, seq, history } = room.log;
    const known = this.#known.get(room);
    if (known?.seq === seq && known.log === log) return known.words;
    const shown = seq === 0 ? undefined : history.newest(lookBack).find(({ amend }) => amend?.text !== null);
    const words = shown
      ? { text: (shown.amend?.text ?? shown.caption.text).slice(-maxCharacters), at: shown.caption.end }
      : null;
    this.#known.set(room, { log, seq, words });
    return words;
  }
}
