import { fileURLToPath } from 'node:url';
import { serve } from '@hono/node-server';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { AdminToken } from '../relay/admin-token.ts';
import { createApi } from '../relay/api.ts';
import { RelayHealth } from '../relay/health.ts';
import { Origins } from '../relay/origins.ts';
import { Rights } from '../relay/rights.ts';
import { Talks } from '../relay/talks.ts';
import { TextRuleBook } from '../relay/text-rule-book.ts';
import { TestBrowser } from './harness/browser.ts';
import { adminSecret, captureLog } from './harness/doors.ts';
import { FakeRooms, freeOfCharge } from './harness/fake-rooms.ts';
import { idleVocabularies } from './harness/idle-vocabularies.ts';

let browser: TestBrowser;
let rooms: FakeRooms;
let server: ReturnType<typeof serve>;
let url = '';

beforeAll(async () => {
  browser = await TestBrowser.launch();
});
afterAll(() => browser.close());

beforeEach(async () => {
  rooms = new FakeRooms();
  const origins = new Origins();
  const { log } = captureLog();
  const rights = new Rights({ db: rooms.db, adminToken: new AdminToken(adminSecret), origins, log });
  const api = createApi({
    rooms,
    rights,
    textRules: new TextRuleBook(rooms.db, captureLog().log),
    talks: new Talks(rooms.db),
    vocabularies: idleVocabularies(rooms.db),
    costs: freeOfCharge(rooms.db),
    health: new RelayHealth({ db: rooms.db }),
    metrics: { contentType: 'text/plain', text: async () => '' },
    log,
    pagesDir: fileURLToPath(new URL('../display', import.meta.url)),
    protocolFile: fileURLToPath(new URL('../relay/protocol.js', import.meta.url)),
    version: '0.0.0',
  });
  server = serve({ fetch: api.fetch, port: 0, hostname: '127.0.0.1' });
  await new Promise<void>((done) => server.once('listening', () => done()));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/admin`;
  origins.listening(url);
});

afterEach(async () => {
  await new Promise<void>((done) => server.close(() => done()));
  rooms.remove();
});

test('an organizer sees every room and assigns a language', async () => {
  rooms.put('verdi', { title: 'Sala <b>Verdi</b>' });
  rooms.put('rossini').become('offline', 'The room is not connected at the moment.');
  const { page, consoleErrors, close } = await browser.openPage(url);
  await page.fill('#token', adminSecret);
  await page.click('#entry button');
  const verdi = page.locator('tr[data-room="verdi"]');
  await verdi.getByText('Sala <b>Verdi</b>').waitFor();
  await page.locator('tr[data-room="rossini"]').getByText('The room is not connected at the moment.').waitFor();
  expect(await verdi.locator('meter').evaluate((meter: HTMLMeterElement) => [meter.value, meter.low])).toEqual([
    -40, -54,
  ]);
  await verdi.getByText('speech from -54 dB').waitFor();
  await verdi.locator('input').fill('it-it');
  await verdi.getByRole('button', { name: 'Assign' }).click();
  await page.locator('#notice').getByText('it-IT').waitFor();
  expect(rooms.get('verdi')?.record.settings.language).toBe('it-IT');
  expect(await page.inputValue('#token')).toBe('');
  expect(consoleErrors).toEqual([]);
  await close();
});

test('a wrong token and a wrong language are told in words', async () => {
  rooms.put('verdi');
  const { page, close } = await browser.openPage(url);
  await page.fill('#token', 'not-the-token-at-all');
  await page.click('#entry button');
  await page.locator('#notice').getByText('not known here').waitFor();
  await page.fill('#token', adminSecret);
  await page.click('#entry button');
  const row = page.locator('tr[data-room="verdi"]');
  await row.locator('input').fill('italiano?');
  await row.getByRole('button', { name: 'Assign' }).click();
  await page.locator('#notice').getByText('BCP 47').waitFor();
  expect(rooms.get('verdi')?.record.settings.language).toBe('en-US');
  await close();
});

/** The page with the organizer's token in it. */
async function enter(viewport = { width: 1280, height: 800 }) {
  const opened = await browser.openPage(url, { viewport });
  await opened.page.fill('#token', adminSecret);
  await opened.page.click('#entry button');
  await opened.page.locator('tr[data-room="verdi"]').waitFor();
  return { ...opened, row: opened.page.locator('tr[data-room="verdi"]'), notice: opened.page.locator('#notice') };
}
const actsOf = () =>
  rooms
    .get('verdi')
    ?.log.after(0, 100)
    .flatMap(({ type }) => (type === 'caption' ? [] : [type]));

test('an organizer pauses a room and goes on, and sees who else did', async () => {
  rooms.put('verdi', { title: 'Sala Verdi' });
  const { row, notice, consoleErrors, close } = await enter();
  await row.getByRole('button', { name: 'Pause' }).click();
  await notice.getByText('Sala Verdi is paused').waitFor();
  expect(rooms.get('verdi')?.record.paused).toBe(true);
  await row.getByRole('button', { name: 'Resume' }).click();
  await notice.getByText('captioned again').waitFor();
  expect(actsOf()).toEqual(['pause', 'resume']);
  rooms.pause('verdi', true); // somebody at another desk
  await row.getByRole('button', { name: 'Resume' }).waitFor();
  expect(consoleErrors).toEqual([]);
  await close();
});

test('the screens are cleared with a second press, and not with one', async () => {
  rooms.put('verdi', { title: 'Sala Verdi' });
  const { row, notice, page, close } = await enter();
  await row.getByRole('button', { name: 'Clear', exact: true }).click();
  await notice.getByText('Press again').waitFor();
  await page.keyboard.press('Tab'); // goes elsewhere: it was not meant
  await row.getByRole('button', { name: 'Clear', exact: true }).click();
  await row.getByRole('button', { name: 'Clear now?' }).waitFor();
  expect(actsOf()).toEqual([]);
  await row.getByRole('button', { name: 'Clear now?' }).click();
  await notice.getByText('The screens of Sala Verdi are empty').waitFor();
  expect(actsOf()).toEqual(['clear']);
  await row.getByRole('button', { name: 'Clear', exact: true }).waitFor();
  await close();
});

test('captions are corrected, hidden and shown again; what is being typed stays while new ones come', async () => {
  const verdi = rooms.put('verdi', { title: 'Sala Verdi' });
  for (let i = 1; i <= 25; i++) verdi.say(i === 24 ? '<b>teh</b> words' : `word ${i}`);
  const { page, row, notice, consoleErrors, close } = await enter();
  await row.getByRole('button', { name: 'Captions of Sala Verdi' }).click();
  const items = page.locator('#captions li');
  await expect.poll(() => items.count()).toBe(20);
  const item = page.locator('#captions li[data-seq="24"]');
  expect(await item.locator('textarea').inputValue()).toBe('<b>teh</b> words');
  await item.locator('textarea').fill('the words');
  verdi.say('word 26');
  await page.locator('#captions li[data-seq="26"]').waitFor();
  expect(await item.locator('textarea').inputValue()).toBe('the words');
  await item.getByRole('button', { name: 'Correct' }).click();
  await notice.getByText('as it stands here').waitFor();
  expect(verdi.log.transcript({}).find(({ seq }) => seq === 24)?.text).toBe('the words');
  // Right after the list has moved a press is refused.
  await expect
    .poll(async () => {
      const hide = item.getByRole('button', { name: 'Hide' });
      if ((await hide.count()) > 0) await hide.click({ timeout: 1000 });
      return verdi.log.transcript({}).some(({ seq }) => seq === 24);
    })
    .toBe(false);
  await notice.getByText('hidden').waitFor();
  await item.getByRole('button', { name: 'Show again' }).click(); // the list has not moved by one's own act
  await item.getByRole('button', { name: 'Hide' }).waitFor();
  expect(verdi.log.transcript({}).find(({ seq }) => seq === 24)?.text).toBe('the words');
  await item.locator('textarea').fill('   ');
  await item.getByRole('button', { name: 'Correct' }).click();
  await notice.getByText('text').waitFor();
  expect(verdi.log.transcript({}).find(({ seq }) => seq === 24)?.text).toBe('the words');
  expect(consoleErrors.filter((line) => !line.includes('400'))).toEqual([]);
  await close();
});

test('a caption that was corrected and then hidden comes back as corrected, also after a reload', async () => {
  const verdi = rooms.put('verdi', { title: 'Sala Verdi' });
  verdi.say('teh words');
  verdi.amend(1, 'the words');
  verdi.amend(1, null);
  const { page, row, close } = await enter();
  await row.getByRole('button', { name: 'Captions of Sala Verdi' }).click();
  const item = page.locator('#captions li[data-seq="1"]');
  await item.waitFor();
  expect(await item.locator('textarea').inputValue()).toBe('the words');
  await item.getByRole('button', { name: 'Show again' }).click();
  await item.getByRole('button', { name: 'Hide' }).waitFor();
  expect(verdi.log.transcript({}).map(({ text }) => text)).toEqual(['the words']);
  await close();
});

test('a press that meets a list that has just moved does nothing: it was meant for another caption', async () => {
  const verdi = rooms.put('verdi', { title: 'Sala Verdi' });
  verdi.say('one');
  const { page, row, notice, close } = await enter();
  await row.getByRole('button', { name: 'Captions of Sala Verdi' }).click();
  await page.locator('#captions li[data-seq="1"]').waitFor();
  const pressed = page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        const list = document.querySelector('#captions ol');
        if (!list) throw new Error('There is no list');
        new MutationObserver(() => {
          list.querySelector<HTMLButtonElement>('li button[type="button"]')?.click();
          resolve();
        }).observe(list, { childList: true });
      }),
  );
  verdi.say('two');
  await pressed;
  await notice.getByText('press again').waitFor();
  expect(actsOf()).toEqual([]);
  await expect
    .poll(async () => {
      await page.locator('#captions li[data-seq="2"]').getByRole('button', { name: 'Hide' }).click({ timeout: 1000 });
      return actsOf();
    })
    .toEqual(['amend']);
  await close();
});

test('while the relay cannot be reached that is told in plain words, and no longer when it can', async () => {
  rooms.put('verdi', { title: 'Sala Verdi' });
  const { page, notice, close } = await enter();
  await page.route('**/api/**', (route) => route.abort());
  await notice.getByText('The relay cannot be reached').waitFor();
  await page.unroute('**/api/**');
  await expect.poll(() => notice.textContent(), { timeout: 20_000 }).toBe('');
  await page.route('**/api/**', (route) => route.fulfill({ status: 502, body: '<h1>Bad gateway</h1>' }));
  await notice.getByText('The relay cannot be reached').waitFor();
  await close();
});

test('all of it fits a phone', async () => {
  const verdi = rooms.put('verdi', { title: 'Sala Verdi' });
  for (let i = 1; i <= 15; i++) verdi.say(`word ${i}`);
  verdi.say('a rather long caption that would not fit on one line of a phone, whatever the font');
  const { page, row, close } = await enter({ width: 390, height: 844 });
  await row.getByRole('button', { name: 'Captions of Sala Verdi' }).click();
  const words = page.locator('#captions li textarea').first();
  await words.waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  // All of its words can be read: nobody judges a caption by its first three.
  const { hidden, lines } = await words.evaluate((field) => ({
    hidden: Math.max(field.scrollWidth - field.clientWidth, field.scrollHeight - field.clientHeight),
    lines: field.clientHeight / Number.parseFloat(getComputedStyle(field).lineHeight),
  }));
  expect({ hidden: hidden > 1, lines: lines > 5 }).toEqual({ hidden: false, lines: false });
  for (const name of ['Assign', 'Pause', 'Clear', 'Captions of Sala Verdi', 'Correct', 'Hide', 'Close']) {
    const box = await page.getByRole('button', { name, exact: true }).first().boundingBox();
    expect({ name, fits: box !== null && box.x >= 0 && box.x + box.width <= 390 }).toEqual({ name, fits: true });
  }
  // What became of a press is in sight wherever one has scrolled to.
  await page.getByRole('button', { name: 'Hide' }).last().click();
  await page.locator('#notice').getByText('hidden').waitFor();
  expect(await page.evaluate(() => scrollY)).toBeGreaterThan(300);
  expect((await page.locator('#notice').boundingBox())?.y).toBeGreaterThanOrEqual(0);
  await close();
});
