import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { RunningProgram, temporaryFolder } from './harness/programs.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const token = join(folder.path, 'token');
writeFileSync(token, 'a-token-long-enough-for-everyone\n', { mode: 0o600 });
const plainFile = join(folder.path, 'plain-file');
writeFileSync(plainFile, '');

const relay = (...args: string[]) => new RunningProgram('relay/main.ts', args);
const device = (...args: string[]) => new RunningProgram('device/main.ts', args);
const goodRelay = ['--data-dir', join(folder.path, 'relay'), '--admin-token-file', token];
const goodDevice = [
  '--relay',
  'ws://127.0.0.1:9',
  '--room',
  'hall',
  '--token-file',
  token,
  '--data-dir',
  join(folder.path, 'device'),
  '--source',
  'tone',
];

/** What a program printed before it ended, without log lines. */
async function ending(program: RunningProgram): Promise<{ status: number | null; words: string }> {
  const { status } = await program.exit;
  return { status, words: program.lines.filter((line) => !line.startsWith('{')).join('\n') };
}

describe('a configuration that cannot work', () => {
  test('stops the relay with status 78 and names every mistake at once', async () => {
    const { status, words } = await ending(
      relay('--listen', 'nonsense', '--engine', 'whisper', '--retain-hours', 'long', '--what'),
    );
    expect(status).toBe(78);
    for (const flag of ['--listen', '--engine', '--retain-hours', '--what', '--data-dir', '--admin-token-file'])
      expect(words).toContain(flag);
    expect(words).toContain('--help');
  });

  test('stops the device with status 78 and names every mistake at once', async () => {
    const { status, words } = await ending(
      device(
        '--relay',
        'http://x',
        '--room',
        'Big Hall',
        '--source',
        'microphone',
        '--channels',
        '0',
        '--token-file',
        '/none',
      ),
    );
    expect(status).toBe(78);
    for (const flag of ['--relay', '--room', '--source', '--channels', '--token-file', '--data-dir'])
      expect(words).toContain(flag);
  });

  test('is told by its environment variable or file where it came from there', async () => {
    const file = join(folder.path, 'relay.toml');
    writeFileSync(file, 'engine = "whisper"\ncolour = "red"\n');
    const program = new RunningProgram('relay/main.ts', [...goodRelay, '--config', file], { SALA_LISTEN: 'nowhere' });
    const { status, words } = await ending(program);
    expect(status).toBe(78);
    expect(words).toContain('SALA_LISTEN');
    expect(words).toContain(`${file}: engine`);
    expect(words).toContain('"colour" is not a setting');
  });

  test('a missing or broken sound file stops the device with status 78', async () => {
    const notWav = join(folder.path, 'not.wav');
    writeFileSync(notWav, 'this is no sound');
    for (const file of [join(folder.path, 'absent.wav'), notWav]) {
      const { status, words } = await ending(device(...goodDevice.slice(0, -1), `wav:${file}`));
      expect(status).toBe(78);
      expect(words).toContain(file);
    }
  });
});

describe('a machine that cannot take the program', () => {
  test('a busy port is one clear message', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const { status, words } = await ending(relay(...goodRelay, '--listen', `127.0.0.1:${port}`));
    expect(status).toBe(1);
    expect(words).toContain(String(port));
    expect(words).toContain('--listen');
    expect(words).not.toContain('    at '); // no stack
    const second = await ending(device(...goodDevice, '--status-listen', `127.0.0.1:${port}`));
    expect(second.status).toBe(1);
    expect(second.words).toContain('--status-listen');
    server.close();
  });

  test('a data folder that cannot be written is one clear message', async () => {
    const inside = join(plainFile, 'data'); // not even root can make a folder in a file
    const first = await ending(relay('--data-dir', inside, '--admin-token-file', token, '--listen', '127.0.0.1:0'));
    expect(first.status).not.toBe(0);
    expect(first.words).toContain(inside);
    expect(first.words).toContain('--data-dir');
    expect(first.words).not.toContain('    at ');
    const second = await ending(device(...goodDevice, '--data-dir', inside));
    expect(second.status).toBe(78);
    expect(second.words).toContain('--data-dir');
  });

  test('a database that is not one is named, with what to do', async () => {
    const dataDir = join(folder.path, 'damaged');
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'relay.db'), 'garbage'.repeat(10_000));
    const { status, words } = await ending(
      relay('--data-dir', dataDir, '--admin-token-file', token, '--listen', '127.0.0.1:0'),
    );
    expect(status).toBe(1);
    expect(words).toContain('relay.db');
    expect(words).toMatch(/move it away/i);
  });
});

test('--help of each program lists every setting and ends well', async () => {
  for (const program of [relay('--help'), device('--help')]) {
    const { status, words } = await ending(program);
    expect(status).toBe(0);
    expect(words).toContain('--data-dir');
    expect(words).toContain('SALA_DATA_DIR');
  }
});

test('SIGTERM ends relay and device within ten seconds with status 0', async () => {
  chmodSync(token, 0o600);
  const running = relay(...goodRelay, '--listen', '127.0.0.1:0');
  await running.event('listening');
  expect(await running.stop(10_000)).toBe(0);
  const source = device(...goodDevice);
  await source.event('started');
  expect(await source.stop(10_000)).toBe(0);
});
