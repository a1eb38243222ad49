import { sampleRate } from './protocol.js';

export interface RestLimits {
  /** Speech stands out of the room's noise by at least this. */
  readonly aboveFloorDb: number;
  /** So long without a break it must, so that a dropped pen wakes nobody. */
  readonly wakeMs: number;
  /** The noise is judged by what was heard in this time. */
  readonly windowMs: number;
}

export const restLimits: RestLimits = { aboveFloorDb: 6, wakeMs: 300, windowMs: 60_000 };

/** Quieter than this is the noise of the converter. */
const lowestDb = -75;
/** The noise is what is exceeded nine tenths of the time: the pauses of a talk are enough to know it. */
const floorShare = 0.1;
/** The noise is not known before so much was heard; until then everything may be speech. */
const firstFloorMs = 3000;

/**
 * Tells silence from what may be speech by the room's own noise: when a paid session may rest, and when it must be back.
 * Fed with all the room's audio, in order, whether a session hears it or not. Levels in dBFS (RMS).
 */
export class RestWatch {
  readonly #limits: RestLimits;
  /** Levels of the window, oldest first, by whole dB below full scale. */
  #levels: { readonly db: number; readonly ms: number }[] = [];
  readonly #msByDb = new Map<number, number>();
  #windowMs = 0;
  #runMs = 0;
  #silentMs = 0;
  #quietMs = 0;
  #dropMs = 0;
  #levelDb = lowestDb;

  constructor(limits: RestLimits = restLimits) {
    this.#limits = limits;
  }

  /** Level of the newest piece. */
  get levelDb(): number {
    return this.#levelDb;
  }

  /** The room's noise; null before it is known. */
  get floorDb(): number | null {
    if (this.#windowMs < firstFloorMs) return null;
    let left = this.#windowMs * floorShare;
    for (let db = lowestDb; db < 0; db++) {
      left -= this.#msByDb.get(db) ?? 0;
      if (left <= 0) return db;
    }
    return 0;
  }

  /** Above it sound counts; null before the noise is known. */
  get thresholdDb(): number | null {
    const floor = this.floorDb;
    return floor === null ? null : floor + this.#limits.aboveFloorDb;
  }

  /** Since something last stood out of the noise for long enough. */
  get silentMs(): number {
    return this.#silentMs;
  }

  /** Since anything stood out of the noise, however short. */
  get quietMs(): number {
    return this.#quietMs;
  }

  /** Something stands out of the noise, and has for this long, however short. */
  get runMs(): number {
    return this.#runMs;
  }

  /** Something stands out of the noise, and has for this long, in ms; 0 where it is too short yet. */
  get soundMs(): number {
    return this.#runMs >= this.#limits.wakeMs ? this.#runMs : 0;
  }

  /** Takes the next piece of audio. @param rms of its samples, 0 to 32767 */
  hear(rms: number, samples: number): void {
    const ms = (samples * 1000) / sampleRate;
    this.#levelDb = rms > 0 ? Math.max(lowestDb, 20 * Math.log10(rms / 32_768)) : lowestDb;
    const threshold = this.thresholdDb;
    const isSound = threshold === null || this.#levelDb >= threshold;
    this.#runMs = isSound ? this.#runMs + ms : 0;
    this.#quietMs = isSound ? 0 : this.#quietMs + ms;
    this.#silentMs = this.soundMs > 0 ? 0 : this.#silentMs + ms;
    this.#dropMs =
      threshold !== null && this.#levelDb <= threshold - 2 * this.#limits.aboveFloorDb ? this.#dropMs + ms : 0;
    if (this.#dropMs >= this.#limits.wakeMs) this.#forgetNoise();
    this.#count(Math.round(this.#levelDb), ms);
  }

  /** Words were recognised: whatever the level says, this was no silence. */
  spoken(): void {
    this.#silentMs = 0;
  }

  /** A noise has ended. What is lower may be speech: everything may, until the new noise is known. */
  #forgetNoise(): void {
    this.#levels = [];
    this.#msByDb.clear();
    this.#windowMs = 0;
    this.#dropMs = 0;
  }

  #count(db: number, ms: number): void {
    this.#levels.push({ db, ms });
    this.#msByDb.set(db, (this.#msByDb.get(db) ?? 0) + ms);
    this.#windowMs += ms;
    while (this.#windowMs > this.#limits.windowMs) {
      const oldest = this.#levels.shift();
      if (!oldest) break;
      this.#msByDb.set(oldest.db, (this.#msByDb.get(oldest.db) ?? 0) - oldest.ms);
      this.#windowMs -= oldest.ms;
    }
  }
}
