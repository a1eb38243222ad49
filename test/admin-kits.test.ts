import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { kitProtocol } from '../relay/kit-protocol.ts';
import { AdminPanels, desktop, eventually, obstacles, phone } from './harness/admin-panels.ts';
import { bearer } from './harness/doors.ts';
import { healthy, kitHello, newKey } from './harness/kits.ts';
import { remember } from './harness/programs.ts';
import { makeRelease } from './harness/release-maker.ts';
import { keepScreenshot } from './harness/screenshots.ts';

const admin = new AdminPanels();
const links: WebSocket[] = [];

beforeEach(async () => {
  await admin.relay.call('PUT', '/api/rooms/verdi', { name: 'Sala Verdi' });
  await admin.relay.call('PUT', '/api/rooms/rossini', { name: 'Sala <b>Rossini</b>' });
});
afterEach(async () => {
  for (const link of links.splice(0)) link.terminate();
  for (const { name } of await kits()) await admin.relay.call('DELETE', `/api/kits/${name}`);
});

interface Kit {
  readonly name: string;
  readonly room: string;
  readonly state: string;
}
const kits = async () => (await admin.relay.call<{ kits: Kit[] }>('GET', '/api/kits')).kits;

async function enrol(token: string, key = remember(newKey())): Promise<string> {
  await fetch(`${admin.relay.url}/api/enrolment`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ key, version: '1.0.0' }),
  });
  return key;
}

/** A kit that is enrolled, and connected with this health; all that it is told. */
async function connected(name: string, kind: string, room: string, health: object = healthy) {
  const { token } = await admin.relay.call<{ token: string }>('POST', '/api/kits', { name, kind, room });
  const link = new WebSocket(`${admin.relay.url}/api/kit`, [kitProtocol], bearer(await enrol(token)));
  links.push(link);
  const told: string[] = [];
  link.on('message', (data) => told.push(JSON.parse(String(data)).type));
  await once(link, 'open');
  link.send(JSON.stringify({ ...kitHello, health }));
  await expect.poll(() => told, { timeout: 10_000 }).toContain('welcome');
  return { link, told };
}

const open = async (viewport = phone) => {
  const opened = await admin.event({ viewport });
  return { ...opened, panel: await opened.tab('Kits') };
};

test('a kit is made and its token shown this once; the card that has it is enrolled', async () => {
  const { panel, page } = await open();
  await panel.getByText('There are none yet.').waitFor();
  await panel.getByLabel('Name').fill('verdi-screen');
  await panel.getByLabel('It is for').selectOption({ label: 'The room’s screen' });
  await panel.getByLabel('Room', { exact: true }).selectOption({ label: 'Sala Verdi' });
  await panel.getByRole('button', { name: 'Make the kit' }).click();
  const token = remember(await panel.getByLabel('Token', { exact: true }).inputValue());
  expect(token).toMatch(/^enr_/);
  await panel.getByRole('img', { name: /QR code/ }).waitFor();
  const item = panel.locator('[data-kit="verdi-screen"]');
  await item.getByText('Not enrolled yet').waitFor();
  await panel.getByRole('button', { name: 'I have it' }).click();
  expect(await page.content()).not.toContain(token);
  await enrol(token);
  await item.getByText('Not connected').waitFor();
  await panel.getByLabel('Name').fill('verdi-screen');
  await panel.getByRole('button', { name: 'Make the kit' }).click();
  await panel.getByText('There is a kit "verdi-screen" already').waitFor();
});

