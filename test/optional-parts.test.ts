import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { root, temporaryFolder } from './harness/programs.ts';
import { until } from './harness/until.ts';

let folder = temporaryFolder();
afterEach(() => {
  folder.remove();
  folder = temporaryFolder();
});

/** A copy of some folders beside a node_modules that lacks some packages. */
function install(parts: readonly string[], without: RegExp): string {
  for (const part of parts) cpSync(join(root, part), join(folder.path, part), { recursive: true });
  const packages = readdirSync(join(root, 'node_modules')).flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(root, 'node_modules', name)).map((each) => `${name}/${each}`) : [name],
  );
  for (const name of packages.filter((each) => !each.startsWith('.') && !without.test(each))) {
    mkdirSync(join(folder.path, 'node_modules', name, '..'), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(folder.path, 'node_modules', name));
  }
  writeFileSync(join(folder.path, 'token'), 'a-token-long-enough-for-everyone', { mode: 0o600 });
  return folder.path;
}

async function printsEvent(main: string, args: readonly string[], event: string): Promise<void> {
  const child = spawn(process.execPath, [join(folder.path, main), ...args], {
    cwd: folder.path,
    env: {},
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  child.stderr.on('data', (bytes) => {
    output += String(bytes);
  });
  const exit = new Promise((resolve) => child.once('exit', resolve));
  try {
    await until(() => output.includes(`"event":"${event}"`) || child.exitCode !== null || undefined, { what: event });
    expect(output).toContain(`"event":"${event}"`);
  } finally {
    child.kill('SIGTERM');
    await exit;
  }
  expect(child.exitCode).toBe(0);
}

test('the relay starts without naudiodon and koffi', async () => {
  const dir = install(
    ['relay', 'systemd', 'display', 'package.json'],
    /^(naudiodon|koffi|@koromix\/.*|segfault-handler)$/,
  );
  const files = ['--data-dir', join(dir, 'data'), '--admin-token-file', join(dir, 'token')];
  await printsEvent('relay/main.ts', ['--listen', '127.0.0.1:0', '--engine', 'pocketsphinx', ...files], 'listening');
});

test('the relay starts without sherpa-onnx-node, also where all rooms are to use it', async () => {
  const dir = install(['relay', 'systemd', 'display', 'package.json'], /^sherpa-onnx-/);
  const files = ['--data-dir', join(dir, 'data'), '--admin-token-file', join(dir, 'token'), '--sherpa-model', dir];
  await printsEvent('relay/main.ts', ['--listen', '127.0.0.1:0', '--engine', 'sherpa', ...files], 'listening');
});

test('the relay starts without the AWS SDK, also where all rooms are to use it', async () => {
  const dir = install(['relay', 'systemd', 'display', 'package.json'], /^(@aws-sdk|@smithy)(\/|$)/);
  const files = ['--data-dir', join(dir, 'data'), '--admin-token-file', join(dir, 'token')];
  await printsEvent('relay/main.ts', ['--listen', '127.0.0.1:0', '--engine', 'transcribe', ...files], 'listening');
});

test('the device starts without the AWS SDK, and with nothing of the relay but the wire', async () => {
  const dir = install(
    ['device', 'systemd', 'display', 'relay/protocol.js', 'package.json'],
    /^(@aws-sdk|@smithy|hono|@hono)(\/|$)/,
  );
  const files = ['--data-dir', join(dir, 'data'), '--token-file', join(dir, 'token')];
  await printsEvent(
    'device/main.ts',
    ['--relay', 'ws://127.0.0.1:9', '--room', 'hall', '--source', 'tone', ...files],
    'started',
  );
});
