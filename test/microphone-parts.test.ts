import { describe, expect, test } from 'vitest';
import { Buffer } from '../display/microphone/buffer.js';
import { LevelMeter } from '../display/microphone/level.js';
import { isUsable, Resampler } from '../display/microphone/resampler.js';
import { type Known, statementOf } from '../display/microphone/statements.js';
import { Timeline } from '../display/microphone/timeline.js';
import { type Hole, type RangeSet, sampleRate, size } from '../relay/protocol.js';

describe('the resampler of a browser that keeps its own rate', () => {
  const seconds = 0.5;

  /** What becomes of a tone, in dB against what went in, without the beginning and the end. */
  function gainOf(rateHz: number, hertz: number): number {
    const resampler = new Resampler(rateHz);
    const out: number[] = [];
    const input = Float32Array.from({ length: rateHz * seconds }, (_, i) =>
      Math.sin((2 * Math.PI * hertz * i) / rateHz),
    );
    // In pieces of odd lengths, as a browser may hand them on.
    for (let at = 0; at < input.length; at += 997) out.push(...resampler.process(input.subarray(at, at + 997)));
    const middle = out.slice(out.length / 4, (out.length * 3) / 4);
    return 10 * Math.log10((2 * middle.reduce((sum, sample) => sum + sample * sample, 0)) / middle.length);
  }

  test.each([48_000, 44_100, 96_000, 32_000])(
    'from %d Hz keeps speech as it is, and nothing above 8 kHz comes back as another tone',
    (rateHz) => {
      for (const hertz of [60, 1000, 3000, 5000, 7000]) expect(Math.abs(gainOf(rateHz, hertz))).toBeLessThan(0.1);
      const folded = [];
      for (let hertz = 8100; hertz < rateHz / 2; hertz *= 1.07) folded.push(gainOf(rateHz, hertz));
      expect(folded.length).toBeGreaterThan(5);
      expect(Math.max(...folded)).toBeLessThan(-60);
    },
  );

  test.each([8000, 11_025, 22_050])('from %d Hz, of a headset, adds nothing that was not there', (rateHz) => {
    expect(Math.abs(gainOf(rateHz, 1000))).toBeLessThan(0.1);
    const resampler = new Resampler(rateHz);
    const tone = Float32Array.from({ length: rateHz }, (_, i) => Math.sin((2 * Math.PI * 3000 * i) / rateHz));
    const out = resampler.process(tone).slice(4000, 12_000);
    // The image of the tone on the other side of half the rate.
    const image = rateHz - 3000;
    const [a, b] = [Math.sin, Math.cos].map((wave) =>
      out.reduce((sum, sample, i) => sum + sample * wave((2 * Math.PI * image * i) / sampleRate), 0),
    );
    expect(20 * Math.log10((2 * Math.hypot(a ?? 1, b ?? 1)) / out.length)).toBeLessThan(-60);
  });

  test('gives what it got, sample for sample in time, whatever the pieces', () => {
    const input = Float32Array.from({ length: 44_100 }, (_, i) => Math.sin(i / 20) * Math.sin(i / 7777));
    const whole = new Resampler(44_100);
    const once = [...whole.process(input), ...whole.flush()];
    const piecewise = new Resampler(44_100);
    const pieces: number[] = [];
    for (let at = 0; at < input.length; at += 441) pieces.push(...piecewise.process(input.subarray(at, at + 441)));
    pieces.push(...piecewise.flush());
    expect(pieces).toEqual(once);
    expect(once.length).toBe(16_000);
    const at = (position: number) => input[Math.round((position * 44_100) / 16_000)] ?? 0;
    for (const position of [100, 5000, 15_000]) expect(once[position]).toBeCloseTo(at(position), 1);
  });

  test('takes the rates of sound cards and no others', () => {
    expect([8000, 16_000, 44_100, 48_000, 192_000].every(isUsable)).toBe(true);
    expect([7999, 47_999, 44_100.5, 0, Number.NaN].some(isUsable)).toBe(false);
  });
});

test('the level is that of a sine, of silence, and counts samples at full scale', () => {
  const meter = new LevelMeter();
  expect(meter.take()).toEqual({ rmsDbfs: -100, peakDbfs: -100, clipped: 0 });
  meter.hear(Int16Array.from({ length: 16_000 }, (_, i) => Math.round(3276.8 * Math.sin(i / 5))));
  const { rmsDbfs, peakDbfs, clipped } = meter.take();
  expect([Math.round(rmsDbfs), Math.round(peakDbfs), clipped]).toEqual([-23, -20, 0]);
  meter.hear(Int16Array.of(32_767, -32_768, 0));
  expect(meter.take().clipped).toBe(2);
});

const frame = (value: number, samples = 1600) => new Uint8Array(new Int16Array(samples).fill(value).buffer);
const ids = () => {
  let next = 0;
  return () => `00000000-0000-4000-8000-${String(++next).padStart(12, '0')}`;
};

