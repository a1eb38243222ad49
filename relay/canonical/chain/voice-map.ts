import type { Interval } from './words.ts';

/** Where somebody speaks. */
export interface VoiceMap {
  /** In order, apart from each other. */
  readonly speech: readonly Interval[];
  readonly speech_ms: number;
  readonly duration_ms: number;
}
