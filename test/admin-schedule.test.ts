import { expect, test } from 'vitest';
import { AdminPanels, eventually, obstacles, phone } from './harness/admin-panels.ts';
import { keepScreenshot } from './harness/screenshots.ts';

const admin = new AdminPanels();

interface Schedule {
  readonly source: { readonly kind: string; readonly rooms: Record<string, string> } | null;
  readonly talks: number;
  readonly unmatched: readonly string[];
}
const schedule = () => admin.relay.call<Schedule>('GET', '/api/schedule');
const hourMs = 3_600_000;
const at = (hours: number) => new Date(Math.floor(Date.now() / 60_000) * 60_000 + hours * hourMs).toISOString();

/** A table with a talk in each room. */
const table = (rooms: readonly string[], title = '<b>Keynote</b>') =>
  [
    'id,room,title,speakers,language,start,end',
    ...rooms.map((room, i) => `t${i},${room},${title},Ada Lovelace,it-IT,${at(1)},${at(2)}`),
  ].join('\n');

async function open() {
  const opened = await admin.event({ viewport: phone });
  const panel = await opened.tab('Schedule');
  const give = async (text: string, name = 'schedule.csv') => {
    await panel.getByLabel('Read from').selectOption('file');
    await panel.getByLabel('File').setInputFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(text) });
    await panel.getByRole('button', { name: 'Take this schedule' }).click();
  };
  return { ...opened, panel, give };
}

test('a file is taken, its unknown rooms are mapped to ours, and it is taken out by a second press', async () => {
  await admin.relay.call('PUT', '/api/rooms/verdi', { name: 'Sala Verdi' });
  await admin.relay.call('PUT', '/api/rooms/rossini', { name: 'Sala Rossini' });
  const { panel, give, page, consoleErrors, ...opened } = await open();
  await panel.getByText('There is no schedule').waitFor();
  expect(await panel.getByRole('button', { name: 'Fetch now' }).isVisible()).toBe(false);
  await give(table(['Sala Verdi', '<i>Room 2</i>', 'Hall C']));
  await panel.getByText('schedule.csv is taken.').waitFor();
  await panel.getByText('2 rooms of the schedule are none of ours yet.').waitFor();
  await panel.getByText('Rooms follow the schedule: one talk.').waitFor();
  expect(await schedule()).toMatchObject({ source: { kind: 'file' }, unmatched: ['<i>Room 2</i>', 'Hall C'] });
  await panel.getByLabel('“<i>Room 2</i>” is').selectOption('rossini');
  expect(await obstacles({ page, consoleErrors, ...opened })).toEqual([]);
  await keepScreenshot(page, 'admin schedule phone', { fullPage: true });
  await panel.getByRole('button', { name: 'Save the rooms' }).click();
  await panel.getByText('Rooms follow the schedule: 2 talks.').waitFor();
  expect(await schedule()).toMatchObject({
    talks: 2,
    source: { rooms: { '<i>Room 2</i>': 'rossini' } },
    unmatched: ['Hall C'],
  });
  expect(await admin.relay.call('GET', '/api/rooms/rossini/talks')).toMatchObject({
    talks: [{ title: '<b>Keynote</b>' }],
  });
  expect(await page.locator('.panels :is(b, i)').count()).toBe(0);

  // A new file keeps what was mapped; the talks of a room are told as the schedule's.
  await give(table(['Sala Verdi', '<i>Room 2</i>'], 'Closing'), 'new.csv');
  await panel.getByText('new.csv is taken.').waitFor();
  expect(await schedule()).toMatchObject({ talks: 2, unmatched: [] });

  const out = panel.getByRole('button', { name: /Take/ }).and(panel.locator('.danger'));
  await out.click();
  await out.getByText('Take out now?').waitFor();
  expect((await schedule()).source).not.toBeNull();
  await out.click();
  await panel.getByText('The schedule and its talks are out.').waitFor();
  expect(await schedule()).toMatchObject({ source: null, talks: 0 });
  expect(consoleErrors).toEqual([]);
});

test('what is wrong with a file or an address is told in words, and nothing of it is taken', async () => {
  const { panel, give, page } = await open();
  await give('<!doctype html><title>Log in</title>', 'export.json');
  await panel.getByText('This is a web page, not a schedule').waitFor();
  await give('room,title\nVerdi,Keynote');
  await expect.poll(() => panel.locator('form .said.error').first().textContent()).toMatch(/start/);
  await panel.getByLabel('Time zone').fill('Mars/Base');
  await give(table(['Sala Verdi']));
  await panel.getByText('Must be a time zone like Europe/Rome.').waitFor();
  await panel.getByLabel('Time zone').fill('');
  const field = (label: string) => panel.locator('.field', { has: page.getByLabel(label) });
  await panel.getByLabel('Read from').selectOption('url');
  await panel.getByRole('button', { name: 'Take this schedule' }).click();
  await field('Address').getByText('Say where it is.').waitFor();
  await panel.getByLabel('Address').fill('http://169.254.169.254/latest');
  await panel.getByLabel('Again every').fill('0');
  await panel.getByRole('button', { name: 'Take this schedule' }).click();
  await eventually(() => field('Address').locator('.error').isVisible(), true);
  await eventually(() => field('Again every').locator('.error').isVisible(), true);
  expect(await panel.getByLabel('Address').inputValue()).toBe('http://169.254.169.254/latest');
  expect((await schedule()).source).toBeNull();
  await page.route('**/api/schedule', (route) => route.abort());
  await panel.getByRole('button', { name: 'Take this schedule' }).click();
  await panel.getByText('Nothing was changed, what you typed still stands here').waitFor();
});

