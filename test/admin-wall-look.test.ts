import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Alarm, Health } from '../relay/protocol.js';
import type { KeptTalk } from '../relay/talks.ts';
import { AdminHouse } from './harness/admin-house.ts';
import { accessibilityFaults, contrasts } from './harness/axe.ts';
import { type OpenPageOptions, TestBrowser } from './harness/browser.ts';
import { eventually } from './harness/eventually.ts';
import type { FakeRoom } from './harness/fake-rooms.ts';
import { keepScreenshot } from './harness/screenshots.ts';

let browser: TestBrowser;
let house: AdminHouse;

beforeAll(async () => {
  browser = await TestBrowser.launch();
});
afterAll(() => browser.close());
beforeEach(async () => {
  house = await new AdminHouse().start();
});
afterEach(() => house.stop());

const alarm = (code: string, severity: Alarm['severity'], message: string, hint: string, agoMs = 70_000): Alarm => ({
  ...{ code, severity, message, hint, since: Date.now() - agoMs },
});
const offline = () =>
  alarm(
    'kit-offline',
    'fault',
    'The kit is not connected.',
    'Check its power and its network cable; it keeps what it hears. Or open the stand-in microphone in the room.',
  );
const clipping = () =>
  alarm(
    'clipping',
    'warning',
    'The sound is too loud for the kit and distorts.',
    'Turn down the mixer’s output to the kit until the meter stays clear of its right end.',
  );
const health: Health = {
  state: 'ok',
  message: 'All is well',
  uplink: { state: 'connected', rttMs: 24, reconnects: 0 },
};

/** A room at work. */
function atWork(name: string, title: string, n: number): FakeRoom {
  const room = house.rooms.put(name, { title, language: n % 3 === 0 ? 'it-IT' : 'en-US' });
  room.facts = {
    source: { device: `kit-${n}`, connectedMs: 3_600_000, health },
    engine: { ...room.live().engine, name: 'transcribe', state: 'ready' },
    lagMs: 120 + n * 13,
    spent: { sessions: 2, seconds: 5400 + n, money: 2.16 + n / 100 },
  };
  room.say('so that whoever sits in the last row can read along, and whoever was late finds the beginning', {
    start: Date.now() - 4000,
  });
  return room;
}

const titles =
  'Sala Verdi,Sala Rossini,Aula Magna,Teatro,K.1.105 (La Fontaine),Janson,H.1301 (Cornil),UA2.118,Workshop 1';
/** Twenty rooms on a common morning. */
function venue() {
  const names = [...titles.split(','), ...Array.from({ length: 11 }, (_, i) => `Room ${i + 10}`)];
  for (const [i, title] of names.entries()) atWork(`room-${i}`, title, i);
  const { rooms, alarms } = house;
  const at = (n: number) => {
    const room = rooms.get(`room-${n}`);
    if (!room) throw new Error(`There is no room ${n}`);
    return room;
  };
  at(0).give({
    ...{ id: 't', title: 'Live captions for every room', speakers: ['Ada Lovelace', 'Alan Turing'] },
    ...{ start: Date.now() - 600_000, end: Date.now() + 600_000 },
  });
  at(3).become('offline', 'The room is not connected at the moment.');
  at(3).facts = { ...at(3).facts, source: null };
  alarms.set('room-3', [offline()]);
  at(7).become('capacity', 'Waiting for capacity of the captioning service.');
  at(7).facts = { ...at(7).facts, lagMs: 9000 };
  alarms.set('room-7', [
    alarm(
      'engine-waiting',
      'fault',
      'The captioning service takes no more sessions.',
      'It goes on by itself when a place is free.',
    ),
  ]);
  alarms.set('room-5', [clipping()]);
  for (const n of [18, 19]) {
    at(n).become('waiting', 'Waiting for the talk.');
    at(n).facts = { ...at(n).facts, source: null };
  }
  at(12).become('resting', 'Nobody is speaking; captions go on with the next word.');
  rooms.pause('room-14', true);
  alarms.set('', [
    alarm(
      'relay-disk',
      'warning',
      'The relay’s disk is nearly full: 1.4 GB are free.',
      'Free space on the disk with the data folder.',
    ),
  ]);
  return at;
}

const enter = (options: OpenPageOptions = {}) =>
  house.enter(browser, { viewport: { width: 1280, height: 900 }, ...options });
const order = (page: Page) =>
  page.locator('.card').evaluateAll((cards) => cards.map((card) => card.getAttribute('data-room') ?? ''));
const phone = { width: 390, height: 844 };

