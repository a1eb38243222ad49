import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { parse as parseToml } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { stringify as toYaml } from 'yaml';
import { type Inventory, readInventory } from '../provisioning/kit/inventory.ts';
import { ConfigurationError } from '../systemd/errors.ts';
import {
  inventoryOf,
  plainInventory,
  publicKeyPem,
  sshKey,
  type Written,
  writeInventory,
} from './harness/kit-inventory.ts';

/** A second: one file for all kits of an event, and everything that may be wrong in it. */

const example = new URL('../provisioning/kit/inventory.example.toml', import.meta.url);
const folder = () => mkdtempSync(join(tmpdir(), 'sala-inventory-'));

/** The mistakes in an inventory, without the path of its file. */
function mistakesIn(file: string): string[] {
  try {
    readInventory(file);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.message.split('\n').map((line) => line.replace(`${file}:`, ''));
  }
}

const mistakesOf = (changes: Written): string[] => mistakesIn(writeInventory(changes));
/** The same without the numbers of lines. */
const sayings = (changes: Written) => mistakesOf(changes).map((line) => line.replace(/^(\d+:)? /, ''));

const device = { name: 'a', kind: 'device', room: 'verdi' };
const oneKit = (fields: Written, changes: Written = {}) => ({ kits: [{ ...device, ...fields }], ...changes });

describe('A right inventory', () => {
  test('the example is one, as it is', () => {
    const inventory = readInventory(example.pathname);
    expect(inventory.kits.map(({ name, kind }) => `${kind} ${name}`)).toEqual([
      'device verdi-sound',
      'display verdi-screen',
      'device rossini-sound',
      'display rossini-screen',
    ]);
    expect(inventory.kits[2]?.network).toEqual({
      wired: { address: '10.0.3.11/24', gateway: '10.0.3.1', dns: ['10.0.3.1'] },
      wifi: [{ name: 'venue', ssid: 'Venue Staff', security: 'wpa2', hidden: false, passphraseEnv: 'VENUE_WIFI' }],
      wifiCountry: 'IT',
      keyfiles: [],
    });
  });

  test('is the same in TOML and in YAML', () => {
    const file = writeInventory();
    const yaml = file.replace('.toml', '.yaml');
    writeFileSync(yaml, toYaml(plainInventory));
    const { file: _, ...rest } = readInventory(file);
    const { file: __, ...others } = readInventory(yaml);
    expect(others).toEqual(rest);
  });

  test('gives each kit what it says itself, else the defaults, else what is usual for its kind', () => {
    const defaults = {
      mixer: 'UMC404HD',
      channels: '1,2',
      status: true,
      network: { wifi: ['venue'] },
      screen: { mode: '1280x720@50', page: 'lines=6' },
    };
    const { kits } = inventoryOf({
      defaults,
      kits: [
        { ...device, channels: '3', network: { wired: 'off' } },
        { name: 'b', kind: 'display', room: 'verdi', screen: { connector: 'HDMI-A-2' } },
        { name: 'c', kind: 'solo', room: 'puccini', network: { wifi: [] }, mac: 'D8:3A:DD:01:02:03' },
      ],
    });
    expect(kits[0]).toMatchObject({ mixer: 'UMC404HD', channels: '3', status: true });
    expect(kits[0]?.network).toMatchObject({ wired: 'off', wifi: [{ ssid: 'Venue Staff' }], wifiCountry: 'IT' });
    expect(kits[0]).not.toHaveProperty('screen');
    expect(kits[1]).toMatchObject({
      status: false,
      screen: { connector: 'HDMI-A-2', mode: '1280x720@50', page: 'lines=6' },
    });
    expect(kits[1]).not.toHaveProperty('mixer');
    expect(kits[2]).toMatchObject({ mixer: 'UMC404HD', engine: 'pocketsphinx', mac: 'd8:3a:dd:01:02:03' });
    expect(kits[2]?.network).toEqual({ wired: 'dhcp', wifi: [], keyfiles: [] });
    expect(inventoryOf().kits[1]).toMatchObject({
      screen: { connector: 'HDMI-A-1', mode: '1920x1080@60' },
      status: false,
    });
  });

  test('finds its files beside it, and does without a key of releases that is not made yet', () => {
    const file = writeInventory();
    const here = file.replace('/kits.toml', '');
    const inventory = readInventory(file);
    expect(inventory).toMatchObject({
      image: { file: `${here}/raspios.img.xz` },
      packages: { dir: `${here}/packages` },
      release: { file: `${here}/sala.tar.gz`, publicKeyPem },
    } satisfies { [K in keyof Inventory]?: unknown });
    const alone = join(folder(), 'kits.toml');
    copyFileSync(file, alone);
    expect(readInventory(alone).release.publicKeyPem).toBeNull();
  });

  test('may do without a relay where all kits are solo', () => {
    const { kits } = plainInventory;
    expect(inventoryOf({ relay: undefined, kits: kits.slice(2) }).relay).toBeNull();
    expect(mistakesOf({ relay: undefined })[0]).toMatch(/relay.url is missing: verdi-sound needs it/);
  });
});

