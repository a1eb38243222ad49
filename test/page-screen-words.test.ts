import { beforeEach, describe, expect, test } from 'vitest';
import { captionPages, complaints, eventually, finals, rows, still, stopClock } from './harness/caption-page.ts';
import type { FakeCaptions } from './harness/fake-captions.ts';
import { isLong } from './harness/lengths.ts';
import { keepScreenshot } from './harness/screenshots.ts';
import { look, numberedWords, taken, watched, watchMessages } from './harness/word-watch.ts';

const pages = captionPages();
let server: FakeCaptions;

beforeEach(() => {
  server = pages.server;
});

/** A page whose clock stands still until the test moves it. */
async function openStill(parameters: Record<string, string> = {}, viewport = { width: 1920, height: 1080 }) {
  const page = await pages.open(server.url({ view: 'screen', ...parameters }), {
    virtualTime: true,
    viewport,
    prepare: watchMessages,
  });
  await server.connected(1);
  await page.page.evaluate(() => document.fonts.ready);
  await stopClock(page);
  return page;
}

const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, n) => from + n);

describe('a shown word', () => {
  test(`keeps its text, its row and its column through ${isLong ? 'ten' : 'three'} minutes at 200 words a minute`, {
    timeout: 120_000,
  }, async () => {
    const { page } = await openStill();
    const [wordsEach, captions] = [10, isLong ? 200 : 60];
    for (let n = 0; n < captions; n++) {
      // Ten words last three seconds; now and then the speaker breathes, and now and then another one speaks.
      const pause = n % 17 === 0 ? 1700 : 0;
      const start = 1_000_000 + n * 3000 + pause;
      server.say(numberedWords(n * wordsEach, wordsEach).join(' '), {
        start,
        end: start + 2900 - pause,
        speaker: n % 40 < 20 ? 'a' : 'b',
      });
      await taken(page, n + 1);
      for (const ms of [16, 984, 1000, 1000]) {
        await page.clock.runFor(ms);
        await look(page);
      }
    }
    const { faults, seen } = await watched(page);
    expect(faults).toEqual([]);
    expect(seen).toEqual(upTo(wordsEach * captions));
    expect(await page.locator('.row').count()).toBeLessThan(20);
  });

  test('keeps them with partials too: what is stable stays where it is when its final comes', {
    timeout: 120_000,
  }, async () => {
    const { page } = await openStill({ partial: 'true' });
    const wordsEach = 12;
    let messages = 0;
    for (let n = 0; n < 30; n++) {
      const words = numberedWords(n * wordsEach, wordsEach);
      for (const said of [2, 5, 8, 11]) {
        const stable = words.slice(0, said - 1).join(' ').length;
        server.partial(`${words.slice(0, said).join(' ')} ${'guess '.repeat((said * 5) % 7)}`, 'en-US', stable);
        await taken(page, ++messages);
        await page.clock.runFor(600);
        await look(page);
      }
      server.say(words.join(' '));
      await taken(page, ++messages);
      for (const ms of [16, 584]) {
        await page.clock.runFor(ms);
        await look(page);
      }
    }
    await page.clock.runFor(2000);
    await look(page);
    const { faults, seen } = await watched(page);
    expect(faults).toEqual([]);
    expect(seen).toEqual(upTo(30 * wordsEach));
    await keepScreenshot(page, 'screen after partials');
  });

  test('keeps them in rows that run from right to left, with words of the other direction among them', {
    timeout: 60_000,
  }, async () => {
    const { page } = await openStill({ partial: 'true' });
    let messages = 0;
    const wordsEach = 12;
    for (let n = 0; n < 10; n++) {
      const words = [
        ...numberedWords(n * wordsEach, 4, 'אבגדהוזחטיכל'),
        ...numberedWords(n * wordsEach + 4, 3),
        ...numberedWords(n * wordsEach + 7, 5, 'אבגדהוזחטיכל'),
      ];
      for (const said of [3, 5, 6, 7, 8, 11]) {
        const stable = words.slice(0, said).join(' ').length;
        server.partial(`${words.slice(0, said).join(' ')} עוד words`, 'he-IL', stable);
        await taken(page, ++messages);
        await page.clock.runFor(500);
        await look(page);
      }
      server.say(words.join(' '), { language: 'he-IL' });
      await taken(page, ++messages);
      await page.clock.runFor(n === 9 ? 2000 : 1000);
      await look(page);
    }
    const { faults, seen } = await watched(page);
    expect(faults).toEqual([]);
    expect(seen).toEqual(upTo(10 * wordsEach));
    expect(await page.locator('.row[dir="ltr"]').count()).toBe(0);
    await keepScreenshot(page, 'screen right to left');
  });

  test('comes at last also where the tail before it was longer than the screen', async () => {
    const open = await openStill({ partial: 'true', overlay: '1' });
    const words = numberedWords(0, 60);
    for (const said of [10, 30, 55]) server.partial(words.slice(0, said).join(' '));
    await taken(open.page, 3);
    for (let ms = 0; ms < 4000; ms += 100) await open.page.clock.runFor(100);
    expect((await rows(open)).join(' ').endsWith(words.slice(50, 55).join(' '))).toBe(true);
    server.say(words.join(' '));
    await taken(open.page, 4);
    await open.page.clock.runFor(2000);
    expect((await finals(open)).join(' ').endsWith(words.slice(50).join(' '))).toBe(true);
    expect(await open.page.locator('.row > .tail').count()).toBe(0);
  });

  test('that was stable and is not in the final after all gives way to it', async () => {
    const open = await openStill({ partial: 'true' });
    server.say('Before.');
    server.partial('we met in nineteen fifty seven', 'en-US', 30);
    await taken(open.page, 2);
    await open.page.clock.runFor(100);
    expect(await rows(open)).toEqual(['Before.', 'we met in nineteen fifty seven']);
    server.say('We met in 1957.');
    await taken(open.page, 3);
    await open.page.clock.runFor(100);
    expect(await rows(open)).toEqual(['Before.', 'We met in 1957.']);
    expect(await open.page.locator('#captions').getAttribute('data-broken')).toBe('1');
  });
});

