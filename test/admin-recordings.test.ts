import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { AdminPanels, eventually, obstacles, phone } from './harness/admin-panels.ts';
import { segment } from './harness/canonical-relay.ts';
import { recordTalks } from './harness/fetched-talks.ts';
import { temporaryFolder } from './harness/programs.ts';
import { phone as hand } from './harness/reader-page.ts';
import { keepScreenshot } from './harness/screenshots.ts';

/** Recordings on the admin page, and what phones get of them. About 15 s with relay and browser. */

const store = temporaryFolder();
afterAll(() => store.remove());
const admin = new AdminPanels({
  args: ['--recording-store', `folder:${join(store.path, 'store')}`],
  prepare: (dataDir) =>
    recordTalks(dataDir, [
      {
        ...{ talk: 'opening', title: 'Opening <i>words</i>' },
        live: ['good morning and welcome to the sail', 'we begin with maps', 'thank you'],
        segments: [
          segment(0, 'Good morning, and welcome to the Sala.', { speaker: 'A' }),
          segment(1, 'We begin with maps.', { speaker: 'A' }),
          segment(2, 'Thank you all.', { speaker: 'B' }),
        ],
      },
      {
        ...{ talk: 'whispered', title: 'A second opinion', engine: 'whisper' },
        live: ['the only words'],
        segments: [segment(0, 'The only words.'), segment(1, 'Thanks for watching!')],
        withheld: { 1: 'No live word was said in the same time.' },
      },
      { talk: 'waiting', title: 'Not yet', live: ['a third talk'], segments: [], isAwaited: true },
    ]),
});
const words = async (talk: string) => {
  const answer = await fetch(`${admin.relay.url}/api/rooms/verdi/transcript.json?talk=${talk}`);
  const { captions = [] }: { captions?: { text: string }[] } = JSON.parse(await answer.text());
  return captions.map(({ text }) => text);
};

describe('an organizer', () => {
  test('switches recording on and off for a room; phones and screens are told', async () => {
    await admin.relay.call('PUT', '/api/rooms/rossini', { name: 'Rossini' });
    const opened = await admin.room('rossini');
    const panel = await opened.tab('Recordings');
    await panel.getByText('There are none yet.').waitFor();
    await panel.getByLabel('Record the talks of this room').check();
    await panel.getByLabel('Take private details out').check();
    await panel.getByLabel('Transcribed by').selectOption('whisper');
    await panel.getByRole('button', { name: 'Save' }).click();
    await panel.getByText('The room is recorded, and its pages say so.').waitFor();
    const recording = async () =>
      (await admin.relay.call<{ recording: object }>('GET', '/api/rooms/rossini')).recording;
    expect(await recording()).toEqual({ on: true, redact: true, engine: 'whisper' });
    await panel.getByLabel('Record the talks of this room').uncheck();
    await panel.getByRole('button', { name: 'Save' }).click();
    await panel.getByText('The room is not recorded.').waitFor();
    expect(await recording()).toEqual({ on: false, redact: true, engine: 'whisper' });
  });

  test.each([
    ['desktop', {}],
    ['phone', { viewport: phone }],
  ] as const)(
    'sees on a %s how each recording stands, and both texts side by side with what differs',
    async (device, options) => {
      const opened = await admin.room('verdi', options);
      const panel = await opened.tab('Recordings');
      const item = (talk: string) => panel.locator(`[data-talk="${talk}"]`);
      await item('opening').getByText('Readers have the transcript of the recording (parakeet).').waitFor();
      await item('whispered').getByText('which may invent words. Readers have the live captions.').waitFor();
      await item('waiting').getByText('its transcript has not come yet').waitFor();
      expect(await item('waiting').getByRole('button', { name: 'Compare' }).count()).toBe(0);
      expect(await opened.page.locator('.panels i').count()).toBe(0);
      expect(await obstacles(opened)).toEqual([]);
      await keepScreenshot(opened.page, `admin recordings ${device}`, { fullPage: true });

      await item('opening').getByRole('button', { name: 'Compare' }).click();
      const rows = panel.locator('.pairs > li');
      await eventually(() => rows.count(), 3);
      expect(await panel.locator('.pairs del').allTextContents()).toEqual(['sail']);
      expect(await panel.locator('.pairs ins').allTextContents()).toEqual(['Sala.', 'all.']);
      expect(await rows.nth(1).locator('.live').textContent()).toBe('we begin with maps');
      expect(await obstacles(opened)).toEqual([]);
      await keepScreenshot(opened.page, `admin recordings compare ${device}`, { fullPage: true });
      await panel.getByRole('button', { name: 'Close' }).click();
      await item('opening').waitFor();
      expect(opened.consoleErrors).toEqual([]);
    },
  );

  test('corrects, hides, publishes and falls back; readers have it at once', async () => {
    const { tab } = await admin.room('verdi');
    const panel = await tab('Recordings');
    await panel.getByRole('button', { name: 'Compare A second opinion' }).click();
    await panel.getByText('Withheld: No live word').waitFor();
    expect(await words('whispered')).toEqual(['the only words']);
    await panel.getByRole('button', { name: 'Publish this version' }).click();
    await panel.getByText('Readers have this version from now on.').waitFor();
    expect(await words('whispered')).toEqual(['The only words.']);
    await panel.getByRole('button', { name: 'Correct at 00:00:00' }).click();
    await panel.getByLabel('Text at 00:00:00').fill('The <b>only</b>\n words, corrected.');
    await panel.getByRole('button', { name: 'Save' }).last().click();
    await panel.getByText('Corrected by an organizer.').waitFor();
    expect(await words('whispered')).toEqual(['The <b>only</b> words, corrected.']);
    await panel.getByRole('button', { name: 'Show to readers at 00:00:05' }).click();
    await eventually(() => words('whispered'), ['The <b>only</b> words, corrected.', 'Thanks for watching!']);
    await panel.getByRole('button', { name: 'Hide at 00:00:05' }).click();
    await panel.getByText('Hidden: readers do not have it.').waitFor();
    expect(await words('whispered')).toEqual(['The <b>only</b> words, corrected.']);
    await panel.getByRole('button', { name: 'Back to the live captions' }).click();
    await panel.getByText('Readers have the live captions again.').waitFor();
    expect(await words('whispered')).toEqual(['the only words']);
    expect(await panel.locator('b').count()).toBe(0);
  });

  test('is told what the relay refuses, and what was typed stays', async () => {
    const { tab, page } = await admin.room('verdi');
    const panel = await tab('Recordings');
    await panel.getByRole('button', { name: 'Compare Opening' }).click();
    await panel.getByRole('button', { name: 'Correct at 00:00:00' }).click();
    await panel.getByLabel('Text at 00:00:00').fill('Typed for long');
    await page.route('**/segments/**', (route) => route.abort());
    await panel.getByRole('button', { name: 'Save' }).last().click();
    await panel.getByText('The relay cannot be reached.').waitFor();
    expect(await panel.getByLabel('Text at 00:00:00').inputValue()).toBe('Typed for long');
  });

  test('is told in plain words where the relay has no store, or cannot ask it', async () => {
    const { panel, page } = await admin.mount('verdi', 'Recordings');
    await panel.getByLabel('Record the talks').waitFor();
    const answer = async (change: object) => {
      await page.unroute('**/rooms/verdi/canonical');
      await page.route('**/rooms/verdi/canonical', async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, json: { ...(await response.json()), ...change } });
      });
      await page.getByRole('tab', { name: 'Recordings' }).click();
    };
    await answer({ store: { code: 'store-refused', message: 'The store refuses.', hint: 'See to its rights.' } });
    await panel.getByText('Transcripts cannot be fetched. The store refuses. See to its rights.').waitFor();
    await answer({ hasStore: false });
    await panel.getByText('This relay has nowhere to put recordings').waitFor();
    expect(await panel.getByLabel('Record the talks').isVisible()).toBe(false);
    expect(await panel.locator('[data-talk="opening"]').isVisible()).toBe(true);
    await keepScreenshot(page, 'admin recordings without a store');
  });

  test('downloads what readers have', async () => {
    const { tab, page } = await admin.room('verdi');
    const panel = await tab('Recordings');
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      panel.getByRole('button', { name: 'Download the transcript of Opening' }).click(),
    ]);
    expect(file.suggestedFilename()).toBe('verdi-opening.txt');
    await panel.getByText('is handed over to be saved').waitFor();
  });
});

