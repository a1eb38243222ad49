import { beforeEach, describe, expect, test } from 'vitest';
import { languages, stringsFor } from '../display/strings.js';
import type { RoomState } from '../relay/protocol.js';
import type { OpenPage } from './harness/browser.ts';
import { captionPages, complaints, eventually, rows, shown } from './harness/caption-page.ts';
import type { FakeCaptions } from './harness/fake-captions.ts';

const pages = captionPages();
let server: FakeCaptions;

beforeEach(() => {
  server = pages.server;
});

const english = stringsFor(['en']);
const italian = stringsFor(['it']);
const roomStates = [
  'waiting',
  'listening',
  'resting',
  'no-audio',
  'offline',
  'delayed',
  'catching-up',
  'capacity',
  'paused',
  'fault',
] as const satisfies readonly RoomState[];
/** Where these have words for staff, they need a person or say that they need none. */
const unexplained: readonly string[] = ['listening', 'resting'];

/** Every word of a table by its path, e.g. `states.lost`; words made by a function are left to whoever calls it. */
function wordsOf(table: object, path = ''): [string, string][] {
  return Object.entries(table).flatMap(([key, value]): [string, string][] => {
    if (typeof value === 'string') return [[path + key, value]];
    return typeof value === 'object' && value !== null
      ? wordsOf(value, `${path}${key}.`)
      : [[path + key, 'a function']];
  });
}

describe('the table of words', () => {
  const tables = languages.map((each) => new Map(wordsOf(each)));
  /** The same word in both languages, by their own dictionaries. */
  const sameInBoth: readonly string[] = ['chain.kit'];

  test('is whole in every language, and nothing in it is empty or left untranslated', () => {
    const keys = [...(tables[0]?.keys() ?? [])].sort();
    expect(keys.length).toBeGreaterThan(40);
    for (const table of tables) {
      expect([...table.keys()].sort()).toEqual(keys);
      expect([...table].filter(([, words]) => words.trim() === '')).toEqual([]);
    }
    const untranslated = keys.filter(
      (key) =>
        new Set(tables.map((each) => each.get(key))).size < tables.length && tables[0]?.get(key) !== 'a function',
    );
    expect(untranslated.filter((key) => !sameInBoth.includes(key))).toEqual([]);
  });

  test('names every state of a relay by words of its own', () => {
    for (const { states } of languages) {
      for (const state of roomStates) expect(states[state]).toMatch(/\S/);
      expect(new Set(Object.values(states)).size).toBe(Object.keys(states).length);
    }
  });

  test('tells staff what to do wherever something can be done', () => {
    for (const { states, hints } of languages)
      expect(Object.keys(hints).sort()).toEqual(
        Object.keys(states)
          .filter((each) => each !== 'connecting' && !unexplained.includes(each))
          .sort(),
      );
  });

  test('is chosen by the reader’s own order, and is English for all others', () => {
    expect(stringsFor(['de-CH', 'it-CH', 'en']).language).toBe('it');
    expect(stringsFor(['en-US', 'it']).language).toBe('en');
    expect(stringsFor(['IT-it']).language).toBe('it');
    expect(stringsFor(['item', 'fr']).language).toBe('en');
    expect(stringsFor([]).language).toBe('en');
  });
});

