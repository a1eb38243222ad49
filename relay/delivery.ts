import { intersect, type RangeSet, subtract } from './protocol.js';
import type { RoomTime } from './room-time.ts';
import type { Spool } from './spool.ts';
import type { SpoolStream } from './spool-stream.ts';

/** What a kit that serves another room by now may hand in: what it heard while it served this one. */
export interface Delivery {
  /** When that was, in room time; sorted, the end open (infinite) where it serves the room again. */
  served(): readonly (readonly [fromMs: number, toMs: number])[];
}

/**
 * The positions of an ended stream that were captured while its kit served the room. A stream of which no time is known, of
 * an earlier start of a kit whose clock was never set, counts as captured right before it left.
 */
export function servedPositions(
  stream: SpoolStream,
  edge: number,
  delivery: Delivery,
  time: RoomTime,
  now = Date.now(),
): RangeSet {
  const stretches = delivery.served();
  const fallback = { position: edge, ms: Math.min(now, stretches.at(-1)?.[1] ?? now) };
  const positions = stretches.map(([fromMs, toMs]): [number, number] => [
    Math.max(0, time.positionAt(stream.id, fromMs, fallback)),
    Number.isFinite(toMs) ? time.positionAt(stream.id, toMs, fallback) : edge,
  ]);
  return intersect(
    positions.filter(([from, to]) => from < to),
    [[0, edge]],
  );
}

/** Answers positions that are not the kit's to hand in as what nobody will ever have. */
export function bar(spool: Spool, stream: SpoolStream, range: [number, number], served: RangeSet): void {
  const barred = subtract([range], served);
  if (barred.length > 0) spool.declareHoles(stream, barred, 'not-assigned');
}
