import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readlink, rm, stat, statfs, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import { codeOf, SalaError } from '../../errors.ts';
import { machineFiles } from '../files.ts';
import { unpackArchive } from './archive.ts';

const run = promisify(execFile);
const syncTimeoutMs = 300_000;
/** Unpacking leaves the card to others in between: capture writes to it, too. */
const breathBytes = 256 * 1024;
const breathMs = 20;

/** The data partition, as updates use it. Only `replace` and `rename` are whole or not at all after a power cut; each
 * has reached the disk when it resolves, but for `append` and `unpack`, which `sync` brings there. All throw the system's errors. */
export interface UpdateDisk {
  /** Null where there is none. */
  read(path: string): Promise<string | null>;
  replace(path: string, text: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** A file, or a folder with all that is in it; nothing where there is none. */
  remove(path: string): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  /** Where a link leads to; null where there is none. */
  target(path: string): Promise<string | null>;
  /** Names in a folder; none where there is no such folder. */
  list(folder: string): Promise<string[]>;
  makeFolder(path: string): Promise<void>;
  /** Bytes of a file; 0 where there is none. */
  size(path: string): Promise<number>;
  freeBytes(folder: string): Promise<number>;
  /** Adds to the end of a file. @returns bytes that it has now */
  append(path: string, chunks: AsyncIterable<Uint8Array>, took: (bytes: number) => Promise<void>): Promise<void>;
  /** Of a file, in hex. */
  sha256(path: string): Promise<string>;
  /** @throws {SalaError} `release-archive` */
  unpack(archive: string, folder: string, bytes: number): Promise<void>;
  /** Everything on the file system of `path` is on the disk. */
  sync(path: string): Promise<void>;
}

const none = (error: unknown): null => {
  if (/^(ENOENT|ENOTDIR)$/.test(codeOf(error))) return null;
  throw error;
};

const breath = () => new Promise<void>((resolve) => setTimeout(resolve, breathMs));

async function unpack(archive: string, folder: string, bytes: number): Promise<void> {
  let sinceBreath = 0;
  const source = createReadStream(archive);
  const unzipped = createGunzip();
  const fed = pipeline(source, unzipped);
  // What goes wrong there shows where the archive is read.
  fed.catch(() => {});
  const sink = {
    folder: async (path: string) => void (await mkdir(join(folder, path), { recursive: true, mode: 0o755 })),
    file: async (path: string, isProgram: boolean, content: AsyncIterable<Buffer>) => {
      await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o755 });
      const file = await open(join(folder, path), 'wx', isProgram ? 0o755 : 0o644);
      try {
        for await (const piece of content) {
          await file.writeFile(piece);
          sinceBreath += piece.length;
          if (sinceBreath < breathBytes) continue;
          sinceBreath = 0;
          await breath();
        }
      } finally {
        await file.close();
      }
    },
  };
  try {
    const unpacked = await unpackArchive(unzipped, sink, { maxBytes: bytes });
    if (unpacked === bytes) return;
  } catch (error) {
    // Faults of the disk are not the archive's.
    if (error instanceof SalaError || !codeOf(error).startsWith('Z_')) throw error;
  } finally {
    source.destroy();
    unzipped.destroy();
  }
  throw new SalaError('The archive of the release is damaged', {
    code: 'release-archive',
    hint: 'Build and offer another release.',
  });
}

/** The machine's own. */
export const machineDisk: UpdateDisk = {
  read: async (path) => (await machineFiles.read(path))?.toString('utf8') ?? null,
  replace: async (path, text) => {
    await machineFiles.write(`${path}.new`, text, 0o600);
    await machineFiles.rename(`${path}.new`, path);
  },
  rename: machineFiles.rename,
  remove: (path) => rm(path, { recursive: true, force: true }),
  symlink,
  target: (path) => readlink(path).catch(none),
  list: async (folder) => (await readdir(folder).catch(none)) ?? [],
  makeFolder: async (path) => void (await mkdir(path, { recursive: true })),
  size: async (path) => (await stat(path).catch(none))?.size ?? 0,
  freeBytes: async (folder) => {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
  append: async (path, chunks, took) => {
    const file = await open(path, 'a', 0o600);
    try {
      for await (const chunk of chunks) {
        await file.writeFile(chunk);
        await took(chunk.length);
      }
    } finally {
      await file.sync().finally(() => file.close());
    }
  },
  sha256: async (path) => {
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash);
    return hash.digest('hex');
  },
  unpack,
  sync: async (path) => void (await run('sync', ['--file-system', path], { timeout: syncTimeoutMs })),
};