describe('before the first caption', () => {
  test.for([
    { locale: 'en-GB', strings: english },
    { locale: 'it-IT', strings: italian },
  ])('every state stands large under the room’s title, with what to do, in $strings.language', async (given) => {
    const { locale, strings } = given;
    const page = await pages.open(server.url(), { locale });
    await eventually(() => shown(page, 'title'), ['Aula Magna']);
    for (const state of roomStates) {
      server.status(state, 'The relay’s own words.');
      await eventually(() => shown(page, 'state'), [strings.states[state]]);
      const told = [strings.hints[state], state === 'no-audio' ? 'The relay’s own words.' : ''].filter(Boolean);
      expect(await shown(page, 'detail')).toEqual(told.length > 0 ? [told.join('\n')] : []);
      expect(await shown(page, 'notice')).toEqual([]);
    }
    expect(await page.page.locator('html').getAttribute('lang')).toBe(strings.language);
    expect(page.consoleErrors).toEqual([]);
  });

  test('the address chooses the language over the browser', async () => {
    server.status('fault');
    const page = await pages.open(server.url({ lang: 'it' }));
    await eventually(() => shown(page, 'state'), ['Sottotitoli interrotti']);
  });

  test('a relay that knows no more than the state itself is not repeated in another language', async () => {
    server.status('no-audio', 'No sound comes from the room.');
    const page = await pages.open(server.url({ lang: 'it' }));
    await eventually(() => shown(page, 'detail'), [italian.hints['no-audio']]);
  });

  test('a state that this page does not know is told in the relay’s words, cut where they are long', async () => {
    const page = await pages.open(server.url());
    await server.connected(1);
    for (const state of ['tuning', 'constructor', '__proto__']) {
      server.raw(
        JSON.stringify({ type: 'status', state, message: `${state}: the piano is being tuned. ${'x'.repeat(5000)}` }),
      );
      await eventually(
        async () => (await shown(page, 'state'))[0]?.slice(0, 40),
        `${state}: the piano is being tuned. ${'x'.repeat(99)}`.slice(0, 40),
      );
      expect((await shown(page, 'state'))[0]).toHaveLength(200);
      expect(await shown(page, 'detail')).toEqual([]);
    }
    expect(page.consoleErrors).toEqual([]);
  });

  test('what staff can do is not told to readers, but how to get a link that works is', async () => {
    server.status('no-audio', 'There is no mixer.');
    const page = await pages.open(server.url({ view: 'reader' }));
    await eventually(() => shown(page, 'state'), ['No sound from the mixer']);
    expect(await shown(page, 'detail')).toEqual([]);
    expect(await shown(page, 'chain')).toEqual([]);
    server.close(4401);
    await eventually(() => shown(page, 'detail'), ['Scan the code on the room’s screen again.']);
  });

  test('no network is told apart from a relay that does not answer', async () => {
    const page = await pages.open(server.url(), { virtualTime: true });
    await eventually(() => shown(page, 'state'), [english.states.waiting]);
    await page.page.context().setOffline(true);
    // A line that stands counts for more than what the browser believes.
    expect(await shown(page, 'state')).toEqual([english.states.waiting]);
    server.cut();
    await expect
      .poll(async () => {
        await page.page.clock.runFor(2500);
        return shown(page, 'state');
      })
      .toEqual([english.states['no-network']]);
    expect(await shown(page, 'detail')).toEqual([english.hints['no-network']]);
    await page.page.context().setOffline(false);
    await eventually(() => shown(page, 'state'), [english.states.waiting]);
    expect(complaints(page)).toEqual([]);
  });
});

describe('during a talk', () => {
  test('every state but listening is small at the edge, and the captions stay', async () => {
    server.say('Good evening.');
    server.status('listening');
    const page = await pages.open(server.url());
    await eventually(() => rows(page), ['Good evening.']);
    expect(await shown(page, 'notice')).toEqual([]);
    const before = await boxOf(page, '#rows');
    for (const state of roomStates) {
      server.status(state, 'Told to staff only.');
      await eventually(() => shown(page, 'notice'), state === 'listening' ? [] : [english.states[state]]);
      expect(await boxOf(page, '#rows')).toEqual(before);
      expect(await shown(page, 'detail')).toEqual([]);
    }
  });

  test('a long state is cut to its line, never over the captions', async () => {
    for (let i = 0; i < 12; i++)
      server.say('The question is not whether words arrive, but what happens to those spoken meanwhile.');
    const page = await pages.open(server.url(), { viewport: { width: 1280, height: 720 } });
    await server.connected(1);
    server.raw(JSON.stringify({ type: 'status', state: 'tuning', message: 'The piano is being tuned. '.repeat(50) }));
    await eventually(async () => (await shown(page, 'notice')).length, 1);
    const [notice, captions] = [await boxOf(page, '#notice'), await boxOf(page, '#captions')];
    expect(notice.y + notice.height).toBeLessThanOrEqual(captions.y + 0.5);
    const line = await page.page
      .locator('#notice')
      .evaluate((each) => Number.parseFloat(getComputedStyle(each).lineHeight));
    expect(notice.height).toBeLessThan(1.5 * line);
    expect(notice.x + notice.width).toBeLessThanOrEqual(1280);
    const overflow = await page.page.locator('#notice').evaluate((each) => getComputedStyle(each).textOverflow);
    expect(overflow).toBe('ellipsis');
  });
});

async function boxOf({ page }: OpenPage, selector: string) {
  const box = await page.locator(selector).boundingBox();
  if (!box) throw new Error(`${selector} is not visible`);
  return box;
}
