import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { mkdir, readdir, readlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { readRelease } from '../../../systemd/agent/updates/manifest.ts';
import type { Inventory, Kit } from '../inventory.ts';
import { packageFiles } from '../packages/repository.ts';
import { dumpExt4 } from './data-partition.ts';

/** What a data partition holds, beside the inventory. */
export interface ContentComparison {
  /** The release that would start; null where there is none. */
  readonly version: string | null;
  /** The one the inventory names; null where its manifest is not there. */
  readonly wantedVersion: string | null;
  readonly packages: number;
  /** Packages that are missing, too many or not the same. */
  readonly differ: readonly string[];
}

async function digestsBelow(folder: string, only?: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const digests = new Map<string, string>();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    if (only && !only.includes(relative(folder, path))) continue;
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path)) hash.update(chunk);
    digests.set(relative(folder, path), hash.digest('hex'));
  }
  return digests;
}

/** Compares the data partition at `offset` of `path`. @param folder an empty one, for a copy */
export async function compareContent(
  { path, offset }: { path: string; offset: number },
  inventory: Inventory,
  kind: Kit['kind'],
  folder: string,
): Promise<ContentComparison> {
  const copy = join(folder, 'data');
  await mkdir(copy);
  await dumpExt4(path, offset, '/packages', copy);
  await dumpExt4(path, offset, '/software', copy);
  const [found, wanted] = await Promise.all([
    digestsBelow(join(copy, 'packages')),
    digestsBelow(inventory.packages.dir, await packageFiles(inventory.packages.dir, kind)),
  ]);
  const differ = [...new Set([...found.keys(), ...wanted.keys()])]
    .filter((name) => found.get(name) !== wanted.get(name))
    .toSorted();
  const link = await readlink(join(copy, 'software/current')).catch(() => null);
  return {
    version: link?.replace(/^releases\//, '') ?? null,
    wantedVersion: versionOf(inventory.release.file),
    packages: found.size,
    differ,
  };
}

function versionOf(archive: string): string | null {
  try {
    return readRelease(readFileSync(archive.replace(/\.tar\.gz$/, '.json'), 'utf8')).version;
  } catch {
    return null;
  }
}
