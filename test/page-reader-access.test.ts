import { describe, expect, test } from 'vitest';
import { accessibilityFaults, contrasts } from './harness/axe.ts';
import type { OpenPage, OpenPageOptions } from './harness/browser.ts';
import { captionPages, eventually } from './harness/caption-page.ts';
import {
  goButton,
  inSight,
  isStill,
  patient,
  phone,
  sayMany,
  scrollBy,
  sentence,
  words,
} from './harness/reader-page.ts';

const pages = captionPages();
const laptop: OpenPageOptions = { viewport: { width: 1280, height: 800 } };

async function open(options: OpenPageOptions = phone, parameters: Record<string, string> = {}): Promise<OpenPage> {
  const page = await pages.open(pages.server.url({ view: 'reader', ...parameters }), options);
  await eventually(async () => (await words(page)).length > 0, true);
  return page;
}

/** A talk with everything in it that a page may show. */
function sayAll(): void {
  const { server } = pages;
  sayMany(server, 200);
  server.say('And now a question.', { speaker: '0' });
  server.say('Grazie, vorrei sapere come si misura.', { speaker: '1', language: 'it-IT' });
  server.say('شكرا لكم جميعا.', { speaker: '0', language: 'ar-SA' });
}

async function isFine({ page }: OpenPage): Promise<void> {
  expect(await accessibilityFaults(page)).toEqual([]);
  expect((await contrasts(page)).filter(({ ratio }) => ratio < 7)).toEqual([]);
}

const settings = ({ page }: OpenPage) => page.getByRole('button', { name: 'Settings' }).click();

describe('nothing stands in the way of anyone', () => {
  test.for([
    { theme: 'dark', contrast: 'normal' },
    { theme: 'dark', contrast: 'high' },
    { theme: 'light', contrast: 'normal' },
    { theme: 'light', contrast: 'high' },
  ])(
    'in $theme with $contrast contrast: reading, standing in the past, with a fault, in the settings',
    async (look) => {
      const { server } = pages;
      sayAll();
      const page = await pages.browser.openPage('about:blank', phone);
      try {
        await page.page.addInitScript((value) => localStorage.setItem('sala.reader.v1', value), JSON.stringify(look));
        await page.page.goto(server.url({ view: 'reader', partial: 'true' }));
        await eventually(async () => (await words(page)).length > 60, true);
        expect(await page.page.locator('html').getAttribute('data-contrast')).toBe(look.contrast);
        server.partial('and this is what is being said');
        server.pause();
        await eventually(() => page.page.locator('#read .tail, #read .divider').count(), 2);
        await isFine(page);
        server.failTranscripts = true;
        await expect
          .poll(async () => {
            await scrollBy(page, -1500);
            return page.page.getByRole('button', { name: 'Try again' }).count();
          }, patient)
          .toBe(1);
        server.say('Something new.');
        server.status('fault', 'The recogniser cannot be reached.');
        await eventually(() => page.page.locator('#notice').isVisible(), true);
        await isFine(page);
        await settings(page);
        await isFine(page);
      } finally {
        await page.close();
      }
    },
  );

  test('while history loads, at the beginning, after the screen was cleared, and before the first caption', async () => {
    const { server } = pages;
    const early = await pages.open(server.url({ view: 'reader' }), phone);
    await eventually(() => early.page.locator('#title').textContent(), 'Aula Magna');
    expect(await accessibilityFaults(early.page)).toEqual([]);
    sayAll();
    server.holdTranscripts();
    const page = await open();
    await scrollBy(page, -9000);
    await eventually(() => page.page.locator('#top p').textContent(), 'Loading earlier captions…');
    await isFine(page);
    server.releaseTranscripts();
    await eventually(async () => (await words(page)).length > 60, true);
    server.clear();
    await page.page.locator('#go').click();
    await eventually(() => page.page.getByRole('button', { name: 'Show what was said before' }).count(), 1);
    await isFine(page);
  });

  test('with the colours that a reader forces on every page, and in Italian', async () => {
    sayAll();
    const page = await open({ ...phone, locale: 'it-IT', context: { ...phone.context, forcedColors: 'active' } });
    await scrollBy(page, -700);
    await eventually(() => goButton(page), 'Alla diretta');
    // axe-core takes the fill of letters, which is not told as forced, for their colour; what is computed is.
    const isForced = async () => {
      expect(await accessibilityFaults(page.page, { without: ['color-contrast'] })).toEqual([]);
      expect((await contrasts(page.page)).filter(({ ratio }) => ratio < 7)).toEqual([]);
    };
    await isForced();
    await page.page.getByRole('button', { name: 'Opzioni' }).click();
    await isForced();
    // What is chosen can be told without the colours of ours.
    const outline = (name: string) =>
      page.page
        .locator('label', { has: page.page.getByRole('radio', { name, exact: true }) })
        .evaluate((label) => getComputedStyle(label).outlineStyle);
    expect([await outline('Scuri'), await outline('Chiari')]).toEqual(['solid', 'none']);
  });

  test('with more contrast where the device asks for it', async () => {
    sayAll();
    const page = await open({ ...phone, context: { ...phone.context, contrast: 'more' } });
    const [least] = await contrasts(page.page);
    expect(least?.ratio).toBeGreaterThan(12);
  });
});

