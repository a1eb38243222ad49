import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import type { Command, CommandCall } from '../provisioning/kit/command.ts';
import { commands } from '../provisioning/kit/commands/index.ts';
import { ConfigurationError, SalaError } from '../systemd/errors.ts';
import { writeInventory } from './harness/kit-inventory.ts';
import { kitCommand } from './harness/kit-terminal.ts';
import { lastingPort } from './harness/ports.ts';

/** A second: how sala-kit takes its commands, with commands of the test; once as the program itself. */

let call: CommandCall | null = null;

const command = (fields: Partial<Command>): Command => ({
  name: 'cook',
  summary: 'Cooks a meal.',
  operands: 'DISH [SIDE…]',
  options: {
    salt: { type: 'string', short: 's', value: 'GRAMS', help: 'how much of it' },
    hot: { type: 'boolean', help: 'with chilli' },
    guest: { type: 'string', multiple: true, value: 'NAME', help: 'who comes' },
  },
  run: (given) => {
    call = given;
    return Promise.resolve(0);
  },
  ...fields,
});

const serve = command({ name: 'serve', operands: '', options: {}, summary: 'Serves it.' });
const kit = (...args: string[]) => kitCommand(args, [command({}), serve]);

test('a command gets its operands and options as they were typed', async () => {
  expect(
    await kit('cook', 'soup', '-s', '3', '--hot', 'bread', '--guest', 'Ada', '--guest=Rosa', '--', '--wine'),
  ).toEqual({
    status: 0,
    out: '',
    err: '',
  });
  expect(call).toEqual({
    values: { salt: '3', hot: true, guest: ['Ada', 'Rosa'] },
    positionals: ['soup', 'bread', '--wine'],
  });
});

test('help is made of the commands themselves: all of them, and each', async () => {
  for (const word of ['--help', '-h', 'help']) {
    const { status, out } = await kit(word);
    expect(status).toBe(0);
    expect(out).toMatch(/cook DISH \[SIDE…\] +Cooks a meal\.\n +serve +Serves it\./);
  }
  const { status, out } = await kit('cook', '--salt', '--help');
  expect(status).toBe(0);
  expect(out).toMatch(/^Cooks a meal\.\n\nUsage: npm run kit -- cook DISH \[SIDE…\] \[options\]/);
  expect(out).toMatch(/-s, --salt GRAMS +how much of it\n +--hot +with chilli\n/);
});

test.each([
  [['cok'], '"cok" is not a command; did you mean "cook"?'],
  [['dance'], '"dance" is not a command\n'],
  [['cook', 'soup', '--slat', '3'], 'cook: --slat is not an option; did you mean "salt"?'],
  [['cook', 'soup', '--toString'], 'cook: --toString is not an option'],
  [['cook', 'soup', '--salt'], 'cook: --salt needs a value'],
  [['cook', 'soup', '--hot=very'], 'cook: --hot takes no value'],
  [['cook'], 'cook: it takes DISH [SIDE…]'],
  [['serve', 'now'], 'serve: "now" is one too many'],
])('%j is a mistake that is named, status 2', async (args, said) => {
  call = null;
  const { status, out, err } = await kit(...args);
  expect({ status, out, call }).toEqual({ status: 2, out: '', call: null });
  expect(err).toContain(said);
  expect(err).toMatch(/--help/);
});

test('without a command it says which there are, and that this was not one', async () => {
  const { status, out, err } = await kit();
  expect({ status, out }).toEqual({ status: 2, out: '' });
  expect(err).toMatch(/cook DISH/);
});

test('a fault is told with its hint: status 1; one of the inventory: 78', async () => {
  const failing = (error: unknown) => kitCommand(['serve'], [{ ...serve, run: () => Promise.reject(error) }]);
  const fault = new SalaError('The oven is cold.', { code: 'cold', hint: 'Light it.' });
  expect(await failing(fault)).toEqual({ status: 1, out: '', err: 'The oven is cold.\nLight it.\n' });
  expect((await failing(new ConfigurationError(['no salt', 'no pot']))).status).toBe(78);
  expect((await kitCommand(['serve'], [{ ...serve, run: () => Promise.resolve(1) }])).status).toBe(1);
});

test('Ctrl-C ends a command with status 130, and nothing is said of what broke off', async () => {
  const interrupted = new AbortController();
  const waits: Command = {
    ...serve,
    run: (_, { signal }) =>
      new Promise((_, fail) => signal.addEventListener('abort', () => fail(new Error('torn off')))),
  };
  const running = kitCommand(['serve'], [waits], { signal: interrupted.signal });
  interrupted.abort();
  expect(await running).toEqual({ status: 130, out: '', err: '' });
});

test('every command of sala-kit has its help, and its name once', async () => {
  expect(new Set(commands.map(({ name }) => name)).size).toBe(commands.length);
  for (const { name } of commands) {
    const { status, out } = await kitCommand([name, '--help'], commands);
    expect({ name, status }).toEqual({ name, status: 0 });
    expect(out).toContain(`Usage: npm run kit -- ${name}`);
  }
});

const main = resolve(import.meta.dirname, '../provisioning/main.ts');

test('the program itself answers, with the status of its command', () => {
  const kitProgram = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
  expect(kitProgram('--help')).toMatchObject({ status: 0, stdout: expect.stringMatching(/plan INVENTORY/) });
  expect(kitProgram('plan', '/nowhere/kits.toml')).toMatchObject({ status: 78, stdout: '' });
});

// Ctrl-C reaches it from the terminal and once more through npm.
test('the program ends by Ctrl-C, which comes twice, from whatever it waits for', async () => {
  const port = await lastingPort();
  const silent = createServer(() => {}).listen(port, '127.0.0.1');
  await once(silent, 'listening');
  const file = writeInventory({ relay: { url: `http://127.0.0.1:${port}` } });
  writeFileSync(`${file}.token`, 'a-token-of-more-than-16-letters');
  const running = spawn(process.execPath, [main, 'enrol', file, '--admin-token-file', `${file}.token`]);
  await once(silent, 'connection');
  running.kill('SIGINT');
  running.kill('SIGINT');
  expect(await once(running, 'exit')).toEqual([130, null]);
  silent.closeAllConnections();
  silent.close();
});
