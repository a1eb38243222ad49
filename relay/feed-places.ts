import { toMono } from './audio.ts';
import { type RangeSet, runEnd, subtract, union } from './protocol.js';
import type { SpoolStream } from './spool-stream.ts';

/** Behind the newest audio of the stream. */
export const newestOf = (stream: SpoolStream) => stream.received.at(-1)?.[1] ?? 0;

/** Whether something can be read at `position`, or it is known that nothing will be. */
export const isHere = (stream: SpoolStream, position: number) => runEnd(stream.received, position) > position;

export const holeAt = (stream: SpoolStream, position: number) =>
  stream.holes.find(({ from, to }) => from <= position && position < to);

/** As far as audio in one piece can be read from `position` on, without a hole. */
export const readableTo = (stream: SpoolStream, position: number) =>
  stream.holes.reduce(
    (least, { from }) => (from > position ? Math.min(least, from) : least),
    runEnd(stream.received, position),
  );

export const monoOf = async (stream: SpoolStream, from: number, to: number) =>
  toMono(stream.peek(from, to) ?? (await stream.read(from, to)), stream.channels);

/** Where the live feed takes a stream up: behind the last final and what backfill is at, or at its beginning. */
export const startOf = (stream: SpoolStream, taken: RangeSet) =>
  union(subtract(stream.captioned, stream.holeRanges), taken).at(-1)?.[1] ?? 0;

/** The audio right before `position`, mono, as far as all of it is held: a word at a boundary is heard whole by the one that owns it. */
export async function contextBefore(stream: SpoolStream, position: number, samples: number): Promise<Uint8Array> {
  const before = Math.max(0, position - samples);
  const isHeld = runEnd(subtract(stream.received, stream.holeRanges), before) >= position;
  return isHeld ? toMono(await stream.read(before, position), stream.channels) : new Uint8Array(0);
}

/**
 * Where a session that begins at `position` owns what it hears. Audio whose beginning is still to come begins in the midst of
 * a word: that one is left to backfill, which will hear all of it.
 */
export function ownedFrom(stream: SpoolStream, position: number, cutSamples: number): number {
  const isCut = position > 0 && runEnd(stream.received, position - 1) < position;
  return isCut ? position + cutSamples : position;
}

/** Where live captions go on that are too far behind: at the beginning of the newest audio in one piece, if that is not too far itself. */
export function jumpTarget(stream: SpoolStream, cursor: number, limitSamples: number): number {
  const newest = newestOf(stream);
  const lastRun = subtract(stream.received, stream.holeRanges).at(-1)?.[0] ?? newest;
  return newest - lastRun <= limitSamples ? Math.max(lastRun, cursor) : newest;
}
