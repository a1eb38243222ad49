import { type RangeSet, union } from './protocol.js';

/** Captions of one stream that are remembered: about an hour of talk. */
const maxSpans = 1000;

/**
 * Where in each stream of a room words have been published. Two sessions that meet place a word at their boundary a few
 * samples apart, so each may take it for its own: the first to say it has said it.
 */
export class SaidWords {
  readonly #spans = new Map<string, RangeSet>();

  /** Whether a word whose middle lies there has been said. */
  has(stream: string, position: number): boolean {
    return this.#spans.get(stream)?.some(([from, to]) => from <= position && position < to) ?? false;
  }

  add(stream: string, from: number, to: number): void {
    this.#spans.set(stream, union(this.#spans.get(stream) ?? [], [[from, to]]).slice(-maxSpans));
  }

  forget(stream: string): void {
    this.#spans.delete(stream);
  }
}
