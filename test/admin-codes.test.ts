import { once } from 'node:events';
import type { Locator } from 'playwright-core';
import decodeQR from 'qr/decode.js';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { audioProtocol } from '../relay/protocol.js';
import { AdminPanels, desktop, obstacles, phone } from './harness/admin-panels.ts';
import { keepScreenshot } from './harness/screenshots.ts';

const admin = new AdminPanels();

async function open(room: string, settings = {}, options = {}) {
  await admin.relay.call('PUT', `/api/rooms/${room}`, { name: 'Sala <i>Verdi</i>', ...settings });
  const opened = await admin.room(room, { viewport: desktop, ...options });
  const panel = await opened.tab('QR codes');
  return { ...opened, panel, make: () => panel.getByRole('button', { name: 'Make the sheet' }).click() };
}

async function scan(page: Locator): Promise<string> {
  const { width, height, data } = await admin.browser.lightness(await page.screenshot());
  return decodeQR({ width, height, data }, { format: 'I420', timeLimit: 10_000 });
}
const rightOf = async (room: string) =>
  (
    await admin.relay.call<{ tokens: { right: string; expiresMs: number | null }[] }>(
      'GET',
      `/api/rooms/${room}/tokens`,
    )
  ).tokens;

test.each(['light', 'dark'] as const)(
  'a sheet for readers and the stand-in microphone, by fresh tokens, on a %s page',
  async (colorScheme) => {
    const room = `sheet-${colorScheme}`;
    const { panel, make, page, consoleErrors } = await open(room, {}, { context: { colorScheme } });
    await panel.getByLabel('For a stand-in microphone').check();
    await panel.getByLabel('Language of the sheet').selectOption('it');
    await make();
    const sheet = (kind: string) => panel.locator(`.sheet [data-kind="${kind}"]`);
    await sheet('readers').getByText('Leggi sul telefono').waitFor();
    const readers = await scan(sheet('readers'));
    expect(readers.startsWith(`${admin.relay.url}/rooms/${room}#token=sub_`)).toBe(true);
    const microphone = await scan(sheet('microphone'));
    expect(microphone.startsWith(`${admin.relay.url}/rooms/${room}/microphone#token=pub_`)).toBe(true);
    const [read, publish] = await rightOf(room);
    expect([read?.right, publish?.right, read?.expiresMs]).toEqual(['read', 'publish', null]);
    expect(publish?.expiresMs).toBeGreaterThan(Date.now() + 40 * 3_600_000);
    // What the reader's code opens is the room's page, and the right is good.
    const { page: reader } = await admin.browser.openPage(readers, { viewport: phone });
    await expect.poll(() => reader.textContent('body')).toContain('Verdi');
    await reader.context().close();
    // And the other, the page of the stand-in microphone; its right is good, too.
    const { page: speaker } = await admin.browser.openPage(microphone, { viewport: phone });
    await expect.poll(() => speaker.title()).toMatch(/microphone/i);
    await speaker.context().close();
    const token = decodeURIComponent(new URL(microphone).hash.replace('#token=', ''));
    const socket = new WebSocket(`${admin.relay.url.replace('http', 'ws')}/api/rooms/${room}/audio`, audioProtocol, {
      headers: { authorization: `Bearer ${token}` },
    });
    await once(socket, 'open');
    socket.terminate();
    expect(await sheet('readers').locator('.room-name').textContent()).toBe('Sala <i>Verdi</i>');
    expect(await page.locator('.panels i').count()).toBe(0);
    expect(consoleErrors).toEqual([]);
  },
);

test('on paper is the sheet alone, a page for each code', async () => {
  const { panel, make, page } = await open('paper', { name: 'Sala Verdi' });
  await panel.getByLabel('For a stand-in microphone').check();
  await make();
  await panel.locator('.sheet').waitFor();
  await page.emulateMedia({ media: 'print' });
  const seen = await page.evaluate(() =>
    [...document.querySelectorAll('body *')]
      .filter((each) => each.checkVisibility() && !each.closest('.sheet') && !each.querySelector('.sheet'))
      .map((each) => each.outerHTML.slice(0, 80)),
  );
  expect(seen).toEqual([]);
  const pdf = (await page.pdf({ preferCSSPageSize: true })).toString('latin1');
  expect(pdf.match(/\/Type\s*\/Page\b(?!s)/g)).toHaveLength(2);
  await page.setViewportSize({ width: 680, height: 980 }); // A4 within its margins
  await keepScreenshot(page, 'admin sheet on paper', { fullPage: true });
  const [name, code] = [panel.locator('.room-name').first(), panel.locator('.sheet svg').first()];
  expect((await name.boundingBox())?.height).toBeGreaterThan(50);
  expect((await code.boundingBox())?.width).toBeGreaterThan(400);
});

test('Print opens the browser’s own dialog', async () => {
  const { panel, make, page } = await open('print');
  await make();
  await page.evaluate(() => {
    window.print = () => document.body.setAttribute('data-printed', 'yes');
  });
  await panel.getByRole('button', { name: 'Print' }).click();
  await page.locator('body[data-printed]').waitFor();
});

test('a public room needs no token, and then its address stands there to be typed', async () => {
  const { panel, make } = await open('open', { public: true });
  await panel.getByLabel('Readers get a fresh token').uncheck();
  await make();
  const sheet = panel.locator('.sheet [data-kind="readers"]');
  expect(await scan(sheet)).toBe(`${admin.relay.url}/rooms/open`);
  await sheet.getByText(`${new URL(admin.relay.url).host}/rooms/open`).waitFor();
  expect(await rightOf('open')).toEqual([]);
});

test('what makes no sense is told at its field, and no token is made of it', async () => {
  const { panel, make } = await open('nonsense');
  await panel.getByLabel('For readers').uncheck();
  await make();
  await panel.getByText('Choose at least one of the codes.').waitFor();
  await panel.getByLabel('For readers').check();
  await panel.getByLabel('Readers get a fresh token').uncheck();
  await make();
  await panel.getByText('This room needs a token to be read.').waitFor();
  await panel.getByLabel('Readers get a fresh token').check();
  await panel.getByLabel('For a stand-in microphone').check();
  await panel.getByLabel('valid until').fill('2020-01-01T12:00');
  await make();
  await panel.getByText('This is in the past.').waitFor();
  await panel.getByLabel('valid until').fill('');
  await make();
  await panel.getByText('Say until when').waitFor();
  expect(await rightOf('nonsense')).toEqual([]);
  expect(await panel.locator('.sheet').count()).toBe(0);
});

test('a sheet of a room that was deleted meanwhile, or without the relay, is not made', async () => {
  await admin.relay.call('PUT', '/api/rooms/gone', {});
  const { panel, page } = await admin.mount('gone', 'QR codes');
  const make = () => panel.getByRole('button', { name: 'Make the sheet' }).click();
  await page.route('**/api/**', (route) => route.abort());
  await make();
  await panel.getByText('The relay cannot be reached').waitFor();
  await page.unroute('**/api/**');
  await admin.relay.call('DELETE', '/api/rooms/gone');
  await make();
  await panel.getByText('There is no room "gone"').waitFor();
  expect(await panel.locator('.sheet').count()).toBe(0);
});

test('on an address that only this machine can open, the sheet warns', async () => {
  const { panel, ...opened } = await open('loopback');
  await panel.getByText('which no phone can open').waitFor();
  expect(await obstacles(opened)).toEqual([]);
});
