import type { LiveRoom } from './live.ts';
import type { LogMessage } from './protocol.js';

/** Upper ends in seconds. An engine tells a final when a sentence ends, so 1 to 5 s are usual. */
export const latencyBuckets = [0.5, 1, 2, 3, 5, 8, 13, 21] as const;

export interface Latencies {
  /** How many were not later than each of `latencyBuckets`. */
  readonly counts: readonly number[];
  readonly count: number;
  readonly sumSeconds: number;
}

interface Tally {
  readonly counts: number[];
  count: number;
  sumSeconds: number;
}

const empty = (): Tally => ({ counts: latencyBuckets.map(() => 0), count: 0, sumSeconds: 0 });
const ignored = () => {};

/** From the end of what was said to its caption, by room; captions that came late by design are left out. */
export class CaptionLatency {
  readonly #tallies = new WeakMap<LiveRoom, Tally>();
  readonly #roomTime: () => number;

  constructor(roomTime: () => number = Date.now) {
    this.#roomTime = roomTime;
  }

  /** Measures that room from now on, as long as it is there. */
  watch(room: LiveRoom): void {
    const tally = empty();
    this.#tallies.set(room, tally);
    room.listen({
      logged: (message) => this.#note(tally, message),
      ...{ partial: ignored, status: ignored, deleted: ignored },
    });
  }

  of(room: LiveRoom): Latencies {
    return this.#tallies.get(room) ?? empty();
  }

  #note(tally: Tally, message: LogMessage): void {
    if (message.type !== 'caption' || message.late) return;
    const seconds = Math.max(0, (this.#roomTime() - message.end) / 1000);
    tally.count++;
    tally.sumSeconds += seconds;
    latencyBuckets.forEach((end, i) => {
      if (seconds <= end) tally.counts[i] = (tally.counts[i] ?? 0) + 1;
    });
  }
}
