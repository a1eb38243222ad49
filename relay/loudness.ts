import { bytesPerSample } from './protocol.js';

/** RMS below which no audio holds words, -50 dBFS. */
export const quietRms = 104;
/** RMS above which audio counts as loud whatever the room's noise is, -35 dBFS. */
const loudRms = 583;
/** Speech stands out of a room's noise by more than this, 10 dB. */
const aboveNoise = 3.2;
/** In what is never quiet the noise is taken to be louder after a while: 10 dB a minute, at ten pieces a second. */
const noiseRise = 1.002;

/** @param audio mono s16le */
export function rmsOf(audio: Uint8Array): number {
  const view = new DataView(audio.buffer, audio.byteOffset, audio.byteLength);
  let squares = 0;
  for (let at = 0; at + 1 < audio.length; at += bytesPerSample) squares += view.getInt16(at, true) ** 2;
  return audio.length > 1 ? Math.sqrt((squares * bytesPerSample) / audio.length) : 0;
}

/**
 * Tells what may be speech from a room's hum: what stands out of the quietest heard lately. Applause and music pass for
 * speech here; a quiet speaker counts as soon as there was one pause.
 */
export class SpeechLevel {
  #noiseRms = Number.POSITIVE_INFINITY;

  /** Takes the RMS of the next 100 ms or less: whether that may be speech. */
  isSpeech(rms: number): boolean {
    this.#noiseRms = Math.min(rms, Math.max(1, this.#noiseRms) * noiseRise);
    return rms >= Math.min(loudRms, Math.max(quietRms, this.#noiseRms * aboveNoise));
  }
}
