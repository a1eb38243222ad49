import { beforeEach, expect, test } from 'vitest';
import { Framer, type FramerOptions } from '../device/framer.ts';
import type { SourceFormat, SourceState } from '../device/sources/source.ts';
import { NumberedSignalDecoder, numberedBlocks } from './harness/numbered-signal.ts';

interface Frame {
  position: number;
  audio: Int16Array;
}
let frames: Frame[] = [];
let holes: { from: number; to: number; reason: string }[] = [];
let anchors: { position: number; monotonicMs: number }[] = [];
let states: SourceState[] = [];

beforeEach(() => {
  frames = [];
  holes = [];
  anchors = [];
  states = [];
});

async function startFramer(options: Partial<FramerOptions> = {}): Promise<Framer> {
  const framer = new Framer({
    take: 'mix',
    channels: 1,
    onState: (state) => states.push(state),
    listener: {
      frame: (position, audio) => frames.push({ position, audio: new Int16Array(Uint8Array.from(audio).buffer) }),
      hole: (from, to, reason) => holes.push({ from, to, reason }),
      anchor: (position, monotonicMs) => anchors.push({ position, monotonicMs }),
    },
    ...options,
  });
  await framer.start();
  return framer;
}

const mono16k: SourceFormat = { rateHz: 16000, channels: 1 };
const all = () => frames.flatMap(({ audio }) => [...audio]);
const bytesOf = (samples: Int16Array) => new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);

/** Feeds samples in chunks of 20 ms, captured on time from `startMs` on; returns when the last one was captured. */
function feed(framer: Framer, samples: Int16Array, format: SourceFormat, startMs: number): number {
  const step = Math.round(format.rateHz / 50) * format.channels;
  let timeMs = startMs;
  for (let at = 0; at < samples.length; at += step) {
    const chunk = samples.slice(at, at + step);
    timeMs = startMs + ((at + chunk.length) / format.channels / format.rateHz) * 1000;
    framer.audio(bytesOf(chunk), format, timeMs);
  }
  return timeMs;
}

function sine(hz: number, rateHz: number, seconds: number, amplitude = 16000): Int16Array {
  return new Int16Array(Math.round(rateHz * seconds)).map((_, i) =>
    Math.round(amplitude * Math.sin((2 * Math.PI * hz * i) / rateHz)),
  );
}

const rms = (samples: number[]) => Math.sqrt(samples.reduce((sum, each) => sum + each * each, 0) / samples.length);

test('16 kHz mono passes bit by bit, in frames of 100 ms whatever the pieces it came in', async () => {
  const framer = await startFramer();
  const signal = numberedBlocks(1, 30);
  const sizes = [1, 7, 333, 1600, 4801];
  let at = 0;
  for (let i = 0; at < signal.length; i++) {
    const piece = signal.slice(at, at + (sizes[i % sizes.length] ?? 1));
    at += piece.length;
    framer.audio(bytesOf(piece), mono16k, 1000 + at / 16);
  }
  framer.flush();
  expect(all()).toEqual([...signal]);
  expect(frames.map(({ position }) => position)).toEqual(Array.from({ length: 30 }, (_, i) => i * 1600));
  expect(new NumberedSignalDecoder().push(Int16Array.from(all()))).toHaveLength(30);
  expect(holes).toEqual([]);
});

test('the last frame of a run is as short as what is left', async () => {
  const framer = await startFramer();
  feed(framer, new Int16Array(2000).fill(5), mono16k, 0);
  framer.flush();
  framer.flush();
  expect(frames.map(({ position, audio }) => [position, audio.length])).toEqual([
    [0, 1600],
    [1600, 400],
  ]);
});

test('audio that lies at an odd address is read right', async () => {
  const framer = await startFramer();
  const shifted = new Uint8Array(3201);
  shifted.set(bytesOf(new Int16Array(1600).fill(-12345)), 1);
  framer.audio(shifted.subarray(1), mono16k, 100);
  expect(all()).toEqual(Array(1600).fill(-12345));
});

