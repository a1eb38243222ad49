import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createSource, listSources } from '../device/sources/index.ts';
import type { Source } from '../device/sources/source.ts';
import { createLog } from '../systemd/log.ts';
import { capturedWithinMs, childrenOf, noticedWithinMs } from './harness/mixer-chain.ts';
import { changedBlocks, playNumbered } from './harness/numbered-run.ts';
import { PulseRig } from './harness/pulse.ts';
import { SourceRecorder } from './harness/source-recorder.ts';

const log = createLog('silent')('test');
const cleanup: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const step of cleanup.splice(0).reverse()) await step();
});

function capture(rig: PulseRig, name = 'mixer'): { source: Source; heard: SourceRecorder } {
  const source = createSource(`mixer:${name}`, {
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

test.each([
  ['is killed', 'SIGKILL'],
  ['stands still', 'SIGSTOP'],
] as const)('a capture process that %s is replaced as fast as an unplugged mixer is noticed', async (_, signal) => {
  const rig = await PulseRig.start(process.env, { prompt: true });
  cleanup.push(() => rig.stop());
  const { source, heard } = capture(rig);
  cleanup.push(() => source.stop());
  await heard.untilState('capturing');
  const before = heard.states.length;
  const hitMs = performance.now();
  for (const pid of childrenOf(process.pid, 'mixer-child')) process.kill(pid, signal);
  await heard.untilState('fault', before);
  const noticedMs = performance.now() - hitMs;
  const failed = heard.states.length;
  await heard.untilState('capturing', failed);
  const capturedMs = performance.now() - hitMs;
  const heardSoFar = heard.chunks.length;
  await heard.until('more audio', () => heard.chunks.length > heardSoFar + 5);
  process.stderr.write(
    `noticed after ${Math.round(noticedMs)} ms, captured again after ${Math.round(capturedMs)} ms\n`,
  );
  expect(noticedMs).toBeLessThan(noticedWithinMs);
  expect(capturedMs).toBeLessThan(capturedWithinMs);
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

/** Until the first sound after `appears`, in ms. */
async function untilCapturedAfter(heard: SourceRecorder, appears: () => void): Promise<number> {
  expect(heard.chunks).toHaveLength(0);
  const appearedMs = performance.now();
  appears();
  await heard.until('sound', () => heard.chunks.length > 0);
  const capturedMs = performance.now() - appearedMs;
  process.stderr.write(`captured ${Math.round(capturedMs)} ms after it appeared\n`);
  return capturedMs;
}

test('an absent mixer is a state that names the others, until it appears', async () => {
  const rig = await PulseRig.start(process.env, { prompt: true, cards: ['Behringer X', 'Yamaha MG'] });
  cleanup.push(() => rig.stop());
  const { source, heard } = capture(rig);
  cleanup.push(() => source.stop());
  const state = await heard.untilState('mixer-absent');
  expect(JSON.stringify(state)).toContain('Behringer X');
  expect(JSON.stringify(state)).toContain('Yamaha MG');
  const capturedMs = await untilCapturedAfter(heard, () => rig.showCards(['Behringer X', 'mixer']));
  expect(capturedMs).toBeLessThan(capturedWithinMs);
});

test('a name that two mixers have is a state that names both, and a part that only one has is enough', async () => {
  const rig = await PulseRig.start(process.env, { prompt: true, cards: ['USB Mixer left', 'USB Mixer right'] });
  cleanup.push(() => rig.stop());
  const { source, heard } = capture(rig);
  cleanup.push(() => source.stop());
  const state = await heard.untilState('mixer-ambiguous');
  expect(JSON.stringify(state)).toContain('USB Mixer left');
  expect(JSON.stringify(state)).toContain('USB Mixer right');
  const capturedMs = await untilCapturedAfter(heard, () => rig.showCards(['USB Mixer left']));
  expect(heard.states.at(-1)?.name).toBe('USB Mixer left');
  expect(capturedMs).toBeLessThan(capturedWithinMs);
  // One that joins later does not disturb the one that is captured.
  const [chunks, states] = [heard.chunks.length, heard.states.length];
  rig.showCards(['USB Mixer left', 'USB Mixer right']);
  await heard.until('two seconds more', () => heard.chunks.length > chunks + 40);
  expect(heard.states).toHaveLength(states);
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
