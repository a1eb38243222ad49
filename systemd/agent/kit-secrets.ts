import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Files that hold one secret each. */
const files = (root: string, dataDir: string) => [
  { path: join(dataDir, 'kit/key'), name: 'kit key' },
  { path: join(root, '/etc/sala/admin-token'), name: 'admin token' },
  { path: join(root, '/etc/sala/status-pin'), name: 'PIN' },
  { path: join(root, '/boot/firmware/sala/enrolment-token'), name: 'enrolment token' },
];

const profilesFolder = '/etc/NetworkManager/system-connections';
/** Of NetworkManager's profiles: what a network is called, and what opens it. */
const profileKeys: ReadonlyMap<string, string> = new Map([
  ['ssid', 'SSID'],
  ['psk', 'pass phrase'],
  ['password', 'password'],
  ['private-key-password', 'password'],
  ['leap-password', 'password'],
  ['wep-key0', 'pass phrase'],
  ['identity', 'identity'],
  ['anonymous-identity', 'identity'],
  ['mac-address', 'mac'],
  ['cloned-mac-address', 'mac'],
  ['bssid', 'mac'],
]);

const textOf = (path: string) => readFile(path, 'utf8').catch(() => '');

/** A value of a keyfile as it was meant. */
function unescaped(value: string): string {
  const meanings: Readonly<Record<string, string>> = { s: ' ', n: '\n', t: '\t', r: '\r', '\\': '\\', ';': ';' };
  return value.replace(/\\(.)/g, (all, letter: string) => meanings[letter] ?? all);
}

/** `86;101;110;`, which is how an SSID of any bytes may be written. */
function fromBytes(value: string): string | null {
  if (!/^(?:\d{1,3};)+\d{0,3}$/.test(value)) return null;
  return Buffer.from(value.split(';').filter(Boolean).map(Number)).toString('utf8');
}

/** What a kit has of secrets, and of names of networks, by value; each with what it is called. */
export async function kitSecrets(root: string, dataDir: string): Promise<Map<string, string>> {
  const secrets = new Map<string, string>();
  for (const { path, name } of files(root, dataDir)) {
    const text = (await textOf(path)).trim();
    if (text !== '' && text !== 'none') secrets.set(text, name);
  }
  const folder = join(root, profilesFolder);
  for (const file of await readdir(folder).catch(() => [])) {
    for (const line of (await textOf(join(folder, file))).split('\n')) {
      const [, key = '', value = ''] = /^\s*([\w-]+)\s*=\s*(.*)$/.exec(line) ?? [];
      const name = profileKeys.get(key);
      if (name === undefined) continue;
      for (const each of [value, unescaped(value), fromBytes(value)]) if (each) secrets.set(each, name);
    }
  }
  return secrets;
}
