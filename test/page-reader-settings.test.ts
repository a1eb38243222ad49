import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { Settings, usualSettings } from '../display/reader/settings.js';
import type { OpenPage, OpenPageOptions } from './harness/browser.ts';
import { captionPages, complaints, eventually } from './harness/caption-page.ts';
import {
  belowNewest,
  inSight,
  patient,
  phone,
  sayMany,
  scrollBy,
  sentence,
  topOf,
  words,
} from './harness/reader-page.ts';

const pages = captionPages();
const key = 'sala.reader.v1';

async function open(parameters: Record<string, string> = {}, options: OpenPageOptions = phone): Promise<OpenPage> {
  const page = await pages.open(pages.server.url({ view: 'reader', ...parameters }, 'secret-token'), options);
  await eventually(async () => (await words(page)).length > 0, true);
  return page;
}

const openSettings = ({ page }: OpenPage) => page.getByRole('button', { name: 'Settings' }).tap();
const done = ({ page }: OpenPage) => page.getByRole('button', { name: 'Done' }).tap();
const look = ({ page }: OpenPage) =>
  page.evaluate(() => {
    const { fontSize, fontFamily, lineHeight } = getComputedStyle(
      document.querySelector('#read .final') ?? document.body,
    );
    const { theme, contrast } = document.documentElement.dataset;
    const bar = document.querySelector('meta[name="theme-color"]')?.getAttribute('content');
    return {
      isBarLikePage: bar === getComputedStyle(document.body).backgroundColor,
      size: fontSize,
      font: fontFamily.split(',')[0],
      spacing: (Number.parseFloat(lineHeight) / Number.parseFloat(fontSize)).toFixed(2),
      theme,
      contrast,
    };
  });

const usual = {
  isBarLikePage: true,
  size: '22px',
  font: '"Atkinson Hyperlegible Next"',
  spacing: '1.50',
  theme: 'dark',
  contrast: 'normal',
};

