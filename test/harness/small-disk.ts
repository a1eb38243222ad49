import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './programs.ts';

/** A disk of a few megabytes that can be filled to its last byte. */
export class SmallDisk {
  readonly #folder: { path: string; remove(): void };

  private constructor(folder: { path: string; remove(): void }) {
    this.#folder = folder;
  }

  /** @returns the reason where this machine does not let us mount one */
  static mount(megabytes: number): SmallDisk | string {
    const folder = temporaryFolder();
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder.path], { stdio: 'pipe' });
      return new SmallDisk(folder);
    } catch (error) {
      folder.remove();
      return `a disk cannot be mounted here: ${error instanceof Error ? error.message.trim() : error}`;
    }
  }

  get path(): string {
    return this.#folder.path;
  }

  /** Leaves no byte free. */
  fill(): void {
    const file = openSync(join(this.path, 'filler'), 'a');
    try {
      for (let bytes = 1 << 20; bytes >= 1; bytes >>= 1) while (writes(file, Buffer.alloc(bytes))) {}
    } finally {
      closeSync(file);
    }
  }

  /** Gives back what `fill` took. */
  free(): void {
    rmSync(join(this.path, 'filler'), { force: true });
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  unmount(): void {
    execFileSync('umount', ['--lazy', this.path]);
    this.#folder.remove();
  }
}

function writes(file: number, bytes: Buffer): boolean {
  try {
    return writeSync(file, bytes) === bytes.length;
  } catch {
    return false;
  }
}
