import type { Locator } from 'playwright-core';
import { expect, test } from 'vitest';
import { AdminPanels, desktop, eventually } from './harness/admin-panels.ts';
import { keepScreenshot } from './harness/screenshots.ts';

const admin = new AdminPanels();
const get = (path: string) => admin.relay.call<unknown>('GET', path);

async function open(room: string, tab: string, options = {}) {
  await admin.relay.call('PUT', `/api/rooms/${room}`, { name: 'Sala Verdi', language: 'en-GB' });
  const opened = await admin.room(room, { viewport: desktop, ...options });
  const panel = await opened.tab(tab);
  return { ...opened, panel, save: () => panel.getByRole('button', { name: 'Save', exact: true }).click() };
}
const row = (panel: Locator, name: string) => panel.getByRole('group', { name, exact: true });

test('text rules are tried while they are typed, saved as a whole, and hold', async () => {
  const { panel, page, save, consoleErrors } = await open('rules', 'Text rules');
  await panel.getByRole('button', { name: 'Add a replacement' }).click();
  const first = row(panel, 'replacement 1');
  expect(await first.getByLabel('Find').evaluate((each) => each === document.activeElement)).toBe(true);
  await first.getByLabel('Find').fill('cube or netties');
  await first.getByLabel('Replace with').fill('Kubernetes <b>');
  await panel.getByRole('button', { name: 'Add a blocked word' }).click();
  await row(panel, 'blocked word 1').getByLabel('Word').fill('damn');
  await panel.getByLabel('Try a sentence').fill('We run cube or netties, damn.');
  await eventually(() => panel.locator('output').textContent(), 'We run Kubernetes <b>, ***.');
  await panel.getByText('Acted: cube or netties, damn').waitFor();
  expect(await get('/api/rooms/rules/text-rules')).toEqual({ replacements: [], blocked: [] });
  await row(panel, 'blocked word 1').getByLabel('Shown as').selectOption({ label: 'nothing' });
  await eventually(() => panel.locator('output').textContent(), 'We run Kubernetes <b>.');
  await keepScreenshot(page, 'admin text rules', { fullPage: true });
  await save();
  await panel.getByText('Saved.').waitFor();
  expect(await get('/api/rooms/rules/text-rules')).toMatchObject({
    replacements: [{ find: 'cube or netties', replace: 'Kubernetes <b>', regex: false, case: 'found', language: null }],
    blocked: [{ word: 'damn', method: 'drop' }],
  });
  await first.getByRole('button', { name: 'Take out' }).click();
  await save();
  await eventually(async () => JSON.stringify(await get('/api/rooms/rules/text-rules')).includes('cube'), false);
  expect(await page.locator('.panels b').count()).toBe(0);
  expect(consoleErrors).toEqual([]);
});

test('a pattern that is none is marked where it stands, in the preview and when saved; an empty line is nothing', async () => {
  const { panel, save } = await open('patterns', 'Text rules');
  const add = panel.getByRole('button', { name: 'Add a replacement' });
  for (let i = 0; i < 3; i++) await add.click();
  await row(panel, 'replacement 1').getByLabel('Find').fill('npm');
  // The second stays empty.
  const third = row(panel, 'replacement 3');
  await third.getByLabel('Find').fill('(unclosed');
  await third.getByLabel('Pattern (RE2)').check();
  await panel.getByLabel('Try a sentence').fill('words');
  await eventually(() => third.locator('.error').first().isVisible(), true);
  await panel.getByText('no preview while something above is marked').waitFor();
  await save();
  await panel.getByText('Nothing was saved: see what is marked.').waitFor();
  expect(await third.getByLabel('Find').getAttribute('aria-invalid')).toBe('true');
  expect(await row(panel, 'replacement 1').getByLabel('Find').getAttribute('aria-invalid')).toBeNull();
  expect(await get('/api/rooms/patterns/text-rules')).toEqual({ replacements: [], blocked: [] });
  await third.getByLabel('Find').fill('(closed)');
  await save();
  await panel.getByText('Saved.').waitFor();
  expect(await get('/api/rooms/patterns/text-rules')).toMatchObject({
    replacements: [{ find: 'npm' }, { find: '(closed)' }],
  });
});

