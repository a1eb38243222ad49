import type { Logger } from '../systemd/log.ts';
import type { Heard } from './attempt.ts';
import type { Engine } from './engines/engine.ts';
import type { Governing } from './governing.ts';
import type { RangeSet } from './protocol.js';
import type { EngineQuota } from './quota.ts';
import type { SaidWords } from './said.ts';
import type { Spool } from './spool.ts';

export interface FeedLimits {
  /** Behind the edge by more than this, the feed jumps to it and leaves the stretch to backfill. */
  readonly catchUpLimitMs: number;
  /** Live audio that is late by this long is bridged with silence that has no position. */
  readonly patienceMs: number;
  /** A declared hole is crossed by at most this much silence. */
  readonly maxHoleSilenceMs: number;
  /** No session is fed further ahead of its own wall clock. */
  readonly maxLeadMs: number;
  /** A session without any audio for this long is ended. */
  readonly idleMs: number;
  readonly finishTimeoutMs: number;
  /** Audio on the far side of a boundary that both sessions hear, so that no word is cut for the one that owns it. */
  readonly overlapMs: number;
  /** Left to backfill where a session has to begin in the midst of what is said: the rest of a long word. */
  readonly cutMs: number;
}

export const feedLimits: FeedLimits = {
  catchUpLimitMs: 5000,
  patienceMs: 1000,
  maxHoleSilenceMs: 2000,
  maxLeadMs: 5000,
  idleMs: 60_000,
  finishTimeoutMs: 10_000,
  overlapMs: 500,
  cutMs: 300,
};

export interface FeedListener {
  partial(heard: Heard | null): void;
  /** `heard` null: nothing was said, only progress. */
  final(heard: Heard | null, done: ReadonlyMap<string, RangeSet>): void;
  /** The engine's state changed: see `state`. */
  changed(): void;
}

export type EngineState = 'idle' | 'opening' | 'ready' | 'resting' | 'retrying';

export interface FeedOptions {
  readonly spool: Spool;
  readonly governing: Governing;
  readonly room: string;
  readonly engineFor: (name: string) => Engine;
  readonly quota: EngineQuota;
  readonly said: SaidWords;
  /** What of a stream is being backfilled already. */
  readonly taken: (streamId: string) => RangeSet;
  readonly listener: FeedListener;
  readonly log: Logger;
  readonly limits?: FeedLimits;
  /** A paid session rests after so much silence; 0, the default: never. */
  readonly restAfterMs?: () => number;
  /** Monotonic, ms. */
  readonly now?: () => number;
}
