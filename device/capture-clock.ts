/** Relates the samples of one run to the monotonic clock, and measures how far the sound card's clock is off. */

interface Second {
  readonly startsMs: number;
  /** The least delayed chunk of the second: capture time less the audio before it. */
  originMs: number;
  /** Where in the run that chunk ended. */
  audioMs: number;
}

/** Long enough that some chunk was on time, short enough that a card 1000 ppm off moves only 30 ms in it. */
const windowSeconds = 30;
const maxSeconds = 600;
const minDriftSeconds = 60;

/** Chunks arrive late, never early: the least delayed ones tell the truth. */
export class CaptureClock {
  readonly #seconds: Second[] = [];

  /** A chunk that ends `audioMs` after the run's first sample was there at `capturedAtMs`. */
  add(audioMs: number, capturedAtMs: number): void {
    const originMs = capturedAtMs - audioMs;
    const last = this.#seconds.at(-1);
    if (last && audioMs < last.startsMs + 1000) {
      if (originMs >= last.originMs) return;
      last.originMs = originMs;
      last.audioMs = audioMs;
      return;
    }
    this.#seconds.push({ startsMs: audioMs, originMs, audioMs });
    if (this.#seconds.length > maxSeconds) this.#seconds.shift();
  }

  /** Monotonic time of the run's first sample as the latest half minute shows it; undefined before the first chunk. */
  get originMs(): number | undefined {
    if (this.#seconds.length === 0) return undefined;
    return this.#seconds.slice(-windowSeconds).reduce((least, each) => Math.min(least, each.originMs), Infinity);
  }

  /** How much faster than the monotonic clock the card runs, in millionths; undefined in the first minute. */
  get driftPpm(): number | undefined {
    const points = this.#seconds;
    if (points.length < minDriftSeconds) return undefined;
    const meanX = points.reduce((sum, each) => sum + each.audioMs, 0) / points.length;
    const meanY = points.reduce((sum, each) => sum + each.originMs, 0) / points.length;
    let product = 0;
    let square = 0;
    for (const { audioMs, originMs } of points) {
      product += (audioMs - meanX) * (originMs - meanY);
      square += (audioMs - meanX) ** 2;
    }
    return square > 0 ? (-product / square) * 1e6 : undefined;
  }
}
