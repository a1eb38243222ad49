import { describe, test } from 'vitest';
import { captionPages, eventually } from './harness/caption-page.ts';
import { goButton, phone, sayMany, scrollBy, words } from './harness/reader-page.ts';
import { keepScreenshot } from './harness/screenshots.ts';

const pages = captionPages();

describe('pictures to look at', () => {
  test('of a talk, read on several devices', async () => {
    const { server, open } = pages;
    sayMany(server, 30);
    server.say('And now a question from the audience.', { speaker: '1' });
    server.say('Grazie. Vorrei sapere come avete misurato il ritardo, e con quali microfoni.', {
      speaker: '2',
      language: 'it-IT',
    });
    server.say('هذا سؤال جيد، وسأجيب عنه باختصار.', { speaker: '1', language: 'ar' });
    server.say('We measured it with a stop watch, I am afraid, and with the house microphones.', {
      speaker: '1',
      language: 'en-US',
    });
    const { url } = { url: server.url({ view: 'reader' }) };
    for (const [name, options] of [
      ['phone', phone],
      ['narrow', { viewport: { width: 320, height: 568 } }],
      ['landscape', { ...phone, viewport: { width: 844, height: 390 } }],
      ['desktop', { viewport: { width: 1280, height: 800 } }],
    ] as const) {
      const page = await open(url, options);
      await eventually(async () => (await words(page)).length > 33, true);
      await page.page.evaluate(() => document.fonts.ready);
      await keepScreenshot(page.page, `reader ${name}`);
      await scrollBy(page, -700);
      server.say('Something new.');
      await eventually(() => goButton(page), 'Jump to live1 new');
      await keepScreenshot(page.page, `reader ${name} past`);
      await page.page.locator('#open-settings').click();
      await keepScreenshot(page.page, `reader ${name} settings`);
      if (name === 'phone') {
        await page.page.getByLabel('Light').click();
        await keepScreenshot(page.page, `reader ${name} settings light`);
        await page.page.getByRole('button', { name: 'Done' }).click();
        await keepScreenshot(page.page, `reader ${name} light`);
      }
    }
  });
});
