import { maxUnsentBytes, type RateLimits, rateLimits } from './uplink-rates.ts';

/** What one audio socket may do. */
export interface UplinkLimits extends RateLimits {
  /** A kit begins one with each start and each new source; they are forgotten when they are a day old. */
  readonly maxStreamsPerRoom: number;
  /** Of the audio of a stream, between which there is nothing yet. */
  readonly maxPieces: number;
  /** `received` is the clock of the device's backlog window: any longer and it cannot keep its queue short. */
  readonly receivedIntervalMs: number;
  readonly maxUnsentBytes: number;
  /** When a source that was refused may ask again. */
  readonly retryAfterMs: number;
  /** The same for one that had no audio yet: once its mixer is plugged in, it shall not wait long. */
  readonly retryWithoutAudioMs: number;
  /** The same where a stand-in is one of the two: the kit shall be back soon, and a person looks at the other. */
  readonly retryStandInMs: number;
  /** Round trips measured as soon as a source connects, for its clock; later ones come with the heartbeat. */
  readonly firstPings: number;
  readonly firstPingsEveryMs: number;
}

export const uplinkLimits: UplinkLimits = {
  ...rateLimits,
  maxStreamsPerRoom: 5000,
  maxPieces: 2048,
  receivedIntervalMs: 50,
  maxUnsentBytes,
  retryAfterMs: 30_000,
  retryWithoutAudioMs: 5000,
  retryStandInMs: 5000,
  firstPings: 8,
  firstPingsEveryMs: 100,
};
