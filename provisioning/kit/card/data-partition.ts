import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { cp, lstat, mkdir, open, readdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Release, verifyRelease } from '../../../systemd/agent/updates/manifest.ts';
import { messageOf, SalaError } from '../../../systemd/errors.ts';
import type { Inventory, Kit } from '../inventory.ts';
import { packageFiles } from '../packages/repository.ts';
import { runTool } from './tools.ts';

/** Label of the data partition; the kit mounts it by this. */
export const dataLabel = 'sala-data';

/** The file system that a card's data partition begins as; the kit lets it grow to the partition at its first start. */
export interface DataImage {
  readonly file: string;
  readonly sizeBytes: number;
  readonly version: string;
}

const missing = (what: string, path: string, error: unknown, command: string): SalaError =>
  new SalaError(`There is no ${what} at ${path}: ${messageOf(error)}`, {
    code: 'card-content',
    hint: `It is made by: npm run kit -- ${command}`,
    cause: error,
  });

async function fileSha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex');
}

/**
 * Checks the release's manifest, its signature and the archive it describes.
 * @throws SalaError `card-content`, or what `verifyRelease` throws
 */
export async function checkRelease({ release: { file, publicKey, publicKeyPem } }: Inventory): Promise<Release> {
  const manifest = file.replace(/\.tar\.gz$/, '.json');
  let text: string;
  let bytes: number;
  try {
    bytes = statSync(file).size;
    text = readFileSync(manifest, 'utf8');
  } catch (error) {
    throw missing('release', file, error, 'release');
  }
  if (publicKeyPem === null)
    throw missing('public key of releases', publicKey, new Error('no unsigned software goes on a card'), 'release');
  const release = verifyRelease(text, publicKeyPem);
  if (bytes !== release.bytes || (await fileSha256(file)) !== release.sha256)
    throw new SalaError(`The release ${file} is not the one that its manifest describes.`, {
      code: 'card-content',
      hint: 'Take both files from the same run of: npm run kit -- release',
    });
  return release;
}

const blockBytes = 4096;
const perFileBytes = 16_384; // how densely mke2fs lays out inodes

interface Entry {
  /** From the top of the partition, with `/`. */
  readonly path: string;
  readonly bytes: number;
}

async function entriesOf(folder: string, prefix = ''): Promise<Entry[]> {
  const found: Entry[] = [];
  for (const { name } of await readdir(join(folder, prefix), { withFileTypes: true })) {
    const path = `${prefix}/${name}`;
    const status = await lstat(join(folder, path));
    found.push({ path, bytes: Math.ceil(status.size / blockBytes) * blockBytes });
    if (status.isDirectory()) found.push(...(await entriesOf(folder, path)));
  }
  return found;
}

/** What is free at the first start, before the file system has grown: enough for every part to begin. */
const defaultSpareBytes = 64 * 1024 * 1024;

const journalMiB = 16;

const sizeFor = (entries: readonly Entry[], spareBytes: number): number => {
  const content = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  const needed = Math.max(content * 1.04, entries.length * perFileBytes) + journalMiB * 2 ** 20 + spareBytes;
  return Math.ceil(needed / 2 ** 22) * 2 ** 22;
};

/** Without root, files carry the builder's number; on the card they are root's. Names may not break out of the script. */
const ownership = (entries: readonly Entry[]): string => {
  const odd = entries.find(({ path }) => /["\n\\]/.test(path));
  if (odd)
    throw new SalaError(`The name of ${odd.path} cannot be put on a card.`, {
      code: 'card-content',
      hint: 'Make the release and the packages anew.',
    });
  return entries
    .flatMap(({ path }) => [`set_inode_field "${path}" uid 0`, `set_inode_field "${path}" gid 0`])
    .join('\n');
};

/**
 * Makes the file system of the data partition in a file, without root: the release, `current` and this kind's packages.
 * @param folder an empty one, for all that is made on the way @param spareBytes what stays free @throws SalaError `card-content`, `tool-failed`
 */
export async function makeDataImage(
  inventory: Inventory,
  release: Release,
  kind: Kit['kind'],
  folder: string,
  spareBytes = defaultSpareBytes,
): Promise<DataImage> {
  const { version } = release;
  const top = join(folder, 'data');
  const unpacked = join(top, 'software/releases', version);
  await mkdir(unpacked, { recursive: true });
  await runTool('tar', [
    '-xzf',
    inventory.release.file,
    '-C',
    unpacked,
    '--no-same-owner',
    '--delay-directory-restore',
  ]);
  await symlink(`releases/${version}`, join(top, 'software/current'));
  for (const name of await packageFiles(inventory.packages.dir, kind))
    await cp(join(inventory.packages.dir, name), join(top, 'packages', name), {
      recursive: true,
      verbatimSymlinks: true,
    });

  const entries = await entriesOf(top);
  const sizeBytes = sizeFor(entries, spareBytes);
  const file = join(folder, 'data.ext4');
  const handle = await open(file, 'wx');
  await handle.truncate(sizeBytes).finally(() => handle.close());
  await runTool('mke2fs', [
    ...['-q', '-F', '-t', 'ext4', '-b', String(blockBytes), '-i', String(perFileBytes), '-m', '1', '-L', dataLabel],
    ...['-J', `size=${journalMiB}`], // for the file system that it grows to, not for the one that it is
    // All of it is written: what another card's file system left there must not be taken for this one's.
    ...['-E', 'root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0', '-d', top, file],
  ]);
  if (process.getuid?.() !== 0)
    await runTool('debugfs', ['-w', '-f', '/dev/stdin', file], { input: ownership(entries) });
  return { file, sizeBytes, version };
}

/** Reads `path` (a file in an ext4 at `offset` of `image`) without mounting; null where it is not there. */
export async function readExt4(image: string, offset: number, path: string): Promise<Buffer | null> {
  const { stdout, stderr } = await runTool('debugfs', ['-R', `cat "${path}"`, `${image}?offset=${offset}`]);
  return /File not found/.test(stderr) ? null : stdout;
}

/** Copies what an ext4 at `offset` of `image` holds below `path` into `folder`, which must be there. */
export async function dumpExt4(image: string, offset: number, path: string, folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  await runTool('debugfs', ['-R', `rdump "${path}" "${folder}"`, `${image}?offset=${offset}`]);
}
