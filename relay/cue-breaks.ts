import { maxLetters, type Token } from './cue-words.ts';

/** Seconds a cue stands: the least that can be read at all, the most before it looks stuck. */
export const cueMs = { least: 1000, most: 7000 };
/** A pause that no cue goes across: its last words would stand there long before they are said. */
export const maxPauseMs = 1500;
/** The fastest that people read, in letters a second. */
export const maxSpeed = { narrow: 20, wide: 9 };

/** How much each thing counts, in breaks between two plain words. */
const weights = {
  cue: 0.75,
  end: 1,
  line: 0.6,
  balance: 0.5,
  fragment: 0.9,
  opening: 0.9,
  short: 2,
  fast: 0.06,
  pause: 0.5,
};
const fragmentLetters = { narrow: 12, wide: 5 };
const noticedPauseMs = 800;

/** Two lines, or one; `to` is exclusive. */
export interface Break {
  readonly from: number;
  readonly to: number;
  /** Where the second line begins; `to` where there is none. */
  readonly second: number;
}

/** Where to break words that follow each other: the cheapest way of all, by what cue-grammar.ts says of each place. */
export function breaksOf(tokens: readonly Token[]): Break[] {
  const text = new Measured(tokens);
  const count = tokens.length;
  const best = new Float64Array(count + 1).fill(Number.POSITIVE_INFINITY);
  const froms = new Int32Array(count + 1);
  const seconds = new Int32Array(count + 1);
  best[0] = 0;
  for (let to = 1; to <= count; to++)
    for (let from = to - 1; from >= 0; from--) {
      const second = text.secondLine(from, to);
      if (second === null) break;
      if (from < to - 1 && text.spanMs(from, to) > cueMs.most) break;
      const cost = (best[from] ?? 0) + text.cueCost(from, to, second);
      if (cost >= (best[to] ?? 0)) continue;
      best[to] = cost;
      froms[to] = from;
      seconds[to] = second;
    }
  const breaks: Break[] = [];
  for (let to = count; to > 0; ) {
    const from = froms[to] ?? 0;
    breaks.push({ from, to, second: seconds[to] ?? to });
    to = from;
  }
  return breaks.reverse();
}

/** Tokens with sums, so that any stretch of them is measured at once. */
class Measured {
  readonly #tokens: readonly Token[];
  /** Letters, spaces before words included, and wide tokens, of all before. */
  readonly #widths: Float64Array;
  readonly #wides: Float64Array;
  /** Pauses that are noticed, of all before. */
  readonly #pauses: Float64Array;
  /** What a break costs behind each. */
  readonly #costs: Float64Array;
  /** Where the sentence of the token before begins. */
  readonly #sentences: Int32Array;
  /** How far a line goes that begins there, and where one may begin that ends there. */
  readonly #lineEnds: Int32Array;
  readonly #lineStarts: Int32Array;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
    const count = tokens.length;
    this.#widths = new Float64Array(count + 1);
    this.#wides = new Float64Array(count + 1);
    this.#pauses = new Float64Array(count + 1);
    this.#costs = new Float64Array(count + 1);
    this.#sentences = new Int32Array(count + 1);
    this.#lineEnds = new Int32Array(count + 1);
    this.#lineStarts = new Int32Array(count + 1);
    tokens.forEach((token, i) => {
      this.#widths[i + 1] = (this.#widths[i] ?? 0) + token.width + (token.hasSpaceBefore ? 1 : 0);
      this.#wides[i + 1] = (this.#wides[i] ?? 0) + (token.isWide ? 1 : 0);
      const pauseMs = Math.max(0, (tokens[i + 1]?.startMs ?? token.endMs) - token.endMs);
      this.#pauses[i + 1] = (this.#pauses[i] ?? 0) + Math.max(0, pauseMs - noticedPauseMs / 2);
      this.#sentences[i + 1] = i === 0 || tokens[i - 1]?.isSentenceEnd ? i : (this.#sentences[i] ?? 0);
      this.#costs[i] = token.cost * (1 - 0.5 * Math.min(1, pauseMs / noticedPauseMs));
    });
    for (let from = 0, to = 0; to <= count; to++) {
      while (from < to && !this.#fits(from, to)) this.#lineEnds[from++] = to - 1;
      this.#lineStarts[to] = from;
      if (to === count) this.#lineEnds.fill(count, from);
    }
  }

  spanMs(from: number, to: number): number {
    return (this.#tokens[to - 1]?.endMs ?? 0) - (this.#tokens[from]?.startMs ?? 0);
  }

  /** Where the second line begins best, `to` for one line, null where two are not enough. */
  secondLine(from: number, to: number): number | null {
    const end = this.#lineEnds[from] ?? to;
    if (end >= to) return to;
    let [second, least]: [number | null, number] = [null, Number.POSITIVE_INFINITY];
    for (let at = this.#lineStarts[to] ?? to; at <= end; at++) {
      const cost = this.#lineCost(from, at, to);
      if (cost < least) [second, least] = [at, cost];
    }
    return second;
  }

  cueCost(from: number, to: number, second: number): number {
    const isWide = this.#isWide(from, to);
    const letters = this.#width(from, to);
    const next = this.#tokens[to];
    const last = this.#tokens[to - 1];
    let cost = weights.cue;
    // The end of all that is known is a place to break as good as any.
    if (next) cost += weights.end * (this.#costs[to - 1] ?? 0);
    if (second < to) cost += this.#lineCost(from, second, to);
    const least = isWide ? fragmentLetters.wide : fragmentLetters.narrow;
    const isSentence = (from === 0 || this.#tokens[from - 1]?.isSentenceEnd) && (!next || last?.isSentenceEnd);
    if (letters < least && !isSentence) cost += weights.fragment * (1 - letters / least) + 0.3;
    // The first words of a sentence that goes on in the next cue stand better there.
    const sentence = this.#sentences[to] ?? 0;
    const opening = this.#width(sentence, to);
    if (next && sentence > from && !last?.isSentenceEnd && opening < least)
      cost += weights.opening * (1 - opening / least) + 0.3;
    const availableMs = next ? next.startMs - (this.#tokens[from]?.startMs ?? 0) : cueMs.most;
    cost += weights.short * Math.max(0, 1 - availableMs / cueMs.least);
    const speed = (letters * 1000) / Math.max(cueMs.least, availableMs);
    cost += weights.fast * Math.max(0, speed - (isWide ? maxSpeed.wide : maxSpeed.narrow));
    return cost + (weights.pause * ((this.#pauses[to - 1] ?? 0) - (this.#pauses[from] ?? 0))) / 1000;
  }

  #lineCost(from: number, second: number, to: number): number {
    const [upper, lower] = [this.#width(from, second), this.#width(second, to)];
    const imbalance = (upper - lower) / Math.max(upper, lower);
    const isOrphan = (second === to - 1 || second === from + 1) && Math.min(upper, lower) < 8;
    return (
      weights.line * (this.#costs[second - 1] ?? 0) + weights.balance * imbalance * imbalance + (isOrphan ? 0.4 : 0)
    );
  }

  #width(from: number, to: number): number {
    return (this.#widths[to] ?? 0) - (this.#widths[from] ?? 0) - (this.#tokens[from]?.hasSpaceBefore ? 1 : 0);
  }

  #isWide(from: number, to: number): boolean {
    return (this.#wides[to] ?? 0) > (this.#wides[from] ?? 0);
  }

  #fits(from: number, to: number): boolean {
    return this.#width(from, to) <= (this.#isWide(from, to) ? maxLetters.wide : maxLetters.narrow);
  }
}