describe('the buffer', () => {
  function made(maxSeconds = 600) {
    const buffer = new Buffer({ newId: ids(), maxSeconds });
    const told: Hole[] = [];
    const ignore = () => {};
    buffer.listen({
      started: ignore,
      frame: ignore,
      ended: ignore,
      anchor: ignore,
      hole: (_, hole) => told.push(hole),
    });
    return { buffer, told };
  }
  const only = (buffer: Buffer) => {
    const [stream] = buffer.offered();
    if (!stream) throw new Error('no stream');
    return stream;
  };

  test('gives back what it took by its address, over the borders of frames', () => {
    const { buffer } = made();
    for (const value of [1, 2, 3]) buffer.frame(frame(value));
    const audio = only(buffer).read(1500, 3300);
    expect(audio && [...new Int16Array(audio.buffer)]).toEqual([
      ...Array(100).fill(1),
      ...Array(1600).fill(2),
      ...Array(100).fill(3),
    ]);
    expect(only(buffer).read(4800, 5000)).toBeNull();
  });

  test('forgets what is stored and nothing else, and a run that is over and stored as a whole', () => {
    const { buffer } = made();
    for (const value of [1, 2, 3]) buffer.frame(frame(value));
    buffer.stored(only(buffer), [[1600, 3200]]);
    expect(only(buffer).held).toEqual([
      [0, 1600],
      [3200, 4800],
    ]);
    expect(only(buffer).read(0, 4800)?.length).toBe(3200);
    expect(buffer.unstoredSeconds).toBeCloseTo(0.2);
    buffer.end();
    buffer.stored(only(buffer), [[0, 1600]]);
    expect(buffer.isEmpty).toBe(false);
    buffer.stored(only(buffer), [[3200, 4800]]);
    expect(buffer.isEmpty).toBe(true);
  });

  test('holds no more than its bound: the oldest becomes a hole that is told and counted, and can be acknowledged', () => {
    const { buffer, told } = made(10);
    for (let i = 0; i < 150; i++) buffer.frame(frame(i));
    const { held, holes, edge } = only(buffer);
    expect([size(held), edge]).toEqual([10 * sampleRate, 15 * sampleRate]);
    expect(holes).toEqual([{ from: 0, to: 5 * sampleRate, reason: 'bound' }]);
    expect(size(told.map(({ from, to }): [number, number] => [from, to]))).toBe(5 * sampleRate);
    expect(buffer.droppedSeconds).toBe(5);
    buffer.stored(only(buffer), [[0, 5 * sampleRate]]);
    expect(only(buffer).holes).toEqual([]);
  });

  test('drops of an older run before it drops of the newest', () => {
    const { buffer } = made(1);
    for (let i = 0; i < 8; i++) buffer.frame(frame(1));
    buffer.end();
    for (let i = 0; i < 8; i++) buffer.frame(frame(2));
    const [newest, oldest] = buffer.offered();
    expect([size(newest?.held ?? []), size(oldest?.held ?? [])]).toEqual([12_800, 3200]);
    expect(oldest?.holes).toEqual([{ from: 0, to: 9600, reason: 'bound' }]);
  });

  test('keeps a minute while another source has the room; the rest is that one’s to tell, and is not counted as lost', () => {
    const { buffer } = made();
    buffer.standBy(true);
    for (let i = 0; i < 1000; i++) buffer.frame(frame(1));
    expect(size(only(buffer).held)).toBe(60 * sampleRate);
    expect(only(buffer).holes).toEqual([{ from: 0, to: 40 * sampleRate, reason: 'other-source' }]);
    expect(buffer.droppedSeconds).toBe(0);
  });

  test('tells another relay what is gone: it was stored with the first, and is here no more', () => {
    const { buffer } = made();
    for (let i = 0; i < 4; i++) buffer.frame(frame(1));
    const { id } = only(buffer);
    const nothing: { stored: RangeSet; received: RangeSet } = { stored: [], received: [] };
    buffer.welcomed('one', new Map([[id, nothing]]));
    expect(only(buffer).holes).toEqual([]);
    buffer.stored(only(buffer), [[0, 3200]]);
    buffer.welcomed('one', new Map([[id, { stored: [[0, 3200]], received: [] }]]));
    expect(only(buffer).holes).toEqual([]);
    buffer.welcomed('another', new Map([[id, nothing]]));
    expect(only(buffer).holes).toEqual([{ from: 0, to: 3200, reason: 'bound' }]);
    expect(only(buffer).report(0)).toMatchObject({ index: 0, edge: 6400, ended: false, ranges: [[3200, 6400]] });
  });
});

