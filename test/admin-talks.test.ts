import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { AdminPanels, eventually, obstacles, phone } from './harness/admin-panels.ts';
import { startDevice, temporaryFolder } from './harness/programs.ts';
import { keepScreenshot } from './harness/screenshots.ts';

const admin = new AdminPanels({ script: ['0 0.4 The first sentence.', '0.5 0.9 The second one.'].join('\n') });

interface Talk {
  readonly id: string;
  readonly title: string;
  readonly speakers: readonly string[];
  readonly language: string | null;
  readonly start: number;
  readonly end: number;
}
const talksOf = async (room: string) =>
  (await admin.relay.call<{ talks: Talk[] }>('GET', `/api/rooms/${room}/talks`)).talks;

async function open(room: string, tab: string, options = {}) {
  await admin.relay.call('PUT', `/api/rooms/${room}`, { name: 'Sala Verdi', language: 'it-IT' });
  const opened = await admin.room(room, { viewport: phone, ...options });
  const panel = await opened.tab(tab);
  return { ...opened, panel };
}

test('a talk is made, changed and, by a second press, deleted', async () => {
  const title = '<b>Bold</b> captions';
  const { panel, page, consoleErrors, ...opened } = await open('made', 'Talks');
  await panel.getByLabel('Title').fill(title);
  await panel.getByLabel('Speakers').fill('Ada Lovelace\n Grace Hopper ');
  await panel.getByLabel('Language').fill('en-gb');
  await panel.getByLabel('Begins').fill('2030-05-01T10:00');
  await panel.getByLabel('Ends').fill('2030-05-01T10:45');
  await panel.getByRole('button', { name: 'Save the talk' }).click();
  await panel.getByText(`Saved: ${title}`).waitFor();
  const [talk] = await talksOf('made');
  expect(talk).toMatchObject({
    ...{ title, speakers: ['Ada Lovelace', 'Grace Hopper'], language: 'en-GB' },
    ...{ start: new Date('2030-05-01T10:00').getTime(), end: new Date('2030-05-01T10:45').getTime() },
  });
  expect(await panel.getByLabel('Title').inputValue()).toBe('');
  const item = panel.locator(`[data-talk="${talk?.id}"]`);
  await item.getByText('1 May 2030, 10:00 to 10:45 · Ada Lovelace · Grace Hopper · en-GB').waitFor();
  expect(await page.locator('.panels b').count()).toBe(0);
  expect(await obstacles({ page, consoleErrors, ...opened })).toEqual([]);
  await keepScreenshot(page, 'admin talks phone', { fullPage: true });

  await item.getByRole('button', { name: 'Change' }).click();
  await panel.getByRole('heading', { name: `Change: ${title}` }).waitFor();
  await panel.getByLabel('Title').fill('Bold captions');
  await panel.getByRole('button', { name: 'Save the talk' }).click();
  await item.getByText('Bold captions').waitFor();
  expect(await talksOf('made')).toMatchObject([{ id: talk?.id, title: 'Bold captions', language: 'en-GB' }]);

  await item.locator('.danger').click();
  await item.getByText('Delete now?').waitFor();
  expect(await talksOf('made')).toHaveLength(1);
  await item.locator('.danger').click();
  await panel.getByText('is out of the schedule').waitFor();
  expect(await talksOf('made')).toEqual([]);
  expect(consoleErrors).toEqual([]);
});

test('what is wrong with a talk is told at its fields, and what was typed stays', async () => {
  const { panel, page } = await open('wrong', 'Talks');
  const field = (label: string) => panel.locator('.field', { has: page.getByLabel(label) });
  const save = () => panel.getByRole('button', { name: 'Save the talk' }).click();
  await save();
  await field('Begins').getByText('Say when it begins.').waitFor();
  await panel.getByLabel('Begins').fill('2030-05-01T10:00');
  await panel.getByLabel('Ends').fill('2030-05-01T09:00');
  await panel.getByLabel('Language').fill('italiano?');
  await save();
  await field('Ends').getByText('Must be after the start.').waitFor();
  await field('Language').getByText('BCP 47').waitFor();
  await eventually(() => field('Title').locator('.error').isVisible(), true);
  expect(await panel.getByLabel('Ends').inputValue()).toBe('2030-05-01T09:00');
  expect(await talksOf('wrong')).toEqual([]);
});

