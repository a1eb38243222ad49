import { rename, writeFile } from 'node:fs/promises';
import { messageOf } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import type { ScreenState } from './supervisor.ts';

/** What the agent reads; the same words for staff and for the relay. */
export interface ScreenReport {
  readonly state: ScreenState['state'];
  readonly message: string;
  readonly hint: string;
  /** When the page was last seen painted; null: never. */
  readonly beatAgeMs: number | null;
  /** The state that the page shows: `listening`, `lost`, …; empty: nothing yet. */
  readonly shows: string;
  readonly stage: string;
  readonly title: string;
  /** Since the kiosk began: pages loaded again, their processes renewed, browsers started again. */
  readonly counts: {
    readonly beats: number;
    readonly reloads: number;
    readonly renewals: number;
    readonly restarts: number;
  };
  readonly memoryBytes: number;
  /** Of the machine when this was written; no clock that may jump. */
  readonly uptimeMs: number;
}

const words: Readonly<Record<ScreenState['state'], readonly [message: string, hint: string]>> = {
  starting: ['The screen is starting', 'Nothing to do: it takes half a minute after power-on.'],
  showing: ['The screen shows the page', ''],
  unplugged: ['No screen is connected', 'Check the screen’s cable at both ends; the picture comes by itself.'],
  hidden: ['The page is at work and cannot be seen', 'Check that the screen is on and its cable is plugged in.'],
  mending: ['The screen is being mended', 'Nothing to do; if it lasts, switch the kit off and on.'],
};

/** @param uptimeMs of the machine */
export function reportOf(
  { state, fault, beatAgeMs, sight, counts, memoryBytes }: ScreenState,
  uptimeMs: number,
): ScreenReport {
  const [message, hint] = words[state];
  const { beats, reload, renew, restart } = counts;
  return {
    state,
    message: state !== 'mending' ? message : `${message}: ${fault}`,
    hint,
    beatAgeMs,
    shows: sight?.shows ?? '',
    stage: sight?.stage ?? '',
    title: sight?.title ?? '',
    // The first start is none again.
    counts: { beats, reloads: reload, renewals: renew, restarts: Math.max(0, restart - 1) },
    memoryBytes,
    uptimeMs: Math.round(uptimeMs),
  };
}

/** Writes reports to a file, each whole, the newest when they come faster than they are written. */
export class ReportFile {
  readonly #path: string;
  readonly #log: Logger;
  #next: ScreenReport | null = null;
  #writing: Promise<void> | null = null;
  #failed = false;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
  }

  write(report: ScreenReport): void {
    this.#next = report;
    this.#writing ??= this.#drain().finally(() => {
      this.#writing = null;
    });
  }

  async #drain(): Promise<void> {
    while (this.#next) {
      const report = this.#next;
      this.#next = null;
      try {
        await writeFile(`${this.#path}.new`, `${JSON.stringify(report)}\n`);
        await rename(`${this.#path}.new`, this.#path);
        this.#failed = false;
      } catch (error) {
        if (!this.#failed) this.#log.warn({ error: messageOf(error) }, 'the state of the screen cannot be written');
        this.#failed = true;
      }
    }
  }
}
