import { expect, test } from 'vitest';
import { streamed } from '../display/admin/languages.js';
import { languageFeatures } from '../relay/engines/transcribe-features.ts';
import { AdminPanels, eventually, obstacles, phone } from './harness/admin-panels.ts';
import { keepScreenshot } from './harness/screenshots.ts';

const admin = new AdminPanels();

interface Settings {
  readonly name: string;
  readonly language: string;
  readonly public: boolean;
  readonly engine: string | null;
  readonly restAfter: number | null;
  readonly recognition: { readonly pii: string | null; readonly speakerLabels: boolean };
}
const settings = (room: string) => admin.relay.call<Settings>('GET', `/api/rooms/${room}`);

/** The settings of a room of its own, and what was sent to the relay. */
async function open(room: string, options = {}) {
  await admin.relay.call('PUT', `/api/rooms/${room}`, { name: 'Sala Verdi', language: 'it-IT' });
  const opened = await admin.room(room, options);
  const sent: unknown[] = [];
  opened.page.on('request', (request) => {
    if (request.method() === 'PUT') sent.push(request.postDataJSON());
  });
  const panel = await opened.tab('Settings');
  return { ...opened, panel, sent, save: () => panel.getByRole('button', { name: 'Save' }).click() };
}

test('only what was changed is sent, and stands as the relay wrote it', async () => {
  const { panel, sent, save, consoleErrors } = await open('changes');
  await panel.getByLabel('Language', { exact: true }).fill('en-gb');
  await panel.getByText('English (United Kingdom)', { exact: true }).first().waitFor();
  await panel.getByLabel('Anyone may read').check();
  await panel.getByLabel('Name speakers by number').check();
  await panel.getByLabel('Rest after seconds of silence').fill('0');
  await save();
  await panel.getByText('Saved.').waitFor();
  expect(sent).toEqual([{ language: 'en-gb', public: true, restAfter: 0, recognition: { speakerLabels: true } }]);
  expect(await settings('changes')).toMatchObject({
    ...{ name: 'Sala Verdi', language: 'en-GB', public: true, engine: null, restAfter: 0 },
    recognition: { speakerLabels: true },
  });
  await eventually(() => panel.getByLabel('Language', { exact: true }).inputValue(), 'en-GB');
  // The script engine knows no speakers.
  await panel.getByText('Does nothing with the engine script:talk.').waitFor();
  await save();
  await panel.getByText('Nothing was changed.').waitFor();
  await panel.getByLabel('Rest after seconds of silence').fill('');
  await save();
  await eventually(async () => (await settings('changes')).restAfter, null);
  expect(sent.slice(1)).toEqual([{ restAfter: null }]);
  expect(consoleErrors).toEqual([]);
});

test('settings that clash are told at the one that was changed, in plain words; what was typed stays', async () => {
  const { panel, save } = await open('clashes');
  await panel.getByLabel('Name', { exact: true }).fill('Sala Rossini');
  await panel.getByLabel('Personal data').selectOption({ label: 'Replaced by its kind' });
  await save();
  const field = panel.locator('.field', { has: panel.page().getByLabel('Personal data') });
  await field.getByText('Personal data “Replaced by its kind” and Engine').waitFor();
  await field.getByText('do not go together: only Amazon Transcribe can do it.').waitFor();
  expect(await panel.getByLabel('Personal data').getAttribute('aria-invalid')).toBe('true');
  expect(await panel.getByLabel('Personal data').evaluate((each) => each === document.activeElement)).toBe(true);
  expect(await panel.getByLabel('Name', { exact: true }).inputValue()).toBe('Sala Rossini');
  expect(await panel.textContent()).not.toMatch(/recognition\.|\bpii\b/);
  expect(await settings('clashes')).toMatchObject({ name: 'Sala Verdi', recognition: { pii: null } });
  await panel.getByLabel('Personal data').selectOption({ label: 'Shown' });
  await eventually(() => field.locator('.error').isVisible(), false);
  await save();
  await panel.getByText('Saved.').waitFor();
});

test('a language that is none is told at its field', async () => {
  const { panel, save } = await open('mistakes');
  await panel.getByLabel('Language', { exact: true }).fill('italiano?');
  await panel.getByLabel('Languages to choose from').fill('it-IT, quite wrong!');
  await save();
  const field = (name: string) => panel.locator('.field', { has: panel.page().getByLabel(name, { exact: true }) });
  await field('Language').getByText('Must be a BCP 47 language tag').waitFor();
  await field('Languages to choose from').getByText('Must be a BCP 47 language tag').waitFor();
  expect((await settings('mistakes')).language).toBe('it-IT');
});

