import { ConfigurationError, codeOf, messageOf } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import { WavFile } from '../wav.ts';
import { chunksPerSecond, Pacer, type Timing } from './pacer.ts';
import type { Source, SourceFormat, SourceListener } from './source.ts';

/** A file played in real time, once or for ever; its samples reach the listener unchanged where they are s16. */
export class WavSource implements Source {
  readonly #path: string;
  readonly #loop: boolean;
  readonly #log: Logger;
  readonly #timing: Timing | undefined;
  readonly #file: WavFile;
  #pacer: Pacer | null = null;
  #frame = 0;
  /** Frames given out since the start; the file's own end is not a multiple of a chunk. */
  #given = 0;
  #chunk = 0;
  #closed = false;

  /** @throws {ConfigurationError} where the file cannot be read or played */
  constructor(path: string, loop: boolean, log: Logger, timing?: Timing) {
    this.#path = path;
    this.#loop = loop;
    this.#log = log;
    this.#timing = timing;
    try {
      this.#file = new WavFile(path);
    } catch (error) {
      const why = codeOf(error) === 'ENOENT' ? 'there is no such file' : messageOf(error);
      throw new ConfigurationError([`wav:${path}: ${why}`], 'Give the path of a WAV file that this user may read.');
    }
  }

  start(listener: SourceListener): void {
    const { rateHz, channels } = this.#file.format;
    const format: SourceFormat = { rateHz, channels };
    const name = `wav:${this.#path}`.slice(0, 256);
    listener.state({ state: 'capturing', name, format });
    this.#pacer = new Pacer((deadlineMs) => {
      this.#chunk++;
      const until = Math.round((this.#chunk * rateHz) / chunksPerSecond);
      while (this.#given < until) {
        const audio = this.#next(until - this.#given);
        const frames = audio.length / 2 / channels;
        if (frames === 0) {
          this.#close();
          listener.state({ state: 'ended', name });
          return false;
        }
        this.#given += frames;
        listener.audio(audio, format, deadlineMs - ((until - this.#given) / rateHz) * 1000);
        if (this.#closed) return false;
      }
      return true;
    }, this.#timing);
    this.#pacer.start();
  }

  async stop(): Promise<void> {
    this.#pacer?.stop();
    this.#close();
  }

  /** Reads 50 ms at a time and waits for the disk: the kernel reads ahead, and a file is for trying things out. */
  #next(frames: number): Buffer {
    let audio = this.#read(frames);
    if (audio.length === 0 && this.#loop && this.#frame > 0) {
      this.#frame = 0;
      audio = this.#read(frames);
    }
    this.#frame += audio.length / 2 / this.#file.format.channels;
    return audio;
  }

  #read(frames: number): Buffer {
    try {
      return this.#file.read(this.#frame, frames);
    } catch (error) {
      // The disk failed under a file that could be opened: it ends here.
      this.#log.error({ error: messageOf(error) }, 'the file cannot be read further');
      return Buffer.alloc(0);
    }
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#file.close();
  }
}
