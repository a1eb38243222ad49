import { toMono } from './audio.ts';
import { runEnd, subtract } from './protocol.js';
import type { SpoolStream } from './spool-stream.ts';

/** Behind the newest audio of the stream. */
export const newestOf = (stream: SpoolStream) => stream.received.at(-1)?.[1] ?? 0;

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
