import { readFileSync } from 'node:fs';
import { matchesGlob } from 'node:path';
import { parse as parseToml } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { deviceSettings } from '../device/options.ts';
import { kioskSettings } from '../display/kiosk/options.ts';
import type { KitSecret } from '../provisioning/kit/secrets.ts';
import { newInstanceId, reconcileCmdline, renderSeed, seedWarnings } from '../provisioning/kit/seed/index.ts';
import { statusAddress } from '../provisioning/kit/sheet/addresses.ts';
import { relayOptions } from '../relay/options.ts';
import { agentSettings } from '../systemd/agent/options.ts';
import { inventoryOf, kitOf, kitSecret, publicKeyPem, sshKey, type Written } from './harness/kit-inventory.ts';

/** Under a second: what a seed holds, trap by trap of cloud-init on Raspberry Pi OS. Who reads it is in kit-seed-readers. */

const nowMs = Date.UTC(2026, 10, 20, 18);

const userDataFields = z.looseObject({
  hostname: z.string(),
  manage_etc_hosts: z.unknown(),
  timezone: z.string(),
  users: z.array(z.looseObject({ name: z.string(), lock_passwd: z.boolean(), sudo: z.string().nullable() })),
  bootcmd: z.array(z.array(z.string())),
  runcmd: z.array(z.array(z.string())),
  write_files: z.array(
    z.strictObject({
      path: z.string(),
      owner: z.literal('root:root'),
      permissions: z.string().regex(/^0[0-7]{3}$/),
      content: z.string(),
      encoding: z.literal('b64').optional(),
    }),
  ),
});

function seedOf(fields: Written = {}, changes: Written = {}, secrets: KitSecret = kitSecret) {
  const { inventory, kit } = kitOf(fields, changes);
  const files = renderSeed(inventory, kit, secrets, 'kit-0123456789abcdef', nowMs);
  const text = (path: string) => files.find((file) => file.path === path)?.content;
  const userData = userDataFields.parse(parse(text('user-data') ?? '', { version: '1.1' }));
  const written = (path: string) => {
    const file = userData.write_files.find((each) => each.path === path);
    return file && Buffer.from(file.content, file.encoding === 'b64' ? 'base64' : 'utf8').toString();
  };
  const modeOf = (path: string) => userData.write_files.find((each) => each.path === path)?.permissions;
  return {
    kit,
    inventory,
    files,
    text,
    userData,
    written,
    modeOf,
    runs: userData.runcmd.map((each) => each.join(' ')),
  };
}

const profiles = '/etc/NetworkManager/system-connections';

describe('What cloud-init would overlook without a word', () => {
  test('files have their exact names, and user-data begins with its marker', () => {
    const { files, text } = seedOf();
    expect(files.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['user-data', 'meta-data', 'network-config', 'sala/enrolment-token']),
    );
    expect(text('user-data')?.split('\n')[0]).toBe('#cloud-config');
  });

  test('the instance id stands in meta-data in both spellings, and is a new one each time', () => {
    const { text, kit } = seedOf();
    expect(parse(text('meta-data') ?? '')).toEqual({
      dsmode: 'local',
      'instance-id': 'kit-0123456789abcdef',
      instance_id: 'kit-0123456789abcdef',
      'local-hostname': 'kit',
    });
    const ids = Array.from({ length: 100 }, () => newInstanceId(kit));
    expect(new Set(ids).size).toBe(100);
    expect(ids.every((id) => /^kit-[0-9a-f]{16}$/.test(id))).toBe(true);
  });

  test('network-config is empty and nothing is left to netplan', () => {
    const { text, userData } = seedOf();
    expect(text('network-config')).toBe('');
    expect(JSON.stringify(userData)).not.toMatch(/netplan/);
    expect(userData.network).toBeUndefined();
  });
});

