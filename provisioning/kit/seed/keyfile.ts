import { createHash } from 'node:crypto';
import { SalaError } from '../../../systemd/errors.ts';
import type { Kit, KitNetwork, WifiProfile } from '../inventory.ts';
import type { KitFile } from './kit-files.ts';

/** NetworkManager's own form of a profile: netplan, which Raspberry Pi OS would use, mangles names and loses profiles. */

const folder = '/etc/NetworkManager/system-connections';

/** A text as GKeyFile reads it back: backslashes, control characters and spaces at the ends escaped. */
export function keyfileText(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');
  return escaped.replace(/^ +| +$/g, (spaces) => '\\s'.repeat(spaces.length));
}

/** The same for each name on each kit, so that a card seeded anew has no profile twice. */
function uuidOf(kit: string, name: string): string {
  const hex = createHash('sha256').update(`sala ${kit} ${name}`).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `5${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

type Section = readonly [name: string, entries: Readonly<Record<string, string>>];

const render = (sections: readonly Section[]) =>
  sections
    .flatMap(([name, entries]) => [
      `[${name}]`,
      ...Object.entries(entries).map(([key, value]) => `${key}=${value}`),
      '',
    ])
    .join('\n');

function connection(kit: string, name: string, type: string, priority: number): Section {
  return [
    'connection',
    {
      id: `sala-${name}`,
      uuid: uuidOf(kit, name),
      type,
      'autoconnect-priority': String(priority),
      // For ever: a kit that gave up would wait for somebody.
      'autoconnect-retries': '0',
    },
  ];
}

const file = (name: string, content: string, secret: boolean): KitFile => ({
  path: `${folder}/${name}`,
  mode: '0600',
  content,
  secret,
});

function wiredProfile(kit: Kit, wired: Exclude<KitNetwork['wired'], 'off'>): KitFile {
  const ipv4: Record<string, string> =
    wired === 'dhcp'
      ? { method: 'auto' }
      : {
          method: 'manual',
          address1: wired.gateway === undefined ? wired.address : `${wired.address},${wired.gateway}`,
        };
  const servers = wired === 'dhcp' ? [] : wired.dns;
  const ipv6: Record<string, string> = { method: 'auto' };
  for (const [section, isOwn] of [
    [ipv4, (server: string) => !server.includes(':')],
    [ipv6, (server: string) => server.includes(':')],
  ] as const) {
    const own = servers.filter(isOwn);
    if (own.length > 0) section.dns = own.map((server) => `${server};`).join('');
  }
  // Above any Wi-Fi: who plugs a cable in means it.
  const sections: Section[] = [
    connection(kit.name, 'wired', 'ethernet', 100),
    ['ethernet', {}],
    ['ipv4', ipv4],
    ['ipv6', ipv6],
  ];
  return file('sala-wired.nmconnection', render(sections), false);
}

const keyManagement = { wpa2: 'wpa-psk', wpa3: 'sae' } as const;

/** What is wrong with `phrase` for `profile`, null where nothing is. The phrase itself is never repeated. */
export function phraseProblem({ name, security }: WifiProfile, phrase: string | undefined): string | null {
  if (security === 'open') return null;
  if (phrase === undefined) return `the pass phrase of Wi-Fi "${name}" is not known`;
  if (/[\p{Cc}\p{Cs}]/u.test(phrase)) return `the pass phrase of Wi-Fi "${name}" holds a control character`;
  if (security === 'wpa2' && !/^([\x20-\x7e]{8,63}|[0-9a-fA-F]{64})$/.test(phrase))
    return `the pass phrase of Wi-Fi "${name}" is not of 8 to 63 plain letters, as WPA2 asks for`;
  return Buffer.byteLength(phrase) > 128 ? `the pass phrase of Wi-Fi "${name}" is longer than 128 bytes` : null;
}

function wifiProfile(kit: Kit, profile: WifiProfile, priority: number, phrase: string | undefined): KitFile {
  const { name, ssid, security, hidden } = profile;
  const problem = phraseProblem(profile, phrase);
  if (problem !== null)
    throw new SalaError(`${kit.name}: ${problem}`, {
      code: 'wifi-passphrase',
      hint:
        profile.passphraseEnv === undefined
          ? `Put it into the secrets file beside the inventory: "wifi": {"${name}": "…"}.`
          : `Set ${profile.passphraseEnv} in the environment, or put it into the secrets file beside the inventory: "wifi": {"${name}": "…"}.`,
    });
  const wifi = {
    mode: 'infrastructure',
    // As bytes: no text can be mistaken for anything else then.
    ssid: [...Buffer.from(ssid)].map((byte) => `${byte};`).join(''),
    ...(hidden && { hidden: 'true' }),
    // The address on the box and on the venue's list.
    'cloned-mac-address': 'permanent',
    // Off: it costs seconds of delay.
    powersave: '2',
  };
  const secured: Section[] =
    security === 'open' || phrase === undefined
      ? []
      : [['wifi-security', { 'key-mgmt': keyManagement[security], psk: keyfileText(phrase) }]];
  const sections: Section[] = [
    connection(kit.name, `wifi-${name}`, 'wifi', priority),
    ['wifi', wifi],
    ...secured,
    ['ipv4', { method: 'auto' }],
    ['ipv6', { method: 'auto' }],
  ];
  return file(`sala-wifi-${name}.nmconnection`, render(sections), security !== 'open');
}

/** The kit's profiles, those of the inventory's own keyfiles as they are. @throws SalaError where a pass phrase is missing */
export function networkFiles(kit: Kit, phrases: Readonly<Record<string, string>>): KitFile[] {
  const { wired, wifi, keyfiles } = kit.network;
  return [
    ...(wired === 'off' ? [] : [wiredProfile(kit, wired)]),
    ...wifi.map((profile, index) => wifiProfile(kit, profile, 50 - index, phrases[profile.name])),
    ...keyfiles.map(({ name, content }) => file(name, content, true)),
    // NetworkManager's own profile for a socket without one would compete with ours.
    {
      path: '/etc/NetworkManager/conf.d/50-sala.conf',
      mode: '0644',
      content: '[main]\nno-auto-default=*\n',
      secret: false,
    },
  ];
}
