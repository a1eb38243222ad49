import { RateLimit } from './rate.ts';
import { rateLimits } from './uplink-rates.ts';

export interface AudioRateLimits {
  /** Audio a room's sources may bring in a day, all that is taken counted: live, and what was kept while away. */
  readonly maxAudioHours: number;
  readonly maxLiveRate: number;
  readonly maxBacklogRate: number;
}

/** Three days around the clock: more than a kit has room for. */
export const defaultAudioRateLimits: AudioRateLimits = {
  maxAudioHours: 72,
  maxLiveRate: rateLimits.maxLiveRate,
  maxBacklogRate: rateLimits.maxBacklogRate,
};

const maxRooms = 2000;

/**
 * Streams of a room of which audio is kept: a kit begins one with each start and each new source. They are forgotten a day
 * after their end at the earliest, and in a day fewer come than a room has places for.
 */
const streamRate = { perMinute: 2.5, atOnce: 1000 };

/**
 * How much audio a room's sources may bring, whatever they open and close: a socket's own limits begin anew with each
 * connection. A kit that does as it was told in `welcome` stays below: its backlog and its live edge together.
 */
export class AudioRates {
  readonly #perSecond: RateLimit;
  readonly #perDay: RateLimit;
  readonly #streams: RateLimit;
  /** Audio sockets that the relay closed, by close code. */
  readonly closes = new Map<number, number>();

  /** @param now monotonic, ms */
  constructor(limits: Partial<AudioRateLimits> = {}, now = () => performance.now()) {
    const { backlogBurstMs, liveBurstMs } = rateLimits;
    const { maxAudioHours, maxLiveRate, maxBacklogRate } = { ...defaultAudioRateLimits, ...limits };
    const dayMs = maxAudioHours * 3_600_000;
    const rate = { perMinute: (maxBacklogRate + maxLiveRate) * 60_000, atOnce: 2 * (backlogBurstMs + liveBurstMs) };
    this.#perSecond = new RateLimit(rate, now, maxRooms);
    this.#streams = new RateLimit(streamRate, now, maxRooms);
    this.#perDay = new RateLimit({ perMinute: dayMs / (24 * 60), atOnce: dayMs }, now, maxRooms);
  }

  /** Notes that the relay closed an audio socket, and with which of its codes. */
  closed(code: number): void {
    this.closes.set(code, (this.closes.get(code) ?? 0) + 1);
  }

  /** Whether a room may bring so much more; it is counted. @param audioMs its length */
  take(room: string, audioMs: number): boolean {
    return this.#perSecond.take(room, audioMs) === 0 && this.#perDay.take(room, audioMs) === 0;
  }

  /** Whether a room may have audio of one more stream; it is counted. */
  takeStream(room: string): boolean {
    return this.#streams.take(room) === 0;
  }
}
