import type { Inventory, Kit } from '../inventory.ts';
import type { KitSecrets } from '../secrets.ts';
import { breadcrumb } from '../seed/first-boot.ts';
import { reconcileCmdline, renderSeed } from '../seed/index.ts';
import type { BootFiles } from './boot-files.ts';
import { readCmdline } from './seeding.ts';

/** What a boot partition says it was seeded as. */
export interface CardSeed {
  readonly cmdline: string;
  /** The one that counts; null on a card as the image has it. */
  readonly instanceId: string | null;
  /** Name of the kit; null where it does not say. */
  readonly kit: string | null;
}

/** @throws SalaError `no-boot-partition` */
export async function cardSeed(boot: BootFiles): Promise<CardSeed> {
  const cmdline = await readCmdline(boot);
  const instanceId = /(?:^|\s)ds=nocloud;(?:[^\s;]*;)*i=([^\s;]+)/.exec(cmdline)?.[1] ?? null;
  const kit = /^(.+)-[0-9a-f]{16}$/.exec(instanceId ?? '')?.[1] ?? null;
  return { cmdline, instanceId, kit };
}

/** How a card's seed compares with what the inventory would give it. */
export interface SeedComparison {
  readonly instanceId: string;
  /** Paths whose content is not as the inventory has it, or that are missing or too many. */
  readonly differ: readonly string[];
  /** Files with secrets that are there. */
  readonly secrets: readonly string[];
  /** Whether the kit has erased its secrets, as it does once it is enrolled: what they held cannot be compared any more. */
  readonly scrubbed: boolean;
}

/**
 * Compares a card's boot partition with the inventory, under the instance id and the time that the card has.
 * @throws SalaError where the inventory's seed cannot be rendered
 */
export async function compareSeed(
  boot: BootFiles,
  { cmdline, instanceId }: CardSeed,
  inventory: Inventory,
  kit: Kit,
  secrets: KitSecrets,
): Promise<SeedComparison> {
  const id = instanceId ?? '';
  const paths = await boot.list();
  const found = await boot.read(paths.filter((path) => /^(user-data|meta-data|network-config|sala\/.*)$/.test(path)));
  // The clock cannot be before the seed was made: that time is in it.
  const seededMs = Date.parse(
    /not-before = "?([^"\s]+)"?/.exec(found.get('user-data')?.toString('utf8') ?? '')?.[1] ?? '',
  );
  const wanted = renderSeed(inventory, kit, secrets.of(kit), id, Number.isNaN(seededMs) ? 0 : seededMs);
  const secretPaths = wanted.filter(({ secret }) => secret).map(({ path }) => path);
  const present = secretPaths.filter((path) => found.has(path));
  const scrubbed = secretPaths.length > 0 && present.length === 0;
  const written: readonly string[] = [breadcrumb.path]; // by the kit, at its first start
  const erased = scrubbed ? [...secretPaths, 'network-config'] : [];
  const differ = wanted
    .filter(({ path }) => !written.includes(path) && !erased.includes(path))
    .filter(({ path, content }) => found.get(path)?.equals(Buffer.from(content)) !== true)
    .map(({ path }) => path);
  const extra = [...found.keys()].filter((path) => !wanted.some((each) => each.path === path));
  const line = reconcileCmdline(cmdline, id, kit) === cmdline ? [] : ['cmdline.txt'];
  return { instanceId: id, differ: [...line, ...differ, ...extra], secrets: present, scrubbed };
}
