import { beforeEach, describe, expect, test } from 'vitest';
import { accessibilityFaults, contrasts } from './harness/axe.ts';
import type { OpenPage } from './harness/browser.ts';
import { captionPages, eventually, shown } from './harness/caption-page.ts';
import type { FakeCaptions } from './harness/fake-captions.ts';
import { keepScreenshot } from './harness/screenshots.ts';

const pages = captionPages({ scrollBars: true });
let server: FakeCaptions;

beforeEach(() => {
  server = pages.server;
});

const shapes = [
  { name: '1920x1080', viewport: { width: 1920, height: 1080 } },
  { name: '3840x2160', viewport: { width: 3840, height: 2160 } },
  { name: '1280x720', viewport: { width: 1280, height: 720 } },
  { name: '1024x768', viewport: { width: 1024, height: 768 } },
  { name: '1080x1920', viewport: { width: 1080, height: 1920 } },
  { name: '390x844', viewport: { width: 390, height: 844 } },
  { name: '844x390', viewport: { width: 844, height: 390 } },
] as const;

/** Longer than any event has it: everything that is shown at once at its longest. */
const longTalk = {
  id: 'long',
  title: 'Von der Donaudampfschifffahrtsgesellschaft bis heute: was Untertitel leisten, '.repeat(4),
  speakers: ['Ada Esempio della Valle', 'Bo Muster', 'Eva Beispiel', 'Max Exemple', 'Ole Eksempel', 'Ivo Primjer'],
  start: Date.UTC(2026, 4, 30, 8),
  end: Date.UTC(2026, 4, 30, 8, 45),
};

/** Parts of the welcome screen that can be seen and reach over an edge of the screen, or over one another. */
const collisions = ({ page }: OpenPage): Promise<string[]> =>
  page.evaluate(() => {
    const selectors = [
      '#title',
      '#talk-time',
      '#talk-title',
      '#talk-speakers',
      '#state',
      '#detail',
      '#meter',
      '#loudness',
      '#chain',
      '#invitation',
      '#note',
    ];
    const found = selectors.flatMap((selector) => {
      const element = document.querySelector(selector);
      const box = element?.getBoundingClientRect();
      // What left the first column is cut off by its container.
      const cutOff =
        (box?.left ?? 0) >= (element?.closest('#about')?.getBoundingClientRect().right ?? Number.POSITIVE_INFINITY);
      return box && element?.checkVisibility() && !cutOff ? [{ selector, box }] : [];
    });
    const outside = found.filter(
      ({ box }) => box.left < 0 || box.top < 0 || box.right > innerWidth + 0.5 || box.bottom > innerHeight + 0.5,
    );
    const over = found.flatMap((one, i) =>
      found
        .slice(i + 1)
        .filter(
          ({ box }) =>
            Math.min(box.right, one.box.right) - Math.max(box.left, one.box.left) > 0.5 &&
            Math.min(box.bottom, one.box.bottom) - Math.max(box.top, one.box.top) > 0.5,
        )
        .map(({ selector }) => `${one.selector} over ${selector}`),
    );
    return [...outside.map(({ selector }) => `${selector} outside`), ...over];
  });

const scrollBars = ({ page }: OpenPage) =>
  page.evaluate(() => ({
    // What bars take of the window, and what would not fit into it.
    upright: innerWidth - document.documentElement.clientWidth,
    level: innerHeight - document.documentElement.clientHeight,
    width: document.documentElement.scrollWidth - innerWidth,
    height: document.documentElement.scrollHeight - innerHeight,
    inside: [...document.querySelectorAll('main, main *')].filter((each) => {
      const { overflowX, overflowY } = getComputedStyle(each);
      return [overflowX, overflowY].some((how) => how === 'auto' || how === 'scroll');
    }).length,
  }));

const none = { upright: 0, level: 0, width: 0, height: 0, inside: 0 };

/** Shows the same page in one shape after the other, on which nothing may reach beyond its place. */
async function inEveryShape(page: OpenPage, picture: (name: string) => string): Promise<void> {
  for (const { name, viewport } of shapes) {
    await page.page.setViewportSize(viewport);
    expect(await collisions(page), name).toEqual([]);
    expect(await scrollBars(page), name).toEqual(none);
    await keepScreenshot(page.page, picture(name));
  }
}

