import type { CaptureProcess, MixerProcessListener } from '../../device/sources/mixer-process.ts';
import type { SourceFormat } from '../../device/sources/source.ts';
import { chunkMs, timedSound } from './timed-sound.ts';

/** What whoever opens a mixer that is not there is told: no such card; a card that refuses; a library that crashes. */
export type Absence = 'unlisted' | 'refuses' | 'crashes';

/** As the capture child looks. */
const searchIntervalMs = 500;

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
          listener?.audio(timedSound(format, performance.now()), performance.now());
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
