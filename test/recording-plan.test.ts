/** What a recording is made of, sample by sample: pure arithmetic, under a second. */
import { expect, test } from 'vitest';
import { type CutPlan, type CutStream, planOf, sampleAt, sampleOf } from '../relay/archive/cut.ts';
import { audioOf, type ReadPiece } from '../relay/archive/cut-audio.ts';
import { intersect, type RangeSet, size, subtract, union } from '../relay/protocol.js';
import { seeded } from './harness/random.ts';

const second = 16_000;

interface Given {
  readonly channels?: 1 | 2;
  /** Room time of position 0. */
  readonly ms?: number;
  /** Its sound card's own second, in seconds of room time. */
  readonly pace?: number;
  readonly audio: RangeSet;
  readonly holes?: CutStream['holes'];
}

function stream(id: string, { channels = 1, ms = 0, pace = 1, audio, holes = [] }: Given): CutStream {
  const edge = Math.max(audio.at(-1)?.[1] ?? 0, ...holes.map(({ to }) => to));
  return {
    ...{ id, channels, audio, holes, edge },
    msAt: (position) => ms + (position / 16) * pace,
    positionAt: (at) => Math.round(((at - ms) * 16) / pace),
  };
}

const shortly = (plan: CutPlan) =>
  plan.pieces.map(({ stream, position, samples, at }) => [stream, position, samples, at]);

test('one stream is cut at the room times of beginning and end', () => {
  const plan = planOf(10_000, 70_000, [stream('a', { ms: 4000, audio: [[0, 100 * second]] })]);
  expect(shortly(plan)).toEqual([['a', 6 * second, 60 * second, 0]]);
  expect(plan).toMatchObject({ samples: 60 * second, channels: 1, holes: [] });
});

test('a sound card that drifts costs and adds no sample, and its drift is no hole at the end', () => {
  for (const pace of [0.9995, 1.0005]) {
    const plan = planOf(0, 3_600_000, [
      stream('a', {
        pace,
        audio: [
          [0, 1000 * second],
          [1010 * second, 4000 * second],
        ],
        holes: [{ from: 1000 * second, to: 1010 * second, reason: 'source-lost' }],
      }),
    ]);
    const end = Math.round((3_600_000 * 16) / pace);
    expect(shortly(plan)).toEqual([
      ['a', 0, 1000 * second, 0],
      ['a', 1010 * second, end - 1010 * second, 1010 * second],
    ]);
    expect(plan.samples).toBe(end);
    expect(plan.holes).toEqual([{ from: 1000 * second, to: 1010 * second, reason: 'source-lost' }]);
  }
});

test('what was not captured, not received and deleted are holes of their own, with their reasons', () => {
  const plan = planOf(0, 50_000, [
    stream('a', {
      ms: 5000,
      audio: [
        [0, 10 * second],
        [20 * second, 30 * second],
      ],
      holes: [
        { from: 10 * second, to: 12 * second, reason: 'source-lost' },
        { from: 15 * second, to: 20 * second, reason: 'deleted' },
      ],
    }),
  ]);
  expect(plan.holes).toEqual([
    { from: 0, to: 5 * second, reason: 'no-source' },
    { from: 15 * second, to: 17 * second, reason: 'source-lost' },
    { from: 17 * second, to: 20 * second, reason: 'not-received' },
    { from: 20 * second, to: 25 * second, reason: 'deleted' },
    { from: 35 * second, to: 50 * second, reason: 'no-source' },
  ]);
  expect(plan.samples).toBe(50 * second);
});

test('between two streams there is a hole as long as nobody captured, with what either says of it', () => {
  const plan = planOf(0, 30_000, [
    stream('a', { audio: [[0, 10 * second]], holes: [{ from: 10 * second, to: 12 * second, reason: 'killed' }] }),
    stream('b', { ms: 15_000, audio: [[0, 20 * second]] }),
  ]);
  expect(shortly(plan)).toEqual([
    ['a', 0, 10 * second, 0],
    ['b', 0, 15 * second, 15 * second],
  ]);
  expect(plan.holes).toEqual([
    { from: 10 * second, to: 12 * second, reason: 'killed' },
    { from: 12 * second, to: 15 * second, reason: 'no-source' },
  ]);
});

