import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '../errors.ts';

/** A kit's file systems. Whatever returned is on the disk and survives a power cut. All throw the system's errors. */
export interface Files {
  /** Null where there is none. */
  read(path: string): Promise<Buffer | null>;
  /** Makes the file, or writes it anew; a cut may leave any part of it. */
  write(path: string, data: string, mode: number): Promise<void>;
  /** Takes the place of what is at `to`, as a whole or not at all. */
  rename(from: string, to: string): Promise<void>;
  /** Writes over all that the file occupies, in place: random bytes, then zeros. It keeps its length or grows to whole blocks. */
  overwrite(path: string): Promise<void>;
  /** Does nothing where there is none. */
  remove(path: string): Promise<void>;
  /** Every file beneath a folder; none where there is no such folder. Links are not followed. */
  filesIn(folder: string): Promise<string[]>;
  makeFolder(path: string, mode: number): Promise<void>;
}

/** Writes a file so that a cut leaves the old one or the new one, whole. */
export async function replaceFile(files: Files, path: string, data: string, mode: number): Promise<void> {
  await files.write(`${path}.new`, data, mode);
  await files.rename(`${path}.new`, path);
}

/** Larger files are written over piece by piece. */
const pieceBytes = 64 * 1024;

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    // FAT knows no such sync in some kernels; its entries are written when the file system is.
    if (codeOf(error) !== 'EINVAL') throw error;
  } finally {
    await folder.close();
  }
}

async function overwrite(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const { size } = await file.stat();
    // What stands behind the end in the last block is of earlier files.
    const { bsize } = await statfs(path);
    const bytes = Math.ceil(size / bsize) * bsize;
    for (const bytesFor of [(length: number) => randomBytes(length), (length: number) => Buffer.alloc(length)]) {
      for (let at = 0; at < bytes; at += pieceBytes) {
        const piece = bytesFor(Math.min(pieceBytes, bytes - at));
        await file.write(piece, 0, piece.length, at);
      }
      await file.sync();
    }
  } finally {
    await file.close();
  }
}

async function filesIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  const entries = await readdir(folder, { withFileTypes: true }).catch((error) => {
    if (/^(ENOENT|ENOTDIR)$/.test(codeOf(error))) return [];
    throw error;
  });
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...(await filesIn(path)));
    else if (entry.isFile()) found.push(path);
  }
  return found.sort();
}

/** The machine's own. */
export const machineFiles: Files = {
  read: (path) =>
    readFile(path).catch((error) => {
      if (/^(ENOENT|ENOTDIR)$/.test(codeOf(error))) return null;
      throw error;
    }),
  write: async (path, data, mode) => {
    const file = await open(path, 'w', mode);
    try {
      await file.chmod(mode);
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await syncFolder(dirname(path));
  },
  rename: async (from, to) => {
    await rename(from, to);
    await syncFolder(dirname(to));
  },
  overwrite,
  remove: async (path) => {
    await rm(path, { force: true });
    await syncFolder(dirname(path));
  },
  filesIn,
  makeFolder: async (path, mode) => {
    const first = await mkdir(path, { recursive: true, mode });
    // A folder that its own folder does not know is gone after a cut, with all that was synced in it.
    for (let made = path; first !== undefined && made.length >= first.length; made = dirname(made))
      await syncFolder(dirname(made));
  },
};