describe('what a reader chooses', () => {
  test('shows at once and is remembered on the device', async () => {
    pages.server.say('Hello.');
    const page = await open();
    expect(await look(page)).toEqual(usual);
    await openSettings(page);
    const dialog = page.page.getByRole('dialog', { name: 'Settings' });
    await dialog.getByRole('button', { name: 'Larger' }).tap();
    await dialog.getByRole('button', { name: 'Larger' }).tap();
    expect(await dialog.getByRole('group', { name: 'Text size' }).locator('output').textContent()).toBe('28 pixels');
    await dialog.getByRole('radio', { name: 'Light' }).check();
    await dialog.getByRole('radio', { name: 'High' }).check();
    await dialog.getByRole('radio', { name: 'OpenDyslexic' }).check();
    await dialog.getByRole('radio', { name: 'Wide' }).check();
    const chosen = {
      isBarLikePage: true,
      size: '28px',
      font: 'OpenDyslexic',
      spacing: '1.85',
      theme: 'light',
      contrast: 'high',
    };
    expect(await look(page)).toEqual(chosen);
    await done(page);
    expect(await dialog.isVisible()).toBe(false);
    await page.page.reload();
    await eventually(() => look(page), chosen);
    expect(await page.page.evaluate(() => localStorage.length)).toBe(1);
    expect(complaints(page)).toEqual([]);
  });

  test('is closed by a press beside it, not by one between its rows', async () => {
    pages.server.say('Hello.');
    const page = await open();
    await openSettings(page);
    const dialog = page.page.getByRole('dialog');
    const box = await dialog.boundingBox();
    const fonts = await dialog.getByRole('group', { name: 'Font' }).boundingBox();
    if (!box || !fonts) throw new Error('there are no settings');
    await page.page.mouse.click(box.x + 5, fonts.y - 3);
    await page.page.mouse.click(box.x + box.width / 2, fonts.y - 3);
    expect(await dialog.isVisible()).toBe(true);
    await page.page.mouse.click(box.x + box.width / 2, box.y - 30);
    expect(await dialog.isVisible()).toBe(false);
  });

  test('has ten sizes from 16 to 64 px, which follow the browser’s own text size', async () => {
    pages.server.say('Hello.');
    const page = await open();
    await openSettings(page);
    const size = () => look(page).then((each) => Number.parseFloat(each.size));
    const smaller = page.page.getByRole('button', { name: 'Smaller' });
    for (let i = 0; i < 5; i++) await smaller.tap({ force: true }); // also where it is at its end
    expect(await smaller.getAttribute('aria-disabled')).toBe('true');
    const sizes = [await size()];
    for (let i = 0; i < 11; i++) {
      await page.page.getByRole('button', { name: 'Larger' }).tap({ force: true });
      if ((await size()) !== sizes.at(-1)) sizes.push(await size());
    }
    expect(sizes).toEqual([16, 18, 20, 22, 24, 28, 32, 40, 48, 64]);
    await page.page.evaluate(() => document.documentElement.style.setProperty('font-size', '32px'));
    expect(await size()).toBe(128);
    expect(await page.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);
  });

  test('follows the device where it should', async () => {
    pages.server.say('Hello.');
    const page = await open();
    await openSettings(page);
    await page.page.getByRole('radio', { name: 'As the device' }).check();
    await page.page.emulateMedia({ colorScheme: 'light' });
    await eventually(async () => (await look(page)).theme, 'light');
    await page.page.emulateMedia({ colorScheme: 'dark' });
    await eventually(async () => (await look(page)).theme, 'dark');
  });

  test('gives way to what the address asks for, until it is chosen again', async () => {
    pages.server.say('Hello.');
    const page = await open();
    await page.page.evaluate((name) => localStorage.setItem(name, '{"size":1,"theme":"dark","font":"serif"}'), key);
    await page.page.goto(pages.server.url({ view: 'reader', size: '2', theme: 'light' }));
    await eventually(() => look(page), { ...usual, size: '40px', theme: 'light', font: 'ui-serif' });
    expect(await page.page.evaluate((name) => localStorage.getItem(name), key)).toBe(
      '{"size":1,"theme":"dark","font":"serif"}',
    );
    await openSettings(page);
    await page.page.getByRole('radio', { name: 'Dark' }).check();
    expect((await look(page)).theme).toBe('dark');
  });

  test.for([
    '{',
    'null',
    '[1]',
    '{"size":"large","theme":7,"font":"comic","awake":"yes"}',
    '{"size":1e99,"spacing":null,"contrast":["high"]}',
    `{"theme":"${'light'.repeat(100_000)}"}`,
  ])('is read leniently where it was written by something else (%#)', (stored) => {
    const { values } = new Settings(() => ({ getItem: () => stored, setItem: () => {} }), { size: 1, theme: null });
    expect({ ...values, size: usualSettings.size }).toEqual(usualSettings);
  });

  test('is the usual where something else was written', async () => {
    pages.server.say('Hello.');
    const page = await open();
    await page.page.evaluate((name) => {
      localStorage.setItem(name, '{"size":');
      localStorage.setItem('sala.reader.v2', '{"theme":7}');
    }, key);
    await page.page.reload();
    await eventually(async () => (await words(page)).length, 1);
    expect(await look(page)).toEqual(usual);
    expect(complaints(page)).toEqual([]);
  });

  test('works without being remembered where a browser keeps nothing', async () => {
    pages.server.say('Hello.');
    const page = await pages.browser.openPage('about:blank', phone);
    try {
      await page.page.addInitScript(() => {
        Object.defineProperty(window, 'localStorage', {
          get() {
            throw new DOMException('denied', 'SecurityError');
          },
        });
      });
      await page.page.goto(pages.server.url({ view: 'reader' }));
      await eventually(() => words(page), ['Hello.']);
      await openSettings(page);
      await page.page.getByRole('radio', { name: 'Light' }).check();
      expect((await look(page)).theme).toBe('light');
      expect(complaints(page)).toEqual([]);
    } finally {
      await page.close();
    }
  });

  test('moves neither the live end nor what is being read', async () => {
    sayMany(pages.server, 60);
    const page = await open();
    await eventually(async () => (await inSight(page)).at(-1), sentence(60));
    await openSettings(page);
    for (let i = 0; i < 4; i++) await page.page.getByRole('button', { name: 'Larger' }).tap();
    await done(page);
    await eventually(async () => Math.abs(await belowNewest(page)) < 2, true);
    await scrollBy(page, -3000);
    const eyes = (await inSight(page)).filter((each) => each).at(1) ?? '';
    const top = (await topOf(page.page, eyes)) ?? 0;
    await openSettings(page);
    await page.page.getByRole('radio', { name: 'Serif' }).check();
    await page.page.getByRole('button', { name: 'Smaller' }).tap();
    await done(page);
    await expect.poll(async () => Math.abs(((await topOf(page.page, eyes)) ?? 9999) - top), patient).toBeLessThan(400);
    expect(await inSight(page)).toContain(eyes);
  });
});

