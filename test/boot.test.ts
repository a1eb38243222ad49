import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { root, temporaryFolder } from './harness/programs.ts';

/** Counts each command that changes something, and ends the script by SIGKILL before number CUT, like a power cut. */
const counting = (command: string, real: string) => `#!/bin/sh
n=$(($(cat "$SALA_ROOT/count") + 1))
echo $n >"$SALA_ROOT/count"
if [ "$n" = "\${CUT:-0}" ]; then kill -9 0; fi
echo "${command} $*" >>"$SALA_ROOT/calls"
${real}
`;

let folder: ReturnType<typeof temporaryFolder>;
const path = (name: string) => join(folder.path, name);
const write = (name: string, text: string) => {
  mkdirSync(dirname(path(name)), { recursive: true });
  writeFileSync(path(name), text);
};

/** A release as far as the script looks at it; its units name it. */
function release(version: string) {
  const at = `var/lib/sala/software/releases/${version}`;
  write(`${at}/bin/node`, '');
  chmodSync(path(`${at}/bin/node`), 0o755);
  for (const name of ['sala-agent.service', 'sala-device.service', 'sala-boot.service', 'sala-guard.timer'])
    write(`${at}/systemd/${name}`, version);
  write(`${at}/systemd/sala-device.target`, 'Wants=sala-agent.service sala-device.service sala-guard.timer\n');
  write(`${at}/systemd/85-sala-mixer.rules`, version);
  write(`${at}/systemd/sala-kit.sysusers.conf`, version);
}

const charge = (version: string) => {
  rmSync(path('var/lib/sala/software/current'), { force: true });
  symlinkSync(`releases/${version}`, path('var/lib/sala/software/current'));
};
const inCharge = () => readlinkSync(path('var/lib/sala/software/current')).replace('releases/', '');
const pending = 'var/lib/sala/kit/update/pending';
/** The agent put `version` in charge on trial. */
const onTrial = (version: string, previous: string) => {
  write(pending, `VERSION=${version}\nPREVIOUS=${previous}\n`);
  charge(version);
};
const rolledBack = () => {
  const file = path('var/lib/sala/kit/update/rolled-back');
  return existsSync(file) ? readFileSync(file, 'utf8') : null;
};
const unitsOf = () => readFileSync(path('run/systemd/system/sala-agent.service'), 'utf8');
const calls = () => (existsSync(path('calls')) ? readFileSync(path('calls'), 'utf8').split('\n') : []);

function run(order: string, { cut = 0, uptime = 30 } = {}) {
  write('proc/uptime', `${uptime}.25 50.00\n`);
  write('count', '0');
  rmSync(path('calls'), { force: true });
  // In a session of its own, all of which a cut ends.
  return spawnSync('setsid', ['--wait', 'sh', join(root, 'systemd/boot.sh'), order], {
    encoding: 'utf8',
    env: { PATH: `${path('shims')}:${process.env.PATH}`, SALA_ROOT: folder.path, CUT: String(cut) },
  });
}

/** A card with two releases, the first of them in charge, and with nothing else. */
function makeCard() {
  rmSync(folder.path, { recursive: true });
  write('etc/sala/kit.toml', 'relay = "wss://relay.example.org"\nkind = "device"\n');
  for (const each of ['mv', 'ln', 'rm']) write(`shims/${each}`, counting(each, `exec /bin/${each} "$@"`));
  for (const each of ['sync', 'systemctl', 'udevadm', 'systemd-sysusers']) write(`shims/${each}`, counting(each, ''));
  for (const each of readdirSync(path('shims'))) chmodSync(path(`shims/${each}`), 0o755);
  release('1.0.0');
  release('1.1.0');
  charge('1.0.0');
}

beforeEach(() => {
  folder = temporaryFolder();
  makeCard();
});
afterEach(() => folder.remove());

