import { expect, test } from 'vitest';
import { BacklogWindow, TokenBucket } from '../device/window.ts';

const minBytes = 6400;

/** A line of `bytesPerSecond` and a fixed delay, filled by the window for `seconds`; acknowledgements every `ackEveryMs`.
 * @returns the queueing delay and throughput of the second half */
function drive(window: BacklogWindow, bytesPerSecond: number, delayMs: number, seconds: number, ackEveryMs: number) {
  const frame = 3200;
  let lineFreeAtMs = 0;
  let inFlight = 0;
  let delivered = 0;
  let worstQueueMs = 0;
  const arrivals: { atMs: number; sentAtMs: number }[] = [];
  for (let now = 0; now < seconds * 1000; now++) {
    while (inFlight === 0 || inFlight + frame <= window.bytes) {
      lineFreeAtMs = Math.max(lineFreeAtMs, now) + (frame * 1000) / bytesPerSecond;
      arrivals.push({ atMs: lineFreeAtMs + delayMs, sentAtMs: now });
      inFlight += frame;
    }
    if (now > seconds * 500) worstQueueMs = Math.max(worstQueueMs, lineFreeAtMs - now);
    if (now % ackEveryMs !== 0) continue;
    const count = arrivals.findIndex(({ atMs }) => atMs > now);
    const acked = arrivals.splice(0, count < 0 ? arrivals.length : count);
    const last = acked.at(-1);
    if (!last) continue;
    inFlight -= acked.length * frame;
    if (now > seconds * 500) delivered += acked.length * frame;
    window.acknowledged(acked.length * frame, now - last.sentAtMs, now);
  }
  return { worstQueueMs, bytesPerSecond: delivered / (seconds / 2) };
}

test.each([
  { rate: 64_000, delay: 20, acks: 1 },
  { rate: 64_000, delay: 200, acks: 50 },
  { rate: 500_000, delay: 50, acks: 50 },
  { rate: 2_000_000, delay: 10, acks: 1 },
])(
  'on a line of $rate B/s the backlog queues at most 250 ms and uses most of it ($delay ms, acks each $acks ms)',
  (line) => {
    const window = new BacklogWindow({ minBytes });
    const seen = drive(window, line.rate, line.delay, 60, line.acks);
    expect(seen.worstQueueMs).toBeLessThan(250);
    expect(seen.bytesPerSecond).toBeGreaterThan(line.rate * 0.6);
  },
);

test('when delays jump, the window falls to what the line carries within a second', () => {
  const window = new BacklogWindow({ minBytes });
  for (let now = 0; now < 10_000; now += 20) window.acknowledged(20_000, 30, now);
  expect(window.bytes).toBeGreaterThan(500_000);
  for (let now = 10_000; now < 13_000; now += 100) window.acknowledged(6400, 600, now);
  expect(window.bytes).toBeLessThan(40_000);
});

test('no window is below two frames or above its cap', () => {
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
