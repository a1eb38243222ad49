import type { CanonicalSegment } from '../contract.ts';

/** Room that was not written to yet takes no memory. */
const reservedBytes = 16 * 1024 * 1024;
/** Segments that are read at a time: some minutes of speech. */
const blockBytes = 8192;

/** Text in UTF-8 that grows in its place. */
export class Utf8 {
  #room = Buffer.allocUnsafeSlow(reservedBytes);
  #length = 0;

  add(text: string): void {
    const most = this.#length + 3 * text.length;
    if (most > this.#room.length) {
      const larger = Buffer.allocUnsafeSlow(2 * most);
      this.#room.copy(larger, 0, 0, this.#length);
      this.#room = larger;
    }
    this.#length += this.#room.write(text, this.#length);
  }

  get bytes(): Uint8Array {
    return this.#room.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  text(from: number, to: number): string {
    return this.#room.toString('utf8', from, to);
  }
}

/** `transcript.json` while it is made: its segments are in memory as they are published, and can be read as often as it takes. */
export class TranscriptFile implements Iterable<CanonicalSegment> {
  readonly #json = new Utf8();
  /** Where blocks of segments begin, and the last one ends. */
  readonly #cuts: number[] = [];

  /** @param head what stands before the segments, by the first of them */
  constructor(segments: Iterable<CanonicalSegment>, head: (first: CanonicalSegment | undefined) => object) {
    const begin = (first?: CanonicalSegment) => {
      this.#json.add(`${JSON.stringify(head(first)).slice(0, -1)},"segments":[`);
      this.#cuts.push(this.#json.length);
    };
    for (const segment of segments) {
      if (this.#cuts.length === 0) begin(segment);
      else this.#json.add(',');
      if (this.#json.length - (this.#cuts.at(-1) ?? 0) > blockBytes) this.#cuts.push(this.#json.length);
      this.#json.add(JSON.stringify(segment));
    }
    if (this.#cuts.length === 0) begin();
    this.#cuts.push(this.#json.length);
  }

  *[Symbol.iterator](): Generator<CanonicalSegment, void> {
    for (const [i, to] of this.#cuts.entries()) {
      const text = this.#json.text(this.#cuts[i - 1] ?? to, to).replace(/,$/, '');
      const segments: CanonicalSegment[] = JSON.parse(`[${text}]`);
      yield* segments;
    }
  }

  /** @param tail what stands behind the segments @returns all of it; no more may follow */
  end(tail: object): Uint8Array {
    this.#json.add(`],${JSON.stringify(tail).slice(1)}\n`);
    return this.#json.bytes;
  }
}
