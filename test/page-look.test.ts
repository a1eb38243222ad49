import { beforeEach, describe, expect, test } from 'vitest';
import { accessibilityFaults, contrasts } from './harness/axe.ts';
import type { OpenPage } from './harness/browser.ts';
import { captionPages, eventually, finals, shown, still } from './harness/caption-page.ts';
import type { FakeCaptions } from './harness/fake-captions.ts';
import { keepScreenshot } from './harness/screenshots.ts';

const pages = captionPages();
let server: FakeCaptions;

beforeEach(() => {
  server = pages.server;
});

const long = 'The question is not whether words arrive, but what happens to those that were spoken meanwhile. ';

const line = (page: OpenPage) =>
  page.page.locator('#captions').evaluate((each) => {
    const { lineHeight, fontSize } = getComputedStyle(each);
    return { lines: each.clientHeight / Number.parseFloat(lineHeight), font: Number.parseFloat(fontSize) };
  });

/** Where the words of the last row that has any end, and the whole of what can be seen of rows; px. */
const edges = (page: OpenPage) =>
  page.page.evaluate(() => {
    const range = document.createRange();
    const frame = document.querySelector('#captions')?.getBoundingClientRect() ?? new DOMRect();
    const boxes = [...document.querySelectorAll('.row')].map((row) => {
      range.selectNodeContents(row);
      // The space after a row's last word is of no width to a reader.
      const last = row.lastElementChild?.firstChild;
      if (last) range.setEnd(last, last.textContent?.trimEnd().length ?? 0);
      return range.getBoundingClientRect();
    });
    const [left, right] = [Math.min(...boxes.map((each) => each.left)), Math.max(...boxes.map((each) => each.right))];
    return {
      left,
      right,
      top: frame.top,
      bottom: frame.bottom,
      last: document.querySelector('.row:last-child')?.getBoundingClientRect().bottom,
    };
  });

/** Waits until the last sentence stands there and nothing moves. */
async function settled(page: OpenPage, last: string): Promise<void> {
  await eventually(async () => (await finals(page)).at(-1), last);
  await still(page);
}

const mixed = [
  ['en-US', 'Good morning, and welcome to the Sala Verdi.'],
  ['it-IT', 'Buongiorno a tutte e a tutti: perché no? È così.'],
  ['ar-SA', 'صباح الخير، أهلا وسهلا بكم في المؤتمر 2026.'],
  ['he-IL', 'בוקר טוב וברוכים הבאים ל־FOSDEM.'],
  ['ja-JP', '皆さん、おはようございます。本日は字幕についてお話しします。'],
  ['de-DE', 'Und zuletzt die Donaudampfschifffahrtsgesellschaftskapitänsmütze.'],
] as const;

