/** Caption pages in a headless Chromium, spoken to by `FakeCaptions`: what every test of the page needs. */
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { type OpenPage, type OpenPageOptions, TestBrowser } from './browser.ts';
import { FakeCaptions } from './fake-captions.ts';

export interface CaptionPages {
  readonly browser: TestBrowser;
  /** This test's own; not before `beforeEach` has run. */
  readonly server: FakeCaptions;
  /** Opens an address; the page is closed when the test ends. */
  open(url: string, options?: OpenPageOptions): Promise<OpenPage>;
}

/** One browser a test file, one server and fresh pages a test. To be called at the top of a test file. */
export function captionPages(given: { readonly scrollBars?: boolean } = {}): CaptionPages {
  let browser: TestBrowser;
  let server: FakeCaptions;
  let opened: OpenPage[] = [];

  beforeAll(async () => {
    browser = await TestBrowser.launch(given);
  });

  afterAll(() => browser.close());

  beforeEach(async () => {
    server = new FakeCaptions();
    await server.start();
  });

  afterEach(async () => {
    for (const each of opened) await each.close();
    opened = [];
    await server.stop();
  });

  return {
    get browser() {
      return browser;
    },
    get server() {
      return server;
    },
    async open(url, options) {
      const page = await browser.openPage(url, options);
      opened.push(page);
      return page;
    },
  };
}

/** Waits until `read` gives `wanted`. */
export const eventually = <T>(read: () => Promise<T>, wanted: T): Promise<void> =>
  expect.poll(read, { timeout: 15_000, interval: 50 }).toEqual(wanted);

/** The words of each caption as they stand on the page, oldest first; those that belong to none yet are the last. */
export const rows = ({ page }: OpenPage): Promise<string[]> => captionsIn(page, '.row > :is(.final, .tail)');

/** The words of each caption on a screen, without those that may still change. */
export const finals = ({ page }: OpenPage): Promise<string[]> => captionsIn(page, '.row > .final[data-seq]');

/** A caption may stand in several rows, and several may share one. */
async function captionsIn(page: Page, parts: string): Promise<string[]> {
  return page.locator('#rows').evaluate((ground, selector) => {
    const captions = new Map<string, string>();
    for (const part of ground.querySelectorAll<HTMLElement>(selector)) {
      const seq = part.dataset.seq ?? 'none';
      captions.set(seq, (captions.get(seq) ?? '') + part.textContent);
    }
    return [...captions.values()].map((text) => text.trim());
  }, parts);
}

/** Waits until nothing on the page moves any more. */
export const still = ({ page }: OpenPage): Promise<void> =>
  eventually(
    () => page.evaluate(() => document.getAnimations().filter(({ playState }) => playState === 'running').length),
    0,
  );

/** The text of the element `id` if it can be seen. */
export const shown = ({ page }: OpenPage, id: string): Promise<string[]> =>
  page.locator(`#${id}:visible`).allTextContents();

/** From now on a page opened with `virtualTime` has a clock that goes on only when the test moves it. */
export async function stopClock({ page }: OpenPage): Promise<void> {
  await page.clock.pauseAt((await page.evaluate(() => Date.now())) + 1000);
  await page.clock.runFor(1000);
}

/** Reconnecting is the page's business, but a browser always writes a failed connection to the console. */
export const complaints = ({ consoleErrors }: OpenPage): string[] =>
  consoleErrors.filter((each) => !/^WebSocket connection to|^Failed to load resource/.test(each));