describe('positions', () => {
  /** A microphone that gives 20 ms at a time. */
  function made() {
    let nowMs = 0;
    let wallMs = 1_000_000;
    const gaps: number[] = [];
    const buffer = new Buffer({ newId: ids() });
    const clocks = { now: () => nowMs, wall: () => wallMs, newId: ids() };
    const timeline = new Timeline({ track: buffer, clocks, onGap: (ms) => gaps.push(Math.round(ms)) });
    const pass = (ms: number, asleep = false) => {
      wallMs += ms;
      if (!asleep) nowMs += ms;
    };
    const hear = (ms: number) => {
      for (let i = 0; i < ms / 20; i++) {
        pass(20);
        timeline.hear(new Int16Array(320).fill(7), nowMs);
      }
    };
    const hearAtOnce = (ms: number) => {
      for (let i = 0; i < ms / 20; i++) timeline.hear(new Int16Array(320).fill(7), nowMs);
    };
    return { buffer, timeline, gaps, pass, hear, hearAtOnce, streams: () => buffer.offered() };
  }

  test('are a clock: what the microphone did not give is a hole as long as it lasted', () => {
    const { hear, pass, streams, gaps } = made();
    hear(3000);
    pass(5000);
    hear(3000);
    const [stream] = streams();
    expect(gaps).toEqual([5000]);
    expect(stream?.holes).toEqual([{ from: 48_000, to: 128_000, reason: 'source-lost' }]);
    expect(stream?.edge).toBe(11_000 * 16);
  });

  test('know lateness from loss: a busy page gets all of it a moment later', () => {
    const { hear, pass, hearAtOnce, streams, gaps } = made();
    hear(3000);
    pass(8000);
    hearAtOnce(8000);
    hear(3000);
    expect(gaps).toEqual([]);
    expect(streams()[0]?.holes).toEqual([]);
    expect(streams()[0]?.edge).toBe(14_000 * 16);
  });

  test('end where the device slept, and begin anew by another clock', () => {
    const { hear, pass, streams, gaps, timeline } = made();
    hear(3000);
    const before = timeline.bootId;
    pass(60_000, true);
    hear(1000);
    expect(gaps).toEqual([60_000]);
    expect(streams().map(({ ended, edge }) => [ended, edge])).toEqual([
      [false, 16_000],
      [true, 48_000],
    ]);
    expect(timeline.bootId).not.toBe(before);
    expect(streams()[0]?.anchors[0]?.bootId).toBe(timeline.bootId);
  });

  test('have anchors at once and every ten seconds, each where and when it was heard', () => {
    const { hear, streams } = made();
    hear(25_000);
    const anchors = streams()[0]?.anchors ?? [];
    expect(anchors.map(({ position }) => position / 16_000)).toEqual([0.1, 10.1, 20.1]);
    for (const { position, monotonicMs } of anchors) expect(monotonicMs).toBeCloseTo(position / 16, 6);
  });

  test('go on in another stream without a sample lost or an anchor wrong, where one is cut', () => {
    const { hear, streams, timeline } = made();
    hear(3050);
    timeline.cut();
    hear(3000);
    const [second, first] = streams();
    expect([first?.ended, first?.edge, second?.edge]).toEqual([true, 3060 * 16, 3000 * 16]);
    const anchor = second?.anchors[0];
    expect(anchor && anchor.monotonicMs - anchor.position / 16).toBeCloseTo(3060, 6);
  });
});

describe('what the page says', () => {
  const known: Known = {
    ...{ microphone: 'on', fault: null, link: 'in-charge', reason: '', wasInCharge: true, paused: false },
    ...{ silent: false, clipping: false, unstoredSeconds: 0.3, holder: '' },
  };
  const said = (change: Partial<Known>) => {
    const { kind, message } = statementOf({ ...known, ...change });
    return `${kind}: ${message}`;
  };

  test('is the one thing that matters most now', () => {
    expect(said({})).toBe('ok: This device is the room’s microphone.');
    expect(said({ silent: true })).toBe('problem: The room hears this device, but it hears nothing.');
    expect(said({ clipping: true })).toBe('problem: The sound is too loud.');
    expect(said({ link: 'lost', unstoredSeconds: 12 })).toBe('problem: No connection to the relay.');
    expect(statementOf({ ...known, link: 'lost', unstoredSeconds: 12.4 }).hint).toContain('12 s');
    expect(said({ link: 'standing-by' })).toContain('the room’s kit is back');
    expect(said({ link: 'standing-by', wasInCharge: false, reason: 'Another source (kit-a) is in charge' })).toContain(
      'kit-a',
    );
    expect(said({ link: 'refused', silent: true })).toContain('opens nothing');
    expect(said({ microphone: 'ending', unstoredSeconds: 200 })).toBe('waiting: Handing in the last 3 min…');
    expect(said({ microphone: 'off', link: 'finished' })).toContain('has arrived');
    expect(said({ fault: { code: 'x', message: 'No microphone was found', hint: '' } })).toBe(
      'problem: No microphone was found.',
    );
  });
});
