export interface WindowOptions {
  /** One frame of 100 ms: on a line of 400 kbit/s that live audio nearly fills, two would be 350 ms of what is left over. */
  readonly minBytes: number;
  readonly maxBytes?: number;
  /** Queueing that the backlog may add for the live audio behind it. */
  readonly targetMs?: number;
  /** Never more of the backlog in flight than the line carries in its own delay and this. */
  readonly maxQueueMs?: number;
  readonly baseWindowMs?: number;
  /** How often the window closes for a moment, to see the line's own delay again. */
  readonly slowdownIntervalMs?: number;
}

/**
 * How much backlog may be on its way: a delay-based window after RFC 6817 (LEDBAT). The delay of an acknowledgement
 * above the least of the last 30 s is queueing that we cause; the window grows below the target and shrinks above it.
 * Live frames are measured too, so that a line that slows down is noticed within a few frames.
 */
export class BacklogWindow {
  readonly #minBytes: number;
  readonly #maxBytes: number;
  readonly #targetMs: number;
  readonly #maxQueueMs: number;
  readonly #baseWindowMs: number;
  readonly #slowdownIntervalMs: number;
  #slowFromMs: number | null = null;
  #slowUntilMs = 0;
  #bytes: number;
  #starting = true;
  /** Least delay of each second of the last 30. */
  #base: { atMs: number; delayMs: number }[] = [];
  /** RFC 6817's current filter: the least of the last few, because a relay acknowledges in batches. */
  #recent: number[] = [];
  #acked: { atMs: number; bytes: number }[] = [];

  constructor({
    minBytes,
    maxBytes = 1e6,
    targetMs = 110,
    maxQueueMs = 250,
    baseWindowMs = 30_000,
    slowdownIntervalMs = 10_000,
  }: WindowOptions) {
    this.#slowdownIntervalMs = slowdownIntervalMs;
    this.#minBytes = minBytes;
    this.#maxBytes = maxBytes;
    this.#targetMs = targetMs;
    this.#maxQueueMs = maxQueueMs;
    this.#baseWindowMs = baseWindowMs;
    this.#bytes = minBytes;
  }

  /** Bytes of backlog that may be in flight. */
  get bytes(): number {
    return this.#slowUntilMs > 0 ? this.#minBytes / 2 : this.#bytes;
  }

  /**
   * Frames were acknowledged together.
   * @param backlogBytes of them, those of the backlog
   * @param delayMs from sending to acknowledgement, of the youngest
   */
  acknowledged(backlogBytes: number, delayMs: number, nowMs: number): void {
    this.#slowDown(delayMs, nowMs);
    this.#recent = [...this.#recent.slice(-1), delayMs];
    const last = this.#base.at(-1);
    if (last && nowMs - last.atMs < 1000) last.delayMs = Math.min(last.delayMs, delayMs);
    else this.#base.push({ atMs: nowMs, delayMs });
    this.#base = this.#base.filter(({ atMs }) => nowMs - atMs <= this.#baseWindowMs);
    if (backlogBytes > 0) this.#acked.push({ atMs: nowMs, bytes: backlogBytes });
    this.#acked = this.#acked.filter(({ atMs }) => nowMs - atMs <= 2000);

    if (this.#slowUntilMs > 0) return;
    const base = Math.min(...this.#base.map((each) => each.delayMs));
    const queueing = Math.min(...this.#recent) - base;
    const room = Math.max(-1, (this.#targetMs - queueing) / this.#targetMs);
    if (queueing > this.#targetMs / 2) this.#starting = false;
    let next = this.#bytes;
    if (room < 0) next = Math.min(next + room * this.#minBytes, this.#rate(nowMs) * ((base + this.#targetMs) / 1000));
    else if (this.#starting) next += backlogBytes;
    else next += (room * backlogBytes * this.#minBytes) / 2 / next;
    if (!this.#starting && this.#acked.length > 2)
      next = Math.min(next, this.#rate(nowMs) * ((base + this.#maxQueueMs) / 1000));
    this.#bytes = Math.min(this.#maxBytes, Math.max(this.#minBytes, next));
  }

  /** A queue that never empties would in time pass for the line's own delay, and the window would grow on it. */
  #slowDown(delayMs: number, nowMs: number): void {
    this.#slowFromMs ??= nowMs + this.#slowdownIntervalMs;
    if (this.#slowUntilMs > 0 && nowMs >= this.#slowUntilMs) {
      this.#slowUntilMs = 0;
      // What opens at once goes out at once: half of it queues no longer than the line's own delay.
      this.#bytes = Math.max(this.#minBytes, this.#bytes / 2);
      this.#slowFromMs = nowMs + this.#slowdownIntervalMs;
      this.#acked = [];
    } else if (this.#slowUntilMs === 0 && nowMs >= this.#slowFromMs) {
      this.#slowUntilMs = nowMs + Math.min(1500, 2 * delayMs + 100);
    }
  }

  /** Bytes a second of backlog that arrived of late. */
  #rate(nowMs: number): number {
    const first = this.#acked[0];
    if (!first) return 0;
    const bytes = this.#acked.reduce((sum, each) => sum + each.bytes, 0);
    return (bytes * 1000) / Math.max(200, nowMs - first.atMs);
  }
}

/** Seconds of audio that may be sent per second; at most one second at once. */
export class TokenBucket {
  readonly #rate: number;
  #tokens: number;
  #atMs: number;

  /** @param rate seconds of audio a second; it is kept a little below what the relay allows */
  constructor(rate: number, nowMs: number) {
    this.#rate = Math.max(0.01, rate * 0.95);
    this.#tokens = 0.2;
    this.#atMs = nowMs;
  }

  /** Milliseconds until `seconds` of audio may go. */
  waitMs(seconds: number, nowMs: number): number {
    this.#tokens = Math.min(1, this.#tokens + ((nowMs - this.#atMs) / 1000) * this.#rate);
    this.#atMs = nowMs;
    return Math.max(0, ((seconds - this.#tokens) / this.#rate) * 1000);
  }

  take(seconds: number): void {
    this.#tokens -= seconds;
  }
}
