import { readFileSync } from 'node:fs';
import { stringify as toml } from 'smol-toml';
import type { Kit } from '../inventory.ts';
import type { SeedInput } from './format.ts';
import { networkFiles } from './keyfile.ts';

/** A file of the kit's own file system. */
export interface KitFile {
  readonly path: string;
  /** `0644`. */
  readonly mode: string;
  readonly content: string;
  readonly secret: boolean;
}

const open = (path: string, content: string): KitFile => ({ path, mode: '0644', content, secret: false });
const settings = (path: string, values: Readonly<Record<string, unknown>>) =>
  open(path, `${toml({ ...values }).trimEnd()}\n`);

const soloPort = 8080;

/** Where the agent writes which room the kit serves, in place of the one it was seeded for. */
const assignmentFile = '/var/lib/sala/assignment/assignment.json';

/** Where a kit's programs find the relay: a solo kit's is its own. */
function relayOf({ inventory, kit }: SeedInput): string {
  if (kit.kind === 'solo') return `ws://127.0.0.1:${soloPort}`;
  return (inventory.relay?.url ?? '').replace(/^http/, 'ws');
}

/** Where browsers of the venue find a solo kit's relay. */
export const soloOrigin = ({ name }: Kit): string => `http://${name}.local:${soloPort}`;

/** Where people open the pages of a kit's relay. */
export const pagesOf = (inventory: SeedInput['inventory'], kit: Kit): string =>
  kit.kind === 'solo' ? soloOrigin(kit) : (inventory.relay?.url ?? '');

function agentFile(input: SeedInput): KitFile {
  const { inventory, kit, nowMs } = input;
  const room = inventory.rooms.find(({ name }) => name === kit.room);
  return settings('/etc/sala/kit.toml', {
    name: kit.name,
    kind: kit.kind,
    relay: relayOf(input),
    room: kit.room,
    ...(kit.kind === 'solo' && {
      ...(room && { title: room.title }),
      ...(room?.language !== undefined && { language: room.language }),
    }),
    'not-before': new Date(nowMs).toISOString(),
  });
}

function deviceFile(input: SeedInput): KitFile {
  const { kit } = input;
  return settings('/etc/sala/device.toml', {
    relay: relayOf(input),
    room: kit.room,
    'assignment-file': assignmentFile,
    'device-id': kit.name,
    // systemd/85-sala-mixer.rules calls the one USB sound card so.
    source: `mixer:${kit.mixer ?? 'sala'}`,
    channels: kit.channels ?? 'mix',
    // Its agent asks on loopback in either case.
    'status-listen': kit.status ? '0.0.0.0:8081' : '127.0.0.1:8081',
  });
}

/** Opens the buttons of the status page on the venue's network; the device's unit hands it on as a credential. */
function statusPinFile({ kit, secrets }: SeedInput): KitFile[] {
  if (!kit.status) return [];
  return [{ path: '/etc/sala/status-pin', mode: '0600', content: `${secrets.pin}\n`, secret: true }];
}

function displayFile(input: SeedInput): KitFile {
  const { kit } = input;
  return settings('/etc/sala/display.toml', {
    relay: relayOf(input),
    room: kit.room,
    'assignment-file': assignmentFile,
    ...(kit.screen?.page !== undefined && { parameters: kit.screen.page }),
  });
}

function relayFiles(input: SeedInput): KitFile[] {
  const { inventory, kit, secrets } = input;
  const language = inventory.rooms.find(({ name }) => name === kit.room)?.language;
  return [
    settings('/etc/sala/relay.toml', {
      listen: `0.0.0.0:${soloPort}`,
      origin: soloOrigin(kit),
      engine: kit.engine ?? 'pocketsphinx',
      ...(language !== undefined && { language }),
    }),
    // The unit is the same as in the cloud, where the relay has its settings as variables.
    open('/etc/sala/relay.env', 'SALA_CONFIG=/etc/sala/relay.toml\n'),
    { path: '/etc/sala/admin-token', mode: '0600', content: `${secrets.adminToken}\n`, secret: true },
  ];
}

/** Who may log in: those with a key of the inventory, and nobody by a password. */
function sshFiles({ inventory: { ssh } }: SeedInput): KitFile[] {
  if (ssh.keys.length === 0) return [];
  const keys = '/etc/ssh/sala-authorized-keys';
  const daemon = [
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin no',
    `AllowUsers ${ssh.user}`,
    // A file of ours alone: cloud-init only ever adds to a user's own, so that a key taken out would stay.
    `AuthorizedKeysFile ${keys}`,
  ];
  return [
    open(keys, `${ssh.keys.join('\n')}\n`),
    open('/etc/ssh/sshd_config.d/10-sala.conf', `${daemon.join('\n')}\n`),
  ];
}

const journald = readFileSync(new URL('../../../systemd/journald.conf', import.meta.url), 'utf8');

function systemFiles({ inventory }: SeedInput): KitFile[] {
  const { ntp, release } = inventory;
  return [
    open('/etc/systemd/journald.conf.d/sala.conf', journald),
    ...(ntp.length > 0 ? [open('/etc/systemd/timesyncd.conf.d/sala.conf', `[Time]\nNTP=${ntp.join(' ')}\n`)] : []),
    ...(release.publicKeyPem === null ? [] : [open('/etc/sala/release-key.pub', release.publicKeyPem)]),
  ];
}

/** Everything a kit's programs and system are told, whatever format brings it there. @throws SalaError */
export function kitFiles(input: SeedInput): KitFile[] {
  const { kit, secrets } = input;
  const isSource = kit.kind !== 'display';
  const isScreen = kit.kind !== 'device';
  return [
    agentFile(input),
    ...(isSource ? [deviceFile(input), ...statusPinFile(input)] : []),
    ...(isScreen ? [displayFile(input)] : []),
    ...(kit.kind === 'solo' ? relayFiles(input) : []),
    ...systemFiles(input),
    ...sshFiles(input),
    ...networkFiles(kit, secrets.wifi),
  ];
}
