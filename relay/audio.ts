/** Mono s16le from interleaved s16le: the mean of both channels; mono passes untouched. */
export function toMono(audio: Uint8Array, channels: 1 | 2): Uint8Array {
  if (channels === 1) return audio;
  const view = new DataView(audio.buffer, audio.byteOffset, audio.byteLength);
  const out = new Uint8Array(audio.length / 2);
  const mono = new DataView(out.buffer);
  for (let at = 0; at < out.length; at += 2)
    mono.setInt16(at, (view.getInt16(at * 2, true) + view.getInt16(at * 2 + 2, true)) >> 1, true);
  return out;
}

/** A WebSocket message's bytes, in whichever of its three forms ws gives them. */
export function bytesOf(data: Buffer | ArrayBuffer | Buffer[]): Buffer<ArrayBufferLike> {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}
