// @ts-check
/** How loud what the relay gets is, in dB below full scale. */

/** @import { Level } from '../../relay/protocol.js' */

const fullScale = 32768;
/** What silence is shown as. */
export const lowestDbfs = -100;

/** @param {number} amplitude */
const dbfs = (amplitude) =>
  Math.max(lowestDbfs, Math.round(200 * Math.log10(Math.max(amplitude, 1e-9) / fullScale)) / 10);

export class LevelMeter {
  #squares = 0;
  #count = 0;
  #peak = 0;
  #clipped = 0;

  /** @param {Int16Array} samples */
  hear(samples) {
    for (const sample of samples) {
      const size = Math.abs(sample);
      if (size > this.#peak) this.#peak = size;
      if (size >= fullScale - 1) this.#clipped++;
      this.#squares += sample * sample;
    }
    this.#count += samples.length;
  }

  /** Since it was last asked. @returns {Level} */
  take() {
    const level = {
      rmsDbfs: dbfs(this.#count > 0 ? Math.sqrt(this.#squares / this.#count) : 0),
      peakDbfs: dbfs(this.#peak),
      clipped: this.#clipped,
    };
    this.#squares = this.#count = this.#peak = this.#clipped = 0;
    return level;
  }
}