test('clocks that do not quite agree lose no sample of either stream', () => {
  const plan = planOf(0, 20_000, [
    stream('a', { audio: [[0, 10 * second]] }),
    stream('b', { ms: 9900, audio: [[0, 30 * second]] }),
  ]);
  expect(shortly(plan)).toEqual([
    ['a', 0, 10 * second, 0],
    ['b', 0, 10.1 * second, 10 * second],
  ]);
});

test('of two sources at once, the one that was there goes on, and the other only after it', () => {
  const plan = planOf(0, 40_000, [
    stream('b', { ms: 10_000, audio: [[0, 20 * second]] }),
    stream('a', { audio: [[0, 20 * second]] }),
    stream('c', { ms: 12_000, audio: [[0, 5 * second]] }),
  ]);
  expect(shortly(plan)).toEqual([
    ['a', 0, 20 * second, 0],
    ['b', 10 * second, 10 * second, 20 * second],
  ]);
});

test('a kit that gave way to another and came back has its later sound by room time', () => {
  const plan = planOf(0, 30_000, [
    stream('a', {
      audio: [
        [0, 10 * second],
        [20 * second, 40 * second],
      ],
      holes: [{ from: 10 * second, to: 20 * second, reason: 'other-source' }],
    }),
    stream('b', { ms: 10_000, audio: [[0, 9 * second]] }),
  ]);
  expect(shortly(plan)).toEqual([
    ['a', 0, 10 * second, 0],
    ['b', 0, 9 * second, 10 * second],
    ['a', 20 * second, 10 * second, 20 * second],
  ]);
  expect(plan.holes).toEqual([{ from: 19 * second, to: 20 * second, reason: 'no-source' }]);
});

test('two channels as soon as one stream has two; without any audio all is a hole', () => {
  const mono = stream('a', { audio: [[0, second]] });
  expect(planOf(0, 5000, [mono, stream('b', { ms: 2000, channels: 2, audio: [[0, second]] })]).channels).toBe(2);
  expect(planOf(0, 5000, [mono, stream('b', { ms: 9000, channels: 2, audio: [[0, second]] })]).channels).toBe(1);
  expect(planOf(0, 5000, [])).toMatchObject({ samples: 5 * second, pieces: [], holes: [{ from: 0, to: 5 * second }] });
});

test('ten hours of a source that broke off every few seconds are planned in one short step', () => {
  const pieces = 8000;
  const holes = Array.from({ length: pieces }, (_, i) => ({
    ...{ from: (i * 4.5 + 4) * second, to: (i * 4.5 + 4.5) * second, reason: 'source-lost' },
  }));
  const lost = holes.map(({ from, to }): [number, number] => [from, to]);
  const broken = stream('a', { audio: subtract([[0, 36_000 * second]], lost), holes });
  const begun = performance.now();
  const plan = planOf(0, 36_000_000, [broken]);
  // Milliseconds; each hole looked at for each gap was several seconds.
  expect(performance.now() - begun).toBeLessThan(1000);
  expect(plan.holes).toEqual(holes);
});

test('places in the recording are found by position, and by room time', () => {
  const plan = planOf(1000, 30_000, [
    stream('a', { audio: [[0, 10 * second]] }),
    stream('b', { ms: 15_000, audio: [[0, 20 * second]] }),
  ]);
  expect(sampleOf(plan, 'a', 5 * second)).toBe(4 * second);
  expect(sampleOf(plan, 'b', second)).toBe(15 * second);
  // A word that began just before the recording does.
  expect(sampleOf(plan, 'a', 0.5 * second)).toBe(-0.5 * second);
  expect(sampleOf(plan, 'a', 20 * second)).toBeNull();
  expect(sampleOf(plan, 'c', 0)).toBeNull();
  expect([0, 3000, 12_000, 16_000, 99_000].map((ms) => sampleAt(plan, ms) / second)).toEqual([0, 2, 11, 15, 29]);
});

