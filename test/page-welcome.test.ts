import { beforeEach, describe, expect, test } from 'vitest';
import type { Talk } from '../relay/protocol.js';
import type { OpenPage } from './harness/browser.ts';
import { captionPages, eventually, rows, shown, stopClock } from './harness/caption-page.ts';
import type { FakeCaptions } from './harness/fake-captions.ts';

const pages = captionPages();
let server: FakeCaptions;

beforeEach(() => {
  server = pages.server;
});

const screen = (more: Record<string, string> = {}) => server.url({ view: 'screen', ...more });

/** A kit's clock may show any zone; the page shows times in its own. */
const context = { timezoneId: 'Europe/Rome' };
const talk: Talk = {
  id: 'keynote',
  title: 'Sottotitoli dal vivo',
  speakers: ['Ada Esempio', 'Bo Muster', 'Eva Beispiel'],
  start: Date.UTC(2026, 4, 30, 8),
  end: Date.UTC(2026, 4, 30, 8, 45),
};

/** How much of the meter is lit, and where its peak stands; 0 to 1. */
const meter = ({ page }: OpenPage) =>
  page.evaluate(() => {
    const transformOf = (selector: string) => {
      const found = document.querySelector(selector);
      return found instanceof HTMLElement ? Number.parseFloat(found.style.transform.replace(/^\w+\(/, '')) : Number.NaN;
    };
    return { lit: 1 - transformOf('#meter .cover'), peak: transformOf('#meter .peak') / 100 };
  });

/** The signs of the chain, e.g. `{ kit: 'yes', … }`. */
const chain = ({ page }: OpenPage): Promise<Record<string, string>> =>
  page
    .locator('#chain li:visible')
    .evaluateAll((all) => Object.fromEntries(all.map((each) => [each.dataset.link, each.dataset.works])));

/** Says a level four times a second of the page's time. */
async function levels({ page }: OpenPage, rmsDbfs: number, seconds: number): Promise<void> {
  for (let i = 0; i < seconds * 4; i++) {
    await page.clock.runFor(250);
    const before = await page.evaluate(() => performance.now());
    server.level(rmsDbfs);
    // The next one is said when this one has arrived: a level always comes with a talk that the page shows.
    server.talk({ ...talk, title: `Level ${i} at ${before}` });
    await eventually(() => page.locator('#talk-title').textContent(), `Level ${i} at ${before}`);
  }
}

/** A screen whose clock stands still until the test moves it, so that levels are judged as fast as they are said. */
async function openStill(): Promise<OpenPage> {
  server.status('listening');
  const page = await pages.open(screen(), { virtualTime: true });
  await server.connected(1);
  await stopClock(page);
  return page;
}

describe('the talk', () => {
  test('that is on stands under the room’s title, and goes when it is over', async () => {
    server.talk(talk);
    const page = await pages.open(screen(), { context });
    await eventually(() => shown(page, 'talk-title'), ['Sottotitoli dal vivo']);
    expect((await shown(page, 'talk-time'))[0]?.replaceAll(/\s/g, '')).toBe('10:00–10:45');
    expect(await shown(page, 'talk-speakers')).toEqual(['Ada Esempio, Bo Muster, and Eva Beispiel']);
    server.talk(null);
    await eventually(() => shown(page, 'talk'), []);
    server.talk({ ...talk, speakers: [], end: talk.start - 1 });
    await eventually(() => shown(page, 'talk-title'), ['Sottotitoli dal vivo']);
    expect(await shown(page, 'talk-time')).toEqual(['10:00']);
    expect(page.consoleErrors).toEqual([]);
  });

  test('whose fields are hostile harms nothing', async () => {
    const page = await pages.open(screen());
    await server.connected(1);
    const title = '<img src=x onerror=alert(1)>';
    server.raw(JSON.stringify({ type: 'talk', talk: { title, speakers: [null, 7, '<b>'], start: 1e300, end: 'x' } }));
    await eventually(() => shown(page, 'talk-title'), [title]);
    expect(await shown(page, 'talk-speakers')).toEqual(['<b>']);
    expect(await page.page.locator('main img').count()).toBe(0);
    expect(page.consoleErrors).toEqual([]);
  });
});

describe('the level meter', () => {
  test('moves with the room’s sound, holds its peak, and falls to nothing when levels stop', async () => {
    const page = await openStill();
    await levels(page, -30, 1);
    expect((await meter(page)).lit).toBeCloseTo(0.5, 2);
    await levels(page, -6, 1);
    expect((await meter(page)).lit).toBeCloseTo(0.9, 2);
    await levels(page, -48, 1);
    expect(await meter(page)).toEqual({ lit: expect.closeTo(0.2, 2), peak: expect.closeTo(0.9, 2) });
    await levels(page, -48, 2);
    const falling = (await meter(page)).peak;
    expect(falling).toBeLessThan(0.9);
    expect(falling).toBeGreaterThan(0.2);
    await levels(page, -48, 3);
    expect((await meter(page)).peak).toBeCloseTo(0.2, 2);
    expect(await shown(page, 'loudness')).toEqual(['Sound is good']);
    await page.page.clock.runFor(4000);
    expect(await meter(page)).toEqual({ lit: 0, peak: 0 });
    expect(await shown(page, 'loudness')).toEqual(['No sound arrives']);
    expect(await chain(page)).toMatchObject({ kit: 'yes', sound: 'no' });
    await levels(page, -30, 1);
    expect((await meter(page)).lit).toBeCloseTo(0.5, 2);
    expect(await chain(page)).toMatchObject({ sound: 'yes' });
  });

  test('moves without any layout of the page, as long as its words stay the same', async () => {
    server.status('listening');
    const page = await pages.open(screen());
    await server.connected(1);
    const shows = (lit: number) => eventually(async () => (await meter(page)).lit, expect.closeTo(lit, 2));
    server.level(-12);
    await shows(0.8);
    await eventually(() => shown(page, 'loudness'), ['Sound is good']);
    const session = await page.page.context().newCDPSession(page.page);
    await session.send('Performance.enable');
    const layouts = async () => {
      const { metrics } = await session.send('Performance.getMetrics');
      return metrics.find(({ name }) => name === 'LayoutCount')?.value;
    };
    await page.page.evaluate(() => document.body.getBoundingClientRect());
    const before = await layouts();
    for (const db of [-18, -24, -12, -15, -30, -21, -18, -27]) {
      server.level(db);
      await shows((db + 60) / 60);
    }
    expect(await layouts()).toBe(before);
    // During a talk nobody sees the meter, and nothing is drawn in it.
    server.say('Good evening.');
    await eventually(() => rows(page), ['Good evening.']);
    const last = await meter(page);
    server.level(-50);
    server.talk(talk);
    await eventually(() => page.page.locator('#talk-title').textContent(), talk.title);
    expect(await meter(page)).toEqual(last);
  });

  test('never leaves its scale', async () => {
    const page = await openStill();
    for (const [rmsDbfs, lit] of [
      [40, 1],
      [-1e9, 0],
      [0, 1],
      [-100, 0],
    ] as const) {
      await levels(page, rmsDbfs, 0.25);
      expect((await meter(page)).lit).toBe(lit);
    }
  });

  test('says that it is too loud only after it lasted', async () => {
    const page = await openStill();
    await levels(page, -20, 1);
    await levels(page, -3, 1);
    expect(await shown(page, 'loudness')).toEqual(['Sound is good']);
    await levels(page, -3, 2);
    expect(await shown(page, 'loudness')).toEqual(['Too loud: turn the mixer down']);
  });

  test('is for screens alone: nobody else asks for levels, and an overlay shows no part of the welcome', async () => {
    const overlay = await pages.open(server.url({ overlay: '1', qr: 'slide' }));
    await pages.open(server.url({ view: 'reader' }));
    await pages.open(screen());
    await server.connected(3);
    expect(server.requests.map(({ level }) => level)).toEqual([false, false, true]);
    for (const id of ['welcome', 'meter', 'chain', 'state', 'invitation']) expect(await shown(overlay, id)).toEqual([]);
  });
});

describe('the chain', () => {
  test('has a sign and a word for each link, from what is known', async () => {
    const page = await pages.open(screen());
    await eventually(() => chain(page), { kit: 'no', sound: 'unknown', captions: 'unknown', screen: 'yes' });
    server.status('no-audio');
    await eventually(() => chain(page), { kit: 'yes', sound: 'no', captions: 'unknown', screen: 'yes' });
    server.level(-20);
    server.status('listening');
    await eventually(() => chain(page), { kit: 'yes', sound: 'yes', captions: 'yes', screen: 'yes' });
    const paths = await page.page
      .locator('#chain path')
      .evaluateAll((all) => all.map((each) => each.getAttribute('d')));
    expect(new Set(paths).size).toBe(1);
    server.status('fault');
    await eventually(() => chain(page), { kit: 'yes', sound: 'yes', captions: 'no', screen: 'yes' });
    const signs = await page.page
      .locator('#chain path')
      .evaluateAll((all) => all.map((each) => each.getAttribute('d')));
    expect(new Set(signs).size).toBe(2);
    expect(await page.page.locator('#chain li').allTextContents()).toEqual([
      'Kit: works',
      'Sound: works',
      'Captions: does not work',
      'Screen: works',
    ]);
    await server.stop();
    await eventually(() => chain(page), { kit: 'unknown', sound: 'unknown', captions: 'unknown', screen: 'no' });
  });
});

describe('the welcome screen', () => {
  const hours = 3_600_000;
  const stage = ({ page }: OpenPage) => page.locator('html').getAttribute('data-stage');

  test('goes with the first caption and does not come back with a clear', async () => {
    const page = await pages.open(screen());
    await eventually(() => shown(page, 'title'), ['Aula Magna']);
    server.say('Good evening.');
    await eventually(() => shown(page, 'title'), []);
    server.clear();
    await eventually(() => rows(page), []);
    expect(await stage(page)).toBe('talk');
    expect(await shown(page, 'title')).toEqual([]);
  });

  test('comes back two hours after the last word, empty of yesterday, and goes again with the next', async () => {
    const page = await pages.open(screen(), { virtualTime: true });
    await server.connected(1);
    server.say('Good night.');
    await eventually(() => rows(page), ['Good night.']);
    await page.page.clock.fastForward(1.9 * hours);
    server.say('One last word.');
    await eventually(async () => (await rows(page)).join(' '), 'Good night. One last word.');
    await page.page.clock.fastForward(1.9 * hours);
    expect(await stage(page)).toBe('talk');
    await page.page.clock.fastForward(0.2 * hours);
    await eventually(() => shown(page, 'title'), ['Aula Magna']);
    await eventually(() => rows(page), []);
    server.say('Good morning.');
    await eventually(() => rows(page), ['Good morning.']);
    expect(await shown(page, 'title')).toEqual([]);
  });

  test('is what a screen switched on in the morning shows, not the last words of the evening', async () => {
    const last = server.say('Good night.');
    server.roomTime = last.end + 12 * hours;
    const page = await pages.open(screen());
    await eventually(() => shown(page, 'state'), ['Waiting for the talk']);
    expect(await rows(page)).toEqual([]);
    server.say('Good morning.', { start: server.roomTime + 1000, end: server.roomTime + 2000 });
    await eventually(() => rows(page), ['Good morning.']);
    // A reader's page is for reading what was said, whenever it was.
    const reader = await pages.open(server.url({ view: 'reader' }));
    await eventually(async () => (await reader.page.locator('#captions').textContent())?.includes('Good night.'), true);
  });

  test('leaves a reader’s text alone, however long nobody speaks', async () => {
    const page = await pages.open(server.url({ view: 'reader' }), { virtualTime: true });
    server.say('To be read at home.');
    const text = async () => (await page.page.locator('#captions').textContent())?.includes('To be read at home.');
    await eventually(text, true);
    await page.page.clock.fastForward(30 * hours);
    expect(await text()).toBe(true);
  });
});

describe('the cursor', () => {
  const cursor = ({ page }: OpenPage) => page.evaluate(() => getComputedStyle(document.body).cursor);

  test('is hidden on a screen after three seconds without a move, and shown again by one', async () => {
    const page = await pages.open(screen(), { virtualTime: true });
    await page.page.mouse.move(100, 100);
    expect(await cursor(page)).toBe('auto');
    await page.page.clock.runFor(2500);
    await page.page.mouse.move(101, 100);
    await page.page.clock.runFor(2500);
    expect(await cursor(page)).toBe('auto');
    await page.page.clock.runFor(600);
    expect(await cursor(page)).toBe('none');
    await page.page.mouse.move(102, 100);
    await eventually(() => cursor(page), 'auto');
  });

  test('is never shown over a video mix, and never taken from a reader', async () => {
    const overlay = await pages.open(server.url({ overlay: '1' }), { virtualTime: true });
    await overlay.page.mouse.move(100, 100);
    expect(await cursor(overlay)).toBe('none');
    const reader = await pages.open(server.url({ view: 'reader' }), { virtualTime: true });
    await reader.page.clock.runFor(10_000);
    expect(await cursor(reader)).toBe('auto');
  });
});
