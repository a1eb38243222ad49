import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { checkOptions, relayOptions } from '../relay/options.ts';
import { readConfiguration } from '../systemd/configuration.ts';

const dir = mkdtempSync(join(tmpdir(), 'sala-options-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const program = { usage: 'npm run relay --', summary: 'The relay.' };
const file = (name: string, text: string) => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};
function read(...flags: string[]) {
  const invocation = readConfiguration(relayOptions, program, flags, {});
  if ('help' in invocation) throw new Error('help was asked for');
  return invocation.settings;
}
const needed = ['--data-dir', dir, '--admin-token-file', file('admin', ' 0123456789abcdef\n')];

test('two settings are enough, all others have a default', () => {
  expect(read(...needed)).toMatchObject({
    listen: { host: '127.0.0.1', port: 8080 },
    engine: 'transcribe',
    language: 'en-US',
    maxReaders: 5000,
    logLevel: 'info',
  });
});

test('every mistake is listed at once', () => {
  const wrong = [
    '--listen',
    'here',
    '--engine',
    'whisper',
    '--language',
    'x y',
    '--max-readers',
    '0',
    '--log-level',
    'loud',
  ];
  let message = '';
  try {
    read(...wrong);
  } catch (error) {
    message = String(error);
  }
  for (const each of [
    '--listen',
    '--engine',
    'transcribe, pocketsphinx, sherpa, script:NAME',
    '--language',
    '--max-readers',
    '--log-level',
    '--data-dir',
    '--admin-token-file',
  ])
    expect(message).toContain(each);
});

test('sherpa as the engine of all rooms needs a model, and its languages are tags by commas', () => {
  expect(() => checkOptions(read(...needed, '--engine', 'sherpa'))).toThrow('--sherpa-model');
  const settings = read(...needed, '--engine', 'sherpa', '--sherpa-model', dir, '--sherpa-language', 'it, en-gb');
  expect(checkOptions(settings)).toBeDefined();
  expect(settings).toMatchObject({ sherpaModel: dir, sherpaLanguage: ['it', 'en-GB'], sherpaThreads: 1 });
  expect(() => read(...needed, '--sherpa-language', 'it;en')).toThrow('--sherpa-language');
});

test('the admin token is trimmed and compared whole', () => {
  const { adminToken } = checkOptions(read(...needed));
  expect(adminToken.matches('0123456789abcdef')).toBe(true);
  expect(adminToken.matches('0123456789abcde')).toBe(false);
  expect(adminToken.matches('')).toBe(false);
});

test('an admin token that is missing, short or several stops the start, beside every other mistake', () => {
  const files = [
    join(dir, 'none'),
    dir,
    file('short', '0123456789abcde'),
    file('two', '0123456789abcdef 0123456789abcdef'),
  ];
  for (const path of files) {
    const options = read('--data-dir', dir, '--admin-token-file', path, '--metrics-listen', '127.0.0.1:8080');
    let message = '';
    try {
      checkOptions(options);
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain('--admin-token-file');
    expect(message).toContain('--metrics-listen');
    expect(message).not.toContain('0123456789abcde');
  }
});

test('help names every setting', () => {
  const invocation = readConfiguration(relayOptions, program, ['--help'], {});
  expect('help' in invocation ? invocation.help : '').toContain('--admin-token-file FILE');
});

test('help names each default once', () => {
  const invocation = readConfiguration(relayOptions, program, ['--help'], {});
  expect('help' in invocation ? invocation.help : '').not.toMatch(/\] \[/);
});
