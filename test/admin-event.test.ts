import { expect, test } from 'vitest';
import { AdminPanels, eventually, obstacles, type Panels, phone } from './harness/admin-panels.ts';
import { keepScreenshot } from './harness/screenshots.ts';

const admin = new AdminPanels({ args: ['--price-per-minute', '0.6', '--max-cost-per-day', '5'] });

async function open(tab: string, options = {}) {
  const opened = await admin.event({ viewport: phone, ...options });
  const panel = await opened.tab(tab);
  return { ...opened, panel };
}
const rooms = async () =>
  (await admin.relay.call<{ rooms: { room: string; name: string; language: string }[] }>('GET', '/api/rooms')).rooms;
const names = async () => (await rooms()).map(({ room }) => room);
const get = (path: string) => admin.relay.call<unknown>('GET', path);

test('a room is made with a name in addresses of its own, and not over another', async () => {
  const { panel, page, consoleErrors } = await open('Rooms');
  await panel.getByLabel('Name', { exact: true }).fill('Sàla <b>Grànde</b>');
  expect(await panel.getByLabel('Name in addresses').inputValue()).toBe('sala-b-grande-b');
  await panel.getByLabel('Name in addresses').fill('grande');
  await panel.getByLabel('Name', { exact: true }).fill('Sàla <b>Grande</b>');
  expect(await panel.getByLabel('Name in addresses').inputValue()).toBe('grande');
  await panel.getByLabel('Language').fill('it-it');
  await panel.getByRole('button', { name: 'Make the room' }).click();
  await panel.getByText('is there. Make a token for its kit').waitFor();
  expect(await rooms()).toMatchObject([{ room: 'grande', name: 'Sàla <b>Grande</b>', language: 'it-IT' }]);
  await panel.locator('[data-room="grande"]').getByText('grande · it-IT').waitFor();
  expect(await page.locator('.panels b').count()).toBe(0);
  // Nothing of a room that is there may be changed by making it once more.
  await panel.getByLabel('Name in addresses').fill('grande');
  await panel.getByLabel('Name', { exact: true }).fill('Another');
  await panel.getByRole('button', { name: 'Make the room' }).click();
  await panel.getByText('There is a room of this name already.').waitFor();
  expect(await rooms()).toMatchObject([{ name: 'Sàla <b>Grande</b>' }]);
  await panel.getByLabel('Name in addresses').fill('Not a name');
  await panel.getByRole('button', { name: 'Make the room' }).click();
  await panel
    .locator('.field', { has: page.getByLabel('Name in addresses') })
    .getByText('Must be 1 to 64')
    .waitFor();
  expect(await panel.getByLabel('Name', { exact: true }).inputValue()).toBe('Another');
  expect(consoleErrors.filter((line) => !/40[04]/.test(line))).toEqual([]);
  await admin.relay.call('DELETE', '/api/rooms/grande');
});

test('a room is deleted by typing its name, not by less', async () => {
  await admin.relay.room('doomed', { name: 'Sala Verdi' });
  const { panel, page, ...opened } = await open('Rooms');
  const item = panel.locator('[data-room="doomed"]');
  await item.getByRole('button', { name: 'Delete Sala Verdi…' }).click();
  const field = item.getByLabel('Type doomed to delete it');
  // Whatever is read anew meanwhile, who types goes on typing.
  await admin.relay.call('PUT', '/api/rooms/another', { name: 'Another' });
  const read = page.waitForResponse((response) => response.url().endsWith('/api/rooms'));
  await page.evaluate("document.querySelector('[data-tab=rooms]').click()"); // without taking the focus
  await read;
  await panel.locator('[data-room="another"]').waitFor();
  expect(await field.evaluate((each) => each === document.activeElement)).toBe(true);
  await field.fill('Sala Verdi');
  await item.getByRole('button', { name: 'Delete the room' }).click();
  await item.getByText('This is not doomed.').waitFor();
  expect(await names()).toContain('doomed');
  expect(await obstacles({ page, ...opened })).toEqual([]);
  await item.getByRole('button', { name: 'Keep it' }).click();
  await eventually(() => field.count(), 0);
  await item.getByRole('button', { name: 'Delete Sala Verdi…' }).click();
  await page.route('**/api/rooms/doomed', (route) => route.abort());
  await field.fill('doomed');
  await page.keyboard.press('Enter');
  await item.getByText('The relay cannot be reached').waitFor();
  expect(await field.inputValue()).toBe('doomed');
  await page.unroute('**/api/rooms/doomed');
  await page.keyboard.press('Enter');
  await panel.getByText('Sala Verdi is deleted.').waitFor();
  expect(await names()).not.toContain('doomed');
  expect(await item.count()).toBe(0);
});

