// @ts-check
/** What a room's level says about its sound, for whoever sets the mixer: judged over seconds, not by one word. */

/** @import { Loudness } from '../strings.js' */

export const loudnessLimits = Object.freeze({
  /** A mixer's own noise is below this. */
  silentDb: -60,
  /** Speech whose loudest word stays below this is lost in the noise. */
  quietDb: -42,
  /** A mean this high has its peaks cut off; speech is usually set to -20 dBFS. */
  loudDb: -9,
  /** So long must it be too loud, on balance, to be told; and so long good again to be no more. */
  loudForMs: 2000,
  /** Speakers pause: only what lasts this long is called quiet or silent. */
  windowMs: 10_000,
  /** A relay tells the level four times a second; this long without one, nothing arrives. */
  staleMs: 2500,
});

/** A window is kept in so many parts. */
const parts = 10;

export class LoudnessWatch {
  #limits;
  /** @type {{ part: number, loudestDb: number }[]} the loudest level of each part of the window, oldest first */
  #window = [];
  #loudMs = 0;
  #isLoud = false;
  #heardAt = Number.NEGATIVE_INFINITY;

  constructor(limits = loudnessLimits) {
    this.#limits = limits;
  }

  /** @param {number} rmsDbfs @param {number} atMs monotonic */
  hear(rmsDbfs, atMs) {
    const { windowMs, loudDb, loudForMs, staleMs } = this.#limits;
    const sinceMs = atMs - this.#heardAt;
    this.#heardAt = atMs;
    if (sinceMs > staleMs) {
      // Nobody knows what the sound was in between.
      this.#loudMs = 0;
      this.#window = [];
    } else {
      const stepMs = rmsDbfs > loudDb ? sinceMs : -sinceMs;
      this.#loudMs = Math.min(2 * loudForMs, Math.max(0, this.#loudMs + stepMs));
    }
    if (this.#loudMs >= loudForMs) this.#isLoud = true;
    if (this.#loudMs === 0) this.#isLoud = false;
    const part = Math.floor(atMs / (windowMs / parts));
    const newest = this.#window.at(-1);
    if (newest?.part === part) newest.loudestDb = Math.max(newest.loudestDb, rmsDbfs);
    else this.#window.push({ part, loudestDb: rmsDbfs });
    this.#window = this.#window.filter((each) => each.part > part - parts);
  }

  /** @param {number} atMs monotonic @returns {Loudness} */
  judge(atMs) {
    const { staleMs, silentDb, quietDb } = this.#limits;
    if (atMs - this.#heardAt > staleMs) return 'none';
    if (this.#isLoud) return 'loud';
    const loudestDb = Math.max(...this.#window.map((each) => each.loudestDb));
    if (loudestDb <= silentDb) return 'silent';
    return loudestDb < quietDb ? 'quiet' : 'good';
  }
}
