import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { relayOptions } from '../relay/options.ts';
import { readConfiguration } from '../systemd/configuration.ts';
import { root, temporaryFolder } from './harness/programs.ts';

/** `NAME=VALUE`. */
const pair = (text: string): [string, string] => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)];

const folder = temporaryFolder();
const unit = readFileSync(join(root, 'systemd/sala-relay.service'), 'utf8');
const settings = unit
  .split('\n')
  .filter((line) => line.includes('=') && !line.startsWith('#'))
  .map(pair);
const of = (name: string) => settings.filter(([each]) => each === name).map(([, value]) => value);
const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

beforeAll(() => {
  // systemd looks whether the command is there.
  const node = join(folder.path, 'opt/sala/current/bin/node');
  mkdirSync(dirname(node), { recursive: true });
  writeFileSync(node, '');
  chmodSync(node, 0o755);
  const path = join(folder.path, 'etc/systemd/system/sala-relay.service');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, unit);
});
afterAll(() => folder.remove());

describe.skipIf(!hasSystemd)('systemd-analyze, without which these are skipped,', () => {
  test('finds nothing unknown in the unit', () => {
    const path = join(folder.path, 'plain/sala-relay.service');
    mkdirSync(dirname(path));
    writeFileSync(path, unit.replaceAll('/opt/sala', join(folder.path, 'opt/sala')));
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
    expect(stderr.split('\n').filter((line) => line.includes('sala-relay'))).toEqual([]);
    expect(status).toBe(0);
  });

  test('finds a misspelt setting, so that the test above means something', () => {
    const path = join(folder.path, 'misspelt/sala-relay.service');
    mkdirSync(dirname(path));
    writeFileSync(path, unit.replace('ProtectSystem', 'ProtectSytem'));
    const { stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
    expect(stderr).toContain('ProtectSytem');
  });

  test('calls the relay well confined', () => {
    const path = join(folder.path, 'etc/systemd/system/sala-relay.service');
    const { status, stdout, stderr } = spawnSync(
      'systemd-analyze',
      ['security', '--offline=true', '--threshold=20', path],
      {
        encoding: 'utf8',
      },
    );
    expect(status, stdout + stderr).toBe(0);
  });
});

test('the unit starts what a release has, with settings that the relay knows', () => {
  const [command = ''] = of('ExecStart');
  expect(command).toMatch(/^\/opt\/sala\/current\/bin\/node .*\/opt\/sala\/current\/relay\/main\.js$/);
  expect(existsSync(join(root, 'relay/main.ts'))).toBe(true);
  const given = of('Environment').flatMap((line) => line.split(' ').map(pair));
  const { NODE_ENV, ...env } = Object.fromEntries(given);
  expect(NODE_ENV).toBe('production');
  const known = Object.keys(relayOptions.shape).map(
    (key) => `SALA_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`,
  );
  expect(Object.keys(env).filter((name) => !known.includes(name))).toEqual([]);
  expect(readConfiguration(relayOptions, { usage: '', summary: '' }, [], env)).toHaveProperty('settings');
});

test('it is never given up, stopped later than the relay stops itself, and watched only where the relay feeds the watchdog', () => {
  expect([of('Restart'), of('StartLimitIntervalSec')]).toEqual([['always'], ['0']]);
  expect(Number(of('TimeoutStopSec')[0])).toBeGreaterThan(10);
  const feeds = readFileSync(join(root, 'relay/main.ts'), 'utf8').includes('notifier.watch(');
  expect(of('WatchdogSec').length > 0).toBe(feeds);
});