test.each([8000, 22050, 44100, 48000, 96000])('%i Hz becomes 16 kHz, each sample at its own time', async (rateHz) => {
  const framer = await startFramer();
  const hz = 500;
  feed(framer, sine(hz, rateHz, 2), { rateHz, channels: 1 }, 0);
  framer.flush();
  const out = all();
  expect(out).toHaveLength(32000);
  expect(frames.slice(0, 20).every(({ audio }) => audio.length === 1600)).toBe(true);
  // A delay of 1 ms would make an error of pi times the amplitude here; one sample 0.2 of it.
  const ideal = sine(hz, 16000, 2);
  const errors = out.slice(1000, 31000).map((each, i) => Math.abs(each - (ideal[i + 1000] ?? 0)));
  expect(Math.max(...errors)).toBeLessThan(20);
});

test('a click comes out where it went in, to a millisecond', async () => {
  for (const rateHz of [8000, 44100, 48000]) {
    frames = [];
    const framer = await startFramer();
    const click = new Int16Array(rateHz);
    click.fill(20000, rateHz / 2, rateHz / 2 + rateHz / 1000);
    feed(framer, click, { rateHz, channels: 1 }, 0);
    framer.flush();
    const out = all();
    const loudest = out.reduce((best, each, i) => (each > (out[best] ?? 0) ? i : best), 0);
    expect(Math.abs(loudest - 8008)).toBeLessThanOrEqual(16);
  }
});

test.each([44100, 48000])('what 16 kHz cannot hold vanishes instead of folding down (%i Hz)', async (rateHz) => {
  for (const hz of [8500, 10000, 15000]) {
    frames = [];
    const framer = await startFramer();
    feed(framer, sine(hz, rateHz, 1), { rateHz, channels: 1 }, 0);
    framer.flush();
    const middle = all().slice(1000, 15000);
    // More than 80 dB below the 11314 that went in; the rest is rounding to whole numbers.
    expect(rms(middle)).toBeLessThan(1.1);
  }
});

test('speech up to 7 kHz keeps its strength', async () => {
  for (const hz of [100, 1000, 4000, 7000]) {
    frames = [];
    const framer = await startFramer();
    feed(framer, sine(hz, 48000, 1), { rateHz: 48000, channels: 1 }, 0);
    framer.flush();
    const decibels = 20 * Math.log10(rms(all().slice(1000, 15000)) / (16000 / Math.SQRT2));
    expect(Math.abs(decibels)).toBeLessThan(0.2);
  }
});

test('channels are picked, mixed by their mean, or kept apart', async () => {
  const four = new Int16Array(1600 * 4).map((_, i) => [1000, 2000, 3000, 5000][i % 4] ?? 0);
  const cases = [
    { take: 'mix', channels: 1, expected: [2750] },
    { take: [3], channels: 1, expected: [3000] },
    { take: [2, 4], channels: 1, expected: [3500] },
    { take: [4, 1], channels: 2, expected: [5000, 1000] },
    { take: [2], channels: 2, expected: [2000, 2000] },
    { take: 'mix', channels: 2, expected: [2750, 2750] },
  ] as const;
  for (const { take, channels, expected } of cases) {
    frames = [];
    const framer = await startFramer({ take, channels });
    framer.audio(bytesOf(four), { rateHz: 16000, channels: 4 }, 100);
    expect(frames).toHaveLength(1);
    expect(frames[0]?.audio.length).toBe(1600 * channels);
    expect([...(frames[0]?.audio.slice(0, channels) ?? [])]).toEqual([...expected]);
  }
});

test('two channels are resampled apart', async () => {
  const framer = await startFramer({ take: [1, 2], channels: 2 });
  const left = sine(500, 48000, 1);
  const both = new Int16Array(left.length * 2);
  for (let i = 0; i < left.length; i++) both[i * 2] = left[i] ?? 0;
  feed(framer, both, { rateHz: 48000, channels: 2 }, 0);
  framer.flush();
  const out = all();
  expect(rms(out.filter((_, i) => i % 2 === 0))).toBeGreaterThan(11000);
  expect(rms(out.filter((_, i) => i % 2 === 1))).toBe(0);
});

