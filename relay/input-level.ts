import { toMono } from './audio.ts';
import { rmsOf } from './loudness.ts';
import { bytesPerSample, type InputLevel } from './protocol.js';

/** A reader's meter moves four times a second. */
const intervalMs = 250;
/** So long without audio, it has stopped: longer than the pieces of a client that sends one a second are apart. */
const stoppedAfterMs = 1200;
/** What nothing at all is shown as, and what is quieter. */
const lowestDbfs = -100;
const fullScale = 32_768;

/**
 * How loud a room is by the audio that reached the relay, told about four times a second while audio comes, and once as
 * -100 when it has stopped. RMS in dB below full scale, of the mix that the engine hears. Without a listener nothing is
 * computed.
 */
export class InputLevelMeter {
  readonly #listeners = new Set<(level: InputLevel) => void>();
  #squares = 0;
  #samples = 0;
  #heardMs = 0;
  #timer: NodeJS.Timeout | null = null;

  /** Returns what ends the subscription. */
  listen(listener: (level: InputLevel) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#rest();
    };
  }

  /** @param audio s16le of the present moment */
  hear(audio: Uint8Array, channels: 1 | 2): void {
    if (this.#listeners.size === 0) return;
    const samples = audio.length / bytesPerSample / channels;
    this.#squares += rmsOf(toMono(audio, channels)) ** 2 * samples;
    this.#samples += samples;
    this.#heardMs = performance.now();
    this.#timer ??= setInterval(() => this.#take(), intervalMs);
  }

  #take(): void {
    if (this.#samples > 0) {
      const rms = Math.sqrt(this.#squares / this.#samples);
      this.#squares = 0;
      this.#samples = 0;
      this.#tell(dbfsOf(rms));
    } else if (performance.now() - this.#heardMs >= stoppedAfterMs) {
      this.#rest();
      this.#tell(lowestDbfs);
    }
  }

  #rest(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    this.#squares = 0;
    this.#samples = 0;
  }

  #tell(rmsDbfs: number): void {
    for (const listener of [...this.#listeners]) listener({ type: 'level', rmsDbfs });
  }
}

/** To 0.1 dB. */
function dbfsOf(rms: number): number {
  const db = Math.max(lowestDbfs, 20 * Math.log10(rms / fullScale));
  return Math.round(db * 10) / 10;
}
