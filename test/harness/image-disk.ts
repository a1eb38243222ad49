import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../systemd/errors.ts';
import { temporaryFolder } from './programs.ts';
import { until } from './until.ts';

const megabytes = 40;

/** A file system in an image file, mounted: FAT by fusefat (no kernel of ours knows it everywhere), ext4 by a loop device. */
export class ImageDisk {
  readonly path: string;
  readonly #image: string;
  readonly #folder = temporaryFolder();
  #isMounted = false;

  private constructor() {
    this.#image = join(this.#folder.path, 'image');
    this.path = join(this.#folder.path, 'disk');
  }

  /** @returns the reason where this machine does not let us mount one */
  static async mount(kind: 'vfat' | 'ext4'): Promise<ImageDisk | string> {
    const disk = new ImageDisk();
    try {
      mkdirSync(disk.path);
      writeFileSync(disk.#image, '');
      truncateSync(disk.#image, megabytes * 1_000_000);
      await (kind === 'vfat' ? disk.#mountFat() : disk.#mountExt4());
      disk.#isMounted = true;
      return disk;
    } catch (error) {
      disk.#folder.remove();
      return `${kind} cannot be mounted here: ${messageOf(error).trim()}`;
    }
  }

  /** How often a text stands anywhere in the bytes of the image, deleted files and ends of blocks included. */
  count(text: string): number {
    return readFileSync(this.#image, 'latin1').split(text).length - 1;
  }

  /** Everything written is in the image from here on. */
  unmount(): void {
    if (this.#isMounted) execFileSync('umount', [this.path], { stdio: 'pipe' });
    this.#isMounted = false;
  }

  remove(): void {
    this.unmount();
    this.#folder.remove();
  }

  async #mountFat(): Promise<void> {
    execFileSync('mkfs.vfat', ['-F', '32', this.#image], {
      stdio: 'pipe',
      env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    });
    spawn('fusefat', ['-o', 'rw+', this.#image, this.path], { stdio: 'ignore' }).on('error', () => {});
    await until(() => readFileSync('/proc/mounts', 'utf8').includes(` ${this.path} fuse`) || undefined, {
      timeoutMs: 5000,
      what: 'the mount of fusefat',
    });
    readdirSync(this.path);
  }

  async #mountExt4(): Promise<void> {
    execFileSync('mkfs.ext4', ['-q', '-F', this.#image], { stdio: 'pipe' });
    const device = execFileSync('losetup', ['--find', '--show', this.#image], { encoding: 'utf8', stdio: 'pipe' });
    try {
      execFileSync('mount', [device.trim(), this.path], { stdio: 'pipe' });
    } finally {
      execFileSync('losetup', ['--detach', device.trim()], { stdio: 'pipe' }); // as soon as it is unmounted
    }
  }
}
