import { closeCodes, sampleRate, WireError } from './protocol.js';

export interface RateLimits {
  /** A live edge may advance this much faster than the relay's own clock: crystals differ, attackers more. */
  readonly maxLiveRate: number;
  /** Live audio that may come at once beyond that, e.g. what waited in the line. */
  readonly liveBurstMs: number;
  /** Backlog, in seconds of audio a second. */
  readonly maxBacklogRate: number;
  readonly backlogBurstMs: number;
  /** Text messages a second, on average, and at once. */
  readonly maxMessageRate: number;
  readonly messageBurst: number;
}

export const rateLimits: RateLimits = {
  maxLiveRate: 1.1,
  liveBurstMs: 15_000,
  maxBacklogRate: 20,
  backlogBurstMs: 60_000,
  maxMessageRate: 20,
  messageBurst: 500,
};

/**
 * Bytes that may wait to leave to an audio socket; beyond it is cut off. What is answered to a kit that reads is some KB,
 * and one answer may be larger than this: it is asked before the next one.
 */
export const maxUnsentBytes = 1024 * 1024;

/** A text message that is longer counts for several: what it tells of has to be written. */
const messageBytes = 4096;

/** The shortest frame that is not counted for more than it is: else there is no end of frames. */
const minFrameMs = 20;

/** Audio that joins nothing makes all bookkeeping longer: a kit does that once after a cut, not with every frame. */
const newPieceMs = 1000;

/** For how much a frame of so many samples counts, in ms. @param joins it follows what is here already */
export const audioCostMs = (samples: number, joins = true) =>
  Math.max(joins ? minFrameMs : newPieceMs, (samples * 1000) / sampleRate);

/** The live edge of a stream on this connection. */
export interface LiveEdge {
  /** Where it stood when we first heard of it on this connection, and when that was. */
  readonly edgeAtStart: number;
  readonly startedMs: number;
  edge: number;
}

/** What one audio socket may bring in what time. */
export class UplinkRates {
  readonly #limits: RateLimits;
  readonly #now: () => number;
  #backlogMs = 0;
  #messages = 0;
  #refilledAtMs: number;

  /** @param now monotonic, ms */
  constructor(limits: RateLimits, now = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
    this.#refilledAtMs = now();
  }

  /**
   * Counts audio of these positions.
   * @throws {WireError} when a source runs ahead of the clock or pours backlog faster than it was told
   */
  spendAudio(live: LiveEdge, from: number, to: number): void {
    const { maxLiveRate, liveBurstMs, maxBacklogRate, backlogBurstMs } = this.#limits;
    const now = this.#now();
    if (to > live.edge) {
      const allowedMs = (now - live.startedMs) * maxLiveRate + liveBurstMs;
      if (((to - live.edgeAtStart) * 1000) / sampleRate > allowedMs)
        throw new WireError('the live edge runs faster than time', closeCodes.tooFast);
      live.edge = to;
      return;
    }
    this.#refill(now);
    this.#backlogMs += audioCostMs(to - from);
    // Twice what it was told: bursts of the network are not its fault.
    if (this.#backlogMs > backlogBurstMs + maxBacklogRate * 1000 * 2)
      throw new WireError('backlog comes faster than the limit told in "welcome"', closeCodes.tooFast);
  }

  /** @param bytes its length: a long one counts for several @throws {WireError} when there are too many messages */
  spendMessage(bytes = 0): void {
    this.#refill(this.#now());
    this.#messages += Math.max(1, bytes / messageBytes);
    if (this.#messages > this.#limits.messageBurst)
      throw new WireError('too many messages', closeCodes.tooManyMessages);
  }

  /** Lets both allowances recover with the passing of time. */
  #refill(now: number): void {
    const elapsedMs = now - this.#refilledAtMs;
    this.#refilledAtMs = now;
    this.#backlogMs = Math.max(0, this.#backlogMs - elapsedMs * this.#limits.maxBacklogRate);
    this.#messages = Math.max(0, this.#messages - (elapsedMs / 1000) * this.#limits.maxMessageRate);
  }
}
