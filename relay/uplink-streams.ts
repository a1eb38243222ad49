import type { RoomCoverage } from './coverage.ts';
import { closeCodes, limits, type Range, type StreamReport, subtract, union, WireError } from './protocol.js';
import type { Room } from './room.ts';
import type { RoomTime } from './room-time.ts';
import type { Spool } from './spool.ts';
import type { SpoolStream } from './spool-stream.ts';

export interface StreamParts {
  readonly room: Room;
  /** The kit that tells of it. */
  readonly device: string;
  readonly spool: Spool;
  readonly time: RoomTime;
  /** Of this message. */
  readonly coverage: RoomCoverage;
  readonly maxStreamsPerRoom: number;
}

/**
 * Takes a stream up as its kit tells of it: what is known of it, and what of it no one will ever have.
 * @throws {WireError} when the room has no place for it, or it is another room's
 */
export function takeUp(report: StreamReport, parts: StreamParts): SpoolStream {
  const { room, device, spool, time, coverage, maxStreamsPerRoom } = parts;
  const isFull = !spool.get(report.id) && spool.streamsOf(room.name).length >= maxStreamsPerRoom;
  if (isFull && spool.forgetEmpty(room.name, limits.maxStreams) === 0)
    throw new WireError('the room has more streams than a relay keeps', closeCodes.policy);
  const stream = spool.open(report.id, room.name, device, report.format.channels);
  if (!stream) throw new WireError(`stream ${report.id} belongs to another room or has another format`);
  for (const anchor of report.anchors) time.anchor(report.id, anchor, null, null, room.name);
  for (const [reason, holes] of Map.groupBy(report.holes, (hole) => hole.reason))
    spool.declareHoles(
      stream,
      union(
        holes.map(({ from, to }): Range => [from, to]),
        [],
      ),
      reason,
    );
  if (report.ended) {
    spool.end(stream, report.edge);
    // What an ended stream neither holds nor has stored is gone for good.
    const lost = subtract(subtract([[0, report.edge]], report.ranges), stream.received);
    spool.declareHoles(stream, lost, 'killed');
  }
  // Another kit was in charge while this one kept its audio: that time is captioned.
  const { covered, seams } = coverage.of(stream, subtract(report.ranges, stream.received));
  spool.declareHoles(stream, covered, 'other-source');
  for (const ms of seams) room.said.seam(ms);
  return stream;
}
