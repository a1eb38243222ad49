import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { codeOf, SalaError } from '../../../systemd/errors.ts';
import { runTool, type ToolResult } from './tools.ts';

/** The boot partition of a card, wherever it is: in an image, on a disk, or mounted. Paths are as in `sala/kit.toml`. */
export interface BootFiles {
  /** All files. */
  list(): Promise<readonly string[]>;
  /** @returns null where there is no such file */
  read(path: string): Promise<Buffer | null>;
  write(path: string, content: string): Promise<void>;
  /** Overwrites it, then takes it away; nothing where it is not there. */
  remove(path: string): Promise<void>;
}

export const sha256 = (content: Buffer | string): string => createHash('sha256').update(content).digest('hex');

/** A FAT file system inside a file, by mtools; the program needs no right but that to the file. */
export class FatFiles implements BootFiles {
  readonly #image: string;

  /** @param path the file @param offset where the file system begins in it */
  constructor(path: string, offset: number) {
    this.#image = `${path}@@${offset}`;
  }

  async list(): Promise<readonly string[]> {
    const { stdout } = await runTool('mdir', ['-i', this.#image, '-/', '-b', '-a', '::']);
    return stdout
      .toString('utf8')
      .split('\n')
      .filter((line) => line.startsWith('::/') && !line.endsWith('/'))
      .map((line) => line.slice(3));
  }

  async read(path: string): Promise<Buffer | null> {
    return (await this.#ifThere('mtype', path))?.stdout ?? null;
  }

  async write(path: string, content: string): Promise<void> {
    const folder = dirname(path);
    if (folder !== '.') await runTool('mmd', ['-i', this.#image, '-D', 's', `::/${folder}`], { accept: [0, 1] }); // 1: it is there
    // Its status is 0 even where there was no room: whoever writes reads back.
    await runTool('mcopy', ['-i', this.#image, '-o', '-', `::/${path}`], { input: content });
  }

  async remove(path: string): Promise<void> {
    await this.#ifThere('mdel', path);
  }

  async #ifThere(program: string, path: string): Promise<ToolResult | null> {
    const result = await runTool(program, ['-i', this.#image, `::/${path}`], { accept: [0, 1] });
    if (result.status === 0) return result;
    if (/not found/i.test(result.stderr)) return null;
    throw new SalaError(`The boot partition cannot be read: ${result.stderr.trim().split('\n').at(-1) ?? program}`, {
      code: 'boot-unreadable',
      hint: 'Is it a card of Raspberry Pi OS? Then it is damaged: flash it again.',
    });
  }
}

const absent = (error: unknown) => ['ENOENT', 'ENOTDIR'].includes(codeOf(error));

/** The boot partition where some system has mounted it. */
export class MountedFiles implements BootFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async list(): Promise<readonly string[]> {
    const entries = await readdir(this.#folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(this.#folder, join(entry.parentPath, entry.name)));
  }

  async read(path: string): Promise<Buffer | null> {
    return readFile(join(this.#folder, path)).catch((error: unknown) => {
      if (absent(error)) return null;
      throw error;
    });
  }

  async write(path: string, content: string): Promise<void> {
    const file = join(this.#folder, path);
    await mkdir(dirname(file), { recursive: true });
    const fresh = `${file}.new`;
    const handle = await open(fresh, 'w');
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await this.#erase(file);
    await rename(fresh, file);
    const folder = await open(dirname(file), 'r');
    await folder.sync().finally(() => folder.close());
  }

  async remove(path: string): Promise<void> {
    const file = join(this.#folder, path);
    if (await this.#erase(file)) await unlink(file);
  }

  /** Overwrites a file where it is: FAT keeps it in its place. @returns whether there is one */
  async #erase(file: string): Promise<boolean> {
    try {
      const handle = await open(file, 'r+');
      try {
        const { size } = await handle.stat();
        await handle.write(Buffer.alloc(size), 0, size, 0);
        await handle.sync();
      } finally {
        await handle.close();
      }
      return true;
    } catch (error) {
      if (absent(error)) return false;
      throw error;
    }
  }
}
