import { toMono } from './audio.ts';
import type { Governing } from './governing.ts';
import { rmsOf } from './loudness.ts';
import { runEnd, sampleRate, subtract } from './protocol.js';
import type { SpoolStream } from './spool-stream.ts';

/** A boundary lies within this of the position that was assigned. */
const reachSamples = (sampleRate * 3) / 10;
const pieceSamples = sampleRate / 10;
const stepSamples = sampleRate / 50;

/**
 * Puts the next boundary of the stream behind `position` where the room is quietest, so that it cuts no word: in the middle of
 * the quietest 100 ms within 0.3 s of the position assigned. Needs the audio around it.
 * @param mayWait false where no more audio comes: the boundary stays where it is
 * @returns whether the feed has to wait for audio
 */
export async function settleBoundary(
  governing: Governing,
  stream: SpoolStream,
  position: number,
  mayWait: boolean,
): Promise<boolean> {
  const boundary = governing.unsettled(stream, position);
  if (!boundary || boundary.position - position > reachSamples + pieceSamples) return false;
  const from = Math.max(position, boundary.position - reachSamples);
  const to = boundary.position + reachSamples;
  const here = runEnd(subtract(stream.received, stream.holeRanges), from);
  if (here < to && mayWait && !stream.ended) return true;
  const end = Math.min(here, to);
  governing.settle(
    stream,
    boundary,
    end - from >= pieceSamples
      ? from + quietest(toMono(await stream.read(from, end), stream.channels))
      : boundary.position,
  );
  return false;
}

/** Middle of the quietest 100 ms of mono audio, in samples from its beginning. */
function quietest(audio: Uint8Array): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let at = 0; at + pieceSamples <= audio.length / 2; at += stepSamples) {
    const rms = rmsOf(audio.subarray(at * 2, (at + pieceSamples) * 2));
    if (rms >= least) continue;
    least = rms;
    best = at;
  }
  return best + pieceSamples / 2;
}
