import { statSync } from 'node:fs';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { type Files, replaceFile } from './files.ts';
import type { WallClock } from './parts.ts';

export interface ClockFloorOptions {
  readonly files: Files;
  readonly file: string;
  readonly clock: WallClock;
  /** Times before which it cannot be: when the release was built, when the card was written; ms since 1970. */
  readonly notBefore: readonly number[];
  readonly log: Logger;
}

/** The relay's time is written down this often: a card lives longer for it. */
const keepEveryMs = 600_000;
/** A relay's time so far after the release was built is a mistake, which a floor would keep for ever. */
const maxAheadMs = 5 * 365 * 86_400_000;

const isTime = (ms: number) => Number.isFinite(ms) && ms > 0 && ms < Date.UTC(2100, 0);

/**
 * Keeps the wall clock of a machine without a battery from being years behind, where a relay's certificate is not valid yet:
 * it is set forward, at the start, to the latest time that is known to have been. Never backwards.
 */
export class ClockFloor {
  readonly #options: ClockFloorOptions;
  /** The latest of the times before which it cannot be; 0: none is known. */
  readonly #notBeforeMs: number;
  #keptMs = 0;

  constructor(options: ClockFloorOptions) {
    this.#options = options;
    this.#notBeforeMs = Math.max(0, ...options.notBefore.filter(isTime));
  }

  /** Never throws: without it, captions go on. */
  async raise(): Promise<void> {
    const { files, file, clock, log } = this.#options;
    try {
      const kept = Number((await files.read(file))?.toString('latin1'));
      if (this.#isBelievable(kept)) this.#keptMs = kept;
      const floorMs = Math.max(this.#keptMs, this.#notBeforeMs);
      const behindMs = floorMs - clock.now();
      if (behindMs <= 0) return;
      await clock.set(floorMs);
      log.info({ event: 'clock-raised', behindMs: Math.round(behindMs) }, 'The clock was behind a time that has been');
    } catch (error) {
      log.warn({ event: 'clock-not-raised', reason: messageOf(error) }, 'The clock may be behind');
    }
  }

  /** The relay told its time. Never throws. */
  async heard(relayMs: number): Promise<void> {
    if (!this.#isBelievable(relayMs) || relayMs - this.#keptMs < keepEveryMs) return;
    const { files, file, log } = this.#options;
    const before = this.#keptMs;
    this.#keptMs = relayMs;
    try {
      await replaceFile(files, file, `${Math.round(relayMs)}\n`, 0o644);
    } catch (error) {
      this.#keptMs = before;
      log.warn({ reason: messageOf(error) }, 'the time could not be written down');
    }
  }

  #isBelievable(ms: number): boolean {
    return isTime(ms) && (this.#notBeforeMs === 0 || ms < this.#notBeforeMs + maxAheadMs);
  }
}

/** When this release was built: reproducible archives give every file that time. */
export function builtAtMs(): number {
  return statSync(import.meta.filename, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