test.each([
  ['desktop, light', { viewport: { width: 1440, height: 900 } }],
  ['desktop, dark', { viewport: { width: 1440, height: 900 }, context: { colorScheme: 'dark' } }],
  ['phone, light', { viewport: phone, context: { hasTouch: true, isMobile: true } }],
  ['phone, dark', { viewport: phone, context: { hasTouch: true, isMobile: true, colorScheme: 'dark' } }],
] as const)('twenty rooms are read at a glance: %s', async (name, options) => {
  const at = venue();
  const { page, consoleErrors, close } = await enter(options);
  await eventually(() => at(0).meters.size).toBeGreaterThan(0);
  for (let n = 0; n < 18; n++) at(n).sound(-18 - n * 2.5);
  await page.locator('.card').nth(19).waitFor();
  expect((await order(page)).slice(0, 4)).toEqual(['room-3', 'room-7', 'room-5', 'room-2']);
  await page.getByText('2 rooms need you · 1 room to watch').waitFor();
  expect(await page.title()).toBe('(2) Sala: rooms');
  await eventually(() => page.locator('#room-room-4 .db').textContent()).toBe('-28 dB · speech from -54 dB');
  expect(await accessibilityFaults(page)).toEqual([]);
  expect((await contrasts(page)).filter(({ ratio }) => ratio < 4.5)).toEqual([]);
  const { width } = options.viewport;
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
  const small = await page
    .locator('button:visible, input:visible')
    .evaluateAll((all) =>
      all.filter((each) => each.getBoundingClientRect().height < 43.5).map(({ outerHTML }) => outerHTML),
    );
  expect(small).toEqual([]);
  await keepScreenshot(page, `wall ${name}`);
  await keepScreenshot(page, `wall ${name} whole`, { fullPage: true });
  // Every fault and what to do about it stand on the first screen of a phone, too.
  const box = await page.locator('#summary').boundingBox();
  expect((box?.y ?? 0) + (box?.height ?? Infinity)).toBeLessThan(844);
  expect(consoleErrors).toEqual([]);
  await close();
});

test('a room that gets a fault goes to the top, and back when it is over; the others keep their order', async () => {
  for (const n of [1, 2, 3, 4]) atWork(`room-${n}`, `Room ${n}`, n);
  const { page, close } = await enter();
  expect(await order(page)).toEqual(['room-1', 'room-2', 'room-3', 'room-4']);
  await page.getByText('All is well in 4 rooms').waitFor();
  house.alarms.set('room-3', [offline()]);
  await eventually(() => order(page)).toEqual(['room-3', 'room-1', 'room-2', 'room-4']);
  house.alarms.set('room-2', [clipping()]);
  await eventually(() => order(page)).toEqual(['room-3', 'room-2', 'room-1', 'room-4']);
  // News that change nothing of what a room needs move no card.
  house.rooms.get('room-4')?.say('loudly');
  await page.locator('#room-room-4').getByText('loudly').waitFor();
  expect(await order(page)).toEqual(['room-3', 'room-2', 'room-1', 'room-4']);
  house.alarms.clear();
  await eventually(() => order(page)).toEqual(['room-1', 'room-2', 'room-3', 'room-4']);
  await close();
});

test('no card moves under a finger: not while it presses, nor half a second after', async () => {
  for (const n of [1, 2, 3]) atWork(`room-${n}`, `Room ${n}`, n);
  const { page, close } = await enter();
  const moved = await page.evaluateHandle(() => {
    const times: number[] = [];
    const list = document.querySelector('#rooms');
    if (list) new MutationObserver(() => times.push(performance.now())).observe(list, { childList: true });
    return times;
  });
  await page.locator('#room-room-1 .db').hover();
  await page.mouse.down();
  house.alarms.set('room-3', [offline()]);
  await page.locator('#room-room-3 .alarms').getByText('The kit is not connected.').waitFor();
  // The relay has spoken again since: there was every occasion to move.
  house.rooms.get('room-2')?.say('meanwhile');
  await page.locator('#room-room-2').getByText('meanwhile').waitFor();
  expect(await order(page)).toEqual(['room-1', 'room-2', 'room-3']);
  const releasedMs = await page.evaluate(() => performance.now());
  await page.mouse.up();
  await eventually(() => order(page)).toEqual(['room-3', 'room-1', 'room-2']);
  const [first = 0] = await moved.jsonValue();
  expect(first - releasedMs).toBeGreaterThan(500);
  await close();
});

test('cards that move leave the focus and what is being typed where they are', async () => {
  for (const n of [1, 2, 3]) atWork(`room-${n}`, `Room ${n}`, n);
  const { page, close } = await enter();
  const field = page.getByLabel('Language of Room 2');
  await field.fill('it-');
  const isFocused = () => field.evaluate((each) => each === document.activeElement);
  house.alarms.set('room-3', [offline()]);
  await eventually(() => order(page)).toEqual(['room-3', 'room-1', 'room-2']);
  expect(await isFocused()).toBe(true);
  house.alarms.set('room-2', [offline()]);
  await eventually(() => order(page)).toEqual(['room-2', 'room-3', 'room-1']);
  expect(await isFocused()).toBe(true);
  expect(await field.inputValue()).toBe('it-');
  await page.keyboard.type('IT\n');
  await page.locator('#notice').getByText('Room 2 is captioned in it-IT').waitFor();
  await close();
});

