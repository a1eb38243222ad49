import type { Logger } from '../../systemd/log.ts';
import type { Recording } from './recordings.ts';

const dayMs = 86_400_000;
const intervalMs = 3_600_000;

type AgedRecording = Pick<Recording, 'room' | 'talk' | 'state' | 'fromMs' | 'toMs'>;

export interface RecordingRetentionParts<T extends AgedRecording> {
  readonly recordings: () => readonly T[];
  /** null: they are kept for ever. */
  readonly days: number | null;
  readonly log: Logger;
  readonly now?: () => number;
  /** Has it deleted from the store. */
  readonly expire: (recording: T) => void;
}

/** Recordings go when they are too old: those that are in the store, and those that never will be. */
export class RecordingRetention<T extends AgedRecording = Recording> {
  readonly #parts: RecordingRetentionParts<T>;
  readonly #now: () => number;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: RecordingRetentionParts<T>) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
  }

  start(): void {
    if (this.#parts.days === null) return;
    this.run();
    this.#timer = setInterval(() => this.run(), intervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** One pass. */
  run(): void {
    const { recordings, days, expire, log } = this.#parts;
    if (days === null) return;
    const beforeMs = this.#now() - days * dayMs;
    for (const recording of recordings()) {
      const isOver = recording.state === 'stored' || recording.state === 'failed';
      if (!isOver || (recording.toMs ?? recording.fromMs) >= beforeMs) continue;
      try {
        expire(recording);
      } catch (error) {
        log.error({ err: error, room: recording.room, talk: recording.talk }, 'An old recording cannot be deleted');
      }
    }
  }
}
