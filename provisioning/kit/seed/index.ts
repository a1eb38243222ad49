import { randomBytes } from 'node:crypto';
import type { Inventory, Kit } from '../inventory.ts';
import type { KitSecret } from '../secrets.ts';
import { cloudinit } from './cloudinit.ts';
import type { SeedFile } from './format.ts';
import { phraseProblem } from './keyfile.ts';

export { reconcileCmdline } from './cmdline.ts';
export type { SeedFile, SeedFormat } from './format.ts';

/** Never used before: the kit takes a seed only if it has another id than its last. */
export const newInstanceId = (kit: Kit): string => `${kit.name}-${randomBytes(8).toString('hex')}`;

/**
 * All files that make a kit of a card, beside `cmdline.txt` (see `reconcileCmdline`).
 * @param nowMs when the card is seeded @throws SalaError where a pass phrase is missing
 */
export const renderSeed = (
  inventory: Inventory,
  kit: Kit,
  secrets: KitSecret,
  instanceId: string,
  nowMs: number = Date.now(),
): readonly SeedFile[] => cloudinit.render({ inventory, kit, secrets, instanceId, nowMs });

/** A fixed address by which a kit would not find its relay. */
function addressWarnings({ relay }: Inventory, { kind, network: { wired, wifi, keyfiles } }: Kit): string[] {
  const isOnlyWay = wifi.length === 0 && keyfiles.length === 0;
  if (kind === 'solo' || typeof wired === 'string' || !isOnlyWay || relay === null) return [];
  const { hostname } = new URL(relay.url);
  return [
    ...(wired.gateway === undefined
      ? [`reaches ${hostname} only in the net of ${wired.address}: it has no gateway`]
      : []),
    ...(wired.dns.length === 0 && !/^[\d.]+$|^\[/.test(hostname)
      ? [`does not find ${hostname}: its network has no dns`]
      : []),
  ];
}

/** What a card of `kit` would lack as things are, in words; a kit starts all the same, unless renderSeed throws. */
export function seedWarnings(inventory: Inventory, kit: Kit, secrets: KitSecret, nowMs: number = Date.now()): string[] {
  const warnings: string[] = [];
  const { enrolment, wifi } = secrets;
  if (kit.kind !== 'solo' && enrolment === null)
    warnings.push('has no enrolment token yet: npm run kit -- enrol asks the relay for one');
  if (kit.kind !== 'solo' && enrolment !== null && enrolment.expiresMs <= nowMs)
    warnings.push('its enrolment token has expired: npm run kit -- enrol asks the relay for a new one');
  if (inventory.release.publicKeyPem === null)
    warnings.push(`takes no updates: there is no public key of releases at ${inventory.release.publicKey}`);
  warnings.push(...addressWarnings(inventory, kit));
  for (const profile of kit.network.wifi) {
    const problem = phraseProblem(profile, wifi[profile.name]);
    if (problem !== null) warnings.push(problem);
  }
  return warnings;
}
