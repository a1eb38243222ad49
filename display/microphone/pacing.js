// @ts-check
/** How fast what was kept may follow: as fast as the relay allows, and never so that live sound has to queue behind it. */

const minBytes = 3200;
const maxBytes = 1_000_000;
/** Delay that the backlog may add for the live sound behind it. */
const targetMs = 110;
const baseWindowMs = 30_000;

/**
 * How much backlog may be on its way, by delay: acknowledgements that come later than the quickest of the last half minute
 * show a queue that we cause. It doubles until the first such sign, then grows slowly and shrinks at once.
 */
export class BacklogWindow {
  #bytes = minBytes;
  #starting = true;
  /** Least delay of each second. @type {{ atMs: number, delayMs: number }[]} */
  #base = [];
  /** Of the last two acknowledgements: a relay confirms in batches, so that one alone may come late for nothing. */
  #recent = [0, 0];

  /** Bytes of backlog that may be in flight. */
  get bytes() {
    return this.#bytes;
  }

  /** @param {number} backlogBytes of the frames acknowledged @param {number} delayMs of the youngest @param {number} nowMs */
  acknowledged(backlogBytes, delayMs, nowMs) {
    const last = this.#base.at(-1);
    if (last && nowMs - last.atMs < 1000) last.delayMs = Math.min(last.delayMs, delayMs);
    else this.#base.push({ atMs: nowMs, delayMs });
    this.#base = this.#base.filter(({ atMs }) => nowMs - atMs <= baseWindowMs);
    this.#recent = [this.#recent[1] ?? 0, delayMs];
    const queueingMs = Math.min(...this.#recent) - Math.min(...this.#base.map((each) => each.delayMs));
    if (queueingMs > targetMs / 2) this.#starting = false;
    let next = this.#bytes;
    if (queueingMs > targetMs) next *= Math.max(0.5, targetMs / queueingMs);
    else if (this.#starting) next += backlogBytes;
    else next += ((1 - queueingMs / targetMs) * backlogBytes * minBytes) / next;
    this.#bytes = Math.min(maxBytes, Math.max(minBytes, next));
  }
}

/** Seconds of audio that may be sent in a second; at most one second at once. */
export class TokenBucket {
  #rate;
  #tokens = 0.2;
  #atMs;

  /** @param {number} rate as the relay told it; a little less is used @param {number} nowMs */
  constructor(rate, nowMs) {
    this.#rate = Math.max(0.01, rate * 0.95);
    this.#atMs = nowMs;
  }

  /** Milliseconds until `seconds` of audio may go. @param {number} seconds @param {number} nowMs */
  waitMs(seconds, nowMs) {
    this.#tokens = Math.min(1, this.#tokens + ((nowMs - this.#atMs) / 1000) * this.#rate);
    this.#atMs = nowMs;
    return Math.max(0, ((seconds - this.#tokens) / this.#rate) * 1000);
  }

  /** @param {number} seconds */
  take(seconds) {
    this.#tokens -= seconds;
  }
}
