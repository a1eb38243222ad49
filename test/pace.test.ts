import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BurnIn, burnInLimits, offsetAt } from '../display/screen/burn-in.js';
import { Pace, paceLimits } from '../display/screen/pace.js';

interface Arrival {
  readonly at: number;
  readonly words: number;
  readonly newRow?: boolean;
}

/** Plays arrivals in virtual time. @returns when each unit was painted, and which jumped */
function play(rows: number, arrivals: readonly Arrival[]): { delays: number[]; jumps: number } {
  const pace = new Pace(rows, 0);
  const coming = [...arrivals];
  const waiting: number[] = [];
  const delays: number[] = [];
  let jumps = 0;
  for (let now = 0; coming.length > 0 || pace.waiting > 0; ) {
    while (coming[0] && coming[0].at <= now) {
      const { at, words, newRow = true } = coming.shift() ?? { at: 0, words: 0 };
      pace.add({ words, newRow }, now);
      waiting.push(at);
    }
    const { count, jump } = pace.take(now);
    if (jump) jumps++;
    for (const at of waiting.splice(0, count)) delays.push(now - at);
    const wait = pace.wait(now);
    const next = Math.min(
      wait === null ? Number.POSITIVE_INFINITY : now + wait,
      coming[0]?.at ?? Number.POSITIVE_INFINITY,
    );
    if (next === Number.POSITIVE_INFINITY) break;
    now = Math.max(next, now + 0.01);
  }
  return { delays, jumps };
}

/** Rows of six words, said evenly at so many words a minute. */
const talk = (wordsPerMinute: number, minutes: number): Arrival[] =>
  Array.from({ length: Math.floor((wordsPerMinute * minutes) / 6) }, (_, n) => ({
    at: (n * 6 * 60_000) / wordsPerMinute,
    words: 6,
  }));

describe('the pace of rows', () => {
  test('lets nobody wait whose words can be read as fast as they come', () => {
    for (const rows of [1, 2, 7]) expect(Math.max(...play(rows, talk(165, 10)).delays)).toBe(0);
  });

  test('holds a row back until the one that it pushes out was read', () => {
    const { delays } = play(
      2,
      [0, 10, 20].map((at) => ({ at, words: 3 })),
    );
    expect(delays.slice(0, 2)).toEqual([0, 0]);
    // Three words take a second; with three more waiting, fewer.
    expect(delays[2]).toBeGreaterThan(400);
    expect(delays[2]).toBeLessThan(1060);
  });

  test('keeps up with who speaks faster than people read, the faster the more waits', () => {
    const mean = (wordsPerMinute: number) => {
      const { delays, jumps } = play(4, talk(wordsPerMinute, 10));
      expect(jumps).toBe(0);
      expect(Math.max(...delays)).toBeLessThanOrEqual(paceLimits.maxDelayMs);
      return delays.reduce((sum, each) => sum + each, 0) / delays.length;
    };
    const [fast = 0, faster = 0] = [mean(200), mean(260)];
    expect(fast).toBeGreaterThan(0);
    expect(faster).toBeLessThan(1000);
  });

  test('spreads a burst evenly over the time it has', () => {
    const { delays } = play(
      2,
      Array.from({ length: 10 }, () => ({ at: 0, words: 6 })),
    );
    const gaps = delays.slice(2).map((each, n) => each - (delays[n + 1] ?? 0));
    expect(Math.max(...delays)).toBeLessThanOrEqual(paceLimits.maxDelayMs);
    expect(Math.max(...gaps) - Math.min(...gaps)).toBeLessThan(20);
  });

  test('shows at once what could not be shown one after the other in time', () => {
    const { delays, jumps } = play(
      4,
      Array.from({ length: 500 }, () => ({ at: 0, words: 6 })),
    );
    expect(jumps).toBe(1);
    expect(Math.max(...delays)).toBe(0);
  });

  test('never holds anything longer than its bound, never changes the order, whatever comes', () => {
    const arrival = fc.record({ gap: fc.nat(3000), words: fc.nat(20), newRow: fc.boolean() });
    fc.assert(
      fc.property(fc.array(arrival, { maxLength: 80 }), fc.integer({ min: 1, max: 9 }), (given, rows) => {
        let at = 0;
        const arrivals = given.map(({ gap, words, newRow }) => {
          at += gap;
          return { at, words, newRow };
        });
        const { delays } = play(rows, arrivals);
        expect(delays.length).toBe(arrivals.length);
        for (const delay of delays) expect(delay).toBeLessThanOrEqual(paceLimits.maxDelayMs + 1);
      }),
    );
  });

  test('gives rows without words to the next words, which then push nothing', () => {
    const pace = new Pace(2, 0);
    for (let n = 0; n < 2; n++) pace.add({ words: 30, newRow: true }, 0);
    expect(pace.take(0).count).toBe(2);
    pace.add({ words: 0, newRow: true, spare: true }, 0);
    expect(pace.take(0).count).toBe(0);
    pace.withdrawSpare();
    expect([pace.waiting, pace.spare, pace.wait(0)]).toEqual([0, 0, null]);
    pace.add({ words: 0, newRow: true, spare: true }, 0);
    expect(pace.take(paceLimits.maxDelayMs).count).toBe(1);
    expect(pace.spare).toBe(1);
    pace.add({ words: 6, newRow: true }, paceLimits.maxDelayMs);
    expect(pace.take(paceLimits.maxDelayMs).count).toBe(1);
    expect(pace.spare).toBe(0);
  });
});

describe('a page that stands for hours', () => {
  const { maxPixels, quietMs, stepMs } = burnInLimits;

  test('is moved by one pixel at a time, through all of a small square, from where it belongs and back', () => {
    const steps = 2 * ((2 * maxPixels + 1) ** 2 - 1);
    const seen = new Set<string>();
    expect(offsetAt(0)).toEqual([0, 0]);
    expect(offsetAt(steps)).toEqual([0, 0]);
    for (let step = 0; step < steps; step++) {
      const [x, y] = offsetAt(step);
      const [nextX, nextY] = offsetAt(step + 1);
      seen.add(`${x},${y}`);
      expect(Math.abs(x - nextX) + Math.abs(y - nextY)).toBe(1);
      expect(Math.max(Math.abs(x), Math.abs(y))).toBeLessThanOrEqual(maxPixels);
    }
    expect(seen.size).toBe((2 * maxPixels + 1) ** 2);
  });

  test('stays where it is while words come, and is moved only after a while without any', () => {
    let now = 0;
    let due: { at: number; run: () => void } | null = null;
    const moves: number[] = [];
    const burnIn = new BurnIn(() => moves.push(now), {
      setTimeout(run, ms) {
        due = { at: now + ms, run };
        return 1;
      },
      clearTimeout() {
        due = null;
      },
    });
    const until = (time: number) => {
      for (; due && due.at <= time; now = due?.at ?? now) {
        now = due.at;
        due.run();
      }
      now = time;
    };
    for (let second = 0; second < 120; second += 10) {
      until(second * 1000);
      burnIn.rest();
    }
    const last = now;
    expect(moves).toEqual([]);
    until(last + quietMs - 1);
    expect(moves).toEqual([]);
    until(last + quietMs + 2 * stepMs);
    expect(moves).toEqual([0, 1, 2].map((n) => last + quietMs + n * stepMs));
  });
});
