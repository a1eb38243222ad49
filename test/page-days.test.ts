import { beforeEach, expect, test } from 'vitest';
import type { RoomState } from '../relay/protocol.js';
import type { OpenPage } from './harness/browser.ts';
import { captionPages, complaints, eventually, shown } from './harness/caption-page.ts';
import type { FakeCaptions } from './harness/fake-captions.ts';

const pages = captionPages();
let server: FakeCaptions;

beforeEach(() => {
  server = pages.server;
});

const hourMs = 3_600_000;
const hoursADay = 24;
const states: readonly RoomState[] = ['listening', 'resting', 'delayed', 'catching-up', 'no-audio', 'offline', 'fault'];

/** From now on, counts the timers that wait. */
const countTimers = ({ page }: OpenPage) =>
  page.evaluate(() => {
    const pending = new Set<number>();
    const [set, clear] = [window.setTimeout.bind(window), window.clearTimeout.bind(window)];
    const counting = (run: () => void, ms?: number) => {
      const timer = set(() => {
        pending.delete(timer);
        run();
      }, ms);
      pending.add(timer);
      return timer;
    };
    Object.assign(window, {
      setTimeout: counting,
      clearTimeout(timer: number) {
        pending.delete(timer);
        clear(timer);
      },
      pendingTimers: () => pending.size,
    });
  });

/** What the page holds, after all that nobody needs was let go. */
async function holdings({ page }: OpenPage) {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  for (let i = 0; i < 3; i++) await session.send('HeapProfiler.collectGarbage');
  const { metrics } = await session.send('Performance.getMetrics');
  await session.detach();
  const metric = (wanted: string) => metrics.find(({ name }) => name === wanted)?.value ?? Number.NaN;
  return {
    elements: await page.evaluate(() => document.querySelectorAll('*').length),
    nodes: metric('Nodes'),
    listeners: metric('JSEventListeners'),
    heapMb: metric('JSHeapUsedSize') / 1e6,
    timers: Number(await page.evaluate('pendingTimers()')),
  };
}

/** An hour in a room: a state, some sound, a talk, some words; then the line falls silent and is reopened. */
async function hour(page: OpenPage, n: number): Promise<void> {
  const connections = server.requests.length;
  const title = `Talk ${n}`;
  server.status(states[n % states.length] ?? 'listening', `Message ${n}.`);
  for (let i = 0; i < 8; i++) server.level(-60 + ((n * 7 + i * 5) % 60));
  // The night has no words: the welcome screen comes back.
  if (n % hoursADay < 12) {
    for (let i = 0; i < 4; i++) {
      server.partial(`partial ${n} ${i}`);
      server.say(`Sentence ${n} ${i}, of the usual length of a sentence that somebody says.`);
    }
    if (n % 6 === 0) server.clear();
  }
  server.talk({ id: String(n), title, speakers: ['Ada Esempio'], start: n * hourMs, end: (n + 1) * hourMs });
  await eventually(() => page.page.locator('#talk-title').textContent(), title);
  await page.page.clock.fastForward(hourMs);
  // That its line has ended takes real time to reach the page; only then is there a moment at which to open it again.
  const reopened = async () => {
    await page.page.clock.fastForward(3000);
    return server.requests.length > connections;
  };
  await expect.poll(reopened, { timeout: 20_000 }).toBe(true);
}

test('a screen left open for three days holds no more than after its first hours', { timeout: 120_000 }, async () => {
  const page = await pages.open(server.url({ view: 'screen', qr: 'corner', partial: 'true' }), { virtualTime: true });
  await server.connected(1);
  await countTimers(page);
  let n = 0;
  // The first day is warming up: code is compiled, every state was seen, one night has passed.
  for (; n < hoursADay; n++) await hour(page, n);
  const before = await holdings(page);
  for (; n < 3 * hoursADay; n++) await hour(page, n);
  const after = await holdings(page);

  // A connection or two may be on its way out; anything that grows by one each hour would be 48.
  expect(after.elements - before.elements).toBeLessThan(20);
  expect(after.nodes - before.nodes).toBeLessThan(40);
  expect(after.listeners - before.listeners).toBeLessThan(10);
  expect(after.timers - before.timers).toBeLessThan(3);
  expect(after.timers).toBeLessThan(8);
  expect(after.heapMb - before.heapMb).toBeLessThan(2);
  expect(complaints(page)).toEqual([]);
  server.say('On the fourth morning.');
  await eventually(async () => (await page.page.locator('#captions').textContent())?.includes('fourth'), true);
  expect(await shown(page, 'title')).toEqual([]);
});