describe('the screen of the device', () => {
  /** A device whose wake lock the test holds in its hand. */
  const fake = async (page: OpenPage) => {
    await page.page.addInitScript(() => {
      const held: EventTarget[] = [];
      Object.assign(window, { held });
      const request = async () => {
        if (document.documentElement.dataset.refuse) throw new DOMException('battery', 'NotAllowedError');
        const lock = Object.assign(new EventTarget(), {
          async release() {
            held.splice(held.indexOf(lock), 1);
            lock.dispatchEvent(new Event('release'));
          },
        });
        held.push(lock);
        return lock;
      };
      Object.defineProperty(navigator, 'wakeLock', { configurable: true, value: { request } });
    });
    await page.page.reload();
    await eventually(async () => (await words(page)).length, 1);
  };
  const locks = ({ page }: OpenPage) =>
    page.evaluate(() => ('held' in window && Array.isArray(window.held) ? window.held.length : -1));

  test('stays on while the reader wants it, also after the page was hidden', async () => {
    pages.server.say('Hello.');
    const page = await open();
    await fake(page);
    expect(await locks(page)).toBe(0);
    await openSettings(page);
    const wish = page.page.getByRole('switch', { name: 'Keep the screen on' });
    await wish.check();
    await eventually(() => locks(page), 1);
    // As browsers do: the lock is let go when the page is hidden.
    await page.page.evaluate(async () => {
      Object.defineProperty(document, 'visibilityState', { configurable: true, value: 'hidden' });
      if ('held' in window && Array.isArray(window.held)) await window.held[0].release();
      document.dispatchEvent(new Event('visibilitychange'));
    });
    expect(await locks(page)).toBe(0);
    await page.page.evaluate(() => {
      Object.defineProperty(document, 'visibilityState', { configurable: true, value: 'visible' });
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await eventually(() => locks(page), 1);
    expect(await page.page.locator('#awake-note').textContent()).toBe('');
    await wish.uncheck();
    await eventually(() => locks(page), 0);
  });

  test('that cannot stay on is told plainly', async () => {
    pages.server.say('Hello.');
    const page = await open();
    await fake(page);
    await openSettings(page);
    const wish = page.page.getByRole('switch', { name: 'Keep the screen on' });
    await page.page.evaluate(() => document.documentElement.setAttribute('data-refuse', 'yes'));
    await wish.check();
    await eventually(() => page.page.locator('#awake-note').textContent(), 'The device does not allow it now.');
    await wish.uncheck();
    await eventually(() => page.page.locator('#awake-note').textContent(), '');
    await page.page.evaluate(() => Object.defineProperty(navigator, 'wakeLock', { value: undefined }));
    await wish.check();
    await eventually(() => page.page.locator('#awake-note').textContent(), 'This browser cannot keep the screen on.');
    expect(complaints(page)).toEqual([]);
  });
});

describe('a screen reader', () => {
  const announced = ({ page }: OpenPage) => page.locator('#announced p').allTextContents();

  test('is left in peace unless the reader wants new captions announced: finals only, whole, not the history', async () => {
    const { server } = pages;
    sayMany(server, 5);
    const page = await open({ partial: 'true' });
    const region = page.page.locator('#announced');
    expect(await region.getAttribute('aria-live')).toBe('off');
    expect(await page.page.locator('#captions').getAttribute('aria-live')).toBe('off');
    server.say('Not announced.');
    await eventually(async () => (await words(page)).at(-1), 'Not announced.');
    expect(await announced(page)).toEqual([]);
    await openSettings(page);
    await page.page.getByRole('switch', { name: 'Announce new captions to screen readers' }).check();
    await done(page);
    expect(await region.getAttribute('aria-live')).toBe('polite');
    expect(await region.getAttribute('role')).toBe('log');
    server.partial('Half a sent');
    server.say('A whole sentence.', { language: 'it-IT' });
    await eventually(() => announced(page), ['A whole sentence.']);
    expect(await region.locator('p').first().getAttribute('lang')).toBe('it-IT');
    server.say('Late.', { late: true, start: Date.UTC(2026, 0, 10, 9) });
    for (let i = 0; i < 9; i++) {
      server.say(`Next ${i}.`);
      await eventually(async () => (await announced(page)).at(-1), `Next ${i}.`);
    }
    expect((await announced(page)).length).toBeLessThanOrEqual(4);
    await page.page.reload();
    await eventually(async () => (await words(page)).at(-1), 'Next 8.');
    expect(await announced(page)).toEqual([]);
    server.say('After the history.');
    await eventually(() => announced(page), ['After the history.']);
    server.clear();
    await eventually(() => announced(page), []);
  });

  /** A page that announces, after `count` sentences. */
  async function listening(count: number): Promise<OpenPage> {
    sayMany(pages.server, count);
    const page = await open();
    await page.page.evaluate((name) => localStorage.setItem(name, '{"announce":true}'), key);
    await page.page.reload();
    await eventually(async () => (await words(page)).length, count);
    return page;
  }

  test('is told what was just said also where another caption is corrected or hidden at that moment', async () => {
    const { server } = pages;
    const page = await listening(3);
    server.say('A whole sentence.', { language: '"><script>' });
    server.amend(1, 'Corrected.');
    await eventually(() => announced(page), ['A whole sentence.']);
    expect(await page.page.locator('#announced p').getAttribute('lang')).toBeNull();
    server.say('Said too much.');
    server.amend(6, null);
    server.say('And on.');
    await eventually(() => announced(page), ['A whole sentence.', 'And on.']);
    server.amend(8, 'And on it goes.');
    await eventually(() => announced(page), ['A whole sentence.']);
  });

  test('is told the last of what a cut line had missed, nothing twice, and nothing of another log’s past', async () => {
    const { server } = pages;
    const page = await listening(3);
    server.say('Heard.');
    await eventually(() => announced(page), ['Heard.']);
    server.cut();
    server.say('Missed one.');
    server.say('Missed two.');
    await eventually(() => announced(page), ['Heard.', 'Missed one.', 'Missed two.']);
    server.cut();
    await server.connected(4);
    server.say('Next.');
    await eventually(() => announced(page), ['Heard.', 'Missed one.', 'Missed two.', 'Next.']);
    server.cut();
    server.newLog();
    sayMany(server, 30);
    await eventually(async () => (await words(page)).at(-1), sentence(30));
    expect(await announced(page)).toEqual([]);
  });

  test('is not talked over while paused to read again', async () => {
    const { server } = pages;
    const page = await listening(3);
    await page.page.getByRole('button', { name: 'Pause' }).tap();
    server.say('Meanwhile.');
    await eventually(async () => (await words(page)).at(-1), 'Meanwhile.');
    expect(await announced(page)).toEqual([]);
    await page.page.getByRole('button', { name: /^Continue/ }).tap();
    server.say('Now.');
    await eventually(() => announced(page), ['Now.']);
  });
});

describe('the transcript', () => {
  test('is saved as a file, with the right to read in a header', async () => {
    sayMany(pages.server, 3);
    const page = await open();
    await openSettings(page);
    const downloading = page.page.waitForEvent('download');
    await page.page.getByRole('button', { name: 'Save the transcript as a file' }).tap();
    const download = await downloading;
    expect(download.suggestedFilename()).toMatch(/^aula-magna-\d{4}-\d\d-\d\d\.txt$/);
    expect(await readFile(await download.path(), 'utf8')).toBe([1, 2, 3].map((n) => `${sentence(n)}\n`).join(''));
    expect(pages.server.authorizations).toEqual(new Set(['Bearer secret-token']));
    expect(page.requests.filter((each) => each.includes('secret-token') && !each.includes('#'))).toEqual([]);
    await eventually(() => page.page.locator('#settings').getByText('The transcript is saved.').count(), 1);
  });

  test('that cannot be had is told, and can be tried again', async () => {
    sayMany(pages.server, 3);
    const page = await open();
    await openSettings(page);
    const button = page.page.getByRole('button', { name: 'Save the transcript as a file' });
    pages.server.failTranscripts = true;
    await button.tap();
    await eventually(() => page.page.getByText('The transcript could not be fetched. Try again.').count(), 1);
    pages.server.failTranscripts = false;
    await button.tap();
    await eventually(() => page.page.getByText('The transcript is saved.').count(), 1);
    expect(complaints(page)).toEqual([]);
  });
});