test('a phone offers the transcripts of past talks, marked, to read and to save', async () => {
  const opened = await admin.browser.openPage(`${admin.relay.url}/rooms/verdi?view=reader`, hand);
  const { page } = opened;
  await page.locator('#open-settings').click();
  const past = page.locator('.past');
  await past.getByText('Opening <i>words</i>').waitFor();
  await past.getByText('Made from the recording, after the talk').waitFor();
  expect(await past.locator('li').count()).toBe(1);
  await past.scrollIntoViewIfNeeded();
  await keepScreenshot(page, 'reader past talks');
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    past.getByRole('button', { name: 'Save as a file' }).click(),
  ]);
  expect(file.suggestedFilename()).toMatch(/^verdi-\d{4}-\d\d-\d\d-opening\.txt$/);
  await past.getByRole('button', { name: 'Read' }).click();
  const text = page.locator('#past .text p');
  await eventually(
    () => text.allTextContents(),
    ['Speaker 1', 'Good morning, and welcome to the Sala. We begin with maps.', 'Speaker 2', 'Thank you all.'],
  );
  const { accessibilityFaults } = await import('./harness/axe.ts');
  expect(await accessibilityFaults(page, { without: ['region', 'heading-order'] })).toEqual([]);
  await keepScreenshot(page, 'reader past talk');
  await page.locator('#past').getByRole('button', { name: 'Close' }).click();
  expect(await page.locator('#past').isVisible()).toBe(false);
  expect(opened.consoleErrors).toEqual([]);
  await opened.close();
});

test('a deleted recording is gone from the list and from every phone, by a second press', async () => {
  const { tab } = await admin.room('verdi');
  const panel = await tab('Recordings');
  const danger = panel.locator('[data-talk="opening"] .danger');
  await danger.click();
  await panel.getByText('Delete now?').waitFor();
  expect(await words('opening')).toHaveLength(3);
  await danger.click();
  await panel.getByText('and its transcripts are deleted').waitFor();
  await eventually(() => panel.locator('[data-talk="opening"]').count(), 0);
  const answer = await fetch(`${admin.relay.url}/api/rooms/verdi/transcripts`);
  expect(await answer.json()).toEqual({ room: 'verdi', talks: [] });
});
