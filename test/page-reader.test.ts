import { describe, expect, test } from 'vitest';
import type { OpenPage, OpenPageOptions } from './harness/browser.ts';
import { captionPages, complaints, eventually } from './harness/caption-page.ts';
import {
  belowNewest,
  goButton,
  inSight,
  isStill,
  patient,
  phone,
  sayMany,
  scrollBy,
  sentence,
  topOf,
  words,
} from './harness/reader-page.ts';

const pages = captionPages();
const open = (parameters: Record<string, string> = {}, options: OpenPageOptions = phone) =>
  pages.open(pages.server.url({ view: 'reader', ...parameters }), options);

/** A page that shows `count` sentences and follows them. */
async function reading(count: number, options?: OpenPageOptions): Promise<OpenPage> {
  const said = sayMany(pages.server, count);
  const page = await open({}, options);
  await eventually(async () => (await words(page)).at(-1), said.at(-1));
  await atEnd(page);
  return page;
}

/** The newest caption stands right above the toolbar. */
const atEnd = (page: OpenPage) =>
  eventually(async () => {
    const distance = await belowNewest(page);
    return Math.abs(distance) < 2;
  }, true);

describe('the words', () => {
  test('stand in paragraphs, each with its language and direction', async () => {
    const { server } = pages;
    const page = await open();
    await server.connected(1);
    server.say('Good morning.');
    server.say('Benvenuti a tutti.', { language: 'it-IT' });
    server.say('NASA: شكرا لكم.', { language: 'ar-SA' });
    server.say('<b>Not bold.</b>', { language: '"><script>' });
    await eventually(() => words(page), ['Good morning.', 'Benvenuti a tutti.', 'NASA: شكرا لكم.', '<b>Not bold.</b>']);
    const told = await page.page
      .locator('#read .final')
      .evaluateAll((all) =>
        all.map((each) => [each.tagName, each.getAttribute('lang'), getComputedStyle(each).direction]),
      );
    expect(told).toEqual([
      ['P', 'en-US', 'ltr'],
      ['P', 'it-IT', 'ltr'],
      ['P', 'ar-SA', 'rtl'],
      ['P', null, 'ltr'],
    ]);
    expect(await page.page.locator('#read b').count()).toBe(0);
    expect(complaints(page)).toEqual([]);
  });

  test('say who speaks where that changes, and the time every few minutes', async () => {
    const { server } = pages;
    const at = Date.UTC(2026, 0, 10, 9, 3);
    server.say('One.', { speaker: '0', start: at });
    server.say('Two.', { speaker: '0', start: at + 60_000 });
    server.say('Three.', { speaker: '1', start: at + 115_000 });
    server.say('Four.', { speaker: 'Ada', start: at + 130_000 });
    const page = await open({}, { ...phone, context: { ...phone.context, timezoneId: 'Europe/Rome' } });
    const marks = () => page.page.locator('#read :is(.time, .speaker, .final)').allTextContents();
    const first = ['10:03', 'Speaker 1', 'One.', 'Two.', 'Speaker 2', 'Three.', '10:05', 'Ada', 'Four.'];
    await eventually(marks, first);
    server.say('Five.', { speaker: 'Ada', start: at + 180_000 });
    await eventually(marks, [...first, 'Five.']);
  });

  test('can be selected and copied in order, without what the page adds', async () => {
    const { server } = pages;
    server.say('One.', { speaker: '0' });
    server.say('Two.', { speaker: '1' });
    server.say('Three.', { speaker: '0' });
    const page = await open();
    await eventually(() => words(page), ['One.', 'Two.', 'Three.']);
    const copied = await page.page.evaluate(() => {
      getSelection()?.selectAllChildren(document.body);
      return getSelection()?.toString().split('\n').filter(Boolean);
    });
    expect(copied).toEqual(['One.', 'Two.', 'Three.']);
  });

  test('that are not settled stand dimmed at the end where the address asks for them', async () => {
    const { server } = pages;
    const page = await open({ partial: 'true' });
    await server.connected(1);
    server.say('Settled.');
    server.partial('not yet');
    await eventually(() => page.page.locator('#read p:is(.final, .tail)').allTextContents(), ['Settled.', 'not yet']);
    server.say('Not yet.');
    await eventually(() => page.page.locator('#read p:is(.final, .tail)').allTextContents(), ['Settled.', 'Not yet.']);
  });

  test('that an organizer corrects, hides and shows again follow in place', async () => {
    const { server } = pages;
    const page = await reading(6);
    const third = sentence(3);
    server.amend(3, 'Corrected.');
    await eventually(async () => (await words(page))[2], 'Corrected.');
    server.amend(3, null);
    await eventually(async () => (await words(page)).length, 5);
    server.amend(3, third);
    await eventually(async () => (await words(page))[2], third);
  });
});

