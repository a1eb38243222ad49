import { sampleRate } from '../relay/protocol.js';

interface Slab {
  readonly audio: Buffer;
  /** Of the first write. */
  readonly from: number;
  readonly fromMs: number;
  /** Of the last. */
  untilMs: number;
}

/**
 * A stream's audio in memory, one buffer for each second of positions, so that ten frames a second allocate one buffer
 * a second. It does not know which positions it holds: its owner keeps that as a range set.
 */
export class Slabs {
  readonly #slabs = new Map<number, Slab>();
  readonly #frameBytes: number;

  /** @param frameBytes bytes of one sample frame, all channels */
  constructor(frameBytes: number) {
    this.#frameBytes = frameBytes;
  }

  /** Copies `audio` in; positions may be of any second. */
  write(position: number, audio: Uint8Array, nowMs: number): void {
    const end = position + audio.length / this.#frameBytes;
    for (let at = position; at < end; ) {
      const number = Math.floor(at / sampleRate);
      const until = Math.min(end, (number + 1) * sampleRate);
      let slab = this.#slabs.get(number);
      if (!slab) {
        const buffer = Buffer.alloc(sampleRate * this.#frameBytes);
        slab = { audio: buffer, from: at, fromMs: nowMs, untilMs: nowMs };
        this.#slabs.set(number, slab);
      }
      const part = audio.subarray((at - position) * this.#frameBytes, (until - position) * this.#frameBytes);
      slab.audio.set(part, (at - number * sampleRate) * this.#frameBytes);
      slab.untilMs = nowMs;
      at = until;
    }
  }

  /** A copy of `[from, to)`, in memory of its own (it may be transferred); the caller knows that all of it is held. */
  read(from: number, to: number): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(new ArrayBuffer((to - from) * this.#frameBytes));
    for (let at = from; at < to; ) {
      const number = Math.floor(at / sampleRate);
      const until = Math.min(to, (number + 1) * sampleRate);
      const start = (at - number * sampleRate) * this.#frameBytes;
      const part = this.#slabs.get(number)?.audio.subarray(start, start + (until - at) * this.#frameBytes);
      if (part) out.set(part, (at - from) * this.#frameBytes);
      at = until;
    }
    return out;
  }

  /** The seconds in memory, oldest first. */
  *seconds(): Iterable<{ readonly from: number; readonly to: number }> {
    for (const number of this.#slabs.keys()) yield { from: number * sampleRate, to: (number + 1) * sampleRate };
  }

  /** When `position`, which is held, was written: reckoned from the first write of its second, as sound comes. */
  writtenAtMs(position: number): number {
    const slab = this.#slabs.get(Math.floor(position / sampleRate));
    if (!slab) return Number.NEGATIVE_INFINITY;
    return Math.min(slab.untilMs, slab.fromMs + ((position - slab.from) * 1000) / sampleRate);
  }

  /** Frees the second that begins at `from`. */
  drop(from: number): void {
    this.#slabs.delete(from / sampleRate);
  }
}
