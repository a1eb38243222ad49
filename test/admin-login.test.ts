import { expect, test } from 'vitest';
import { AdminPanels, desktop, phone } from './harness/admin-panels.ts';
import { accessibilityFaults } from './harness/axe.ts';
import { keepScreenshot } from './harness/screenshots.ts';

const admin = new AdminPanels();

test('an organizer logs in and out; the page keeps neither the token nor can it read the cookie', async () => {
  await admin.relay.room('verdi', { name: 'Sala Verdi' });
  const { page, consoleErrors } = await admin.logIn({ viewport: phone });
  await page.locator('[data-room="verdi"]').waitFor();
  expect(await page.inputValue('#token')).toBe('');
  const seen = await page.evaluate(() =>
    JSON.stringify([
      document.cookie,
      { ...localStorage },
      { ...sessionStorage },
      location.href,
      document.body.innerHTML,
    ]),
  );
  expect(seen).not.toContain(admin.relay.adminToken);
  const cookies = await page.context().cookies();
  expect(cookies).toMatchObject([{ httpOnly: true, sameSite: 'Strict' }]);
  for (const { name, value } of cookies) expect(seen).not.toContain(value || name);
  await page.reload();
  await page.locator('[data-room="verdi"]').waitFor();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByLabel('Admin token').waitFor();
  expect(await page.locator('[data-room="verdi"]').isVisible()).toBe(false);
  expect(await page.context().cookies()).toEqual([]);
  await page.reload();
  await page.getByLabel('Admin token').waitFor();
  // What the browser itself logs of calls that were refused; nothing else may be there.
  expect(consoleErrors.filter((line) => !line.includes('401'))).toEqual([]);
});

test('a wrong token is told below the field, in words, and lets nobody in', async () => {
  const { page } = await admin.page({ viewport: phone });
  const field = page.getByLabel('Admin token');
  await field.fill('not-the-token-at-all');
  await page.keyboard.press('Enter');
  await page.getByText('This relay does not know this admin token.').waitFor();
  expect(await field.getAttribute('aria-invalid')).toBe('true');
  expect(await field.evaluate((each) => each === document.activeElement)).toBe(true);
  expect(await page.locator('#show-event').isVisible()).toBe(false);
  expect(await accessibilityFaults(page)).toEqual([]);
  await keepScreenshot(page, 'admin login wrong token');
  const { read } = await admin.relay.room('verdi');
  await field.fill(read);
  await page.keyboard.press('Enter');
  await page.getByText('an admin token is needed').waitFor();
});

test('without the relay the token stays in its field, to be tried again', async () => {
  const { page } = await admin.page({ viewport: desktop });
  await page.route('**/api/session', (route) => route.abort());
  const field = page.getByLabel('Admin token');
  await field.fill(admin.relay.adminToken);
  await page.keyboard.press('Enter');
  await page.getByText('The relay cannot be reached').first().waitFor();
  expect(await field.inputValue()).toBe(admin.relay.adminToken);
  await page.unroute('**/api/session');
  await page.getByRole('button', { name: 'Show the rooms' }).click();
  await page.locator('#show-event').waitFor();
});

test('a session that was ended elsewhere asks for a login again; what was typed is there then, after a log-out it is not', async () => {
  await admin.relay.room('verdi', { name: 'Sala Verdi' });
  const { page, tab } = await admin.room('verdi');
  const panel = await tab('Settings');
  const logIn = async () => {
    await page.getByLabel('Admin token').fill(admin.relay.adminToken);
    await page.keyboard.press('Enter');
    await page.locator('.card[data-room="verdi"]').waitFor();
  };
  await page.context().clearCookies();
  await panel.getByLabel('Name', { exact: true }).fill('Sala Rossa');
  await panel.getByRole('button', { name: 'Save' }).click();
  await page.getByLabel('Admin token').waitFor();
  expect(await panel.isVisible()).toBe(false);
  expect(await admin.relay.call('GET', '/api/rooms/verdi')).toMatchObject({ name: 'Sala Verdi' });
  await logIn();
  await panel.getByText('Nobody is logged in here any more.').waitFor();
  expect(await panel.getByLabel('Name', { exact: true }).inputValue()).toBe('Sala Rossa');
  await panel.getByRole('button', { name: 'Save' }).click();
  await panel.getByText('Saved.').waitFor();
  expect(await admin.relay.call('GET', '/api/rooms/verdi')).toMatchObject({ name: 'Sala Rossa' });
  await page.getByRole('button', { name: 'Log out' }).click();
  await logIn();
  expect(await page.getByRole('tab').count()).toBe(0);
});