describe('by keyboard alone', () => {
  test('every control is reached in order, seen, and used', async () => {
    sayAll();
    const page = await open(laptop);
    const { keyboard } = page.page;
    const focus = () =>
      page.page.evaluate(() => {
        const at = document.activeElement;
        const shown = at?.closest('label') ?? at;
        const { outlineStyle, outlineWidth } = getComputedStyle(shown ?? document.body);
        const box = shown?.getBoundingClientRect();
        const inView = box !== undefined && box.top >= 0 && box.bottom <= innerHeight;
        const name = at?.getAttribute('aria-label') ?? at?.closest('label')?.textContent ?? at?.textContent ?? '';
        return { name, seen: outlineStyle === 'solid' && Number.parseFloat(outlineWidth) >= 2 && inView };
      });
    const walk = async (count: number) => {
      const names: string[] = [];
      for (let i = 0; i < count; i++) {
        await keyboard.press('Tab');
        const { name, seen } = await focus();
        expect(seen, name).toBe(true);
        names.push(name);
      }
      return names;
    };
    expect(await walk(2)).toEqual(['Pause', 'Settings']);
    await keyboard.press('Enter');
    expect(await page.page.getByRole('dialog').isVisible()).toBe(true);
    expect((await focus()).name).toBe('Done');
    expect(await walk(9)).toEqual([
      'Smaller',
      'Larger',
      'Dark',
      'Normal',
      'Atkinson Hyperlegible',
      'Normal',
      'Keep the screen on',
      'Announce new captions to screen readers',
      'Save the transcript as a file',
    ]);
    for (let i = 0; i < 6; i++) await keyboard.press('Shift+Tab');
    await keyboard.press('ArrowRight');
    expect((await focus()).name).toBe('Light');
    await eventually(() => page.page.locator('html').getAttribute('data-theme'), 'light');
    await keyboard.press('Escape');
    expect(await page.page.getByRole('dialog').isVisible()).toBe(false);
    expect((await focus()).name).toBe('Settings');
    await keyboard.press('Shift+Tab');
    await keyboard.press('Space');
    await eventually(() => goButton(page), 'Continue');
    expect((await focus()).name).toBe('Continue');
    await keyboard.press('Space');
    await eventually(() => goButton(page), 'Pause');
  });

  test('Home, End, Page Up, Page Down and the arrows scroll; no letter does anything', async () => {
    sayAll();
    const page = await open(laptop);
    const { keyboard } = page.page;
    const y = () => page.page.evaluate(() => scrollY);
    await eventually(async () => (await words(page)).length > 60, true);
    await isStill(page);
    const end = await y();
    await keyboard.press('PageUp');
    await expect.poll(y, patient).toBeLessThan(end - 400);
    await isStill(page);
    const up = await y();
    await keyboard.press('ArrowUp');
    await expect.poll(y, patient).toBeLessThan(up);
    await keyboard.press('PageDown');
    await expect.poll(y, patient).toBeGreaterThan(up);
    await isStill(page);
    const before = [await goButton(page), await inSight(page)];
    for (const letter of 'abcdefghijklmnopqrstuvwxyz/?') await keyboard.press(letter);
    expect([await goButton(page), await inSight(page)]).toEqual(before);
    await keyboard.press('End');
    await eventually(() => goButton(page), 'Pause');
    await isStill(page);
    await keyboard.press('Home');
    await eventually(() => goButton(page), 'Jump to live');
    // Home goes to what is loaded; again and again, to the very first.
    await expect
      .poll(
        async () => {
          await keyboard.press('Home');
          return (await inSight(page)).includes(sentence(1));
        },
        { timeout: 15_000 },
      )
      .toBe(true);
  });

  test('a button that goes away leaves its focus with the captions', async () => {
    sayAll();
    const page = await open(laptop);
    pages.server.clear();
    await eventually(() => page.page.getByRole('button', { name: 'Show what was said before' }).count(), 1);
    await page.page.getByRole('button', { name: 'Show what was said before' }).focus();
    await page.page.keyboard.press('Enter');
    await eventually(async () => (await words(page)).length > 10, true);
    expect(await page.page.evaluate(() => document.activeElement?.id)).toBe('captions');
  });
});

