import { readdir, readFile, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { KitHealth } from '../../../relay/kit-protocol.ts';
import type { Explained } from '../../errors.ts';
import { askCanary, type CanaryOptions, type CanaryVerdict } from './canary.ts';
import { isReadOnly, isRootMeantReadOnly, parseMounts } from './mounts.ts';

export interface StorageOptions {
  /** Before `/proc`, `/sys` and `/etc`; a test's own. */
  readonly root: string;
  /** The data partition. */
  readonly dataDir: string;
  /** Where the canary may be written. */
  readonly canary: CanaryOptions;
  readonly freeBytes?: (path: string) => Promise<number>;
}

export const storageLimits = {
  /** Less is too little for a day of sound and an update. */
  lowBytes: 500e6,
  /** A healthy card takes far less than a second. */
  slowMs: 10_000,
};

const replace = 'Captions go on. Replace the SD card at the next break: flash another one for this kit.';
const freeBytesOf = async (path: string) => {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
};
const textOf = (path: string) => readFile(path, 'utf8').catch(() => '');

/** The kit's card. It tells nothing of its own wear: the file system's errors, and what it does with what is written, do. */
export class StorageWatch {
  readonly #options: StorageOptions;
  #freeBytes: number | undefined;
  #errors = 0;
  #readOnly: string | null = null;
  #canary: CanaryVerdict | null = null;

  constructor(options: StorageOptions) {
    this.#options = options;
  }

  /** Often: it reads what the kernel knows, and nothing of the card. Never throws. */
  async look(): Promise<void> {
    const { root, dataDir, freeBytes = freeBytesOf } = this.#options;
    this.#freeBytes = await freeBytes(dataDir).catch(() => undefined);
    this.#errors = await this.#countErrors();
    const mounts = parseMounts(await textOf(join(root, '/proc/self/mountinfo')));
    const rootIsMeant = isRootMeantReadOnly(
      await textOf(join(root, '/etc/fstab')),
      await textOf(join(root, '/proc/cmdline')),
    );
    if (isReadOnly(mounts, dataDir)) this.#readOnly = dataDir;
    else this.#readOnly = isReadOnly(mounts, '/') && !rootIsMeant ? '/' : null;
  }

  /** Seldom: it writes. Never throws. */
  async ask(): Promise<void> {
    this.#canary = await askCanary(this.#options.canary);
  }

  get health(): NonNullable<NonNullable<KitHealth['machine']>['storage']> {
    const { code, message } = this.problem ?? { code: 'ok', message: undefined };
    return {
      state: code.replace(/^storage-/, ''),
      ...(message !== undefined && { message }),
      ...(this.#freeBytes !== undefined && { freeBytes: this.#freeBytes }),
    };
  }

  get problem(): Explained | null {
    if (this.#canary?.state === 'wrong')
      return {
        code: 'storage-failing',
        message: 'This kit’s card does not keep what is written to it',
        hint: 'Replace the SD card as soon as you can: flash another one for this kit.',
      };
    if (this.#readOnly !== null)
      return {
        code: 'storage-read-only',
        message: 'This kit’s card can only be read any more: the system has found errors on it',
        hint: `${replace} Sound is kept in memory alone until then.`,
      };
    if (this.#canary?.state === 'failed' && this.#canary.code !== 'ENOSPC')
      return {
        code: 'storage-failing',
        message: `This kit’s card does not take what is written to it (${this.#canary.code})`,
        hint: replace,
      };
    if (this.#errors > 0)
      return {
        code: 'storage-errors',
        message: `This kit’s card has errors: the file system counts ${this.#errors}`,
        hint: replace,
      };
    if (this.#freeBytes !== undefined && this.#freeBytes < storageLimits.lowBytes)
      return {
        code: 'storage-low',
        message: `This kit’s card is nearly full: ${Math.round(this.#freeBytes / 1e6)} MB are free`,
        hint: 'Bring the link to the relay back, so that sound need not wait here; or flash a larger card.',
      };
    if (this.#canary?.state === 'ok' && this.#canary.tookMs > storageLimits.slowMs)
      return {
        code: 'storage-slow',
        message: `This kit’s card is very slow: a small file took ${Math.round(this.#canary.tookMs / 1000)} s`,
        hint: `Cards become slow before they fail. ${replace}`,
      };
    return null;
  }

  /** Of every ext4 there is, since it was made or checked. */
  async #countErrors(): Promise<number> {
    const folder = join(this.#options.root, '/sys/fs/ext4');
    let sum = 0;
    for (const name of await readdir(folder).catch(() => []))
      sum += Number((await textOf(join(folder, name, 'errors_count'))).trim()) || 0;
    return sum;
  }
}
