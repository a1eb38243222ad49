import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { type OpenPage, TestBrowser } from './harness/browser.ts';
import { type GalleryTalk, galleryTalks } from './harness/gallery-talks.ts';
import { TestRelay, temporaryFolder } from './harness/programs.ts';
import { keepScreenshot } from './harness/screenshots.ts';
import { until } from './harness/until.ts';

/** Sizes at which people meet the page; phones read, the rest are screens. Shapes of one query are one page, resized. */
const shapes = [
  { name: '1920x1080', viewport: { width: 1920, height: 1080 }, query: 'view=screen' },
  { name: '3840x2160', viewport: { width: 3840, height: 2160 }, query: 'view=screen' },
  { name: '1080x1920', viewport: { width: 1080, height: 1920 }, query: 'view=screen' },
  { name: '390x844', viewport: { width: 390, height: 844 }, query: 'view=reader' },
  { name: 'overlay', viewport: { width: 1920, height: 1080 }, query: 'overlay=1' },
] as const;
const openedAs = shapes.filter(({ query }, n) => shapes.findIndex((each) => each.query === query) === n);

const frame = Buffer.alloc(3200, Buffer.from([0, 16, 0, 240])); // a loud 8 kHz tone, 100 ms
const folder = temporaryFolder();
let relay: TestRelay;
let browser: TestBrowser;
const readTokens = new Map<string, string>();
const open = new Map<string, OpenPage>();
const over = new AbortController();
let playing: Promise<unknown>;

const key = ({ room }: GalleryTalk, { query }: { readonly query: string }) => `${room}?${query}`;

/** Plays sound into a talk's room in real time until all is over, changing the language as its script says. */
async function play({ room, languages }: GalleryTalk, token: string): Promise<void> {
  const socket = new WebSocket(`${relay.url.replace('http', 'ws')}/ws/audio/${room}?token=${token}`);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const begun = performance.now();
  for (let n = 0; !over.signal.aborted; n++) {
    const change = languages.find(([from]) => from > 0 && from * 10 === n);
    if (change) await relay.call('PUT', `/api/rooms/${room}/language`, { language: change[1] });
    socket.send(frame);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, begun + (n + 1) * 100 - performance.now())));
  }
  socket.close();
}

beforeAll(async () => {
  const scripts = join(folder.path, 'data/scripts');
  mkdirSync(scripts, { recursive: true });
  for (const { room, lines } of galleryTalks)
    writeFileSync(join(scripts, `${room}.txt`), lines.map((line) => line.join(' ')).join('\n'));
  [relay, browser] = await Promise.all([
    TestRelay.start({ dataDir: join(folder.path, 'data'), engine: 'script:short' }),
    TestBrowser.launch({ scrollBars: true }),
  ]);
  const publish = new Map<string, string>();
  for (const { room, title, languages } of galleryTalks) {
    const tokens = await relay.room(room, { name: title, engine: `script:${room}`, language: languages[0]?.[1] });
    publish.set(room, tokens.publish);
    readTokens.set(room, tokens.read);
  }
  playing = Promise.all(galleryTalks.map((talk) => play(talk, publish.get(talk.room) ?? '')));
  for (const talk of galleryTalks)
    for (const shape of openedAs) {
      const url = `${relay.url}/rooms/${talk.room}?${shape.query}#token=${readTokens.get(talk.room)}`;
      open.set(key(talk, shape), await browser.openPage(url, { viewport: shape.viewport }));
    }
}, 180_000);

afterAll(async () => {
  over.abort();
  await playing;
  await browser.close();
  await relay.stop();
  folder.remove();
});

describe.each(galleryTalks)('the talk in $room', { timeout: 90_000 }, (talk) => {
  test.each(shapes)('is whole, in its languages, and fits the page at $name', async (shape) => {
    const opened = open.get(key(talk, shape));
    if (!opened) throw new Error('the page was not opened');
    const { page } = opened;
    await page.setViewportSize(shape.viewport);
    const last = talk.lines.at(-1)?.[2] ?? '';
    const lettersOf = (text: string) => text.replaceAll(/[\s–]/g, '');
    const parts = page.locator('#captions [data-seq]');
    await until(
      async () => lettersOf((await parts.allTextContents()).join('')).endsWith(lettersOf(last)) || undefined,
      {
        timeoutMs: 60_000,
        what: `the last words of ${talk.room}`,
      },
    );
    await page.evaluate(() => document.fonts.ready);
    await keepScreenshot(page, `gallery ${talk.room}, ${shape.name}`, { omitBackground: shape.name === 'overlay' });

    const shown = await parts.evaluateAll((all) =>
      all.map((each) => ({ text: each.textContent, language: each.closest('[lang]')?.getAttribute('lang') ?? '' })),
    );
    for (const [n, [from, language]] of talk.languages.entries()) {
      const until = talk.languages[n + 1]?.[0] ?? Number.POSITIVE_INFINITY;
      const lines = talk.lines.filter(([start]) => start >= from && start < until).map(([, , text]) => lettersOf(text));
      const said = shown.filter((each) => each.language === language).map(({ text }) => lettersOf(text));
      // What has left a screen at its upper edge is gone; what is there is of this language, whole and in order.
      expect(lines.join('').endsWith(said.join(''))).toBe(true);
    }
    const { bar, sideways } = await page.evaluate(() => ({
      bar: innerWidth - document.documentElement.clientWidth,
      sideways: document.documentElement.scrollWidth - innerWidth,
    }));
    // Who reads along scrolls. Screens without words are moved by up to 4 px against burn-in.
    if (shape.query !== 'view=reader') expect(bar).toBe(0);
    expect(sideways).toBeLessThanOrEqual(4);
    expect(opened.consoleErrors).toEqual([]);
  });
});
