/** Sound that tells when it was made: each 50 ms have a level of their own, and the levels begin anew after 50 s. */
export const chunkMs = 50;
/** More than a resampler adds. */
const levelStep = 30;
const levels = 1000;

const levelAt = (atMs: number) => (Math.floor(atMs / chunkMs) % levels) * levelStep;

/** The `chunkMs` of sound that end at `endMs`, the same in all channels; interleaved s16le. */
export function timedSound({ rateHz, channels }: { rateHz: number; channels: number }, endMs: number): Buffer {
  const samples = new Int16Array(Math.round((rateHz * chunkMs) / 1000) * channels);
  const startMs = endMs - chunkMs;
  for (let i = 0; i < samples.length; i++) samples[i] = levelAt(startMs + (Math.floor(i / channels) / rateHz) * 1000);
  return Buffer.from(samples.buffer);
}

/** When position 0 was captured as the middle of a mono frame at `position` tells it, to 25 ms. @param nearMs when it came, to 20 s */
export function frameOriginMs(position: number, audio: Buffer, nearMs: number): number {
  const middle = Math.floor(audio.length / 4);
  const level = Math.round(audio.readInt16LE(middle * 2) / levelStep);
  const soundedMs = (level + 0.5) * chunkMs;
  const roundMs = levels * chunkMs;
  return soundedMs + Math.round((nearMs - soundedMs) / roundMs) * roundMs - (position + middle) / 16;
}

/** The same by several frames: one of them may lie where the levels begin anew. */
export function originOf(frames: readonly { readonly originMs: number }[]): number {
  const sorted = frames.map(({ originMs }) => originMs).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
