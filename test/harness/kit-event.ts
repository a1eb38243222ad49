import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Inventory, readInventory } from '../../provisioning/kit/inventory.ts';
import { KitSecrets, secretsFileOf } from '../../provisioning/kit/secrets.ts';
import { fullImage, makeContent, makePiImage, sha256Of, smallImage } from './pi-image.ts';

/** An event with an image, a release, packages and an inventory in a temporary folder. */
export interface KitEvent {
  readonly folder: string;
  readonly image: string;
  readonly inventoryFile: string;
  readonly inventory: Inventory;
  readonly secrets: KitSecrets;
  /** Another inventory beside it, with another image. @returns its file */
  withImage(image: string, sha256?: string): string;
  close(): void;
}

export interface KitEventOptions {
  /** How many rooms, with a device and a display each, or the device alone. */
  readonly rooms?: number;
  readonly displays?: boolean;
  /** An image with a FAT16 of a few megabytes, which is quicker. */
  readonly isSmall?: boolean;
  readonly image?: (image: string) => string;
  readonly disks?: string;
}

/** Makes it; each room's device has an enrolment token. */
export function kitEvent({ rooms = 1, displays = false, ...options }: KitEventOptions = {}): KitEvent {
  const folder = mkdtempSync(join(tmpdir(), 'sala-cards-'));
  const plain = makePiImage(folder, options.isSmall ? smallImage : fullImage);
  const image = options.image?.(plain) ?? plain;
  const { release, publicKey, packages } = makeContent(folder);
  const names = Array.from({ length: rooms }, (_, index) => `room-${index + 1}`);
  const text = (file: string, sha256: string) =>
    [
      'event = "Autumn Conference"\ntimezone = "Europe/Rome"',
      '[relay]\nurl = "https://captions.example.org"',
      `[image]\nfile = "${file}"\nsha256 = "${sha256}"`,
      `[release]\nfile = "${release}"\npublic-key = "${publicKey}"`,
      `[packages]\ndir = "${packages}"`,
      `[disks]\n${options.disks ?? ''}`,
      ...names.map((name) => `[[rooms]]\nname = "${name}"\ntitle = "Sala ${name}"`),
      ...names.map((name) => `[[kits]]\nname = "${name}-sound"\nkind = "device"\nroom = "${name}"`),
      ...(displays ? names.map((name) => `[[kits]]\nname = "${name}-screen"\nkind = "display"\nroom = "${name}"`) : []),
      '',
    ].join('\n\n');
  const inventoryFile = join(folder, 'kits.toml');
  writeFileSync(inventoryFile, text(image, sha256Of(image)));
  const inventory = readInventory(inventoryFile);
  const secrets = new KitSecrets(secretsFileOf(inventoryFile), {});
  for (const { name } of inventory.kits)
    secrets.setEnrolment(name, { token: `enr_${name}_secretOfThisKit`, expiresMs: Date.now() + 1e9 });
  return {
    folder,
    image,
    inventoryFile,
    inventory,
    secrets,
    withImage(file, sha256 = existsSync(file) ? sha256Of(file) : '0'.repeat(64)) {
      const other = join(folder, 'other.toml');
      writeFileSync(other, text(file, sha256));
      return other;
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
