import { type ChildProcess, execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSource } from '../device/sources/index.ts';
import { createLog } from '../systemd/log.ts';
import { PulseRig } from './harness/pulse.ts';
import { SourceRecorder } from './harness/source-recorder.ts';
import { writeWav } from './harness/wav.ts';

const run = promisify(execFile);
const program = fileURLToPath(new URL('../device/loopback.ts', import.meta.url));
let rig: PulseRig;
let folder = '';
let players: ChildProcess[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sala-loopback-'));
  rig = await PulseRig.start(process.env);
  players = [];
});

afterEach(async () => {
  for (const player of players) player.kill('SIGKILL');
  await rig.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Plays a minute of `level` as the application `client`. */
function play(client: string, level: number): void {
  const path = join(folder, `${client}.wav`);
  writeWav(path, new Int16Array(16000 * 60).fill(level));
  players.push(rig.play(path, client));
}

async function loopback(...args: string[]): Promise<{ status: number; text: string }> {
  try {
    const { stdout, stderr } = await run(process.execPath, [program, ...args], { env: rig.env });
    return { status: 0, text: stdout + stderr };
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || !('stderr' in error)) throw error;
    return { status: Number(error.code), text: String(error.stderr) };
  }
}

const modules = () => rig.pactl('list', 'short', 'modules');

test('one application is captured, and no other', async () => {
  play('browser', 8000);
  play('music', 500);
  const { status, text } = await loopback('--app', 'Browser');
  expect(status).toBe(0);
  expect(text).toContain('PULSE_SOURCE=sala-loopback.monitor');
  expect(text).toContain('--source mixer:pulse --source-channels 1');

  const source = createSource('mixer:pulse', {
    log: createLog('silent')('test'),
    execPath: process.execPath,
    env: { ...rig.env, PULSE_SOURCE: 'sala-loopback.monitor' },
    rateHz: 16000,
    channels: 1,
  });
  const heard = new SourceRecorder();
  source.start(heard);
  // Mixed with the other one it would be 8500.
  await heard.until('the application alone', () =>
    heard.chunks.some(({ audio }) => audio.every((each) => Math.abs(each - 8000) < 40)),
  );
  await source.stop();
});

test('it waits for an application that is not there yet', async () => {
  const captured = loopback('--app', 'latecomer', '--wait', '20');
  await expect.poll(modules, { timeout: 15_000 }).toContain('sala-loopback');
  play('latecomer', 1000);
  expect((await captured).status).toBe(0);
});

test('an application that never plays is named, with what plays instead', async () => {
  play('browser', 1000);
  await expect.poll(() => rig.pactl('list', 'sink-inputs'), { timeout: 10_000 }).toContain('browser');
  const { status, text } = await loopback('--app', 'nobody', '--wait', '0');
  expect(status).toBe(1);
  expect(text).toContain('nobody');
  expect(text).toContain('browser');
});

test('clean removes what was made and nothing else, and the application plays on', async () => {
  await rig.pactl('load-module', 'module-null-sink', 'sink_name=sala-loopback-of-someone');
  const before = await modules();
  play('browser', 1000);
  await loopback('--app', 'browser', '--monitor');
  await loopback('--app', 'browser', '--monitor');
  const made = (await modules()).split('\n').filter((line) => /sala-loopback(\.| |$)/.test(line));
  expect(made.map((line) => line.split('\t')[1]).sort()).toEqual(['module-loopback', 'module-null-sink']);
  expect((await loopback('--clean')).status).toBe(0);
  expect(await modules()).toBe(before);
  const playing = await rig.pactl('list', 'short', 'sink-inputs');
  expect(playing.trim().split('\n')).toHaveLength(1);
  expect((await loopback('--clean')).status).toBe(0);
});

test('without an application it says what is missing', async () => {
  const { status, text } = await loopback();
  expect(status).toBe(78);
  expect(text).toContain('--app');
});

test('without a sound server it says so', async () => {
  await rig.killServer();
  const { status, text } = await loopback('--app', 'browser');
  expect(status).toBe(1);
  expect(text).toMatch(/sound server/);
});
