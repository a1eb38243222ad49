import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSource } from '../device/sources/index.ts';
import type { Timing } from '../device/sources/pacer.ts';
import { ToneSource } from '../device/sources/tone.ts';
import { WavSource } from '../device/sources/wav.ts';
import { ConfigurationError } from '../systemd/errors.ts';
import { createLog } from '../systemd/log.ts';
import { numberedBlocks } from './harness/numbered-signal.ts';
import { SourceRecorder } from './harness/source-recorder.ts';
import { wavBytes, writeWav } from './harness/wav.ts';

const log = createLog('silent')('test');
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sala-wav-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string) => join(folder, name);
const samplesOf = (heard: SourceRecorder) => heard.chunks.flatMap(({ audio }) => [...audio]);
const spec = { log, execPath: process.execPath };

/** Time that moves when it is told to; `standStill` moves it without running what is due. */
class VirtualTime implements Timing {
  nowMs = 1000;
  #due: { atMs: number; call: () => void }[] = [];

  now(): number {
    return this.nowMs;
  }

  after(ms: number, call: () => void): () => void {
    const entry = { atMs: this.nowMs + ms, call };
    this.#due.push(entry);
    return () => {
      this.#due = this.#due.filter((each) => each !== entry);
    };
  }

  /** Runs what falls due within `ms`, each `lateMs` after its time. */
  run(ms: number, lateMs = 0): void {
    const end = this.nowMs + ms;
    for (;;) {
      const [next] = this.#due.sort((a, b) => a.atMs - b.atMs);
      if (!next || next.atMs + lateMs > end) break;
      this.#due = this.#due.filter((each) => each !== next);
      this.nowMs = Math.max(this.nowMs, next.atMs + lateMs);
      next.call();
    }
    this.nowMs = Math.max(this.nowMs, end);
  }

  standStill(ms: number): void {
    this.nowMs += ms;
  }
}

test('a file plays in real time to its last sample, then says that it ended', () => {
  const signal = numberedBlocks(1, 7).slice(0, 10_003);
  writeWav(file('once.wav'), signal);
  const time = new VirtualTime();
  const source = new WavSource(file('once.wav'), false, log, time);
  const heard = new SourceRecorder();
  source.start(heard);
  time.run(500);
  expect(samplesOf(heard)).toHaveLength(8000);
  expect(heard.states.map(({ state }) => state)).toEqual(['capturing']);
  time.run(500);
  expect(samplesOf(heard)).toEqual([...signal]);
  expect(heard.states.map(({ state }) => state)).toEqual(['capturing', 'ended']);
  time.run(5000);
  expect(heard.states).toHaveLength(2);
});

test('chunks carry the time of their last sample, however late the timers are', () => {
  writeWav(file('hour.wav'), new Int16Array(44100), { rateHz: 44100 });
  const time = new VirtualTime();
  const source = new WavSource(file('hour.wav'), true, log, time);
  const heard = new SourceRecorder();
  source.start(heard);
  time.run(600_000, 7);
  let frames = 0;
  for (const { audio, capturedAtMs } of heard.chunks) {
    frames += audio.length;
    expect(Math.abs(capturedAtMs - (1000 + (frames / 44100) * 1000))).toBeLessThan(0.1);
  }
  expect(frames / 44100).toBeGreaterThan(599.8);
  expect(frames / 44100).toBeLessThanOrEqual(600);
});

test('after a standstill the file catches up, but not with hours', () => {
  writeWav(file('minute.wav'), new Int16Array(16000 * 60));
  const time = new VirtualTime();
  const source = new WavSource(file('minute.wav'), true, log, time);
  const heard = new SourceRecorder();
  source.start(heard);
  time.run(1000);
  time.standStill(3000);
  time.run(0);
  expect(samplesOf(heard)).toHaveLength(4 * 16000);
  const before = heard.chunks.length;
  time.standStill(3 * 3600 * 1000);
  time.run(0);
  expect(heard.chunks.length - before).toBeLessThanOrEqual(201);
  expect(heard.chunks.at(-1)?.capturedAtMs).toBeCloseTo(time.nowMs, -2);
});

test('a file with ?loop=1 begins again without a gap', () => {
  const signal = numberedBlocks(1, 1).slice(0, 1111);
  writeWav(file('loop.wav'), signal);
  const time = new VirtualTime();
  const source = new WavSource(file('loop.wav'), true, log, time);
  const heard = new SourceRecorder();
  source.start(heard);
  time.run(1000);
  expect(samplesOf(heard)).toEqual(Array.from({ length: 16000 }, (_, i) => signal[i % 1111]));
  expect(heard.states).toHaveLength(1);
});

test('a stopped file is silent', async () => {
  writeWav(file('stop.wav'), new Int16Array(16000));
  const time = new VirtualTime();
  const source = new WavSource(file('stop.wav'), true, log, time);
  const heard = new SourceRecorder();
  source.start(heard);
  time.run(200);
  await Promise.all([source.stop(), source.stop()]);
  const before = heard.chunks.length;
  time.run(1000);
  expect(heard.chunks).toHaveLength(before);
});