test('a language that another organizer assigned shows, and what is typed here stays', async () => {
  for (const n of [1, 2]) atWork(`room-${n}`, `Room ${n}`, n);
  const { page, close } = await enter();
  await page.getByLabel('Language of Room 1').fill('de');
  for (const n of [1, 2]) house.rooms.put(`room-${n}`, { language: 'fr-FR' });
  await eventually(() => page.getByLabel('Language of Room 2').inputValue()).toBe('fr-FR');
  expect(await page.getByLabel('Language of Room 1').inputValue()).toBe('de');
  await close();
});

test('rooms that are made and deleted come and go, and the panels of one that goes close', async () => {
  atWork('room-1', 'Room 1', 1);
  const { page, close } = await enter();
  atWork('room-2', 'Room 2', 2);
  await eventually(() => order(page)).toEqual(['room-1', 'room-2']);
  await page.getByRole('button', { name: 'Room 2', exact: true }).click();
  await page.getByRole('tab', { name: 'Captions' }).waitFor();
  await house.rooms.delete('room-2');
  await eventually(() => order(page)).toEqual(['room-1']);
  await eventually(() => page.locator('#room').isVisible()).toBe(false);
  await close();
});

test('facts are parted by dots, and none stands behind the last that says something', async () => {
  const room = atWork('verdi', 'Sala Verdi', 1);
  const { page, close } = await enter();
  const dots = () =>
    page
      .locator('.card .facts li:visible')
      .evaluateAll((facts) => facts.map((fact) => getComputedStyle(fact, '::after').content));
  const dotted = async () => (await dots()).map((content) => content !== 'none');
  await eventually(dotted).toEqual([true, true, true, true, false]);
  room.facts = { ...room.facts, spent: { sessions: 0, seconds: 0, money: 0 } };
  room.mumble('so');
  await eventually(dotted).toEqual([true, true, true, false]);
  await close();
});

test('a card tells the talk that is on and until when, that it is held, or which one is next', async () => {
  const room = atWork('room-1', 'Room 1', 1);
  const at = (hour: number, minute: number) => new Date(2026, 11, 1, hour, minute).getTime();
  const talk: KeptTalk = {
    ...{ id: 'a', title: 'On <b>captions</b>', speakers: ['Ada Lovelace'], language: null, names: [] },
    ...{ start: at(10, 0), end: at(10, 45) },
    source: 'hand',
  };
  const next = { ...talk, id: 'b', title: 'On mixers', start: at(11, 0), end: at(11, 45) };
  const { page, close } = await enter();
  const shown = () => page.locator('#room-room-1 .talk').textContent();
  house.conducted.set('room-1', { talk: null, held: false, until: null, next, message: '' });
  await eventually(shown).toBe('Next, 11:00: On mixers');
  room.give({ ...talk, speakers: ['Ada Lovelace'] });
  house.conducted.set('room-1', { talk, held: false, until: at(10, 55), next, message: '' });
  await eventually(shown).toBe('On <b>captions</b> · Ada Lovelace · until 10:55');
  house.conducted.set('room-1', { talk, held: true, until: at(14, 0), next, message: '' });
  await eventually(shown).toBe('On <b>captions</b> · Ada Lovelace · held until you go on');
  await close();
});

test('the same fault of many rooms is one line above them, with what to do', async () => {
  for (let n = 1; n <= 9; n++) {
    atWork(`room-${n}`, `Room ${n}`, n);
    house.alarms.set(`room-${n}`, [offline()]);
  }
  const { page, close } = await enter();
  const lines = page.locator('#summary li');
  await eventually(() => lines.count()).toBe(1);
  expect(await lines.textContent()).toMatch(
    /^Room 1, Room 2, Room 3, Room 4 and 5 more: The kit is not connected\. Check its power/,
  );
  await page.getByText('9 rooms need you').waitFor();
  await page.getByRole('link', { name: 'Room 4' }).click();
  await eventually(() => page.evaluate(() => location.hash)).toBe('#room-room-4');
  await close();
});

test('a logout ends what is shown, and a session that ended elsewhere asks for a login', async () => {
  atWork('room-1', 'Room 1', 1);
  const { page, close } = await enter();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.locator('#token').waitFor();
  expect(await page.locator('#inside').isVisible()).toBe(false);
  await page.reload();
  await page.locator('#token').waitFor();
  await close();
  const second = await enter();
  await second.page.reload(); // the cookie alone lets it in again
  await second.page.locator('#line[data-link="open"]').waitFor();
  await second.page.context().clearCookies();
  await house.house.doors.closeAll();
  await second.page.locator('#token').waitFor();
  await second.close();
});