describe('a screen', () => {
  test.for([
    { width: 1920, height: 1080, least: 85 },
    { width: 3840, height: 2160, least: 170 },
    { width: 1280, height: 720, least: 56 },
    { width: 1080, height: 1920, least: 65 },
    { width: 390, height: 844, least: 24 },
    { width: 844, height: 390, least: 36 },
  ])(
    'of $width × $height is filled with whole rows of large text in its inner 90 %, the newest at the bottom',
    async ({ width, height, least }) => {
      for (let i = 0; i < 30; i++) server.say(long);
      server.say('The newest words.', { speaker: 'guest' });
      const page = await pages.open(server.url({ view: 'screen' }), { viewport: { width, height } });
      await settled(page, 'The newest words.');
      const { lines, font } = await line(page);
      expect(lines).toBeGreaterThanOrEqual(4);
      expect(lines % 1).toBeCloseTo(0, 3);
      expect(font).toBeGreaterThan(least);
      const { left, right, top, bottom, last } = await edges(page);
      expect(left).toBeGreaterThanOrEqual(width * 0.05 - 0.1);
      expect(right).toBeLessThanOrEqual(width * 0.95 + 0.1);
      expect(top).toBeGreaterThanOrEqual(height * 0.05 - 0.1);
      expect(bottom).toBeLessThanOrEqual(height * 0.95 + 0.1);
      expect(last).toBeCloseTo(bottom, 1);
      expect(await page.page.evaluate(() => document.documentElement.scrollHeight - innerHeight)).toBe(0);
      expect(await page.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);
      await keepScreenshot(page.page, `screen ${width}x${height}`);
    },
  );

  test('follows ?lines, ?size and ?theme, and makes sense of nonsense', async () => {
    for (let i = 0; i < 12; i++) server.say(long);
    const plain = await line(await pages.open(server.url()));
    expect((await line(await pages.open(server.url({ lines: '2' })))).lines).toBeCloseTo(2, 3);
    const ten = await line(await pages.open(server.url({ lines: '10' })));
    expect(ten.lines).toBeCloseTo(10, 3);
    expect(ten.font).toBeLessThan(plain.font);
    expect((await line(await pages.open(server.url({ size: '0.5' })))).font).toBeCloseTo(plain.font / 2, 1);
    const nonsense = await pages.open(server.url({ lines: 'many', size: '-3', theme: '"><b>' }));
    expect(await line(nonsense)).toEqual(plain);
    expect(nonsense.consoleErrors).toEqual([]);
    const light = await pages.open(server.url({ theme: 'light' }));
    const [red = 0] = await pages.browser.pixel(await light.page.screenshot(), 2, 1078);
    expect(red).toBeGreaterThan(240);
  });

  test('makes room for what else stands there, and shows whole lines even so', async () => {
    for (let i = 0; i < 12; i++) server.say(long);
    const page = await pages.open(server.url());
    await settled(page, long.trim());
    const before = (await line(page)).lines;
    await page.page.evaluate(() => document.documentElement.style.setProperty('--strip', '330px'));
    await eventually(async () => (await line(page)).lines < before, true);
    await eventually(async () => (await page.page.locator('.row').count()) < before + 4, true);
    expect((await line(page)).lines % 1).toBeCloseTo(0, 3);
    expect((await edges(page)).top).toBeGreaterThanOrEqual(330);
  });

  test('shows each language in its direction: rows of an Arabic speaker begin at the right edge', async () => {
    for (const [language, text] of mixed) server.say(text, { language });
    const page = await pages.open(server.url());
    await settled(page, mixed.at(-1)?.[1] ?? '');
    await keepScreenshot(page.page, 'screen languages');
    const starts = await page.page.locator('.row').evaluateAll((rows) =>
      rows.map((row) => {
        const range = document.createRange();
        range.selectNodeContents(row);
        const [words, box] = [range.getBoundingClientRect(), row.getBoundingClientRect()];
        return {
          language: row.querySelector('span')?.lang ?? '',
          start: row.getAttribute('dir') === 'rtl' ? box.right - words.right : words.left - box.left,
        };
      }),
    );
    expect(new Set(starts.map(({ language }) => language)).size).toBe(mixed.length);
    for (const { start } of starts) expect(Math.abs(start)).toBeLessThan(2);
    expect(await page.page.locator('.row[dir="rtl"] > [lang="ar-SA"]').count()).toBeGreaterThan(0);
    expect(await page.page.locator('.row[dir="rtl"] > [lang="it-IT"]').count()).toBe(0);
  });

  test.for(['dark', 'light'])(
    'has enough contrast in the %s theme: 7 for words, 4.5 for those that may change',
    async (theme) => {
      server.say('Settled.');
      const page = await pages.open(server.url({ theme, partial: 'true' }));
      await server.connected(1);
      server.partial('not settled');
      await eventually(() => page.page.locator('.row > .tail').count(), 1);
      const ratioOf = async (wanted: string) =>
        (await contrasts(page.page)).find(({ text }) => text.includes(wanted))?.ratio ?? 0;
      expect(await ratioOf('Settled')).toBeGreaterThan(7);
      expect(await ratioOf('not settled')).toBeGreaterThan(4.5);
      expect(await ratioOf('Settled')).toBeGreaterThan(await ratioOf('not settled'));
      expect(await accessibilityFaults(page.page)).toEqual([]);
      await keepScreenshot(page.page, `screen tail ${theme}`);
    },
  );
});

/** A picture as grounds for an overlay: `noise` is coloured, coarse and fine, as a photograph is. */
const grounds = ['white', 'black', 'noise'] as const;

