import { chunksPerSecond, Pacer, type Timing } from './pacer.ts';
import type { Source, SourceFormat, SourceListener } from './source.ts';

const format: SourceFormat = { rateHz: 16000, channels: 1 };
const frequencyHz = 440;
/** One octave up for the first 100 ms of each second: both fit whole periods into 100 ms, so nothing clicks. */
const pipHz = 880;
const pipSeconds = 0.1;
/** -20 dBFS RMS. */
const amplitude = 32768 * 0.1 * Math.SQRT2;

const second = new Int16Array(format.rateHz).map((_, i) => {
  const hz = i < pipSeconds * format.rateHz ? pipHz : frequencyHz;
  return Math.round(amplitude * Math.sin((2 * Math.PI * hz * i) / format.rateHz));
});

/** A test tone for kits without a mixer: 440 Hz with a pip each second, 16 kHz mono, for ever. */
export class ToneSource implements Source {
  readonly #timing: Timing | undefined;
  #pacer: Pacer | null = null;
  #chunk = 0;

  constructor(timing?: Timing) {
    this.#timing = timing;
  }

  start(listener: SourceListener): void {
    listener.state({ state: 'capturing', name: 'tone', format });
    const samples = format.rateHz / chunksPerSecond;
    this.#pacer = new Pacer((deadlineMs) => {
      const at = (this.#chunk++ % chunksPerSecond) * samples;
      listener.audio(Buffer.from(second.slice(at, at + samples).buffer), format, deadlineMs);
      return true;
    }, this.#timing);
    this.#pacer.start();
  }

  async stop(): Promise<void> {
    this.#pacer?.stop();
  }
}
