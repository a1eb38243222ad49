import { rmsOf } from '../loudness.ts';
import { bytesPerSample, sampleRate } from '../protocol.js';
import { RestWatch } from '../rest.ts';

/** A take that a person ended begins anew only after so much silence. */
const leftMs = 60_000;
/** Sound that did not become a take within so much silence was nothing. */
const forgetMs = 60_000;
/** Where the room's noise is not known, dBFS. */
const usualThresholdDb = -50;

const decibels = (rms: number) => (rms > 0 ? 20 * Math.log10(rms / 32_768) : Number.NEGATIVE_INFINITY);

/** Whether anything is said in a room, and since when, by its sound alone. Silence is what was heard to be silent. */
export class RoomSound {
  readonly #watch = new RestWatch();
  /** The sound that may become a take: room time of its first, and how much there was. */
  #began: { ms: number; soundMs: number } | null = null;
  #isLeft = false;
  #cameAtMs: number;
  /** Heard silence since the last sound. */
  quietMs = 0;
  /** Room time of the end of the newest sound; null before any. */
  lastMs: number | null = null;

  constructor(nowMs: number) {
    this.#cameAtMs = nowMs;
  }

  /** Since audio came last. */
  awayMs(nowMs: number): number {
    return nowMs - this.#cameAtMs;
  }

  /** @param audio mono s16le @param ms room time of its first sample @param isTaken what is recorded, or may not be, at a time */
  hear(audio: Uint8Array, ms: number, isLive: boolean, nowMs: number, isTaken: (ms: number) => boolean): void {
    this.#cameAtMs = nowMs;
    const samples = audio.length / bytesPerSample;
    const lengthMs = (samples * 1000) / sampleRate;
    const rms = rmsOf(audio);
    const { thresholdDb } = this.#watch;
    if (isLive) this.#watch.hear(rms, samples);
    // Of what comes late each piece is judged by itself.
    const isSound = isLive
      ? thresholdDb !== null && this.#watch.soundMs > 0
      : decibels(rms) >= (thresholdDb ?? usualThresholdDb);
    if (isSound) this.#sound(ms, lengthMs, isTaken);
    else if (isLive) this.#silence(lengthMs);
  }

  /** Room time of the first sound of a take that is to begin now; null where nothing is said. */
  takeBeginning(leastMs: number): number | null {
    if (!this.#began || this.#began.soundMs < leastMs) return null;
    const { ms } = this.#began;
    this.#began = null;
    return ms;
  }

  /** A person ended the take: whatever still sounds is none. */
  leave(): void {
    this.#isLeft = true;
    this.#began = null;
  }

  #sound(ms: number, lengthMs: number, isTaken: (ms: number) => boolean): void {
    this.quietMs = 0;
    this.lastMs = Math.max(this.lastMs ?? ms, ms + lengthMs);
    if (this.#isLeft || isTaken(ms)) return;
    this.#began = { ms: Math.min(this.#began?.ms ?? ms, ms), soundMs: (this.#began?.soundMs ?? 0) + lengthMs };
  }

  #silence(lengthMs: number): void {
    this.quietMs += lengthMs;
    if (this.quietMs >= leftMs) this.#isLeft = false;
    if (this.quietMs >= forgetMs) this.#began = null;
  }
}
