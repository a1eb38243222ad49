import type { CaptureProcess, MixerProcessListener } from '../../device/sources/mixer-process.ts';
import type { SourceFormat } from '../../device/sources/source.ts';

/** What whoever opens a mixer that is not there is told: no such card; a card that refuses; a library that crashes. */
export type Absence = 'unlisted' | 'refuses' | 'crashes';

const chunkMs = 50;
/** As the capture child looks. */
const searchIntervalMs = 500;
/** Each 50 ms of sound has a level of its own, told apart by this much; they begin anew after 50 s. */
const levelStep = 30;
const levels = 1000;

/** The level of what sounds at `atMs`. */
const levelAt = (atMs: number) => (Math.floor(atMs / chunkMs) % levels) * levelStep;

/** When the sound of a sample of this level was made, to 50 ms; of the times that have the level the one nearest to `nearMs`. */
export function soundedAtMs(level: number, nearMs: number): number {
  const atMs = (Math.round(level / levelStep) + 0.5) * chunkMs;
  const roundMs = levels * chunkMs;
  return atMs + Math.round((nearMs - atMs) / roundMs) * roundMs;
}

/** The last `chunkMs` of sound, the same in all channels. */
function chunk({ rateHz, channels }: SourceFormat, endMs: number): Buffer {
  const samples = new Int16Array(((rateHz * chunkMs) / 1000) * channels);
  const startMs = endMs - chunkMs;
  for (let i = 0; i < samples.length; i++) samples[i] = levelAt(startMs + (Math.floor(i / channels) / rateHz) * 1000);
  return Buffer.from(samples.buffer);
}

/** A mixer in virtual time, and the processes that capture it: once unplugged it gives those that had it open no error
 * and no end. Its sound tells when it was made. */
export class VirtualMixer {
  format: SourceFormat = { rateHz: 16_000, channels: 1 };
  isThere = true;
  absence: Absence = 'unlisted';
  /** From the start of a process to its first look at the cards. */
  processStartMs = 0;
  /** How many processes were started. */
  starts = 0;
  /** Who opened it before it was unplugged hears no more of it. */
  #plug = 0;

  makeProcess(): CaptureProcess {
    this.starts++;
    let listener: MixerProcessListener | null = null;
    let timer: NodeJS.Timeout | undefined;
    const end = (reason: string) => {
      const told = listener;
      listener = null;
      clearTimeout(timer);
      told?.ended(reason);
    };
    const look = () => {
      if (this.isThere) {
        const { format } = this;
        listener?.message({ type: 'opened', name: 'mixer', ...format });
        const plug = this.#plug;
        const give = () => {
          if (!this.isThere || plug !== this.#plug) return;
          listener?.audio(chunk(format, performance.now()), performance.now());
          timer = setTimeout(give, chunkMs);
        };
        timer = setTimeout(give, chunkMs);
      } else if (this.absence === 'unlisted') {
        listener?.message({
          type: 'searching',
          fault: { code: 'mixer-absent', message: 'There is no mixer.', hint: 'Plug it in.' },
        });
        timer = setTimeout(look, searchIntervalMs);
      } else {
        if (this.absence === 'refuses')
          listener?.message({
            type: 'failed',
            fault: { code: 'capture-failed', message: 'It cannot be captured.', hint: 'Close what uses it.' },
          });
        end('exit status 1');
      }
    };
    return {
      start: (told) => {
        listener = told;
        timer = setTimeout(look, this.processStartMs);
      },
      kill: async () => end('killed by SIGKILL'),
    };
  }

  unplug(absence: Absence): void {
    this.isThere = false;
    this.absence = absence;
    this.#plug++;
  }

  plugIn(format: SourceFormat = this.format): void {
    this.format = format;
    this.isThere = true;
  }
}
