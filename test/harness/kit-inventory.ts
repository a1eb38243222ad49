import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'smol-toml';
import { type Inventory, type Kit, readInventory } from '../../provisioning/kit/inventory.ts';
import type { KitSecret } from '../../provisioning/kit/secrets.ts';

/** A public key as OpenSSH writes one. */
export const sshKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG9hbnZ5NHhkbmRhNzVpZGl4d2Q4eTB2cWZ1Y2tlcmQx builder@desk';
export const publicKeyPem =
  '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n';

/** A right inventory as written, one kit of each kind. */
export const plainInventory = {
  event: 'Autumn Conference',
  timezone: 'Europe/Rome',
  ntp: ['ntp.example.org'],
  'wifi-country': 'IT',
  relay: { url: 'https://captions.example.org' },
  image: { file: 'raspios.img.xz', sha256: '0'.repeat(64) },
  release: { file: 'sala.tar.gz', 'public-key': 'release-key.pub' },
  packages: { dir: 'packages' },
  ssh: { keys: [sshKey] },
  wifi: [{ name: 'venue', ssid: 'Venue Staff', passphrase: { env: 'VENUE_WIFI' } }],
  rooms: [
    { name: 'verdi', title: 'Sala Verdi', language: 'it-IT' },
    { name: 'rossini', title: 'Sala Rossini' },
    { name: 'puccini' },
  ],
  kits: [
    { name: 'verdi-sound', kind: 'device', room: 'verdi', network: { wifi: ['venue'] } },
    { name: 'verdi-screen', kind: 'display', room: 'verdi' },
    { name: 'puccini', kind: 'solo', room: 'puccini', mixer: 'UMC204HD', channels: '1,2' },
  ],
} as const;

export type Written = Readonly<Record<string, unknown>>;

/** Writes an inventory into a folder of its own, with a public key beside it. @returns its path */
export function writeInventory(changes: Written = {}, folder = mkdtempSync(join(tmpdir(), 'sala-inventory-'))): string {
  const file = join(folder, 'kits.toml');
  writeFileSync(join(folder, 'release-key.pub'), publicKeyPem);
  const written = Object.entries({ ...plainInventory, ...changes }).filter(([, value]) => value !== undefined);
  writeFileSync(file, stringify(Object.fromEntries(written)));
  return file;
}

/** `plainInventory` with `changes`, read. */
export const inventoryOf = (changes: Written = {}): Inventory => readInventory(writeInventory(changes));

/** One kit named `kit`, by itself in `verdi`, with `fields` of its own. */
export function kitOf(fields: Written = {}, changes: Written = {}): { inventory: Inventory; kit: Kit } {
  const inventory = inventoryOf({ kits: [{ name: 'kit', kind: 'device', room: 'verdi', ...fields }], ...changes });
  const [kit] = inventory.kits;
  if (!kit) throw new Error('no kit');
  return { inventory, kit };
}

/** @throws where there is none */
export function kitNamed(kits: readonly Kit[], name: string): Kit {
  const kit = kits.find((each) => each.name === name);
  if (!kit) throw new Error(`no kit ${name}`);
  return kit;
}

export const kitSecret: KitSecret = {
  enrolment: { token: 'enr_k1_c2VjcmV0LW9mLXRoZS10ZXN0', expiresMs: 2_000_000_000_000 },
  pin: '482913',
  adminToken: 'admin-token-of-the-solo-kit',
  instanceId: null,
  wifi: { venue: 'correct horse battery' },
};
