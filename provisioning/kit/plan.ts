import { existsSync } from 'node:fs';
import { messageOf } from '../../systemd/errors.ts';
import type { Inventory, Kit, KitNetwork, WifiProfile } from './inventory.ts';
import { type KitSecret, masked } from './secrets.ts';
import { reconcileCmdline, renderSeed, type SeedFile, seedWarnings } from './seed/index.ts';
import { kitFiles } from './seed/kit-files.ts';

/** What a kit's card would hold, without a secret. */
export interface KitPlan {
  readonly kit: Kit;
  /** Of the boot partition. */
  readonly bootFiles: readonly SeedFile[];
  /** What is changed in the image's own `cmdline.txt`. */
  readonly cmdline: string;
  /** Of the kit's own file system. */
  readonly files: readonly { readonly path: string; readonly mode: string; readonly secret: boolean }[];
  /** In words, each. */
  readonly warnings: readonly string[];
  /** Why it cannot be seeded; null where it can. */
  readonly fault: string | null;
}

/** Stands for the id that each writing of a card gets anew. */
const planInstanceId = (kit: Kit) => `${kit.name}-NEW`;

export function planKit(inventory: Inventory, kit: Kit, secrets: KitSecret, nowMs: number): KitPlan {
  const instanceId = planInstanceId(kit);
  const shown = masked(kit, secrets);
  const input = { inventory, ...shown, instanceId, nowMs };
  const none = { kit, bootFiles: [], files: [], cmdline: '', warnings: [] };
  try {
    return {
      kit,
      bootFiles: renderSeed(inventory, shown.kit, shown.secrets, instanceId, nowMs),
      cmdline: reconcileCmdline('', instanceId, kit).trim(),
      files: kitFiles(input).map(({ path, mode, secret }) => ({ path, mode, secret })),
      warnings: seedWarnings(inventory, kit, secrets, nowMs),
      fault: null,
    };
  } catch (error) {
    return { ...none, fault: messageOf(error) };
  }
}

/** What of the event as a whole is not as it should be. */
export function eventWarnings(inventory: Inventory): string[] {
  const { image, release, packages, relay, rooms, kits, ssh } = inventory;
  const warnings: string[] = [];
  if (!existsSync(image.file)) warnings.push(`the image is not there yet: ${image.file}`);
  if (/^0+$/.test(image.sha256)) warnings.push('the checksum of the image is none: its page has it');
  if (!existsSync(release.file))
    warnings.push(`the release is not there yet: ${release.file} (npm run kit -- release)`);
  if (!existsSync(packages.dir))
    warnings.push(`the packages are not there yet: ${packages.dir} (npm run kit -- bundle)`);
  if (relay?.url.startsWith('http:'))
    warnings.push(`${relay.url} is not https: who listens on the network hears all of it and has the kits’ keys`);
  if (ssh.keys.length === 0) warnings.push('there are no SSH keys: nobody can log in to a kit, also not to mend it');
  for (const { name } of rooms) {
    const own = kits.filter(({ room }) => room === name);
    if (own.length === 0) warnings.push(`room ${name} has no kit`);
    else if (own.every(({ kind }) => kind === 'display'))
      warnings.push(`room ${name} has a screen and no source of sound`);
  }
  return warnings;
}

const securities = { wpa2: 'WPA2', wpa3: 'WPA3', open: 'open' } as const;

const wifiText = ({ ssid, security, hidden }: WifiProfile) =>
  `${JSON.stringify(ssid)} (${securities[security]}${hidden ? ', hidden' : ''})`;

export function networkText({ wired, wifi, keyfiles }: KitNetwork): string {
  const cable =
    wired === 'off'
      ? 'no cable'
      : wired === 'dhcp'
        ? 'cable with DHCP'
        : `cable with ${wired.address}${wired.gateway === undefined ? ', no gateway' : ` by way of ${wired.gateway}`}`;
  const radio = wifi.length === 0 ? [] : [`Wi-Fi ${wifi.map(wifiText).join(', then ')}`];
  const further = keyfiles.map(({ name }) => name);
  return [cable, ...radio, ...further].join('; ');
}

function purposeText({ kind, mixer, channels, screen, engine }: Kit): string[] {
  const sound =
    kind === 'display'
      ? []
      : [`sound    ${mixer === undefined ? 'the USB sound card' : `mixer "${mixer}"`}, channels ${channels ?? 'mix'}`];
  const picture = screen === undefined ? [] : [`screen   ${screen.connector}, ${screen.mode}`];
  const words = engine === undefined ? [] : [`relay    its own, engine ${engine}`];
  return [...sound, ...picture, ...words];
}

/** One kit as text; with `full` each file's content. */
export function planText({ kit, bootFiles, cmdline, files, warnings, fault }: KitPlan, full: boolean): string {
  const lines = [`${kit.name}: ${kit.kind} kit of room ${kit.room}`, `  network  ${networkText(kit.network)}`];
  lines.push(...purposeText(kit).map((line) => `  ${line}`));
  if (kit.status) lines.push('  status   a page on the venue’s network; its buttons ask for the PIN on the sheet');
  if (fault !== null) return `${[...lines, `  cannot be seeded: ${fault}`].join('\n')}\n`;
  lines.push('  on the boot partition');
  for (const { path, content, secret } of bootFiles) {
    lines.push(
      `    ${path.padEnd(22)} ${String(Buffer.byteLength(content)).padStart(6)} bytes${secret ? ', secret' : ''}`,
    );
    if (full && content.trim() !== '')
      lines.push(
        ...content
          .trimEnd()
          .split('\n')
          .map((line) => `      | ${line}`),
      );
  }
  lines.push(`    ${'cmdline.txt'.padEnd(22)} keeps its own words, with ${cmdline}`);
  lines.push('  in the kit’s system, by user-data');
  for (const { path, mode, secret } of files) lines.push(`    ${mode} ${path}${secret ? ' (secret)' : ''}`);
  for (const warning of warnings) lines.push(`  ! ${warning}`);
  return `${lines.join('\n')}\n`;
}
