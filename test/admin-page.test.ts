import { fileURLToPath } from 'node:url';
import { serve } from '@hono/node-server';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { AdminToken } from '../relay/admin-token.ts';
import { createApi } from '../relay/api.ts';
import { RelayHealth } from '../relay/health.ts';
import { Talks } from '../relay/talks.ts';
import { TextRuleBook } from '../relay/text-rule-book.ts';
import { Tokens } from '../relay/tokens.ts';
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
  const api = createApi({
    rooms,
    tokens: new Tokens(rooms.db),
    textRules: new TextRuleBook(rooms.db, captureLog().log),
    talks: new Talks(rooms.db),
    vocabularies: idleVocabularies(rooms.db),
    costs: freeOfCharge(rooms.db),
    adminToken: new AdminToken(adminSecret),
    health: new RelayHealth(rooms.db),
    metrics: { contentType: 'text/plain', text: async () => '' },
    log: captureLog().log,
    pagesDir: fileURLToPath(new URL('../display', import.meta.url)),
    protocolFile: fileURLToPath(new URL('../relay/protocol.js', import.meta.url)),
    version: '0.0.0',
  });
  server = serve({ fetch: api.fetch, port: 0, hostname: '127.0.0.1' });
  await new Promise<void>((done) => server.once('listening', () => done()));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/admin`;
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
  await verdi.locator('button').click();
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
  await row.locator('button').click();
  await page.locator('#notice').getByText('BCP 47').waitFor();
  expect(rooms.get('verdi')?.record.settings.language).toBe('en-US');
  await close();
});