test('what somebody else saved meanwhile is not overwritten unasked', async () => {
  const { panel, save } = await open('two', 'Text rules');
  await panel.getByRole('button', { name: 'Add a replacement' }).click();
  await row(panel, 'replacement 1').getByLabel('Find').fill('mine');
  const theirs = { replacements: [{ find: 'theirs', replace: 'x' }], blocked: [] };
  await admin.relay.call('PUT', '/api/rooms/two/text-rules', theirs);
  await save();
  await panel.getByText('Somebody saved another list meanwhile.').waitFor();
  expect(await get('/api/rooms/two/text-rules')).toMatchObject(theirs);
  expect(await row(panel, 'replacement 1').getByLabel('Find').inputValue()).toBe('mine');
  await panel.getByRole('button', { name: 'Load what is saved' }).click();
  await eventually(() => row(panel, 'replacement 1').getByLabel('Find').inputValue(), 'theirs');
  await row(panel, 'replacement 1').getByLabel('Find').fill('ours');
  await admin.relay.call('PUT', '/api/rooms/two/text-rules', { replacements: [], blocked: [] });
  await save();
  await panel.getByRole('button', { name: 'Save mine in its place' }).click();
  await panel.getByText('Saved.').waitFor();
  expect(await get('/api/rooms/two/text-rules')).toMatchObject({ replacements: [{ find: 'ours' }] });
});

test('rules that are typed stay while other panels are looked at, and while the relay is away', async () => {
  const { panel, page, save, tab } = await open('stay', 'Text rules');
  await panel.getByRole('button', { name: 'Add a replacement' }).click();
  await row(panel, 'replacement 1').getByLabel('Find').fill('typed');
  await tab('Captions');
  await admin.relay.call('PUT', '/api/rooms/stay', { name: 'Another name' });
  await tab('Text rules');
  expect(await row(panel, 'replacement 1').getByLabel('Find').inputValue()).toBe('typed');
  await page.route('**/text-rules', (route) => route.abort());
  await save();
  await panel.getByText('Nothing was changed, what you typed still stands here').waitFor();
  await page.unroute('**/text-rules');
  await save();
  await panel.getByText('Saved.').waitFor();
  expect(await get('/api/rooms/stay/text-rules')).toMatchObject({ replacements: [{ find: 'typed' }] });
});

test('what is typed while the list is read anew stays, and nothing can be typed before it is there', async () => {
  await admin.relay.call('PUT', '/api/rooms/slow', {});
  await admin.relay.call('PUT', '/api/rooms/slow/text-rules', { replacements: [{ find: 'saved', replace: '' }] });
  const { page } = await admin.mount('slow', 'Captions');
  const held: (() => void)[] = [];
  await page.route('**/text-rules', async (route) => {
    await new Promise<void>((go) => held.push(go));
    await route.continue();
  });
  const tab = page.getByRole('tab', { name: 'Text rules' });
  await tab.click();
  const panel = page.getByRole('tabpanel', { name: 'Text rules' });
  await expect.poll(() => held.length).toBe(1);
  expect(await panel.getByRole('button', { name: 'Add a replacement' }).isVisible()).toBe(false);
  held.shift()?.();
  const find = row(panel, 'replacement 1').getByLabel('Find');
  await find.waitFor();
  await tab.click();
  await expect.poll(() => held.length).toBe(1);
  await find.fill('saved, and being typ');
  const answered = page.waitForResponse('**/text-rules');
  held.shift()?.();
  await answered;
  await page.evaluate('new Promise((done) => setTimeout(done))'); // the page has read it
  expect(await find.inputValue()).toBe('saved, and being typ');
});

test.each(['Text rules', 'Vocabulary'])('%s of a room that was deleted meanwhile say so', async (tab) => {
  await admin.relay.call('PUT', '/api/rooms/gone', {});
  const { panel } = await admin.mount('gone', tab);
  await panel.getByRole('button', { name: /^Add a (replacement|phrase)/ }).click();
  await panel.locator('.rows input').first().fill('words');
  await admin.relay.call('DELETE', '/api/rooms/gone');
  await panel.getByRole('button', { name: 'Save', exact: true }).click();
  await panel.getByText('There is no room "gone"').waitFor();
  expect(await panel.locator('.rows input').first().inputValue()).toBe('words');
});