test('in real time, a second of file takes a second', async () => {
  writeWav(file('second.wav'), new Int16Array(16000));
  const source = createSource(`wav:${file('second.wav')}`, spec);
  const heard = new SourceRecorder();
  const startedMs = performance.now();
  source.start(heard);
  await heard.untilState('ended');
  const tookMs = performance.now() - startedMs;
  expect(tookMs).toBeGreaterThan(990);
  expect(tookMs).toBeLessThan(5000);
});

test.each([
  {
    bits: 8,
    float: false,
    write: (b: Buffer, v: number, i: number) => b.writeUInt8(Math.round(v * 127) + 128, i),
    tolerance: 300,
  },
  {
    bits: 24,
    float: false,
    write: (b: Buffer, v: number, i: number) => b.writeIntLE(Math.round(v * 8388607), i * 3, 3),
    tolerance: 1,
  },
  {
    bits: 32,
    float: false,
    write: (b: Buffer, v: number, i: number) => b.writeInt32LE(Math.round(v * 2147483647), i * 4),
    tolerance: 1,
  },
  { bits: 32, float: true, write: (b: Buffer, v: number, i: number) => b.writeFloatLE(v, i * 4), tolerance: 1 },
] as const)('$bits bits (float: $float) are read as s16', ({ bits, float, write, tolerance }) => {
  const values = [0, 0.5, -0.5, 0.999, -1, 0.25];
  const data = Buffer.alloc((values.length * bits) / 8);
  values.forEach((value, i) => {
    write(data, value, i);
  });
  writeFileSync(file('kind.wav'), wavBytes(data, { bits, float, rateHz: 8000, channels: 2 }));
  const time = new VirtualTime();
  const heard = new SourceRecorder();
  new WavSource(file('kind.wav'), false, log, time).start(heard);
  time.run(100);
  expect(heard.chunks[0]?.format).toEqual({ rateHz: 8000, channels: 2 });
  const read = samplesOf(heard);
  expect(read).toHaveLength(values.length);
  read.forEach((sample, i) => {
    expect(Math.abs(sample - (values[i] ?? 0) * 32768)).toBeLessThanOrEqual(tolerance + 33 * (bits === 8 ? 1 : 0));
  });
});

test('a file whose recorder left the length empty plays to its end', () => {
  const bytes = wavBytes(new Uint8Array(3200));
  bytes.writeUInt32LE(0xffffffff, 40);
  writeFileSync(file('streamed.wav'), bytes);
  const time = new VirtualTime();
  const heard = new SourceRecorder();
  new WavSource(file('streamed.wav'), false, log, time).start(heard);
  time.run(1000);
  expect(samplesOf(heard)).toHaveLength(1600);
});

test('what cannot be a source is said at once', () => {
  writeFileSync(file('text.wav'), 'not a recording, but long enough to be one');
  writeFileSync(file('empty.wav'), wavBytes(new Uint8Array(0)));
  writeFileSync(file('cut.wav'), wavBytes(new Uint8Array(100)).subarray(0, 30));
  writeFileSync(file('fast.wav'), wavBytes(new Uint8Array(100), { rateHz: 96000 }));
  const alien = wavBytes(new Uint8Array(100));
  alien.writeUInt16LE(85, 20);
  writeFileSync(file('mp3.wav'), alien);
  const names = ['text', 'empty', 'cut', 'fast', 'mp3', 'missing'].map((name) => `wav:${file(`${name}.wav`)}`);
  for (const wrong of [...names, `wav:${folder}`, 'wav:', 'wav:?loop=1', 'mixer:', 'mixer: ', 'tone:440', 'radio', ''])
    expect(() => createSource(wrong, spec), wrong).toThrow(ConfigurationError);
});

test('the tone is 440 Hz at -20 dBFS with a pip each second, and never clicks', () => {
  const time = new VirtualTime();
  const heard = new SourceRecorder();
  new ToneSource(time).start(heard);
  time.run(3000);
  const samples = samplesOf(heard);
  expect(samples).toHaveLength(48000);
  const rms = Math.sqrt(samples.reduce((sum, each) => sum + each * each, 0) / samples.length);
  expect(20 * Math.log10(rms / 32768)).toBeCloseTo(-20, 1);
  const crossings = (from: number, to: number) =>
    samples.slice(from, to).filter((each, i, all) => i > 0 && each >= 0 && (all[i - 1] ?? 0) < 0).length;
  expect(Math.abs(crossings(16000 + 1600, 32000) - 396)).toBeLessThanOrEqual(1);
  expect(Math.abs(crossings(16000, 16000 + 1600) - 88)).toBeLessThanOrEqual(1);
  const steepest = 32768 * 0.1 * Math.SQRT2 * ((2 * Math.PI * 880) / 16000);
  expect(Math.max(...samples.slice(1).map((each, i) => Math.abs(each - (samples[i] ?? 0))))).toBeLessThan(steepest + 2);
});
