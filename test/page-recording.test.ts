import { expect, test } from 'vitest';
import { accessibilityFaults } from './harness/axe.ts';
import { captionPages, eventually } from './harness/caption-page.ts';
import { phone } from './harness/reader-page.ts';
import { keepScreenshot } from './harness/screenshots.ts';

/** The caption page of a room that is recorded, and transcripts of past talks on a phone. About 8 s with the browser. */

const pages = captionPages();

const told = 'This room is being recorded';
const says = (on: boolean) => pages.server.raw(JSON.stringify({ type: 'recording', on }));

test('a screen says that the room is recorded, before the talk and during it, until it is not', async () => {
  const { server } = pages;
  const { page, consoleErrors } = await pages.open(server.url(), { viewport: { width: 1280, height: 720 } });
  await page.locator('#title').waitFor();
  await eventually(() => page.locator('#recorded').isVisible(), false);
  says(true);
  await page.getByText(told).waitFor();
  await keepScreenshot(page, 'recording screen welcome');
  server.say('The first words of the talk.');
  await page.locator('.row').first().waitFor();
  server.status('delayed', 'x'.repeat(200));
  await page.getByText('Captions are delayed').first().waitFor();
  expect(await page.locator('#recorded').isVisible()).toBe(true);
  const [box, width] = [
    await page.locator('#recorded').boundingBox(),
    await page.locator('#recorded').evaluate((each) => each.scrollWidth),
  ];
  expect(width).toBeLessThanOrEqual(Math.ceil(box?.width ?? 0));
  await keepScreenshot(page, 'recording screen talk');
  expect(await accessibilityFaults(page, { without: ['region'] })).toEqual([]);
  says(false);
  await eventually(() => page.locator('#recorded').isVisible(), false);
  expect(consoleErrors).toEqual([]);
});

test('a page that comes back to a room that is not recorded any more does not say so; an overlay never does', async () => {
  const { server } = pages;
  const { page } = await pages.open(server.url(), { viewport: { width: 1280, height: 720 } });
  await page.locator('#title').waitFor();
  says(true);
  await page.getByText(told).waitFor();
  server.cut();
  // It says nothing of it: an older relay, or one that records no more.
  await eventually(() => page.locator('#recorded').isVisible(), false);
  const overlay = await pages.open(server.url({ overlay: 'true' }), { viewport: { width: 1280, height: 720 } });
  await eventually(async () => server.readers, 2);
  says(true);
  await page.getByText(told).waitFor();
  expect(await overlay.page.getByText(told).isVisible()).toBe(false);
});

test('a phone says so in the reader’s language', async () => {
  const { server } = pages;
  const { page } = await pages.open(server.url({ lang: 'it' }), phone);
  server.say('Le prime parole.');
  await page.locator('#read .final').waitFor();
  says(true);
  await page.getByText('Questa sala viene registrata').waitFor();
  await keepScreenshot(page, 'recording phone');
});
