import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { roomPattern } from '../../relay/protocol.js';
import { engineName, language } from '../../relay/settings.ts';
import { nearest } from './nearest.ts';

/** The inventory's tables as written: every key and its form. What keys mean for each other is in inventory-checks.ts. */

const required = 'is missing';
const words: Record<string, string> = {
  string: 'a text in quotes',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list: […]',
  object: 'a table',
};

/** Plain words for what zod found; never with the value itself, which may be a secret in the wrong place. */
export const plainWords: z.core.$ZodErrorMap = (issue) => {
  if (issue.code === 'invalid_type')
    return issue.input === undefined ? required : `must be ${words[issue.expected] ?? issue.expected}`;
  if (issue.code === 'invalid_value')
    return `must be one of ${issue.values.map((each) => `"${String(each)}"`).join(', ')}`;
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}${issue.origin === 'string' ? ' letters' : ''}`;
  if (issue.code === 'too_small')
    return issue.origin === 'string' ? 'must not be empty' : `must be at least ${issue.minimum}`;
  return undefined;
};

const printable = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .regex(/^[^\p{Cc}\p{Zl}\p{Zp}\p{Cs}]*$/u, 'must be one line without control characters');
const path = printable(4096);
const hostName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be a host name: small letters, digits and dashes, at most 63')
  // Digits alone would be read as an address, and localhost is every machine.
  .refine((name) => !/^(\d+|localhost)$/.test(name), 'must not be localhost, nor digits alone');
const roomName = z.string().regex(roomPattern, 'must be a room name: small letters, digits and dashes, at most 64');
const profileName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'must be letters, digits, dashes or underscores');

const isIpv4 = (text: string) => ipaddr.IPv4.isValidFourPartDecimal(text);
const ipv4 = z.string().refine(isIpv4, 'must be an IPv4 address, for example 10.0.3.1');
const ip = z.string().refine((text) => isIpv4(text) || ipaddr.IPv6.isValid(text), 'must be an IP address');
const server = z
  .string()
  .max(253)
  .refine(
    (text) =>
      isIpv4(text) || ipaddr.IPv6.isValid(text) || /^(?!\d+$)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text),
    'must be a host name or an IP address',
  );

const addressWithNet = z.string().superRefine((text, context) => {
  const [address = '', bits = '', ...more] = text.split('/');
  const fault = (message: string) => context.addIssue({ code: 'custom', message });
  if (!isIpv4(address) || !/^\d{1,2}$/.test(bits) || Number(bits) < 8 || Number(bits) > 30 || more.length > 0) {
    fault('must be an IPv4 address with its net, for example 10.0.3.11/24 (/8 to /30)');
    return;
  }
  const own = ipaddr.IPv4.parse(address).toString();
  if (own === ipaddr.IPv4.networkAddressFromCIDR(text).toString()) fault('is the address of the net itself');
  if (own === ipaddr.IPv4.broadcastAddressFromCIDR(text).toString()) fault("is the net's broadcast address");
});

const relayUrl = z.string().refine((text) => {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) return false;
  return [url.origin, `${url.origin}/`].includes(text);
}, 'must be like https://captions.example.org, without user name, path or query');

const keyTypes =
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)$/;

/** A line of an `id_….pub` file: its type stands once more inside it. */
function isPublicKey(text: string): boolean {
  const [type = '', body = ''] = text.split(' ');
  if (!keyTypes.test(type) || !/^[A-Za-z0-9+/]{40,}={0,2}$/.test(body)) return false;
  const bytes = Buffer.from(body, 'base64');
  return bytes.length > 4 && bytes.subarray(4, 4 + bytes.readUInt32BE(0)).toString('latin1') === type;
}

const sshKey = printable(8192).refine(
  isPublicKey,
  'must be a public SSH key as in id_ed25519.pub: ssh-ed25519 AAAA… NAME',
);

const zones = new Map(Intl.supportedValuesOf('timeZone').map((zone) => [zone.toLowerCase(), zone]));
const zoneNames = [...zones.values()];

const timezone = z.string().superRefine((text, context) => {
  let isKnown = /^[A-Za-z]/.test(text);
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
  } catch {
    isKnown = false;
  }
  // Intl overlooks capitals, the file system of a kit does not.
  const right = zones.get(text.toLowerCase());
  const meant = right === undefined || right === text ? null : right;
  if (isKnown && meant === null) return;
  const guess = meant ?? nearest(text, zoneNames);
  const message = `is not a time zone${guess === null ? ', for example Europe/Rome' : `; did you mean "${guess}"?`}`;
  context.addIssue({ code: 'custom', message });
});

const channels = z
  .string()
  .regex(/^(mix|[1-9]\d?(,[1-9]\d?){0,7})$/, 'must be "mix", or channel numbers from 1 on: "1" or "1,2"')
  .refine((text) => {
    const list = text.split(',');
    return new Set(list).size === list.length;
  }, 'names a channel twice');

/** `"dhcp"`, `"off"`, or a table with an address. */
const wired = z.preprocess(
  (value) => (typeof value === 'string' ? { use: value } : value),
  z
    .strictObject({
      use: z.enum(['dhcp', 'off'], 'must be "dhcp", "off", or { address = "10.0.3.11/24", … }').optional(),
      address: addressWithNet.optional(),
      gateway: ipv4.optional(),
      dns: z.array(ip).max(4).optional(),
    })
    .superRefine((value, context) => {
      const { use, address, gateway, dns } = value;
      const fault = (key: string, message: string) => context.addIssue({ code: 'custom', message, path: [key] });
      if (use !== undefined) {
        if (address ?? gateway ?? dns) fault('use', 'goes with neither address nor gateway nor dns');
        return;
      }
      if (address === undefined) return fault('address', required);
      if (gateway === undefined) return;
      const net = ipaddr.IPv4.parseCIDR(address);
      if (!ipaddr.IPv4.parse(gateway).match(net)) fault('gateway', `is not in the net of ${address}`);
      else if (gateway === net[0].toString()) fault('gateway', 'is the kit itself');
    }),
);

const networkFields = z.strictObject({
  wired: wired.optional(),
  wifi: z.array(profileName).max(16).optional(),
  keyfiles: z.array(path).max(16).optional(),
});

const screenFields = z.strictObject({
  connector: z
    .string()
    .regex(/^HDMI-A-[12]$/, 'must be HDMI-A-1 (next to the power) or HDMI-A-2')
    .optional(),
  mode: z
    .string()
    .regex(/^[1-9]\d{2,3}x[1-9]\d{2,3}@[1-9]\d{1,2}$/, 'must be like 1920x1080@60')
    .optional(),
  page: z
    .string()
    .max(500)
    .regex(/^[\w.-]+=[\w.-]+(&[\w.-]+=[\w.-]+)*$/, 'must be like partial=true&lines=6')
    .optional(),
});

const settings = {
  network: networkFields.optional(),
  mixer: printable(128).regex(/\S/, 'must not be empty').optional(),
  channels: channels.optional(),
  screen: screenFields.optional(),
  engine: engineName.optional(),
  status: z.boolean().optional(),
};

/** What all kits have that do not say otherwise. */
export const defaultFields = z.strictObject(settings);

export const kitFields = z.strictObject({
  name: hostName,
  kind: z.enum(['device', 'display', 'solo']),
  room: roomName,
  mac: z
    .string()
    .regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i, 'must be like d8:3a:dd:01:02:03')
    .transform((text) => text.toLowerCase())
    .optional(),
  ...settings,
});

export const roomFields = z.strictObject({
  name: roomName,
  title: printable(200).optional(),
  language: language.optional(),
});

const secretsPlace =
  'a pass phrase does not belong in this file: give { env = "NAME" }, or put it into the secrets file';

export const wifiFields = z.strictObject({
  name: profileName,
  ssid: z
    .string()
    .min(1)
    .refine((text) => Buffer.byteLength(text) <= 32, 'must be at most 32 bytes')
    .refine((text) => text.isWellFormed(), 'is no text'),
  security: z.enum(['wpa2', 'wpa3', 'open']).default('wpa2'),
  hidden: z.boolean().default(false),
  passphrase: z
    .strictObject(
      { env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'must be the name of an environment variable') },
      { error: ({ code }) => (code === 'invalid_type' ? secretsPlace : undefined) },
    )
    .optional(),
});

const gigabytes = (fallback: number) => z.number().min(1).max(100_000).default(fallback);

/** All but what kits share and the lists, whose members are read one by one: one wrong part hides no other. */
export const topFields = z.strictObject({
  event: printable(100),
  timezone,
  ntp: z.array(server).max(8).default([]),
  'wifi-country': z
    .string()
    .regex(/^[A-Z]{2}$/, 'must be two capital letters, for example IT')
    .optional(),
  relay: z.strictObject({ url: relayUrl }).optional(),
  image: z.strictObject({
    file: path,
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/i, 'must be 64 hexadecimal digits')
      .transform((text) => text.toLowerCase()),
  }),
  release: z.strictObject({ file: path, 'public-key': path }),
  packages: z.strictObject({ dir: path }),
  ssh: z
    .strictObject({
      user: z
        .string()
        .regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be small letters, digits and dashes, at most 32')
        .refine((name) => !/^(pi|root|sala-.*)$/.test(name), 'must not be pi, root or one of Sala’s own')
        .default('sala'),
      keys: z.array(sshKey).max(64).default([]),
    })
    .prefault({}),
  disks: z
    .strictObject({
      protect: z.array(printable(200)).max(200).default([]),
      'min-gb': gigabytes(7),
      'max-gb': gigabytes(256),
      'root-gb': gigabytes(8),
      'any-size': z.array(printable(200)).max(50).default([]),
    })
    .prefault({}),
  defaults: z.unknown().optional(),
  wifi: z.array(z.unknown()).max(64).default([]),
  rooms: z.array(z.unknown()).max(500).min(1),
  kits: z.array(z.unknown()).max(1000).min(1),
});

export type TopFields = z.output<typeof topFields>;
export type KitFields = z.output<typeof kitFields>;
export type DefaultFields = z.output<typeof defaultFields>;
export type RoomFields = z.output<typeof roomFields>;
export type WifiFields = z.output<typeof wifiFields>;
