import { statfs } from 'node:fs/promises';
import type { Health } from '../relay/protocol.js';
import { SupplyWatch } from '../systemd/supply.ts';

export interface MachineOptions {
  readonly dataDir: string;
  /** Where the kernel shows its sensors. */
  readonly sensorsDir?: string;
}

/** What the machine lacks: power at this moment and since the start, and space on the disk with the data folder. */
export class MachineWatch {
  readonly #dataDir: string;
  readonly #supply: SupplyWatch;
  #disk: Health['disk'];
  #looking: Promise<void> | null = null;

  constructor({ dataDir, sensorsDir }: MachineOptions) {
    this.#dataDir = dataDir;
    this.#supply = new SupplyWatch(sensorsDir);
  }

  get health(): Pick<Health, 'power' | 'disk'> {
    const power = this.#supply.supply;
    return { ...(power && { power }), ...(this.#disk && { disk: this.#disk }) };
  }

  /** To be called once a second; a disk that hangs delays no one but the next look. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    await this.#supply.look();
    this.#disk = await statfs(this.#dataDir).then(
      ({ bavail, bsize }) => ({ freeBytes: bavail * bsize }),
      () => undefined,
    );
  }
}