describe('Who may log in', () => {
  test('an own account by key alone, whose keys are a file of ours; no pi, no wizard', () => {
    const { userData, written, runs } = seedOf();
    expect(userData.users).toEqual([
      expect.objectContaining({
        name: 'sala',
        lock_passwd: true,
        sudo: 'ALL=(ALL) NOPASSWD:ALL',
        groups: 'adm,systemd-journal',
      }),
    ]);
    expect(userData.user).toBeUndefined();
    expect(userData.ssh_pwauth).toBe(false);
    expect(written('/etc/ssh/sala-authorized-keys')).toBe(`${sshKey}\n`);
    expect(written('/etc/ssh/sshd_config.d/10-sala.conf')?.split('\n')).toEqual(
      expect.arrayContaining([
        'PasswordAuthentication no',
        'AllowUsers sala',
        'AuthorizedKeysFile /etc/ssh/sala-authorized-keys',
      ]),
    );
    expect(runs.join('\n')).toMatch(/userdel --force --remove/);
    expect(runs.join('\n')).toMatch(/for each in pi /);
    expect(userData.bootcmd).toContainEqual(['systemctl', 'mask', 'userconfig.service']);
  });

  test('SSH is switched on where there are keys, by what works; where there are none it is off and nobody is anything', () => {
    const withKeys = seedOf();
    expect(withKeys.runs).toContain('systemctl enable ssh.service');
    expect(withKeys.userData.enable_ssh).toBeUndefined(); // a word of Raspberry Pi OS that does nothing
    const without = seedOf({}, { ssh: { keys: [] } });
    expect(without.runs).toContain('systemctl disable ssh.service');
    expect(without.runs.join('\n')).not.toMatch(/(enable|start) (--no-block )?ssh/);
    expect(without.written('/etc/ssh/sala-authorized-keys')).toBeUndefined();
    // Left out, sudo may be granted by the image.
    expect(without.userData.users).toEqual([expect.objectContaining({ lock_passwd: true, sudo: null })]);
  });

  test('settings, networks, keys and rights of an earlier seed are gone from a card seeded anew, before the new ones come', () => {
    const { userData } = seedOf({ kind: 'solo', status: true, network: { wifi: ['venue'] } });
    const [removes = ''] = userData.bootcmd
      .map((each) => each.join(' '))
      .filter((each) => each.includes('rm -f /etc/sala'));
    const patterns = removes.split(' ').filter((each) => each.startsWith('/'));
    // Whatever another seed might leave out is taken away by each.
    const kept = userData.write_files
      .map(({ path }) => path)
      .filter((path) => !patterns.some((pattern) => matchesGlob(path, pattern)));
    expect(kept).toEqual([
      '/etc/systemd/journald.conf.d/sala.conf',
      '/etc/NetworkManager/conf.d/50-sala.conf',
      '/etc/systemd/system/var-lib-sala.mount',
      '/etc/systemd/system/sala-first-boot.service',
    ]);
    expect(patterns).toContain('/etc/sudoers.d/90-cloud-init-users');
  });
});

describe('What would hold up or undo a first start', () => {
  test('nothing is asked of the network, and the archive is left as it is', () => {
    const { userData } = seedOf();
    expect(userData.packages).toBeUndefined();
    expect(userData).toMatchObject({
      package_update: false,
      package_upgrade: false,
      apt: { preserve_sources_list: true },
    });
    expect(userData.rpi).toBeUndefined();
  });

  test('no service is started before the network stage, nor waited for later', () => {
    const { userData } = seedOf();
    for (const words of userData.bootcmd) expect(words.join(' ')).not.toMatch(/systemctl.*(start|--now)/);
    for (const words of userData.runcmd)
      if (/start/.test(words.join(' ')) && words[0] === 'systemctl') expect(words).toContain('--no-block');
  });

  test('/etc/hosts is not written anew for ever', () => {
    expect(seedOf().userData.manage_etc_hosts).toBe('localhost');
  });

  test('the first boot is begun when all files are there, and ends with cloud-init disabled', () => {
    const { runs } = seedOf();
    expect(runs.at(-1)).toMatch(/^systemctl start --no-block sala-first-boot\.service$/);
    const script = readFileSync(new URL('../provisioning/kit/first-boot.sh', import.meta.url), 'utf8');
    expect(script).toMatch(/etc\/cloud\/cloud-init\.disabled/);
  });
});

