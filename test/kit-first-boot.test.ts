import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { firstBootSeed } from '../provisioning/kit/seed/first-boot.ts';
import { type Kind, KitRoot } from './harness/kit-root.ts';
import { root as project } from './harness/programs.ts';

// Costs about 5 s: a shell script in a folder, with a power failure before some of its commands (before each of them:
// kit-first-boot.long.ts).

const kits: KitRoot[] = [];
const newKit = (kind?: Kind) => {
  const kit = new KitRoot(kind);
  kits.push(kit);
  return kit;
};
afterEach(() => {
  for (const kit of kits.splice(0)) kit.remove();
});

const done = 'var/lib/sala/kit/first-boot.done';
const breadcrumb = (kit: KitRoot) => kit.read('boot/firmware/sala/first-boot.log').trim().split('\n');

describe('the first boot of a kit', () => {
  test('installs what the card holds, puts Sala in its place and says that it is done, last of all', () => {
    const kit = newKit();
    const { status, said } = kit.run('first-boot.sh');
    expect(said).toContain('verdi-1 is ready');
    expect(status).toBe(0);
    expect(kit.read('var/lib/dpkg/installed').trim().split('\n')).toEqual(['libportaudio2', 'alsa-utils']);
    const { lasting } = { lasting: kit.lasting() };
    expect(lasting['opt/sala']).toBe('-> /var/lib/sala/software');
    expect(lasting['usr/local/lib/sala/boot.sh']).toMatch(/^755 #!\/bin\/sh/);
    expect(lasting['etc/systemd/system/multi-user.target.wants/sala-boot.service']).toBe(
      '-> /etc/systemd/system/sala-boot.service',
    );
    expect(lasting['etc/systemd/system/apt-daily.timer']).toBe('-> /dev/null');
    expect(lasting['etc/systemd/system.conf.d/sala.conf']).toContain('RuntimeWatchdogSec=');
    expect(lasting['etc/systemd/journald.conf.d/sala.conf']).toContain('SystemMaxUse=');
    expect(kit.has('etc/users-made')).toBe(true);
    expect(kit.has('etc/cloud/cloud-init.disabled')).toBe(true);
    expect(lasting[done]).toBe('600 verdi-1-first\n');
    expect(lasting['var/lib/sala/kit']).toBe('700');
    expect(kit.read('etc/fstab')).toContain('defaults,noatime 0 1');
    const { calls } = kit;
    const order = [
      'resize2fs',
      'apt-get -qq update',
      'apt-get -qq --fix-broken',
      'systemd-sysusers',
      'cloud-init.disabled',
    ];
    const places = [...order, 'first-boot.done', 'start sala-boot.service'].map((what) =>
      calls.findIndex((call) => call.includes(what)),
    );
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    // Between the last change and the mark there is a sync of everything.
    expect(calls.slice(places[4], places[5])).toContain('sync ');
  });

  test('asks apt for the card alone, and for nothing that a network could bring', () => {
    const kit = newKit();
    kit.write(
      'bin/apt-get',
      `#!/bin/sh\ncase "$*" in *update*) cp "$APT_CONFIG" '${kit.path('apt.conf')}'; cat '${kit.path('var/lib/sala/kit/first-boot/sources')}' >'${kit.path('sources')}' ;; esac\n`,
      0o755,
    );
    kit.run('first-boot.sh');
    expect(kit.read('sources').trim().split('\n')).toEqual([
      `deb [arch=arm64 signed-by=${kit.root}/usr/share/keyrings/debian-archive-keyring.gpg] file:${kit.root}/var/lib/sala/packages/debian trixie main`,
    ]);
    const settings = execFileSync('apt-config', ['dump'], {
      env: { ...process.env, APT_CONFIG: kit.path('apt.conf') },
      encoding: 'utf8',
    });
    expect(settings).toContain(`Dir::Etc::sourcelist "${kit.root}/var/lib/sala/kit/first-boot/sources"`);
    expect(settings).not.toMatch(/Dir::Etc::sourceparts "(sources\.list\.d)?"/);
    expect(settings).toContain('Acquire::Check-Valid-Until "false"');
  });

  test('is the same when it is done a second time, and asks for no package again', () => {
    const kit = newKit('display');
    kit.run('first-boot.sh');
    const once = kit.lasting();
    const { status } = kit.run('first-boot.sh');
    expect(status).toBe(0);
    expect(kit.lasting()).toEqual(once);
    expect(kit.calls.filter((call) => call.startsWith('apt-get'))).toEqual([]);
  });

  test('makes a display kit read-only from the next start on, in place of nothing but the root', () => {
    const kit = newKit('display');
    kit.run('first-boot.sh');
    const lines = kit
      .read('etc/fstab')
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/));
    expect(lines[0]).toEqual(['PARTUUID=a-01', '/boot/firmware', 'vfat', 'defaults', '0', '2']);
    expect(lines[1]?.[3]?.split(',')[0]).toBe('ro');
    expect(lines[1]?.[3]).toContain('noatime');
    expect(lines.slice(2).map(([, at]) => at)).toEqual(
      expect.arrayContaining(['/var/log', '/var/tmp', '/var/lib/NetworkManager', '/var/lib/systemd']),
    );
    expect(lines.slice(2).map(([, , type]) => type)).not.toContain('ext4');
    expect(lines.flatMap(([, at]) => at)).not.toContain('/var/lib/bluetooth');
  });

  test('sets a clock of 1970 forward to when the card was made, and never sets one back', () => {
    const kit = newKit();
    kit.write('clock', '@12');
    expect(kit.run('first-boot.sh').said).toContain('the clock was behind');
    // The lists of packages are younger than the seed here.
    expect(kit.read('clock').trim()).toBe(`@${Date.UTC(2026, 10, 14, 10) / 1000}`);
    const later = newKit();
    later.write('clock', '@4000000000');
    later.run('first-boot.sh');
    expect(later.read('clock')).toBe('@4000000000');
  });

  test('says where it stopped, on the console and on the card, without a secret, and begins again', () => {
    const kit = newKit();
    kit.write('boot/firmware/sala/enrolment-token', 'enr_1_the-secret\n');
    kit.write('apt-fails', '');
    const { status, said } = kit.run('first-boot.sh');
    expect(status).toBe(100);
    expect(said).toContain('stopped while installing packages from the card');
    expect(kit.has(done)).toBe(false);
    expect(kit.has('etc/cloud/cloud-init.disabled')).toBe(false);
    expect(kit.calls).not.toContain('systemctl --no-block start sala-boot.service');
    expect(breadcrumb(kit).at(-1)).toContain('stopped while installing packages');
    kit.erase('apt-fails');
    expect(kit.run('first-boot.sh').status).toBe(0);
    expect(breadcrumb(kit).at(-1)).toContain('verdi-1 (device): done');
    expect(kit.read('boot/firmware/sala/first-boot.log')).toHaveLength(4096);
    expect(kit.read('boot/firmware/sala/first-boot.log')).not.toContain('secret');
  });

  test('a card without the kind of its kit is not guessed at', () => {
    const kit = newKit();
    kit.write('etc/sala/kit.toml', 'name = "verdi-1"\nkind = "lamp"\n');
    expect(kit.run('first-boot.sh')).toMatchObject({ status: 78 });
    expect(kit.calls.filter((call) => call.startsWith('apt-get'))).toEqual([]);
  });

  test.each(['device', 'display'] as const)('a %s kit ends the same wherever the power failed', (kind) => {
    const whole = newKit(kind);
    whole.run('first-boot.sh');
    const [wanted, count] = [whole.lasting(), whole.calls.length];
    expect(count).toBeGreaterThan(60);
    for (let cutAt = 5; cutAt < count; cutAt += Math.ceil(count / 3)) {
      const kit = newKit(kind);
      expect(kit.run('first-boot.sh', { cutAt }).signal, `before command ${cutAt}`).toBe('SIGKILL');
      expect(kit.run('first-boot.sh').status, `after a cut before command ${cutAt}`).toBe(0);
      expect(kit.lasting(), `after a cut before command ${cutAt}`).toEqual(wanted);
    }
  });
});

