import { intersect, type RangeSet, sampleRate, subtract, union } from './protocol.js';
import type { RoomTime } from './room-time.ts';
import type { Spool } from './spool.ts';
import type { SpoolStream } from './spool-stream.ts';

/** How far the room times of two kits may be apart; audio this near to the other's is kept, for a guess must not cost any. */
const toleranceSamples = sampleRate / 4;

export interface Coverage {
  /** Positions whose time another kit's audio covers. */
  readonly covered: RangeSet;
  /** Room times at which one kit's audio begins or ends within the other's, in ms. */
  readonly seams: readonly number[];
}

/**
 * What of `held`, positions of a stream, lies in time that another kit's audio already covers in the same room: one talk is
 * captioned once, by whoever was in charge. Only times that rest on both kits' own connected clocks count.
 */
export function coveredByOthers(stream: SpoolStream, held: RangeSet, spool: Spool, time: RoomTime): Coverage {
  const boot = time.anchoredBoot(stream.id);
  if (boot === null) return { covered: [], seams: [] };
  const anyTime = { position: 0, ms: 0 }; // never used: the streams are anchored
  let covered: RangeSet = [];
  const seams: number[] = [];
  for (const other of spool.streamsOf(stream.room)) {
    const otherBoot = time.anchoredBoot(other.id);
    if (otherBoot === null || otherBoot === boot) continue;
    for (const [from, to] of subtract(other.received, other.holeRanges)) {
      const times = [time.at(other.id, from, anyTime).ms, time.at(other.id, to, anyTime).ms] as const;
      const [begin, end] = times.map((ms) => time.positionAt(stream.id, ms, anyTime)) as [number, number];
      const near: RangeSet = [[begin - toleranceSamples, end + toleranceSamples]];
      if (intersect(near, held).length > 0) seams.push(...times);
      const sure: RangeSet = [[Math.max(0, begin + toleranceSamples), end - toleranceSamples]];
      if (sure[0] && sure[0][1] > sure[0][0]) covered = union(covered, sure);
    }
  }
  return { covered: intersect(covered, held), seams };
}