describe('a burst', () => {
  test.for([{}, { overlay: '1' }, { lines: '3' }])(
    'of 60 words is on the screen within 2 s, word after word, with %o',
    async (parameters) => {
      const { page } = await openStill(parameters);
      server.say(numberedWords(0, 4).join(' '));
      await taken(page, 1);
      await page.clock.runFor(100);
      await look(page);
      for (let n = 0; n < 6; n++) server.say(numberedWords(4 + n * 10, 10).join(' '));
      await taken(page, 7);
      for (let ms = 0; ms < 2000; ms += 50) {
        await page.clock.runFor(50);
        await look(page);
      }
      const { faults, seen } = await watched(page);
      expect(faults).toEqual([]);
      expect(seen).toEqual(upTo(64));
    },
  );

  test('that repeats itself never lets a word wait for longer', { timeout: 60_000 }, async () => {
    const { page } = await openStill({ overlay: '1' });
    server.say(numberedWords(0, 4).join(' '));
    await taken(page, 1);
    for (let burst = 0; burst < 4; burst++) {
      for (let n = 0; n < 6; n++) server.say(numberedWords(4 + burst * 60 + n * 10, 10).join(' '));
      await taken(page, 7 + burst * 6);
      for (let ms = 0; ms < 2000; ms += 100) {
        await page.clock.runFor(100);
        await look(page);
      }
      expect((await watched(page)).seen.at(-1)).toBe(63 + burst * 60);
    }
    const { faults, seen } = await watched(page);
    expect(faults).toEqual([]);
    expect(seen).toEqual(upTo(244));
  });

  test('of a whole day is passed over but for what can be seen, at once', async () => {
    const { page } = await openStill();
    server.say(numberedWords(0, 4).join(' '));
    await taken(page, 1);
    await page.clock.runFor(100);
    for (let n = 0; n < 3000; n++) server.say(numberedWords(4 + n * 10, 10).join(' '));
    await taken(page, 3001);
    await page.clock.runFor(50);
    await look(page);
    const { seen } = await watched(page);
    expect(seen.at(-1)).toBe(30_003);
    expect(await page.locator('.row').count()).toBeLessThan(20);
    expect(Number(await page.locator('#captions').getAttribute('data-jumped'))).toBeGreaterThan(100);
  });
});

