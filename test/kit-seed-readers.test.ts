import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { parse as parseToml } from 'smol-toml';
import { afterAll, describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import type { KitSecret } from '../provisioning/kit/secrets.ts';
import { renderSeed } from '../provisioning/kit/seed/index.ts';
import { kitOf, kitSecret, publicKeyPem, type Written } from './harness/kit-inventory.ts';
import { readAsCloudInit, readAsNetworkManager } from './harness/seed-readers.ts';

/** 4 s: seeds read by the very programs that read them on a kit: cloud-init with PyYAML, NetworkManager. */

const folder = mkdtempSync(join(tmpdir(), 'sala-seeds-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What a run drew, said by what fails; `SALA_TEST_SEED` draws it again. */
const seed = Number(process.env.SALA_TEST_SEED ?? Date.now() % 2 ** 31);

function userDataOf(fields: Written = {}, changes: Written = {}, secrets: KitSecret = kitSecret): string {
  const { inventory, kit } = kitOf(fields, changes);
  const [userData] = renderSeed(inventory, kit, secrets, 'kit-0123456789abcdef', 1_800_000_000_000);
  return userData?.content ?? '';
}

const readUserData = z.looseObject({
  write_files: z.array(
    z.looseObject({ path: z.string(), permissions: z.string(), content: z.string(), encoding: z.string().optional() }),
  ),
});

/** The files that cloud-init would write, by path. */
function filesOf(read: unknown): Map<string, string> {
  const files = readUserData.parse(read).write_files;
  return new Map(
    files.map(({ path, content, encoding }) => [
      path,
      encoding === 'b64' ? Buffer.from(content, 'base64').toString() : content,
    ]),
  );
}

const profile = (files: Map<string, string>, name: string) =>
  files.get(`/etc/NetworkManager/system-connections/${name}.nmconnection`) ?? '';

const wifi = (fields: Written = {}) => [{ name: 'venue', ssid: 'Venue Staff', ...fields }];
const wireless = { network: { wifi: ['venue'] } };
const fixed = { wired: { address: '10.0.3.11/24', gateway: '10.0.3.1', dns: ['10.0.3.1', '2001:db8::53'] } };

/** Every kind of seed. */
const kinds: Readonly<Record<string, readonly [fields: Written, changes?: Written]>> = {
  'a device kit': [{}],
  'a display kit': [{ kind: 'display' }],
  'a solo kit': [{ kind: 'solo' }],
  'a fixed address': [{ network: fixed }],
  'a fixed address without a way out': [{ network: { wired: { address: '192.168.7.2/30' } } }],
  'Wi-Fi by WPA2': [wireless],
  'Wi-Fi by WPA3': [wireless, { wifi: wifi({ security: 'wpa3' }) }],
  'open, hidden Wi-Fi alone': [
    { network: { wired: 'off', wifi: ['venue'] } },
    { wifi: wifi({ security: 'open', hidden: true }) },
  ],
  'nobody may log in': [{}, { ssh: { keys: [] } }],
};

describe('cloud-init', () => {
  test('finds every kind of seed valid by its own command, and a spoilt one not', async () => {
    const seeds = Object.values(kinds).map(([fields, changes]) => userDataOf(fields, changes));
    const spoilt = seeds[0]?.replace('manage_etc_hosts: localhost', 'manage_etc_hosts: [1]') ?? '';
    const unmarked = seeds[0]?.replace('#cloud-config\n', '') ?? '';
    const paths = [...seeds, spoilt, unmarked].map((seed, index) => {
      const path = join(folder, `user-data-${index}`);
      writeFileSync(path, seed);
      return path;
    });
    const { schema } = await readAsCloudInit({ schema: paths });
    const complaints = Object.fromEntries(Object.keys(kinds).map((kind, index) => [kind, schema[index]]));
    expect(complaints).toEqual(Object.fromEntries(Object.keys(kinds).map((kind) => [kind, null])));
    expect(schema.at(-2)).toMatch(/manage_etc_hosts/);
    expect(schema.at(-1)).toMatch(/#cloud-config/);
  });

  test('gets texts as texts: modes, names that look like something else, and a key file to the byte', async () => {
    const seed = userDataOf({ name: 'no', kind: 'solo' }, { rooms: [{ name: 'verdi', title: 'yes' }] });
    const [read] = (await readAsCloudInit({ yaml: [seed] })).yaml;
    expect(read).toMatchObject({ hostname: 'no' });
    for (const { permissions } of readUserData.parse(read).write_files) expect(permissions).toMatch(/^0[0-7]{3}$/);
    expect(filesOf(read).get('/etc/sala/release-key.pub')).toBe(publicKeyPem);
  });

  // A text that ends where it should not would add keys of its own: files, commands, accounts.
  test('reads hostile titles, mixers and pass phrases as what they are, and nothing beside them', async () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
      fc.constantFrom(
        '"\nruncmd: [[reboot]]\n"',
        "'; reboot #",
        '%n$s %(a)s $IFS {{ v1 }}',
        '#cloud-config',
        '- !!python/object/apply:os.system [reboot]',
        '---\nusers: []',
        '\u0085users: []\u2028a\u2029b\ufeff',
        'emoji \u{1f3ad} \u{10ffff} \u202e',
        '"""\n[x]\n',
      ),
    );
    const secretText = fc.string({ minLength: 8, maxLength: 63 });
    const cases = fc.sample(fc.record({ title: hostile, mixer: hostile, phrase: secretText }), {
      numRuns: 60,
      seed,
    });
    const printable = (text: string) => text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/gu, '_').trim() || 'x';
    const made = cases.map(({ title, mixer, phrase }) => ({
      title: printable(title),
      mixer: printable(mixer),
      text: userDataOf(
        { kind: 'solo', mixer: printable(mixer), ...wireless },
        { rooms: [{ name: 'verdi', title: printable(title) }] },
        { ...kitSecret, wifi: { venue: phrase } },
      ),
    }));
    const plain = readUserData.parse(
      (await readAsCloudInit({ yaml: [userDataOf({ kind: 'solo', ...wireless })] })).yaml[0],
    );
    const { yaml } = await readAsCloudInit({ yaml: made.map(({ text }) => text) });
    for (const [index, { title, mixer }] of made.entries()) {
      const read = readUserData.parse(yaml[index]);
      expect(Object.keys(read)).toEqual(Object.keys(plain));
      expect(read.runcmd).toEqual(plain.runcmd);
      expect(read.write_files.map(({ path }) => path)).toEqual(plain.write_files.map(({ path }) => path));
      const files = filesOf(read);
      const told = {
        title: parseToml(files.get('/etc/sala/kit.toml') ?? '').title,
        source: parseToml(files.get('/etc/sala/device.toml') ?? '').source,
      };
      expect({ seed, ...told }).toEqual({ seed, title, source: `mixer:${mixer}` });
      expect(profile(files, 'sala-wifi-venue').match(/^\[.*\]$/gm)).toEqual([
        '[connection]',
        '[wifi]',
        '[wifi-security]',
        '[ipv4]',
        '[ipv6]',
      ]);
    }
  });
});

describe('NetworkManager', () => {
  // What PyYAML makes of a seed is shown above.
  const read = (fields: Written, changes: Written = {}) =>
    filesOf(parseYaml(userDataOf(fields, changes), { version: '1.1' }));
  const understood = (keyfile: string) => {
    const { profile: text, said } = readAsNetworkManager(keyfile);
    expect({ keyfile, text, said }).toEqual({ keyfile, text: expect.any(String), said: '' });
    return text ?? '';
  };

  test('understands each kind of network as it was meant', () => {
    const dhcp = understood(profile(read({}), 'sala-wired'));
    expect(dhcp).toMatch(/^type=ethernet$/m);
    expect(dhcp).toMatch(/^autoconnect-priority=100$/m);
    expect(dhcp).toMatch(/^autoconnect-retries=0$/m);
    expect(dhcp).toMatch(/\[ipv4\]\nmethod=auto\n/);

    const own = understood(profile(read({ network: fixed }), 'sala-wired'));
    expect(own).toMatch(/\[ipv4\]\naddress1=10\.0\.3\.11\/24,10\.0\.3\.1\ndns=10\.0\.3\.1;\nmethod=manual\n/);
    expect(own).toMatch(/\[ipv6\]\ndns=2001:db8::53;\nmethod=auto\n/);

    const wpa2 = understood(profile(read(wireless), 'sala-wifi-venue'));
    expect(wpa2).toMatch(/^ssid=Venue Staff$/m);
    expect(wpa2).toMatch(/^key-mgmt=wpa-psk$/m);
    expect(wpa2).toMatch(/^psk=correct horse battery$/m);
    expect(wpa2).toMatch(/^cloned-mac-address=permanent$/m);
    const wpa3 = read(wireless, { wifi: wifi({ security: 'wpa3' }) });
    expect(understood(profile(wpa3, 'sala-wifi-venue'))).toMatch(/^key-mgmt=sae$/m);

    const open = read(...(kinds['open, hidden Wi-Fi alone'] ?? [{}]));
    expect(understood(profile(open, 'sala-wifi-venue'))).toMatch(/^hidden=true$/m);
    expect(profile(open, 'sala-wifi-venue')).not.toMatch(/wifi-security/);
    expect(profile(open, 'sala-wired')).toBe('');
  });

  test('tries networks in the order of the inventory, and any cable first', () => {
    const names = ['first', 'second', 'third'];
    const files = read(
      { network: { wifi: names } },
      { wifi: names.map((name) => ({ name, ssid: name, security: 'open' })) },
    );
    const priorities = ['sala-wired', ...names.map((name) => `sala-wifi-${name}`)].map((name) =>
      Number(/^autoconnect-priority=(\d+)$/m.exec(understood(profile(files, name)))?.[1]),
    );
    expect(priorities).toEqual(priorities.toSorted((one, other) => other - one));
    expect(new Set(priorities).size).toBe(4);
  });

  test('gets an attached keyfile to the byte', () => {
    const keyfile = '[connection]\nid=Büro\ntype=vlan\n\n[vlan]\nid=7\nparent=eth0\n\n[ipv4]\nmethod=auto\n';
    writeFileSync(join(folder, 'office.nmconnection'), keyfile);
    const files = read({ network: { keyfiles: [join(folder, 'office.nmconnection')] } });
    expect(profile(files, 'office')).toBe(keyfile);
    expect(understood(profile(files, 'office'))).toMatch(/^type=vlan$/m);
  });

  test('has hostile names and pass phrases as they are', () => {
    const fits = (text: string) => text !== '' && Buffer.byteLength(text) <= 32;
    const cases = fc.sample(
      fc.record({
        ssid: fc
          .oneof(
            fc.string({ unit: 'binary', minLength: 1, maxLength: 16 }),
            fc.constantFrom(
              '1;2;',
              '49;',
              ' a ',
              '\\x',
              'a\nb=c\n[ipv4]',
              '%s',
              'O\'Hara "x"',
              'Caffè ☕',
              '#;=',
              '\t',
            ),
          )
          .filter((text) => fits(text) && text.isWellFormed()),
        phrase: fc.oneof(
          fc.string({ minLength: 8, maxLength: 63 }),
          fc.constantFrom(
            '  spaces  ',
            '\\s\\s\\n\\t\\',
            '"quoted;"',
            '#comment;',
            "'; reboot #",
            '%(a)s%n$(x)',
            'a=b;c=d;;',
          ),
        ),
      }),
      { numRuns: 20, seed },
    );
    for (const { ssid, phrase } of cases) {
      const { inventory, kit } = kitOf(wireless, { wifi: wifi({ ssid }) });
      const [userData] = renderSeed(inventory, kit, { ...kitSecret, wifi: { venue: phrase } }, 'kit-1', 1.8e12);
      const files = filesOf(parseYaml(userData?.content ?? '', { version: '1.1' }));
      const text = understood(profile(files, 'sala-wifi-venue'));
      // As NetworkManager writes it: by GKeyFile's rules, with a list of bytes for a name that is not plain.
      const ssidText = /^ssid=(.*)$/m.exec(text)?.[1] ?? '';
      const isBytes = /^(\d+;)+$/.test(ssidText);
      const bytes = isBytes
        ? Buffer.from(ssidText.split(';').filter(Boolean).map(Number))
        : Buffer.from(unescaped(ssidText).replaceAll('\\;', ';'));
      const read = { ssid: bytes.toString(), phrase: unescaped(/^psk=(.*)$/m.exec(text)?.[1] ?? '') };
      expect({ seed, ...read }).toEqual({ seed, ssid, phrase });
    }
  });
});

/** A value of a GKeyFile. */
const unescaped = (text: string) =>
  text.replace(/\\(.)/g, (_, letter: string) => ({ s: ' ', n: '\n', t: '\t', r: '\r' })[letter] ?? letter);
