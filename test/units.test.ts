import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { deviceSettings } from '../device/options.ts';
import { kioskSettings } from '../display/kiosk/options.ts';
import { wantedPackages } from '../provisioning/kit/packages/wanted.ts';
import { relayOptions } from '../relay/options.ts';
import { agentSettings } from '../systemd/agent/options.ts';
import { root, temporaryFolder } from './harness/programs.ts';

/** `NAME=VALUE`. */
const pair = (text: string): [string, string] => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)];

class Unit {
  readonly text: string;
  readonly #settings: readonly [string, string][];

  constructor(name: string) {
    this.text = readFileSync(join(root, 'systemd', name), 'utf8');
    this.#settings = this.text
      .split('\n')
      .filter((line) => line.includes('=') && !line.startsWith('#'))
      .map(pair);
  }

  of(name: string): string[] {
    return this.#settings.filter(([each]) => each === name).map(([, value]) => value);
  }

  get environment(): Record<string, string> {
    return Object.fromEntries(this.of('Environment').flatMap((line) => line.split(' ').map(pair)));
  }
}

const names = readdirSync(join(root, 'systemd')).filter((name) => /^sala-.*\.(service|timer|target)$/.test(name));
/** What each program's unit runs, what it knows of settings, how exposed it may be by `systemd-analyze security`, times 10. */
const programs: readonly [unit: string, file: string, settings: z.ZodObject, exposure: number][] = [
  ['sala-relay.service', 'relay/main.ts', relayOptions, 20],
  ['sala-device.service', 'device/main.ts', deviceSettings, 20],
  ['sala-display.service', 'display/kiosk/main.ts', kioskSettings, 40],
  ['sala-agent.service', 'systemd/agent/main.ts', agentSettings, 40],
];

const folder = temporaryFolder();
const place = (name: string) => join(folder.path, 'units', name);
const commands = ['opt/sala/current/bin/node', 'usr/bin/cage', 'usr/local/lib/sala/boot.sh'];
const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

beforeAll(() => {
  // systemd looks whether the commands are there.
  for (const path of commands.map((each) => join(folder.path, each))) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '');
    chmodSync(path, 0o755);
  }
  mkdirSync(dirname(place('x')), { recursive: true });
  for (const name of names) {
    const text = new Unit(name).text;
    const here = commands.reduce((all, each) => all.replaceAll(`/${each}`, join(folder.path, each)), text);
    writeFileSync(place(name), here);
  }
  // A package of Debian's brings it.
  writeFileSync(place('seatd.service'), '[Service]\nExecStart=/bin/true\n');
});
afterAll(() => folder.remove());

const verify = (...paths: readonly string[]) => {
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...paths], {
    encoding: 'utf8',
    env: { ...process.env, SYSTEMD_UNIT_PATH: `${dirname(place('x'))}:` },
  });
  return { status, complaints: stderr.split('\n').filter((line) => line.includes('sala-')) };
};

describe.skipIf(!hasSystemd)('systemd-analyze, without which these are skipped,', () => {
  test('finds nothing unknown in any unit', () => {
    expect(names.length).toBeGreaterThan(8);
    expect(verify(...names.map(place))).toEqual({ status: 0, complaints: [] });
  });

  test('finds a misspelt setting, so that the test above means something', () => {
    const path = join(folder.path, 'misspelt/sala-relay.service');
    mkdirSync(dirname(path));
    writeFileSync(path, readFileSync(place('sala-relay.service'), 'utf8').replace('ProtectSystem', 'ProtectSytem'));
    expect(verify(path).complaints.join()).toContain('ProtectSytem');
  });

  test.each(programs)('calls %s well confined', (name, _file, _settings, exposure) => {
    const path = join(folder.path, 'etc/systemd/system', name);
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(place(name), path);
    const { status, stdout, stderr } = spawnSync(
      'systemd-analyze',
      ['security', '--offline=true', `--threshold=${exposure}`, path],
      { encoding: 'utf8' },
    );
    expect(status, stdout + stderr).toBe(0);
  });
});

describe.each(programs)('%s', (name, file, settings) => {
  const unit = new Unit(name);

  test('starts what a release has, with settings that the program knows', () => {
    const [command = ''] = unit.of('ExecStart');
    expect(command).toContain(`/opt/sala/current/bin/node --max-semi-space-size=2 --v8-pool-size=1 /opt/sala/current/`);
    expect(command).toContain(`/opt/sala/current/${file.replace(/ts$/, 'js')}`);
    expect(existsSync(join(root, file))).toBe(true);
    const given = Object.keys(unit.environment).filter((each) => each.startsWith('SALA_'));
    const known = Object.keys(settings.shape).map(
      (key) => `SALA_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`,
    );
    expect(given.filter((each) => !known.includes(each))).toEqual([]);
    expect(unit.environment.NODE_ENV).toBe('production');
  });

  test('is never given up, stopped later than the program stops itself, and watched', () => {
    expect([unit.of('Restart'), unit.of('StartLimitIntervalSec')]).toEqual([['always'], ['0']]);
    expect(Number(unit.of('TimeoutStopSec')[0])).toBeGreaterThanOrEqual(10);
    expect([unit.of('Type'), unit.of('NotifyAccess')]).toEqual([['notify'], ['all']]);
    expect(Number(unit.of('WatchdogSec')[0])).toBeGreaterThanOrEqual(20);
  });

  test('waits for neither the network nor the time', () => {
    for (const setting of ['After', 'Wants', 'Requires', 'BindsTo'])
      expect(unit.of(setting).join(' ')).not.toMatch(/network|time-sync|time-set/);
  });

  test('keeps to a bound of memory, where it shares the machine', () => {
    if (name !== 'sala-relay.service') expect(unit.of('MemoryMax')).toHaveLength(1);
  });
});

test('keys reach programs as credentials, and a kit without one starts all the same', () => {
  for (const name of ['sala-device.service', 'sala-display.service']) {
    const unit = new Unit(name);
    expect(unit.of('LoadCredential')).toContain('kit-key:/var/lib/sala/kit/key');
    expect(unit.of('SetCredential')).toContain('kit-key:not-enrolled');
    // One that is missing would keep the unit from starting.
    const named = (settings: readonly string[]) => settings.map((each) => each.split(':')[0]);
    expect(named(unit.of('SetCredential'))).toEqual(named(unit.of('LoadCredential')));
    expect(unit.environment.SALA_TOKEN_FILE).toBe('%d/kit-key');
  }
});

test('the PIN of the status page reaches the device alone, and a kit without one starts all the same', () => {
  const unit = new Unit('sala-device.service');
  expect(unit.of('LoadCredential')).toContain('status-pin:/etc/sala/status-pin');
  expect(unit.of('SetCredential')).toContain('status-pin:none');
  expect(unit.environment.SALA_STATUS_PIN_FILE).toBe('%d/status-pin');
});

test('what the screen’s unit asks of Debian is on the card', () => {
  const unit = new Unit('sala-display.service');
  expect(unit.of('ExecStart')[0]).toMatch(/^\/usr\/bin\/cage /);
  expect(unit.of('Wants')).toEqual(['seatd.service']);
  for (const kind of ['display', 'solo'] as const)
    expect(wantedPackages[kind]).toEqual(expect.arrayContaining(['cage', 'seatd', 'chromium']));
});

test('each target wants units that are there', () => {
  for (const name of names.filter((each) => each.endsWith('.target'))) {
    const wanted = new Unit(name).of('Wants').join(' ').split(' ');
    expect(wanted.filter((each) => !names.includes(each))).toEqual([]);
    expect(wanted).toContain('sala-guard.timer');
  }
});
