/**
 * The source port: where a device's audio comes from. A source never waits for anyone: it calls `audio` as the sound
 * arrives, and goes on by itself for ever, through every fault, until `stop()`.
 */
import type { Explained } from '../../systemd/errors.ts';

/** How the raw audio of one open is laid out: interleaved s16le. */
export interface SourceFormat {
  readonly rateHz: number;
  readonly channels: number;
}

export type SourceState =
  | { readonly state: 'starting'; readonly name: string }
  | { readonly state: 'capturing'; readonly name: string; readonly format: SourceFormat }
  /** Cannot capture now, says why, keeps trying. Codes: mixer-absent, mixer-ambiguous, mixer-silent, capture-failed, … */
  | { readonly state: 'fault'; readonly name: string; readonly fault: Explained }
  /** A played file is over. */
  | { readonly state: 'ended'; readonly name: string };

export interface SourceListener {
  /** Interleaved s16le, whole sample frames, in `format`; `capturedAtMs` is the monotonic time (performance.now) of its
   * last sample. A format other than the last one's begins a new open. */
  audio(bytes: Uint8Array, format: SourceFormat, capturedAtMs: number): void;
  state(state: SourceState): void;
}

export interface Source {
  start(listener: SourceListener): void;
  /** Idempotent; resolves when its process or timer is gone. */
  stop(): Promise<void>;
}
