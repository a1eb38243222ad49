import { readFileSync, statSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import decodeQR from 'qr/decode.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringsFor } from '../display/strings.js';
import { sheet } from '../provisioning/kit/commands/sheet.ts';
import { readInventory } from '../provisioning/kit/inventory.ts';
import { KitSecrets, secretsFileOf } from '../provisioning/kit/secrets.ts';
import { accessibilityFaults } from './harness/axe.ts';
import { TestBrowser } from './harness/browser.ts';
import { kitNamed, plainInventory, type Written, writeInventory } from './harness/kit-inventory.ts';
import { kitCommand } from './harness/kit-terminal.ts';
import { keepScreenshot } from './harness/screenshots.ts';

/** 4 s: the pages that are printed for each room, in a browser and on paper; the codes are read off the picture. */

let browser: TestBrowser;
beforeAll(async () => {
  browser = await TestBrowser.launch();
});
afterAll(() => browser?.close());

const kitFields = { status: true, mac: 'd8:3a:dd:01:02:03' };

async function printed(changes: Written = {}, args: string[] = [], before = (_: string) => {}) {
  const file = writeInventory(changes);
  before(file);
  const { status, out, err } = await kitCommand(['sheet', file, ...args], [sheet]);
  expect({ status, err }).toEqual({ status: 0, err: '' });
  const path = file.replace('.toml', '.sheet.html');
  const secrets = new KitSecrets(secretsFileOf(file), {});
  const { kits } = readInventory(file);
  return { file, path, out, kits, pinOf: (name: string) => secrets.of(kitNamed(kits, name)).pin };
}

const open = (path: string) => browser.openPage(pathToFileURL(path).href, { viewport: { width: 800, height: 1130 } });

async function scan(page: Page, label: string): Promise<string> {
  const code = page.getByRole('img', { name: label, exact: true });
  const { width, height, data } = await browser.lightness(await code.screenshot());
  return decodeQR({ width, height, data }, { format: 'I420', timeLimit: 10_000 });
}

/** How many sheets of paper come out. */
async function papers(page: Page): Promise<number> {
  const pdf = await page.pdf({ preferCSSPageSize: true });
  return pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 0;
}

describe('A room with a device and two screens', () => {
  test('has one page for staff and one for the audience, with codes that open what they say', async () => {
    const { path, out, pinOf } = await printed({
      rooms: [{ name: 'verdi', title: 'Sala Verdi' }],
      kits: [
        { name: 'verdi-sound', kind: 'device', room: 'verdi', ...kitFields, network: { wifi: ['venue'] } },
        { name: 'verdi-screen', kind: 'display', room: 'verdi' },
        { name: 'verdi-screen-2', kind: 'display', room: 'verdi' },
      ],
    });
    expect(out).toContain(path);
    const { page, consoleErrors, requests, close } = await open(path);
    expect(await scan(page, 'QR code: captions of Sala Verdi')).toBe('https://captions.example.org/rooms/verdi');
    expect(await scan(page, 'QR code: admin page')).toBe('https://captions.example.org/admin');
    expect(await scan(page, 'QR code: status of verdi-sound')).toBe('http://verdi-sound.local:8081/');
    const [staff = '', audience = ''] = await page.locator('.page').allInnerTexts();
    for (const said of [
      pinOf('verdi-sound'),
      'd8:3a:dd:01:02:03',
      'Venue Staff',
      'USB cable of the mixer',
      'HDMI cable',
      'Screen kits',
    ])
      expect(staff).toContain(said);
    // Both screens are plugged in alike: it is said once.
    expect(staff.match(/HDMI cable/g)).toHaveLength(1);
    expect(audience).not.toContain(pinOf('verdi-sound'));
    expect(audience).toContain('captions.example.org/rooms/verdi');
    expect(await papers(page)).toBe(2);
    expect({ consoleErrors, loaded: requests.length }).toEqual({ consoleErrors: [], loaded: 1 });
    expect(await accessibilityFaults(page)).toEqual([]);
    await keepScreenshot(page, 'kit sheet', { fullPage: true });
    await close();
  });

  test('says of the screen’s messages what the screen says', async () => {
    const { path } = await printed();
    const { page, close } = await open(path);
    const { states, hints } = stringsFor(['en']);
    for (const state of ['no-audio', 'offline', 'no-network'] as const) {
      const row = page.getByRole('row', { name: states[state] }).first();
      expect(await row.textContent()).toContain(hints[state]);
    }
    await close();
  });

  test('draws the light as the kit blinks it', async () => {
    const { path } = await printed();
    const { page, close } = await open(path);
    /** How often the drawn light is on in its four seconds, and how much of them. */
    const light = async (name: string) => {
      const drawing = page.locator('article').first().getByRole('img', { name, exact: true });
      const flashes = [...((await drawing.locator('.on').getAttribute('d')) ?? '').matchAll(/M(\d+) 0h(\d+)/g)];
      return { count: flashes.length, onMs: flashes.reduce((sum, [, , width]) => sum + Number(width), 0) };
    };
    expect(await light('Fast, even blinking')).toEqual({ count: 16, onMs: 2000 });
    expect(await light('A short flash every two seconds')).toEqual({ count: 2, onMs: 160 });
    expect(await light('A second on, a second off')).toEqual({ count: 2, onMs: 2000 });
    await close();
  });
});

test('a fixed address, a token of readers and a solo kit change where the codes lead', async () => {
  const wired = { wired: { address: '10.0.3.11/24' } };
  const { path } = await printed(
    {
      rooms: [
        { name: 'verdi', title: 'V' },
        { name: 'puccini', title: 'P' },
      ],
      kits: [
        { name: 'a', kind: 'device', room: 'verdi', ...kitFields, network: wired },
        { name: 'p', kind: 'solo', room: 'puccini' },
      ],
    },
    [],
    (file) => new KitSecrets(secretsFileOf(file), {}).setReadToken('verdi', 'sub_k_abc/+'),
  );
  const { page, close } = await open(path);
  expect(await scan(page, 'QR code: status of a')).toBe('http://10.0.3.11:8081/');
  expect(await scan(page, 'QR code: captions of V')).toBe(
    'https://captions.example.org/rooms/verdi#token=sub_k_abc%2F%2B',
  );
  expect(await scan(page, 'QR code: captions of P')).toBe('http://p.local:8080/rooms/puccini');
  // Its address alone would open nothing.
  expect(await page.locator('.poster').first().textContent()).not.toContain('captions.example.org');
  // No status page, no PIN.
  expect(await page.locator('.page').nth(2).textContent()).not.toMatch(/its buttons ask/i);
  await close();
});

test('the largest room there is likely to be still fits on its pages', async () => {
  const network = { wifi: ['venue', 'second'] };
  const { path } = await printed({
    wifi: ['venue', 'second'].map((name) => ({ name, ssid: `${name} network of the hall` })),
    rooms: [{ name: 'verdi', title: 'Sala Giuseppe Verdi, Palazzo dei Congressi' }],
    kits: [
      { name: 'sala-giuseppe-verdi-sound', kind: 'device', room: 'verdi', ...kitFields, network },
      ...[1, 2, 3].map((screen) => ({
        name: `sala-giuseppe-verdi-screen-${screen}`,
        kind: 'display',
        room: 'verdi',
        network,
      })),
    ],
  });
  const { page, close } = await open(path);
  expect(await papers(page)).toBe(2);
  await close();
});

test('titles and networks are texts, whatever they are made of', async () => {
  const hostile = `</style><script>document.title = 'x'</script>"'&<b>`;
  const { path } = await printed({
    event: hostile,
    wifi: [{ name: 'venue', ssid: '<img src=x>&"\'' }],
    rooms: [{ name: 'verdi', title: hostile }],
    kits: [{ name: 'a', kind: 'device', room: 'verdi', network: { wired: 'off', wifi: ['venue'] } }],
  });
  const { page, consoleErrors, requests, close } = await open(path);
  expect(await page.locator('h1').allInnerTexts()).toEqual([hostile, hostile]);
  expect(await page.title()).toBe(`Kits of ${hostile}`);
  expect(await page.locator('.page').first().textContent()).toContain('<img src=x>&"\'');
  expect({ consoleErrors, loaded: requests.length }).toEqual({ consoleErrors: [], loaded: 1 });
  await close();
});

test('one room can be asked for, elsewhere; the file is its owner’s alone; an unknown room is told', async () => {
  const file = writeInventory();
  const output = file.replace('kits.toml', 'one.html');
  expect((await kitCommand(['sheet', file, 'puccini', '--output', output], [sheet])).status).toBe(0);
  expect(statSync(output).mode & 0o777).toBe(0o600);
  expect(readFileSync(output, 'utf8').match(/<article/g)).toHaveLength(2);
  const { status, err } = await kitCommand(['sheet', file, 'pucini'], [sheet]);
  expect(status).toBe(1);
  expect(err).toMatch(/there is no room "pucini" in this inventory; did you mean "puccini"\?/);
  const elsewhere = await kitCommand(['sheet', file, '-o', '/nowhere/x.html'], [sheet]);
  expect(elsewhere.status).toBe(1);
  expect(elsewhere.err).toMatch(/cannot be written/);
  expect(plainInventory.rooms).toHaveLength(3);
});
