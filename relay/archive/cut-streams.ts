import type { RoomTime } from '../room-time.ts';
import type { SpoolStream } from '../spool-stream.ts';
import type { CutStream } from './cut.ts';

type Timing = Pick<RoomTime, 'at' | 'positionAt'>;

/** A stream of the spool as a cut sees it at this moment. */
export function cutStreamOf(stream: SpoolStream, time: Timing): CutStream {
  const { id, channels, audio, edge } = stream;
  const newest = { position: edge, ms: stream.heardMs };
  return {
    ...{ id, channels, audio, edge },
    holes: [...stream.holes, ...stream.removed.map(([from, to]) => ({ from, to, reason: 'deleted' }))],
    msAt: (position) => time.at(id, position, newest).ms,
    positionAt: (ms) => time.positionAt(id, ms, newest),
  };
}

/** Clocks are corrected as more of them is known: what lies so near belongs to a stretch, too. */
const marginMs = 60_000;

/** Whether `[from, to)` of a stream is of that time, or may turn out to be. */
export function touches(
  stream: Pick<CutStream, 'msAt'>,
  from: number,
  to: number,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number | null },
): boolean {
  const endMs = toMs ?? Number.POSITIVE_INFINITY;
  return stream.msAt(from) < endMs + marginMs && stream.msAt(to) > fromMs - marginMs;
}