test('kits are moved, found and revoked by a press, and whoever looks reads how they are', async () => {
  const screen = await connected('verdi-screen', 'display', 'verdi', {
    ...{ state: 'ok', message: 'All is well', page: { beatAgeMs: 400, shows: 'captions' } },
  });
  await connected('verdi-sound', 'device', 'verdi', {
    state: 'mixer',
    message: 'The mixer is gone',
    hint: 'Plug it in.',
  });
  await connected('rossini-screen', 'display', 'rossini', {
    ...healthy,
    page: { beatAgeMs: null, shows: '<b>no</b>' },
  });
  await admin.relay.call('POST', '/api/kits', { name: 'rossini-sound', kind: 'device', room: 'rossini' });
  const { panel, page, ...opened } = await open();
  const item = (name: string) => panel.locator(`[data-kit="${name}"]`);
  await item('verdi-sound').getByText('The mixer is gone. Plug it in.').waitFor();
  await item('rossini-screen').getByText('Its screen stands still.').waitFor();
  await item('verdi-screen').getByText('page painted 1 s ago: captions').waitFor();
  expect(await page.locator('.panels b').count()).toBe(0);
  expect(await obstacles({ page, ...opened })).toEqual([]);
  await keepScreenshot(page, 'admin-kits-phone');

  const assign = item('verdi-screen').getByRole('button', { name: 'Assign verdi-screen' });
  expect(await assign.isVisible()).toBe(false);
  await item('verdi-screen').getByLabel('Room of verdi-screen').selectOption('rossini');
  expect((await kits()).find(({ name }) => name === 'verdi-screen')).toMatchObject({ room: 'verdi' });
  await assign.click();
  await panel.getByText('verdi-screen serves Sala <b>Rossini</b> now.').waitFor();
  await expect.poll(() => screen.told, { timeout: 10_000 }).toContain('assignment');
  expect((await kits()).find(({ name }) => name === 'verdi-screen')).toMatchObject({ room: 'rossini' });
  expect(await assign.isVisible()).toBe(false);

  await item('verdi-screen').getByRole('button', { name: 'Identify verdi-screen' }).click();
  await expect.poll(() => screen.told, { timeout: 10_000 }).toContain('identify');
  expect(
    await item('rossini-sound')
      .getByRole('button', { name: /Identify/ })
      .isVisible(),
  ).toBe(false);

  await item('verdi-screen').getByRole('button', { name: 'New card for verdi-screen' }).click();
  remember(await panel.getByLabel('Token', { exact: true }).inputValue());
  await panel.getByRole('button', { name: 'I have it' }).click();
  expect((await kits()).find(({ name }) => name === 'verdi-screen')).toMatchObject({ state: 'online' });

  const gone = once(screen.link, 'close');
  const revoke = item('verdi-screen').getByRole('button', { name: 'Revoke verdi-screen' });
  await revoke.click();
  expect(await kits()).toHaveLength(4);
  await revoke.click();
  await panel.getByText('verdi-screen is revoked').waitFor();
  expect((await gone)[0]).toBe(4401);
  await eventually(() => item('verdi-screen').count(), 0);
});

test('the list follows the kits by itself, and leaves alone what somebody is about to choose', async () => {
  const { link } = await connected('verdi-screen', 'display', 'verdi');
  await connected('verdi-sound', 'device', 'verdi');
  const { panel, page, ...opened } = await open(desktop);
  const item = panel.locator('[data-kit="verdi-screen"]');
  await item.getByText('Connected', { exact: true }).waitFor();
  await keepScreenshot(page, 'admin-kits-desktop');
  const choice = item.getByLabel('Room of verdi-screen');
  await choice.selectOption('rossini');
  await choice.focus();
  link.close();
  await item.getByText('Not connected').waitFor();
  await item.getByText(/last seen \d+ s ago/).waitFor();
  expect(await choice.inputValue()).toBe('rossini');
  expect(await choice.evaluate((each) => each === document.activeElement)).toBe(true);
  expect(await obstacles({ page, ...opened })).toEqual([]);
  await admin.relay.call('DELETE', '/api/kits/verdi-screen');
  await eventually(() => item.count(), 0);
  expect(await panel.locator('[data-kit]').count()).toBe(1);
});

test('a kit whose room was deleted says so, and gets another', async () => {
  await admin.relay.call('PUT', '/api/rooms/doomed', { name: 'Doomed' });
  await connected('doomed-screen', 'display', 'doomed');
  await admin.relay.call('DELETE', '/api/rooms/doomed');
  const { panel } = await open();
  const item = panel.locator('[data-kit="doomed-screen"]');
  const choice = item.getByLabel('Room of doomed-screen');
  await item.getByText('No room: choose one').waitFor({ state: 'attached' });
  await choice.selectOption('verdi');
  await item.getByRole('button', { name: 'Assign' }).click();
  await panel.getByText('doomed-screen serves Sala Verdi now.').waitFor();
});

test('a release that was uploaded is offered to all kits by a second press, and taken back', async () => {
  const { release, manifest, archive } = makeRelease('1.1.0', 3);
  await admin.relay.call('PUT', '/api/releases/1.1.0', { manifest });
  const { panel } = await open();
  await panel.getByRole('heading', { name: 'A new one' }).waitFor();
  const choice = panel.getByLabel('Release for all kits');
  expect(await choice.isVisible()).toBe(false); // its archive is not here yet
  await fetch(`${admin.relay.url}/api/releases/1.1.0/archive`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${admin.relay.adminToken}`, 'content-type': 'application/octet-stream' },
    body: new Uint8Array(archive),
  });
  const kit = await connected('verdi-sound', 'device', 'verdi');
  await panel.page().getByRole('tab', { name: 'Kits', exact: true }).click();
  await choice.selectOption(release.version);
  const offer = panel.getByRole('button', { name: 'Offer to all kits' });
  await offer.click();
  expect(kit.told).not.toContain('release');
  await offer.click();
  await panel.getByText('All kits are offered 1.1.0.').waitFor();
  await expect.poll(() => kit.told, { timeout: 10_000 }).toContain('release');
  expect(await offer.isVisible()).toBe(false);
  await choice.selectOption('');
  await offer.click();
  await offer.click();
  await panel.getByText('No release is offered any more.').waitFor();
  await expect.poll(() => kit.told, { timeout: 10_000 }).toContain('withdrawn');
});
