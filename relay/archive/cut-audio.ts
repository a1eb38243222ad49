import { SalaError } from '../../systemd/errors.ts';
import { bytesPerSample, sampleRate, size, subtract } from '../protocol.js';
import type { Spool } from '../spool.ts';
import type { CutPiece, CutPlan } from './cut.ts';

/** Read at a time, in samples: 5 s. */
const chunkSamples = 5 * sampleRate;

/** Reads samples of a piece, interleaved as its stream has them. */
export type ReadPiece = (piece: CutPiece, position: number, samples: number) => Promise<Uint8Array>;

/** The audio of `[from, to)` of a recording, s16le, interleaved; silence in holes. */
export async function* audioOf(plan: CutPlan, from: number, to: number, read: ReadPiece): AsyncGenerator<Uint8Array> {
  let at = from;
  const first = plan.pieces.findIndex((piece) => piece.at + piece.samples > from);
  for (let i = Math.max(0, first); at < to; i++) {
    const piece = first < 0 ? undefined : plan.pieces[i];
    for (const end = Math.min(to, piece?.at ?? to); at < end; ) {
      const samples = Math.min(chunkSamples, end - at);
      yield new Uint8Array(samples * bytesPerSample * plan.channels);
      at += samples;
    }
    if (!piece) return;
    for (const end = Math.min(to, piece.at + piece.samples); at < end; ) {
      const samples = Math.min(chunkSamples, end - at);
      const audio = await read(piece, piece.position + at - piece.at, samples);
      yield piece.channels === plan.channels ? audio : doubled(audio);
      at += samples;
    }
  }
}

/** Out of the spool. @throws {SalaError} `recording-lost` where it is not there any more: zeros are no audio */
export function readFrom(spool: Pick<Spool, 'get'>): ReadPiece {
  return async ({ stream: id }, position, samples) => {
    const stream = spool.get(id);
    if (!stream || size(subtract([[position, position + samples]], stream.audio)) > 0)
      throw new SalaError('Sound of it was deleted before it could be stored', {
        code: 'recording-lost',
        hint: 'Keep audio for longer: --retain-hours, --max-spool-bytes.',
      });
    return stream.read(position, position + samples);
  };
}

/** Mono on both channels. */
function doubled(mono: Uint8Array): Uint8Array {
  const out = new Uint8Array(mono.length * 2);
  for (let at = 0; at < mono.length; at += bytesPerSample) {
    const sample = mono.subarray(at, at + bytesPerSample);
    out.set(sample, at * 2);
    out.set(sample, at * 2 + bytesPerSample);
  }
  return out;
}
