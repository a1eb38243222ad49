import { type RangeSet, union } from './protocol.js';

/** Captions of one stream that are remembered: about an hour of talk. */
export const maxSpans = 1000;
/** Words that are remembered in case a seam is found to lie among them: three minutes of talk. */
const maxRecent = 500;
const maxSeams = 100;
/** Either side of the moment at which one kit took over from another. */
const seamMs = 500;
/** What two kits heard at once bears room times this close; the same word spoken again comes later. */
const sameWordMs = 400;

interface Spoken {
  readonly stream: string;
  /** Room time of its middle. */
  readonly ms: number;
  readonly text: string;
}

interface Seam {
  readonly ms: number;
  words: Spoken[];
}

/** A word's place and text. */
export interface SaidWord {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

/**
 * What has been published of a room's streams. Two sessions that meet place a word at their boundary a few samples apart, so
 * each may take it for its own: the first to say it has said it. Where one kit takes over from another, both may have heard
 * a word, and their clocks agree to about a tenth of a second: near such a seam it is known by its text.
 */
export class SaidWords {
  readonly #timeOf: (stream: string, position: number) => number;
  readonly #spans = new Map<string, RangeSet>();
  #recent: Spoken[] = [];
  #seams: Seam[] = [];

  /** @param timeOf the room time of a position, in ms */
  constructor(timeOf: (stream: string, position: number) => number) {
    this.#timeOf = timeOf;
  }

  /** Whether a word whose middle lies there has been said; without `text` only its own stream is asked. */
  has(stream: string, position: number, text?: string): boolean {
    if (this.#spans.get(stream)?.some(([from, to]) => from <= position && position < to)) return true;
    if (text === undefined || this.#seams.length === 0) return false;
    const ms = this.#timeOf(stream, position);
    const plain = plainOf(text);
    return this.#seams.some(
      (seam) =>
        isNear(seam, ms) &&
        seam.words.some(
          (word) => word.stream !== stream && word.text === plain && Math.abs(word.ms - ms) <= sameWordMs,
        ),
    );
  }

  /** What was published before this relay started, so that a word at a boundary of then is not said again. */
  remember(captions: readonly { readonly stream: string; readonly from: number; readonly to: number }[]): void {
    for (const [stream, of] of Map.groupBy(captions, (each) => each.stream)) {
      const spans = of.map(({ from, to }): [number, number] => [from, to]);
      this.#spans.set(stream, union(this.#spans.get(stream) ?? [], spans).slice(-maxSpans));
    }
  }

  add(stream: string, from: number, to: number, words: readonly SaidWord[]): void {
    this.#spans.set(stream, union(this.#spans.get(stream) ?? [], [[from, to]]).slice(-maxSpans));
    for (const word of words) {
      const ms = this.#timeOf(stream, (word.from + word.to) / 2);
      const spoken = { stream, ms, text: plainOf(word.text) };
      this.#recent.push(spoken);
      for (const seam of this.#seams) if (isNear(seam, ms)) seam.words.push(spoken);
    }
    this.#recent = this.#recent.slice(-maxRecent);
  }

  /** One kit took over from another at that room time. */
  seam(ms: number): void {
    if (this.#seams.some((seam) => Math.abs(seam.ms - ms) < 1)) return;
    const seam: Seam = { ms, words: [] };
    seam.words = this.#recent.filter((word) => isNear(seam, word.ms));
    this.#seams = [...this.#seams, seam].slice(-maxSeams);
  }

  forget(stream: string): void {
    this.#spans.delete(stream);
  }
}

const isNear = (seam: Seam, ms: number) => Math.abs(seam.ms - ms) <= seamMs + sameWordMs;
const plainOf = (text: string) => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
