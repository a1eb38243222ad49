import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { ConfigurationError, messageOf } from '../../systemd/errors.ts';
import { type CheckedKit, crossProblems } from './inventory-checks.ts';
import { parseInventoryText } from './inventory-file.ts';
import { listOf, memberOf, nameOf, Problems } from './inventory-problems.ts';
import {
  type DefaultFields,
  defaultFields,
  type KitFields,
  kitFields,
  roomFields,
  topFields,
  type WifiFields,
  wifiFields,
} from './inventory-schema.ts';

const maxInventoryBytes = 1_000_000;
const maxKeyfileBytes = 65_536;
const maxKeyBytes = 16_384;
const defaultScreen = { connector: 'HDMI-A-1', mode: '1920x1080@60' };

export interface Room {
  readonly name: string;
  /** What people call it; its name where nothing is said. */
  readonly title: string;
  /** BCP 47. */
  readonly language?: string;
}

/** A Wi-Fi network; its pass phrase is in the kits' secrets under `name`, or in the environment. */
export interface WifiProfile {
  readonly name: string;
  readonly ssid: string;
  readonly security: 'wpa2' | 'wpa3' | 'open';
  readonly hidden: boolean;
  /** Name of the environment variable that has the pass phrase. */
  readonly passphraseEnv?: string;
}

export interface StaticAddress {
  /** IPv4 with the length of its net: `10.0.3.11/24`. */
  readonly address: string;
  readonly gateway?: string;
  readonly dns: readonly string[];
}

export interface KitNetwork {
  readonly wired: 'dhcp' | 'off' | StaticAddress;
  /** The first is tried first. */
  readonly wifi: readonly WifiProfile[];
  /** ISO 3166-1; there where `wifi` is not empty. */
  readonly wifiCountry?: string;
  /** Further keyfiles of NetworkManager, as they are. */
  readonly keyfiles: readonly { readonly name: string; readonly content: string }[];
}

export interface KitScreen {
  /** `HDMI-A-1`, the one next to the power, or `HDMI-A-2`. */
  readonly connector: string;
  /** `1920x1080@60`; the connector is forced on in it. */
  readonly mode: string;
  /** Parameters of the caption page: `partial=true&lines=6`. */
  readonly page?: string;
}

export type KitKind = 'device' | 'display' | 'solo';

export interface Kit {
  /** The host name. */
  readonly name: string;
  readonly kind: KitKind;
  /** Name of its room. */
  readonly room: string;
  readonly network: KitNetwork;
  /** Device and solo: part of the mixer's name; without it, the one USB sound card there is. */
  readonly mixer?: string;
  /** Device and solo: `mix`, or channel numbers from 1 on, `1,2`. */
  readonly channels?: string;
  /** Display and solo. */
  readonly screen?: KitScreen;
  /** Solo: the engine of its relay. */
  readonly engine?: string;
  /** Whether it has a status page on the venue's network; false for a display kit, whose screen says it. */
  readonly status: boolean;
  /** Of its network socket, where the inventory says so. */
  readonly mac?: string;
}

/** One event's kits, as the inventory file has them; plain data, every path absolute. */
export interface Inventory {
  readonly file: string;
  readonly event: string;
  /** https or http; null where all kits are solo. */
  readonly relay: { readonly url: string } | null;
  readonly image: { readonly file: string; readonly sha256: string };
  readonly release: {
    readonly file: string;
    readonly publicKey: string;
    /** Its text; null while there is no such file. */
    readonly publicKeyPem: string | null;
  };
  readonly packages: { readonly dir: string };
  readonly timezone: string;
  readonly ntp: readonly string[];
  /** The account of the kits; it has a login only by these keys. */
  readonly ssh: { readonly user: string; readonly keys: readonly string[] };
  readonly disks: {
    /** Serials, models or labels of disks that are never written. */
    readonly protect: readonly string[];
    /** Serials of disks that may be of any size. */
    readonly anySize: readonly string[];
    readonly minBytes: number;
    readonly maxBytes: number;
    /** How far the root file system may grow. */
    readonly rootBytes: number;
  };
  readonly rooms: readonly Room[];
  readonly kits: readonly Kit[];
}

/** The text of `path`, or why there is none. */
function readText(path: string, maxBytes: number): { text: string } | { problem: string } {
  try {
    if (statSync(path).size > maxBytes) return { problem: `is larger than ${maxBytes} bytes` };
    return { text: readFileSync(path, 'utf8') };
  } catch (error) {
    return { problem: `cannot be read: ${messageOf(error)}` };
  }
}

interface Surroundings {
  readonly defaults: DefaultFields;
  readonly wifi: ReadonlyMap<string, WifiProfile>;
  readonly country: string | undefined;
  /** The text of an attached keyfile; notes what is wrong with it. */
  keyfile(name: string): string;
}