describe('the welcome screen', () => {
  test.for(['none', 'corner', 'slide'] as const)(
    'with qr=%s has everything on the screen, nothing over another and no scroll bar at any size',
    async (qr) => {
      const page = await pages.open(server.url({ view: 'screen', lang: 'it', qr }, 'a-token'));
      await eventually(() => shown(page, 'state'), ['In attesa dell’intervento']);
      await inEveryShape(page, (name) => `fit waiting qr ${qr} ${name}`);
      const title = 'Sala delle Conferenze «Maria Gaetana Agnesi», secondo piano, ingresso dal cortile interno';
      server.raw(JSON.stringify({ type: 'hello', log: 'log-1', seq: 0, room: { name: 'x', title }, talk: longTalk }));
      server.level(-90);
      server.status(
        'no-audio',
        `${'There is no mixer called “XR18 of the second stage”. '.repeat(2)}It was seen last at 9:12.`,
      );
      await eventually(async () => (await shown(page, 'detail'))[0]?.includes('XR18'), true);
      await eventually(async () => (await shown(page, 'loudness'))[0]?.startsWith('Silenzio'), true);
      await inEveryShape(page, (name) => `fit longest qr ${qr} ${name}`);
      expect(page.consoleErrors).toEqual([]);
    },
  );
});

describe('no scroll bar and no complaint', () => {
  test('but one would be seen', async () => {
    const page = await pages.open(server.url({ view: 'screen' }));
    await page.page.evaluate(() => document.documentElement.style.setProperty('overflow', 'scroll'));
    const { upright, level } = await scrollBars(page);
    expect([upright, level].every((px) => px > 5)).toBe(true);
  });

  test('over a video mix, with and without words', async () => {
    const page = await pages.open(server.url({ overlay: '1', partial: 'true', qr: 'corner' }));
    await server.connected(1);
    expect(await scrollBars(page)).toEqual(none);
    for (let i = 0; i < 8; i++) server.say('The question is not whether words arrive, but which.');
    server.partial('word '.repeat(200));
    await eventually(() => page.page.locator('.row > .tail').count().then(Boolean), true);
    expect(await scrollBars(page)).toEqual(none);
  });

  test('at any size, in any state, before and during a talk', async () => {
    const page = await pages.open(server.url({ view: 'screen' }));
    await server.connected(1);
    for (const stage of ['before', 'during']) {
      if (stage === 'during') {
        for (let i = 0; i < 10; i++) server.say('The question is not whether words arrive, but which.');
        await eventually(() => shown(page, 'title'), []);
      }
      for (const state of ['waiting', 'resting', 'no-audio', 'capacity', 'paused', 'fault'] as const) {
        server.status(state, 'What the relay says. '.repeat(20));
        await eventually(() => page.page.locator('#state').getAttribute('data-state'), state);
        for (const { name, viewport } of shapes) {
          await page.page.setViewportSize(viewport);
          expect(await scrollBars(page), `${state} at ${name}`).toEqual(none);
          if (state === 'fault') await keepScreenshot(page.page, `state fault ${stage} ${name}`);
          if (stage === 'during') {
            const [notice, words] = await page.page
              .locator('#notice, #captions')
              .evaluateAll((all) => all.map((each) => each.getBoundingClientRect().toJSON()));
            // Where even a television that cuts off its edges shows it, and over no word.
            expect(notice.top, name).toBeGreaterThan(viewport.height * 0.02);
            expect(notice.bottom, name).toBeLessThanOrEqual(words.top + 0.5);
          }
        }
      }
    }
    expect(page.consoleErrors).toEqual([]);
  });
});

describe('the welcome screen is accessible', () => {
  const cases = (['dark', 'light'] as const).flatMap((theme) =>
    (['none', 'corner', 'slide'] as const).map((qr) => ({ theme, qr, lang: qr === 'corner' ? 'it' : 'en' })),
  );

  test.for(cases)('with theme=$theme, qr=$qr, lang=$lang', async ({ theme, qr, lang }) => {
    server.talk(longTalk);
    const page = await pages.open(server.url({ view: 'screen', theme, qr, lang }, 'a-token'));
    await server.connected(1);
    for (const [state, levels] of [
      ['listening', [-20]],
      ['listening', [-3, -3, -3, -3, -3, -3, -3, -3, -3, -3]],
      ['no-audio', [-90]],
      ['fault', [-20]],
    ] as const) {
      for (const level of levels) server.level(level);
      server.status(state, 'There is no mixer.');
      await eventually(() => page.page.locator('#state').getAttribute('data-state'), state);
      expect(await accessibilityFaults(page.page)).toEqual([]);
      const words = await contrasts(page.page);
      expect(words.length).toBeGreaterThan(8);
      expect(words.filter(({ ratio }) => ratio < 7)).toEqual([]);
    }
    server.say('Good evening.');
    await eventually(() => shown(page, 'notice').then((all) => all.length), 1);
    expect(await accessibilityFaults(page.page)).toEqual([]);
    expect((await contrasts(page.page)).filter(({ ratio }) => ratio < 7)).toEqual([]);
  });
});
