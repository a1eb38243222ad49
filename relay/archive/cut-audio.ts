import { SalaError } from '../../systemd/errors.ts';
import { bytesPerSample, sampleRate } from '../protocol.js';
import type { Spool } from '../spool.ts';
import type { CutPiece, CutPlan } from './cut.ts';

/** Read at a time, in samples: 5 s. */
const chunkSamples = 5 * sampleRate;

/** Fills `out` with samples of a piece from a position of its stream on, interleaved as that has them. */
export type ReadPiece = (piece: CutPiece, position: number, out: Uint8Array) => Promise<void>;

/**
 * The audio of `[from, to)` of a recording, s16le, interleaved; silence in holes. All of it comes in the same memory: a chunk
 * is good until the next one is asked for. With memory of its own for each, hours of them would wait for the collector.
 */
export async function* audioOf(plan: CutPlan, from: number, to: number, read: ReadPiece): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(chunkSamples * bytesPerSample * plan.channels);
  let at = from;
  /** What comes next, at most up to `end`. */
  const next = (end: number) => {
    const samples = Math.min(chunkSamples, end - at);
    at += samples;
    return buffer.subarray(0, samples * bytesPerSample * plan.channels);
  };
  const first = plan.pieces.findIndex((piece) => piece.at + piece.samples > from);
  for (let i = Math.max(0, first); at < to; i++) {
    const piece = first < 0 ? undefined : plan.pieces[i];
    for (const end = Math.min(to, piece?.at ?? to); at < end; ) yield next(end).fill(0);
    if (!piece) return;
    for (const end = Math.min(to, piece.at + piece.samples); at < end; ) {
      const position = piece.position + at - piece.at;
      const out = next(end);
      if (piece.channels === plan.channels) await read(piece, position, out);
      else {
        await read(piece, position, out.subarray(out.length / 2));
        double(out);
      }
      yield out;
    }
  }
}

/** Out of the spool. @throws {SalaError} `recording-lost` where it is not there any more: zeros are no audio */
export function readFrom(spool: Pick<Spool, 'get'>): ReadPiece {
  return async ({ stream: id, channels }, position, out) => {
    const stream = spool.get(id);
    const end = position + out.length / (bytesPerSample * channels);
    if (!stream?.hasAudio(position, end))
      throw new SalaError('Sound of it was deleted before it could be stored', {
        code: 'recording-lost',
        hint: 'Keep audio for longer: --retain-hours, --max-spool-bytes.',
      });
    await stream.readInto(out, position);
  };
}

/** Mono in the second half comes on both channels of the whole; nothing is written over before it was read. */
function double({ buffer, byteOffset, length }: Uint8Array): void {
  const samples = new Int16Array(buffer, byteOffset, length / bytesPerSample);
  const half = samples.length / 2;
  for (let i = 0; i < half; i++) {
    const sample = samples[half + i] ?? 0;
    samples[2 * i] = sample;
    samples[2 * i + 1] = sample;
  }
}
