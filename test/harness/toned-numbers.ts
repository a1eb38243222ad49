/**
 * A test signal that survives microphones, browsers and resamplers: every 100 ms are a number below 4096. Each 20 ms of them
 * are a chord of six tones, one of each group: four octal digits of the number, a check digit, and which 20 ms it is. Any
 * whole 20 ms tell the number, as any 2.5 ms of the numbered signal do.
 */
import type { HeardWord, Hearing } from '../stand-ins/transcribe-hearing.ts';

const rate = 16_000;
const chordSamples = 320;
const chordsPerBlock = 5;
const blockSamples = chordsPerBlock * chordSamples;
const groups = 6;
const tonesPerGroup = 8;
const hertz = (group: number, tone: number) => 500 + 130 * (group * tonesPerGroup + tone);
const amplitude = 2000;

function chordOf(number: number, index: number): number[] {
  const digits = [(number >> 9) & 7, (number >> 6) & 7, (number >> 3) & 7, number & 7];
  return [...digits, checkOf(digits, index), index];
}

const checkOf = ([a = 0, b = 0, c = 0, d = 0]: readonly number[], index: number) =>
  (a + 3 * b + 5 * c + 7 * d + 2 * index + 1) & 7;

/** The numbers `from` to `from + count - 1`, ten a second, at any rate. */
export function tonedNumbers(from: number, count: number, rateHz = rate): Int16Array {
  const samples = new Int16Array(Math.round((count * rateHz) / 10));
  for (let i = 0; i < samples.length; i++) {
    const at = i / rateHz;
    const place = Math.floor(at * 50);
    const chord = chordOf(from + Math.floor(place / chordsPerBlock), place % chordsPerBlock);
    // Each chord swells and fades within 1 ms, so that none clicks into its neighbours.
    const inside = at * 50 - place;
    const swell = Math.min(1, inside * 20, (1 - inside) * 20);
    const time = at - place / 50;
    const sum = chord.reduce(
      (all, tone, group) => all + Math.sin(2 * Math.PI * (hertz(group, tone) * time + group / 7)),
      0,
    );
    samples[i] = Math.round(amplitude * swell * sum);
  }
  return samples;
}

const windowSamples = 240;
const hop = 40;
/** So many windows in a row must agree. */
const minAgreeing = 2;
const shape = Float64Array.from(
  { length: windowSamples },
  (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / windowSamples),
);
const probes = Array.from({ length: groups }, (_, group) =>
  Array.from({ length: tonesPerGroup }, (_, tone) => {
    const angle = (2 * Math.PI * hertz(group, tone)) / rate;
    return {
      sine: shape.map((weight, i) => weight * Math.sin(angle * i)),
      cosine: shape.map((weight, i) => weight * Math.cos(angle * i)),
    };
  }),
);

interface Chord {
  readonly number: number;
  readonly index: number;
}

/** What the window at `from` says; null where that is no chord. */
function chordAt(samples: Float64Array, from: number): Chord | null {
  const window = samples.subarray(from, from + windowSamples);
  if (window.reduce((sum, sample) => sum + sample * sample, 0) < windowSamples * 60 ** 2) return null;
  const digits = probes.map((group) => {
    const powers = group.map(({ sine, cosine }) => {
      let a = 0;
      let b = 0;
      for (let i = 0; i < windowSamples; i++) {
        a += (window[i] ?? 0) * (sine[i] ?? 0);
        b += (window[i] ?? 0) * (cosine[i] ?? 0);
      }
      return a * a + b * b;
    });
    return powers.indexOf(Math.max(...powers));
  });
  const [a = 0, b = 0, c = 0, d = 0, check, index = 0] = digits;
  if (index >= chordsPerBlock || check !== checkOf(digits, index)) return null;
  return { number: (a << 9) | (b << 6) | (c << 3) | d, index };
}

/**
 * Says `n42` for the block 42; one of which 20 ms were heard is said whole, but for one that was more than half over when the
 * session began: nobody knows a word by its last syllable.
 */
export class TonedHearing implements Hearing {
  #samples = new Float64Array(0);
  /** Place of the first of `#samples` in all that was heard. */
  #offset = 0;
  #agreeing: (Chord & { hops: number[] }) | null = null;
  #open: { number: number; start: number } | null = null;

  hear(samples: Int16Array): HeardWord[] {
    const all = new Float64Array(this.#samples.length + samples.length);
    all.set(this.#samples);
    all.set(samples, this.#samples.length);
    const words: HeardWord[] = [];
    let at = 0;
    for (; at + windowSamples <= all.length; at += hop) words.push(...this.#see(chordAt(all, at), this.#offset + at));
    this.#samples = all.slice(at);
    this.#offset += at;
    if (this.#open && this.#offset > this.#open.start + blockSamples + chordSamples) words.push(...this.flush());
    return words;
  }

  flush(): HeardWord[] {
    const open = this.#open;
    this.#open = null;
    return open && open.start > -blockSamples / 2
      ? [{ text: `n${open.number}`, start: Math.max(0, open.start), end: open.start + blockSamples }]
      : [];
  }

  #see(chord: Chord | null, at: number): HeardWord[] {
    const known = this.#agreeing;
    if (known && known.number === chord?.number && known.index === chord.index) {
      known.hops.push(at);
      return known.hops.length === minAgreeing ? this.#heard(known) : [];
    }
    this.#agreeing = chord && { ...chord, hops: [at] };
    return [];
  }

  #heard({ number, index, hops }: Chord & { hops: number[] }): HeardWord[] {
    const middle = (hops[0] ?? 0) + hop * 0.75 + windowSamples / 2;
    const start = Math.round(middle - (index + 0.5) * chordSamples);
    const open = this.#open;
    // A browser that is short of time stutters: a number that begins again before it was over is the same one.
    if (open?.number === number && Math.abs(open.start - start) < blockSamples) return [];
    const words = this.flush();
    this.#open = { number, start };
    return words;
  }
}
