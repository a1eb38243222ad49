import { type RangeSet, subtract, union } from './protocol.js';
import type { RoomTime } from './room-time.ts';
import type { Spool } from './spool.ts';
import type { SpoolStream } from './spool-stream.ts';

/**
 * The positions of a stream whose time another kit's audio already covers in the same room: one talk is captioned once,
 * by whoever was in charge. Only times that rest on both kits' own connected clocks count; a guess must not cost audio.
 */
export function coveredByOthers(stream: SpoolStream, spool: Spool, time: RoomTime): RangeSet {
  const boot = time.anchoredBoot(stream.id);
  if (boot === null) return [];
  const anyTime = { position: 0, ms: 0 }; // never used: the streams are anchored
  let covered: RangeSet = [];
  for (const other of spool.streamsOf(stream.room)) {
    const otherBoot = time.anchoredBoot(other.id);
    if (otherBoot === null || otherBoot === boot) continue;
    for (const [from, to] of subtract(other.received, other.holeRanges)) {
      const begin = time.positionAt(stream.id, time.at(other.id, from, anyTime).ms, anyTime);
      const end = time.positionAt(stream.id, time.at(other.id, to, anyTime).ms, anyTime);
      if (end > Math.max(0, begin)) covered = union(covered, [[Math.max(0, begin), end]]);
    }
  }
  return covered;
}
