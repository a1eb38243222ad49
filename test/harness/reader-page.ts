/** A reader's page as tests see it: what stands where, and what a thumb does to it. */
import type { Page } from 'playwright-core';
import type { OpenPage, OpenPageOptions } from './browser.ts';
import type { FakeCaptions } from './fake-captions.ts';

/** An upright phone. */
export const phone: OpenPageOptions = {
  viewport: { width: 390, height: 844 },
  context: { hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
};

/** How long and how often to look for what takes a moment. */
export const patient = { timeout: 15_000, interval: 50 };

/** The words of every caption in the document, oldest first. */
export const words = ({ page }: OpenPage): Promise<string[]> => page.locator('#read .final').allTextContents();

/** The captions of which at least a part is between the upper edge and the toolbar, oldest first. */
export const inSight = ({ page }: OpenPage): Promise<string[]> =>
  page.evaluate(() => {
    const bottom = document.querySelector('#toolbar')?.getBoundingClientRect().top ?? innerHeight;
    return [...document.querySelectorAll('#read .final')].flatMap((each) => {
      const box = each.getBoundingClientRect();
      return box.bottom > 0 && box.top < bottom ? [each.textContent] : [];
    });
  });

/** Where the caption with these words begins, in px from the viewport's upper edge; null: it is not there. */
export const topOf = (page: Page, text: string): Promise<number | null> =>
  page.evaluate((wanted) => {
    const found = [...document.querySelectorAll('#read .final')].find((each) => each.textContent === wanted);
    return found ? found.getBoundingClientRect().top : null;
  }, text);

/** How far the lower edge of the newest caption is above the toolbar, in px; below 0: it is not all in sight. */
export const belowNewest = ({ page }: OpenPage): Promise<number> =>
  page.evaluate(() => {
    const last = [...document.querySelectorAll('#read .final')].at(-1)?.getBoundingClientRect().bottom ?? 0;
    return (document.querySelector('#toolbar')?.getBoundingClientRect().top ?? 0) - last;
  });

/** Scrolls as a reader does; a page hears of it before this resolves. */
export async function scrollBy({ page }: OpenPage, y: number): Promise<void> {
  await page.evaluate(
    (by) =>
      new Promise<void>((resolve) => {
        window.scrollBy({ top: by, behavior: 'instant' });
        requestAnimationFrame(() => requestAnimationFrame(() => resolve()));
      }),
    y,
  );
}

/** Resolves when the page has come to rest: ten frames without a movement. */
export const isStill = ({ page }: OpenPage): Promise<void> =>
  page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        let [last, frames] = [scrollY, 0];
        const look = () => {
          frames = scrollY === last ? frames + 1 : 0;
          last = scrollY;
          if (frames >= 10) resolve();
          else requestAnimationFrame(look);
        };
        look();
      }),
  );

/** What the button that says where to read says now. */
export const goButton = ({ page }: OpenPage): Promise<string> =>
  page
    .locator('#go')
    .textContent()
    .then((text) => text ?? '');

/** The sentences of a talk, as `server` says them. */
export function sayMany(server: FakeCaptions, count: number, from = 1): string[] {
  return Array.from({ length: count }, (_, i) => {
    const text = sentence(from + i);
    server.say(text);
    return text;
  });
}

const endings = [
  'and everybody in the room could follow.',
  'which is what the whole evening had been about, as far as I could tell from the last row.',
  'so let us go on.',
  'and I would like to show you how that works in practice, with the figures of last year.',
];
export const sentence = (n: number): string => `Sentence ${n}: ${endings[n % endings.length]}`;
