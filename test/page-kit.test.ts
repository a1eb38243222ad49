import { afterEach, beforeEach, expect, test } from 'vitest';
import type { OpenPage } from './harness/browser.ts';
import { captionPages, complaints, eventually, rows, shown } from './harness/caption-page.ts';
import { FakeCaptions } from './harness/fake-captions.ts';
import { lastingPort } from './harness/ports.ts';

const pages = captionPages();
/** The launcher on a kit's own loopback address. */
let kit: FakeCaptions;
/** Relays of this test, of which none runs yet. */
let relay: FakeCaptions;
let otherRelay: FakeCaptions;

beforeEach(async () => {
  kit = pages.server;
  relay = new FakeCaptions();
  otherRelay = new FakeCaptions({ room: 'sala-verdi', title: 'Sala Verdi' });
});

afterEach(async () => {
  await relay.stop();
  await otherRelay.stop();
});

const configFor = ({ room }: FakeCaptions, port: number, token = 'kit-token') => ({
  relay: `ws://127.0.0.1:${port}`,
  room,
  token,
});

/** Moves the page's clock on until `read` gives `wanted`. */
const inTime = <T>({ page }: OpenPage, read: () => Promise<T>, wanted: T) =>
  expect
    .poll(
      async () => {
        await page.clock.runFor(1000);
        return read();
      },
      { timeout: 20_000 },
    )
    .toEqual(wanted);

test('a kit’s page takes relay, room and token from its launcher, as soon as that has them', async () => {
  await relay.start();
  relay.say('From the relay.');
  const page = await pages.open(`${kit.origin}/`, { virtualTime: true });
  await eventually(() => shown(page, 'state'), ['This screen has no room yet']);
  kit.config = configFor(relay, relay.port);
  await page.page.clock.fastForward(6000);
  await eventually(() => rows(page), ['From the relay.']);
  expect(relay.requests[0]).toMatchObject({ room: relay.room, token: 'kit-token', level: true });
  expect(kit.requests).toEqual([]);
  expect(complaints(page)).toEqual([]);
});

test('a kit’s page opens whole without any network, from its own disk, and says so', async () => {
  kit.config = configFor(relay, await lastingPort());
  const page = await pages.open(`${kit.origin}/`, { virtualTime: true });
  await inTime(page, () => shown(page, 'state'), ['Connection lost. Reconnecting…']);
  expect(await shown(page, 'title')).toEqual([relay.room]);
  await eventually(
    () => page.page.evaluate(() => document.fonts.check('700 20px "Atkinson Hyperlegible Next"', 'Aula')),
    true,
  );
  expect(page.requests.length).toBeGreaterThan(10);
  expect(page.requests.filter((each) => !each.startsWith(kit.origin))).toEqual([]);
  expect(page.failedRequests).toEqual([]);
  expect(complaints(page)).toEqual([]);
});

test('a kit’s page finds its relay when there is one, keeps its words while it is gone, and follows it elsewhere', async () => {
  const port = await lastingPort();
  kit.config = configFor(relay, port);
  const page = await pages.open(`${kit.origin}/`, { virtualTime: true });
  await inTime(page, () => shown(page, 'state'), ['Connection lost. Reconnecting…']);

  await relay.start(port);
  await inTime(page, () => shown(page, 'title'), ['Aula Magna']);
  relay.say('Before.');
  await eventually(() => rows(page), ['Before.']);

  await relay.stop();
  await inTime(page, () => shown(page, 'notice'), ['Connection lost. Reconnecting…']);
  expect(await rows(page)).toEqual(['Before.']);

  await otherRelay.start();
  otherRelay.say('From elsewhere.');
  kit.config = configFor(otherRelay, otherRelay.port, 'other-token');
  await inTime(page, () => rows(page), ['From elsewhere.']);
  expect(otherRelay.requests[0]).toMatchObject({ room: 'sala-verdi', token: 'other-token' });
  expect(complaints(page)).toEqual([]);
});

test('a kit’s page stays where it is while its launcher does not answer, and is not loaded again for nothing', async () => {
  await relay.start();
  kit.config = configFor(relay, relay.port);
  const page = await pages.open(`${kit.origin}/`, { virtualTime: true });
  relay.say('Here.');
  await eventually(() => rows(page), ['Here.']);
  const loaded = () => page.requests.filter((each) => each === `${kit.origin}/`).length;
  const asked = () => page.requests.filter((each) => each.endsWith('/config.json')).length;
  const before = asked();
  kit.config = null;
  await inTime(page, async () => asked() >= before + 2, true);
  // The same place in another order is the same place.
  kit.config = { token: 'kit-token', room: relay.room, relay: relay.origin, comment: 'for people' };
  await inTime(page, async () => asked() >= before + 4, true);
  expect(loaded()).toBe(1);
  expect(await rows(page)).toEqual(['Here.']);
});

test('a kit’s page says in words what it waits for, and why its line does not open, as its launcher finds', async () => {
  kit.config = { relay: 'wss://relay.example', room: null, token: '', waitsFor: 'key' };
  const page = await pages.open(`${kit.origin}/`, { virtualTime: true });
  await eventually(() => shown(page, 'state'), ['This screen is not enrolled yet']);
  kit.config = { ...configFor(relay, await lastingPort()), waitsFor: undefined };
  kit.link = { refusal: null, reason: 'portal' };
  await inTime(page, () => shown(page, 'state'), ['Connection lost. Reconnecting…']);
  expect((await shown(page, 'detail')).join()).toContain('wants a login');
  kit.link = { refusal: 'refused', reason: null };
  await inTime(page, () => shown(page, 'state'), ['The relay does not let this screen in']);
  expect((await shown(page, 'detail')).join()).toContain('Tell the organizers');
  // Taken away from its room, it says so.
  kit.config = { relay: 'wss://relay.example', room: null, token: '', waitsFor: 'room' };
  await inTime(page, () => shown(page, 'state'), ['This screen has no room yet']);
  expect(complaints(page)).toEqual([]);
});
