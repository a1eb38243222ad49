import type { KitHealth } from '../../relay/kit-protocol.ts';
import type { Explained } from '../errors.ts';
import { type DeviceStatus, readDeviceStatus } from './device-status.ts';
import type { KitKind } from './options.ts';
import { type PageStatus, readPageStatus } from './page-status.ts';

export interface ProgramsWatchOptions {
  readonly kind: KitKind;
  readonly deviceStatus: string;
  readonly displayStatus: string;
  readonly fetch: typeof globalThis.fetch;
  /** Of the machine. */
  readonly uptimeMs: () => number;
}

/** Louder than this is sound: the noise of an open microphone is below it. */
const soundDbfs = -50;
/** A room that was heard within this time is not quiet: longer than speakers pause. */
const quietAfterMs = 60_000;

/** The programs of this kit, as they tell of themselves: whether they work, and what they lack. */
export class ProgramsWatch {
  readonly #options: ProgramsWatchOptions;
  #device: DeviceStatus | null = null;
  #screen: PageStatus | null = null;
  #soundAtMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | null = null;

  constructor(options: ProgramsWatchOptions) {
    this.#options = options;
  }

  get device(): DeviceStatus | null {
    return this.#device;
  }

  get page(): KitHealth['page'] {
    return this.#screen?.page;
  }

  /** What of the screen needs a person; null where nothing does, or there is none. */
  get screenProblem(): Explained | null {
    return this.#screen?.problem ?? null;
  }

  /** They run and do their work, whatever the room and the network lack. */
  get areWell(): boolean {
    const { kind } = this.#options;
    return (kind === 'display' || this.#device !== null) && (kind === 'device' || this.#screen?.isWell === true);
  }

  /** Its device heard nothing for a while, or never did. */
  get isQuiet(): boolean {
    return performance.now() - this.#soundAtMs >= quietAfterMs;
  }

  /** One that hangs delays no one but the next look. Never throws. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { kind, deviceStatus, displayStatus, fetch, uptimeMs } = this.#options;
    if (kind !== 'display') {
      const reading = await readDeviceStatus(deviceStatus, fetch);
      this.#device = reading?.status ?? null;
      if (reading?.rmsDbfs != null && reading.rmsDbfs > soundDbfs) this.#soundAtMs = performance.now();
    }
    if (kind !== 'device') this.#screen = await readPageStatus(displayStatus, uptimeMs);
  }
}
