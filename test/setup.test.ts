import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

/** Set-up in a checkout of its own, on a machine whose Node, npm and package manager only write down what is asked of them. */
let folder = '';
let checkout = '';
let bin = '';
let calls = '';

const wanted = {
  packages: {
    '': {},
    'node_modules/zod': { version: '4.0.0' },
    'node_modules/for-mac': { version: '1.0.0', optional: true },
  },
};

function command(path: string, script: string): void {
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

const record = (name: string) => `echo "${name} $*" >>'${calls}'`;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sala-set-up-'));
  checkout = join(folder, 'a checkout');
  bin = join(folder, 'bin');
  calls = join(folder, 'calls');
  writeFileSync(calls, '');
  mkdirSync(join(checkout, 'provisioning'), { recursive: true });
  mkdirSync(bin);
  for (const name of ['setup.sh', 'installed.js'])
    copyFileSync(new URL(`../provisioning/${name}`, import.meta.url), join(checkout, 'provisioning', name));
  writeFileSync(join(checkout, 'package.json'), '{"type":"module"}');
  writeFileSync(join(checkout, 'package-lock.json'), JSON.stringify(wanted));

  for (const name of ['sh', 'env', 'dirname', 'grep', 'tr', 'cp', 'cat', 'mkdir', 'ln', 'rm', 'sed'])
    symlinkSync(execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim(), join(bin, name));
  symlinkSync(process.execPath, join(bin, 'node'));
  const lock = `'${checkout}/package-lock.json'`;
  command(
    join(bin, 'npm'),
    `${record('npm')}
     mkdir -p node_modules/.bin
     case $1 in
       ci) cp ${lock} node_modules/.package-lock.json ;;
       rebuild) ln -sf '${process.execPath}' node_modules/.bin/node ;;
     esac`,
  );
  command(join(bin, 'dpkg-query'), `case "$INSTALLED" in *" $3 "*|*all*) printf installed ;; *) exit 1 ;; esac`);
  command(join(bin, 'apt-get'), record('apt-get'));
  command(join(bin, 'sudo'), `${record('sudo')}; shift; exec "$@"`);
  command(join(bin, 'id'), 'echo "$USER_ID"');
  command(join(bin, 'flac'), 'exit 0');
});
afterEach(() => rmSync(folder, { recursive: true }));

