import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { kinds } from '../provisioning/kit/packages/wanted.ts';
import { root } from './harness/programs.ts';

// Minutes, and 350 MB from Debian's archive the first time. The real install runs arm64 programs in an emulator and takes
// half an hour, on a busy machine three quarters of one: it wants a Debian Trixie for arm64 in SALA_ARM64_ROOT (debootstrap --arch=arm64), root and
// qemu-user-static with binfmt, and is skipped without them.

const packages = resolve(root, '.cache/packages');
const base = process.env.SALA_ARM64_ROOT ?? '';
const canChroot = (() => {
  try {
    return base !== '' && execFileSync('chroot', [base, 'uname', '-m'], { encoding: 'utf8' }).trim() === 'aarch64';
  } catch {
    return false;
  }
})();

const script = readFileSync(join(root, 'provisioning/kit/first-boot.sh'), 'utf8');
/** The first boot's own words: apt with nothing but the card's packages. */
const configure = (packages: string, work: string) =>
  `set -eu\nroot= packages='${packages}' work='${work}'\n${/^configure_apt\(\) \{\n[\s\S]*?^\}/m.exec(script)?.[0]}\nconfigure_apt\n`;

test('the packages of Debian satisfy themselves on every kind of kit, where nothing is installed yet', () => {
  execFileSync(process.execPath, [join(root, 'provisioning/main.ts'), 'bundle', packages], { stdio: 'inherit' });
  const folder = resolve(root, '.cache/packages-apt');
  const status = join(folder, 'status');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'state'), { recursive: true });
  execFileSync('sh', ['-c', configure(packages, folder)]);
  const config = join(folder, 'apt.conf');
  appendFileSync(
    config,
    `APT::Architecture "arm64";\nAPT::Architectures "arm64";\nDir::State "${folder}/state";\nDir::State::lists "${folder}/lists";\nDir::State::status "${status}";\nDebug::NoLocking "true";\n`,
  );
  writeFileSync(status, '');
  const env = { ...process.env, APT_CONFIG: config };
  execFileSync('apt-get', ['-qq', 'update'], { env });
  for (const kind of kinds) {
    const names = execFileSync('cat', [join(packages, `${kind}.list`)], { encoding: 'utf8' })
      .trim()
      .split('\n');
    // Fetches nothing but what is there: each file is there and is what was signed.
    const plan = execFileSync('apt-get', ['-qq', '--simulate', 'install', ...names], { env, encoding: 'utf8' });
    for (const name of names) expect(plan, kind).toMatch(new RegExp(`^Inst ${name.replaceAll('.', '\\.')} `, 'm'));
    execFileSync('apt-get', ['-qq', '--download-only', 'install', ...names], { env });
  }
});

test.skipIf(!canChroot)('they install in a Debian for arm64', { timeout: 7_200_000 }, () => {
  const place = resolve(root, '.cache/arm64-install');
  const inside = join(place, 'root');
  for (const name of ['root', 'upper', 'work']) mkdirSync(join(place, name), { recursive: true });
  execFileSync('mount', [
    '-t',
    'overlay',
    'overlay',
    '-o',
    `lowerdir=${base},upperdir=${place}/upper,workdir=${place}/work`,
    inside,
  ]);
  try {
    mkdirSync(join(inside, 'var/lib/sala/packages'), { recursive: true });
    execFileSync('mount', ['--bind', packages, join(inside, 'var/lib/sala/packages')]);
    execFileSync('mount', ['-t', 'proc', 'proc', join(inside, 'proc')]);
    writeFileSync(join(inside, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
    const install = 'apt-get -qq update && apt-get -qq install $(cat $packages/solo.list)';
    const words = `${configure('/var/lib/sala/packages', '/run/sala-first-boot')}export APT_CONFIG=$work/apt.conf DEBIAN_FRONTEND=noninteractive\n${install}`;
    execFileSync('chroot', [inside, 'sh', '-c', words], { stdio: ['ignore', 'inherit', 'inherit'] });
    expect(execFileSync('chroot', [inside, 'dpkg', '--audit'], { encoding: 'utf8' })).toBe('');
    expect(execFileSync('chroot', [inside, 'cage', '-v'], { encoding: 'utf8' })).toContain('0.');
  } finally {
    for (const name of ['proc', 'var/lib/sala/packages', '']) execFileSync('umount', ['-l', join(inside, name)]);
    rmSync(place, { recursive: true, force: true });
  }
});
