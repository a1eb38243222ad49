import { intersect, type RangeSet, sampleRate, subtract, union } from './protocol.js';
import type { RoomTime } from './room-time.ts';
import type { Spool } from './spool.ts';
import type { SpoolStream } from './spool-stream.ts';

/** How far the room times of two kits may be apart; audio this near to the other's is kept, for a guess must not cost any. */
const toleranceSamples = sampleRate / 4;
/** Two placements of one moment differ by less, whichever way they were reckoned. */
const slackMs = 1000;
/** Newest first; what lies beyond is captioned twice at the worst. */
const maxStretches = 20_000;
/** Of what one message tells of: some 20 ms of the event loop. */
const maxComparisons = 4000;
const anyTime = { position: 0, ms: 0 }; // never used: the streams are anchored

export interface Coverage {
  /** Positions whose time another kit's audio covers. */
  readonly covered: RangeSet;
  /** Room times at which one kit's audio begins or ends within the other's, in ms. */
  readonly seams: readonly number[];
}

/** Audio in one piece, in room time. */
interface Stretch {
  readonly boot: string;
  readonly beginMs: number;
  readonly endMs: number;
}

/**
 * The audio a room has at the moment, against which what a kit kept is held: one talk is captioned once, by whoever was in
 * charge. Only times that rest on both kits' own connected clocks count. Made anew for each message of a kit.
 */
export class RoomCoverage {
  readonly #room: string;
  readonly #spool: Pick<Spool, 'streamsOf'>;
  readonly #time: RoomTime;
  #stretches: readonly Stretch[] | null = null;
  #comparisons = 0;

  constructor(room: string, spool: Pick<Spool, 'streamsOf'>, time: RoomTime) {
    this.#room = room;
    this.#spool = spool;
    this.#time = time;
  }

  /** What of `held`, positions of a stream, lies in time that another kit's audio already covers. */
  of(stream: SpoolStream, held: RangeSet): Coverage {
    const time = this.#time;
    const boot = time.anchoredBoot(stream.id);
    const first = held[0];
    const last = held.at(-1);
    if (boot === null || !first || !last) return { covered: [], seams: [] };
    this.#stretches ??= this.#audio();
    const fromMs = time.at(stream.id, first[0], anyTime).ms - slackMs;
    const toMs = time.at(stream.id, last[1], anyTime).ms + slackMs;
    let covered: RangeSet = [];
    const seams: number[] = [];
    for (const { boot: otherBoot, beginMs, endMs } of this.#stretches) {
      if (beginMs > toMs || endMs < fromMs || otherBoot === boot) continue;
      if (++this.#comparisons > maxComparisons) break;
      const begin = time.positionAt(stream.id, beginMs, anyTime);
      const end = time.positionAt(stream.id, endMs, anyTime);
      const near: RangeSet = [[begin - toleranceSamples, end + toleranceSamples]];
      if (intersect(near, held).length > 0) seams.push(beginMs, endMs);
      const sure: RangeSet = [[Math.max(0, begin + toleranceSamples), end - toleranceSamples]];
      if (sure[0] && sure[0][1] > sure[0][0]) covered = union(covered, sure);
    }
    return { covered: intersect(covered, held), seams };
  }

  #audio(): Stretch[] {
    const time = this.#time;
    const stretches: Stretch[] = [];
    for (const other of this.#spool.streamsOf(this.#room).reverse()) {
      if (other.received.length === 0) continue;
      const boot = time.anchoredBoot(other.id);
      if (boot === null) continue;
      const audio = other.holes.length === 0 ? other.received : subtract(other.received, other.holeRanges);
      for (const [from, to] of audio) {
        if (stretches.length >= maxStretches) return stretches;
        const beginMs = time.at(other.id, from, anyTime).ms;
        stretches.push({ boot, beginMs, endMs: time.at(other.id, to, anyTime).ms });
      }
    }
    return stretches;
  }
}
