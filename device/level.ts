/** How loud the room is, and whether the mixer is overdriven. */
import type { Level } from '../relay/protocol.js';

const fullScale = 32768;
/** What silence is shown as. */
export const floorDbfs = -120;

const dbfs = (amplitude: number) => Math.max(floorDbfs, 20 * Math.log10(amplitude / fullScale));
const rounded = (value: number) => Math.round(value * 10) / 10;

/**
 * Levels since the last `take`. RMS is of what the relay gets; peak and clipping are of the channels taken, before they
 * are mixed, because a mean hides that one of them is overdriven.
 */
export class LevelMeter {
  #squares = 0;
  #count = 0;
  #peak = 0;
  #clipped = 0;

  /** One sample as the card gave it, -32768 to 32767. */
  captured(sample: number): void {
    const size = Math.abs(sample);
    if (size > this.#peak) this.#peak = size;
    if (size >= fullScale - 1) this.#clipped++;
  }

  /** One sample of the mix. */
  mixed(sample: number): void {
    this.#squares += sample * sample;
    this.#count++;
  }

  /** In dB below full scale (a full-scale square wave is 0), -120 where there was nothing. */
  take(): Level {
    const level = {
      rmsDbfs: rounded(dbfs(Math.sqrt(this.#count > 0 ? this.#squares / this.#count : 0))),
      peakDbfs: rounded(dbfs(this.#peak)),
      clipped: this.#clipped,
    };
    this.#squares = 0;
    this.#count = 0;
    this.#peak = 0;
    this.#clipped = 0;
    return level;
  }
}