test('a channel that the source does not have is a fault, and no audio', async () => {
  const framer = await startFramer({ take: [3] });
  const format = { rateHz: 48000, channels: 2 };
  framer.state({ state: 'capturing', name: 'small', format });
  feed(framer, new Int16Array(9600), format, 0);
  expect(frames).toEqual([]);
  expect(states).toHaveLength(1);
  expect(states[0]).toMatchObject({ state: 'fault', name: 'small', fault: { code: 'channel-absent' } });
});

test('after a fault the hole is as long as the clock says, and positions go on behind it', async () => {
  const framer = await startFramer();
  framer.state({ state: 'capturing', name: 'm', format: mono16k });
  const endMs = feed(framer, new Int16Array(24000).fill(1), mono16k, 5000);
  framer.state({ state: 'fault', name: 'm', fault: { code: 'mixer-silent', message: '', hint: '' } });
  framer.state({ state: 'capturing', name: 'm', format: mono16k });
  feed(framer, new Int16Array(16000).fill(2), mono16k, endMs + 7000);
  framer.flush();
  expect(holes).toEqual([{ from: 24000, to: 24000 + 7 * 16000, reason: 'source-lost' }]);
  expect(frames.find(({ audio }) => audio[0] === 2)?.position).toBe(24000 + 7 * 16000);
  expect(all().filter((each) => each === 2)).toHaveLength(16000);
  expect(states.map(({ state }) => state)).toEqual(['capturing', 'fault', 'capturing']);
});

test('after a fault the mixer may come back at another rate', async () => {
  const framer = await startFramer();
  const endMs = feed(framer, sine(500, 44100, 1), { rateHz: 44100, channels: 1 }, 0);
  feed(framer, sine(500, 48000, 1), { rateHz: 48000, channels: 1 }, endMs + 2000);
  framer.flush();
  expect(holes).toHaveLength(1);
  const [hole = { from: 0, to: 0 }] = holes;
  expect(hole.from).toBe(16000);
  expect(Math.abs(hole.to - 48000)).toBeLessThanOrEqual(1);
  expect(all()).toHaveLength(32000);
});

test('samples that are missing within an open are a hole right where they are missing', async () => {
  const framer = await startFramer();
  const endMs = feed(framer, new Int16Array(16000).fill(1), mono16k, 0);
  feed(framer, new Int16Array(16000).fill(2), mono16k, endMs + 250);
  framer.flush();
  expect(holes).toEqual([{ from: 16000, to: 16000 + 4000, reason: 'source-lost' }]);
  expect(frames.find(({ audio }) => audio[0] === 2)?.position).toBe(20000);
  expect(all().filter((each) => each !== 1 && each !== 2)).toEqual([]);
});

test('audio that is only late is no hole', async () => {
  const framer = await startFramer();
  feed(framer, new Int16Array(16000).fill(1), mono16k, 0);
  // Two seconds stood still, then all of it at once.
  for (let i = 0; i < 100; i++) framer.audio(bytesOf(new Int16Array(320).fill(2)), mono16k, 3000 + i * 0.5);
  feed(framer, new Int16Array(16000).fill(3), mono16k, 3050);
  framer.flush();
  expect(holes).toEqual([]);
  expect(all()).toHaveLength(16000 + 32000 + 16000);
});

test('more samples than time passed is no overlap: positions just go on', async () => {
  const framer = await startFramer();
  const endMs = feed(framer, new Int16Array(16000).fill(1), mono16k, 0);
  framer.state({ state: 'capturing', name: 'm', format: mono16k });
  feed(framer, new Int16Array(16000).fill(2), mono16k, endMs - 500);
  framer.flush();
  expect(holes).toEqual([]);
  expect(frames.find(({ audio }) => audio[0] === 2)?.position).toBe(16000);
  const ends = frames.map(({ position, audio }) => position + audio.length);
  expect(frames.slice(1).every(({ position }, i) => position >= (ends[i] ?? 0))).toBe(true);
});