test('a talk that is being typed stays while others change the schedule and the relay is away', async () => {
  const { panel, page, tab } = await open('typed', 'Talks');
  await panel.getByLabel('Title').fill('Half a tit');
  await admin.relay.call('PUT', '/api/rooms/typed/talks/other', { title: 'Other', start: 0, end: 1000 });
  await tab('Talks');
  await panel.locator('[data-talk="other"]').waitFor();
  expect(await panel.getByLabel('Title').inputValue()).toBe('Half a tit');
  await panel.getByLabel('Begins').fill('2030-05-01T10:00');
  await panel.getByLabel('Ends').fill('2030-05-01T11:00');
  await page.route('**/talks/**', (route) => route.abort());
  await panel.getByRole('button', { name: 'Save the talk' }).click();
  await panel.getByText('Nothing was changed, what you typed still stands here').waitFor();
  expect(await panel.getByLabel('Title').inputValue()).toBe('Half a tit');
});

test('talks of a room, or one, that was deleted meanwhile say so', async () => {
  await admin.relay.call('PUT', '/api/rooms/gone', {});
  await admin.relay.call('PUT', '/api/rooms/gone/talks/one', { title: 'One', start: 0, end: 1000 });
  const { panel } = await admin.mount('gone', 'Talks');
  const danger = panel.locator('[data-talk="one"] .danger');
  await danger.waitFor();
  await admin.relay.call('DELETE', '/api/rooms/gone/talks/one');
  await danger.click();
  await danger.click();
  await panel.getByText('has no talk "one"').waitFor();
  await admin.relay.call('DELETE', '/api/rooms/gone');
  await panel.getByLabel('Begins').fill('2030-05-01T10:00');
  await panel.getByLabel('Ends').fill('2030-05-01T11:00');
  await panel.getByLabel('Title').fill('Late');
  await panel.getByRole('button', { name: 'Save the talk' }).click();
  await panel.getByText('There is no room "gone"').first().waitFor();
});

test('the transcript is downloaded by talk or time, in every format', async () => {
  const room = 'spoken';
  const { publish } = await admin.relay.room(room, { name: 'Sala Verdi', language: 'en-GB' });
  const folder = temporaryFolder();
  const begun = Date.now();
  const device = startDevice({
    ...{ relay: admin.relay.url.replace('http', 'ws'), room, token: publish },
    ...{ dataDir: join(folder.path, 'device'), source: 'tone' },
  });
  try {
    await expect
      .poll(() => admin.relay.call<{ seq: number }>('GET', `/api/rooms/${room}`).then(({ seq }) => seq), {
        timeout: 20_000,
      })
      .toBe(2);
  } finally {
    await device.stop();
    folder.remove();
  }
  const hour = 3_600_000;
  await admin.relay.call('PUT', `/api/rooms/${room}/talks/keynote`, {
    title: 'Keynote',
    start: begun - hour,
    end: begun + hour,
  });
  await admin.relay.call('PUT', `/api/rooms/${room}/talks/before`, {
    title: 'Before',
    start: begun - 9 * hour,
    end: begun - 8 * hour,
  });
  const opened = await admin.room(room, { viewport: phone });
  const panel = await opened.tab('Transcript');
  const download = async () => {
    const [file] = await Promise.all([
      opened.page.waitForEvent('download'),
      panel.getByRole('button', { name: 'Download' }).click(),
    ]);
    return { name: file.suggestedFilename(), text: readFileSync(await file.path(), 'utf8') };
  };
  const all = await download();
  expect(all.name).toBe('spoken.txt');
  expect(all.text).toContain('The first sentence. The second one.');
  for (const [label, ending, head] of [
    ['WebVTT', 'vtt', 'WEBVTT'],
    ['SubRip', 'srt', '1\n00:'],
    ['JSON', 'json', '{"room":"spoken"'],
  ] as const) {
    await panel.getByLabel('As').selectOption({ label: (await optionOf(panel, label)) ?? '' });
    const file = await download();
    expect(file.name).toBe(`spoken.${ending}`);
    expect(file.text.replaceAll('\r', '').startsWith(head)).toBe(true);
  }
  await panel.getByLabel('What').selectOption('talk:before');
  expect(JSON.parse((await download()).text)).toMatchObject({ captions: [] });
  await panel.getByLabel('What').selectOption('talk:keynote');
  const keynote = await download();
  expect(keynote.name).toBe('spoken-keynote.json');
  expect(JSON.parse(keynote.text)).toMatchObject({
    captions: [{ text: 'The first sentence.' }, { text: 'The second one.' }],
  });

  await panel.getByLabel('What').selectOption('time');
  await panel.getByRole('button', { name: 'Download' }).click();
  await panel.getByText('Say from when').waitFor();
  await panel.getByLabel('From', { exact: true }).fill('2020-01-02T10:00');
  await panel.getByLabel('To', { exact: true }).fill('2020-01-01T10:00');
  await panel.getByRole('button', { name: 'Download' }).click();
  await panel.getByText('not after the beginning').waitFor();
  await panel.getByLabel('To', { exact: true }).fill('2020-01-03T10:00');
  expect(JSON.parse((await download()).text)).toMatchObject({ captions: [] });

  await admin.relay.call('DELETE', `/api/rooms/${room}/talks/keynote`);
  await panel.getByLabel('What').selectOption('talk:keynote');
  await panel.getByRole('button', { name: 'Download' }).click();
  await panel.getByText('has no talk "keynote"').waitFor();
  await opened.page.route('**/transcript.*', (route) => route.abort());
  await panel.getByRole('button', { name: 'Download' }).click();
  await panel.getByText('The relay cannot be reached').waitFor();
});