describe('the live end', () => {
  test('stays in sight: the newest words stand at the bottom', async () => {
    const page = await reading(3);
    for (let i = 4; i < 20; i++) {
      pages.server.say(sentence(i));
      await eventually(async () => (await inSight(page)).at(-1), sentence(i));
      await atEnd(page);
    }
    expect(await goButton(page)).toBe('Pause');
  });

  test('moves smoothly, and at once for who wants less motion', async () => {
    const heights = async (page: OpenPage) => {
      const steps = page.page.evaluate(
        () =>
          new Promise<number>((resolve) => {
            const seen = new Set<number>([scrollY]);
            const look = () => {
              seen.add(scrollY);
              if (document.querySelector('#read')?.textContent?.includes('The end.')) {
                setTimeout(() => resolve(seen.size), 1000);
                addEventListener('scroll', () => seen.add(scrollY));
              } else requestAnimationFrame(look);
            };
            look();
          }),
      );
      pages.server.say(sentence(101));
      pages.server.say('The end.');
      return steps;
    };
    const smooth = await reading(20);
    expect(await heights(smooth)).toBeGreaterThan(3);
    const calm = await open({}, { ...phone, context: { ...phone.context, reducedMotion: 'reduce' } });
    await eventually(async () => (await words(calm)).at(-1), 'The end.');
    await atEnd(calm);
    pages.server.say('A line.');
    await eventually(async () => (await inSight(calm)).at(-1), 'A line.');
    await isStill(calm);
    const before = await calm.page.evaluate(() => scrollY);
    pages.server.say('Another.');
    const jumps = await calm.page.evaluate(
      (from) =>
        new Promise<number>((resolve) => {
          const seen = new Set<number>();
          const look = () => {
            if (scrollY !== from) seen.add(scrollY);
            if (seen.size > 0) setTimeout(() => resolve(seen.size), 300);
            else requestAnimationFrame(look);
          };
          addEventListener('scroll', () => seen.add(scrollY));
          look();
        }),
      before,
    );
    expect(jumps).toBe(1);
  });

  test('lets go of a reader who scrolls up, tells how much is new, and is one press away', async () => {
    const { server } = pages;
    const page = await reading(30);
    await scrollBy(page, -600);
    await eventually(() => goButton(page), 'Jump to live');
    const before = await inSight(page);
    const [mark = ''] = before.slice(2);
    const top = await topOf(page.page, mark);
    const last = sayMany(server, 25, 31).at(-1);
    await eventually(() => goButton(page), 'Jump to live25 new');
    expect(await topOf(page.page, mark)).toBe(top);
    expect(await inSight(page)).toEqual(before);
    await page.page.getByRole('button', { name: 'Jump to live 25 new' }).tap();
    await eventually(async () => (await inSight(page)).at(-1), last);
    await atEnd(page);
    expect(await goButton(page)).toBe('Pause');
    server.say('And on.');
    await eventually(async () => (await inSight(page)).at(-1), 'And on.');
  });

  test('takes back a reader who scrolls to it by hand', async () => {
    const page = await reading(30);
    await scrollBy(page, -600);
    await eventually(() => goButton(page), 'Jump to live');
    await scrollBy(page, 5000);
    await eventually(() => goButton(page), 'Pause');
    pages.server.say('And on.');
    await eventually(async () => (await inSight(page)).at(-1), 'And on.');
  });
});

describe('a pause to read again', () => {
  test.for([3, 30])('stops everything with %i captions on the page, until the reader goes on', async (count) => {
    const { server } = pages;
    const page = await reading(count);
    await page.page.getByRole('button', { name: 'Pause' }).tap();
    await eventually(() => goButton(page), 'Continue');
    const before = await inSight(page);
    const tops = await Promise.all(before.map((each) => topOf(page.page, each)));
    sayMany(server, 5, 50);
    await eventually(() => goButton(page), 'Continue5 new');
    expect(await inSight(page)).toEqual(before);
    expect(await Promise.all(before.map((each) => topOf(page.page, each)))).toEqual(tops);
    await scrollBy(page, 5000);
    expect(await goButton(page)).toMatch(/^Continue/);
    await page.page.getByRole('button', { name: /^Continue/ }).tap();
    await eventually(() => goButton(page), 'Pause');
    await atEnd(page);
  });
});