test.each([-300, 300])(
  'a sound card that is %i ppm off makes no hole in an hour, its drift is known, and a hole behind it is right',
  async (ppm) => {
    const framer = await startFramer();
    const chunk = bytesOf(new Int16Array(1600));
    /** When chunk `i` was captured, later than the card's own clock says by up to 12 ms. */
    const atMs = (i: number) => (i * 100) / (1 + ppm / 1e6) + ((i * 7919) % 13);
    for (let i = 1; i <= 36_000; i++) framer.audio(chunk, mono16k, atMs(i));
    expect(holes).toEqual([]);
    expect(frames).toHaveLength(36_000);
    expect(framer.driftPpm).toBeGreaterThan(ppm - 20);
    expect(framer.driftPpm).toBeLessThan(ppm + 20);
    // Positions are a true clock: what the relay makes of the anchors is where the samples were.
    for (const { position, monotonicMs } of anchors.slice(60))
      expect(Math.abs(monotonicMs - position / 16 / (1 + ppm / 1e6))).toBeLessThan(25);
    framer.state({ state: 'fault', name: 'm', fault: { code: 'mixer-silent', message: '', hint: '' } });
    framer.state({ state: 'capturing', name: 'm', format: mono16k });
    for (let i = 1; i <= 20; i++) framer.audio(chunk, mono16k, atMs(36_000) + 7000 + i * 100);
    expect(holes).toHaveLength(1);
    const [hole = { from: 0, to: 0 }] = holes;
    expect(Math.abs((hole.to - hole.from) / 16 - 7000)).toBeLessThan(25);
  },
);

test('anchors come each second, tell the time of a position that was given out, and are not moved by late chunks', async () => {
  const framer = await startFramer();
  const chunk = bytesOf(new Int16Array(1600));
  for (let i = 1; i <= 100; i++) framer.audio(chunk, mono16k, 7000 + i * 100 + (i % 4 === 0 ? 0 : 40));
  expect(anchors.length).toBeGreaterThanOrEqual(10);
  const edges = new Set(frames.map(({ position, audio }) => position + audio.length));
  for (const { position } of anchors) expect(edges.has(position)).toBe(true);
  for (const { position, monotonicMs } of anchors.slice(1))
    expect(Math.abs(monotonicMs - (7000 + position / 16))).toBeLessThan(1);
  const steps = anchors.slice(1).map(({ position }, i) => position - (anchors[i]?.position ?? 0));
  expect(Math.max(...steps)).toBeLessThanOrEqual(16000);
});

test('levels are measured since the last look, and clipping is seen even in a mix', async () => {
  const framer = await startFramer();
  expect(framer.takeLevel()).toEqual({ rmsDbfs: -120, peakDbfs: -120, clipped: 0 });
  feed(framer, sine(440, 16000, 1, 3276.8 * Math.SQRT2), mono16k, 0);
  const tone = framer.takeLevel();
  expect(tone.rmsDbfs).toBeCloseTo(-20, 0);
  expect(tone.peakDbfs).toBeCloseTo(-17, 0);
  expect(tone.clipped).toBe(0);
  const stereo = new Int16Array(3200).map((_, i) => (i % 2 === 0 ? 32767 : -32768));
  framer.state({ state: 'capturing', name: 'm', format: { rateHz: 16000, channels: 2 } });
  framer.audio(bytesOf(stereo), { rateHz: 16000, channels: 2 }, 1100);
  const clipped = framer.takeLevel();
  expect(clipped.clipped).toBe(3200);
  expect(clipped.peakDbfs).toBeCloseTo(0, 1);
  expect(clipped.rmsDbfs).toBeLessThan(-90);
  expect(framer.takeLevel().clipped).toBe(0);
});

test('an overdriven source stays at full scale instead of turning over', async () => {
  const framer = await startFramer();
  const square = new Int16Array(48000).map((_, i) => (Math.floor(i / 48) % 2 === 0 ? 32767 : -32768));
  feed(framer, square, { rateHz: 48000, channels: 1 }, 0);
  framer.flush();
  // In the middle of each half period of 16 samples the sign is the source's own.
  const out = all();
  for (let half = 50; half < 900; half++) {
    const middle = out[half * 16 + 8] ?? 0;
    expect(Math.sign(middle)).toBe(half % 2 === 0 ? 1 : -1);
  }
});
