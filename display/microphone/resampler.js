// @ts-check
/** Any rate that sound cards have to 16 kHz, in a stream, with a proper low-pass filter. */
import { sampleRate } from '../../relay/protocol.js';

/** Kaiser's window for 80 dB: what would be heard as something else is far below any room's noise. */
const stopbandDb = 80;
const beta = 0.1102 * (stopbandDb - 8.7);
/** Flat to here, in shares of half the lower rate: 7.2 kHz of 8. */
const flatShare = 0.9;
/** Filters of rates with more phases than this would not be worth their memory; no sound card has one. */
const maxPhases = 640;

/** The modified Bessel function of order 0. @param {number} x */
function bessel(x) {
  let sum = 1;
  for (let k = 1, term = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/** @param {number} a @param {number} b @returns {number} */
const divisor = (a, b) => (b === 0 ? a : divisor(b, a % b));

/** Whether audio of that rate can be taken. @param {number} rateHz */
export function isUsable(rateHz) {
  return Number.isInteger(rateHz) && rateHz >= 8000 && sampleRate / divisor(sampleRate, rateHz) <= maxPhases;
}

/**
 * One run of audio: a windowed sinc in as many phases as the two rates ask for. Its output begins with its input, without
 * delay, once the samples that the filter looks ahead to have come: half of its length, 3 ms at 48 kHz.
 */
export class Resampler {
  /** The output steps by `#step / #phases` of an input sample. */
  #step;
  /** One filter for each phase, its taps reversed, ready to be laid on the input. @type {Float32Array[]} */
  #filters;
  #half;
  /** What the filter still needs; before the first sample it is silence. */
  #input;
  /** Place of the next output sample in `#input`, in phases. */
  #at = 0;

  /** @param {number} rateHz one that `isUsable` */
  constructor(rateHz) {
    const common = divisor(sampleRate, rateHz);
    const phases = sampleRate / common;
    this.#step = rateHz / common;
    const lower = Math.min(rateHz, sampleRate) / 2;
    const cut = (lower * (1 + flatShare)) / 2 / rateHz; // the middle of the slope, in cycles a sample
    const slope = (lower * (1 - flatShare)) / rateHz;
    this.#half = Math.ceil((stopbandDb - 8) / (2.285 * 2 * Math.PI * slope) / 2);
    this.#filters = Array.from({ length: phases }, (_, phase) => this.#filter(phase / phases, cut));
    this.#input = new Float32Array(this.#half);
  }

  /** @param {number} shift where between two input samples the output lies @param {number} cut */
  #filter(shift, cut) {
    const half = this.#half;
    const taps = Float64Array.from({ length: 2 * half + 1 }, (_, i) => {
      const x = i - half - shift;
      const inside = 1 - (x / (half + 1)) ** 2;
      const sinc = x === 0 ? 1 : Math.sin(2 * Math.PI * cut * x) / (2 * Math.PI * cut * x);
      return (2 * cut * sinc * bessel(beta * Math.sqrt(Math.max(0, inside)))) / bessel(beta);
    });
    // A level that stays as it is, whatever the phase.
    const sum = taps.reduce((total, tap) => total + tap, 0);
    return Float32Array.from(taps, (tap) => tap / sum);
  }

  /** Takes samples of any scale; returns as many at 16 kHz as can be told already. @param {Float32Array} samples */
  process(samples) {
    const input = new Float32Array(this.#input.length + samples.length);
    input.set(this.#input);
    input.set(samples, this.#input.length);
    const { length: phases } = this.#filters;
    const taps = 2 * this.#half + 1;
    const ready = Math.max(0, Math.ceil(((input.length - taps + 1) * phases - this.#at) / this.#step));
    const out = new Float32Array(ready);
    for (let i = 0; i < ready; i++, this.#at += this.#step) {
      const first = Math.floor(this.#at / phases);
      const filter = /** @type {Float32Array} */ (this.#filters[this.#at % phases]);
      let sum = 0;
      for (let tap = 0; tap < taps; tap++) sum += (input[first + tap] ?? 0) * (filter[tap] ?? 0);
      out[i] = sum;
    }
    const done = Math.min(input.length, Math.floor(this.#at / phases));
    this.#input = input.slice(done);
    this.#at -= done * phases;
    return out;
  }

  /** The rest of the run, which the filter still held. */
  flush() {
    return this.process(new Float32Array(this.#half));
  }
}
