import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigurationError } from '../../../systemd/errors.ts';
import type { Inventory, Kit } from '../inventory.ts';
import { didYouMean } from '../nearest.ts';
import { packageFiles } from '../packages/repository.ts';
import { checkRelease, type DataImage, makeDataImage } from './data-partition.ts';
import { checkImage } from './image-source.ts';

/** The kits of an inventory that were named, or all. @throws ConfigurationError */
export function kitsNamed({ kits }: Inventory, names: readonly string[]): readonly Kit[] {
  const unknown = names.filter((name) => !kits.some((kit) => kit.name === name));
  if (unknown.length > 0) {
    const all = kits.map(({ name }) => name);
    throw new ConfigurationError(
      unknown.map((name) => `no kit of the inventory is called "${name}"${didYouMean(name, all)}`),
      `Its kits are: ${all.join(', ')}.`,
    );
  }
  return names.length === 0 ? kits : kits.filter(({ name }) => names.includes(name));
}

/** A folder for what is made on the way, which has secrets in it. The larger of the two usual places is not in RAM. */
export function workFolder(env: NodeJS.ProcessEnv): string {
  const folder = mkdtempSync(join(env.TMPDIR === undefined ? '/var/tmp' : tmpdir(), 'sala-kit-'));
  chmodSync(folder, 0o700);
  return folder;
}

export const removeFolder = (folder: string): void => rmSync(folder, { recursive: true, force: true });

/** What cards have in common, by kind of kit: all of it is checked and made before the first card is touched. */
export async function prepare(
  inventory: Inventory,
  kits: readonly Kit[],
  folder: string,
  signal: AbortSignal,
  progress: (done: number, total: number) => void,
): Promise<ReadonlyMap<Kit['kind'], DataImage>> {
  const release = await checkRelease(inventory);
  const kinds = new Set(kits.map(({ kind }) => kind));
  for (const kind of kinds) await packageFiles(inventory.packages.dir, kind);
  let done = 0;
  await checkImage(
    inventory.image,
    (bytes) => {
      done += bytes;
      progress(done, statSync(inventory.image.file).size);
    },
    signal,
  );
  const images = new Map<Kit['kind'], DataImage>();
  for (const kind of kinds) {
    const place = join(folder, kind);
    mkdirSync(place);
    images.set(kind, await makeDataImage(inventory, release, kind, place));
  }
  return images;
}
