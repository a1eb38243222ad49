import { readdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { plan } from '../provisioning/kit/commands/plan.ts';
import { readInventory } from '../provisioning/kit/inventory.ts';
import { KitSecrets, secretsFileOf } from '../provisioning/kit/secrets.ts';
import { plainInventory, type Written, writeInventory } from './harness/kit-inventory.ts';
import { kitCommand } from './harness/kit-terminal.ts';

/** Two seconds: what plan says of an inventory, and what it does not. */

const phrase = 'correct horse battery';
const planOf = (file: string, args: string[] = [], env: NodeJS.ProcessEnv = { VENUE_WIFI: phrase }) =>
  kitCommand(['plan', file, ...args], [plan], { env });
const planned = (changes: Written = {}, args: string[] = [], env?: NodeJS.ProcessEnv) =>
  planOf(writeInventory(changes), args, env);

test('it says of each kit what it is for and what would be written where, and writes nothing', async () => {
  const file = writeInventory({ defaults: { status: true } });
  const before = readdirSync(dirname(file));
  const { status, out, err } = await planOf(file);
  expect({ status, err }).toEqual({ status: 0, err: '' });
  expect(out).toMatch(/^Autumn Conference: 3 kits for 3 rooms, relay https:\/\/captions.example.org, Europe\/Rome\n/);
  expect(out).toMatch(
    /\nverdi-sound: device kit of room verdi\n {2}network {2}cable with DHCP; Wi-Fi "Venue Staff" \(WPA2\)\n/,
  );
  expect(out).toMatch(/ user-data +\d+ bytes, secret\n +meta-data +\d+ bytes\n +network-config +0 bytes\n/);
  expect(out).toMatch(
    /cmdline.txt +keeps its own words, with ds=nocloud;i=verdi-screen-NEW video=HDMI-A-1:1920x1080M@60D /,
  );
  expect(out).toMatch(/0600 \/etc\/NetworkManager\/system-connections\/sala-wifi-venue.nmconnection \(secret\)/);
  expect(out.match(/^ {2}status /gm)).toHaveLength(2); // of the device and the solo kit
  expect(out).toMatch(/Nothing was written\.\n$/);
  expect(readdirSync(dirname(file))).toEqual(before);
});

test('one kit can be asked for, and a name that no kit has is told with the nearest', async () => {
  const { out } = await planned({}, ['verdi-screen']);
  expect(out.match(/^\S+: (device|display|solo) kit of room/gm)).toEqual(['verdi-screen: display kit of room']);
  const { status, err } = await planned({}, ['verdi-scren']);
  expect(status).toBe(78);
  expect(err).toMatch(/"verdi-scren"; did you mean "verdi-screen"\?/);
});

test('with all contents it shows no secret, whatever its kind', async () => {
  const file = writeInventory({
    kits: [
      {
        name: 'a',
        kind: 'solo',
        room: 'verdi',
        status: true,
        network: { wifi: ['venue'], keyfiles: ['x.nmconnection'] },
      },
    ],
  });
  writeFileSync(`${dirname(file)}/x.nmconnection`, '[connection]\ntype=wifi\n[wifi-security]\npsk=attached-secret\n');
  const secrets = new KitSecrets(secretsFileOf(file), {});
  const [kit] = readInventory(file).kits;
  if (!kit) throw new Error('no kit');
  secrets.setEnrolment('a', { token: 'enr_key_secretpart', expiresMs: 1 });
  const { pin, adminToken } = secrets.of(kit);
  const { status, out } = await planOf(file, ['--full']);
  expect(status).toBe(0);
  for (const secret of [phrase, 'attached-secret', 'enr_key_secretpart', pin, adminToken]) {
    expect(out).not.toContain(secret);
    expect(out).not.toContain(Buffer.from(secret).toString('base64').slice(0, -4));
  }
  expect(out).toMatch(/\| {7}psk=\*{8}\n/);
  expect(out).toMatch(/\| #cloud-config\n/);
});

test('it warns of what is missing and of what is not as it should be, each once', async () => {
  const { status, out } = await planned(
    { relay: { url: 'http://captions.example.org' }, ssh: { keys: [] }, kits: plainInventory.kits.slice(0, 2) },
    [],
    {},
  );
  expect(status).toBe(0);
  const warnings = out.split('\n').filter((line) => /^ *! /.test(line));
  for (const said of [
    /the image is not there yet/,
    /the checksum of the image is none/,
    /the release is not there yet.*kit -- release/,
    /the packages are not there yet.*kit -- bundle/,
    /http:\/\/captions.example.org is not https/,
    /there are no SSH keys/,
    /room rossini has no kit/,
    /room puccini has no kit/,
    /the pass phrase of Wi-Fi "venue" is not known/,
  ])
    expect(warnings.filter((line) => said.test(line))).toHaveLength(1);
  // What is true of both kits is said once.
  expect(warnings.filter((line) => /no enrolment token yet/.test(line))).toEqual([
    expect.stringMatching(/^! every kit: has no enrolment token yet/),
  ]);
  expect(warnings.filter((line) => /^! every kit: .*pass phrase/.test(line))).toEqual([]);
  expect(out).toMatch(new RegExp(`\n${warnings.length} warnings, marked with !`));
  const { out: mute } = await planned({ kits: plainInventory.kits.slice(1, 2) });
  expect(mute).toMatch(/! room verdi has a screen and no source of sound/);
});

test('a pass phrase that cannot be one is told, without it', async () => {
  const { out } = await planned({}, [], { VENUE_WIFI: 'seven77' });
  expect(out).toMatch(/! the pass phrase of Wi-Fi "venue" is not of 8 to 63/);
  expect(out).not.toMatch(/seven77/);
});

test('a wrong inventory ends it with status 78 and every mistake', async () => {
  const { status, out, err } = await planned({ timezone: 'Rome', event: '' });
  expect({ status, out }).toEqual({ status: 78, out: '' });
  expect(err).toMatch(/kits.toml:\d+: event must not be empty\n.*kits.toml:\d+: timezone is not a time zone/);
});

test('twenty rooms with two kits each are planned in seconds', async () => {
  const rooms = Array.from({ length: 20 }, (_, room) => ({ name: `room-${room}`, title: `Room ${room}` }));
  const kits = rooms.flatMap(({ name }) => [
    { name: `${name}-sound`, kind: 'device', room: name, network: { wifi: ['venue'] } },
    { name: `${name}-screen`, kind: 'display', room: name },
  ]);
  const begin = performance.now();
  const { status, out } = await planned({ rooms, kits }, ['--full']);
  // 0.6 s here; seconds are the promise.
  expect(performance.now() - begin).toBeLessThan(6000);
  expect(status).toBe(0);
  expect(out.match(/ kit of room /g)).toHaveLength(40);
});