describe('new settings on a card', () => {
  test('start cloud-init and the first boot once more, on a root that can be written', () => {
    const kit = newKit('display');
    kit.run('first-boot.sh');
    kit.seed('verdi-1-second');
    expect(kit.run('seed.sh').status).toBe(0);
    expect(kit.calls).toContain('systemctl --no-block reboot');
    expect(kit.calls).toContain(`mount -o remount,rw ${kit.root}/`);
    expect(kit.has(done)).toBe(false);
    expect(kit.has('etc/cloud/cloud-init.disabled')).toBe(false);
    expect(kit.read('etc/fstab')).not.toContain('tmpfs');
    expect(kit.read('etc/fstab')).toMatch(/ \/ ext4 rw,/);
    kit.run('first-boot.sh');
    expect(kit.read(done)).toBe('verdi-1-second\n');
    expect(kit.read('etc/fstab')).toMatch(/ \/ ext4 ro,/);
    kit.run('seed.sh');
    expect(kit.calls).not.toContain('systemctl --no-block reboot');
  });

  test('the same settings start nothing, nor does a first boot that has not ended', () => {
    const kit = newKit();
    kit.run('seed.sh');
    expect(kit.calls).not.toContain('systemctl --no-block reboot');
    kit.run('first-boot.sh');
    kit.run('seed.sh');
    expect(kit.calls).not.toContain('systemctl --no-block reboot');
    expect(kit.has(done)).toBe(true);
  });
});

test('the seed gives cloud-init nothing that could be done only once', () => {
  const [command] = firstBootSeed.bootcmd;
  expect(command?.join(' ')).toContain('/var/lib/cloud/instance/sem/config_');
  expect(firstBootSeed.writeFiles.every((file) => !('append' in file))).toBe(true);
  const service = firstBootSeed.writeFiles.find(({ path }) => path.endsWith('sala-first-boot.service'))?.content ?? '';
  expect(service).toContain(`ConditionPathExists=!/${done}`);
  expect(service).toContain('first-boot.sh');
});

test('both scripts are plain shell', () => {
  for (const name of ['first-boot.sh', 'seed.sh'])
    execFileSync('dash', ['-n', join(project, 'provisioning/kit', name)]);
});
