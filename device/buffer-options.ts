import type { Anchor, Hole } from '../relay/protocol.js';
import type { Explained } from '../systemd/errors.ts';
import type { Logger } from '../systemd/log.ts';
import type { Clocks } from './clocks.ts';
import type { Disk } from './disk.ts';
import { type SpillLimits, spillDefaults } from './spill.ts';
import type { CapturedStream } from './streams.ts';

export interface BufferLimits extends SpillLimits {
  /** Audio that stays in memory even when it is stored, for the day the relay is replaced. */
  readonly keepSeconds: number;
  /** Audio in memory that neither the relay nor the disk takes; then the oldest goes. */
  readonly maxMemorySeconds: number;
  readonly anchorIntervalMs: number;
}

export const bufferDefaults: BufferLimits = {
  ...spillDefaults,
  keepSeconds: 120,
  maxMemorySeconds: 600,
  anchorIntervalMs: 10_000,
};

export interface BufferOptions {
  readonly room: string;
  readonly channels: 1 | 2;
  readonly disk: Disk;
  readonly clocks: Clocks;
  readonly log: Logger;
  readonly limits?: Partial<BufferLimits>;
  readonly newId?: () => string;
}

/** What the buffer tells the uplink; called after the buffer has taken note. */
export interface BufferListener {
  started(stream: CapturedStream): void;
  frame(stream: CapturedStream, position: number, audio: Uint8Array): void;
  ended(stream: CapturedStream): void;
  hole(stream: CapturedStream, hole: Hole): void;
  anchor(stream: CapturedStream, anchor: Anchor): void;
  /** Streams of earlier runs were found. */
  revived(): void;
}

export interface BufferHealth {
  readonly heldMs: number;
  readonly backlogMs: number;
  readonly diskBytes: number;
  readonly droppedMs: number;
  /** When something was last dropped, on the clock `now`; null where nothing was. */
  readonly droppedAtMs: number | null;
  readonly problem: Explained | null;
  readonly damagedFile: string | null;
}