function setUp(mode: string, env: Record<string, string> = {}) {
  const { status, stderr, stdout } = spawnSync(join(checkout, 'provisioning/setup.sh'), [mode], {
    cwd: '/',
    env: { PATH: bin, USER_ID: '0', INSTALLED: 'all', CI: 'true', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
  });
  const called = readFileSync(calls, 'utf8').split('\n').filter(Boolean);
  writeFileSync(calls, '');
  return { status, said: stderr, stdout, called, apt: called.filter((call) => call.startsWith('apt-get')) };
}

test('a fresh checkout gets its packages and Node, and a second run does nothing and says nothing', () => {
  const first = setUp('start');
  expect(first.status).toBe(0);
  expect(first.called.map((call) => call.split(' ').slice(0, 3).join(' '))).toEqual([
    'npm ci --ignore-scripts',
    'npm rebuild node',
  ]);
  const second = setUp('start');
  expect(second).toMatchObject({ status: 0, said: '', stdout: '', called: [] });
});

test('a lock file that asks for another version brings the packages again', () => {
  setUp('start');
  const packages = { ...wanted.packages, 'node_modules/zod': { version: '4.0.1' } };
  writeFileSync(join(checkout, 'package-lock.json'), JSON.stringify({ packages }));
  expect(setUp('start').called.join()).toContain('npm ci');
  expect(setUp('start').called).toEqual([]);
});

test('only what is missing is asked of Debian, after renewing its lists', () => {
  const { status, apt } = setUp('start', { INSTALLED: ' libportaudio2 libpocketsphinx3 ' });
  expect(status).toBe(0);
  expect(apt).toHaveLength(2);
  expect(apt[0]).toMatch(/ update$/);
  expect(apt[1]).toMatch(/ install --yes --no-install-recommends pocketsphinx-en-us$/);
});

describe('servers that the tests start themselves', () => {
  const nothingMissing = { INSTALLED: 'all' };
  /** `apt-get download` puts a package here, `dpkg -x` a command out of it. */
  const offer = () => {
    command(
      join(bin, 'apt-get'),
      `${record('apt-get')}
       case "$*" in
         *download*) [ ! -e '${folder}/offline' ] || exit 100; echo >"$3_1_all.deb" ;;
         -s*install*) echo 'Inst cloud-init (22.4 Debian:12 [all])'; echo 'Conf cloud-init (22.4 Debian:12 [all])' ;;
       esac`,
    );
    command(
      join(bin, 'dpkg'),
      `${record('dpkg')}
       case "$2" in
         *nginx*) to="$3/usr/sbin"; name=nginx ;;
         *caddy*) to="$3/usr/bin"; name=caddy ;;
         *) to="$3/usr/bin"; name=cloud-init ;;
       esac
       mkdir -p "$to"; echo >"$to/$name"; chmod +x "$to/$name"`,
    );
    for (const name of [
      'chromium-headless-shell',
      'pulseaudio',
      'pactl',
      'arecord',
      'ffmpeg',
      'jq',
      'openssl',
      'python3',
      'mcopy',
      'sfdisk',
      'mke2fs',
      'xz',
      'zstd',
      'fusefat',
      'mkfs.vfat',
      'gpg',
    ])
      command(join(bin, name), '');
    symlinkSync(execFileSync('sh', ['-c', 'command -v chmod'], { encoding: 'utf8' }).trim(), join(bin, 'chmod'));
  };

  test.skipIf(existsSync('/usr/sbin/nginx'))('are unpacked, never installed, and only once', () => {
    offer();
    const first = setUp('test', nothingMissing);
    expect(first.status).toBe(0);
    expect(first.apt).toEqual([
      'apt-get -qq download nginx',
      'apt-get -qq download caddy',
      'apt-get -s -qq --no-install-recommends install cloud-init network-manager',
      'apt-get -qq download cloud-init',
    ]);
    expect(existsSync(join(checkout, '.cache/debian/usr/sbin/nginx'))).toBe(true);
    expect(existsSync(join(checkout, '.cache/debian/usr/bin/caddy'))).toBe(true);
    expect(existsSync(join(checkout, '.cache/debian/seed/usr/bin/cloud-init'))).toBe(true);
    expect(setUp('test', nothingMissing)).toMatchObject({ status: 0, said: '', called: [] });
  });

  test('that the machine has are left alone', () => {
    offer();
    for (const name of ['nginx', 'caddy', 'cloud-init', 'nmcli']) command(join(bin, name), '');
    expect(setUp('test', nothingMissing)).toMatchObject({ status: 0, apt: [] });
  });

  test('are named where they cannot be had, after the lists were renewed', () => {
    offer();
    writeFileSync(join(folder, 'offline'), '');
    const { status, said, apt } = setUp('test', { ...nothingMissing, PATH: bin });
    expect(status).toBe(1);
    expect(said).toMatch(/the tests need Debian's (nginx|caddy)/);
    expect(apt.some((call) => call.endsWith(' update'))).toBe(true);
  });

  test('are nothing that the demonstration asks for', () => {
    offer();
    expect(setUp('start', nothingMissing).apt).toEqual([]);
  });
});

test('packages alone never ask anything of Debian', () => {
  expect(setUp('packages', { INSTALLED: '' }).apt).toEqual([]);
});

test('somebody who is not root uses sudo, without a question where nobody can answer', () => {
  const { called } = setUp('start', { USER_ID: '1000', INSTALLED: '' });
  expect(called.filter((call) => call.startsWith('sudo'))[0]).toMatch(/^sudo -n env/);
});

test('with neither root nor sudo it says what to install and goes on, but not to the tests', () => {
  rmSync(join(bin, 'sudo'));
  const start = setUp('start', { USER_ID: '1000', INSTALLED: '' });
  expect(start.said).toContain('apt-get install libpocketsphinx3 pocketsphinx-en-us libportaudio2');
  expect(start.status).toBe(0);
  const tests = setUp('test', { USER_ID: '1000', INSTALLED: '' });
  expect(tests.status).toBe(1);
});

test('a system without apt is told what to install', () => {
  rmSync(join(bin, 'apt-get'));
  rmSync(join(bin, 'dpkg-query'));
  const { status, said } = setUp('start');
  expect(said).toContain('libpocketsphinx3');
  expect(status).toBe(0);
});

test('a Node that is too old is named', () => {
  rmSync(join(bin, 'node'));
  command(join(bin, 'node'), 'case $1 in -p) echo 18 ;; *) echo v18.1.0 ;; esac');
  const { status, said } = setUp('start');
  expect(status).toBe(1);
  expect(said).toContain('v18.1.0');
});

test('what npm said is shown when it fails', () => {
  command(join(bin, 'npm'), 'echo "the disk is full" >&2; exit 1');
  const { status, said } = setUp('start');
  expect(status).toBe(1);
  expect(said).toContain('the disk is full');
});

test('a sound card reader that cannot be built is said once and stops nothing', () => {
  setUp('start');
  mkdirSync(join(checkout, 'node_modules/naudiodon'));
  for (const name of ['g++', 'make', 'python3']) command(join(bin, name), 'exit 1');
  const { status, said, called } = setUp('start');
  expect(status).toBe(0);
  expect(called.join()).toContain('npm rebuild naudiodon');
  expect(said).toContain('naudiodon does not work here');
  expect(setUp('start')).toMatchObject({ status: 0, called: [] });
});
