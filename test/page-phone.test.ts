import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import decodeQR from 'qr/decode.js';
import { beforeEach, describe, expect, test } from 'vitest';
import { readersAddress } from '../display/place.js';
import type { OpenPage } from './harness/browser.ts';
import { captionPages, complaints, eventually, shown } from './harness/caption-page.ts';
import type { FakeCaptions } from './harness/fake-captions.ts';
import { isLong } from './harness/lengths.ts';
import { startDevice, TestRelay, temporaryFolder } from './harness/programs.ts';
import { keepScreenshot } from './harness/screenshots.ts';

const pages = captionPages();
let server: FakeCaptions;

beforeEach(() => {
  server = pages.server;
});

/** As long as a relay's own tokens are. */
const screenToken = 'rd_screen-0123456789abcdefghijklmnopqrstuvwxyz';
const readersToken = 'rd_readers-0123456789abcdefghijklmnopqrstuvwxyz';
const sentence = 'The question is not whether words arrive, but what happens to those that were spoken meanwhile.';

const shapes = [
  { name: '1920x1080', viewport: { width: 1920, height: 1080 } },
  { name: '3840x2160', viewport: { width: 3840, height: 2160 } },
  { name: '1080x1920', viewport: { width: 1080, height: 1920 } },
] as const;

/** What a phone's camera would find in the picture. */
async function scan(page: OpenPage, name: string): Promise<string> {
  const { width, height, data } = await pages.browser.lightness(await keepScreenshot(page.page, name));
  // Of this format only the lightness is looked at.
  return decodeQR({ width, height, data }, { format: 'I420', timeLimit: 10_000 });
}

const boxes = ({ page }: OpenPage, selector: string) =>
  page.locator(selector).evaluateAll((all) => all.map((each) => each.getBoundingClientRect().toJSON()));

describe('the QR code', () => {
  const cases = shapes
    .flatMap(
      (shape) =>
        (['dark', 'light'] as const).flatMap((theme) =>
          (['corner', 'slide'] as const).map((qr) => ({ ...shape, theme, qr })),
        ),
      // The code itself is the same in every theme, and millions of pixels take their time to be searched.
    )
    .filter(({ name, theme }) => theme === 'dark' || (isLong && name !== '3840x2160'));

  test.for(cases)('as a $qr on $name, $theme, can be read off the screen from the back', async (given) => {
    const { name, viewport, theme, qr } = given;
    server.status('listening');
    const url = `${server.url({ view: 'screen', qr, theme }, screenToken)}&readers=${readersToken}`;
    const page = await pages.open(url, { viewport });
    await eventually(() => shown(page, 'state'), ['Listening']);
    const code = await scan(page, `welcome qr ${qr} ${theme} ${name}`);
    expect(code).toBe(`${server.origin}/rooms/aula-magna?view=reader#token=${readersToken}`);
    const modules = await page.page.evaluate(() =>
      Number(document.documentElement.style.getPropertyValue('--modules')),
    );
    const [box] = await boxes(page, '#code svg');
    const symbol = (box.height * modules) / (modules + 8);
    expect(symbol / viewport.height).toBeGreaterThanOrEqual(qr === 'slide' ? 0.25 : 0.12);
    expect((symbol / modules) % 1, 'whole pixels a module').toBeCloseTo(0, 1);
    expect(page.consoleErrors).toEqual([]);
  });

  test.for(shapes)('in a corner stands there during the talk, over no word, on $name', async ({ name, viewport }) => {
    server.status('delayed', 'x');
    const page = await pages.open(server.url({ view: 'screen', qr: 'corner', lines: '9' }, screenToken), { viewport });
    await server.connected(1);
    for (let i = 0; i < 12; i++) server.say(sentence);
    await eventually(() => shown(page, 'title'), []);
    await eventually(async () => (await page.page.locator('#captions').textContent())?.includes('meanwhile'), true);
    const code = await scan(page, `talk qr corner ${name}`);
    expect(code).toBe(`${server.origin}/rooms/aula-magna?view=reader#token=${screenToken}`);
    const [invitation] = await boxes(page, '#invitation');
    const [captions] = await boxes(page, '#captions');
    const [notice] = await boxes(page, '#notice');
    expect(invitation.bottom).toBeLessThanOrEqual(captions.top);
    expect(notice.right).toBeLessThanOrEqual(invitation.left);
    expect(invitation.top).toBeGreaterThan(0);
    expect(invitation.right).toBeLessThan(viewport.width);
  });

  test('as a slide makes way for the talk, and is shown to nobody who reads along or mixes video', async () => {
    const page = await pages.open(server.url({ view: 'screen', qr: 'slide' }, screenToken));
    await eventually(() => shown(page, 'code-words'), ['Read along on your phone']);
    expect(await shown(page, 'code-address')).toEqual([`127.0.0.1:${server.port}/rooms/aula-magna`]);
    server.say('Good evening.');
    await eventually(() => shown(page, 'invitation'), []);
    for (const query of [{ overlay: '1' }, { view: 'reader' }]) {
      const other = await pages.open(server.url({ qr: 'corner', ...query }, screenToken));
      await eventually(async () => (await other.page.locator('#captions').textContent())?.includes('Good'), true);
      expect(await shown(other, 'invitation')).toEqual([]);
      expect(await other.page.locator('#code svg').count()).toBe(0);
    }
  });

  test('goes while the screen’s own link opens nothing, unless readers have one of their own', async () => {
    const own = await pages.open(server.url({ view: 'screen', qr: 'corner' }, screenToken));
    const apart = await pages.open(
      `${server.url({ view: 'screen', qr: 'corner' }, screenToken)}&readers=${readersToken}`,
    );
    for (const each of [own, apart]) await eventually(async () => (await shown(each, 'code')).length, 1);
    server.close(4401);
    await eventually(async () => (await shown(own, 'code')).length, 0);
    await eventually(() => shown(apart, 'state'), ['This page’s link is no longer valid']);
    expect(await shown(apart, 'code')).toHaveLength(1);
  });

  test('of a kit’s page leads to the relay, not to the kit, with the right that the launcher means for readers', async () => {
    server.config = {
      relay: `ws://localhost:${server.port}`,
      room: server.room,
      token: screenToken,
      readers: readersToken,
    };
    const page = await pages.open(`${server.origin}/?qr=slide`);
    await eventually(() => shown(page, 'code-address'), [`localhost:${server.port}/rooms/aula-magna`]);
    await eventually(() => shown(page, 'state'), ['Waiting for the talk']);
    const code = await scan(page, 'kit qr slide');
    expect(code).toBe(`http://localhost:${server.port}/rooms/aula-magna?view=reader#token=${readersToken}`);
    expect(server.requests[0]?.token).toBe(screenToken);
  });

  test('says nothing of a place that cannot be handed on', () => {
    const place = { relay: 'https://relay.example', room: 'verdi', token: 'a b&c', readers: '' };
    expect(readersAddress(place)).toBe('https://relay.example/rooms/verdi?view=reader#token=a%20b%26c');
    expect(readersAddress({ ...place, token: '' })).toBe('https://relay.example/rooms/verdi?view=reader');
    expect(readersAddress({ ...place, room: '../admin' })).toBeNull();
    expect(readersAddress({ ...place, relay: 'javascript:alert(1)' })).toBeNull();
    expect(readersAddress({ ...place, relay: '' })).toBeNull();
    expect(readersAddress({ ...place, readers: 'x'.repeat(300) })).toBeNull();
  });
});