test('what another organizer changes shows at once, but for what is being typed', async () => {
  const { panel, save, page, sent } = await open('together');
  await panel.getByLabel('Name', { exact: true }).fill('Sala Ver');
  await admin.relay.call('PUT', '/api/rooms/together', { name: 'Aula Magna', language: 'de-DE' });
  await eventually(() => panel.getByLabel('Language', { exact: true }).inputValue(), 'de-DE');
  await panel.getByText('Meanwhile this was set elsewhere to “Aula Magna”.').waitFor();
  expect(await panel.getByLabel('Name', { exact: true }).inputValue()).toBe('Sala Ver');
  await panel.getByLabel('Name', { exact: true }).focus();
  await page.keyboard.press('End');
  await page.keyboard.type('di');
  await save();
  await panel.getByText('Saved.').waitFor();
  expect(sent).toEqual([{ name: 'Sala Verdi' }]);
  expect(await settings('together')).toMatchObject({ name: 'Sala Verdi', language: 'de-DE' });
  await eventually(() => panel.getByText('Meanwhile').isVisible(), false);
});

test('while the relay cannot be reached nothing typed is lost, and saving works again when it can', async () => {
  const { panel, page, save } = await open('away');
  await panel.getByLabel('Name', { exact: true }).fill('Sala Bianca');
  await page.route('**/api/rooms/away', (route) => route.abort());
  await save();
  await panel.getByText('Nothing was changed, what you typed still stands here').waitFor();
  await page.unroute('**/api/rooms/away');
  for (const body of ['<h1>Bad gateway</h1>', '{"message":"Bad gateway"}', 'null']) {
    await page.route('**/api/rooms/away', (route) => route.fulfill({ status: 502, body }));
    await save();
    await panel.getByText('Nothing was changed, what you typed still stands here').waitFor();
    await page.unroute('**/api/rooms/away');
  }
  expect(await panel.getByLabel('Name', { exact: true }).inputValue()).toBe('Sala Bianca');
  await save();
  await panel.getByText('Saved.').waitFor();
  expect((await settings('away')).name).toBe('Sala Bianca');
});

test('a room that was deleted meanwhile is not made anew by saving', async () => {
  await admin.relay.call('PUT', '/api/rooms/gone', { name: 'Sala Verdi' });
  const { panel, page } = await admin.mount('gone', 'Settings');
  await panel.getByLabel('Name', { exact: true }).fill('Sala Nera');
  await admin.relay.call('DELETE', '/api/rooms/gone');
  await panel.getByRole('button', { name: 'Save' }).click();
  await panel.getByText('There is no room "gone"').waitFor();
  await expect(settings('gone')).rejects.toThrow('404');
  expect(await panel.getByLabel('Name', { exact: true }).inputValue()).toBe('Sala Nera');
  expect(await page.locator('img, b').count()).toBe(0);
});

test('names are text, whatever they hold', async () => {
  const name = '<img src=x onerror=alert(1)><b>Verdi</b>';
  await admin.relay.call('PUT', '/api/rooms/hostile', { name });
  const { page, tab, consoleErrors } = await admin.room('hostile');
  const panel = await tab('Settings');
  expect(await panel.getByLabel('Name', { exact: true }).inputValue()).toBe(name);
  expect(await page.locator('img, .panels b').count()).toBe(0);
  expect(consoleErrors).toEqual([]);
});

test('the list of languages is that of the engine', () => {
  expect(streamed).toEqual([...languageFeatures.keys()]);
});

test.each([
  { name: 'phone', viewport: phone, colorScheme: 'light' as const },
  { name: 'dark phone', viewport: phone, colorScheme: 'dark' as const },
])(
  'everything of a room can be reached and read on a $name',
  { timeout: 90_000 },
  async ({ name, viewport, colorScheme }) => {
    await admin.relay.room('usable', { name: 'Sala Verdi', language: 'it-IT' });
    const opened = await admin.room('usable', { viewport, context: { colorScheme } });
    for (const title of [
      'Captions',
      'Talks',
      'Settings',
      'QR codes',
      'Tokens',
      'Transcript',
      'Text rules',
      'Vocabulary',
    ]) {
      const panel = await opened.tab(title);
      if (title === 'QR codes') await panel.getByRole('button', { name: 'Make the sheet' }).click();
      if (title === 'Text rules') await panel.getByRole('button', { name: 'Add a replacement' }).click();
      if (title === 'Vocabulary') await panel.getByRole('button', { name: 'Add a phrase' }).click();
      await opened.page.waitForLoadState('networkidle');
      expect({ title, faults: await obstacles(opened) }).toEqual({ title, faults: [] });
      await keepScreenshot(opened.page, `admin panels ${name} ${title}`, { fullPage: true });
    }
  },
);

test('tabs are walked by arrow keys', async () => {
  await admin.relay.room('keys');
  const { page, tab } = await admin.room('keys');
  await tab('Captions');
  await page.keyboard.press('ArrowRight');
  await page.getByRole('tabpanel', { name: 'Talks' }).waitFor();
  await page.keyboard.press('End');
  await page.getByRole('tabpanel', { name: 'Vocabulary' }).waitFor();
  await page.keyboard.press('ArrowRight');
  await page.getByRole('tabpanel', { name: 'Captions' }).waitFor();
  expect(await page.getByRole('tab', { selected: true }).textContent()).toBe('Captions');
  expect(await page.locator('[role="tab"][tabindex="0"]').count()).toBe(1);
});
