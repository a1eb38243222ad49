import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { eventually, onDisk, temporaryFolder, upTo, wholeBlocks } from './harness/device-core.ts';
import { FakeRelay } from './harness/fake-relay.ts';
import { numberedBlocks } from './harness/numbered-signal.ts';

const main = fileURLToPath(new URL('../device/main.ts', import.meta.url));
const statusOf = z.object({ health: z.object({ state: z.string(), buffer: z.object({ diskBytes: z.number() }) }) });

let relay: FakeRelay;
let folder: ReturnType<typeof temporaryFolder>;
const children: ChildProcess[] = [];

beforeEach(async () => {
  relay = new FakeRelay();
  await relay.start();
  folder = temporaryFolder();
  writeFileSync(join(folder.path, 'token'), 'secret\n', { mode: 0o600 });
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await relay.stop();
  folder.remove();
});

/** 16 kHz mono WAV of the numbered test signal. */
function wav(blocks: number): string {
  const audio = Buffer.from(numberedBlocks(0, blocks).buffer);
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + audio.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(16_000, 24);
  header.writeUInt32LE(32_000, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(audio.length, 40);
  const path = join(folder.path, 'signal.wav');
  writeFileSync(path, Buffer.concat([header, audio]));
  return path;
}

function device(source: string, extra: string[] = [], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const settings = ['--relay', relay.url, '--room', 'aula', '--token-file', join(folder.path, 'token')];
  const child = spawn(
    process.execPath,
    [main, ...settings, '--data-dir', join(folder.path, 'data'), '--source', source, ...extra],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } },
  );
  children.push(child);
  return child;
}

async function statusPort(child: ChildProcess): Promise<number> {
  for await (const line of child.stderr ?? []) {
    const port = /"statusPort":(\d+)/.exec(String(line))?.[1];
    if (port) return Number(port);
  }
  throw new Error('the device did not start');
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const [code] = await once(child, 'exit');
  return z.number().nullable().parse(code);
}

test('a played file arrives whole, and the program ends by itself once all is stored', async () => {
  const child = device(`wav:${wav(30)}`);
  expect(await exitOf(child)).toBe(0);
  const id = [...relay.streams.keys()][0] ?? '';
  expect(relay.streams.get(id)?.report.ended).toBe(true);
  expect(wholeBlocks(relay.samples(id))).toEqual(upTo(30));
});

test('SIGTERM spills what is unstored, says good-bye with 1001 and exits with 0', async () => {
  relay.stores = false;
  const child = device(`wav:${wav(100)}?loop=1`);
  await relay.until(() => relay.frames.length >= 15);
  child.kill('SIGTERM');
  expect(await exitOf(child)).toBe(0);
  await relay.until(() => relay.closes.length === 1);
  expect(relay.closes).toEqual([1001]);
  const received = [...relay.streams.values()][0]?.received.at(-1)?.[1] ?? 0;
  expect(onDisk(join(folder.path, 'data')).samples).toBeGreaterThanOrEqual(received);
});

test('after kill -9 the spilled audio comes back as an older stream', async () => {
  relay.refuseStatus = 503;
  const first = device(`wav:${wav(200)}?loop=1`, ['--status-listen', '127.0.0.1:0']);
  const port = await statusPort(first);
  let disk = 0;
  await eventually(() => {
    void fetch(`http://127.0.0.1:${port}/status.json`)
      .then((response) => response.json())
      .then((body) => {
        disk = statusOf.parse(body).health.buffer.diskBytes;
      })
      .catch(() => undefined);
    return disk > 24_576 + 96_000;
  }, 'three seconds on disk');
  first.kill('SIGKILL');
  await exitOf(first);
  relay.refuseStatus = null;
  device(`wav:${wav(200)}?loop=1`);
  await relay.until(() => relay.streams.size === 2, 'both streams');
  const older = [...relay.streams.values()].find(({ report }) => report.ended);
  expect(older?.report.edge).toBeGreaterThanOrEqual(48_000);
  await relay.until(() => older?.received.at(-1)?.[1] === older?.report.edge, 'all of the older stream');
  expect(older?.received).toEqual([[0, older?.report.edge]]);
  const id = older?.report.id ?? '';
  expect(wholeBlocks(relay.samples(id)).slice(0, 30)).toEqual(upTo(30));
});

test('every mistake of the configuration is listed at once, with status 78', async () => {
  const child = device('microphone', ['--room', 'Aula Magna', '--relay', 'http://x', '--token-file', '/nowhere/token']);
  let said = '';
  child.stderr?.on('data', (part) => {
    said += String(part);
  });
  expect(await exitOf(child)).toBe(78);
  for (const name of ['--relay', '--room', '--token-file', '--source']) expect(said).toContain(name);
  expect(said).not.toContain('    at ');
});

test('systemd hears of ready, of the state, and is fed only while the program works', async () => {
  const bin = join(folder.path, 'systemd-notify');
  const said = join(folder.path, 'said');
  writeFileSync(said, '');
  writeFileSync(bin, `#!/bin/sh\necho "$@" >> ${said}\n`);
  chmodSync(bin, 0o755);
  const child = device('tone', [], {
    PATH: `${folder.path}:${process.env.PATH}`,
    NOTIFY_SOCKET: join(folder.path, 'socket'),
    WATCHDOG_USEC: '1000000',
  });
  await eventually(() => /--ready/.test(readFileSync(said, 'utf8')), 'ready');
  await eventually(() => (readFileSync(said, 'utf8').match(/WATCHDOG=1/g) ?? []).length >= 2, 'the watchdog is fed');
  child.kill('SIGTERM');
  expect(await exitOf(child)).toBe(0);
  expect(readFileSync(said, 'utf8')).toContain('STOPPING=1');
});