describe('a phone that scanned the code', () => {
  const said = Array.from({ length: 24 }, (_, i) => `Sentence ${i + 1}. ${sentence}`);

  test('reads the transcript of the real relay, scrolls back to the first word and comes back', {
    timeout: 90_000,
  }, async () => {
    const folder = temporaryFolder();
    const dataDir = join(folder.path, 'relay');
    mkdirSync(join(dataDir, 'scripts'), { recursive: true });
    const script = said.map((text, i) => `${i / 4} ${i / 4 + 0.2} ${text}`).join('\n');
    writeFileSync(join(dataDir, 'scripts/talk.txt'), script);
    const relay = await TestRelay.start({ dataDir, engine: 'script:talk' });
    const { publish, read } = await relay.room('verdi', { name: 'Sala Verdi', language: 'en-GB' });
    const audience = await relay.token('verdi', 'read');
    const device = startDevice({
      relay: relay.url.replace('http', 'ws'),
      room: 'verdi',
      token: publish,
      dataDir: join(folder.path, 'device'),
      source: 'tone',
    });
    try {
      const address = `${relay.url}/rooms/verdi?view=screen&qr=corner#token=${read}&readers=${audience}`;
      const screen = await pages.open(address);
      await eventually(() => shown(screen, 'title'), []); // the talk has begun
      const code = await scan(screen, 'real relay qr corner');
      expect(code).toBe(`${relay.url}/rooms/verdi?view=reader#token=${audience}`);
      expect(complaints(screen)).toEqual([]);

      const phone = await pages.open(code, {
        viewport: { width: 390, height: 844 },
        context: { isMobile: true, hasTouch: true, deviceScaleFactor: 3 },
      });
      const text = async () => (await phone.page.locator('#captions').textContent()) ?? '';
      await eventually(async () => (await text()).includes('Sentence 24.'), true);
      await eventually(() => isInView(phone, 'Sentence 24.'), true);
      await keepScreenshot(phone.page, 'real relay phone live');
      await eventually(() => swipe(phone, 600).then(() => isInView(phone, 'Sentence 1.')), true);
      await keepScreenshot(phone.page, 'real relay phone first words');
      const words = await text();
      for (const each of said) expect(words.split(each.split(' ', 2).join(' ')).length - 1, each).toBe(1);
      await eventually(() => swipe(phone, -600).then(() => isInView(phone, 'Sentence 24.')), true);
      expect(complaints(phone)).toEqual([]);
      expect(phone.failedRequests).toEqual([]);
    } finally {
      await device.stop();
      await relay.stop();
      folder.remove();
    }
  });
});

/** Whether these words are on the glass. */
const isInView = ({ page }: OpenPage, words: string) =>
  page.evaluate((wanted) => {
    const walker = document.createTreeWalker(
      document.querySelector('#captions') ?? document.body,
      NodeFilter.SHOW_TEXT,
    );
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const at = node.textContent?.indexOf(wanted) ?? -1;
      if (at < 0) continue;
      const range = document.createRange();
      range.setStart(node, at);
      range.setEnd(node, at + wanted.length);
      const { top, bottom } = range.getBoundingClientRect();
      return top >= 0 && bottom <= window.innerHeight;
    }
    return false;
  }, words);

/** A finger's way over the middle of the glass, in CSS pixels; downwards shows what was before. */
async function swipe({ page }: OpenPage, distance: number): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send('Input.synthesizeScrollGesture', { x: 195, y: 400, yDistance: distance, speed: 4000 });
  await session.detach();
}
