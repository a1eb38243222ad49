// @ts-check
/**
 * When waiting words are painted. A model of a reader moves on through what is painted; a row that is read may leave,
 * and so make room for the next. Whoever speaks faster than people read is kept up with: the more words wait, the faster
 * the rows come, and none waits longer than `maxDelayMs`. No document, no timer: time comes in, counts go out.
 */

export const paceLimits = Object.freeze({
  /** Ofcom names 160 to 180 words a minute for subtitles. */
  wordsPerMinute: 170,
  /** The page's own delay stays below 2 s, the way up to its place on the screen included. */
  maxDelayMs: 1600,
  /** Rows that came faster could not even be noticed; what would need them is shown at once instead. */
  minRowMs: 50,
});

/**
 * @typedef {object} Unit what is painted in one go
 * @property {number} words
 * @property {boolean} newRow whether it begins a row; else it goes on in the last one
 * @property {boolean} [spare] a row without words, for those that may still change
 */

export class Pace {
  #limits;
  #capacity;
  /** @type {number[]} words in each row on the screen, oldest first */
  #rows = [];
  /** How many of the newest rows are still without words. */
  #spare = 0;
  /** How many of the words in `#rows` have been read by now. */
  #read = 0;
  #at;
  #pushedAt = Number.NEGATIVE_INFINITY;
  /** @type {(Unit & { deadline: number })[]} */
  #waiting = [];

  /** @param {number} capacity rows that the screen holds @param {number} now ms, monotonic @param {typeof paceLimits} [limits] */
  constructor(capacity, now, limits = paceLimits) {
    this.#capacity = capacity;
    this.#at = now;
    this.#limits = limits;
  }

  /** Units that wait. */
  get waiting() {
    return this.#waiting.length;
  }

  /** Rows on the screen, or asked for, that have no words yet. */
  get spare() {
    return this.#spare + this.#waiting.filter(({ spare }) => spare).length;
  }

  /** @param {Unit} unit @param {number} now */
  add(unit, now) {
    this.#move(now);
    this.#waiting.push({ ...unit, deadline: now + this.#limits.maxDelayMs });
  }

  /** Nobody wants the rows without words any more that were not painted yet. */
  withdrawSpare() {
    this.#waiting = this.#waiting.filter(({ spare }) => !spare);
  }

  /**
   * The units to be painted now, the oldest first; they count as painted.
   * @param {number} now
   * @returns {{ count: number, jump: boolean }} `jump`: more waits than can be shown one after the other
   */
  take(now) {
    this.#move(now);
    const { maxDelayMs, minRowMs } = this.#limits;
    const jump = this.#waiting.filter((each) => each.newRow).length * minRowMs > maxDelayMs + this.#capacity * minRowMs;
    const before = this.#waiting.length;
    while (this.#waiting.length > 0 && (jump || this.#waitMs(now) <= 0)) this.#paint(now);
    return { count: before - this.#waiting.length, jump };
  }

  /** How long until something is to be painted; null: nothing waits. @param {number} now */
  wait(now) {
    this.#move(now);
    return this.#waiting.length > 0 ? Math.max(0, this.#waitMs(now)) : null;
  }

  /** Everything on the screen is new, and nothing waits: rows as painted, taken as read. @param {readonly Unit[]} units */
  put(units) {
    this.clear();
    for (const unit of units) this.#waiting.push({ ...unit, deadline: 0 });
    while (this.#waiting.length > 0) this.#paint(Number.NEGATIVE_INFINITY);
    this.#read = this.#words();
  }

  /** Nothing is on the screen and nothing waits. */
  clear() {
    this.#rows = [];
    this.#waiting = [];
    this.#spare = 0;
    this.#read = 0;
  }

  #words() {
    return this.#rows.reduce((sum, words) => sum + words, 0);
  }

  /** Words a ms: more where words wait, twice as many where 2 s of them do. */
  #rate() {
    const usual = this.#limits.wordsPerMinute / 60_000;
    const backlog = this.#waiting.reduce((sum, { words }) => sum + words, 0);
    return usual * (1 + backlog / (usual * this.#limits.maxDelayMs));
  }

  /** The reader goes on. @param {number} now */
  #move(now) {
    this.#read = Math.min(this.#words(), this.#read + Math.max(0, now - this.#at) * this.#rate());
    this.#at = now;
  }

  /** @param {Unit} unit @param {number} [alreadyPushing] rows that come before it */
  #pushes({ newRow, spare }, alreadyPushing = 0) {
    return newRow && (spare || this.#spare === 0) && this.#rows.length + alreadyPushing >= this.#capacity;
  }

  /** @param {number} now */
  #waitMs(now) {
    const [first] = this.#waiting;
    if (!first || !this.#pushes(first)) return 0;
    const read = ((this.#rows[0] ?? 0) - this.#read) / this.#rate();
    // So many rows from the last one to each deadline: all of them in time, and evenly.
    const since = Math.max(this.#pushedAt, first.deadline - this.#limits.maxDelayMs);
    let rows = 0;
    let due = Number.POSITIVE_INFINITY;
    for (const { newRow, deadline } of this.#waiting) {
      if (newRow) rows++;
      due = Math.min(due, since + (deadline - since) / Math.max(1, rows));
    }
    const hurry = due - now;
    return Math.max(Math.min(read, hurry), this.#pushedAt + this.#limits.minRowMs - now);
  }

  /** @param {number} now */
  #paint(now) {
    const unit = this.#waiting.shift();
    if (!unit) return;
    const { words, newRow, spare } = unit;
    if (newRow && (spare || this.#spare === 0)) {
      if (this.#pushes(unit)) this.#pushedAt = now;
      this.#rows.push(words);
      if (spare) this.#spare++;
      while (this.#rows.length > this.#capacity) this.#read = Math.max(0, this.#read - (this.#rows.shift() ?? 0));
      this.#spare = Math.min(this.#spare, this.#rows.length);
      return;
    }
    if (newRow) this.#spare--;
    const at = this.#rows.length - 1 - this.#spare;
    if (at >= 0) this.#rows[at] = (this.#rows[at] ?? 0) + words;
  }
}
