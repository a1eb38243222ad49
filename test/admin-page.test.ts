import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { AdminHouse } from './harness/admin-house.ts';
import { TestBrowser } from './harness/browser.ts';
import { adminSecret } from './harness/doors.ts';
import { eventually } from './harness/eventually.ts';
import type { FakeRooms } from './harness/fake-rooms.ts';
import { FaultyProxy } from './harness/proxy.ts';

let browser: TestBrowser;
let house: AdminHouse;
let rooms: FakeRooms;

beforeAll(async () => {
  browser = await TestBrowser.launch();
});
afterAll(() => browser.close());

beforeEach(async () => {
  house = await new AdminHouse().start();
  rooms = house.rooms;
});
afterEach(() => house.stop());

test('an organizer sees every room and assigns a language', async () => {
  rooms.put('verdi', { title: 'Sala <b>Verdi</b>' });
  rooms.put('rossini').become('offline', 'The room is not connected at the moment.');
  const { page, consoleErrors, close } = await house.enter(browser);
  const verdi = page.locator('.card[data-room="verdi"]');
  await verdi.getByText('Sala <b>Verdi</b>').waitFor();
  const rossini = page.locator('.card[data-room="rossini"] .state');
  expect(await rossini.textContent()).toBe('Offline');
  expect(await rossini.getAttribute('title')).toBe('The room is not connected at the moment.');
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
  const { page, close } = await house.open(browser);
  await page.fill('#token', 'not-the-token-at-all');
  await page.click('#entry button');
  await page.locator('#entry-error').getByText('does not know this admin token').waitFor();
  await page.fill('#token', adminSecret);
  await page.click('#entry button');
  const row = page.locator('.card[data-room="verdi"]');
  await row.locator('input').fill('italiano?');
  await row.getByRole('button', { name: 'Assign' }).click();
  await page.locator('#notice').getByText('BCP 47').waitFor();
  expect(rooms.get('verdi')?.record.settings.language).toBe('en-US');
  await close();
});

/** The page with the organizer's token in it. */
async function enter(viewport = { width: 1280, height: 800 }) {
  const opened = await house.enter(browser, { viewport });
  await opened.page.locator('.card[data-room="verdi"]').waitFor();
  return { ...opened, row: opened.page.locator('.card[data-room="verdi"]'), notice: opened.page.locator('#notice') };
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
  const items = page.locator('#room .captions li');
  await eventually(() => items.count()).toBe(20);
  const item = page.locator('#room .captions li[data-seq="24"]');
  expect(await item.locator('textarea').inputValue()).toBe('<b>teh</b> words');
  await item.locator('textarea').fill('the words');
  verdi.say('word 26');
  await page.locator('#room .captions li[data-seq="26"]').waitFor();
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
  const item = page.locator('#room .captions li[data-seq="1"]');
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
  await page.locator('#room .captions li[data-seq="1"]').waitFor();
  const pressed = page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        const list = document.querySelector('#room ol.captions');
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
      await page
        .locator('#room .captions li[data-seq="2"]')
        .getByRole('button', { name: 'Hide' })
        .click({ timeout: 1000 });
      return actsOf();
    })
    .toEqual(['amend']);
  await close();
});

test('while the relay cannot be reached that is told in plain words, and no longer when it can', async () => {
  rooms.put('verdi', { title: 'Sala Verdi' });
  const proxy = await new FaultyProxy({ host: '127.0.0.1', port: house.house.port }).start();
  onTestFinished(() => proxy.stop());
  house.via(proxy.port);
  const { page, row, notice, close } = await enter();
  const old = page.locator('#old');
  expect(await old.isVisible()).toBe(false);
  await proxy.refuse(true);
  proxy.cut();
  await old.getByText('The relay cannot be reached. What stands here is').waitFor();
  await page.locator('#line').getByText('Not connected').waitFor();
  await expect.poll(() => old.textContent(), { timeout: 20_000 }).toMatch(/is [3-9] s old/);
  rooms.get('verdi')?.say('said meanwhile');
  await proxy.refuse(false);
  await page.locator('#line').getByText('Live').waitFor();
  await row.getByText('said meanwhile').waitFor();
  expect(await old.isVisible()).toBe(false);
  await page.route('**/api/**', (route) => route.fulfill({ status: 502, body: '<h1>Bad gateway</h1>' }));
  await row.getByRole('button', { name: 'Pause' }).click();
  await notice.getByText('The relay cannot be reached').waitFor();
  await close();
});

test('all of it fits a phone', async () => {
  const verdi = rooms.put('verdi', { title: 'Sala Verdi' });
  for (let i = 1; i <= 15; i++) verdi.say(`word ${i}`);
  verdi.say('a rather long caption that would not fit on one line of a phone, whatever the font');
  const { page, row, close } = await enter({ width: 390, height: 844 });
  const fits = async (...names: string[]) => {
    for (const name of names) {
      const box = await page.getByRole('button', { name, exact: true }).first().boundingBox();
      expect({ name, fits: box !== null && box.x >= 0 && box.x + box.width <= 390 }).toEqual({ name, fits: true });
    }
  };
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await fits('Assign', 'Pause', 'Clear', 'Captions of Sala Verdi', 'Sala Verdi', 'Alert me', 'Event', 'Log out');
  await row.getByRole('button', { name: 'Captions of Sala Verdi' }).click();
  const words = page.locator('#room .captions li textarea').first();
  await words.waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  // All of its words can be read: nobody judges a caption by its first three.
  const { hidden, lines } = await words.evaluate((field) => ({
    hidden: Math.max(field.scrollWidth - field.clientWidth, field.scrollHeight - field.clientHeight),
    lines: field.clientHeight / Number.parseFloat(getComputedStyle(field).lineHeight),
  }));
  expect({ hidden: hidden > 1, lines: lines > 5 }).toEqual({ hidden: false, lines: false });
  await fits('Correct', 'Hide', 'Close');
  // What became of a press is in sight wherever one has scrolled to.
  await page.getByRole('button', { name: 'Hide' }).last().click();
  await page.locator('#notice').getByText('hidden').waitFor();
  expect(await page.evaluate(() => scrollY)).toBeGreaterThan(300);
  expect((await page.locator('#notice').boundingBox())?.y).toBeGreaterThanOrEqual(0);
  await close();
});