describe('The kernel’s command line', () => {
  const fresh =
    'console=serial0,115200 console=tty1 root=PARTUUID=1a2b3c4d-02 rootfstype=ext4 fsck.repair=yes rootwait resize';
  const display = kitOf({ kind: 'display' }).kit;
  const device = kitOf().kit;

  test('is one line that keeps the image’s own words and gains ours', () => {
    const line = reconcileCmdline(`${fresh}\n`, 'id-1', display);
    expect(line.endsWith('\n') && line.trimEnd().split('\n').length === 1).toBe(true);
    expect(line.startsWith(fresh)).toBe(true);
    expect(line.trim().split(' ')).toEqual(
      expect.arrayContaining(['ds=nocloud;i=id-1', 'video=HDMI-A-1:1920x1080M@60D', 'consoleblank=0']),
    );
    expect(reconcileCmdline(fresh, 'id-1', device)).not.toMatch(/video=|consoleblank/);
  });

  test('never keeps an instance id of before, which would win over the new one', () => {
    const first = reconcileCmdline(fresh, 'id-1', display);
    const second = reconcileCmdline(first, 'id-2', display);
    expect(second).not.toContain('id-1');
    expect(second.match(/ds=nocloud/g)).toHaveLength(1);
    expect(reconcileCmdline(second, 'id-2', display)).toBe(second);
    // A display card that becomes a device kit's loses what was the display's.
    expect(reconcileCmdline(second, 'id-3', device)).toBe(reconcileCmdline(fresh, 'id-3', device));
  });

  test('is mended where a slip of an editor or another tool left it in pieces', () => {
    const broken = `${fresh.replace(' root=', '\nroot=')}\r\n\n systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target\n`;
    expect(reconcileCmdline(broken, 'id-1', device)).toBe(reconcileCmdline(fresh, 'id-1', device));
  });

  test('tells the Wi-Fi its country, where there is Wi-Fi', () => {
    const wireless = kitOf({ network: { wifi: ['venue'] } }).kit;
    expect(reconcileCmdline(fresh, 'id-1', wireless)).toContain(' cfg80211.ieee80211_regdom=IT');
    expect(reconcileCmdline(fresh, 'id-1', device)).not.toContain('regdom');
    expect(seedOf({ network: { wifi: ['venue'] } }).runs.join('\n')).toMatch(/rfkill unblock wifi/);
  });
});