test('phrases are typed or pasted, saved, and what no engine takes is told at its place', async () => {
  const { panel, save, page } = await open('phrases', 'Vocabulary');
  await panel.getByRole('button', { name: 'Add a phrase' }).click();
  await row(panel, 'phrase 1').getByLabel('As it is spoken').fill('web three');
  await row(panel, 'phrase 1').getByLabel('Shown as').fill('Web3');
  await panel.getByText('Paste a list').click();
  await panel.getByLabel('Phrases to add, one a line').fill('Ada Lovelace\n\n  R2D2  \n');
  await panel.getByRole('button', { name: 'Add these lines' }).click();
  await save();
  const wrong = row(panel, 'phrase 3');
  await wrong.getByText('Must have no digits').waitFor();
  expect(await wrong.getByLabel('As it is spoken').evaluate((each) => each === document.activeElement)).toBe(true);
  expect(await get('/api/rooms/phrases/vocabulary')).toMatchObject({ phrases: [] });
  await wrong.getByLabel('As it is spoken').fill('R two D two');
  await save();
  await panel.getByText('Saved.').waitFor();
  expect(await get('/api/rooms/phrases/vocabulary')).toMatchObject({
    phrases: [
      { phrase: 'web three', displayAs: 'Web3', language: null },
      { phrase: 'Ada Lovelace', displayAs: null },
      { phrase: 'R two D two', displayAs: null },
    ],
  });
  await keepScreenshot(page, 'admin vocabulary', { fullPage: true });
});

test('how the engine’s vocabularies stand is told in words, hostile ones as text', async () => {
  const { panel, page, tab } = await open('states', 'Captions');
  const one = { name: 'sala-1', language: 'en-GB', region: null, phrases: 2, hint: '' };
  await page.route('**/api/rooms/states/vocabulary', (route) =>
    route.fulfill({
      json: {
        phrases: [{ phrase: '<b>Ada</b>', displayAs: null, language: null }],
        message: '',
        vocabularies: [
          { ...one, state: 'pending', message: '' },
          {
            ...one,
            language: 'it-IT',
            state: 'unavailable',
            message: '<i>No permission</i>',
            hint: 'Give the role more',
          },
        ],
        leftOut: [
          { list: 'room', index: 0, phrase: 'Zoë', language: 'en-GB', message: 'Transcribe does not take "ë"' },
        ],
      },
    }),
  );
  await tab('Vocabulary');
  const shown = page.getByRole('tabpanel', { name: 'Vocabulary' });
  await shown.getByText('en-GB: being made, which takes minutes').waitFor();
  await shown.getByText('<i>No permission</i>. Give the role more').waitFor();
  await shown.getByText('Left out of en-GB: Zoë').waitFor();
  expect(await page.locator('.panels :is(b, i)').count()).toBe(0);
  expect(await panel.isVisible()).toBe(false);
});

test('a thousand phrases can be edited', async () => {
  const { panel, tab } = await open('many', 'Captions');
  const letters = 'abcdefghij';
  const phrase = (i: number) => `phrase ${[...String(i)].map((digit) => letters[Number(digit)]).join('')}`;
  const phrases = Array.from({ length: 1000 }, (_, i) => ({ phrase: phrase(i) }));
  await admin.relay.call('PUT', '/api/rooms/many/vocabulary', { phrases });
  const vocabulary = await tab('Vocabulary');
  await vocabulary.getByText('1000 in the list.').waitFor();
  await vocabulary.locator('.rows > div:last-child input').first().fill('the last one');
  await vocabulary.getByRole('button', { name: 'Save', exact: true }).click();
  await vocabulary.getByText('Saved.').waitFor();
  expect(JSON.stringify(await get('/api/rooms/many/vocabulary'))).toContain('the last one');
  expect(await panel.isVisible()).toBe(false);
});