describe('a late caption', () => {
  test.for([4, 40])('takes its place among %i without moving what is being read', async (count) => {
    const { server } = pages;
    const page = await reading(count);
    const start = Date.UTC(2026, 0, 10, 9);
    await page.page.getByRole('button', { name: 'Pause' }).tap();
    const before = await inSight(page);
    const mark = before.at(-1) ?? '';
    const top = await topOf(page.page, mark);
    server.say(`A late one. ${sentence(1)}`, { late: true, start: start + 1 });
    server.say(`Another late one. ${sentence(3)}`, { late: true, start: start + 3001 });
    await eventually(async () => (await words(page)).filter((each) => /late one/.test(each)).length, 2);
    expect(await topOf(page.page, mark)).toBeCloseTo(top ?? 0, 1);
    const all = await words(page);
    expect(all.indexOf(`A late one. ${sentence(1)}`)).toBe(all.indexOf(sentence(1)) + 1);
  });

  test('does not move who follows the live end either', async () => {
    const { server } = pages;
    const page = await reading(40);
    const newest = await topOf(page.page, sentence(40));
    server.say('A late one.', { late: true, start: Date.UTC(2026, 0, 10, 9) + 1 });
    await eventually(async () => (await words(page)).includes('A late one.'), true);
    await expect.poll(() => topOf(page.page, sentence(40)), patient).toBeCloseTo(newest ?? 0, 0);
    expect(await goButton(page)).toBe('Pause');
  });
});

describe('an organizer', () => {
  test('who clears the screen empties the live view; what was before is a press away', async () => {
    const { server } = pages;
    const page = await reading(30);
    server.clear();
    await eventually(() => words(page), []);
    await eventually(
      () => page.page.locator('#read .divider').allTextContents(),
      [expect.stringMatching(/^The screen was cleared/)],
    );
    server.say('In public.');
    server.say('A late private word.', { late: true, start: Date.UTC(2026, 0, 10, 9) + 5 });
    await eventually(() => words(page), ['In public.']);
    await eventually(() => inSight(page), ['In public.']);
    await page.page.getByRole('button', { name: 'Show what was said before' }).tap();
    await eventually(async () => (await words(page)).length, 32);
    expect((await words(page)).at(-1)).toBe('In public.');
    expect(await page.page.locator('#read > :nth-last-child(2)').textContent()).toMatch(/^The screen was cleared/);
  });

  test('who clears the screen takes nothing from under the eyes of who reads the past', async () => {
    const { server } = pages;
    const page = await reading(30);
    await scrollBy(page, -600);
    await eventually(() => goButton(page), 'Jump to live');
    const before = await inSight(page);
    server.clear();
    server.say('In public.');
    await eventually(() => goButton(page), 'Jump to live1 new');
    expect(await inSight(page)).toEqual(before);
    await page.page.locator('#go').tap();
    await eventually(() => words(page), ['In public.']);
  });

  test('who pauses and resumes leaves a line with words and time', async () => {
    const { server } = pages;
    const page = await reading(2);
    server.pause();
    server.resume();
    server.say('Welcome back.');
    await eventually(async () => (await words(page)).length, 3);
    expect(await page.page.locator('#read .divider').allTextContents()).toEqual([
      expect.stringMatching(/^Captions were paused by the organizers, \d\d:\d\d/),
      expect.stringMatching(/^Captions go on, \d\d:\d\d/),
    ]);
  });
});

test('before the first caption the room’s name is shown, after it the words', async () => {
  const page = await open();
  await eventually(() => page.page.locator('#title').textContent(), 'Aula Magna');
  expect(await page.page.getByRole('button', { name: 'Settings' }).isVisible()).toBe(true);
  expect(await page.page.locator('#top').textContent()).not.toContain('begins');
  pages.server.say('Good morning.');
  await eventually(() => inSight(page), ['Good morning.']);
  expect(await page.page.locator('#title').isVisible()).toBe(false);
});

test('the state stands at the upper edge only while there is something to say', async () => {
  const { server } = pages;
  server.status('listening');
  const page = await reading(30);
  expect(await page.page.locator('#notice').isVisible()).toBe(false);
  const top = await topOf(page.page, sentence(30));
  server.status('no-audio');
  await eventually(() => page.page.locator('#notice').isVisible(), true);
  const box = await page.page.locator('#notice').boundingBox();
  expect(box?.y).toBe(0);
  expect(box?.height).toBeLessThan(60);
  expect(await topOf(page.page, sentence(30))).toBe(top);
});