test('a room that somebody else deleted meanwhile is told in words', async () => {
  await admin.relay.room('twice', { name: 'Sala Verdi' });
  const { panel, page } = await open('Rooms');
  const item = panel.locator('[data-room="twice"]');
  await item.getByRole('button', { name: 'Delete Sala Verdi…' }).click();
  await admin.relay.call('DELETE', '/api/rooms/twice');
  await item.getByLabel('Type twice to delete it').fill('twice');
  await page.keyboard.press('Enter');
  await item.getByText('There is no room "twice"').waitFor();
});

test('tokens of the relay open every room, or administer', async () => {
  await admin.relay.room('one');
  const { panel, ...opened } = await open('Tokens');
  await panel.getByLabel('Label').fill('Every screen');
  await panel.getByRole('button', { name: 'Make a token' }).click();
  const read = await panel.getByLabel('Token', { exact: true }).inputValue();
  const status = async (path: string, token: string) =>
    (await fetch(`${admin.relay.url}${path}`, { headers: { authorization: `Bearer ${token}` } })).status;
  expect(await status('/api/rooms/one/transcript.json', read)).toBe(200);
  expect(await status('/api/rooms', read)).toBe(403);
  await panel.getByLabel('Label').fill('Second organizer');
  await panel.getByLabel('It may').selectOption({ label: 'Administer everything' });
  await panel.getByRole('button', { name: 'Make a token' }).click();
  await panel.getByRole('heading', { name: 'New token: Second organizer' }).waitFor();
  const other = await panel.getByLabel('Token', { exact: true }).inputValue();
  expect(await status('/api/rooms', other)).toBe(200);
  expect(await obstacles(opened)).toEqual([]);
  await panel.getByRole('button', { name: 'Revoke Second organizer' }).click();
  await panel.getByRole('button', { name: /Revoke now/ }).click();
  await panel.getByText('Second organizer is revoked').waitFor();
  expect(await status('/api/rooms', other)).toBe(401);
});

test('rules and phrases of the event hold in every room', async () => {
  await admin.relay.call('PUT', '/api/rooms/one', { language: 'en-GB' });
  const { panel, tab } = await open('Text rules');
  await panel.getByRole('button', { name: 'Add a replacement' }).click();
  const first = panel.getByRole('group', { name: 'replacement 1' });
  await first.getByLabel('Find').fill('sarla');
  await first.getByLabel('Replace with').fill('Sala');
  await panel.getByLabel('Try a sentence').fill('This is sarla.');
  await eventually(() => panel.locator('output').textContent(), 'This is Sala.');
  await panel.getByRole('button', { name: 'Save', exact: true }).click();
  await panel.getByText('Saved.').waitFor();
  expect(
    await admin.relay.call('POST', '/api/text-rules/preview', { text: 'This is sarla.', room: 'one' }),
  ).toMatchObject({ text: 'This is Sala.' });
  const vocabulary = await tab('Vocabulary');
  await vocabulary.getByRole('button', { name: 'Add a phrase' }).click();
  await vocabulary.getByRole('group', { name: 'phrase 1' }).getByLabel('As it is spoken').fill('Kubernetes');
  await vocabulary.getByRole('button', { name: 'Save', exact: true }).click();
  await vocabulary.getByText('Saved.').waitFor();
  expect(await get('/api/vocabulary')).toMatchObject({ phrases: [{ phrase: 'Kubernetes' }] });
});

