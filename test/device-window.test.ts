import { expect, test } from 'vitest';
import { BacklogWindow, TokenBucket } from '../device/window.ts';

/** One frame of 100 ms, as a session has it. */
const minBytes = 3200;
/** Live audio on the wire, in bytes a second: frames of 100 ms with their headers. */
const liveRate = 32_160;

interface Line {
  readonly bytesPerSecond: number;
  readonly delayMs: number;
  readonly ackEveryMs: number;
  readonly liveBytesPerSecond: number;
}

/** A line with a fixed delay, filled by the window for a minute, beside live audio or alone; the first 5 s are not judged.
 * @returns the queue that the newest frame meets (a live one where there are some), and the share of the line in use */
function drive(window: BacklogWindow, { bytesPerSecond, delayMs, ackEveryMs, liveBytesPerSecond }: Line) {
  const frame = 3200;
  let lineFreeAtMs = 0;
  let inFlight = 0;
  let delivered = 0;
  let worstQueueMs = 0;
  const arrivals: { atMs: number; sentAtMs: number; bytes: number }[] = [];
  const send = (now: number, bytes: number, backlog: boolean) => {
    lineFreeAtMs = Math.max(lineFreeAtMs, now) + (bytes * 1000) / bytesPerSecond;
    arrivals.push({ atMs: lineFreeAtMs + delayMs, sentAtMs: now, bytes: backlog ? bytes : 0 });
  };
  for (let now = 0; now < 60_000; now++) {
    const isLive = liveBytesPerSecond > 0 && now % 100 === 0;
    if (now > 5000 && (isLive || liveBytesPerSecond === 0)) worstQueueMs = Math.max(worstQueueMs, lineFreeAtMs - now);
    if (isLive) send(now, liveBytesPerSecond / 10, false);
    while (inFlight === 0 || inFlight + frame <= window.bytes) {
      send(now, frame, true);
      inFlight += frame;
    }
    if (now % ackEveryMs !== 0) continue;
    const count = arrivals.findIndex(({ atMs }) => atMs > now);
    const acked = arrivals.splice(0, count < 0 ? arrivals.length : count);
    const last = acked.at(-1);
    if (!last) continue;
    const bytes = acked.reduce((sum, each) => sum + each.bytes, 0);
    inFlight -= bytes;
    if (now > 30_000) delivered += bytes;
    window.acknowledged(bytes, now - last.sentAtMs, now);
  }
  return { worstQueueMs, share: delivered / 30 / (bytesPerSecond - liveBytesPerSecond) };
}

test.each([
  { rate: 64_000, delay: 20, acks: 50 },
  { rate: 64_000, delay: 200, acks: 50 },
  { rate: 64_000, delay: 200, acks: 100 },
  { rate: 500_000, delay: 50, acks: 50 },
  { rate: 500_000, delay: 200, acks: 50 },
  { rate: 2_000_000, delay: 10, acks: 1 },
  { rate: 2_000_000, delay: 10, acks: 50 },
])(
  'on a line of $rate B/s the backlog queues at most 250 ms and uses most of it ($delay ms, acks each $acks ms)',
  ({ rate, delay, acks }) => {
    const line = { bytesPerSecond: rate, delayMs: delay, ackEveryMs: acks, liveBytesPerSecond: 0 };
    const seen = drive(new BacklogWindow({ minBytes }), line);
    expect(seen.worstQueueMs).toBeLessThan(250);
    expect(seen.share).toBeGreaterThan(0.6);
  },
);

test.each([50_000, 64_000, 500_000].flatMap((rate) => [10, 50, 200].map((delay) => ({ rate, delay }))))(
  'on a line of $rate B/s live audio meets at most 250 ms of backlog, which takes what is left over ($delay ms)',
  (line) => {
    const seen = drive(new BacklogWindow({ minBytes }), {
      bytesPerSecond: line.rate,
      delayMs: line.delay,
      ackEveryMs: 50,
      liveBytesPerSecond: liveRate,
    });
    expect(seen.worstQueueMs).toBeLessThan(250);
    expect(seen.share).toBeGreaterThan(0.6);
  },
);

test('when delays jump, the window falls to what the line carries within a second', () => {
  const window = new BacklogWindow({ minBytes });
  for (let now = 0; now < 10_000; now += 20) window.acknowledged(20_000, 30, now);
  expect(window.bytes).toBeGreaterThan(500_000);
  for (let now = 10_000; now < 13_000; now += 100) window.acknowledged(3200, 600, now);
  expect(window.bytes).toBeLessThan(20_000);
});

test('no window is below one frame or above its cap', () => {
  const window = new BacklogWindow({ minBytes });
  for (let now = 0; now < 60_000; now += 10) window.acknowledged(50_000, 5, now);
  expect(window.bytes).toBe(1e6);
  for (let now = 60_000; now < 90_000; now += 100) window.acknowledged(0, 5000, now);
  expect(window.bytes).toBe(minBytes);
});

test('the bucket lets no more pass than its rate', () => {
  const bucket = new TokenBucket(2, 0);
  let seconds = 0;
  for (let now = 0; now < 60_000; now += 10) {
    if (bucket.waitMs(1, now) > 0) continue;
    bucket.take(1);
    seconds++;
  }
  expect(seconds).toBeLessThanOrEqual(120);
  expect(seconds).toBeGreaterThan(105);
});
