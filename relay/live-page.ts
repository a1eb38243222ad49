import type { WebSocket } from 'ws';

export const defaultLiveLimits = {
  /** Rooms are looked at this often, and told where they changed. */
  roomIntervalMs: 500,
  levelIntervalMs: 250,
  /** Something is said at least this often, so that a page sees that the line is dead. */
  quietIntervalMs: 2000,
  /** Above this a page is told nothing more, until it has read: then what is new by that time. */
  maxBufferedBytes: 64 * 1024,
  /** A page that read nothing for so long is cut off; it comes back by itself. */
  drainTimeoutMs: 30_000,
  /** How long it has to answer the close. */
  closeTimeoutMs: 2000,
};
export type LiveLimits = { readonly [K in keyof typeof defaultLiveLimits]: number };

/** An admin page: what it has not been told yet is a set of names, never a queue. */
export class LivePage {
  readonly #socket: WebSocket;
  readonly #limits: LiveLimits;
  readonly #now: () => number;
  /** Rooms of which it does not have the newest state, and those that are gone. */
  readonly due = new Set<string>();
  isAlarmDue = true;
  #fullSinceMs: number | null = null;

  /** @param now monotonic, ms */
  constructor(socket: WebSocket, limits: LiveLimits, now: () => number) {
    this.#socket = socket;
    this.#limits = limits;
    this.#now = now;
  }

  /** Whether it takes more at the moment; cut off where it has not for long. */
  get takesMore(): boolean {
    if (this.#socket.bufferedAmount <= this.#limits.maxBufferedBytes) {
      this.#fullSinceMs = null;
      return true;
    }
    this.#fullSinceMs ??= this.#now();
    return false;
  }

  get isStuck(): boolean {
    return this.#fullSinceMs !== null && this.#now() - this.#fullSinceMs >= this.#limits.drainTimeoutMs;
  }

  send(frame: string): void {
    this.#socket.send(frame, { binary: false });
  }

  /** @param code of the close */
  cutOff(code: number, reason: string): void {
    this.#socket.close(code, reason);
    setTimeout(() => this.#socket.terminate(), this.#limits.closeTimeoutMs).unref();
  }
}