test.each([1, 2] as const)(
  'its audio of %i channels: pieces, silence in holes, in memory that is used again',
  async (channels) => {
    const plan = planOf(0, 60_000, [
      stream('a', { channels, audio: [[0, 12 * second]] }),
      stream('b', { ms: 20_000, audio: [[0, 33 * second]] }),
    ]);
    // Each sample says where it is of; the second channel says the opposite.
    const read: ReadPiece = async (piece, position, out) => {
      const samples = new Int16Array(out.buffer, out.byteOffset, out.length / 2);
      for (const i of samples.keys()) {
        const at = position + Math.floor(i / piece.channels);
        samples[i] = i % piece.channels === 0 ? at % 32_000 : -(at % 32_000);
      }
    };
    const sampleIn = (at: number, channel: number) => {
      const piece = plan.pieces.find((each) => each.at <= at && at < each.at + each.samples);
      const number = piece ? (piece.position + at - piece.at) % 32_000 : 0;
      return piece?.channels === 2 && channel === 1 ? -number : number;
    };
    for (const [from, to] of [
      [0, plan.samples],
      [7 * second + 1, 31 * second],
    ] as const) {
      const buffers = new Set<ArrayBufferLike>();
      let at = from;
      let wrong = 0;
      for await (const chunk of audioOf(plan, from, to, read)) {
        buffers.add(chunk.buffer);
        const samples = new Int16Array(chunk.buffer, chunk.byteOffset, chunk.length / 2);
        for (const [i, sample] of samples.entries())
          if (sample !== sampleIn(at + Math.floor(i / channels), i % channels)) wrong++;
        at += samples.length / channels;
      }
      expect({ at, wrong, buffers: buffers.size }).toEqual({ at: to, wrong: 0, buffers: 1 });
    }
  },
);

test.each(Array.from({ length: 200 }, (_, seed) => seed))(
  'every sample is in one piece or one hole, whatever comes (%i)',
  (seed) => {
    const random = seeded(seed);
    const whole = (most: number) => Math.floor(random() * most);
    const streams = Array.from({ length: 1 + whole(4) }, (_, i) => {
      const audio: RangeSet = Array.from({ length: 1 + whole(5) }, () => whole(60 * second)).map((from) => [
        from,
        from + 1 + whole(15 * second),
      ]);
      const holes = Array.from({ length: whole(3) }, () => whole(60 * second)).map((from) => ({
        from,
        to: from + whole(9 * second),
        reason: 'bound',
      }));
      return stream(`${i}`, {
        ms: whole(40_000),
        pace: 0.999 + random() * 0.002,
        channels: random() < 0.5 ? 1 : 2,
        audio: union(audio, []),
        holes,
      });
    });
    const [fromMs, toMs] = [whole(30_000), 30_000 + whole(60_000)];
    const plan = planOf(fromMs, toMs, streams);
    const parts = [
      ...plan.pieces.map(({ at, samples }): [number, number] => [at, at + samples]),
      ...plan.holes.map(({ from, to }): [number, number] => [from, to]),
    ].sort((a, b) => a[0] - b[0]);
    let end = 0;
    for (const [from, to] of parts) {
      expect(from).toBe(end);
      expect(to).toBeGreaterThan(from);
      end = to;
    }
    expect(end).toBe(plan.samples);
    for (const { id, audio, positionAt, msAt, edge } of streams) {
      const used = plan.pieces
        .filter((piece) => piece.stream === id)
        .map(({ position, samples }): [number, number] => [position, position + samples]);
      expect(size(union(used, []))).toBe(size(used)); // none twice
      expect(size(subtract(used, audio))).toBe(0);
      // What is left out is of a time that another stream has, or of none.
      const stretch: [number, number] = [Math.max(0, positionAt(fromMs)), Math.max(0, positionAt(toMs))];
      const asked = intersect(audio, stretch[0] < stretch[1] ? [stretch] : []);
      for (const [from, to] of subtract(asked, used)) {
        const middle = (msAt(from) + msAt(to)) / 2;
        const others = plan.pieces.filter(
          (piece) => piece.stream !== id && piece.ms - 1000 <= middle && middle <= piece.ms + piece.samples / 16 + 1000,
        );
        expect({ id, from, to, edge, others: others.length }).not.toMatchObject({ others: 0 });
      }
    }
  },
);
