import { type HoleReason, intersect, type RangeSet, size, subtract, union } from './protocol.js';
import type { RoomTime } from './room-time.ts';
import type { Spool } from './spool.ts';

export interface Gap {
  /** Room time in ms. */
  readonly start: number;
  readonly end: number;
  /** Why there is no audio; `no-source` where no stream covers the time: the kit was off, or its program ended. */
  readonly reason: HoleReason | 'no-source';
}

/** Less than this between two streams is the exactness of clocks. */
const tolerance = 200;

/**
 * The stretches of a room's time without audio, from its first to its newest: holes that were declared, and the time
 * between streams. What only has not arrived yet is no gap.
 */
export function gapsOf(room: string, spool: Spool, time: RoomTime): Gap[] {
  let heard: RangeSet = [];
  const holes: { range: RangeSet; reason: HoleReason }[] = [];
  for (const stream of spool.streamsOf(room)) {
    const edge = { position: stream.edge, ms: stream.heardMs };
    const toTime = (from: number, to: number): RangeSet => [
      [Math.round(time.at(stream.id, from, edge).ms), Math.round(time.at(stream.id, to, edge).ms)],
    ];
    for (const [from, to] of subtract([[0, stream.edge]], stream.holeRanges)) heard = union(heard, toTime(from, to));
    for (const { from, to, reason } of stream.holes) holes.push({ range: toTime(from, to), reason });
  }
  const first = heard[0]?.[0] ?? 0;
  const last = heard.at(-1)?.[1] ?? 0;
  const gaps = subtract([[first, last]], heard).filter(([start, end]) => end - start >= tolerance);
  return gaps.map(([start, end]) => {
    const within = holes.filter(({ range }) => size(intersect(range, [[start, end]])) > 0);
    return { start, end, reason: within[0]?.reason ?? 'no-source' };
  });
}
