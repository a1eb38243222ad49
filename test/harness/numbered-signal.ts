/**
 * A test signal whose every 100 ms carries a number, recognisable in any whole 2.5 ms of it. A block of 1600 samples is
 * 40 packets of 40 samples: two sync words, the number (two words), the packet's index, a check word, and a filler
 * that follows from them, so that a changed sample anywhere is noticed. For bit-exact paths only (16 kHz mono s16).
 */
export const blockSamples = 1600;
const packetSamples = 40;
const packetsPerBlock = blockSamples / packetSamples;
const sync = [0x7a5a, -0x2b3d] as const;

function packet(number: number, index: number): Int16Array {
  const words = new Int16Array(packetSamples);
  const high = (number >> 12) & 0xfff;
  const low = number & 0xfff;
  words.set([...sync, high, low, index, (high * 7 + low * 13 + index * 29) & 0xfff]);
  for (let i = 6; i < packetSamples; i++) words[i] = ((number * 31 + index * 17 + i * 101) % 2001) - 1000;
  return words;
}

/** The blocks numbered `from` to `from + count - 1` (numbers below 2^24), as samples. */
export function numberedBlocks(from: number, count: number): Int16Array {
  const samples = new Int16Array(count * blockSamples);
  for (let block = 0; block < count; block++)
    for (let i = 0; i < packetsPerBlock; i++)
      samples.set(packet(from + block, i), block * blockSamples + i * packetSamples);
  return samples;
}

export interface SeenBlock {
  readonly number: number;
  /** Where the whole block lies in what was pushed, in samples; it may begin before 0 or end after what was seen. */
  readonly start: number;
  readonly end: number;
  /** Whole, unchanged packets of it that were seen, of 40. */
  packets: number;
}

/** Finds the numbers in a run of audio pushed piece by piece. */
export class NumberedSignalDecoder {
  #pending = new Int16Array(0);
  /** Sample offset of `#pending` in all that was pushed. */
  #offset = 0;
  #open: SeenBlock | null = null;

  /** Takes any number of samples; returns the blocks that are now over, in order. */
  push(samples: Int16Array): SeenBlock[] {
    const all = new Int16Array(this.#pending.length + samples.length);
    all.set(this.#pending);
    all.set(samples, this.#pending.length);
    const done: SeenBlock[] = [];
    let at = 0;
    while (at + packetSamples <= all.length) {
      const found = this.#packetAt(all, at);
      if (!found) {
        at++;
        continue;
      }
      const start = this.#offset + at - found.index * packetSamples;
      if (this.#open && (this.#open.number !== found.number || this.#open.start !== start)) done.push(this.#open);
      if (this.#open?.number !== found.number || this.#open.start !== start)
        this.#open = { number: found.number, start, end: start + blockSamples, packets: 0 };
      this.#open.packets++;
      at += packetSamples;
      if (found.index === packetsPerBlock - 1) {
        done.push(this.#open);
        this.#open = null;
      }
    }
    this.#offset += at;
    this.#pending = all.slice(at);
    if (this.#open && this.#offset >= this.#open.end) {
      done.push(this.#open);
      this.#open = null;
    }
    return done;
  }

  /** The block that was begun and not ended, if any. */
  flush(): SeenBlock[] {
    const last = this.#open;
    this.#open = null;
    return last ? [last] : [];
  }

  #packetAt(all: Int16Array, at: number): { number: number; index: number } | null {
    if (all[at] !== sync[0] || all[at + 1] !== sync[1]) return null;
    const number = ((all[at + 2] ?? 0) << 12) | (all[at + 3] ?? 0);
    const index = all[at + 4] ?? -1;
    if (index < 0 || index >= packetsPerBlock || number < 0) return null;
    const expected = packet(number, index);
    return expected.every((value, i) => all[at + i] === value) ? { number, index } : null;
  }
}