describe('speech to paint', () => {
  test('takes the page less than 100 ms at normal pace', async () => {
    const { page } = await pages.open(server.url(), {
      prepare: async (each) => {
        await each.addInitScript(() => {
          const delays: number[] = [];
          Reflect.set(window, 'salaDelays', delays);
          class TimedSocket extends WebSocket {
            constructor(url: string | URL, protocols?: string | string[]) {
              super(url, protocols);
              this.addEventListener('message', ({ data }) => {
                const word = /"text":"(word\d+)"/.exec(String(data))?.[1];
                if (!word) return;
                const came = performance.now();
                const look = () => {
                  if (
                    [...document.querySelectorAll('.row > .final')].some(
                      ({ textContent }) => textContent.trim() === word,
                    )
                  )
                    delays.push(performance.now() - came);
                  else requestAnimationFrame(look);
                };
                // In the frame after the one that painted it, it can be seen.
                requestAnimationFrame(() => requestAnimationFrame(look));
              });
            }
          }
          window.WebSocket = TimedSocket;
        });
      },
    });
    await server.connected(1);
    const delays = () => page.evaluate((): number[] => Reflect.get(window, 'salaDelays'));
    const [rounds, count] = [3, 20];
    let p95 = Number.POSITIVE_INFINITY;
    // Whatever else this machine is busy with only adds to it: the best round is nearest to the page itself.
    for (let round = 0; round < rounds && p95 >= 100; round++) {
      for (let n = 0; n < count; n++) {
        server.say(`word${round * count + n}`);
        await eventually(async () => (await delays()).length, round * count + n + 1);
      }
      const sorted = (await delays()).slice(round * count).sort((a, b) => a - b);
      p95 = sorted[Math.floor(count * 0.95) - 1] ?? Number.NaN;
      process.stdout.write(`message to paint: median ${sorted[count / 2]?.toFixed(0)} ms, p95 ${p95.toFixed(0)} ms\n`);
    }
    expect(p95).toBeLessThan(100);
  });
});

describe('hostile text', () => {
  const hostile: Record<string, string> = {
    markup: '<img src=x onerror="document.title=1"><style>*{display:none}</style></p></main>',
    script: '<script>document.title="owned"</script>{{alert(1)}} javascript:alert(1)',
    'bidi overrides': '\u202edesrever\u202e \u2067\u2067\u2067 still \u2069\u2069\u2069\u2069 open \u202b\u202a',
    'a word without end': 'x'.repeat(100_000),
    'wide letters without end': '漢'.repeat(100_000),
    'emoji sequences': '👨‍👩‍👧‍👦'.repeat(50) + '👩\u200d'.repeat(500),
    'zero-width floods': `a${'\u200b\u200d\u2060\ufeff'.repeat(900)}b`,
    'combining marks': `Z${'\u0316\u0317\u0323\u0301\u0302'.repeat(300)}a${'\u0334\u0335\u0336'.repeat(300)}lgo`,
    'marks without a letter': '\u0301'.repeat(3000),
    'spaces and controls': `\u0000\u0007\u001b[31m${' \u00a0\u2003\u3000\n\r\t'.repeat(400)}end`,
    'lone surrogates': '\ud800\udc00\udc00 \ud83d x',
  };

  test.for(Object.keys(hostile))('of %s stays in its rows, and others can be read', async (kind) => {
    const open = await pages.open(server.url({ partial: 'true' }));
    const { page } = open;
    await server.connected(1);
    server.say('A caption before it.');
    await eventually(() => finals(open), ['A caption before it.']);
    server.partial(hostile[kind] ?? '', 'en-US', 4000);
    server.say(hostile[kind] ?? '', { language: kind });
    server.say('A caption after it.', { language: 'en-GB' });
    await eventually(async () => (await finals(open)).at(-1), 'A caption after it.');
    await still(open);
    await keepScreenshot(page, `hostile ${kind}`);
    // The clean caption reads from left to right where it should be, and nothing stands beside it that is not its own.
    const { text, left, direction } = await page
      .locator('.row')
      .last()
      .evaluate((row) => {
        const last = row.querySelector('span:last-child');
        return {
          text: row.textContent,
          left: last?.getBoundingClientRect().left ?? 0,
          direction: row.getAttribute('dir'),
        };
      });
    expect({ text, direction }).toEqual({ text: 'A caption after it.', direction: 'ltr' });
    expect(left).toBeCloseTo(96, 0);
    const page1 = await page.evaluate(() => ({
      elements: document.querySelectorAll('#captions *').length,
      foreign: document.querySelectorAll('#captions :not(#rows, .row, .row > span)').length,
      letters: document.querySelector('#captions')?.textContent.length ?? 0,
      sideways: document.documentElement.scrollWidth - innerWidth,
      taller: document.documentElement.scrollHeight - innerHeight,
    }));
    expect(page1).toMatchObject({ foreign: 0, sideways: 0, taller: 0 });
    expect(page1.elements).toBeLessThan(60);
    expect(page1.letters).toBeLessThan(20_000);
    expect(await page.title()).toBe(server.title);
    expect(complaints(open)).toEqual([]);
  });
});
