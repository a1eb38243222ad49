import { readdir, readFile, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Health } from '../relay/protocol.js';

export interface MachineOptions {
  readonly dataDir: string;
  /** Where the kernel shows its sensors. */
  readonly sensorsDir?: string;
}

/** The Raspberry Pi's own measure of its supply. Its firmware's "has occurred" bits are wiped every 2 s by this same driver. */
const supplySensor = 'rpi_volt';
const alarmFile = 'in0_lcrit_alarm';

/** What the machine lacks: power at this moment and since the start, and space on the disk with the data folder. */
export class MachineWatch {
  readonly #dataDir: string;
  readonly #sensorsDir: string;
  /** null: this machine has none; undefined: not looked for yet. */
  #supplyFile: string | null | undefined;
  #power: Health['power'];
  #disk: Health['disk'];
  #looking: Promise<void> | null = null;

  constructor({ dataDir, sensorsDir = '/sys/class/hwmon' }: MachineOptions) {
    this.#dataDir = dataDir;
    this.#sensorsDir = sensorsDir;
  }

  get health(): Pick<Health, 'power' | 'disk'> {
    return { ...(this.#power && { power: this.#power }), ...(this.#disk && { disk: this.#disk }) };
  }

  /** To be called once a second; a disk that hangs delays no one but the next look. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    await this.#lookAtSupply();
    this.#disk = await statfs(this.#dataDir).then(
      ({ bavail, bsize }) => ({ freeBytes: bavail * bsize }),
      () => undefined,
    );
  }

  async #lookAtSupply(): Promise<void> {
    if (this.#supplyFile === undefined) this.#supplyFile = await this.#findSupply();
    if (this.#supplyFile === null) return;
    const text = await readFile(this.#supplyFile, 'utf8').catch(() => null);
    if (text === null) return;
    const low = text.trim() === '1';
    const { low: wasLow = false, lowCount = 0 } = this.#power ?? {};
    this.#power = { low, lowCount: low && !wasLow ? lowCount + 1 : lowCount };
  }

  async #findSupply(): Promise<string | null> {
    for (const sensor of await readdir(this.#sensorsDir).catch(() => [])) {
      const folder = join(this.#sensorsDir, sensor);
      const name = await readFile(join(folder, 'name'), 'utf8').catch(() => '');
      if (name.trim() === supplySensor) return join(folder, alarmFile);
    }
    return null;
  }
}
