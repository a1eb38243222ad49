import decodeQR from 'qr/decode.js';
import { expect, test } from 'vitest';
import { AdminPanels, eventually, type Panels, phone } from './harness/admin-panels.ts';
import { keepScreenshot } from './harness/screenshots.ts';

const admin = new AdminPanels();

interface TokenView {
  readonly id: string;
  readonly right: string;
  readonly label: string;
  readonly expiresMs: number | null;
}
const tokensOf = async (room: string) =>
  (await admin.relay.call<{ tokens: TokenView[] }>('GET', `/api/rooms/${room}/tokens`)).tokens;

async function open(room: string, options = {}) {
  await admin.relay.call('PUT', `/api/rooms/${room}`, { name: 'Sala Verdi' });
  const opened = await admin.room(room, { viewport: phone, ...options });
  const panel = await opened.tab('Tokens');
  return { ...opened, panel };
}

/** What a phone's camera finds in the picture of the page. */
async function scan({ page }: Pick<Panels, 'page'>, name: string): Promise<string> {
  const code = page.locator('.code svg').first();
  await code.scrollIntoViewIfNeeded();
  const { width, height, data } = await admin.browser.lightness(await keepScreenshot(page, name));
  return decodeQR({ width, height, data }, { format: 'I420', timeLimit: 10_000 });
}

/** Whether a token opens the transcript of a room. */
const opens = async (room: string, token: string) =>
  (
    await fetch(`${admin.relay.url}/api/rooms/${room}/transcript.json`, {
      headers: { authorization: `Bearer ${token}` },
    })
  ).status;

test.each(['light', 'dark'] as const)(
  'a token is shown once, to be copied and scanned, on a %s page',
  async (colorScheme) => {
    const room = `made-${colorScheme}`;
    const opened = await open(room, { context: { colorScheme, permissions: ['clipboard-read', 'clipboard-write'] } });
    const { panel, page } = opened;
    const label = '<b>Screen</b> of & for "all"';
    await panel.getByLabel('Label').fill(label);
    await panel.getByRole('button', { name: 'Make a token' }).click();
    await panel.getByRole('heading', { name: `New token: ${label}` }).waitFor();
    const token = await panel.getByLabel('Token', { exact: true }).inputValue();
    expect(await opens(room, token)).toBe(200);
    const address = `${admin.relay.url}/rooms/${room}#token=${token}`;
    expect(await scan(opened, `admin token ${colorScheme}`)).toBe(address);
    await panel.getByRole('button', { name: 'Copy the address' }).click();
    await panel.getByText('Copied.').waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(address);
    expect(await panel.getByLabel('Label').inputValue()).toBe('');
    await panel.getByRole('button', { name: 'I have it' }).click();
    expect(await page.content()).not.toContain(token);
    const item = panel.locator('[data-token]').filter({ hasText: label });
    await item.getByText('Read captions').waitFor();
    expect(await page.locator('.panels b').count()).toBe(0);
    expect(opened.consoleErrors).toEqual([]);
  },
);

test('where the browser lets no page copy, the token is selected to be copied by hand', async () => {
  const { panel, page } = await open('by-hand', {
    prepare: (page: Panels['page']) =>
      page.addInitScript(() => Object.defineProperty(navigator, 'clipboard', { value: undefined })),
  });
  await panel.getByRole('button', { name: 'Make a token' }).click();
  await panel.getByRole('button', { name: 'Copy the token' }).click();
  await panel.getByText('It is selected: copy it by hand.').waitFor();
  expect(await page.evaluate(() => String(getSelection()))).toBe(
    await panel.getByLabel('Token', { exact: true }).inputValue(),
  );
});

