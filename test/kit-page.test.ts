/** The kit's status page in a browser, a phone's size, in several states; costs about 3 s. Screenshots are in test/output/kit-*.png. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { PinDoor } from '../device/pin-door.ts';
import { type KitStatus, StatusPage } from '../device/status.ts';
import { accessibilityFaults, contrasts } from './harness/axe.ts';
import { type OpenPage, TestBrowser } from './harness/browser.ts';
import { keepScreenshot } from './harness/screenshots.ts';

const pin = '408316';
const well: KitStatus = {
  room: 'verdi',
  relay: 'wss://captions.example.org',
  language: 'it-IT',
  uptimeMs: 3_700_000,
  lastProblem: {
    message: 'The relay cannot be reached (ENOTFOUND)',
    hint: 'Check the DNS of this network.',
    agoMs: 125_000,
  },
  health: {
    ...{ state: 'ok', message: 'All is well', version: '1.2.0' },
    source: { state: 'capturing', name: 'UMC204HD 192k', rateHz: 48_000, channels: 2 },
    level: { rmsDbfs: -21.4, peakDbfs: -9.8, clipped: 0 },
    buffer: { heldMs: 120_000, backlogMs: 400, diskBytes: 0, droppedMs: 0, state: 'ok' },
    uplink: { state: 'connected', reconnects: 2, rttMs: 23 },
    clock: { synced: true },
    disk: { freeBytes: 21e9 },
  },
  kit: {
    ...{ name: 'verdi-sound', title: 'Sala Verdi', state: 'ok', message: 'All is well' },
    machine: {
      power: { low: false, lowCount: 0 },
      temperatureC: 51.2,
      storage: { state: 'ok', freeBytes: 21.3e9 },
      clock: { synced: true, offsetMs: 12 },
      network: { kind: 'wifi', state: 'full', address: '10.0.3.11', signalPercent: 71 },
    },
  },
};
const bad: KitStatus = {
  ...well,
  lastProblem: { message: 'No sound card is plugged in', hint: 'Plug in the mixer’s USB cable.', agoMs: 0 },
  health: {
    ...well.health,
    ...{ state: 'mixer-absent', message: 'No sound card is plugged in', hint: 'Plug in the mixer’s USB cable.' },
    source: { state: 'fault', name: 'sala' },
    level: { rmsDbfs: -100, peakDbfs: -100, clipped: 0 },
    buffer: { heldMs: 5_400_000, backlogMs: 5_280_000, diskBytes: 1, droppedMs: 61_000, state: 'disk-full' },
    uplink: { state: 'waiting', reconnects: 40 },
    clock: { synced: false },
  },
  kit: {
    ...{
      name: 'verdi-sound',
      title: 'Sala Verdi',
      state: 'storage-read-only',
      message: 'The card can only be read',
      hint: 'Replace it.',
    },
    machine: {
      power: { low: false, lowCount: 3 },
      temperatureC: 82.9,
      storage: { state: 'read-only', message: 'This kit’s card can only be read any more', freeBytes: 0 },
      clock: { synced: false, offsetMs: -90_000_000 },
      network: { kind: 'wired', state: 'portal', address: '10.0.3.11' },
    },
    update: { version: '1.3.0', state: 'rolled-back', message: 'It did not get well' },
  },
};

let browser: TestBrowser;
let server: StatusPage;
let status: KitStatus;
let done: string[];
let url = '';
const opened: OpenPage[] = [];

beforeAll(async () => {
  browser = await TestBrowser.launch();
});
afterAll(() => browser.close());
beforeEach(async () => {
  status = well;
  done = [];
  server = new StatusPage({
    ...{ host: '127.0.0.1', port: 0, pages: new URL('../display/', import.meta.url), status: () => status },
    buttons: {
      door: new PinDoor(pin, () => performance.now()),
      agent: { identify: async () => void done.push('identify'), diagnostics: async () => 'how it is' },
      restart: () => void done.push('restart'),
    },
  });
  url = `http://127.0.0.1:${await server.start()}/`;
});
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
  await server.stop();
});

async function open(colorScheme: 'light' | 'dark' = 'light'): Promise<OpenPage> {
  const page = await browser.openPage(url, { viewport: { width: 390, height: 844 }, context: { colorScheme } });
  opened.push(page);
  await expect.poll(() => text(page, '#message')).not.toBe('Asking the kit…');
  return page;
}

const text = ({ page }: OpenPage, selector: string) => page.locator(selector).textContent();
const row = async (page: OpenPage, id: string) => {
  const found = page.page.locator(`#${id}`);
  return [await found.getAttribute('data-kind'), await found.locator('dd').textContent()];
};
const width = ({ page }: OpenPage) => page.evaluate(() => document.documentElement.scrollWidth);

async function unlock({ page }: OpenPage, typed = pin) {
  await page.getByLabel('PIN from this room’s sheet').fill(typed);
  await page.getByRole('button', { name: 'Open' }).click();
}

test('a kit that is well says so of each of its parts', async () => {
  const page = await open();
  expect(await text(page, 'h1')).toBe('Room Sala Verdi, kit verdi-sound');
  expect(await text(page, '#message')).toBe('All is well');
  expect(await row(page, 'mixer')).toEqual(['ok', 'UMC204HD 192k: gives sound, 48000 Hz, 2 channels']);
  expect(await row(page, 'link')).toEqual(['ok', 'wss://captions.example.org: connected, 23 ms, 2 reconnections']);
  expect(await row(page, 'buffer')).toEqual(['ok', '0 s wait for the relay, 2 min kept']);
  expect(await row(page, 'network')).toEqual(['ok', 'Wi-Fi, signal 71 %, 10.0.3.11, reaches the internet']);
  expect(await row(page, 'power')).toEqual(['ok', 'enough']);
  expect(await row(page, 'storage')).toEqual(['ok', '21.3 GB free']);
  expect(await row(page, 'heat')).toEqual(['ok', '51 °C']);
  expect(await row(page, 'clock')).toEqual(['ok', 'set by the network']);
  expect((await row(page, 'last'))[1]).toBe(
    '2 min ago: The relay cannot be reached (ENOTFOUND). Check the DNS of this network.',
  );
  expect(await page.page.getByRole('meter').getAttribute('value')).toBe('-21.4');
  await keepScreenshot(page.page, 'kit well', { fullPage: true });
  expect([await accessibilityFaults(page.page), await width(page), page.consoleErrors]).toEqual([[], 390, []]);
});

test('a kit with every fault says what is wrong with each part, what matters most first, and follows when it heals', async () => {
  status = bad;
  const page = await open('dark');
  expect([await text(page, '#message'), await text(page, '#hint')]).toEqual([
    'No sound card is plugged in',
    'Plug in the mixer’s USB cable.',
  ]);
  const kinds = await Promise.all(
    ['mixer', 'link', 'buffer', 'network', 'power', 'storage', 'heat'].map((id) => row(page, id)),
  );
  expect(kinds.map(([kind]) => kind)).toEqual(Array(7).fill('problem'));
  expect(kinds.map(([, words]) => words)).toEqual([
    'sala: does not work',
    'wss://captions.example.org: not reached, trying again, 40 reconnections',
    '1 h 28 min wait for the relay, 1 h 30 min kept, 1 min lost',
    'cable, 10.0.3.11, wants a login on a web page: ask the venue for a network without one',
    'enough now; too weak 3 times since the start',
    'This kit’s card can only be read any more; 0 MB free',
    '83 °C: too hot, give it air',
  ]);
  expect((await row(page, 'clock'))[1]).toContain('25 h 0 min behind the relay');
  expect((await row(page, 'version'))[1]).toContain('update 1.3.0: It did not get well');
  await keepScreenshot(page.page, 'kit bad dark', { fullPage: true });
  expect(await accessibilityFaults(page.page)).toEqual([]);
  for (const { text: words, ratio } of (await contrasts(page.page)).slice(0, 3))
    expect([words, ratio >= 4.5]).toEqual([words, true]);
  // The device is well again, its card is not: that is what is told then.
  status = { ...bad, health: well.health };
  await expect.poll(() => text(page, '#message'), { timeout: 5000 }).toBe('The card can only be read');
  expect(page.consoleErrors).toEqual([]);
});

test('a device that is no kit has neither the machine’s rows nor buttons', async () => {
  await server.stop();
  server = new StatusPage({
    host: '127.0.0.1',
    port: 0,
    pages: new URL('../display/', import.meta.url),
    status: () => status,
  });
  url = `http://127.0.0.1:${await server.start()}/`;
  status = { ...well, kit: null, lastProblem: null };
  const page = await open();
  expect(await text(page, 'h1')).toBe('Room verdi');
  for (const id of ['network', 'heat', 'staff'])
    expect([id, await page.page.locator(`#${id}`).isVisible()]).toEqual([id, false]);
  expect((await row(page, 'storage'))[1]).toBe('21.0 GB free');
  expect((await row(page, 'last'))[1]).toBe('none since the device started');
});

test('a kit that goes away is told within seconds, and is there again when it comes back', async () => {
  const page = await open();
  const port = Number(new URL(url).port);
  await server.stop();
  await expect.poll(() => text(page, '#message'), { timeout: 10_000 }).toBe('The kit does not answer');
  server = new StatusPage({
    host: '127.0.0.1',
    port,
    pages: new URL('../display/', import.meta.url),
    status: () => status,
  });
  await server.start();
  await expect.poll(() => text(page, '#message'), { timeout: 10_000 }).toBe('All is well');
});

test('the buttons open with the PIN, do what they say, and restart only by a second press', async () => {
  const page = await open();
  const { page: tab } = page;
  expect(await tab.locator('#buttons').isVisible()).toBe(false);
  await unlock(page, '000000');
  await expect
    .poll(() => text(page, '#told'))
    .toBe('That is not the PIN. It stands on the sheet of this room: six digits.');
  await keepScreenshot(tab, 'kit wrong pin', { fullPage: true });
  await unlock(page);
  await expect.poll(() => tab.locator('#buttons').isVisible()).toBe(true);
  expect(await tab.locator('#pin-form').isVisible()).toBe(false);
  expect(await tab.evaluate(() => document.cookie)).toBe('');
  await tab.getByRole('button', { name: 'Blink its light' }).click();
  await expect.poll(() => done).toEqual(['identify']);
  await expect.poll(() => text(page, '#told')).toBe('Its light flickers for 30 seconds.');
  const [download] = await Promise.all([
    tab.waitForEvent('download'),
    tab.getByRole('link', { name: 'Download diagnostics' }).click(),
  ]);
  expect(download.suggestedFilename()).toBe('sala-verdi-sound.txt');
  await tab.getByRole('button', { name: 'Restart the device' }).click();
  await keepScreenshot(tab, 'kit buttons', { fullPage: true });
  expect(await accessibilityFaults(tab)).toEqual([]);
  // A press alone is taken back after a while.
  await tab.getByRole('button', { name: 'Restart the device' }).click();
  expect(done).toEqual(['identify']);
  await tab.getByRole('button', { name: 'Press again' }).click();
  await expect.poll(() => done).toEqual(['identify', 'restart']);
  await tab.getByRole('button', { name: 'Close these buttons' }).click();
  await expect.poll(() => tab.locator('#pin-form').isVisible()).toBe(true);
  // A browser tells of refused calls on its console.
  expect(page.consoleErrors.filter((each) => !/status of 401/.test(each))).toEqual([]);
});
