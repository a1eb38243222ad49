/** A headless Chromium for tests: one a test file, a fresh profile a page, and whatever a page complained about. */
import { existsSync } from 'node:fs';
import { type BrowserContextOptions, type Browser as Chromium, chromium, type Page } from 'playwright-core';

/** Debian's own browser, as on kits; without the window that nobody sees it opens pages in a third of the time. */
const executablePath =
  ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path)) ??
  '/usr/bin/chromium-browser';
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface OpenPageOptions {
  readonly viewport?: { readonly width: number; readonly height: number };
  /** What the reader's browser prefers, e.g. `it-IT`. */
  readonly locale?: string;
  /** The page's clocks and timers can be moved ahead with `page.clock`. */
  readonly virtualTime?: boolean;
  readonly context?: BrowserContextOptions;
  /** Done with the page before it is loaded. */
  readonly prepare?: (page: Page) => Promise<void>;
}

export interface OpenPage {
  readonly page: Page;
  /** Errors on the console and uncaught ones, oldest first; breaches of the security header are among them. */
  readonly consoleErrors: string[];
  /** The URL of every request, oldest first. */
  readonly requests: string[];
  /** `METHOD URL why` of every request that failed or was answered with 400 or more. */
  readonly failedRequests: string[];
  close(): Promise<void>;
}

export class TestBrowser {
  readonly #chromium: Chromium;

  private constructor(chromium: Chromium) {
    this.#chromium = chromium;
  }

  /** @param given `scrollBars`: they are painted, and take the room they take in a browser that people use; `more` flags */
  static async launch({ scrollBars = false, more = [] as readonly string[] } = {}): Promise<TestBrowser> {
    const ignoreDefaultArgs = scrollBars ? ['--hide-scrollbars'] : [];
    const args = [...flags, ...more];
    return new TestBrowser(await chromium.launch({ executablePath, args, headless: true, ignoreDefaultArgs }));
  }

  /** Idempotent; closes every page that is still open. */
  async close(): Promise<void> {
    await this.#chromium.close();
  }

  /** Opens `url` in a profile of its own and resolves when it is loaded. */
  async openPage(url: string, options: OpenPageOptions = {}): Promise<OpenPage> {
    const { viewport = { width: 1920, height: 1080 }, locale = 'en-GB', virtualTime = false } = options;
    const context = await this.#chromium.newContext({ viewport, locale, ...options.context });
    const page = await context.newPage();
    const consoleErrors: string[] = [];
    const requests: string[] = [];
    const failedRequests: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') consoleErrors.push(message.text());
    });
    page.on('pageerror', (error) => consoleErrors.push(error.message));
    page.on('request', (request) => requests.push(request.url()));
    page.on('requestfailed', (request) => {
      failedRequests.push(`${request.method()} ${request.url()} ${request.failure()?.errorText ?? ''}`);
    });
    page.on('response', (response) => {
      if (response.status() >= 400)
        failedRequests.push(`${response.request().method()} ${response.url()} ${response.status()}`);
    });
    if (virtualTime) await page.clock.install();
    await options.prepare?.(page);
    await page.goto(url);
    return { page, consoleErrors, requests, failedRequests, close: () => context.close() };
  }

  /** Red, green, blue and alpha (0 to 255) of one pixel of a PNG. */
  async pixel(png: Buffer, x: number, y: number): Promise<number[]> {
    const context = await this.#chromium.newContext();
    try {
      const page = await context.newPage();
      return await page.evaluate(
        async ([data, left, top]) => {
          const image = new Image();
          image.src = data;
          await image.decode();
          const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
          canvas?.drawImage(image, 0, 0);
          return [...(canvas?.getImageData(left, top, 1, 1).data ?? [])];
        },
        [`data:image/png;base64,${png.toString('base64')}`, x, y] as const,
      );
    } finally {
      await context.close();
    }
  }

  /** The lightness of every pixel of a PNG, 0 to 255, row by row. */
  async lightness(png: Buffer): Promise<{ width: number; height: number; data: Uint8Array }> {
    const context = await this.#chromium.newContext();
    try {
      const page = await context.newPage();
      const { width, height, base64 } = await page.evaluate(
        async (source) => {
          const image = new Image();
          image.src = source;
          await image.decode();
          const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
          canvas?.drawImage(image, 0, 0);
          const pixels = canvas?.getImageData(0, 0, image.width, image.height).data ?? [];
          const grey = Uint8Array.from({ length: image.width * image.height }, (_, i) => {
            const [red = 0, green = 0, blue = 0] = [pixels[4 * i], pixels[4 * i + 1], pixels[4 * i + 2]];
            return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
          });
          const address = await new Promise<string>((resolve) => {
            const reader = new FileReader();
            reader.onload = () => resolve(String(reader.result));
            reader.readAsDataURL(new Blob([grey]));
          });
          return { width: image.width, height: image.height, base64: address.slice(address.indexOf(',') + 1) };
        },
        `data:image/png;base64,${png.toString('base64')}`,
      );
      return { width, height, data: new Uint8Array(Buffer.from(base64, 'base64')) };
    } finally {
      await context.close();
    }
  }
}