describe('Secrets', () => {
  const solo = seedOf({ kind: 'solo', network: { wifi: ['venue'] } });

  test('the enrolment token is a file of its own, and nowhere else', () => {
    const { files } = seedOf();
    const holders = files.filter(({ content }) => content.includes('enr_k1_'));
    expect(holders).toEqual([
      { path: 'sala/enrolment-token', content: `${kitSecret.enrolment?.token}\n`, secret: true },
    ]);
  });

  test('the PIN of a status page is on no partition that every computer reads in plain, where nothing asks for it', () => {
    expect(seedOf().files.some(({ content }) => content.includes(kitSecret.pin))).toBe(false);
  });

  test('a status page for the venue has its PIN with it, and listens where the sheet says; without one only the kit itself asks', () => {
    const open = seedOf({ status: true });
    expect(open.written('/etc/sala/status-pin')).toBe(`${kitSecret.pin}\n`);
    expect(open.modeOf('/etc/sala/status-pin')).toBe('0600');
    expect(open.written('/etc/sala/device.toml')).toContain('status-listen = "0.0.0.0:8081"');
    expect(statusAddress(open.kit)).toBe('http://kit.local:8081/');
    const closed = seedOf();
    expect(closed.written('/etc/sala/device.toml')).toContain('status-listen = "127.0.0.1:8081"');
    expect(closed.written('/etc/sala/status-pin')).toBeUndefined();
    expect(statusAddress(closed.kit)).toBeNull();
  });

  test('a status page on the venue’s network comes with its PIN, which only root reads', () => {
    const open = seedOf({ status: true });
    expect(open.written('/etc/sala/device.toml')).toContain('status-listen = "0.0.0.0:8081"');
    expect(open.written('/etc/sala/status-pin')).toBe(`${kitSecret.pin}\n`);
    expect(open.modeOf('/etc/sala/status-pin')).toBe('0600');
    expect(seedOf({ status: false }).written('/etc/sala/device.toml')).toContain('status-listen = "127.0.0.1:8081"');
  });

  test('whatever holds one says so, and only root reads it on the kit', () => {
    for (const { path, content, secret } of solo.files)
      if (/correct horse|admin-token-of/.test(content)) expect({ path, secret }).toEqual({ path, secret: true });
    expect(solo.modeOf(`${profiles}/sala-wifi-venue.nmconnection`)).toBe('0600');
    expect(solo.modeOf('/etc/sala/admin-token')).toBe('0600');
    expect(solo.written('/etc/sala/admin-token')).toBe(`${kitSecret.adminToken}\n`);
    for (const { path, permissions, content } of solo.userData.write_files)
      if (/correct horse|admin-token-of/.test(content)) expect([path, permissions]).toEqual([path, '0600']);
  });

  test('a pass phrase that is missing or cannot be one stops the seed, and is not repeated', () => {
    const wireless = { network: { wifi: ['venue'] } };
    expect(() => seedOf(wireless, {}, { ...kitSecret, wifi: {} })).toThrow('pass phrase of Wi-Fi "venue" is not known');
    expect(() => seedOf(wireless, {}, { ...kitSecret, wifi: { venue: 'shorty' } })).toThrow(/^(?!.*shorty).*8 to 63/);
    expect(() => seedOf(wireless, {}, { ...kitSecret, wifi: { venue: 'line\nbreak!' } })).toThrow('control character');
  });

  test('what a card would lack is told before it is written', () => {
    const { inventory, kit } = kitOf({ network: { wifi: ['venue'] } });
    expect(seedWarnings(inventory, kit, kitSecret, nowMs)).toEqual([]);
    const none = { ...kitSecret, enrolment: null, wifi: {} };
    expect(seedWarnings(inventory, kit, none, nowMs).join('\n')).toMatch(/no enrolment token[\s\S]*pass phrase/);
    expect(seedWarnings(inventory, kit, kitSecret, 2_000_000_000_000).join()).toMatch(/expired/);
    const warned = (wired: Written, changes: Written = {}, fields: Written = {}) => {
      const fixed = kitOf({ network: { wired, ...fields } }, changes);
      return seedWarnings(fixed.inventory, fixed.kit, kitSecret, nowMs).join('; ');
    };
    const lost =
      'reaches captions.example.org only in the net of 10.0.0.2/24: it has no gateway; does not find captions.example.org: its network has no dns';
    expect(warned({ address: '10.0.0.2/24' })).toBe(lost);
    expect(warned({ address: '10.0.0.2/24', gateway: '10.0.0.1', dns: ['10.0.0.1'] })).toBe('');
    expect(warned({ address: '10.0.0.2/24', gateway: '10.0.0.1' }, { relay: { url: 'http://10.0.0.9:8080' } })).toBe(
      '',
    );
    expect(warned({ address: '10.0.0.2/24' }, {}, { wifi: ['venue'] })).toBe('');
    const keyless = { ...inventory, release: { ...inventory.release, publicKeyPem: null } };
    expect(seedWarnings(keyless, kit, kitSecret, nowMs).join()).toMatch(/takes no updates/);
  });
});

