import { type RangeSet, union } from './protocol.js';

interface Piece {
  /** Engine time of its first sample. */
  readonly at: number;
  length: number;
  /** null: silence that the feed put in. */
  readonly stream: string | null;
  readonly position: number;
}

export interface Place {
  readonly stream: string;
  readonly position: number;
}

/** Which stretch of which stream an engine session heard at which engine time, piece by piece. All in samples. */
export class TimeMap {
  #pieces: Piece[] = [];
  #length = 0;

  /** Engine time so far. */
  get length(): number {
    return this.#length;
  }

  add(stream: string, position: number, samples: number): void {
    const last = this.#pieces.at(-1);
    if (last && last.stream === stream && last.position + last.length === position) last.length += samples;
    else this.#pieces.push({ at: this.#length, length: samples, stream, position });
    this.#length += samples;
  }

  addSilence(samples: number): void {
    const last = this.#pieces.at(-1);
    if (last && last.stream === null) last.length += samples;
    else this.#pieces.push({ at: this.#length, length: samples, stream: null, position: 0 });
    this.#length += samples;
  }

  /**
   * The place of an engine time; null before any audio. Silence has none of its own: a time within it, or past the end,
   * belongs to the audio that is nearer. So a word that was cut off keeps the place where it would have gone on, and one
   * whose rounded time begins a little before its audio is not taken for the end of what came before the silence.
   */
  place(engineTime: number): Place | null {
    let before: Piece | undefined;
    let after: Piece | undefined;
    for (const piece of this.#pieces) {
      if (piece.stream === null) continue;
      if (piece.at <= engineTime) before = piece;
      else {
        after = piece;
        break;
      }
    }
    const sinceBefore = before ? engineTime - before.at - before.length : Number.POSITIVE_INFINITY;
    const untilAfter = after ? after.at - engineTime : Number.POSITIVE_INFINITY;
    const nearest = sinceBefore <= untilAfter ? before : after;
    return nearest?.stream == null
      ? null
      : { stream: nearest.stream, position: nearest.position + engineTime - nearest.at };
  }

  /** The positions heard in `[from, to)` of engine time, by stream. */
  heard(from: number, to: number): Map<string, RangeSet> {
    const out = new Map<string, RangeSet>();
    for (const { at, length, stream, position } of this.#pieces) {
      const begin = Math.max(at, from);
      const end = Math.min(at + length, to);
      if (stream === null || begin >= end) continue;
      out.set(stream, union(out.get(stream) ?? [], [[position + begin - at, position + end - at]]));
    }
    return out;
  }

  /** Forgets pieces that end before `engineTime`, but the last one with a place, which places what follows it. */
  forget(engineTime: number): void {
    const keep = this.#pieces.findLastIndex((piece) => piece.stream !== null && piece.at <= engineTime);
    if (keep > 0) this.#pieces = this.#pieces.slice(keep);
  }
}
