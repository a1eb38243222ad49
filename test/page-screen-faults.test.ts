import { beforeEach, describe, expect, test } from 'vitest';
import { captionPages, complaints, eventually, finals, rows, still, stopClock } from './harness/caption-page.ts';
import type { FakeCaptions } from './harness/fake-captions.ts';
import { numberedWords, taken, watchMessages } from './harness/word-watch.ts';

const pages = captionPages();
let server: FakeCaptions;

beforeEach(() => {
  server = pages.server;
});

const screen = (more: Record<string, string> = {}) => server.url({ view: 'screen', ...more });

/** A page that draws only when the test moves its clock, like one in a tab that nobody sees. */
async function openStill(parameters: Record<string, string> = {}) {
  const page = await pages.open(screen(parameters), { virtualTime: true, prepare: watchMessages });
  await server.connected(1);
  await page.page.evaluate(() => document.fonts.ready);
  await stopClock(page);
  return page;
}

const sentence = (n: number) => `Sentence ${n} of those that are said in this room.`;
const sentences = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => sentence(from + n));

describe('a screen in the middle of a talk', () => {
  test('shows what was said at once and unmoved when it is opened, and goes on from there', async () => {
    for (const each of sentences(0, 19)) server.say(each);
    const open = await pages.open(screen({ partial: 'true' }), {
      prepare: async (page) => {
        await page.addInitScript(() => {
          Reflect.set(window, 'animated', 0);
          const animate = Element.prototype.animate;
          Element.prototype.animate = function (...given) {
            Reflect.set(window, 'animated', Reflect.get(window, 'animated') + 1);
            return animate.apply(this, given);
          };
        });
      },
    });
    await eventually(async () => (await finals(open)).at(-1), sentence(18));
    expect(await open.page.evaluate(() => Reflect.get(window, 'animated'))).toBe(0);
    server.say(sentence(19));
    await eventually(async () => (await finals(open)).slice(-2), sentences(18, 20));
  });

  test('does not go back to its welcome when another log takes the place of its own', async () => {
    const open = await pages.open(screen());
    server.say('Old words.');
    await eventually(() => rows(open), ['Old words.']);
    const stages = open.page.evaluate(async () => {
      const seen: (string | undefined)[] = [];
      const { documentElement: root } = document;
      // What is there when a frame is painted, not what is passed through before.
      const note = () => {
        seen.push(root.dataset.stage);
        if (!document.querySelector('#rows')?.textContent.includes('New')) requestAnimationFrame(note);
      };
      requestAnimationFrame(note);
      while (!document.querySelector('#rows')?.textContent.includes('New'))
        await new Promise((resolve) => setTimeout(resolve, 10));
      return [...new Set(seen)];
    });
    server.cut();
    server.newLog();
    for (let n = 0; n < 200; n++) server.say(`New words ${n}.`);
    await server.connected(2);
    await eventually(async () => (await rows(open)).at(-1), 'New words 199.');
    expect(await stages).toEqual(['talk']);
  });

  test('is empty after a clear in mid-sentence, and goes on with what is said after it', async () => {
    const open = await pages.open(screen({ partial: 'true' }));
    await server.connected(1);
    server.say('Before.');
    server.partial('we met in nineteen fifty seven in', 'en-US', 25);
    await eventually(() => rows(open), ['Before.', 'we met in nineteen fifty seven in']);
    server.clear();
    await eventually(() => rows(open), []);
    server.partial('and then', 'en-US', 0);
    await eventually(() => rows(open), ['and then']);
    server.partial('and then we all', 'en-US', 8);
    server.say('And then we all went home.');
    await eventually(() => rows(open), ['And then we all went home.']);
    expect(complaints(open)).toEqual([]);
  });

  test('has each word once after its size changed, also of those that waited and of those being said', async () => {
    const open = await openStill({ partial: 'true', lines: '3' });
    const { page } = open;
    server.say(numberedWords(0, 4).join(' '));
    await taken(page, 1);
    await page.clock.runFor(100);
    for (let n = 0; n < 5; n++) server.say(numberedWords(4 + n * 10, 10).join(' '));
    server.partial(numberedWords(54, 10).join(' '), 'en-US', numberedWords(54, 6).join(' ').length);
    await taken(page, 7);
    await page.clock.runFor(100);
    await page.setViewportSize({ width: 1080, height: 1920 });
    await page.clock.runFor(100);
    await page.setViewportSize({ width: 1280, height: 720 });
    for (let ms = 0; ms < 3000; ms += 100) await page.clock.runFor(100);
    const words = (await rows(open)).join(' ').split(/\s+/);
    expect(words).toEqual(numberedWords(64 - words.length, words.length));
    expect(words.length).toBeGreaterThan(8);
    server.say(numberedWords(54, 10).join(' '));
    await taken(page, 8);
    await page.clock.runFor(2000);
    expect((await finals(open)).join(' ').endsWith(numberedWords(54, 10).join(' '))).toBe(true);
  });

  test('has its rows as wide as they are when its font comes late, and no word twice', async () => {
    const { promise, resolve: release } = Promise.withResolvers<void>();
    // The browser calls a page loaded when it has its fonts.
    const open = await pages.open('about:blank');
    const { page } = open;
    // Nothing is observed in a tab that nobody sees yet.
    await page.addInitScript(() =>
      Reflect.set(
        window,
        'ResizeObserver',
        class {
          observe() {}
        },
      ),
    );
    await page.route('**/*.woff2', async (route) => {
      await promise;
      await route.continue();
    });
    await page.goto(screen(), { waitUntil: 'commit' });
    await server.connected(1);
    // Such narrow words that another font breaks rows elsewhere.
    const said = [0, 1, 2, 3].map((n) => `${n} ${'i '.repeat(60).trim()}`);
    for (const each of said) server.say(each);
    // Words do not wait for ever.
    await eventually(async () => (await finals(open)).at(-1), said[3]);
    const font = () => page.evaluate(() => document.fonts.check('700 20px "Atkinson Hyperlegible Next"', 'Aa'));
    expect(await font()).toBe(false);
    const breaks = () => page.locator('.row').evaluateAll((all) => all.map(({ textContent }) => textContent));
    const before = await breaks();
    release();
    await eventually(font, true);
    await eventually(async () => (await breaks()).join('|') !== before.join('|'), true);
    await still(open);
    expect(await finals(open)).toEqual(said);
    const over = await page.locator('.row').evaluateAll((all) =>
      all.map((row) => {
        const range = document.createRange();
        range.selectNodeContents(row);
        const last = row.lastElementChild?.firstChild;
        if (last) range.setEnd(last, last.textContent?.trimEnd().length ?? 0);
        return range.getBoundingClientRect().right - row.getBoundingClientRect().right;
      }),
    );
    expect(Math.max(...over)).toBeLessThanOrEqual(0);
  });

  test('shows what was said while nobody saw it at once, without rushing through it', async () => {
    const open = await openStill();
    const { page } = open;
    server.say(numberedWords(0, 4).join(' '));
    await taken(page, 1);
    await page.clock.runFor(100);
    // A while in a tab that nobody sees: no frame, and no timer to speak of.
    for (let n = 0; n < 10; n++) server.say(numberedWords(4 + n * 10, 10).join(' '));
    await taken(page, 11);
    await page.clock.fastForward(20_000);
    await page.clock.runFor(50);
    const words = async () => (await finals(open)).join(' ').split(' ').at(-1);
    expect(await words()).toBe(numberedWords(103, 1)[0]);
    expect(await page.locator('#rows').evaluate((ground) => ground.getAnimations().length)).toBe(0);
    server.say(numberedWords(104, 10).join(' '));
    await taken(page, 12);
    await page.clock.runFor(2000);
    expect(await words()).toBe(numberedWords(113, 1)[0]);
  });
});