describe('room for words and thumbs', () => {
  const sideways = ({ page }: OpenPage) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

  test.for([
    { name: 'at 320 px, which is 400 % zoom', viewport: { width: 320, height: 256 }, size: '1' },
    { name: 'at 320 px with the largest text', viewport: { width: 320, height: 568 }, size: '4' },
    { name: 'on an upright phone', viewport: { width: 390, height: 844 }, size: '1' },
    { name: 'on a phone on its side', viewport: { width: 844, height: 390 }, size: '1' },
    { name: 'on a laptop', viewport: { width: 1280, height: 800 }, size: '1' },
  ])('$name nothing goes sideways, the text has most of the height, buttons are large', async ({ viewport, size }) => {
    const { server } = pages;
    sayMany(server, 40);
    server.say('x'.repeat(3000));
    server.say('Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft');
    const page = await open({ viewport }, { size, lang: 'it' });
    await scrollBy(page, -600);
    server.say('Something new.');
    await eventually(async () => /nuovi/.test(await goButton(page)), true);
    const bar = await page.page.locator('#toolbar').boundingBox();
    expect(bar?.height).toBeLessThan(viewport.height * (viewport.height < 300 ? 0.45 : 0.2));
    expect(await sideways(page)).toBe(0);
    const small = () =>
      page.page.locator('button:visible, label:visible, input:visible').evaluateAll((all) =>
        all.flatMap((each) => {
          const { width, height } = (each.closest('label') ?? each).getBoundingClientRect();
          return width < 44 || height < 44 ? [`${each.textContent} ${width} × ${height}`] : [];
        }),
      );
    expect(await small()).toEqual([]);
    await page.page.getByRole('button', { name: 'Opzioni' }).click();
    expect(await small()).toEqual([]);
    expect(await sideways(page)).toBe(0);
    expect(await page.page.locator('#settings').evaluate((each) => each.scrollWidth - each.clientWidth)).toBe(0);
    // Every control can be scrolled to within the dialog.
    const last = page.page.getByRole('button', { name: 'Salva la trascrizione in un file' });
    await last.scrollIntoViewIfNeeded();
    const box = await last.boundingBox();
    expect((box?.y ?? 9999) + (box?.height ?? 0)).toBeLessThanOrEqual(viewport.height);
  });

  test('a finger that pulls beyond the beginning does not load the page anew', async () => {
    sayMany(pages.server, 3);
    const page = await open();
    expect(await page.page.evaluate(() => getComputedStyle(document.documentElement).overscrollBehaviorY)).toBe(
      'contain',
    );
  });

  test('a phone that is turned keeps what is being read in sight', async () => {
    sayMany(pages.server, 60);
    const page = await open();
    await scrollBy(page, -1500);
    await eventually(() => goButton(page), 'Jump to live');
    const eyes = await page.page.evaluate(() => document.elementFromPoint(100, innerHeight / 3)?.textContent ?? '');
    await page.page.setViewportSize({ width: 844, height: 390 });
    await eventually(async () => (await inSight(page)).includes(eyes), true);
    await page.page.setViewportSize({ width: 390, height: 844 });
    await eventually(async () => (await inSight(page)).includes(eyes), true);
    expect(await goButton(page)).toBe('Jump to live');
  });

  test('a phone that is turned while it follows goes on following', async () => {
    sayMany(pages.server, 60);
    const page = await open();
    await eventually(async () => (await inSight(page)).at(-1), sentence(60));
    for (const viewport of [
      { width: 844, height: 390 },
      { width: 390, height: 844 },
      { width: 390, height: 500 },
    ]) {
      await page.page.setViewportSize(viewport);
      await eventually(async () => (await inSight(page)).at(-1), sentence(60));
      expect(await goButton(page)).toBe('Pause');
    }
  });
});

test('one heading of the page, the times below it, and one main part', async () => {
  sayAll();
  const page = await open();
  expect(await page.page.getByRole('heading', { level: 1 }).count()).toBe(1);
  expect(await page.page.getByRole('heading', { level: 2 }).count()).toBeGreaterThan(0);
  expect(await page.page.getByRole('main').count()).toBe(1);
  expect(await page.page.getByRole('main').getByRole('region', { name: 'Captions' }).count()).toBe(1);
});
