import { readFile } from 'node:fs/promises';
import { Browser, type BrowserOptions } from './browser.ts';
import { ScreenFault } from './fault.ts';
import { type PageTimes, type Sight, WatchedPage } from './page.ts';

/** The browser with its one page, as the supervisor sees it. */
export class BrowserScreen {
  readonly #options: BrowserOptions;
  readonly #times: PageTimes;
  #browser: Browser | null = null;
  #page: WatchedPage | null = null;
  #ended = 'there is no browser yet';
  /** Called when something happened after which it is worth looking at once. */
  onEvent: () => void = () => undefined;

  constructor(options: BrowserOptions, times: PageTimes) {
    this.#options = options;
    this.#times = times;
  }

  /** A new browser, after the end of the one before. */
  async start(): Promise<void> {
    await this.stop();
    const browser = await Browser.start(this.#options);
    const page = new WatchedPage(browser.devtools, this.#options.page, this.#times);
    page.onEvent = () => this.onEvent();
    this.#browser = browser;
    this.#page = page;
    void browser.ended.then((how) => {
      if (this.#browser !== browser) return;
      this.#page = null;
      this.#ended = how;
      this.onEvent();
    });
  }

  /** @throws {ScreenFault} what is wrong, where anything is */
  async beat(): Promise<Sight> {
    return this.#watched().beat();
  }

  async reload(): Promise<void> {
    await this.#watched().reload();
  }

  async renew(): Promise<void> {
    await this.#watched().renew();
  }

  /** What all of the browser's processes hold for themselves, without what they share: bytes. */
  async memory(): Promise<number> {
    const ids = await this.#watched().processes();
    const sizes = await Promise.all(ids.map(privateBytes));
    return sizes.reduce((sum, each) => sum + each, 0);
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    const browser = this.#browser;
    this.#browser = null;
    this.#page = null;
    await browser?.stop();
  }

  #watched(): WatchedPage {
    if (!this.#page) throw new ScreenFault('ended', this.#ended);
    return this.#page;
  }
}

/** Of one process; 0 where it has ended. */
async function privateBytes(id: number): Promise<number> {
  const status = await readFile(`/proc/${id}/status`, 'utf8').catch(() => '');
  return 1024 * Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
}
