import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { KitSecrets, mask, masked, randomSecrets, secretsFileOf } from '../provisioning/kit/secrets.ts';
import { ConfigurationError } from '../systemd/errors.ts';
import { inventoryOf, kitNamed, kitOf, kitSecret } from './harness/kit-inventory.ts';

/** Half a second: the secrets of kits, in a file beside their inventory. */

let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sala-secrets-'));
  file = secretsFileOf(join(folder, 'kits.toml'));
});

const secretsIn = (env: Record<string, string> = {}) => new KitSecrets(file, env);
const { kits } = inventoryOf();
const device = kitNamed(kits, 'verdi-sound');
const solo = kitNamed(kits, 'puccini');
const modeOf = (path: string) => statSync(path).mode & 0o777;

test('the file is named after the inventory', () => {
  expect(secretsFileOf('/a/kits.toml')).toBe('/a/kits.secrets.json');
  expect(secretsFileOf('autumn.v2.yaml')).toBe('autumn.v2.secrets.json');
});

describe('What a kit needs', () => {
  test('is made once and stays: six digits, and a solo kit’s admin token', () => {
    const first = secretsIn().of(device);
    expect(first.pin).toMatch(/^\d{6}$/);
    expect(first).toMatchObject({ enrolment: null, instanceId: null, adminToken: '' });
    expect(secretsIn().of(device)).toEqual(first);
    const own = secretsIn().of(solo);
    expect(own.adminToken).toMatch(/^[\w-]{43}$/);
    expect(secretsIn().of(solo)).toEqual(own);
    expect(secretsIn().of(device)).toEqual(first);
  });

  test('is drawn from all six digits, another for each', () => {
    const pins = Array.from({ length: 2000 }, () => randomSecrets.pin());
    expect(pins.every((pin) => /^\d{6}$/.test(pin))).toBe(true);
    expect(new Set(pins).size).toBeGreaterThan(1950);
    expect(pins.some((pin) => pin.startsWith('0'))).toBe(true);
    expect(new Set(Array.from({ length: 50 }, () => randomSecrets.token())).size).toBe(50);
  });

  test('is only looked at, where nothing shall be made', () => {
    expect(secretsIn().known(device)).toMatchObject({ pin: '', adminToken: '' });
    expect(existsSync(file)).toBe(false);
  });

  test('keeps what enrolment and flashing note, each beside the other', () => {
    const pin = secretsIn().of(device).pin;
    secretsIn().setEnrolment(device.name, { token: 'enr_a_b', expiresMs: 5 });
    secretsIn().setInstanceId(device.name, 'id-1');
    secretsIn().setReadToken('verdi', 'read_token');
    expect(secretsIn().of(device)).toMatchObject({
      pin,
      enrolment: { token: 'enr_a_b', expiresMs: 5 },
      instanceId: 'id-1',
    });
    expect(secretsIn().readToken('verdi')).toBe('read_token');
    expect(secretsIn().readToken('rossini')).toBeNull();
  });

  test('a pass phrase comes from the environment, else from the file', () => {
    expect(secretsIn().known(device).wifi).toEqual({});
    writeFileSync(file, JSON.stringify({ wifi: { venue: 'from the file', other: 'not its own' } }), { mode: 0o600 });
    expect(secretsIn().known(device).wifi).toEqual({ venue: 'from the file' });
    expect(secretsIn({ VENUE_WIFI: 'from outside' }).known(device).wifi).toEqual({ venue: 'from outside' });
    // What stood there before is kept by whoever writes.
    secretsIn().of(device);
    expect(JSON.parse(readFileSync(file, 'utf8')).wifi).toEqual({ venue: 'from the file', other: 'not its own' });
  });
});

describe('The file', () => {
  test('is its owner’s alone, also if it was made or copied by others', () => {
    secretsIn().of(device);
    expect(modeOf(file)).toBe(0o600);
    chmodSync(file, 0o644);
    secretsIn().known(device);
    expect(modeOf(file)).toBe(0o600);
    writeFileSync(`${file}.new`, 'left by a crash', { mode: 0o644 });
    secretsIn().setInstanceId(device.name, 'x');
    expect(modeOf(file)).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['kits.secrets.json']);
  });

  test('is replaced as a whole: who read it before still has all of it', () => {
    secretsIn().of(device);
    const before = statSync(file).ino;
    secretsIn().setInstanceId(device.name, 'x');
    expect(statSync(file).ino).not.toBe(before);
  });

  test('that is not what it should be is refused, and not repeated nor replaced', () => {
    for (const text of ['{"kits": {"verdi-sound": {"pin": "secret12"}}}', '{"kits": "secret12"}', 'secret12', '[]']) {
      writeFileSync(file, text, { mode: 0o600 });
      const attempt = () => secretsIn().of(device);
      expect(attempt).toThrow(ConfigurationError);
      expect(attempt).not.toThrow(/secret12/);
      expect(readFileSync(file, 'utf8')).toBe(text);
    }
  });
});

test('a masked kit holds no secret, not even that of an attached keyfile, and lacks none that it needs', () => {
  const { kit } = kitOf({ kind: 'solo', network: { wifi: ['venue'] } });
  const attached = {
    ...kit,
    network: { ...kit.network, keyfiles: [{ name: 'a.nmconnection', content: 'psk=secret12' }] },
  };
  const shown = masked(attached, { ...kitSecret, wifi: {} });
  const text = JSON.stringify(shown);
  for (const secret of ['secret12', kitSecret.pin, kitSecret.adminToken, kitSecret.enrolment?.token ?? ''])
    expect(text).not.toContain(secret);
  expect(shown.secrets.wifi).toEqual({ venue: mask });
});