/** Counts what is sounded and notified, in place of a loudspeaker and a desktop. */
const pretend = async (page: Page) => {
  await page.addInitScript(() => {
    const heard = { tones: 0, notes: [] as string[], asked: 0 };
    Object.assign(window, { heard });
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (when) {
      heard.tones++;
      start.call(this, when);
    };
    class FakeNotification extends EventTarget {
      static permission = 'default';
      static requestPermission = async () => {
        heard.asked++;
        FakeNotification.permission = 'granted';
        return 'granted';
      };
      constructor(title: string) {
        super();
        heard.notes.push(title);
      }
      close() {}
    }
    Object.assign(window, { Notification: FakeNotification });
  });
};
interface Heard {
  readonly tones: number;
  readonly notes: readonly string[];
  readonly asked: number;
}
const heard = (page: Page) => page.evaluate<Heard>('window.heard');

test('sound and notifications are a choice: off at first, tried when chosen, remembered, for new faults alone', async () => {
  for (const n of [1, 2, 3]) atWork(`room-${n}`, `Room ${n}`, n);
  house.alarms.set('room-1', [offline()]);
  const { page, consoleErrors, close } = await enter({ prepare: pretend });
  house.alarms.set('room-2', [offline()]);
  await page.getByText('2 rooms need you').waitFor();
  expect(await heard(page)).toEqual({ tones: 0, notes: [], asked: 0 });
  const button = page.locator('#alerts');
  expect(await button.getAttribute('aria-pressed')).toBe('false');
  await button.click();
  await page.getByText('That was the sound of a new fault. Notifications are shown, too.').waitFor();
  expect(await heard(page)).toEqual({ tones: 3, notes: [], asked: 1 });
  expect(await button.getAttribute('aria-pressed')).toBe('true');
  // A warning is none, nor is a fault that was there before.
  house.alarms.set('room-3', [clipping()]);
  await page.locator('#room-room-3[data-severity="warning"]').waitFor();
  expect((await heard(page)).notes).toEqual([]);
  house.alarms.set('room-3', [offline()]);
  await eventually(async () => (await heard(page)).notes).toEqual(['Room 3: The kit is not connected.']);
  await page.reload();
  await page.locator('#line[data-link="open"]').waitFor();
  expect(await button.getAttribute('aria-pressed')).toBe('true');
  await page.locator('h1').click(); // without a touch no browser lets a page sound
  await page.evaluate(() => Notification.requestPermission());
  house.alarms.delete('room-3');
  await page.getByText('2 rooms need you').waitFor();
  house.alarms.set('room-3', [offline()]);
  await eventually(async () => (await heard(page)).tones).toBe(3);
  await button.click();
  expect(await button.textContent()).toBe('Alert me');
  house.alarms.delete('room-3');
  await page.getByText('2 rooms need you').waitFor();
  house.alarms.set('room-3', [offline()]);
  await page.getByText('3 rooms need you').waitFor();
  expect((await heard(page)).notes).toHaveLength(1);
  expect(consoleErrors).toEqual([]);
  await close();
});

test.each([
  ['desk', { width: 1440, height: 900 }, true],
  ['phone', phone, false],
] as const)(
  'the panels of a room stand beside the wall on a desk, in its place on a phone: %s',
  async (name, viewport, isBeside) => {
    venue();
    const { page, close } = await enter({ viewport });
    const card = page.locator('#room-room-7');
    await card.getByRole('button', { name: 'UA2.118', exact: true }).click();
    await page.getByRole('tab', { name: 'Captions' }).waitFor();
    await page.locator('#room .captions textarea').first().waitFor();
    expect(await card.isVisible()).toBe(isBeside);
    expect(await page.getByText('2 rooms need you').isVisible()).toBe(true);
    expect(await page.locator('#room-title').evaluate((each) => each === document.activeElement)).toBe(true);
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(viewport.width);
    await keepScreenshot(page, `wall panels ${name}`);
    await page.keyboard.press('Escape');
    expect(await page.locator('#room').isVisible()).toBe(false);
    const opener = card.getByRole('button', { name: 'UA2.118', exact: true });
    expect(await opener.evaluate((each) => each === document.activeElement)).toBe(true);
    await page.getByRole('button', { name: 'Event' }).click();
    await page.locator('#event [role="tabpanel"]').first().waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await keepScreenshot(page, `wall event ${name}`);
    await page.locator('#event .close').click();
    await page.locator('#room-room-3').waitFor();
    await close();
  },
);
