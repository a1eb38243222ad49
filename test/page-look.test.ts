import { beforeEach, describe, expect, test } from 'vitest';
import type { OpenPage } from './harness/browser.ts';
import { captionPages, eventually, rows, shown } from './harness/caption-page.ts';
import type { FakeCaptions } from './harness/fake-captions.ts';

const pages = captionPages();
let server: FakeCaptions;

beforeEach(() => {
  server = pages.server;
});

describe('the look', () => {
  const long = 'The question is not whether words arrive, but what happens to those that were spoken meanwhile. ';
  const line = (page: OpenPage) =>
    page.page.locator('#captions').evaluate((each) => {
      const { lineHeight, fontSize } = getComputedStyle(each);
      return { lines: each.clientHeight / Number.parseFloat(lineHeight), font: Number.parseFloat(fontSize) };
    });

  test.for([
    { width: 1920, height: 1080, least: 85 },
    { width: 3840, height: 2160, least: 170 },
    { width: 1280, height: 720, least: 56 },
    { width: 390, height: 844, least: 24 },
    { width: 844, height: 390, least: 36 },
  ])(
    'fills $width × $height with whole lines of large text, the newest at the bottom',
    async ({ width, height, least }) => {
      for (let i = 0; i < 12; i++) server.say(long);
      server.say('The newest words.');
      const page = await pages.open(server.url({ view: 'screen' }), { viewport: { width, height } });
      await eventually(async () => (await rows(page)).length, 13);
      const { lines, font } = await line(page);
      expect(lines).toBeGreaterThanOrEqual(4);
      expect(lines % 1).toBeCloseTo(0, 3);
      expect(font).toBeGreaterThan(least);
      const box = await page.page.locator('#rows p').last().boundingBox();
      const bottom = (box?.y ?? 0) + (box?.height ?? 0);
      expect(bottom).toBeLessThanOrEqual(height);
      expect(bottom).toBeGreaterThan(height * 0.9);
      expect(await page.page.evaluate(() => document.documentElement.scrollHeight - innerHeight)).toBe(0);
      expect(await page.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);
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

  test('as an overlay is words on nothing', async () => {
    server.status('fault', 'Something is wrong.');
    const page = await pages.open(server.url({ overlay: '1' }));
    await server.connected(1);
    const empty = await page.page.screenshot({ omitBackground: true });
    expect(await pages.browser.pixel(empty, 960, 540)).toEqual([0, 0, 0, 0]);
    for (let i = 0; i < 12; i++) server.say(long);
    await eventually(async () => (await rows(page)).length, 12);
    const full = await page.page.screenshot({ omitBackground: true });
    expect(await pages.browser.pixel(full, 960, 300)).toEqual([0, 0, 0, 0]);
    for (const id of ['notice', 'note', 'title', 'state', 'detail']) expect(await shown(page, id)).toEqual([]);
    const style = await page.page.locator('body').evaluate((each) => {
      const { cursor, overflow } = getComputedStyle(each);
      return { cursor, overflow };
    });
    expect(style).toEqual({ cursor: 'none', overflow: 'hidden' });
    expect(page.consoleErrors).toEqual([]);
  });
});
