// @ts-check
/** A level meter in the document. What moves is a transform alone, which costs a Raspberry Pi next to nothing. */

export const meterScale = Object.freeze({
  minDb: -60,
  maxDb: 0,
  peakHoldMs: 1500,
  peakFallDbPerS: 20,
});

/** Where on the scale a level stands, 0 to 1. @param {number} db */
function portion(db) {
  const { minDb, maxDb } = meterScale;
  return Math.min(1, Math.max(0, (db - minDb) / (maxDb - minDb)));
}

export class LevelMeter {
  #cover = part('cover');
  #peak = part('peak');
  #peakDb = Number.NEGATIVE_INFINITY;
  #peakAt = 0;
  #shownAt = 0;

  /** @param {HTMLElement} container empty @param {readonly number[]} marksDb where the scale has a line */
  constructor(container, marksDb) {
    container.append(this.#cover);
    for (const db of marksDb) {
      const mark = part('mark');
      mark.style.setProperty('transform', `translateX(${percent(portion(db))})`);
      container.append(mark);
    }
    container.append(this.#peak);
    this.#draw(meterScale.minDb);
  }

  /** @param {number} rmsDbfs @param {number} atMs monotonic */
  show(rmsDbfs, atMs) {
    const { peakHoldMs, peakFallDbPerS } = meterScale;
    const fallenDb = atMs - this.#peakAt > peakHoldMs ? ((atMs - this.#shownAt) / 1000) * peakFallDbPerS : 0;
    if (rmsDbfs >= this.#peakDb) this.#peakAt = atMs;
    this.#peakDb = Math.max(rmsDbfs, this.#peakDb - fallenDb);
    this.#shownAt = atMs;
    this.#draw(rmsDbfs);
  }

  /** Nothing is known any more: the meter falls to nothing. */
  fall() {
    this.#peakDb = Number.NEGATIVE_INFINITY;
    this.#draw(Number.NEGATIVE_INFINITY);
  }

  /** @param {number} db */
  #draw(db) {
    this.#cover.style.setProperty('transform', `scaleX(${(1 - portion(db)).toFixed(3)})`);
    this.#peak.style.setProperty('transform', `translateX(${percent(portion(this.#peakDb))})`);
    this.#peak.toggleAttribute('hidden', portion(this.#peakDb) === 0);
  }
}

/** @param {number} share */
const percent = (share) => `${(share * 100).toFixed(1)}%`;

/** @param {string} name */
function part(name) {
  const made = document.createElement('span');
  made.className = name;
  return made;
}
