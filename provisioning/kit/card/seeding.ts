import { SalaError } from '../../../systemd/errors.ts';
import type { Inventory, Kit } from '../inventory.ts';
import type { KitSecret } from '../secrets.ts';
import { newInstanceId, reconcileCmdline, renderSeed, type SeedFile } from '../seed/index.ts';
import { type BootFile, type BootFiles, sha256 } from './boot-files.ts';

const cmdlinePath = 'cmdline.txt';

/** Names that a seed of Sala's uses; whatever else is on the boot partition is the image's. */
const isSeed = (path: string) =>
  ['user-data', 'meta-data', 'network-config'].includes(path) || path.startsWith('sala/');

/** What makes a card the card of one kit. */
export interface Seed {
  readonly kit: Kit;
  readonly instanceId: string;
  readonly files: readonly SeedFile[];
}

/** Renders a kit's seed under a new instance id. @throws SalaError where a secret is missing */
export function makeSeed(inventory: Inventory, kit: Kit, secrets: KitSecret, nowMs: number): Seed {
  const instanceId = newInstanceId(kit);
  return { kit, instanceId, files: renderSeed(inventory, kit, secrets, instanceId, nowMs) };
}

/** One digest over all files of a seed. */
export const seedHash = ({ files }: Seed): string =>
  sha256(JSON.stringify(files.map(({ path, content }) => [path, content])));

const differs = (path: string): SalaError =>
  new SalaError(`The boot partition does not hold what was written to ${path}.`, {
    code: 'seed-differs',
    hint: 'Is it full, or the card bad? Flash it again, or take another card.',
  });

/** The kernel's command line that is there. @throws SalaError `no-boot-partition` */
export async function readCmdline(boot: BootFiles): Promise<string> {
  const old = (await boot.read([cmdlinePath])).get(cmdlinePath);
  if (old !== undefined) return old.toString('utf8');
  throw new SalaError('This is not the boot partition of a card: it has no cmdline.txt.', {
    code: 'no-boot-partition',
    hint: 'Give the card, an image file, or the folder where the small first partition (bootfs) is mounted.',
  });
}

/**
 * Puts a seed in place of the one that is there, erases what the old one had, and reads everything back. The command
 * line is last: it has the instance id that counts, so a kit never takes half a seed.
 * @param diskId the identifier that the partition table had, and the one it has now
 * @param wipe erases what is deleted; called before anything is written
 * @throws SalaError `no-boot-partition` or `seed-differs`
 */
export async function writeSeed(
  boot: BootFiles,
  seed: Seed,
  { diskId, wipe = async () => {} }: { diskId?: { old: string; fresh: string }; wipe?: () => Promise<void> } = {},
): Promise<void> {
  const old = await readCmdline(boot);
  await boot.remove((await boot.list()).filter(isSeed));
  await wipe();
  await writeBack(boot, seed.files);
  const line = reconcileCmdline(
    diskId ? old.replaceAll(`PARTUUID=${diskId.old}-`, `PARTUUID=${diskId.fresh}-`) : old,
    seed.instanceId,
    seed.kit,
  );
  await writeBack(boot, [{ path: cmdlinePath, content: line }]);
}

async function writeBack(boot: BootFiles, files: readonly BootFile[]): Promise<void> {
  await boot.write(files);
  const found = await boot.read(files.map(({ path }) => path));
  for (const { path, content } of files)
    if (found.get(path)?.equals(Buffer.from(content)) !== true) throw differs(path);
}
