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
/** The same for what kits hand in that serve another room by now. Both together stay below the room's places. */
const formerStreamRate = { perMinute: 0.1, atOnce: 100 };

/** What is handed in by kits of before takes nothing from the kit that serves the room. */
const keyOf = (room: string, isFormer: boolean) => (isFormer ? `${room} of before` : room);

/**
 * How much audio a room's sources may bring, whatever they open and close: a socket's own limits begin anew with each
 * connection. A kit that does as it was told in `welcome` stays below: its backlog and its live edge together.
 */
export class AudioRates {
  readonly #perSecond: RateLimit;
  readonly #perDay: RateLimit;
  readonly #streams: RateLimit;
  readonly #formerStreams: RateLimit;
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
    this.#formerStreams = new RateLimit(formerStreamRate, now, maxRooms);
    this.#perDay = new RateLimit({ perMinute: dayMs / (24 * 60), atOnce: dayMs }, now, maxRooms);
  }

  /** Notes that the relay closed an audio socket, and with which of its codes. */
  closed(code: number): void {
    this.closes.set(code, (this.closes.get(code) ?? 0) + 1);
  }

  /**
   * Whether a room may bring so much more; it is counted.
   * @param audioMs its length @param isFormer by a kit that serves another room by now
   */
  take(room: string, audioMs: number, isFormer = false): boolean {
    const key = keyOf(room, isFormer);
    return this.#perSecond.take(key, audioMs) === 0 && this.#perDay.take(key, audioMs) === 0;
  }

  /** Whether a room may have audio of one more stream; it is counted. @param isFormer as above */
  takeStream(room: string, isFormer = false): boolean {
    return (isFormer ? this.#formerStreams : this.#streams).take(room) === 0;
  }
}
