import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { FatFiles } from '../../provisioning/kit/card/boot-files.ts';
import { checkRelease, makeDataImage } from '../../provisioning/kit/card/data-partition.ts';
import { flashCard } from '../../provisioning/kit/card/flashing.ts';
import { makeSeed } from '../../provisioning/kit/card/seeding.ts';
import { createImageFile } from '../../provisioning/kit/card/target.ts';
import { type Inventory, readInventory } from '../../provisioning/kit/inventory.ts';
import { KitSecrets, secretsFileOf } from '../../provisioning/kit/secrets.ts';
import { say } from './shell.ts';

export interface CardOptions {
  readonly folder: string;
  readonly image: string;
  /** Folder of a signed release and its `release.pub`. */
  readonly releases: string;
  readonly packages: string;
  readonly relay: string;
  readonly kind: 'device' | 'display' | 'solo';
  readonly kit: string;
  readonly room: string;
  readonly enrolment: { readonly token: string; readonly expiresMs: number };
}

const cardBytes = 6e9;
const bootOffset = 16_384 * 512;

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

async function inventoryOf(options: CardOptions): Promise<Inventory> {
  const { folder, image, releases, packages, relay, kind, kit, room } = options;
  const archive = (await readdir(releases))
    .filter((name) => name.endsWith('.tar.gz'))
    .sort()
    .at(-1);
  if (!archive) throw new Error(`no release in ${releases}: npm run kit -- release --output ${releases}`);
  const file = join(folder, 'kits.toml');
  await writeFile(
    file,
    `event = "Emulation"
timezone = "Europe/Rome"
[relay]
url = "${relay}"
[image]
file = "${image}"
sha256 = "${await sha256(image)}"
[release]
file = "${join(releases, archive)}"
public-key = "${join(releases, 'release.pub')}"
[packages]
dir = "${packages}"
[disks]
root-gb = 3
[[rooms]]
name = "${room}"
title = "Sala Verdi"
language = "en-GB"
[[kits]]
name = "${kit}"
kind = "${kind}"
room = "${room}"
`,
  );
  return readInventory(file);
}

/**
 * A card as `sala-kit flash` writes it, in a file; only the sound comes from a tone, as the emulated board has no mixer.
 */
export async function makeCard(file: string, options: CardOptions): Promise<void> {
  if (existsSync(file)) return;
  const { folder, kit, enrolment } = options;
  await mkdir(folder, { recursive: true });
  const inventory = await inventoryOf(options);
  const entry = inventory.kits.find(({ name }) => name === kit);
  if (!entry) throw new Error(`${kit} is not in the inventory`);
  const secrets = new KitSecrets(secretsFileOf(inventory.file), {});
  secrets.setEnrolment(kit, enrolment);
  const seed = makeSeed(inventory, entry, secrets.of(entry), Date.now());

  const work = join(folder, 'work');
  await rm(work, { recursive: true, force: true });
  await mkdir(work);
  say('making the data partition');
  const data = await makeDataImage(inventory, await checkRelease(inventory), entry.kind, work);
  say('flashing the card');
  const { target } = createImageFile(file, cardBytes);
  await flashCard(target, {
    image: inventory.image,
    data,
    seed,
    rootBytes: inventory.disks.rootBytes,
    folder: work,
    signal: new AbortController().signal,
    progress: () => undefined,
  });
  await target.flush();
  target.close();
  await rm(work, { recursive: true });
  const boot = new FatFiles(file, bootOffset);
  const userData = await textOf(boot, 'user-data');
  const toned = userData.replace(/source = "mixer:[^"]*"/, 'source = "tone"');
  if (toned === userData && options.kind !== 'display') throw new Error('the seed names no mixer');
  await boot.write([{ path: 'user-data', content: toned }]);
}

const textOf = async (boot: FatFiles, path: string) => (await boot.read([path])).get(path)?.toString('utf8') ?? '';

/** The kernel's command line of a card. */
export async function cmdlineOf(card: string): Promise<string> {
  return (await textOf(new FatFiles(card, bootOffset), 'cmdline.txt')).trim();
}

/** A card of its own for one trial: a token works once. */
export async function putToken(card: string, token: string): Promise<void> {
  await new FatFiles(card, bootOffset).write([{ path: 'sala/enrolment-token', content: `${token}\n` }]);
}

/** What the kit left for whoever looks into the card. */
export async function breadcrumbOf(card: string): Promise<string> {
  return (await textOf(new FatFiles(card, bootOffset), 'sala/first-boot.log')).trim();
}