test('an address that answers no more is told with what holds meanwhile, and asked again by a press', async () => {
  const opened = await admin.event({ viewport: phone });
  const { page } = opened;
  const view = {
    source: { kind: 'url', url: 'https://talks.example.org/schedule.json', everyMinutes: 7, rooms: {} },
    state: {
      ...{ fetchedMs: Date.now(), lastGoodMs: Date.now() - hourMs },
      ...{ message: 'The server answers 503', hint: 'Ask whoever runs it' },
      mistakes: [{ place: 'days[0].talks[3].start', message: 'is no <b>time</b>', room: 'Sala Verdi' }],
      notes: ['The title of talk t9 was cut'],
    },
    ...{ talks: 12, unmatched: [], rooms: [] },
  };
  let asked = 0;
  await page.route('**/api/schedule', (route) => route.fulfill({ json: view }));
  await page.route('**/api/schedule/fetch', (route) => {
    asked++;
    return route.fulfill({
      json: { ...view, state: { ...view.state, message: '', hint: '', mistakes: [], notes: [] } },
    });
  });
  const panel = await opened.tab('Schedule');
  await panel.getByText('The server answers 503. Ask whoever runs it.').waitFor();
  await panel.getByText('12 talks of the last good one hold').waitFor();
  await panel.getByText('is no <b>time</b>').waitFor();
  await panel.getByText('days[0].talks[3].start (Sala Verdi)').waitFor();
  await panel.getByText('The title of talk t9 was cut').waitFor();
  expect(await panel.getByLabel('Address').inputValue()).toBe(view.source.url);
  expect(await panel.getByLabel('Again every').inputValue()).toBe('7');
  expect(await page.locator('.panels b').count()).toBe(0);
  expect(await obstacles(opened)).toEqual([]);
  await keepScreenshot(page, 'admin schedule broken phone', { fullPage: true });
  await panel.getByRole('button', { name: 'Fetch now' }).click();
  await panel.getByText('Rooms follow the schedule: 12 talks.').waitFor();
  expect(asked).toBe(1);
  expect(await panel.getByText('The server answers 503').isVisible()).toBe(false);
  // What is being typed outlives a look at another panel.
  await panel.getByLabel('Address').fill('https://talks.example.org/other.json');
  await opened.tab('Rooms');
  await opened.tab('Schedule');
  await eventually(() => panel.getByText('The server answers 503').isVisible(), true);
  expect(await panel.getByLabel('Address').inputValue()).toBe('https://talks.example.org/other.json');
});

test('a talk that runs late is held, then the next is on, each by one press; there and at another desk', async () => {
  await admin.relay.call('PUT', '/api/rooms/late', { name: 'Sala Tardi', language: 'en-GB' });
  const talk = (id: string, title: string, from: number, to: number, language: string) =>
    admin.relay.call('PUT', `/api/rooms/late/talks/${id}`, { title, language, start: at(from), end: at(to) });
  await talk('first', '<b>First</b>', -1, 1, 'en-GB');
  await talk('second', 'Second', 1, 2, 'it-IT');
  const opened = await admin.room('late', { viewport: phone });
  const panel = await opened.tab('Talks');
  const conduct = panel.getByRole('region', { name: 'What is on' });
  await conduct.getByText(/On now: <b>First<\/b>, until/).waitFor();
  await conduct.getByText(/Next: Second/).waitFor();
  await conduct.getByRole('button', { name: '10 minutes more' }).click();
  await conduct.getByText('It goes on 10 minutes longer.').waitFor();
  await conduct.getByRole('button', { name: 'Hold this talk' }).click();
  await conduct.getByText('held until you go on').waitFor();
  await keepScreenshot(opened.page, 'admin conduct phone');
  expect(await obstacles(opened)).toEqual([]);
  await conduct.getByRole('button', { name: 'Next talk now' }).click();
  await conduct.getByText(/On now: Second/).waitFor();
  expect(await admin.relay.call('GET', '/api/rooms/late')).toMatchObject({ language: 'it-IT' });
  await admin.relay.call('POST', '/api/rooms/late/conduct', { act: 'hold' }); // somebody at another desk
  await conduct.getByText('On now: Second, held until you go on').waitFor();
  await talk('third', 'Third', 2, 3, 'en-GB');
  await conduct.getByText(/Next: Third/).waitFor();
  await panel.locator('[data-talk="third"]').getByText('Third').waitFor();
  await conduct.getByRole('button', { name: 'Next talk now' }).click();
  await conduct.getByText(/On now: Third/).waitFor();
  await opened.page.route('**/conduct', (route) => route.abort());
  await conduct.getByRole('button', { name: 'Hold this talk' }).click();
  await conduct.getByText('The relay cannot be reached').waitFor();
});

test('without a talk there is nothing to hold, and that is said', async () => {
  await admin.relay.call('PUT', '/api/rooms/empty', {});
  const { tab } = await admin.room('empty', { viewport: phone });
  const panel = await tab('Talks');
  await panel.getByText('No talk is on.').waitFor();
  await panel.getByRole('button', { name: 'Hold this talk' }).click();
  await panel.getByText('There is no talk').waitFor();
});
