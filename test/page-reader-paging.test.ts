import { expect, test } from 'vitest';
import { Paging, pagingLimits } from '../display/reader/paging.js';
import type { Page, PageQuery } from '../display/reader/window.js';
import { seeded } from './harness/random.ts';
import { captionsOf, opened, Room } from './harness/reader-room.ts';

const phones = 2000;
const tickMs = 50;
const end = { top: false, bottom: false };

/** A room full of phones that opened at the same moment; its relay answers none of them until it is up. */
function crowd() {
  const random = seeded(1);
  const room = new Room();
  for (let i = 0; i < 100; i++) room.say();
  room.amend(80, null);
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
  const windows = Array.from({ length: phones }, () => opened(room));
  const pagings = windows.map((window) => {
    const fetchPage = async (query: PageQuery): Promise<Page> => {
      asked.push(tick);
      if (!isUp) throw new Error('busy');
      return room.page({ kind: 'newest', query, since: [] });
    };
    return new Paging(window, fetchPage, host, () => {});
  });
  return {
    room,
    windows,
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

/** The most requests in one tick. @param asked the tick of each */
const busiest = (asked: readonly number[]) =>
  Math.max(...[...Map.groupBy(asked, (each) => each).values()].map((each) => each.length));

test('two thousand phones that lack a caption which is shown again ask for it once each, spread out', async () => {
  const { room, windows, asked, pagings, up, run } = crowd();
  up();
  for (const each of pagings) each.supply(end);
  await run(1000);
  expect(asked.length).toBe(phones);
  const shownAgain = room.amend(80, 'Here again.');
  for (const each of windows) each.apply(shownAgain);
  for (const each of pagings) each.supply(end);
  await run(10_000);
  expect(asked.length).toBe(2 * phones);
  expect(busiest(asked.slice(phones))).toBeLessThan(phones / 10);
  const [window] = windows;
  expect(window && captionsOf(window)).toContainEqual({ seq: 80, text: 'Here again.' });
});

test('two thousand phones that are refused together come back spread out, less and less often, until all have a page', async () => {
  const { asked, pagings, up, run } = crowd();
  for (const each of pagings) each.supply(end);
  await run(60_000);
  const again = asked.slice(phones);
  expect(busiest(again)).toBeLessThan(phones / 10);
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
