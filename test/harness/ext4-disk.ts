import { execFileSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './programs.ts';

/** A file system of its own in a file, which the kernel can turn read-only as it does when a disk fails. */
export class Ext4Disk {
  readonly #folder = temporaryFolder();
  readonly path = join(this.#folder.path, 'disk');
  readonly #image = join(this.#folder.path, 'image');

  /**
   * @param blockBytes of a real disk's file system 4096; of one so small it would be 1024, where SQLite's shared memory is not
   *   safe on a full disk: it makes sure of a page by one byte, and the rest of the page may find no block (SIGBUS)
   * @returns the reason where this machine does not let us mount one
   */
  static mount(megabytes: number, blockBytes = 1024): Ext4Disk | string {
    const disk = new Ext4Disk();
    try {
      mkdirSync(disk.path);
      writeFileSync(disk.#image, '');
      truncateSync(disk.#image, megabytes * 1_000_000);
      execFileSync('mkfs.ext4', ['-q', '-F', '-b', `${blockBytes}`, disk.#image], { stdio: 'pipe' });
      disk.#mount();
      return disk;
    } catch (error) {
      disk.#folder.remove();
      return `a disk cannot be mounted here: ${error instanceof Error ? error.message.trim() : error}`;
    }
  }

  /** What the kernel does by itself when a disk stops taking writes; what was synced is there. */
  turnReadOnly(): void {
    execFileSync('mount', ['-o', 'remount,abort', this.path], { stdio: 'ignore' });
  }

  /** The same disk, mounted anew in its place: writable, with all that was synced. */
  mountAnew(): void {
    execFileSync('umount', ['--lazy', this.path]);
    this.#mount();
  }

  unmount(): void {
    execFileSync('umount', ['--lazy', this.path]);
    this.#folder.remove();
  }

  #mount(): void {
    // A loop device of its own each time: mount would take the one that the disk before is still held open by.
    const device = execFileSync('losetup', ['--find', '--show', this.#image], {
      encoding: 'utf8',
      stdio: 'pipe',
    }).trim();
    try {
      execFileSync('mount', [device, this.path], { stdio: 'pipe' });
    } finally {
      execFileSync('losetup', ['--detach', device], { stdio: 'pipe' }); // as soon as it is unmounted
    }
  }
}
