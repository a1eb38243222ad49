import { describe, expect, test } from 'vitest';
import type { OpenPageOptions } from './harness/browser.ts';
import { captionPages, eventually } from './harness/caption-page.ts';
import { belowNewest, goButton, phone, scrollBy, words } from './harness/reader-page.ts';
import { keepScreenshot } from './harness/screenshots.ts';

const pages = captionPages();

const talk = [
  'When the network of a building blinks, nobody in the hall notices, and that is how it should be.',
  'What matters is the person in the third row who follows this talk by reading.',
  'So the box beside the mixer keeps every second of sound until somebody else has written it down.',
  'And when the line comes back, it first sends what is being said now, and then what was missed.',
];

/** An hour's talk with questions at its end, in several languages. */
function give(): void {
  const { server } = pages;
  server.status('listening');
  for (let i = 0; i < 120; i++) server.say(talk[i % talk.length] ?? '', { speaker: '0' });
  server.say('Thank you. There is a question at the back.', { speaker: '1' });
  server.say('Grazie. Vorrei sapere come avete misurato il ritardo, e con quali microfoni.', {
    speaker: '2',
    language: 'it-IT',
  });
  server.say('هذا سؤال جيد، وسأجيب عنه باختصار.', { speaker: '0', language: 'ar' });
  server.say('We measured it with a stop watch, I am afraid, and with the house microphones.', { speaker: '0' });
}

const shapes: readonly (readonly [name: string, options: OpenPageOptions, settings: object])[] = [
  ['phone dark', phone, {}],
  ['phone light', phone, { theme: 'light' }],
  ['phone high contrast', phone, { contrast: 'high', size: 1.75 }],
  ['320 px', { viewport: { width: 320, height: 568 } }, {}],
  ['landscape', { ...phone, viewport: { width: 844, height: 390 } }, {}],
  ['desktop', { viewport: { width: 1280, height: 800 } }, { theme: 'light' }],
];

describe('a talk, for people to look at', () => {
  test.for(shapes)('%s', async ([name, options, settings]) => {
    const { server, browser } = pages;
    give();
    const page = await browser.openPage('about:blank', options);
    try {
      await page.page.addInitScript((value) => localStorage.setItem('sala.reader.v1', value), JSON.stringify(settings));
      await page.page.goto(server.url({ view: 'reader' }));
      await eventually(async () => (await words(page)).length > 60, true);
      await page.page.evaluate(() => document.fonts.ready);
      await eventually(async () => Math.abs(await belowNewest(page)) < 2, true);
      await keepScreenshot(page.page, `reader ${name}`);
      await scrollBy(page, -700);
      server.say('Something new.');
      await eventually(() => goButton(page), 'Jump to live1 new');
      await keepScreenshot(page.page, `reader ${name} past`);
      await page.page.locator('#open-settings').click();
      await eventually(() => page.page.getByRole('dialog').isVisible(), true);
      await keepScreenshot(page.page, `reader ${name} settings`);
      expect(page.consoleErrors).toEqual([]);
    } finally {
      await page.close();
    }
  });
});
