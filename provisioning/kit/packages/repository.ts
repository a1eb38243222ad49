import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod';
import { codeOf, SalaError } from '../../../systemd/errors.ts';
import { type Kind, kinds } from './wanted.ts';

/** Below a repository: what it holds, written last. */
export const bundleFile = 'bundle.json';

const kindSchema = z.strictObject({
  /** What is asked for, by name. */
  packages: z.array(z.string()),
  /** Each file that a kit of this kind needs, the signed indexes among them. */
  files: z.array(z.string()),
  bytes: z.int().nonnegative(),
});

const bundleSchema = z.strictObject({
  version: z.literal(1),
  suite: z.string(),
  architecture: z.string(),
  kinds: z.partialRecord(z.enum(kinds), kindSchema),
});

export type Bundle = z.infer<typeof bundleSchema>;

/** What the folder of packages holds. @throws SalaError where there is none, or one that was not finished */
export async function readBundle(folder: string): Promise<Bundle> {
  try {
    return bundleSchema.parse(JSON.parse(await readFile(join(folder, bundleFile), 'utf8')));
  } catch (cause) {
    throw new SalaError(`${folder} is not a finished repository of packages.`, {
      code: 'no-packages',
      hint: `Make it with: npm run kit -- bundle ${folder}`,
      cause,
    });
  }
}

/**
 * The files of `folder` that belong on the card of a kit of this kind, relative to it.
 * @throws SalaError where the repository is not for this kind
 */
export async function packageFiles(folder: string, kind: Kind): Promise<readonly string[]> {
  const entry = (await readBundle(folder)).kinds[kind];
  if (entry) return [...entry.files, bundleFile];
  throw new SalaError(`${folder} holds no packages for a ${kind} kit.`, {
    code: 'no-packages',
    hint: `Collect them with: npm run kit -- bundle ${folder} --kind ${kind}`,
  });
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Whether the file is there, whole and unchanged. */
export async function isFile(path: string, { sha256, bytes }: { sha256: string; bytes: number }): Promise<boolean> {
  try {
    const stats = await lstat(path);
    return stats.isFile() && stats.size === bytes && (await sha256OfFile(path)) === sha256;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Puts a finished file to its place: there is never half of it. */
export async function place(from: string, to: string): Promise<void> {
  await syncPath(from);
  await mkdir(dirname(to), { recursive: true });
  await rename(from, to);
  await syncPath(dirname(to));
}

export async function placeText(text: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await writeFile(`${to}.new`, text);
  await place(`${to}.new`, to);
}

/** Takes away what nothing names any more. @returns how many files */
export async function prune(folder: string, keep: ReadonlySet<string>): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const stale = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((name) => !keep.has(name));
  for (const name of stale) await rm(join(folder, name));
  return stale.length;
}
