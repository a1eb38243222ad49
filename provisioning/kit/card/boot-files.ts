import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { codeOf, messageOf, SalaError } from '../../../systemd/errors.ts';
import { runTool } from './tools.ts';

/** What is written to a boot partition. */
export interface BootFile {
  /** From its top, with `/`. */
  readonly path: string;
  readonly content: string;
}

/** The boot partition of a card, wherever it is: in a file, or mounted. */
export interface BootFiles {
  /** Paths of all files. */
  list(): Promise<readonly string[]>;
  /** Those of `paths` that are there. */
  read(paths: readonly string[]): Promise<ReadonlyMap<string, Buffer>>;
  /** Writes files, over what is there by these names; whoever writes reads back. */
  write(files: readonly BootFile[]): Promise<void>;
  /** Takes away what of `paths` is there. */
  remove(paths: readonly string[]): Promise<void>;
}

export const sha256 = (content: Buffer | string): string => createHash('sha256').update(content).digest('hex');

const absent = (error: unknown) => ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error));

async function readThere(folder: string, paths: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const path of paths)
    try {
      found.set(path, await readFile(join(folder, path)));
    } catch (error) {
      if (!absent(error)) throw error;
    }
  return found;
}

const topsOf = (paths: readonly string[]) => [...new Set(paths.map((path) => path.split('/')[0] ?? path))];

/** A FAT file system inside a file, by mtools; needs no right but that to the file. */
export class FatFiles implements BootFiles {
  readonly #file: string;
  readonly #image: string;

  /** @param file where the file system is in @param offset where it begins */
  constructor(file: string, offset: number) {
    this.#file = file;
    this.#image = `${file}@@${offset}`;
  }

  async list(): Promise<readonly string[]> {
    const { stdout } = await runTool('mdir', ['-i', this.#image, '-/', '-b', '-a', '::']);
    return stdout
      .toString('utf8')
      .split('\n')
      .filter((line) => line.startsWith('::/') && !line.endsWith('/'))
      .map((line) => line.slice(3));
  }

  read(paths: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
    return this.#inFolder(async (folder) => {
      const names = topsOf(paths).map((name) => `::/${name}`);
      await this.#whatIsThere('mcopy', ['-s', '-n', ...names, folder]);
      return readThere(folder, paths);
    });
  }

  write(files: readonly BootFile[]): Promise<void> {
    return this.#inFolder(async (folder) => {
      for (const { path, content } of files) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), content);
      }
      const names = topsOf(files.map(({ path }) => path)).map((name) => join(folder, name));
      await runTool('mcopy', ['-i', this.#image, '-s', '-o', ...names, '::/']).catch((error: unknown) => {
        if (!/disk full|no space/i.test(messageOf(error))) throw error;
        throw new SalaError('There is no room on the boot partition.', {
          code: 'boot-full',
          hint: 'Is there something on it that does not belong there? Flash the card again.',
          cause: error,
        });
      });
    });
  }

  async remove(paths: readonly string[]): Promise<void> {
    if (paths.length === 0) return;
    await this.#whatIsThere(
      'mdel',
      paths.map((path) => `::/${path}`),
    );
  }

  /** Runs a program that skips, with status 1, what is not there. @throws SalaError `boot-unreadable` for all else */
  async #whatIsThere(program: string, args: readonly string[]): Promise<void> {
    const { status, stderr } = await runTool(program, ['-i', this.#image, ...args], { accept: [0, 1] });
    const complaints = stderr.split('\n').filter((line) => line.trim() !== '' && !/not found/i.test(line));
    if (status === 0 || complaints.length === 0) return;
    throw new SalaError(`The boot partition cannot be read: ${complaints.at(-1) ?? ''}`, {
      code: 'boot-unreadable',
      hint: 'Is it a card of Raspberry Pi OS? Then it is damaged: flash it again.',
    });
  }

  /** Copies lie beside the file, which holds the same secrets. */
  async #inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
    const folder = await mkdtemp(`${this.#file}-`);
    try {
      return await work(folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

/** The boot partition where some system has mounted it. FAT keeps a file in its place, so overwriting erases it. */
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

  read(paths: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
    return readThere(this.#folder, paths);
  }

  async write(files: readonly BootFile[]): Promise<void> {
    for (const { path, content } of files) {
      const file = join(this.#folder, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(`${file}.new`, content, { flush: true });
      await this.#erase(file);
      await rename(`${file}.new`, file);
      await syncFolder(dirname(file));
    }
  }

  async remove(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      const file = join(this.#folder, path);
      if (!(await this.#erase(file))) continue;
      await unlink(file);
      await syncFolder(dirname(file));
    }
  }

  /** @returns whether there is such a file */
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

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  await handle.sync().finally(() => handle.close());
}
