import { describe, expect, test } from 'vitest';
import type { OpenPage } from './harness/browser.ts';
import { captionPages, complaints, eventually } from './harness/caption-page.ts';
import {
  belowNewest,
  goButton,
  inSight,
  isStill,
  patient,
  phone,
  sayMany,
  scrollBy,
  sentence,
  topOf,
  words,
} from './harness/reader-page.ts';

const pages = captionPages();

async function opened(count: number, options = phone): Promise<OpenPage> {
  sayMany(pages.server, count);
  const page = await pages.open(pages.server.url({ view: 'reader' }), options);
  await eventually(async () => (await inSight(page)).at(-1), sentence(count));
  return page;
}

/** What a phone does with a page while it is locked. */
async function lifecycle({ page }: OpenPage, state: 'frozen' | 'active'): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send('Page.setWebLifecycleState', { state });
  await session.detach();
}

const shown = ({ page }: OpenPage) => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));

describe('a reader who comes late, reads back and is interrupted', () => {
  test('finds the place as it was, the line back, what is new counted, and the live end a press away', async () => {
    const { server } = pages;
    const page = await opened(600); // half an hour
    await expect
      .poll(async () => {
        await scrollBy(page, -1000);
        return Number(/\d+/.exec((await inSight(page))[0] ?? '')?.[0]);
      }, patient)
      .toBeLessThan(420);
    await isStill(page);
    await eventually(() => page.page.locator('#top p').textContent(), '');
    const before = await inSight(page);
    const tops = await Promise.all(before.map((each) => topOf(page.page, each)));

    await lifecycle(page, 'frozen');
    server.cut();
    sayMany(server, 100, 601);
    await lifecycle(page, 'active');
    await shown(page);
    await server.connected(2);
    expect(server.requests[1]?.since).toBe(600);

    await eventually(() => goButton(page), 'Jump to live99+ new');
    expect(await inSight(page)).toEqual(before);
    expect(await Promise.all(before.map((each) => topOf(page.page, each)))).toEqual(tops);
    await page.page.locator('#go').tap();
    await eventually(async () => (await inSight(page)).at(-1), sentence(700));
    await eventually(async () => Math.abs(await belowNewest(page)) < 2, true);
    const all = await words(page);
    expect(new Set(all).size).toBe(all.length);
    expect(complaints(page)).toEqual([]);
  });

  test('is not left with a line that died while the device slept and its clock stood still', async () => {
    const page = await opened(3, { ...phone, virtualTime: true });
    await page.page.clock.runFor(2000);
    // The time of day goes on; what counts from when the page was opened does not, nor does any timer.
    const ticks = () => page.page.evaluate(() => performance.now());
    const before = await ticks();
    await page.page.clock.setSystemTime((await page.page.evaluate(() => Date.now())) + 5 * 60_000);
    expect((await ticks()) - before).toBeLessThan(10_000);
    await shown(page);
    await pages.server.connected(2);
    expect(pages.server.requests[1]?.since).toBe(3);
  });

  test('meets each act of an organizer of meanwhile once, in its place', async () => {
    const { server } = pages;
    const page = await opened(3);
    const read = () => page.page.locator('#read > * > :is(.final), #read > .divider').allTextContents();
    server.cut();
    server.say('Before.');
    server.pause();
    server.resume();
    server.say('After.');
    await server.connected(2);
    const told = [
      ...[1, 2, 3].map(sentence),
      'Before.',
      expect.stringMatching(/^Captions were paused/),
      expect.stringMatching(/^Captions go on/),
      'After.',
    ];
    await expect.poll(read, patient).toEqual(told);
    server.cut();
    await server.connected(3);
    server.say('And on.');
    await expect.poll(read, patient).toEqual([...told, 'And on.']);
    server.cut();
    server.clear();
    server.say('In public.');
    await server.connected(4);
    await expect.poll(read, patient).toEqual([expect.stringMatching(/^The screen was cleared/), 'In public.']);
  });
});

describe('two thousand phones', () => {
  test('ask for one page of history each when they open, and for none while they follow', async () => {
    const { server } = pages;
    const page = await opened(300, { ...phone, virtualTime: true });
    await eventually(async () => (await words(page)).length > 60, true);
    for (let i = 0; i < 20; i++) {
      server.say(sentence(301 + i));
      await eventually(async () => (await words(page)).at(-1), sentence(301 + i));
      await page.page.clock.runFor(3000);
    }
    expect(server.transcripts).toBe(1);
    server.amend(200, 'Corrected, far above what is loaded.');
    server.say('Late, and far above.', { late: true, start: Date.UTC(2026, 0, 10, 9) + 1 });
    server.amend(322, 'Late, far above, and corrected.');
    server.say('And on.');
    await eventually(async () => (await words(page)).at(-1), 'And on.');
    await page.page.clock.runFor(3000);
    expect(server.transcripts).toBeLessThanOrEqual(3);
  });
});
