import type { Kit, WifiProfile } from './inventory.ts';
import type { Path } from './inventory-file.ts';
import type { DefaultFields, KitFields } from './inventory-schema.ts';

/** A kit whose own fields are right: as written, and as it will be. */
export interface CheckedKit {
  readonly index: number;
  readonly fields: KitFields;
  readonly kit: Kit;
}

/** What of an inventory is known when its parts have been read; parts that are wrong by themselves are not in it. */
export interface KnownParts {
  /** Names as written, also in parts that are wrong otherwise; null where there is none. */
  names(list: 'wifi' | 'rooms' | 'kits', key?: 'name' | 'room'): readonly (string | null)[];
  readonly hasCountry: boolean;
  readonly hasRelay: boolean;
  readonly defaults: DefaultFields;
  readonly wifi: readonly { readonly index: number; readonly profile: WifiProfile }[];
  readonly kits: readonly CheckedKit[];
}

export interface CrossProblem {
  readonly path: Path;
  readonly message: string;
}

/** Every member after the first of those that share a key. */
function repeated<T>(members: readonly T[], keyOf: (member: T) => string | null): { first: T; again: T }[] {
  const firsts = new Map<string, T>();
  return members.flatMap((again) => {
    const key = keyOf(again);
    if (key === null) return [];
    const first = firsts.get(key);
    if (first === undefined) firsts.set(key, again);
    return first === undefined ? [] : [{ first, again }];
  });
}

function nameProblems(known: KnownParts): CrossProblem[] {
  return (['wifi', 'rooms', 'kits'] as const).flatMap((list) => {
    const named = known.names(list).map((name, index) => ({ name, index }));
    return repeated(named, ({ name }) => name).map(({ again, first }) => ({
      path: [list, again.index, 'name'],
      message: `is taken: number ${first.index + 1} of ${list} has it, too`,
    }));
  });
}

function roomProblems(known: KnownParts): CrossProblem[] {
  const rooms = new Set(known.names('rooms'));
  const problems: CrossProblem[] = known
    .names('kits', 'room')
    .flatMap((room, index) =>
      room === null || rooms.has(room)
        ? []
        : [{ path: ['kits', index, 'room'], message: `there is no room "${room}" in this file` }],
    );
  const sources = known.kits.filter(({ kit }) => kit.kind !== 'display');
  for (const { first, again } of repeated(sources, ({ kit }) => kit.room))
    problems.push({
      path: ['kits', again.index, 'room'],
      message: `"${again.kit.room}" has ${first.kit.name} as its source of sound already; a room has one`,
    });
  for (const { index, kit } of known.kits.filter(({ kit }) => kit.kind === 'display')) {
    const solo = known.kits.find((other) => other.kit.kind === 'solo' && other.kit.room === kit.room);
    if (solo)
      problems.push({
        path: ['kits', index, 'room'],
        message: `"${kit.room}" has the solo kit ${solo.kit.name}, which is its screen, too, and on no other relay`,
      });
  }
  const online = known.kits.find(({ kit }) => kit.kind !== 'solo');
  if (!known.hasRelay && online)
    problems.push({
      path: ['relay', 'url'],
      message: `is missing: ${online.kit.name} needs it; only solo kits do not`,
    });
  return problems;
}

const uses = {
  device: ['mixer', 'channels', 'status'],
  display: ['screen'],
  solo: ['mixer', 'channels', 'screen', 'engine', 'status'],
} as const;
const byKind = uses.solo;

/** Settings a kit of this kind has no use for: said of itself they are a mistake, among the defaults they are not. */
function kindProblems({ kits }: KnownParts): CrossProblem[] {
  return kits.flatMap(({ index, fields, kit }) => {
    const useful: readonly string[] = uses[kit.kind];
    const useless = byKind.filter((key) => fields[key] !== undefined && !useful.includes(key));
    return useless.map((key) => ({ path: ['kits', index, key], message: `is of no use for a ${kit.kind} kit` }));
  });
}

/** Host addresses and names of files, once each. */
function networkProblems({ kits, defaults, names }: KnownParts): CrossProblem[] {
  const problems: CrossProblem[] = [];
  const fault = (path: Path, message: string) => problems.push({ path, message });
  if (defaults.network?.wired?.address !== undefined)
    fault(['defaults', 'network', 'wired'], 'an address is for one kit; give it there');
  const addressOf = ({ fields }: CheckedKit) => fields.network?.wired?.address?.split('/')[0] ?? null;
  for (const { first, again } of repeated(kits, addressOf))
    fault(['kits', again.index, 'network', 'wired', 'address'], `is the address of ${first.kit.name}, too`);
  for (const { first, again } of repeated(kits, ({ kit }) => kit.mac ?? null))
    fault(['kits', again.index, 'mac'], `is that of ${first.kit.name}, too`);
  const profiles = new Set(names('wifi'));
  for (const { index, fields, kit } of kits) {
    const at = ['kits', index, 'network'];
    const named = [...(fields.network?.wifi ?? defaults.network?.wifi ?? [])];
    const where = fields.network?.wifi === undefined ? ['defaults', 'network', 'wifi'] : [...at, 'wifi'];
    for (const name of named.filter((each) => !profiles.has(each)))
      fault(where, `there is no [[wifi]] named "${name}" in this file`);
    for (const { again } of repeated(named, (name) => name)) fault(where, `names "${again}" twice`);
    const { wired, keyfiles } = kit.network;
    if (wired === 'off' && named.length === 0 && keyfiles.length === 0)
      fault([...at, 'wired'], 'is off, and there is neither Wi-Fi nor a keyfile: this kit would be without a network');
    for (const { again } of repeated(keyfiles, ({ name }) => name))
      fault([...at, 'keyfiles'], `names "${again.name}" twice`);
    for (const { name, content } of keyfiles)
      if (!/^[\w.-]{1,64}\.nmconnection$/.test(name) || /^sala-/.test(name))
        fault([...at, 'keyfiles'], `"${name}" must be called NAME.nmconnection, and not sala-…`);
      else if (content !== '' && !(/^\[connection\]\s*$/m.test(content) && /^type=/m.test(content)))
        fault([...at, 'keyfiles'], `"${name}" is not a keyfile of NetworkManager: it has no [connection] with a type`);
  }
  return problems;
}

function wifiProblems({ wifi, hasCountry, kits }: KnownParts): CrossProblem[] {
  const problems: CrossProblem[] = [];
  for (const { index, profile } of wifi)
    if (profile.security === 'open' && profile.passphraseEnv !== undefined)
      problems.push({
        path: ['wifi', index, 'passphrase'],
        message: 'goes with wpa2 or wpa3, not with an open network',
      });
  const wireless = kits.find(({ kit }) => kit.network.wifi.length > 0);
  if (wireless && !hasCountry)
    problems.push({
      path: ['wifi-country'],
      message: `is missing: ${wireless.kit.name} uses Wi-Fi, which stays off until it is told its country`,
    });
  return problems;
}

/** What is wrong between parts that are right by themselves. */
export const crossProblems = (known: KnownParts): CrossProblem[] =>
  [nameProblems, roomProblems, kindProblems, networkProblems, wifiProblems].flatMap((check) => check(known));
