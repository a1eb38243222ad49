import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { type FrameListener, Framer } from '../device/framer.ts';
import { createSource } from '../device/sources/index.ts';
import { matchMixer } from '../device/sources/mixer-match.ts';
import { PaceGuard } from '../device/sources/pace-guard.ts';
import { sharedMonotonicMs } from '../device/sources/packets.ts';
import type { Source } from '../device/sources/source.ts';
import type { Logger } from '../systemd/log.ts';
import { SourceRecorder } from './harness/source-recorder.ts';
import { frameOriginMs, originOf } from './harness/timed-sound.ts';
import { until } from './harness/until.ts';

const program = fileURLToPath(new URL('./harness/fake-mixer-child.ts', import.meta.url));
const seconds = (wait: number) => new Promise((resolve) => setTimeout(resolve, wait * 1000));

/** Capture processes of one test, and what became of them. */
class Rig {
  readonly heard = new SourceRecorder();
  logged = 0;
  readonly #starts = join(mkdtempSync(join(tmpdir(), 'sala-child-')), 'starts');
  readonly #sources: Source[] = [];

  constructor() {
    writeFileSync(this.#starts, '');
  }

  starts(): number {
    return readFileSync(this.#starts, 'utf8').split('\n').length - 1;
  }

  mixer(name: string): Source {
    const count = () => {
      this.logged++;
    };
    const log: Logger = { error: count, warn: count, info: count, debug: count };
    const env = { ...process.env, SALA_TEST_STARTS: this.#starts };
    const source = createSource(`mixer:${name}`, { log, execPath: process.execPath, env, program });
    this.#sources.push(source);
    return source;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#sources.map((source) => source.stop()));
    rmSync(dirname(this.#starts), { recursive: true, force: true });
  }
}

const rigs: Rig[] = [];
afterAll(() => Promise.all(rigs.map((rig) => rig.stop())));
const newRig = () => {
  const rig = new Rig();
  rigs.push(rig);
  return rig;
};

/** A framer that has started, of what is captured on all channels together. */
async function framerTo(listener: Pick<FrameListener, 'frame' | 'hole'>): Promise<Framer> {
  const framer = new Framer({
    ...{ take: 'mix', channels: 1, onState: () => {} },
    listener: { ...listener, anchor: () => {} },
  });
  await framer.start();
  return framer;
}

// They wait for most of their time: five at once.
describe.concurrent('a capture process', () => {
  test('a capture process that crashes at once, again and again, is tried ever more slowly and shown once', async () => {
    const rig = newRig();
    rig.mixer('crashes').start(rig.heard);
    await rig.heard.untilState('capture-failed');
    await seconds(5);
    expect(rig.heard.states.map(({ state }) => state)).toEqual(['starting', 'fault']);
    expect(rig.starts()).toBeGreaterThanOrEqual(3);
    expect(rig.starts()).toBeLessThanOrEqual(6);
    expect(rig.logged).toBeLessThanOrEqual(6);
  });

  test('a capture process that spins without a word is replaced', async () => {
    const rig = newRig();
    rig.mixer('spins').start(rig.heard);
    const startedMs = performance.now();
    await rig.heard.untilState('mixer-silent');
    expect(performance.now() - startedMs).toBeLessThan(7500);
    await until(() => rig.starts() === 2 || undefined, { what: 'a second process' });
  });

  test('a capture process that begins to spin while it captures is given up within 1.5 s', async () => {
    const rig = newRig();
    rig.mixer('spins-later').start(rig.heard);
    await rig.heard.untilState('capturing');
    await rig.heard.untilState('mixer-silent');
    const last = rig.heard.chunks.at(-1)?.arrivedAtMs ?? 0;
    expect(performance.now() - last).toBeLessThan(1500);
    await until(() => rig.starts() === 2 || undefined, { what: 'a second process' });
  });

  test('signs of life without audio do not count for ever', { timeout: 40_000 }, async () => {
    const rig = newRig();
    rig.mixer('chatters').start(rig.heard);
    await rig.heard.untilState('mixer-silent', 0, 25_000);
  });

  test.each(['babbles', 'lies'])('a capture process that %s is ended, and logged a few times only', async (name) => {
    const rig = newRig();
    rig.mixer(name).start(rig.heard);
    await rig.heard.untilState('capture-failed');
    await seconds(2);
    expect(rig.logged).toBeLessThan(20);
  });

  test.each(['unpaced', 'wrong-rate'])('audio that comes faster than time passes is refused (%s)', async (name) => {
    const rig = newRig();
    rig.mixer(name).start(rig.heard);
    const startedMs = performance.now();
    const state = await rig.heard.untilState('mixer-too-fast');
    expect(state.state === 'fault' && state.fault.hint).toMatch(/--source-rate/);
    await seconds(4);
    const audioMs = rig.heard.chunks.reduce((sum, { audio }) => sum + audio.length / 16, 0);
    expect(audioMs).toBeLessThan((performance.now() - startedMs) * 1.05);
    expect(rig.starts()).toBeLessThanOrEqual(6);
    expect(rig.heard.states.filter(({ state }) => state === 'capturing').length).toBeLessThanOrEqual(1);
  });

  test('a mixer that comes back at another rate and with other channels continues the same stream', {
    timeout: 40_000,
  }, async () => {
    const rig = newRig();
    const framed: { position: number; value: number; samples: number }[] = [];
    const holes: { from: number; to: number }[] = [];
    const framer = await framerTo({
      frame: (position, audio) =>
        framed.push({ position, samples: audio.length / 2, value: audio.readInt16LE(audio.length / 2) }),
      hole: (from, to) => holes.push({ from, to }),
    });
    rig.mixer('changes').start(framer);
    const heardOf = (level: number) => framed.filter(({ value }) => Math.abs(value - level) < 20);
    await until(() => heardOf(3000).length >= 10 || undefined, { timeoutMs: 30_000, what: 'the third card' });
    expect(heardOf(1000).length).toBeGreaterThanOrEqual(18);
    expect(heardOf(2000).length).toBeGreaterThanOrEqual(18);
    expect(holes).toHaveLength(2);
    // One stream without a gap: each frame and each hole begins where the one before ended.
    const pieces = [...framed.map(({ position, samples }) => ({ from: position, to: position + samples })), ...holes];
    pieces.sort((a, b) => a.from - b.from);
    expect(pieces.every(({ from }, i) => from === (pieces[i - 1]?.to ?? 0))).toBe(true);
    framer.flush();
  });

  test.each([
    [1, 'as it was', 16_000, 1],
    [4, 'as it was', 16_000, 1],
    [4, 'at another rate', 48_000, 1],
    [4, 'at another rate with other channels', 44_100, 6],
  ])(
    'a mixer gone for %i s and back %s leaves a hole of that length, right to 100 ms',
    async (away, _, rateHz, channels) => {
      const rig = newRig();
      const frames: { atMs: number; originMs: number }[] = [];
      const pieces: { from: number; to: number }[] = [];
      const holes: { from: number; to: number }[] = [];
      const framer = await framerTo({
        frame: (position, audio) => {
          const atMs = performance.now();
          frames.push({ atMs, originMs: frameOriginMs(position, audio, sharedMonotonicMs()) });
          pieces.push({ from: position, to: position + audio.length / 2 });
        },
        hole: (from, to) => {
          holes.push({ from, to });
          pieces.push({ from, to });
        },
      });
      rig.mixer(`leaves ${away} ${rateHz} ${channels}`).start(framer);
      await until(() => holes.length > 0 || undefined, { what: 'the hole' });
      const before = frames.length;
      await until(() => frames.length >= before + 10 || undefined, { what: 'a second of the mixer that is back' });
      framer.flush();
      const [hole = { from: 0, to: 0 }] = holes;
      const errorMs = originOf(frames.slice(before + 4, before + 9)) - originOf(frames.slice(0, before));
      process.stderr.write(
        `hole of ${Math.round((hole.to - hole.from) / 16)} ms, wrong by ${Math.round(errorMs)} ms\n`,
      );
      expect(holes).toHaveLength(1);
      expect(Math.abs(errorMs)).toBeLessThan(100);
      // The mixer's own absence, and the time it took to capture it again.
      expect((hole.to - hole.from) / 16).toBeGreaterThan(away * 1000 - 100);
      expect((hole.to - hole.from) / 16).toBeLessThan(away * 1000 + 3000);
      expect(pieces.every(({ from }, i) => from === (pieces[i - 1]?.to ?? 0))).toBe(true);
    },
  );
});

test('a flood on standard error costs neither memory nor log, and capture goes on', async () => {
  const rig = newRig();
  rig.mixer('noisy').start(rig.heard);
  await rig.heard.untilState('capturing');
  await seconds(1);
  globalThis.gc?.();
  const before = process.memoryUsage();
  const from = rig.heard.chunks.length;
  await rig.heard.until('five seconds more', () => rig.heard.chunks.length >= from + 100);
  const after = process.memoryUsage();
  expect(after.rss - before.rss).toBeLessThan(100e6);
  expect(rig.logged).toBeLessThan(5);
  const gaps = rig.heard.chunks
    .slice(from + 1)
    .map((chunk, i) => chunk.arrivedAtMs - (rig.heard.chunks[from + i]?.arrivedAtMs ?? 0));
  expect(Math.max(...gaps)).toBeLessThan(500);
});

test('the guard allows a fast clock, a standstill that is made up for, and no more', () => {
  const guard = new PaceGuard();
  let now = 0;
  let refused = 0;
  for (let i = 0; i < 36_000 * 20; i++) {
    now += 50 / 1.001;
    if (!guard.allows(50, now)) refused++;
  }
  expect(refused).toBe(0);
  now += 2000;
  for (let i = 0; i < 40; i++) expect(guard.allows(50, now)).toBe(true);
  const allowed = Array.from({ length: 100 }, () => guard.allows(50, now)).filter(Boolean).length;
  expect(allowed * 50).toBeLessThanOrEqual(3000);
});

test('two mixers of one name are ambiguous, the hint says what can be done, and one alone is taken', () => {
  const twin = { name: 'UMC404HD', maxInputChannels: 4, defaultSampleRate: 48_000 };
  const found = matchMixer(
    [
      { id: 0, ...twin },
      { id: 1, ...twin },
    ],
    'UMC404HD',
  );
  expect(found).toMatchObject({ fault: { code: 'mixer-ambiguous' } });
  expect('fault' in found && found.fault.hint).toMatch(/unplug/);
  expect(matchMixer([{ id: 1, ...twin }], 'UMC404HD')).toEqual({ mixer: { id: 1, ...twin } });
});
