// @ts-check
/**
 * From pieces of sound to frames with positions that are a true clock: what the microphone did not give, while the phone
 * rang or the page slept, is a hole as long as the clock shows; what only came late is none.
 */
import { frameSamples, sampleRate } from '../../relay/protocol.js';

/** @import { Anchor, HoleReason } from '../../relay/protocol.js' */

/**
 * @typedef {object} Track where frames go
 * @property {number} edge
 * @property {(audio: Uint8Array) => void} frame
 * @property {(samples: number, reason: HoleReason) => void} hole
 * @property {(anchor: Anchor) => void} anchor
 * @property {() => void} end
 */

const timing = Object.freeze({
  /** Less than this is lateness of a busy browser; more is looked into. */
  maxGapMs: 300,
  /** So long it is seen whether sound was only late, and a burst follows. */
  settleMs: 1000,
  /** What is held back meanwhile, at most. */
  maxHeldMs: 10_000,
  anchorEveryMs: 10_000,
  /** The least delayed piece of this long tells when the run began: long enough that one was on time. */
  windowMs: 30_000,
  /** A clock of the day that runs ahead of the other by this much: the device slept, and the other stood still. */
  maxSleepMs: 2000,
});

/** @typedef {{ samples: Int16Array, arrivedMs: number }} Piece */

/** @param {number} samples */
const ms = (samples) => (samples * 1000) / sampleRate;

export class Timeline {
  #track;
  #clocks;
  #onGap;
  #frame = new Int16Array(frameSamples);
  #filled = 0;
  /** Samples since the run began, holes included. */
  #taken = 0;
  /** When the run began, as the least delayed piece of this window and of the one before tells. */
  #origins = { now: Number.POSITIVE_INFINITY, before: Number.POSITIVE_INFINITY, sinceMs: 0 };
  #anchoredMs = Number.NEGATIVE_INFINITY;
  /** Pieces after what may be a gap. @type {{ pieces: Piece[], sinceMs: number, samples: number, lateMs: number } | null} */
  #held = null;
  #dayMs = 0;
  #bootId;

  /**
   * @param {object} options
   * @param {Track} options.track
   * @param {{ now: () => number, wall: () => number, newId: () => string }} options.clocks
   * @param {(ms: number) => void} options.onGap the microphone gave nothing for so long
   */
  constructor({ track, clocks, onGap }) {
    this.#track = track;
    this.#clocks = clocks;
    this.#onGap = onGap;
    this.#bootId = clocks.newId();
  }

  /** Within one, monotonic times can be compared. */
  get bootId() {
    return this.#bootId;
  }

  /** @param {Int16Array} samples 16 kHz mono @param {number} arrivedMs when the last of them was here, monotonic */
  hear(samples, arrivedMs) {
    if (samples.length === 0) return;
    this.#lookAtTheDay();
    const held = this.#held;
    const lateMs = this.#lateness(samples.length + (held?.samples ?? 0), arrivedMs);
    const piece = { samples, arrivedMs };
    if (held) {
      held.pieces.push(piece);
      held.samples += samples.length;
      held.lateMs = Math.min(held.lateMs, lateMs);
      const isSettled = arrivedMs - held.sinceMs >= timing.settleMs || ms(held.samples) >= timing.maxHeldMs;
      if (held.lateMs <= timing.maxGapMs || isSettled) this.#release();
    } else if (lateMs > timing.maxGapMs)
      this.#held = { pieces: [piece], sinceMs: arrivedMs, samples: samples.length, lateMs };
    else this.#take(piece);
  }

  /** The microphone is off: what is held back goes out, and a later piece begins another run. */
  end() {
    this.#release();
    this.#give();
    this.#track.end();
    this.#forget();
  }

  /** The run goes on in another stream: this one's ending can be told. */
  cut() {
    this.#give();
    this.#track.end();
    this.#origins.now += ms(this.#taken);
    this.#origins.before += ms(this.#taken);
    this.#taken = 0;
    this.#anchoredMs = Number.NEGATIVE_INFINITY;
  }

  #forget() {
    this.#taken = 0;
    this.#origins = { now: Number.POSITIVE_INFINITY, before: Number.POSITIVE_INFINITY, sinceMs: 0 };
    this.#anchoredMs = Number.NEGATIVE_INFINITY;
  }

  /** How much later than the clock says the last of `samples` more would have come. @param {number} samples @param {number} atMs */
  #lateness(samples, atMs) {
    const originMs = Math.min(this.#origins.now, this.#origins.before);
    return Number.isFinite(originMs) ? atMs - ms(this.#taken + samples) - originMs : 0;
  }

  #release() {
    const held = this.#held;
    if (!held) return;
    this.#held = null;
    if (held.lateMs > timing.maxGapMs) {
      this.#give();
      const samples = Math.round((held.lateMs * sampleRate) / 1000);
      this.#track.hole(samples, 'source-lost');
      this.#taken += samples;
      this.#onGap(held.lateMs);
    }
    for (const piece of held.pieces) this.#take(piece);
  }

  /** @param {Piece} piece */
  #take({ samples, arrivedMs }) {
    this.#taken += samples.length;
    const originMs = arrivedMs - ms(this.#taken);
    const origins = this.#origins;
    if (arrivedMs - origins.sinceMs > timing.windowMs)
      this.#origins = { now: originMs, before: origins.now, sinceMs: arrivedMs };
    else origins.now = Math.min(origins.now, originMs);
    for (let at = 0; at < samples.length; ) {
      const part = samples.subarray(at, at + frameSamples - this.#filled);
      this.#frame.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === frameSamples) this.#give();
    }
  }

  #give() {
    if (this.#filled === 0) return;
    const audio = new Uint8Array(this.#filled * 2);
    const view = new DataView(audio.buffer);
    for (let i = 0; i < this.#filled; i++) view.setInt16(2 * i, this.#frame[i] ?? 0, true);
    this.#filled = 0;
    this.#track.frame(audio);
    const position = this.#track.edge;
    const monotonicMs = Math.min(this.#origins.now, this.#origins.before) + ms(position);
    if (monotonicMs - this.#anchoredMs < timing.anchorEveryMs) return;
    this.#anchoredMs = monotonicMs;
    const { now, wall } = this.#clocks;
    const wallMs = wall() - (now() - monotonicMs);
    // A page is not told whether its clock is right.
    this.#track.anchor({ position, bootId: this.#bootId, monotonicMs, wallMs, wallSynced: false });
  }

  /** While a device sleeps its monotonic clock may stand still: what comes then is another run by another clock. */
  #lookAtTheDay() {
    const { now, wall, newId } = this.#clocks;
    const dayMs = wall() - now();
    const sleptMs = dayMs - this.#dayMs;
    this.#dayMs = dayMs;
    if (this.#taken === 0 || sleptMs < timing.maxSleepMs) return;
    this.end();
    this.#bootId = newId();
    this.#onGap(sleptMs);
  }
}
