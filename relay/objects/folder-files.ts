import { createHash } from 'node:crypto';
import type { BigIntStats, Dirent } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf } from '../../systemd/errors.ts';
import { sha256Of } from './local-file.ts';

/** Conditions are asked of small objects: pointers, transcripts. */
const maxHashedBytes = 1_048_576;

const chunkBytes = 262_144;

/** A file from its beginning on. All of it comes in the same memory: a chunk is good until the next one is asked for. */
export async function* chunksOf(handle: FileHandle, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(chunkBytes);
  for (let at = 0; ; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, chunkBytes, at);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

/** Hexadecimal SHA-256. */
export async function hashOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const bytes of chunks) hash.update(bytes);
  return hash.digest('hex');
}

export interface FileLook {
  readonly bytes: number;
  /**
   * Names the content of a file that is only ever replaced whole: its SHA-256 or, so that a folder of recordings can be listed
   * without reading them, what tells this file from any other.
   */
  readonly etag: string;
}

/** One and the same file, though another may take its place meanwhile; null where there is none. */
export async function lookAt<T = void>(
  file: string,
  more: (handle: FileHandle, look: FileLook) => Promise<T>,
): Promise<T | null> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null;
    throw error;
  }
  try {
    const stat = await handle.stat({ bigint: true });
    if (!stat.isFile()) return null;
    return await more(handle, { bytes: Number(stat.size), etag: await etagOf(handle, stat) });
  } finally {
    await handle.close();
  }
}

async function etagOf(handle: FileHandle, { size, mtimeNs, ino }: BigIntStats): Promise<string> {
  if (size > maxHashedBytes) return `${size}-${mtimeNs}-${ino}`;
  return sha256Of(await readAll(handle, Number(size)));
}

/** From the beginning, wherever the handle is. */
export async function readAll(handle: FileHandle, bytes: number): Promise<Uint8Array> {
  const body = new Uint8Array(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await handle.read(body, filled, bytes - filled, filled);
    if (bytesRead === 0) throw new Error('a file became shorter');
    filled += bytesRead;
  }
  return body;
}

/** Writes a new file and syncs it. What was half written is there still when it throws. */
export async function writeSynced(file: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(file, 'wx', 0o640);
  try {
    await write(handle);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the folders from `root`, which has to be there, to `folder`, each of them on the disk. */
export async function makeFolders(root: string, folder: string): Promise<void> {
  if (folder === root) return;
  try {
    await mkdir(folder, { mode: 0o750 });
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return;
    if (codeOf(error) !== 'ENOENT') throw error;
    await makeFolders(root, dirname(folder));
    await mkdir(folder, { mode: 0o750 });
  }
  await syncFolder(dirname(folder));
}

/** Removes `folder` and those above it, up to `root`, as far as nothing is in them. */
export async function removeEmptyFolders(root: string, folder: string): Promise<void> {
  for (let each = folder; each !== root; each = dirname(each)) {
    try {
      await rmdir(each);
    } catch {
      return;
    }
    await syncFolder(dirname(each));
  }
}

/** Paths of the files that begin with `prefix` and come after `after`, in the order of their bytes. */
export async function* filesIn(root: string, prefix: string, after: string): AsyncGenerator<string> {
  yield* walk(root, prefix.includes('/') ? `${dirname(`${prefix}x`)}/` : '', prefix, after);
}

async function* walk(root: string, folder: string, prefix: string, after: string): AsyncGenerator<string> {
  for (const path of await entriesOf(root, folder)) {
    const isFolder = path.endsWith('/');
    if (!path.startsWith(prefix) && !(isFolder && prefix.startsWith(path))) continue;
    if (!isFolder && path > after) yield path;
    if (isFolder && (path > after || after.startsWith(path))) yield* walk(root, path, prefix, after);
  }
}

/** Folders end with a slash, and are sorted so. */
async function entriesOf(root: string, folder: string): Promise<string[]> {
  let entries: Dirent[];
  try {
    entries = await readdir(join(root, folder), { withFileTypes: true });
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  }
  return entries
    .filter((entry) => !basename(entry.name).startsWith('.') && (entry.isFile() || entry.isDirectory()))
    .map((entry) => `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`)
    .sort((a, b) => (a < b ? -1 : 1));
}