describe('What the programs are told is what they understand', () => {
  const toml = (text: string | undefined) =>
    Object.fromEntries(
      Object.entries(parseToml(text ?? '')).map(([key, value]) => [
        key.replace(/-[a-z]/g, (part) => part.slice(1).toUpperCase()),
        value,
      ]),
    );
  // What the units add; the device looks at these two paths itself.
  const agent = agentSettings.strict();
  const device = deviceSettings.omit({ tokenFile: true, dataDir: true }).strict();
  const display = kioskSettings.strict();
  const relay = relayOptions.omit({ dataDir: true, adminTokenFile: true }).strict();

  test('a device kit', () => {
    const { written } = seedOf({ mixer: 'UMC204HD', channels: '1,2' });
    expect(agent.parse(toml(written('/etc/sala/kit.toml')))).toMatchObject({
      name: 'kit',
      kind: 'device',
      room: 'verdi',
      relay: 'wss://captions.example.org',
      notBefore: '2026-11-20T18:00:00.000Z',
    });
    expect(device.parse(toml(written('/etc/sala/device.toml')))).toMatchObject({
      relay: 'wss://captions.example.org',
      room: 'verdi',
      deviceId: 'kit',
      source: 'mixer:UMC204HD',
      channels: [1, 2],
    });
    for (const path of ['display.toml', 'relay.toml', 'admin-token'])
      expect(written(`/etc/sala/${path}`)).toBeUndefined();
    expect(written('/etc/sala/release-key.pub')).toBe(publicKeyPem);
  });

  test('a display kit', () => {
    const { written } = seedOf({ kind: 'display', screen: { page: 'partial=true&lines=6' } });
    expect(agent.parse(toml(written('/etc/sala/kit.toml'))).kind).toBe('display');
    expect(display.parse(toml(written('/etc/sala/display.toml')))).toMatchObject({
      relay: 'wss://captions.example.org',
      room: 'verdi',
      parameters: 'partial=true&lines=6',
    });
    for (const path of ['device.toml', 'relay.toml']) expect(written(`/etc/sala/${path}`)).toBeUndefined();
  });

  test('a solo kit is its own relay, and knows its room', () => {
    const { written } = seedOf({ kind: 'solo' }, { relay: undefined });
    expect(agent.parse(toml(written('/etc/sala/kit.toml')))).toMatchObject({
      kind: 'solo',
      relay: 'ws://127.0.0.1:8080',
      title: 'Sala Verdi',
      language: 'it-IT',
    });
    expect(device.parse(toml(written('/etc/sala/device.toml'))).relay).toBe('ws://127.0.0.1:8080');
    // Its unit has no file of settings of its own, but takes variables.
    expect(written('/etc/sala/relay.env')).toBe('SALA_CONFIG=/etc/sala/relay.toml\n');
    const unit = readFileSync(new URL('../systemd/sala-relay.service', import.meta.url), 'utf8');
    expect(unit).toMatch(/^EnvironmentFile=-\/etc\/sala\/relay\.env$/m);
    expect(display.parse(toml(written('/etc/sala/display.toml'))).relay).toBe('ws://127.0.0.1:8080');
    expect(relay.parse(toml(written('/etc/sala/relay.toml')))).toMatchObject({
      listen: { host: '0.0.0.0', port: 8080 },
      origin: ['http://kit.local:8080'],
      engine: 'pocketsphinx',
      language: 'it-IT',
    });
  });

  test('who serves a room looks for another one where the agent writes it', () => {
    const assignmentFile = '/var/lib/sala/assignment/assignment.json';
    const { written } = seedOf({ kind: 'solo' });
    expect(device.parse(toml(written('/etc/sala/device.toml')))).toMatchObject({ assignmentFile });
    expect(display.parse(toml(written('/etc/sala/display.toml')))).toMatchObject({ assignmentFile });
  });

  test('time, journal and the kit’s own name', () => {
    const { userData, written } = seedOf();
    expect(userData).toMatchObject({ hostname: 'kit', timezone: 'Europe/Rome' });
    expect(written('/etc/systemd/timesyncd.conf.d/sala.conf')).toBe('[Time]\nNTP=ntp.example.org\n');
    expect(written('/etc/systemd/journald.conf.d/sala.conf')).toMatch(/MaxUse=\d+M/);
    expect(seedOf({}, { ntp: [] }).written('/etc/systemd/timesyncd.conf.d/sala.conf')).toBeUndefined();
  });
});

test('twenty rooms with two kits each are rendered and read back in seconds', () => {
  const rooms = Array.from({ length: 20 }, (_, room) => ({ name: `room-${room}` }));
  const kits = rooms.flatMap(({ name }) => [
    { name: `${name}-sound`, kind: 'device', room: name, network: { wifi: ['venue'] } },
    { name: `${name}-screen`, kind: 'display', room: name },
  ]);
  const inventory = inventoryOf({ rooms, kits });
  const begin = performance.now();
  for (const kit of inventory.kits) renderSeed(inventory, kit, kitSecret, newInstanceId(kit), nowMs);
  // 0.3 s here; the promise is seconds.
  expect(performance.now() - begin).toBeLessThan(5000);
});
