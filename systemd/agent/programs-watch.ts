import type { KitHealth } from '../../relay/kit-protocol.ts';
import { type DeviceStatus, readDeviceStatus } from './device-status.ts';
import type { KitKind } from './options.ts';
import { readPageStatus } from './page-status.ts';

export interface ProgramsWatchOptions {
  readonly kind: KitKind;
  readonly deviceStatus: string;
  readonly displayStatus: string;
  readonly fetch: typeof globalThis.fetch;
  /** The clock of file times. */
  readonly now: () => number;
}

/** A page that has not painted for longer does not work. */
const maxBeatAgeMs = 30_000;

/** The programs of this kit, as they tell of themselves: whether they work, and what they lack. */
export class ProgramsWatch {
  readonly #options: ProgramsWatchOptions;
  #device: DeviceStatus | null = null;
  #page: KitHealth['page'];
  #looking: Promise<void> | null = null;

  constructor(options: ProgramsWatchOptions) {
    this.#options = options;
  }

  get device(): DeviceStatus | null {
    return this.#device;
  }

  get page(): KitHealth['page'] {
    return this.#page;
  }

  /** They run and do their work, whatever the room and the network lack. */
  get areWell(): boolean {
    const { kind } = this.#options;
    const beatAgeMs = this.#page?.beatAgeMs ?? Number.POSITIVE_INFINITY;
    return (kind === 'display' || this.#device !== null) && (kind === 'device' || beatAgeMs < maxBeatAgeMs);
  }

  /** One that hangs delays no one but the next look. Never throws. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { kind, deviceStatus, displayStatus, fetch, now } = this.#options;
    if (kind !== 'display') this.#device = await readDeviceStatus(deviceStatus, fetch);
    if (kind !== 'device') this.#page = await readPageStatus(displayStatus, now);
  }
}