describe('Mistakes', () => {
  test('are told all at once, in the file’s order, each with its line and the name of its kit', () => {
    const file = join(folder(), 'kits.toml');
    const text = readFileSync(example, 'utf8')
      .replace('timezone = "Europe/Rome"', 'timezone = "Europe/Roma"')
      .replace('url = "https://captions.example.org"', 'url = "wss://captions.example.org/x"')
      .replace('public-key', 'publik-key')
      .replace('channels = "1"', 'channels = "left"')
      .replace('room = "rossini"\n#', 'room = "rosini"\n#')
      .replace('gateway = "10.0.3.1"', 'gateway = "10.0.4.1"')
      .replace('name = "rossini-screen"', 'name = "verdi-screen"');
    writeFileSync(file, text);
    const lineOf = (words: string) => text.split('\n').findIndex((line) => line.includes(words)) + 1;
    const lines = text.split('\n');
    expect(mistakesIn(file)).toEqual([
      `${lineOf('Europe/Roma')}: timezone is not a time zone; did you mean "Europe/Rome"?`,
      `${lineOf('wss:')}: relay.url must be like https://captions.example.org, without user name, path or query`,
      expect.stringMatching(/^\d+: release.public-key is missing$/),
      `${lineOf('publik-key')}: release.publik-key is not a key; did you mean "public-key"?`,
      `${lineOf('"left"')}: kit verdi-sound, channels must be "mix", or channel numbers from 1 on: "1" or "1,2"`,
      `${lineOf('"rosini"')}: kit rossini-sound, room there is no room "rosini" in this file`,
      `${lineOf('10.0.4.1')}: kit rossini-sound, network.wired.gateway is not in the net of 10.0.3.11/24`,
      `${lines.lastIndexOf('name = "verdi-screen"') + 1}: kit verdi-screen, name is taken: number 2 of kits has it, too`,
    ]);
  });

  test('have their lines in YAML, too, and in strings and lists over many lines', () => {
    const yaml = join(folder(), 'kits.yml');
    const text = toYaml({ ...plainInventory, kits: [{ ...device, channels: 'x' }] });
    writeFileSync(yaml, text);
    const line = text.split('\n').findIndex((each) => each.includes('channels: x')) + 1;
    expect(mistakesIn(yaml)).toEqual([expect.stringMatching(new RegExp(`^${line}: kit a, channels must be`))]);

    const toml = writeInventory({ kits: undefined });
    const long = `${readFileSync(toml, 'utf8')}\n[defaults]\nmixer = """\n[[kits]]\n"""\n[[kits]] # first\nname = "a"\nkind = "device"\nroom = "verdi"\nnetwork.wifi = [\n  "venue", # ]\n  "other",\n]\n`;
    writeFileSync(toml, long);
    expect(mistakesIn(toml)).toEqual([
      expect.stringMatching(/^\d+: defaults.mixer must be one line/),
      `${long.split('\n').indexOf('network.wifi = [') + 1}: kit a, network.wifi there is no [[wifi]] named "other" in this file`,
    ]);
  });

  const wrong: readonly (readonly [what: string, changes: Written, said: string])[] = [
    ['no event', { event: undefined }, 'event is missing'],
    ['an event of two lines', { event: 'a\nb' }, 'event must be one line without control characters'],
    ['a time zone by offset', { timezone: '+01:00' }, 'timezone is not a time zone, for example Europe/Rome'],
    [
      'a time zone in small letters',
      { timezone: 'europe/rome' },
      'timezone is not a time zone; did you mean "Europe/Rome"?',
    ],
    ['a time server that is none', { ntp: ['a b'] }, 'ntp.0 must be a host name or an IP address'],
    ['text for a list', { ntp: 'x' }, 'ntp must be a list: […]'],
    [
      'a relay with a password',
      { relay: { url: 'https://u:hidden@h' } },
      'relay.url must be like https://captions.example.org, without user name, path or query',
    ],
    ['a short checksum', { image: { file: 'x', sha256: 'ab' } }, 'image.sha256 must be 64 hexadecimal digits'],
    [
      'an SSH key that is a file name',
      { ssh: { keys: ['~/.ssh/id.pub'] } },
      'ssh.keys.0 must be a public SSH key as in id_ed25519.pub: ssh-ed25519 AAAA… NAME',
    ],
    [
      'an SSH key of another type than it says',
      { ssh: { keys: [sshKey.replace('ssh-ed25519', 'ssh-rsa')] } },
      'ssh.keys.0 must be a public SSH key as in id_ed25519.pub: ssh-ed25519 AAAA… NAME',
    ],
    ['pi', { ssh: { user: 'pi' } }, 'ssh.user must not be pi, root or one of Sala’s own'],
    ['no kits', { kits: [] }, 'kits must be at least 1'],
    [
      'two kits of one name',
      { kits: [device, { ...device, kind: 'display' }] },
      'kit a, name is taken: number 1 of kits has it, too',
    ],
    [
      'a host name with capitals',
      oneKit({ name: 'Verdi' }),
      'kit Verdi, name must be a host name: small letters, digits and dashes, at most 63',
    ],
    ['a host name of digits', oneKit({ name: '12' }), 'kit 12, name must not be localhost, nor digits alone'],
    ['localhost', oneKit({ name: 'localhost' }), 'kit localhost, name must not be localhost, nor digits alone'],
    [
      'a host name that ends in a dash',
      oneKit({ name: 'a-' }),
      'kit a-, name must be a host name: small letters, digits and dashes, at most 63',
    ],
    ['a kind that is none', oneKit({ kind: 'tablet' }), 'kit a, kind must be one of "device", "display", "solo"'],
    [
      'two sources in a room',
      { kits: [device, { ...device, name: 'b' }] },
      'kit b, room "verdi" has a as its source of sound already; a room has one',
    ],
    [
      'a solo kit and a device in a room',
      { kits: [device, { ...device, kind: 'solo', name: 'b' }] },
      'kit b, room "verdi" has a as its source of sound already; a room has one',
    ],
    [
      'a screen beside a solo kit',
      {
        kits: [
          { ...device, kind: 'solo' },
          { name: 'b', kind: 'display', room: 'verdi' },
        ],
      },
      'kit b, room "verdi" has the solo kit a, which is its screen, too, and on no other relay',
    ],
    ['a mixer at a screen', oneKit({ kind: 'display', mixer: 'x' }), 'kit a, mixer is of no use for a display kit'],
    [
      'a screen at a mixer',
      oneKit({ screen: { mode: '1920x1080@60' } }),
      'kit a, screen is of no use for a device kit',
    ],
    [
      'a status page at a screen',
      oneKit({ kind: 'display', status: true }),
      'kit a, status is of no use for a display kit',
    ],
    ['a channel twice', oneKit({ channels: '1,1' }), 'kit a, channels names a channel twice'],
    [
      'channel 0',
      oneKit({ channels: '0' }),
      'kit a, channels must be "mix", or channel numbers from 1 on: "1" or "1,2"',
    ],
    [
      'a mode in words',
      oneKit({ kind: 'display', screen: { mode: 'full' } }),
      'kit a, screen.mode must be like 1920x1080@60',
    ],
    ['a MAC address that is none', oneKit({ mac: '12' }), 'kit a, mac must be like d8:3a:dd:01:02:03'],
    [
      'an address without its net',
      oneKit({ network: { wired: { address: '10.0.0.4' } } }),
      'kit a, network.wired.address must be an IPv4 address with its net, for example 10.0.3.11/24 (/8 to /30)',
    ],
    [
      'the address of the net',
      oneKit({ network: { wired: { address: '10.0.0.0/24' } } }),
      'kit a, network.wired.address is the address of the net itself',
    ],
    [
      'the broadcast address',
      oneKit({ network: { wired: { address: '10.0.0.255/24' } } }),
      "kit a, network.wired.address is the net's broadcast address",
    ],
    [
      'a gateway that is the kit',
      oneKit({ network: { wired: { address: '10.0.0.4/24', gateway: '10.0.0.4' } } }),
      'kit a, network.wired.gateway is the kit itself',
    ],
    [
      'a gateway without an address',
      oneKit({ network: { wired: { gateway: '10.0.0.4' } } }),
      'kit a, network.wired.address is missing',
    ],
    [
      'no network at all',
      oneKit({ network: { wired: 'off' } }),
      'kit a, network.wired is off, and there is neither Wi-Fi nor a keyfile: this kit would be without a network',
    ],
    [
      'one address for all',
      { defaults: { network: { wired: { address: '10.0.0.4/24' } } } },
      'defaults.network.wired an address is for one kit; give it there',
    ],
    [
      'the same address twice',
      {
        kits: [
          { ...device, network: { wired: { address: '10.0.0.4/24' } } },
          { name: 'b', kind: 'display', room: 'verdi', network: { wired: { address: '10.0.0.4/16' } } },
        ],
      },
      'kit b, network.wired.address is the address of a, too',
    ],
    [
      'Wi-Fi that is not there',
      oneKit({ network: { wifi: ['other'] } }),
      'kit a, network.wifi there is no [[wifi]] named "other" in this file',
    ],
    ['Wi-Fi twice', oneKit({ network: { wifi: ['venue', 'venue'] } }), 'kit a, network.wifi names "venue" twice'],
    [
      'Wi-Fi without a country',
      oneKit({ network: { wifi: ['venue'] } }, { 'wifi-country': undefined }),
      'wifi-country is missing: a uses Wi-Fi, which stays off until it is told its country',
    ],
    ['a country in words', { 'wifi-country': 'Italy' }, 'wifi-country must be two capital letters, for example IT'],
    [
      'a long network name',
      { wifi: [{ name: 'venue', ssid: 'ü'.repeat(17) }] },
      'Wi-Fi venue, ssid must be at most 32 bytes',
    ],
    [
      'a pass phrase of an open network',
      { wifi: [{ name: 'venue', ssid: 'x', security: 'open', passphrase: { env: 'X' } }] },
      'Wi-Fi venue, passphrase goes with wpa2 or wpa3, not with an open network',
    ],
    [
      'a keyfile that is not there',
      oneKit({ network: { keyfiles: ['x.nmconnection'] } }),
      'kit a, network.keyfiles "x.nmconnection" cannot be read: ',
    ],
    ['sizes the wrong way round', { disks: { 'min-gb': 64, 'max-gb': 32 } }, 'disks.min-gb is more than max-gb'],
  ];
  test.each(wrong)('%s', (_, changes, said) => {
    // Where nothing else is wrong, nothing else is said.
    const found = sayings({ ...changes });
    expect(found).toHaveLength(1);
    expect(found[0]?.startsWith(said)).toBe(true);
    expect(said.endsWith(' ') || found[0] === said).toBe(true);
  });

  test('of keyfiles that are none, or not called so', () => {
    const file = writeInventory(
      oneKit({ network: { keyfiles: ['a.conf', 'b.nmconnection', 'sala-wired.nmconnection'] } }),
    );
    for (const name of ['a.conf', 'b.nmconnection', 'sala-wired.nmconnection'])
      writeFileSync(file.replace('kits.toml', name), name === 'b.nmconnection' ? 'hello' : '[connection]\ntype=vlan\n');
    expect(mistakesIn(file).map((line) => line.replace(/^\d+: /, ''))).toEqual([
      'kit a, network.keyfiles "a.conf" must be called NAME.nmconnection, and not sala-…',
      'kit a, network.keyfiles "b.nmconnection" is not a keyfile of NetworkManager: it has no [connection] with a type',
      'kit a, network.keyfiles "sala-wired.nmconnection" must be called NAME.nmconnection, and not sala-…',
    ]);
  });

  test('of a file that is neither: its line, and nothing of its text', () => {
    for (const [name, text] of [
      ['kits.toml', 'event = "x"\npassphrase = "secret word\n'],
      ['kits.yaml', 'event: x\n  passphrase: "secret word\n'],
      ['kits.yaml', 'a: &a [secret word]\nb: !!js/function secret word\n? [\n'],
    ] as const) {
      const file = join(folder(), name);
      writeFileSync(file, text);
      const [said = '', ...more] = mistakesIn(file);
      expect(more).toEqual([]);
      expect(said).toMatch(/^\d+: /);
      expect(said).not.toMatch(/secret word/);
    }
    expect(mistakesIn('/nowhere/kits.toml').join()).toMatch(/kits.toml cannot be read/);
    const empty = join(folder(), 'kits.toml');
    writeFileSync(empty, '');
    expect(mistakesIn(empty)).toContain(' event is missing');
  });

  test('a file of aliases that would grow without end is refused', () => {
    const rows = Array.from(
      { length: 12 },
      (_, n) =>
        `a${n}: &a${n} [${Array(9)
          .fill(n === 0 ? 'x' : `*a${n - 1}`)
          .join(', ')}]`,
    );
    const file = join(folder(), 'kits.yaml');
    writeFileSync(file, rows.join('\n'));
    expect(mistakesIn(file)).toHaveLength(1);
  });
});

