import { expect, test } from 'vitest';
import { RetrySchedule } from '../device/retry.ts';
import { EngineRetry } from '../relay/retry.ts';

const longest = () => 1;
const waits = (schedule: { next(): number }, count: number) => Array.from({ length: count }, () => schedule.next());

test('the kit’s waits double from 0.25 to 5 s and stay there', () => {
  expect(waits(new RetrySchedule({ random: longest }), 7)).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000]);
});

test('a wait is anything from none to its ceiling, so that a hall of kits spreads out', () => {
  let share = 0;
  const schedule = new RetrySchedule({ random: () => share });
  waits(schedule, 10);
  expect(schedule.next()).toBe(0);
  share = 0.5;
  expect(schedule.next()).toBe(2500);
});

test('a connection that held for 30 s begins the waits anew, a shorter one does not', () => {
  const schedule = new RetrySchedule({ random: longest });
  waits(schedule, 4);
  schedule.ended(29_999);
  expect(schedule.next()).toBe(4000);
  schedule.ended(30_000);
  expect(waits(schedule, 2)).toEqual([250, 500]);
});

test('an engine session that failed is opened again at once, then ever later, until one was healthy', () => {
  const retry = new EngineRetry(longest);
  expect([0, 0, 0, 0, 0, 0].map((livedMs) => retry.next('reopen', livedMs))).toEqual([0, 500, 1000, 2000, 4000, 4000]);
  expect(retry.next('reopen', 60_000)).toBe(0);
  expect(retry.next('capacity', 0)).toBeLessThanOrEqual(30_000);
});

test('no wait of a live room is longer than 4 s but the one for capacity, whoever has to put something right', () => {
  for (const kind of ['reopen', 'backoff', 'credentials', 'configuration'] as const) {
    const retry = new EngineRetry(longest);
    const waits = Array.from({ length: 10 }, () => retry.next(kind, 0));
    expect([kind, Math.max(...waits)]).toEqual([kind, 4000]);
  }
});
