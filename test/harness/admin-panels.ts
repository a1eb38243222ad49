/** The admin page of a real relay in headless Chromium, its panels opened as an organizer opens them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { accessibilityFaults } from './axe.ts';
import { type OpenPage, type OpenPageOptions, TestBrowser } from './browser.ts';
import { TestRelay, temporaryFolder } from './programs.ts';

export const phone = { width: 390, height: 844 };
export const desktop = { width: 1280, height: 900 };

export interface Panels extends OpenPage {
  /** The tab of that name, chosen; its panel. */
  tab(name: string): Promise<Locator>;
}

/** One relay and one browser a test file; a fresh page, logged in, for each test that asks for one. */
export class AdminPanels {
  browser!: TestBrowser;
  relay!: TestRelay;
  readonly #folder = temporaryFolder();
  readonly #open: OpenPage[] = [];

  /** @param options `prepare` puts into the data folder what a relay of before has left there */
  constructor({
    engine = 'script:talk',
    script = '0 0.2 Hello.',
    args = [],
    prepare = async () => {},
  }: {
    engine?: string;
    script?: string;
    args?: readonly string[];
    prepare?: (dataDir: string) => Promise<void>;
  } = {}) {
    beforeAll(async () => {
      const dataDir = join(this.#folder.path, 'relay');
      mkdirSync(join(dataDir, 'scripts'), { recursive: true });
      writeFileSync(join(dataDir, 'scripts/talk.txt'), script);
      await prepare(dataDir);
      this.browser = await TestBrowser.launch();
      this.relay = await TestRelay.start({ dataDir, engine, args });
    });
    afterEach(async () => {
      for (const page of this.#open.splice(0)) await page.close();
    });
    afterAll(async () => {
      await this.browser.close();
      await this.relay.stop();
      this.#folder.remove();
    });
  }

  /** The page before anybody logs in. */
  async page(options: OpenPageOptions = {}): Promise<OpenPage> {
    const opened = await this.browser.openPage(`${this.relay.url}/admin`, { viewport: desktop, ...options });
    this.#open.push(opened);
    return opened;
  }

  async logIn(options: OpenPageOptions = {}): Promise<OpenPage> {
    const opened = await this.page(options);
    await opened.page.getByLabel('Admin token').fill(this.relay.adminToken);
    await opened.page.keyboard.press('Enter');
    await opened.page.locator('#show-event').waitFor();
    opened.consoleErrors.length = 0; // that nobody was logged in is an error of the network to the browser
    return opened;
  }

  /** The panels of a room. */
  async room(name: string, options: OpenPageOptions = {}): Promise<Panels> {
    const opened = await this.logIn(options);
    await opened.page.locator(`[data-room="${name}"]`).getByRole('button').first().click();
    return { ...opened, tab: (tab) => choose(opened, tab) };
  }

  /**
   * The panel of that name of a room, on a page that is not told of rooms by itself: only the panel asks the relay.
   * Signed out is told as `#signed-out`.
   */
  async mount(room: string, tab: string, options: OpenPageOptions = {}): Promise<OpenPage & { panel: Locator }> {
    const opened = await this.page(options);
    const view = await this.relay.call('GET', `/api/rooms/${room}`);
    // In words, since import() in a function of a test is not the browser's own.
    await opened.page.evaluate(`(async () => {
      const [{ makeCall }, { RoomPanels }] = await Promise.all([
        import('/display/admin/call.js'),
        import('/display/admin/room-panels.js'),
      ]);
      const host = document.createElement('main');
      document.body.replaceChildren(host);
      const signedOut = () => host.setAttribute('id', 'signed-out');
      const call = makeCall({ signedOut, bearer: () => ${JSON.stringify(this.relay.adminToken)} });
      new RoomPanels({ call, tell: () => {} }).open(${JSON.stringify(view)}, host);
    })()`);
    return { ...opened, panel: await choose(opened, tab) };
  }

  /** The panels of the event. */
  async event(options: OpenPageOptions = {}): Promise<Panels> {
    const opened = await this.logIn(options);
    await opened.page.locator('#show-event').click();
    return { ...opened, tab: (tab) => choose(opened, tab) };
  }
}

async function choose({ page }: OpenPage, name: string): Promise<Locator> {
  await page.getByRole('tab', { name, exact: true }).click();
  return page.getByRole('tabpanel', { name, exact: true });
}

/** What would keep somebody from using what is in sight: axe-core's rules, targets below 44 px, what is wider than the page. */
export async function obstacles({ page }: OpenPage): Promise<string[]> {
  const small = await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('.panels :is(button, input, select, textarea, summary, a)')]
      .filter((each) => each.checkVisibility())
      .map((each) => ({
        each,
        box: (each.matches('[type="checkbox"]') ? (each.parentElement ?? each) : each).getBoundingClientRect(),
      }))
      .filter(({ box }) => box.width < 43.5 || box.height < 43.5)
      .map(
        ({ each, box }) => `small: ${Math.round(box.width)}x${Math.round(box.height)} ${each.outerHTML.slice(0, 120)}`,
      ),
  );
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  const without = ['region', 'landmark-one-main'];
  return [...(await accessibilityFaults(page, { without })), ...small, ...(wide > 0 ? [`too wide by ${wide}`] : [])];
}

/** Waits for `read` to give `wanted`. */
export const eventually = <T>(read: () => Promise<T>, wanted: T) =>
  expect.poll(read, { timeout: 10_000 }).toEqual(wanted);
