import { describe, expect, test } from 'vitest';
import type { OpenPage, OpenPageOptions } from './harness/browser.ts';
import { captionPages, complaints, eventually } from './harness/caption-page.ts';
import { goButton, inSight, patient, phone, sayMany, scrollBy, sentence, topOf, words } from './harness/reader-page.ts';

const pages = captionPages();
const token = 'Zm9v-_1';

/** A page that came late: `count` sentences have been said. */
async function late(count: number, options: OpenPageOptions = phone): Promise<OpenPage> {
  sayMany(pages.server, count);
  const page = await pages.open(pages.server.url({ view: 'reader' }, token), options);
  // More than a newcomer is told at once: the first page of history has come.
  await eventually(async () => (await words(page)).length > Math.min(60, count - 1), true);
  await eventually(async () => (await inSight(page)).at(-1), sentence(count));
  return page;
}

const numbers = async (page: OpenPage) => (await words(page)).map((each) => Number(/^Sentence (\d+)/.exec(each)?.[1]));
const isRow = (all: readonly number[]) => all.every((each, i) => i === 0 || each === (all[i - 1] ?? 0) + 1);
const top = ({ page }: OpenPage) => page.locator('#top p').textContent();

/** Scrolls up screen by screen until the page says that this is the beginning; `look` is called at every stop. */
async function toTheFirst(page: OpenPage, look: () => Promise<void> = async () => {}): Promise<void> {
  await expect
    .poll(
      async () => {
        await scrollBy(page, -1200);
        await look();
        return (await top(page)) === 'This is where it begins.' && (await page.page.evaluate(() => scrollY)) === 0;
      },
      { timeout: 25_000, interval: 20 },
    )
    .toBe(true);
}

describe('the history', () => {
  test('opens with the newest captions at the bottom, and is asked for with the right in a header only', async () => {
    const { server } = pages;
    const page = await late(150);
    expect(isRow(await numbers(page))).toBe(true);
    expect(page.requests.some((each) => each.includes('/transcript.json?'))).toBe(true);
    expect(page.requests.filter((each) => each.includes(token) && !each.includes('#'))).toEqual([]);
    expect(server.authorizations).toContain(`Bearer ${token}`);
    expect(complaints(page)).toEqual([]);
  });

  test('is reached page by page to the very first caption, each once, in a document that stays small', async () => {
    const page = await late(450);
    const seen = new Set<number>();
    await toTheFirst(page, async () => {
      const all = await numbers(page);
      expect(isRow(all)).toBe(true);
      expect(await page.page.locator('#read > *').count()).toBeLessThanOrEqual(300);
      for (const each of all) seen.add(each);
    });
    expect((await numbers(page))[0]).toBe(1);
    expect(seen.size).toBe(450);
    // And down again, while the talk goes on.
    let last = 450;
    await expect
      .poll(
        async () => {
          await scrollBy(page, 1500);
          pages.server.say(sentence(++last));
          expect(isRow(await numbers(page))).toBe(true);
          return goButton(page);
        },
        { timeout: 25_000, interval: 20 },
      )
      .toBe('Pause');
    await eventually(async () => (await numbers(page)).at(-1), last);
    expect(isRow(await numbers(page))).toBe(true);
  });

  test('moves nothing that is in sight when a page comes', async () => {
    const { server } = pages;
    const page = await late(300);
    server.holdTranscripts();
    await scrollBy(page, -3000);
    await scrollBy(page, -3000);
    await scrollBy(page, -3000);
    await eventually(() => top(page), 'Loading earlier captions…');
    const before = await inSight(page);
    const tops = await Promise.all(before.map((each) => topOf(page.page, each)));
    const count = (await words(page)).length;
    server.releaseTranscripts();
    await eventually(async () => (await words(page)).length > count, true);
    expect(await inSight(page)).toEqual(expect.arrayContaining(before));
    for (const [i, each] of before.entries()) expect(await topOf(page.page, each)).toBeCloseTo(tops[i] ?? 0, 1);
  });

  test('that cannot be loaded says so, tries again by itself and at the press of a button', async () => {
    const { server } = pages;
    const page = await late(300);
    server.failTranscripts = true;
    await expect
      .poll(async () => {
        await scrollBy(page, -1500);
        return top(page);
      }, patient)
      .toBe('Earlier captions could not be loaded.');
    const button = page.page.getByRole('button', { name: 'Try again' });
    // What it says is not covered by what the room's state says.
    server.status('fault');
    await eventually(() => page.page.locator('#notice').isVisible(), true);
    await scrollBy(page, -5000);
    const lowerEdge = await page.page.locator('#notice').evaluate((each) => each.getBoundingClientRect().bottom);
    await expect
      .poll(() => page.page.locator('#top p').evaluate((each) => each.getBoundingClientRect().top), patient)
      .toBeGreaterThanOrEqual(lowerEdge);
    const before = await numbers(page);
    const asked = server.transcripts;
    await eventually(async () => server.transcripts > asked, true);
    await button.scrollIntoViewIfNeeded();
    const pressed = server.transcripts;
    await button.tap();
    await eventually(async () => server.transcripts > pressed, true);
    server.failTranscripts = false;
    await eventually(async () => (await numbers(page)).length > before.length, true);
    expect(isRow(await numbers(page))).toBe(true);
    await toTheFirst(page);
  });

  test('jumps to the live end from far above at once', async () => {
    const { server } = pages;
    const page = await late(600);
    await toTheFirst(page);
    server.failTranscripts = true;
    sayMany(server, 60, 601);
    await eventually(() => goButton(page), 'Jump to live60 new');
    await page.page.locator('#go').tap();
    await eventually(async () => (await inSight(page)).at(-1), sentence(660));
    expect(await goButton(page)).toBe('Pause');
    expect(isRow(await numbers(page))).toBe(true);
    server.failTranscripts = false;
    await toTheFirst(page);
  });

  test('holds what a page read in the past is told of: corrections, late captions, hidden ones', async () => {
    const { server } = pages;
    const page = await late(600);
    await toTheFirst(page);
    const first = sentence(1);
    const at = Date.UTC(2026, 0, 10, 9);
    server.amend(2, 'Corrected.');
    server.amend(3, null);
    server.say('Late.', { late: true, start: at + 9001 });
    await eventually(
      async () => (await words(page)).slice(0, 5),
      [first, 'Corrected.', sentence(4), 'Late.', sentence(5)],
    );
    expect(await page.page.evaluate(() => scrollY)).toBeLessThan(200);
  });

  test('of another log leaves nothing of the first', async () => {
    const { server } = pages;
    const page = await late(200);
    await scrollBy(page, -1500);
    await eventually(() => goButton(page), 'Jump to live');
    server.newLog();
    for (let i = 1; i <= 400; i++) server.say(`New ${i}.`);
    server.cut();
    await server.connected(2);
    await eventually(async () => (await inSight(page)).at(-1), 'New 400.');
    expect(await goButton(page)).toBe('Pause');
    const all = await words(page);
    expect(all.filter((each) => !each.startsWith('New '))).toEqual([]);
    expect(new Set(all).size).toBe(all.length);
  });

  test('has a beginning from the first caption on', async () => {
    const page = await late(1);
    await eventually(() => top(page), 'This is where it begins.');
  });
});
