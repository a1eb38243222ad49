import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { awsRegion } from '../provisioning/aws-configuration.ts';

const root = new URL('..', import.meta.url).pathname;
let folder = '';
let child: ChildProcess | null = null;
let output = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sala-start-'));
  output = '';
});
afterEach(() => {
  child?.kill('SIGTERM');
  child = null;
  rmSync(folder, { recursive: true, force: true });
});

/** `npm start` without the set-up before it; TMPDIR shows what it leaves behind. */
function start(...args: string[]): Promise<number | null> {
  const process_ = spawn(process.execPath, [join(root, 'provisioning/start.ts'), ...args], {
    cwd: '/',
    env: { PATH: '/usr/bin:/bin', TMPDIR: folder, HOME: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child = process_;
  for (const stream of [process_.stdout, process_.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  return new Promise((resolve) => process_.on('close', resolve));
}

const shown = (pattern: RegExp, timeout = 60_000) =>
  vi.waitFor(
    () => {
      const match = pattern.exec(output);
      if (!match) throw new Error(`not shown so far: ${output}`);
      return match[1] ?? match[0];
    },
    { timeout, interval: 50 },
  );

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

/** The processes whose command line names `text`. */
function processesOf(text: string): string[] {
  return execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(text));
}

test('the tests run on the Node that the programs run on', () => {
  expect(process.version).toMatch(/^v24\./);
});

describe('the demonstration', () => {
  test('prints the captions of the bundled speech, serves its page, and Ctrl-C leaves nothing behind', async () => {
    const port = await freePort();
    const ended = start('--listen', `127.0.0.1:${port}`, '--engine', 'pocketsphinx');
    const page = await shown(/(http:\S+\/rooms\/demo)/);
    expect(page).toBe(`http://127.0.0.1:${port}/rooms/demo`);
    expect((await fetch(page)).status).toBe(200);
    const token = readFileSync(await shown(/\/admin, with the token in (\S+)/), 'utf8').trim();
    const login = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token }) };
    expect((await fetch(`http://127.0.0.1:${port}/api/session`, login)).status).toBe(200);
    expect(output).not.toContain(token);
    await shown(/welcome to the conference/i);
    expect(processesOf(folder).length).toBeGreaterThanOrEqual(2);

    const asked = performance.now();
    child?.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(performance.now() - asked).toBeLessThan(10_000);
    expect(processesOf(folder)).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
    expect(output).not.toContain('That was all'); // it was not
  }, 90_000);

  test('takes the next free port where its own is in use', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const ended = start('--listen', `127.0.0.1:${port}`, '--engine', 'pocketsphinx', '--source', 'tone');
    expect(Number(await shown(/:(\d+)\/rooms\/demo/))).toBeGreaterThan(port);
    child?.kill('SIGTERM');
    expect(await ended).toBe(0);
    taken.close();
  }, 90_000);

  test('stopped while it starts leaves nothing behind', async () => {
    const ended = start('--listen', `127.0.0.1:${await freePort()}`, '--engine', 'pocketsphinx');
    await vi.waitFor(() => expect(processesOf(folder).length).toBeGreaterThanOrEqual(1), {
      timeout: 30_000,
      interval: 5,
    });
    child?.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(processesOf(folder)).toEqual([]);
  }, 60_000);

  test('stopped in a hurry, by a second Ctrl-C, leaves nothing behind either', async () => {
    const ended = start('--listen', `127.0.0.1:${await freePort()}`, '--engine', 'pocketsphinx', '--source', 'tone');
    await shown(/rooms\/demo/);
    child?.kill('SIGINT');
    child?.kill('SIGTERM');
    await ended;
    await vi.waitFor(() => expect(processesOf(folder)).toEqual([]), { timeout: 10_000, interval: 20 });
    expect(readdirSync(folder)).toEqual([]);
  }, 60_000);

  test('shows what a part says that cannot start, and ends', async () => {
    const ended = start(
      '--listen',
      `127.0.0.1:${await freePort()}`,
      '--engine',
      'pocketsphinx',
      '--source',
      'nonsense',
    );
    expect(await ended).toBe(1);
    expect(output).toContain('--source');
    expect(processesOf(folder)).toEqual([]);
  }, 60_000);
});

describe('Amazon Transcribe is chosen', () => {
  const none = { env: {}, home: '/home/any', read: () => '' };

  test('with a region and credentials in the environment', () => {
    expect(awsRegion({ ...none, env: { AWS_REGION: 'eu-south-1', AWS_ACCESS_KEY_ID: 'any' } })).toBe('eu-south-1');
  });

  test('with a profile in the home folder', () => {
    const files: Record<string, string> = {
      '/home/any/.aws/config': '[profile other]\nregion = us-east-1\n[default]\nregion = eu-west-1\n',
      '/home/any/.aws/credentials': '[default]\naws_access_key_id = any\n',
    };
    expect(awsRegion({ ...none, read: (path) => files[path] ?? '' })).toBe('eu-west-1');
  });

  test('on an EC2 machine with a region', () => {
    const read = (path: string) => (path.endsWith('sys_vendor') ? 'Amazon EC2\n' : '');
    expect(awsRegion({ ...none, env: { AWS_REGION: 'eu-south-1' }, read })).toBe('eu-south-1');
  });

  test.each([
    ['nothing', {}, ''],
    ['a region alone', { AWS_REGION: 'eu-south-1' }, ''],
    ['credentials alone', { AWS_ACCESS_KEY_ID: 'any' }, ''],
    ['another profile', { AWS_REGION: 'eu-south-1' }, '[other]\naws_access_key_id = any\n'],
  ])('not with %s', (_, env, credentials) => {
    const read = (path: string) => (path.endsWith('credentials') ? credentials : '');
    expect(awsRegion({ ...none, env, read })).toBeNull();
  });
});
