import { join } from 'node:path';
import { codeOf, type Explained } from '../errors.ts';
import type { Files } from './files.ts';
import { diskFailed } from './problems.ts';

export interface ScrubOptions {
  readonly files: Files;
  /** The boot partition, which any computer reads. */
  readonly bootDir: string;
  /** Where cloud-init keeps copies of what it was given. */
  readonly cloudDir: string;
  /** Whether the first boot with this very seed is done: until then it may need to begin again with what is on the card. */
  readonly isSeedUsed: () => Promise<boolean>;
  /** Whether the token on the card is one that was exchanged: another one is still to be. */
  readonly isTokenUsed: (token: string) => boolean;
  /** Does it with the system's partition writable, where that is only read. */
  readonly writable: (work: () => Promise<void>) => Promise<void>;
}

/** In the boot partition. The token goes at once, the rest once the first boot does not need it any more. */
const tokenFile = 'sala/enrolment-token';
const seedFiles = ['user-data', 'network-config'];
/** Beneath cloud-init's folder: what it was given, and what it made of it. Its marks of what it has done (`sem`) hold nothing. */
const cloudFolders = ['instances', 'seed'];

/** Erases from the card what nobody shall find on it: written over in place, then deleted. Any part of it may be done twice. */
export class Scrub {
  readonly #options: ScrubOptions;

  constructor(options: ScrubOptions) {
    this.#options = options;
  }

  /** Erases what can be erased now. @returns whether nothing is left; else it is to be called again, with why if it failed */
  async run(): Promise<{ readonly isDone: boolean; readonly problem: Explained | null }> {
    const { files, bootDir, isTokenUsed, isSeedUsed } = this.#options;
    try {
      const token = (await files.read(enrolmentTokenFile(bootDir)))?.toString('utf8').trim();
      const isUnspent = token !== undefined && !isTokenUsed(token);
      if (token !== undefined && !isUnspent) await this.#erase(enrolmentTokenFile(bootDir));
      if (!(await isSeedUsed())) return { isDone: false, problem: null };
      for (const name of seedFiles) await this.#erase(join(bootDir, name));
      const copies = await this.#cloudFiles();
      const erase = async () => {
        for (const path of copies) await this.#erase(path);
      };
      if (copies.length > 0)
        await erase().catch((error) => {
          if (codeOf(error) !== 'EROFS') throw error;
          return this.#options.writable(erase);
        });
      // Said to be done, it would not be looked for again when it has been exchanged meanwhile.
      return { isDone: !isUnspent, problem: null };
    } catch (error) {
      const problem = diskFailed('erase what was secret on it', error);
      return { isDone: false, problem: { ...problem, code: 'scrub-failed' } };
    }
  }

  async #cloudFiles(): Promise<string[]> {
    const { files, cloudDir } = this.#options;
    const found = await Promise.all(cloudFolders.map((folder) => files.filesIn(join(cloudDir, folder))));
    return found.flat().filter((path) => !/\/sem\//.test(path));
  }

  async #erase(path: string): Promise<void> {
    const { files } = this.#options;
    if ((await files.read(path)) === null) return;
    await files.overwrite(path);
    await files.remove(path);
  }
}

/** The token's place on the boot partition. */
export const enrolmentTokenFile = (bootDir: string): string => join(bootDir, tokenFile);
