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
 * How much of what a session heard may be speech that its engine has said nothing of yet; in samples. Speech is told from a
 * room's hum: it stands out of the quietest heard lately. Applause and music pass for speech here; a quiet speaker counts as
 * soon as there was one pause.
 */
export class WordlessSpeech {
  #noiseRms = Number.POSITIVE_INFINITY;
  #inAll = 0;
  #beforeReady = 0;

  get inAll(): number {
    return this.#inAll;
  }

  /** Without what it heard while it was being opened: no answer to that is late yet. */
  get sinceReady(): number {
    return this.#inAll - this.#beforeReady;
  }

  /** Takes the RMS of the next 100 ms or less. */
  hear(rms: number, samples: number): void {
    this.#noiseRms = Math.min(rms, Math.max(1, this.#noiseRms) * noiseRise);
    if (rms >= Math.min(loudRms, Math.max(quietRms, this.#noiseRms * aboveNoise))) this.#inAll += samples;
  }

  ready(): void {
    this.#beforeReady = this.#inAll;
  }

  /** The engine says something. */
  answered(): void {
    this.#inAll = this.#beforeReady = 0;
  }
}