/** `fields` over the defaults; only what is of use for its kind. */
function kitOf(fields: KitFields, { defaults, wifi, country, keyfile }: Surroundings): Kit {
  const { name, kind, room, mac } = fields;
  const network = { ...defaults.network, ...fields.network };
  const profiles = (network.wifi ?? []).flatMap((each) => wifi.get(each) ?? []);
  const { use, address, gateway, dns = [] } = network.wired ?? {};
  const mixer = fields.mixer ?? defaults.mixer;
  const page = fields.screen?.page ?? defaults.screen?.page;
  const screen = {
    connector: fields.screen?.connector ?? defaults.screen?.connector ?? defaultScreen.connector,
    mode: fields.screen?.mode ?? defaults.screen?.mode ?? defaultScreen.mode,
    ...(page !== undefined && { page }),
  };
  return {
    name,
    kind,
    room,
    network: {
      wired: address === undefined ? (use ?? 'dhcp') : { address, ...(gateway !== undefined && { gateway }), dns },
      wifi: profiles,
      ...(profiles.length > 0 && country !== undefined && { wifiCountry: country }),
      keyfiles: (network.keyfiles ?? []).map((each) => ({ name: basename(each), content: keyfile(each) })),
    },
    ...(kind !== 'display' && {
      ...(mixer !== undefined && { mixer }),
      channels: fields.channels ?? defaults.channels ?? 'mix',
    }),
    ...(kind !== 'device' && { screen }),
    ...(kind === 'solo' && { engine: fields.engine ?? defaults.engine ?? 'pocketsphinx' }),
    status: kind !== 'display' && (fields.status ?? defaults.status ?? false),
    ...(mac !== undefined && { mac }),
  };
}

const profileOf = ({ name, ssid, security, hidden, passphrase }: WifiFields): WifiProfile => ({
  name,
  ssid,
  security,
  hidden,
  ...(passphrase !== undefined && { passphraseEnv: passphrase.env }),
});

/**
 * Reads and checks an inventory. What kits share is merged into each of them; files it names are looked for beside it.
 * @throws {ConfigurationError} with every mistake, each with its line
 */
export function readInventory(file: string): Inventory {
  const read = readText(file, maxInventoryBytes);
  if ('problem' in read)
    throw new ConfigurationError([`${file} ${read.problem}`], 'Give the path of the inventory: a TOML or YAML file.');
  const text = parseInventoryText(file, read.text);
  const problems = new Problems(file, text);
  const beside = (path: string) => resolve(dirname(file), path);

  const top = problems.read(topFields, text.data, []);
  const members = <S extends z.ZodType>(schema: S, list: string) =>
    listOf(text.data, list).flatMap((value, index) => {
      const fields = problems.read(schema, value, [list, index]);
      return fields === null ? [] : [{ index, fields }];
    });
  const wifi = members(wifiFields, 'wifi');
  const rooms = members(roomFields, 'rooms');
  const keyfiles = new Map<string, string>();
  const surroundings = {
    defaults: problems.read(defaultFields, memberOf(text.data, 'defaults') ?? {}, ['defaults']) ?? {},
    wifi: new Map(wifi.map(({ fields }) => [fields.name, profileOf(fields)])),
    country: top?.['wifi-country'],
  };
  const kits: CheckedKit[] = members(kitFields, 'kits').map(({ index, fields }) => {
    const keyfile = (name: string) => {
      const known = keyfiles.get(name);
      if (known !== undefined) return known;
      const found = readText(beside(name), maxKeyfileBytes);
      if ('problem' in found) problems.add(['kits', index, 'network', 'keyfiles'], `"${name}" ${found.problem}`);
      const content = 'text' in found ? found.text : '';
      keyfiles.set(name, content);
      return content;
    };
    return { index, fields, kit: kitOf(fields, { ...surroundings, keyfile }) };
  });
  const known = {
    names: (list: 'wifi' | 'rooms' | 'kits', key = 'name') => listOf(text.data, list).map((each) => nameOf(each, key)),
    // What is there and wrong is not missing as well.
    hasCountry: memberOf(text.data, 'wifi-country') !== undefined,
    hasRelay: memberOf(text.data, 'relay') !== undefined,
    defaults: surroundings.defaults,
    wifi: wifi.map(({ index, fields }) => ({ index, profile: profileOf(fields) })),
    kits,
  };
  for (const { path, message } of crossProblems(known)) problems.add(path, message);
  const publicKey = top === null ? '' : beside(top.release['public-key']);
  const pem = readText(publicKey, maxKeyBytes);
  if (top !== null && 'text' in pem && !/^-----BEGIN PUBLIC KEY-----\s/.test(pem.text))
    problems.add(['release', 'public-key'], 'is not a public key in PEM; a private one stays where releases are made');
  if (top !== null && top.disks['min-gb'] > top.disks['max-gb'])
    problems.add(['disks', 'min-gb'], 'is more than max-gb');
  problems.end();
  if (top === null) throw new ConfigurationError([`${file}: is not an inventory`]);

  return {
    file: resolve(file),
    event: top.event,
    relay: top.relay === undefined ? null : { url: top.relay.url.replace(/\/$/, '') },
    image: { file: beside(top.image.file), sha256: top.image.sha256 },
    release: { file: beside(top.release.file), publicKey, publicKeyPem: 'text' in pem ? pem.text : null },
    packages: { dir: beside(top.packages.dir) },
    timezone: top.timezone,
    ntp: top.ntp,
    ssh: top.ssh,
    disks: {
      protect: top.disks.protect,
      anySize: top.disks['any-size'],
      minBytes: top.disks['min-gb'] * 1e9,
      maxBytes: top.disks['max-gb'] * 1e9,
      rootBytes: top.disks['root-gb'] * 1e9,
    },
    rooms: rooms.map(({ fields: { name, title = name, language } }) => ({
      name,
      title,
      ...(language !== undefined && { language }),
    })),
    kits: kits.map(({ kit }) => kit),
  };
}