test('the log of acts shows the newest first, of a room by choice, earlier ones on demand, and no token', async () => {
  await admin.relay.room('logged', { name: '<b>Logged</b>' });
  for (let i = 0; i < 60; i++) await admin.relay.call('PUT', '/api/rooms/logged', { name: `Name ${i}` });
  await admin.relay.call('PUT', '/api/rooms/logged', { name: '<i>Last</i>' });
  await admin.relay.call('PUT', '/api/rooms/other', {});
  const opened = await open('Log of acts');
  const { panel, page } = opened;
  const items = panel.locator('li');
  await expect.poll(() => items.count()).toBe(50);
  // By then it holds that somebody logged in, and before, that the other room was made.
  await panel.getByLabel('Of').selectOption('logged');
  await items.first().getByText('<i>Last</i>').waitFor();
  await items
    .first()
    .getByText(/admin token of the file/)
    .waitFor();
  expect(await items.count()).toBe(50);
  expect((await items.allTextContents()).some((text) => text.includes('other'))).toBe(false);
  await panel.getByRole('button', { name: 'Earlier ones' }).click();
  await expect.poll(() => items.count()).toBeGreaterThan(60);
  expect(await panel.getByRole('button', { name: 'Earlier ones' }).isVisible()).toBe(false);
  expect(await page.locator('.panels :is(b, i)').count()).toBe(0);
  expect(await panel.textContent()).not.toMatch(/(?:pub|sub|adm)_[0-9a-f]{12}_/);
  expect(await obstacles(opened)).toEqual([]);
  await keepScreenshot(page, 'admin log of acts');
  await page.route('**/api/audit*', (route) => route.abort());
  await panel.getByRole('button', { name: 'Look again' }).click();
  await panel.getByText('The relay cannot be reached').waitFor();
  expect(await items.count()).toBeGreaterThan(60);
});

test('costs stand by room, with what stops them', async () => {
  const opened = await open('Costs');
  const { panel, page, tab } = opened;
  await panel.getByText('at 0.6 a minute.').waitFor();
  await panel.getByText('At most 5 a day.').waitFor();
  await panel.getByRole('row', { name: /^All rooms 0 0.0 min 0.00/ }).waitFor();
  await page.route('**/api/costs', (route) => route.fulfill({ json: costs }));
  await panel.getByRole('button', { name: 'Count again' }).click();
  await panel.getByRole('row', { name: /<b>verdi<\/b> The day’s limit is reached 3 30.5 min 18.30/ }).waitFor();
  expect(await obstacles(opened)).toEqual([]);
  await page.route('**/api/costs', (route) => route.abort());
  await tab('Rooms');
  await tab('Costs');
  await panel.getByText('The relay cannot be reached').waitFor();
});

const spent = { sessions: 3, seconds: 1830, money: 18.3 };
const costs = {
  ...{ day: '2026-12-01', pricePerMinute: 0.6, spent, alarm: { perDay: 1, reached: true } },
  limits: { perDay: 5, perRoomAndDay: null },
  rooms: [{ room: '<b>verdi</b>', spent, refusal: 'The day’s limit is reached' }],
};

test.each(['light', 'dark'] as const)(
  'everything of the event can be reached and read on a %s phone',
  { timeout: 90_000 },
  async (colorScheme) => {
    const opened: Panels = await admin.event({ viewport: phone, context: { colorScheme } });
    for (const title of ['Rooms', 'Schedule', 'Tokens', 'Text rules', 'Vocabulary', 'Log of acts', 'Costs']) {
      await opened.tab(title);
      await opened.page.waitForLoadState('networkidle');
      expect({ title, faults: await obstacles(opened) }).toEqual({ title, faults: [] });
      await keepScreenshot(opened.page, `admin event ${colorScheme} ${title}`, { fullPage: true });
    }
  },
);