test('a publish token opens the stand-in microphone, until the time that was set', async () => {
  const opened = await open('expires');
  const { panel } = opened;
  await panel.getByLabel('It may').selectOption({ label: 'Send audio' });
  await panel.getByLabel('Valid until').fill('2020-01-01T12:00');
  await panel.getByRole('button', { name: 'Make a token' }).click();
  const field = panel.locator('.field', { has: panel.page().getByLabel('Valid until') });
  await eventually(() => field.locator('.error').isVisible(), true);
  expect(await tokensOf('expires')).toEqual([]);
  const until = new Date(Date.now() + 7_200_000);
  until.setSeconds(0, 0);
  await panel.getByLabel('Valid until').fill(local(until));
  await panel.getByRole('button', { name: 'Make a token' }).click();
  const code = await scan(opened, 'admin token publish');
  expect(code).toMatch(/\/rooms\/expires\/microphone#token=pub_/);
  expect(code.startsWith(admin.relay.url)).toBe(true);
  await panel.locator('[data-token]').getByText('valid until').waitFor();
  expect(await tokensOf('expires')).toMatchObject([{ right: 'publish', expiresMs: until.getTime() }]);
});

test('a token is revoked by a second press, not by one', async () => {
  const { panel, page } = await open('revoked');
  const token = await admin.relay.token('revoked', 'read');
  await (await choose(page)).click();
  const revoke = panel.locator('[data-token] .danger');
  await revoke.click();
  await page.keyboard.press('Tab'); // goes elsewhere: it was not meant
  await revoke.click();
  await revoke.getByText('Revoke now?').waitFor();
  expect(await opens('revoked', token)).toBe(200);
  await revoke.click();
  await panel.getByText(/is revoked\./).waitFor();
  expect(await opens('revoked', token)).toBe(401);
  await eventually(() => panel.locator('[data-token]').count(), 0);
});

test('a token is exchanged: both are good for a while, and the new one is shown once', async () => {
  const { panel, page } = await open('exchanged');
  const token = await admin.relay.token('exchanged', 'read');
  await (await choose(page)).click();
  await panel.getByRole('button', { name: /^Exchange/ }).click();
  await panel.getByText('valid for another 24 hours').waitFor();
  const next = await panel.getByLabel('Token', { exact: true }).inputValue();
  expect([await opens('exchanged', token), await opens('exchanged', next)]).toEqual([200, 200]);
  await panel.getByText(/replaced by \w+/).waitFor();
  expect(next).not.toBe(token);
});

test('what somebody else revoked meanwhile is told in words', async () => {
  const { panel, page } = await open('both');
  await admin.relay.token('both', 'read');
  await (await choose(page)).click();
  const exchange = panel.getByRole('button', { name: /^Exchange/ });
  await exchange.waitFor();
  const [known] = await tokensOf('both');
  await admin.relay.call('DELETE', `/api/rooms/both/tokens/${known?.id}`);
  await exchange.click();
  await panel.getByText('no such token').waitFor();
  await panel.locator('[data-token] .danger').click();
  await panel.locator('[data-token] .danger').click();
  await panel.getByText('no such token').waitFor();
});

test('a token is not made while the relay cannot be reached, and the label stays', async () => {
  const { panel, page } = await open('away');
  await panel.getByLabel('Label').fill('Screen 2');
  await page.route('**/tokens', (route) => route.abort());
  await panel.getByRole('button', { name: 'Make a token' }).click();
  await panel.getByText('Nothing was changed, what you typed still stands here').waitFor();
  expect(await panel.getByLabel('Label').inputValue()).toBe('Screen 2');
});

test('tokens of a room that was deleted meanwhile say so', async () => {
  await admin.relay.call('PUT', '/api/rooms/gone', {});
  const { panel } = await admin.mount('gone', 'Tokens');
  await admin.relay.call('DELETE', '/api/rooms/gone');
  await panel.getByLabel('Label').fill('Kit');
  await panel.getByRole('button', { name: 'Make a token' }).click();
  await panel.getByText('There is no room "gone"').waitFor();
});

/** The list is read anew when its tab is chosen. */
const choose = async (page: Panels['page']) => page.getByRole('tab', { name: 'Tokens' });
const local = (date: Date) => {
  const two = (value: number) => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`;
};
