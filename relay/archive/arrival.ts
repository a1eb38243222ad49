import { type RangeSet, size, subtract } from '../protocol.js';
import type { RoomTime } from '../room-time.ts';
import type { SpoolStream } from '../spool-stream.ts';
import { cutStreamOf } from './cut-streams.ts';

type Timing = Pick<RoomTime, 'at' | 'positionAt'>;

/** Whether all that a room's streams have of a stretch of room time is stored, and captioned: nothing more is to come of it. */
export function arrival(streams: readonly SpoolStream[], time: Timing, fromMs: number, toMs: number): boolean {
  return streams.every((stream) => hasArrived(stream, time, fromMs, toMs));
}

function hasArrived(stream: SpoolStream, time: Timing, fromMs: number, toMs: number) {
  const cut = cutStreamOf(stream, time);
  const from = Math.max(0, cut.positionAt(fromMs));
  const to = cut.positionAt(toMs);
  // Of another time altogether: it ended before, began after, or was not heard of since.
  if (to <= 0 || (from >= stream.edge && (stream.ended || stream.heardMs < fromMs))) return true;
  if (to > stream.edge && !stream.ended) return false;
  const end = Math.min(to, stream.edge);
  const isIn = (set: RangeSet) => from >= end || size(subtract([[from, end]], set)) === 0;
  return isIn(stream.stored) && isIn(stream.captioned);
}
