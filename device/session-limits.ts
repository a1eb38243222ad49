import { sampleRate } from '../relay/protocol.js';

export interface SessionLimits {
  /** Live audio that the relay has not confirmed; beyond it frames wait as backlog. */
  readonly maxLiveInFlightMs: number;
  /** Before the edge, sent as live audio once the relay says welcome: what was spoken while the connection came about. */
  readonly leadInMs: number;
  /** Backlog waits while the socket itself holds more than this. */
  readonly maxSocketBytes: number;
  /** A hello stays well below the wire's limit; streams that do not fit wait for a later one. */
  readonly maxHelloBytes: number;
  /** A frame that is not confirmed within this time is sent again. */
  readonly ackTimeoutMs: number;
  /** Read from the disk at once, in samples. */
  readonly readAheadSamples: number;
}

export const sessionDefaults: SessionLimits = {
  maxLiveInFlightMs: 5000,
  leadInMs: 2000,
  maxSocketBytes: 64 * 1024,
  maxHelloBytes: 200 * 1024,
  ackTimeoutMs: 20_000,
  readAheadSamples: 4 * sampleRate,
};