test('captions are corrected, hidden and shown again beside the other panels, and new ones come by themselves', async () => {
  const room = 'acted';
  const { publish } = await admin.relay.room(room, { name: 'Sala Verdi', language: 'en-GB' });
  const opened = await admin.room(room, { viewport: phone });
  const panel = await opened.tab('Captions');
  const folder = temporaryFolder();
  const device = startDevice({
    ...{ relay: admin.relay.url.replace('http', 'ws'), room, token: publish },
    ...{ dataDir: join(folder.path, 'device'), source: 'tone' },
  });
  try {
    const second = panel.locator('li[data-seq="2"]');
    await second.waitFor({ timeout: 20_000 });
    await second.locator('textarea').fill('The corrected one.');
    await second.getByRole('button', { name: 'Correct' }).click();
    await opened.page.getByText('Readers have the caption as it stands here.').waitFor();
    const first = panel.locator('li[data-seq="1"]');
    const isHidden = () => first.getByRole('button', { name: 'Show again' }).isVisible();
    // A press right after the list has moved does nothing but say so.
    const press = async () =>
      (await isHidden()) ||
      first
        .getByRole('button', { name: 'Hide' })
        .click({ timeout: 1000 })
        .catch(() => {});
    await expect.poll(async () => (await press()) && isHidden(), { timeout: 20_000, interval: 600 }).toBe(true);
    const read = async () =>
      (await admin.relay.call<{ captions: { text: string }[] }>('GET', `/api/rooms/${room}/transcript.json`)).captions;
    expect(await read()).toMatchObject([{ text: 'The corrected one.' }]);
    expect(await obstacles(opened)).toEqual([]);
  } finally {
    await device.stop();
    folder.remove();
  }
});

test('a correction that is being typed stays while the talk goes on and others correct the same words', async () => {
  const room = 'going-on';
  await admin.relay.call('PUT', `/api/rooms/${room}`, {});
  const { panel, page } = await admin.mount(room, 'Captions');
  const newest = (first: number, texts: Record<number, string> = {}) => ({
    captions: Array.from({ length: 20 }, (_, i) => {
      const seq = first - i;
      const text = texts[seq] ?? `Sentence ${seq}.`;
      return { caption: { seq }, text, words: text };
    }),
  });
  let answer = newest(20);
  await page.route('**/captions/newest*', (route) => route.fulfill({ json: answer }));
  const again = async () => {
    await page.getByRole('tab', { name: 'Talks' }).click();
    await page.getByRole('tab', { name: 'Captions' }).click();
  };
  await again();
  await panel.locator('li[data-seq="3"] textarea').fill('What I am ty');
  answer = newest(22, { 3: 'Corrected at another desk.' });
  await again();
  await panel.locator('li[data-seq="22"]').waitFor();
  expect(await panel.locator('li[data-seq="3"] textarea').inputValue()).toBe('What I am ty');
  answer = newest(60);
  await again();
  await panel.locator('li[data-seq="60"]').waitFor();
  expect(await panel.locator('li').last().locator('textarea').inputValue()).toBe('What I am ty');
  expect(await panel.locator('li').count()).toBe(21);
  await page.route('**/captions/3', (route) => route.fulfill({ json: { text: 'What I am typing.' } }));
  await panel.locator('li').last().locator('textarea').fill('What I am typing.');
  await panel.locator('li').last().getByRole('button', { name: 'Correct' }).click();
  await page.getByRole('tab', { name: 'Talks' }).click();
  await page.getByRole('tab', { name: 'Captions' }).click();
  await expect.poll(() => panel.locator('li').count()).toBe(20);
});

/** The whole of an option's words. */
const optionOf = (panel: import('playwright-core').Locator, begin: string) =>
  panel.locator('option').filter({ hasText: begin }).first().textContent();
