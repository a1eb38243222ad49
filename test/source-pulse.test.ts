import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createSource, listSources } from '../device/sources/index.ts';
import type { Source } from '../device/sources/source.ts';
import { createLog } from '../systemd/log.ts';
import { changedBlocks, playNumbered } from './harness/numbered-run.ts';
import { PulseRig } from './harness/pulse.ts';
import { SourceRecorder } from './harness/source-recorder.ts';

const log = createLog('silent')('test');
const cleanup: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const step of cleanup.splice(0).reverse()) await step();
});

/** Process ids of the children of `parent` whose command line has `name` in it. */
function childrenOf(parent: number, name: string): number[] {
  return readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8')
    .split(' ')
    .map(Number)
    .filter((pid) => pid > 0 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(name));
}

function capture(rig: PulseRig): { source: Source; heard: SourceRecorder } {
  const source = createSource('mixer:mixer', {
    log,
    execPath: process.execPath,
    env: rig.env,
    rateHz: 16000,
    channels: 1,
  });
  const heard = new SourceRecorder();
  source.start(heard);
  return { source, heard };
}

test('every sample of the room reaches the device once, unchanged and in order', { timeout: 80_000 }, async () => {
  const count = 100;
  const result = await playNumbered(count);
  expect(result.blocks.map(({ number }) => number)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
  expect(changedBlocks(result), result.xruns.slice(0, 3).join(' | ')).toEqual([]);
  const first = result.blocks[0]?.start ?? 0;
  expect(result.blocks.map(({ start }) => start - first)).toEqual(result.blocks.map((_, i) => i * 1600));
  expect(result.states).toEqual(['starting', 'capturing']);
});

/** Promised to whoever plugs and unplugs. */
const noticedWithinMs = 1500;
const capturedWithinMs = 3000;

test('a killed capture process is replaced, and capture goes on', async () => {
  const rig = await PulseRig.start(process.env);
  cleanup.push(() => rig.stop());
  const { source, heard } = capture(rig);
  cleanup.push(() => source.stop());
  await heard.untilState('capturing');
  const before = heard.states.length;
  for (const pid of childrenOf(process.pid, 'mixer-child')) process.kill(pid, 'SIGKILL');
  await heard.untilState('capture-failed', before);
  const failed = heard.states.length;
  await heard.untilState('capturing', failed);
  const heardSoFar = heard.chunks.length;
  await heard.until('more audio', () => heard.chunks.length > heardSoFar + 5);
});

test('a capture process that stands still is replaced as fast as an unplugged mixer is noticed', async () => {
  const rig = await PulseRig.start(process.env, { prompt: true });
  cleanup.push(() => rig.stop());
  const { source, heard } = capture(rig);
  cleanup.push(() => source.stop());
  await heard.untilState('capturing');
  const before = heard.states.length;
  const stoppedMs = performance.now();
  for (const pid of childrenOf(process.pid, 'mixer-child')) process.kill(pid, 'SIGSTOP');
  await heard.untilState('fault', before);
  expect(performance.now() - stoppedMs).toBeLessThan(noticedWithinMs);
  await heard.untilState('capturing', before);
  expect(performance.now() - stoppedMs).toBeLessThan(noticedWithinMs + capturedWithinMs);
});

test.each([
  ['as it was', {}, ['mixer']],
  ['under another index', {}, ['another', 'mixer', 'a third']],
  ['at another rate', { rateHz: 48_000 }, ['mixer']],
  ['with other channels', { rateHz: 44_100, channels: 2 }, ['mixer']],
])('an unplugged mixer is noticed within 1.5 s, and captured within 3 s of its return %s', async (_, back, cards) => {
  const rig = await PulseRig.start(process.env, { prompt: true });
  cleanup.push(() => rig.stop());
  const { source, heard } = capture(rig);
  cleanup.push(() => source.stop());
  await heard.untilState('capturing');
  const before = heard.states.length;
  const unpluggedMs = performance.now();
  await rig.killServer();
  await heard.untilState('fault', before);
  const noticedMs = performance.now() - unpluggedMs;
  await heard.untilState('mixer-absent', before);
  const absent = heard.states.length;
  rig.showCards(cards);
  await rig.startServer(back);
  const pluggedInMs = performance.now();
  await heard.untilState('capturing', absent);
  const capturedMs = performance.now() - pluggedInMs;
  process.stderr.write(
    `noticed after ${Math.round(noticedMs)} ms, captured again after ${Math.round(capturedMs)} ms\n`,
  );
  expect(noticedMs).toBeLessThan(noticedWithinMs);
  expect(capturedMs).toBeLessThan(capturedWithinMs);
});

test('an absent mixer is a state that names the others, until it appears', async () => {
  const rig = await PulseRig.start(process.env, { cards: ['Behringer X', 'Yamaha MG'] });
  cleanup.push(() => rig.stop());
  const { source, heard } = capture(rig);
  cleanup.push(() => source.stop());
  const state = await heard.untilState('mixer-absent');
  expect(JSON.stringify(state)).toContain('Behringer X');
  expect(JSON.stringify(state)).toContain('Yamaha MG');
  rig.showCards(['Behringer X', 'mixer']);
  await heard.untilState('capturing');
});

test('a name that two mixers have is a state that names both, and a part that only one has is enough', async () => {
  const rig = await PulseRig.start(process.env, { cards: ['USB Mixer left', 'USB Mixer right'] });
  cleanup.push(() => rig.stop());
  const { source, heard } = capture(rig);
  cleanup.push(() => source.stop());
  const state = await heard.untilState('mixer-ambiguous');
  expect(JSON.stringify(state)).toContain('USB Mixer left');
  expect(JSON.stringify(state)).toContain('USB Mixer right');
  rig.showCards(['USB Mixer left']);
  const capturing = await heard.untilState('capturing');
  expect(capturing.name).toBe('USB Mixer left');
});

test('a stop ends the capture process, and so does the end of the device', async () => {
  const rig = await PulseRig.start(process.env);
  cleanup.push(() => rig.stop());
  const { source, heard } = capture(rig);
  await heard.untilState('capturing');
  const children = childrenOf(process.pid, 'mixer-child');
  expect(children).toHaveLength(1);
  await Promise.all([source.stop(), source.stop()]);
  expect(childrenOf(process.pid, 'mixer-child')).toHaveLength(0);

  // A device that is killed cannot stop anything: the child notices by itself.
  const indexUrl = new URL('../device/sources/index.ts', import.meta.url).href;
  const logUrl = new URL('../systemd/log.ts', import.meta.url).href;
  const device = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { createSource, listSources } from '${indexUrl}'; import { createLog } from '${logUrl}';
       createSource('mixer:mixer', { log: createLog('silent')('t'), execPath: process.execPath })
         .start({ state() {}, audio() { process.stdout.write('.'); } });`,
    ],
    { env: rig.env, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await new Promise((heardAudio) => device.stdout.once('data', heardAudio));
  const [orphan = 0] = childrenOf(device.pid ?? 0, 'mixer-child');
  expect(orphan).toBeGreaterThan(0);
  device.kill('SIGKILL');
  await expect.poll(() => existsSync(`/proc/${orphan}`), { timeout: 10_000 }).toBe(false);
});

test('the list of sources names each mixer with the setting that captures it, and nothing of the libraries’ chatter', async () => {
  const rig = await PulseRig.start(process.env);
  cleanup.push(() => rig.stop());
  const text = await listSources({ log, execPath: process.execPath, env: rig.env });
  // A card made of software claims more channels than anyone has.
  expect(text).toContain("--source 'mixer:mixer' --source-channels 1");
  expect(text).toContain('--source tone');
  expect(text).not.toMatch(/ALSA lib|PortAudio/);
  await rig.killServer();
  expect(await listSources({ log, execPath: process.execPath, env: rig.env })).toMatch(/No sound input/);
});

test('without the sound library the source says so, and how to get it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sala-no-library-'));
  cleanup.push(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  for (const file of ['mixer-child.ts', 'mixer-match.ts', 'packets.ts'])
    copyFileSync(new URL(`../device/sources/${file}`, import.meta.url), join(folder, file));
  const options = { log, execPath: process.execPath, program: join(folder, 'mixer-child.ts') };
  const source = createSource('mixer:any', options);
  cleanup.push(() => source.stop());
  const heard = new SourceRecorder();
  source.start(heard);
  const state = await heard.untilState('naudiodon-missing');
  expect(state.state === 'fault' && state.fault.hint).toMatch(/install/i);
  expect(await listSources(options)).toMatch(/naudiodon/);
});
