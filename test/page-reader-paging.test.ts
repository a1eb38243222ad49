import { expect, test } from 'vitest';
import { Paging, pagingLimits } from '../display/reader-paging.js';
import type { Page } from '../display/reader-window.js';
import { seeded } from './harness/random.ts';
import { opened, Room } from './harness/reader-room.ts';

const phones = 2000;
const tickMs = 50;
const end = { top: false, bottom: false };

/** A room full of phones that opened at the same moment, whose relay answers none of them for a while. */
function crowd() {
  const random = seeded(1);
  const room = new Room();
  for (let i = 0; i < 100; i++) room.say();
  let tick = 0;
  let isUp = false;
  /** The tick of every request. */
  const asked: number[] = [];
  const timers = new Map<number, (() => void)[]>();
  const host = {
    random,
    setTimeout(run: () => void, ms: number) {
      const at = tick + Math.ceil(ms / tickMs);
      timers.set(at, [...(timers.get(at) ?? []), run]);
      return at;
    },
    clearTimeout: () => {},
  };
  const pagings = Array.from({ length: phones }, () => {
    const window = opened(room);
    const fetchPage = async (): Promise<Page> => {
      asked.push(tick);
      if (!isUp) throw new Error('busy');
      return { captions: room.transcript().slice(-28), truncated: true };
    };
    return new Paging(window, fetchPage, host, () => {});
  });
  return {
    asked,
    pagings,
    up() {
      isUp = true;
    },
    async run(ms: number) {
      for (let i = 0; i < ms / tickMs; i++) {
        await new Promise((resolve) => setImmediate(resolve));
        tick++;
        for (const run of timers.get(tick) ?? []) run();
        timers.delete(tick);
      }
    },
  };
}

test('two thousand phones that are refused together come back spread out, less and less often, until all have a page', async () => {
  const { asked, pagings, up, run } = crowd();
  for (const each of pagings) each.supply(end);
  await run(60_000);
  const again = asked.slice(phones);
  const byTick = Map.groupBy(again, (each) => each);
  const busiest = Math.max(...[...byTick.values()].map((each) => each.length));
  expect(busiest).toBeLessThan(phones / 10);
  const lastHalfMinute = again.filter((at) => at > 30_000 / tickMs).length;
  expect(lastHalfMinute).toBeGreaterThan(0);
  expect(lastHalfMinute / phones).toBeLessThan(4);
  up();
  await run(2 * pagingLimits.maxRetryMs);
  expect(pagings.map(({ state }) => state)).toEqual(pagings.map(() => 'idle'));
  const answered = asked.length;
  for (const each of pagings) each.supply(end);
  await run(60_000);
  expect(asked.length).toBe(answered);
});