describe('Secrets in the wrong place', () => {
  test('a pass phrase in the inventory is refused, with the place where it belongs, and not repeated', () => {
    const [said = '', ...more] = mistakesOf({ wifi: [{ name: 'venue', ssid: 'x', passphrase: 'correct horse' }] });
    expect(more).toEqual([]);
    expect(said).toMatch(/passphrase a pass phrase does not belong in this file: give \{ env = "NAME" \}/);
    expect(said).not.toMatch(/correct horse/);
  });

  test('a private key is refused, and not repeated', () => {
    const pem = '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE\n-----END OPENSSH PRIVATE KEY-----';
    const said = mistakesOf({ ssh: { keys: [pem] } }).join('\n');
    expect(said).toMatch(/ssh.keys.0/);
    expect(said).not.toMatch(/b3BlbnNza/);
    const file = writeInventory();
    writeFileSync(file.replace('kits.toml', 'release-key.pub'), '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQ\n');
    expect(mistakesIn(file)).toEqual([expect.stringMatching(/release.public-key is not a public key in PEM/)]);
  });

  // Whatever stands in a file, what is said of it repeats no value.
  test('no mistake repeats a value that is not a name', () => {
    const secret = 'S3cret-Words-Nobody-Sees';
    const value = fc.constantFrom<unknown>(secret, [secret], { k: secret }, `${secret}\n`, `x/${secret}`, [[secret]]);
    const places = [
      'event',
      'timezone',
      'ntp',
      'relay',
      'image',
      'ssh',
      'wifi',
      'rooms',
      'disks',
      'defaults',
      'packages',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...places), value, (place, wrongValue) => {
        const said = mistakesOf({ [place]: wrongValue }).join('\n');
        expect(said).not.toContain(secret);
      }),
      { numRuns: 60 },
    );
  });
});

test('whatever a TOML file holds, reading it ends in an inventory or in a list of mistakes', () => {
  const plain = parseToml(readFileSync(example, 'utf8'));
  const junk = fc.jsonValue({ maxDepth: 2 });
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(plain)), junk, (key, value) => {
      if (value === null || JSON.stringify(value).includes('null')) return;
      mistakesOf({ [key]: value });
    }),
    { numRuns: 150 },
  );
});
