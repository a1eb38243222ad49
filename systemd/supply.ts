import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The Raspberry Pi's own measure of its supply. Its firmware's "has occurred" bits are wiped every 2 s by this same driver. */
const supplySensor = 'rpi_volt';
const alarmFile = 'in0_lcrit_alarm';

/** Whether the supply is too weak at this moment, and how often it became so. */
export interface Supply {
  readonly low: boolean;
  readonly lowCount: number;
}

/** The machine's power; a machine that does not measure it tells nothing. */
export class SupplyWatch {
  readonly #sensorsDir: string;
  /** null: this machine has none; undefined: not looked for yet. */
  #file: string | null | undefined;
  #supply: Supply | undefined;

  /** @param sensorsDir where the kernel shows its sensors */
  constructor(sensorsDir = '/sys/class/hwmon') {
    this.#sensorsDir = sensorsDir;
  }

  get supply(): Supply | undefined {
    return this.#supply;
  }

  /** To be called once a second: a weakness of two seconds is seen, and counted once. */
  async look(): Promise<void> {
    if (this.#file === undefined) this.#file = await this.#find();
    if (this.#file === null) return;
    const text = await readFile(this.#file, 'utf8').catch(() => null);
    if (text === null) return;
    const low = text.trim() === '1';
    const { low: wasLow = false, lowCount = 0 } = this.#supply ?? {};
    this.#supply = { low, lowCount: low && !wasLow ? lowCount + 1 : lowCount };
  }

  async #find(): Promise<string | null> {
    for (const sensor of await readdir(this.#sensorsDir).catch(() => [])) {
      const folder = join(this.#sensorsDir, sensor);
      const name = await readFile(join(folder, 'name'), 'utf8').catch(() => '');
      if (name.trim() === supplySensor) return join(folder, alarmFile);
    }
    return null;
  }
}