describe('at each start', () => {
  test('the units of the release in charge are put in their places and started, those of another go', () => {
    write('run/systemd/system/sala-old.service', 'old');
    const { status, stdout, stderr } = run('boot');
    expect([status, stdout, stderr]).toEqual([0, '', '']);
    expect(readdirSync(path('run/systemd/system')).toSorted()).toEqual([
      'sala-agent.service',
      'sala-device.service',
      'sala-device.target',
      'sala-guard.timer',
    ]);
    expect(readFileSync(path('run/udev/rules.d/85-sala-mixer.rules'), 'utf8')).toBe('1.0.0');
    expect(readFileSync(path('run/sysusers.d/sala-kit.conf'), 'utf8')).toBe('1.0.0');
    const last = calls().filter((line) => line.startsWith('systemctl'));
    expect(last).toEqual(['systemctl daemon-reload', 'systemctl start --no-block sala-device.target']);
  });

  test('a release on trial has three starts, then the one before it is in charge again, and why is written down', () => {
    onTrial('1.1.0', '1.0.0');
    for (let start = 0; start < 3; start++) {
      expect(run('boot').status).toBe(0);
      expect([inCharge(), unitsOf(), rolledBack()]).toEqual(['1.1.0', '1.1.0', null]);
    }
    expect(run('boot').status).toBe(0);
    expect([inCharge(), unitsOf()]).toEqual(['1.0.0', '1.0.0']);
    expect(rolledBack()).toBe('VERSION=1.1.0\nREASON=it did not get well in 3 starts\n');
    expect(existsSync(path(pending))).toBe(false);
  });

  test('a release that the agent confirmed starts as often as it likes', () => {
    onTrial('1.1.0', '1.0.0');
    run('boot');
    rmSync(path(pending));
    for (let start = 0; start < 5; start++) run('boot');
    expect([inCharge(), rolledBack()]).toEqual(['1.1.0', null]);
  });

  test('a later trial has three starts of its own', () => {
    onTrial('1.1.0', '1.0.0');
    for (let start = 0; start < 4; start++) run('boot');
    onTrial('1.1.0', '1.0.0');
    run('boot');
    expect(inCharge()).toBe('1.1.0');
  });

  test('where the release in charge cannot start, the one before it does, or any that is whole', () => {
    onTrial('1.1.0', '1.0.0');
    rmSync(path('var/lib/sala/software/releases/1.1.0/bin'), { recursive: true });
    expect(run('boot').status).toBe(0);
    expect(inCharge()).toBe('1.0.0');
    rmSync(path('var/lib/sala/software/current'));
    expect(run('boot').status).toBe(0);
    expect(inCharge()).toBe('1.0.0');
    write('var/lib/sala/software/releases/1.2.0.part/bin/node', 'not executable');
    charge('1.2.0.part');
    expect(run('boot').status).toBe(0);
    expect(inCharge()).toBe('1.0.0');
  });

  test('a card without any release, or of no kind, says so', () => {
    write('etc/sala/kit.toml', 'kind = "toaster"\n');
    const kind = run('boot');
    expect([kind.status, kind.stderr]).toEqual([1, expect.stringContaining('kind = "device"')]);
    rmSync(path('var/lib/sala/software/releases'), { recursive: true });
    const { status, stdout } = run('boot');
    expect([status, stdout]).toEqual([1, expect.stringContaining('flash it again')]);
  });

  test('a name that leads elsewhere is no release', () => {
    write('elsewhere/bin/node', '');
    chmodSync(path('elsewhere/bin/node'), 0o755);
    onTrial('../../../../elsewhere', '1.1.0');
    expect(run('boot').status).toBe(0);
    expect(inCharge()).toBe('1.1.0');
  });

  test('what a torn file says counts for nothing', () => {
    write(pending, '\0\0\0\0');
    write(`${pending}.starts`, 'x y');
    expect(run('boot').status).toBe(0);
    expect([inCharge(), rolledBack()]).toEqual(['1.0.0', null]);
  });
});

describe('each minute', () => {
  test('a release that was on trial for five minutes is taken back, by how long the machine runs', () => {
    onTrial('1.1.0', '1.0.0');
    run('boot', { uptime: 20 });
    for (const uptime of [60, 120, 359]) {
      run('guard', { uptime });
      expect(inCharge()).toBe('1.1.0');
    }
    expect(run('guard', { uptime: 361 }).stdout).toContain('release 1.1.0 is taken back');
    expect([inCharge(), unitsOf()]).toEqual(['1.0.0', '1.0.0']);
    expect(rolledBack()).toContain('it was not well within 5 minutes');
    expect(calls()).toContain('systemctl restart --no-block sala-agent.service sala-device.service sala-guard.timer');
  });

  test('nothing happens without a trial, or once it was confirmed', () => {
    run('guard', { uptime: 60 });
    onTrial('1.1.0', '1.0.0');
    run('guard', { uptime: 120 });
    rmSync(path(pending));
    run('guard', { uptime: 9000 });
    expect([inCharge(), calls().filter((line) => line.startsWith('systemctl'))]).toEqual(['1.1.0', []]);
  });

  test('without another release the one on trial stays', () => {
    onTrial('1.1.0', '0.9.0');
    run('guard', { uptime: 60 });
    expect(run('guard', { uptime: 900 }).stdout).toContain('there is no other');
    expect([inCharge(), existsSync(path(pending))]).toEqual(['1.1.0', false]);
  });
});

test('after a switch the units of the new release run', () => {
  run('boot');
  onTrial('1.1.0', '1.0.0');
  expect(run('switch').status).toBe(0);
  expect(unitsOf()).toBe('1.1.0');
  expect(calls()).toContain('systemctl restart --no-block sala-agent.service sala-device.service sala-guard.timer');
});

describe('a power cut before any of its steps', () => {
  const scenes: Readonly<Record<string, () => string>> = {
    'of the fourth start of a trial': () => {
      onTrial('1.1.0', '1.0.0');
      write(`${pending}.starts`, '3');
      return 'boot';
    },
    'of a start without a release in charge': () => {
      rmSync(path('var/lib/sala/software/current'));
      return 'boot';
    },
    'of the guard': () => {
      onTrial('1.1.0', '1.0.0');
      write('run/sala-boot/trial', '1.1.0 60\n');
      return 'guard';
    },
  };
  test.each(Object.entries(scenes))('%s leaves a release that starts', (_name, arrange) => {
    const order = arrange();
    let cuts = 0;
    for (let cut = 1; ; cut++) {
      makeCard();
      arrange();
      if (run(order, { cut, uptime: 900 }).status === 0) break;
      cuts++;
      // Memory is empty after a cut.
      rmSync(path('run'), { recursive: true, force: true });
      expect(run('boot').status, `cut ${cut}`).toBe(0);
      const version = inCharge();
      expect(lstatSync(path(`var/lib/sala/software/releases/${version}/bin/node`)).isFile()).toBe(true);
      expect(unitsOf(), `cut ${cut}`).toBe(version);
      if (existsSync(path(pending))) expect(version, `cut ${cut}`).toBe('1.1.0');
      if (rolledBack()) expect(version, `cut ${cut}`).toBe('1.0.0');
    }
    expect(cuts).toBeGreaterThan(5);
  });
});