describe('an overlay', () => {
  const overlay = async (given: Record<string, string> = {}, viewport = { width: 1920, height: 1080 }) => {
    const page = await pages.open(server.url({ overlay: '1', ...given }), { viewport });
    await server.connected(server.requests.length || 1);
    return page;
  };

  test('is words on nothing, from its first frame on', async () => {
    server.status('fault', 'Something is wrong.');
    const page = await overlay();
    const empty = await page.page.screenshot({ omitBackground: true });
    expect(await pages.browser.pixel(empty, 960, 540)).toEqual([0, 0, 0, 0]);
    for (let i = 0; i < 12; i++) server.say(long);
    server.say('The end.');
    await settled(page, 'The end.');
    const full = await keepScreenshot(page.page, 'overlay', { omitBackground: true });
    expect(await pages.browser.pixel(full, 960, 300)).toEqual([0, 0, 0, 0]);
    for (const id of ['notice', 'note', 'title', 'state', 'detail']) expect(await shown(page, id)).toEqual([]);
    const style = await page.page.locator('body').evaluate((each) => {
      const { cursor, overflow } = getComputedStyle(each);
      return { cursor, overflow };
    });
    expect(style).toEqual({ cursor: 'none', overflow: 'hidden' });
    expect(await accessibilityFaults(page.page, { without: ['color-contrast'] })).toEqual([]);
    expect(page.consoleErrors).toEqual([]);
  });

  test('shows nothing while it loads, whatever the theme', async () => {
    // None of the page's modules has come yet.
    const { page, context } = await pages
      .open('about:blank')
      .then((each) => ({ ...each, context: each.page.context() }));
    await context.route('**/caption.js', () => {});
    await page.goto(server.url({ overlay: '1', theme: 'light' }), { waitUntil: 'commit' });
    await page.waitForFunction(() => document.styleSheets.length >= 4);
    const first = await page.screenshot({ omitBackground: true });
    for (const [x, y] of [
      [960, 540],
      [100, 60],
      [300, 500],
    ] as const)
      expect(await pages.browser.pixel(first, x, y)).toEqual([0, 0, 0, 0]);
  });

  test('holds its lines within 68 % of the width of a picture of 16:9, where the address says', async () => {
    for (let i = 0; i < 12; i++) server.say(long);
    for (const [position, top, bottom] of [
      ['bottom', 540, 1026],
      ['top', 54, 540],
      ['middle', 324, 756],
    ] as const) {
      const page = await overlay({ position });
      await settled(page, long.trim());
      const { left, right, ...frame } = await edges(page);
      expect(right - left).toBeGreaterThan(1920 * 0.5);
      expect(left).toBeGreaterThanOrEqual(1920 * 0.16 - 0.1);
      expect(right).toBeLessThanOrEqual(1920 * 0.84 + 0.1);
      expect(frame.top).toBeGreaterThanOrEqual(top - 0.1);
      expect(frame.bottom).toBeLessThanOrEqual(bottom + 0.1);
      expect((await line(page)).lines).toBeCloseTo(2, 3);
    }
    expect((await line(await overlay({ lines: '3' }))).lines).toBeCloseTo(3, 3);
  });

  test('stands on its key colour, with the outline that was asked for', async () => {
    server.say('Keyed.');
    const page = await overlay({ chroma: 'green', outline: '0' });
    await settled(page, 'Keyed.');
    expect(await pages.browser.pixel(await page.page.screenshot({ omitBackground: true }), 2, 2)).toEqual([
      0, 255, 0, 255,
    ]);
    const stroke = (each: OpenPage) =>
      each.page
        .locator('.row')
        .first()
        .evaluate((row) => getComputedStyle(row).webkitTextStrokeWidth);
    expect(await stroke(page)).toBe('0px');
    const usual = await overlay();
    await settled(usual, 'Keyed.');
    expect(Number.parseFloat(await stroke(usual))).toBeGreaterThan(4);
  });

  test.for(grounds)('can be read over %s', async (ground) => {
    for (let i = 0; i < 4; i++) server.say(long);
    const page = await overlay();
    await settled(page, long.trim());
    await page.page.evaluate((wanted) => {
      const canvas = document.createElement('canvas');
      canvas.width = innerWidth;
      canvas.height = innerHeight;
      canvas.style.setProperty('position', 'fixed');
      canvas.style.setProperty('inset', '0');
      const context = canvas.getContext('2d');
      if (!context) return;
      context.fillStyle = wanted;
      context.fillRect(0, 0, canvas.width, canvas.height);
      let state = 1;
      const random = () => {
        state = (state * 48_271) % 2_147_483_647;
        return state / 2_147_483_647;
      };
      for (const side of wanted === 'noise' ? [240, 90, 30, 8] : [])
        for (let y = 0; y < canvas.height; y += side)
          for (let x = 0; x < canvas.width; x += side) {
            context.fillStyle = `hsl(${random() * 360} ${random() * 80}% ${random() * 100}% / 50%)`;
            context.fillRect(x, y, side, side);
          }
      document.body.prepend(canvas);
    }, ground);
    const image = await keepScreenshot(page.page, `overlay over ${ground}`);
    // Through the words of a row runs their own colour, and beside it that of the outline.
    const box = await page.page.locator('.row').last().boundingBox();
    const { width, data } = await pages.browser.lightness(image);
    const from = Math.round((box?.y ?? 0) + (box?.height ?? 0) / 2) * width + Math.round(box?.x ?? 0);
    const through = [...data.subarray(from, from + 200)];
    expect(through.filter((each) => each > 240).length).toBeGreaterThan(20);
    expect(through.filter((each) => each < 25).length).toBeGreaterThan(20);
  });
});
