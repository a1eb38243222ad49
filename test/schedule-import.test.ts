import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FetchError, type Fetched, fetchSchedule, type Validators } from '../relay/schedule/fetch.ts';
import { readSchedule } from '../relay/schedule/formats.ts';
import { plainName } from '../relay/schedule/room-names.ts';
import { Schedule, type ScheduleView } from '../relay/schedule/schedule.ts';
import { maxTalks } from '../relay/talks.ts';
import { TestApi } from './harness/api.ts';
import { captureLog } from './harness/doors.ts';
import { HttpsSite } from './harness/https-site.ts';

const minute = 60_000;
const nine = Date.UTC(2026, 11, 1, 9);
const address = 'https://talks.example.org/schedule.json';
const example = (name: string) => readFileSync(join(import.meta.dirname, 'schedules', name), 'utf8');

interface Entry {
  readonly guid: string;
  readonly title?: string;
  /** Minutes after nine. */
  readonly start: number;
  readonly language?: string;
  readonly duration?: string;
}
/** A schedule.json of rooms and their talks. */
const scheduleOf = (rooms: Record<string, readonly Entry[]>) => {
  const talks = (entries: readonly Entry[]) =>
    entries.map(({ start, ...entry }) => ({
      ...{ title: `About ${entry.guid}`, duration: '00:30', persons: [{ public_name: 'Mara Beispiel' }] },
      ...entry,
      date: new Date(nine + start * minute).toISOString(),
    }));
  const inRooms = Object.fromEntries(Object.entries(rooms).map(([name, entries]) => [name, talks(entries)]));
  return JSON.stringify({ schedule: { conference: { days: [{ rooms: inRooms }] } } });
};

let api: TestApi;
/** What the address answers with; null: nothing changed. */
let answer: () => Promise<string | null>;
let asked: Validators[];
let nowMs: number;

const fetch = async (_url: string, known: Validators): Promise<Fetched> => {
  asked.push(known);
  const text = await answer();
  return text === null
    ? { changed: false }
    : { changed: true, bytes: Buffer.from(text), etag: `"${asked.length}"`, lastModified: null };
};
const read = async (...given: Parameters<typeof readSchedule>) => readSchedule(...given);

beforeEach(() => {
  nowMs = nine - 60 * minute;
  asked = [];
  answer = async () => scheduleOf({});
  api = new TestApi({ now: () => nowMs, schedule: { fetch, read, random: () => 0.5 } });
  api.rooms.put('verdi', { title: 'Sala Verdi' });
  api.rooms.put('aula-2', { title: 'Second hall' });
});
afterEach(() => {
  api.schedule.stop();
  api.rooms.remove();
});

const put = (source: object) => api.ask('PUT', '/api/schedule', { source: { kind: 'url', url: address, ...source } });
const give = (text: string, query = '') =>
  api.app.request(`/api/schedule/file${query}`, {
    method: 'PUT',
    headers: { authorization: 'Bearer the-organizers-own-secret', 'content-type': 'text/plain' },
    body: text,
  });
const view = async () => {
  const { body } = await api.ask('GET', '/api/schedule');
  expect(body).toMatchObject({ state: {} });
  return api.schedule.view;
};
const takes = async (rooms: Record<string, readonly Entry[]>, source: object = {}): Promise<ScheduleView> => {
  answer = async () => scheduleOf(rooms);
  expect((await put(source)).status).toBe(200);
  return view();
};
const ids = (room: string) => api.talks.of(room).map(({ id }) => id);
const starts = (room: string) => api.talks.of(room).map(({ id, start }) => `${id} ${(start - nine) / minute}`);

describe('an import', () => {
  test('finds rooms by name and title, whatever their case and punctuation, and says which it does not know', async () => {
    expect(['Sala Verdi', 'SALA-VERDI', 'sala  verdi!', 'Säla Vérdi'].map(plainName)).toEqual(
      Array(4).fill('salaverdi'),
    );
    const { unmatched, rooms, talks, state } = await takes({
      'SALA-verdi': [{ guid: 'a', start: 0, language: 'it' }],
      'Aula 2': [{ guid: 'b', start: 0 }],
      Tent: [{ guid: 'c', start: 0 }],
    });
    expect({ unmatched, rooms, talks }).toEqual({
      unmatched: ['Tent'],
      rooms: ['SALA-verdi', 'Aula 2', 'Tent'],
      talks: 2,
    });
    expect(state).toMatchObject({ message: '', fetchedMs: nowMs, lastGoodMs: nowMs });
    expect(api.talks.of('verdi')).toMatchObject([
      { id: 'a', language: 'it', source: 'schedule', speakers: ['Mara Beispiel'], names: ['Mara Beispiel'] },
    ]);
    expect(ids('aula-2')).toEqual(['b']);
  });

  test('goes by an explicit mapping before any likeness', async () => {
    await takes(
      { Tent: [{ guid: 'c', start: 0 }], 'Sala Verdi': [{ guid: 'a', start: 0 }] },
      { rooms: { tent: 'verdi', 'Sala Verdi': 'aula-2' } },
    );
    expect([ids('verdi'), ids('aula-2')]).toEqual([['c'], ['a']]);
    expect((await put({ rooms: { Tent: 'No Room' } })).status).toBe(400);
    // A room that is not there yet is looked for again once it is.
    vi.useFakeTimers();
    api.schedule.start();
    await takes(
      { 'Sala Verdi': [{ guid: 'a', start: 0 }], Foyer: [{ guid: 'f', start: 0 }] },
      { rooms: { Foyer: 'new-room' } },
    );
    expect(api.schedule.view.unmatched).toEqual(['Foyer']);
    api.rooms.put('new-room');
    await vi.advanceTimersByTimeAsync(1000);
    expect(ids('new-room')).toEqual(['f']);
    vi.useRealTimers();
  });

  test('knows a renamed room by its talks, and keeps to that', async () => {
    await takes({
      'Sala Verdi': [
        { guid: 'a', start: 0 },
        { guid: 'b', start: 60 },
      ],
    });
    const { unmatched, source, state } = await takes({
      'Main stage': [
        { guid: 'a', start: 0 },
        { guid: 'b', start: 90 },
      ],
    });
    expect(unmatched).toEqual([]);
    expect(source?.rooms).toEqual({ 'Main stage': 'verdi' });
    expect(state.notes).toEqual(['"Main stage" is taken for the room verdi, by its talks.']);
    expect(starts('verdi')).toEqual(['a 0', 'b 90']);
    // Not where the room is still there under its own name: those are talks that moved away.
    const moved = await takes(
      { 'Sala Verdi': [{ guid: 'c', start: 0 }], Elsewhere: [{ guid: 'a', start: 0 }] },
      { rooms: {} },
    );
    expect(moved.unmatched).toEqual(['Elsewhere']);
  });

  test('moves a talk in time and into another room, and it stays the same talk', async () => {
    await takes({
      'Sala Verdi': [
        { guid: 'a', start: 0 },
        { guid: 'b', start: 60 },
      ],
      'Aula 2': [],
    });
    await takes({ 'Sala Verdi': [{ guid: 'a', start: 20, title: 'Anew' }], 'Aula 2': [{ guid: 'b', start: 60 }] });
    expect([starts('verdi'), starts('aula-2')]).toEqual([['a 20'], ['b 60']]);
    expect(api.talks.get('verdi', 'a')?.title).toBe('Anew');
  });

  test('takes out what is cancelled, unless it is on or over: that remains a unit', async () => {
    const all = [
      { guid: 'past', start: -60 },
      { guid: 'on', start: -10 },
      { guid: 'next', start: 30 },
    ];
    nowMs = nine - 120 * minute;
    await takes({ 'Sala Verdi': all });
    nowMs = nine;
    await takes({ 'Sala Verdi': [{ guid: 'other', start: 90 }] });
    expect(ids('verdi')).toEqual(['past', 'on', 'other']);
    nowMs = nine - 120 * minute; // whatever the clock: what has not begun may go
    await takes({ 'Sala Verdi': [{ guid: 'other', start: 90 }] });
    expect(ids('verdi')).toEqual(['other']);
  });

  test('leaves a talk its transcript that has been on and is to come once more', async () => {
    nowMs = nine - 60 * minute;
    await takes({ 'Sala Verdi': [{ guid: 'a', start: 0 }] });
    nowMs = nine + 10 * minute;
    await takes({ 'Sala Verdi': [{ guid: 'a', start: 300 }] });
    const stretch = (ms: number) => {
      const { start = 0, end = 0 } = api.talks.stretches('verdi', ms)[0] ?? {};
      return [(start - nine) / minute, (end - nine) / minute];
    };
    expect(stretch(nowMs)).toEqual([0, 10]);
    expect(stretch(nine + 310 * minute)).toEqual([300, 330]);
    expect(api.talks.at('verdi', nine + 310 * minute)?.id).toBe('a');
  });

  test('never touches talks by hand, and an organizer’s change makes one', async () => {
    const by = { start: new Date(nine).toISOString(), end: new Date(nine + 30 * minute).toISOString() };
    await api.ask('PUT', '/api/rooms/verdi/talks/mine', { title: 'By hand', ...by });
    await takes({
      'Sala Verdi': [
        { guid: 'a', start: 0 },
        { guid: 'mine', start: 60 },
      ],
    });
    await api.ask('PUT', '/api/rooms/verdi/talks/a', { title: 'Changed by hand', ...by });
    const { state } = await takes({
      'Sala Verdi': [
        { guid: 'b', start: 0 },
        { guid: 'mine', start: 60 },
      ],
    });
    expect(ids('verdi')).toEqual(['a', 'b', 'mine']);
    expect(api.talks.get('verdi', 'mine')?.title).toBe('By hand');
    expect(state.notes).toEqual([expect.stringMatching(/mine.*set by hand/)]);
    await api.ask('DELETE', '/api/schedule');
    expect(ids('verdi')).toEqual(['a', 'mine']);
  });
});

describe('what is no good', () => {
  const good = { 'Sala Verdi': [{ guid: 'a', start: 0 }], 'Aula 2': [{ guid: 'b', start: 0 }] };

  test.each([
    [
      'a mistake in a room of ours',
      () => scheduleOf({ 'Sala Verdi': [{ guid: 'a', start: 0, duration: '?' }] }),
      /rooms\["Sala Verdi"\]\[0\]\.duration/,
    ],
    ['no talks', () => scheduleOf({}), /has no talks/],
    ['another conference', () => scheduleOf({ Elsewhere: [{ guid: 'x', start: 0 }] }), /names no room that is known/],
    ['half a file', () => scheduleOf(good).slice(0, -20), /no JSON/],
    ['a page', () => '<!doctype html><p>Log in', /web page/],
    [
      'too many talks of a room',
      () => scheduleOf({ 'Sala Verdi': Array.from({ length: maxTalks + 1 }, (_, i) => ({ guid: `t${i}`, start: i })) }),
      /501 talks, and takes 500/,
    ],
    [
      'no answer',
      () => {
        throw new FetchError('It cannot be reached: ECONNREFUSED', 'Wait.');
      },
      /cannot be reached/,
    ],
  ])('leaves the last good one: %s', async (_, text, message) => {
    await takes(good);
    const before = nowMs;
    nowMs += minute;
    answer = async () => text();
    const { body } = await api.ask('POST', '/api/schedule/fetch');
    expect(body).toMatchObject({
      state: { message: expect.stringMatching(message), hint: expect.stringMatching(/./) },
    });
    expect([ids('verdi'), ids('aula-2')]).toEqual([['a'], ['b']]);
    expect((await view()).state).toMatchObject({ lastGoodMs: before, fetchedMs: nowMs });
    answer = async () => scheduleOf(good);
    await api.ask('POST', '/api/schedule/fetch');
    expect((await view()).state).toMatchObject({ message: '', lastGoodMs: nowMs, mistakes: [] });
  });

  test('does not matter in rooms that nobody captions', async () => {
    const { state } = await takes({ ...good, Tent: [{ guid: 'x', start: 0, duration: '72:00' }] });
    expect(state.message).toBe('');
    expect(ids('verdi')).toEqual(['a']);
  });

  test('matters in our rooms also behind many mistakes in others', async () => {
    await takes(good);
    const wrong = Array.from({ length: 60 }, (_, i) => ({ guid: `x${i}`, start: 0, duration: '?' }));
    const { state } = await takes({
      Tent: wrong,
      'Sala Verdi': [
        { guid: 'a', start: 0, duration: '?' },
        { guid: 'c', start: 9 },
      ],
    });
    expect(state.message).toMatch(/rooms\["Sala Verdi"\]\[0\]\.duration/);
    expect(ids('verdi')).toEqual(['a']);
  });

  test('as a setting is refused at once, every mistake named', async () => {
    const wrong = await api.ask('PUT', '/api/schedule', {
      source: {
        kind: 'url',
        url: 'http://169.254.169.254/',
        everyMinutes: 0,
        timeZone: 'Mars/Crater',
        language: 'none at all',
      },
    });
    expect(wrong.status).toBe(400);
    for (const mistake of [
      'source.url: must begin with https',
      'source.everyMinutes',
      'source.timeZone',
      'source.language',
    ])
      expect(wrong.text).toContain(mistake);
    expect(asked).toEqual([]);
    expect((await api.ask('POST', '/api/schedule/fetch')).status).toBe(409);
    expect((await api.ask('PUT', '/api/schedule', { source: { kind: 'file' } })).status).toBe(409);
  });

  test('is nothing for those who are no organizers', async () => {
    const { token } = api.tokens.create('verdi', 'read', '');
    for (const [method, path] of [
      ['GET', '/api/schedule'],
      ['PUT', '/api/schedule'],
      ['PUT', '/api/schedule/file'],
      ['POST', '/api/schedule/fetch'],
      ['DELETE', '/api/schedule'],
      ['GET', '/api/rooms/verdi/conduct'],
      ['POST', '/api/rooms/verdi/conduct'],
    ] as const) {
      expect((await api.ask(method, path, undefined, null)).status).toBe(401);
      expect((await api.ask(method, path, undefined, token)).status).toBe(403);
    }
  });
});

describe('a file', () => {
  test('of each kind is taken, with the zone that is given, and taken otherwise later', async () => {
    nowMs = Date.UTC(2026, 9, 1);
    const json = await give(example('pretalx.json'));
    expect(json.status).toBe(200);
    expect([ids('verdi').length, ids('aula-2').length]).toEqual([3, 1]);
    expect((await give(example('frab.xml'), '?format=xml&language=de')).status).toBe(200);
    const csv = await give(example('talks.csv'), '?timeZone=Europe/Rome');
    expect(await csv.json()).toMatchObject({ source: { kind: 'file', timeZone: 'Europe/Rome', rooms: {} }, talks: 5 });
    const mapped = await api.ask('PUT', '/api/schedule', {
      source: { kind: 'file', rooms: { 'Aula 2': 'verdi' }, language: 'it' },
    });
    expect(mapped).toMatchObject({ status: 200, body: { source: { language: 'it' }, talks: 5 } });
    expect(ids('verdi')).toHaveLength(5);
    expect(api.schedule.language).toBe('it');
  });

  test('with mistakes is refused as a whole, each told, and the source stays', async () => {
    await takes({ 'Sala Verdi': [{ guid: 'a', start: 0 }] });
    const refused = await give(
      'room,title,start,minutes\nSala Verdi,,2026-12-01 09:30,30\nAula 2,x,soon,30\n',
      '?timeZone=UTC',
    );
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      error: { code: 'schedule-invalid', message: expect.stringMatching(/line 2\.title.*line 3\.date is not a date/) },
    });
    expect((await view()).source).toMatchObject({ kind: 'url' });
    expect(ids('verdi')).toEqual(['a']);
  });

  test('may have 5 MB and no more', async () => {
    const filled = (bytes: number) => scheduleOf({ 'Sala Verdi': [{ guid: 'a', start: 0 }] }) + ' '.repeat(bytes - 300);
    expect((await give(filled(5 * 1024 * 1024))).status).toBe(200);
    expect((await give(filled(5 * 1024 * 1024 + 1000))).status).toBe(413);
  });
});

describe('an address', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test('is asked again and again, for what changed alone', async () => {
    api.schedule.start();
    await takes({ 'Sala Verdi': [{ guid: 'a', start: 0 }] }, { everyMinutes: 7 });
    expect(asked).toEqual([{ etag: null, lastModified: null }]);
    answer = async () => null;
    await vi.advanceTimersByTimeAsync(7 * minute - 1);
    expect(asked).toHaveLength(1);
    nowMs += 7 * minute;
    await vi.advanceTimersByTimeAsync(1);
    expect(asked).toEqual([expect.anything(), { etag: '"1"', lastModified: null }]);
    expect((await view()).state).toMatchObject({ message: '', lastGoodMs: nowMs });
    answer = async () => '{';
    await vi.advanceTimersByTimeAsync(7 * minute);
    // What was no good is not what a later answer may leave out.
    answer = async () => scheduleOf({ 'Sala Verdi': [{ guid: 'b', start: 0 }] });
    await vi.advanceTimersByTimeAsync(7 * minute);
    expect(asked.map(({ etag }) => etag)).toEqual([null, '"1"', '"1"', '"1"']);
    expect(ids('verdi')).toEqual(['b']);
  });

  test('that hangs holds up neither another one nor the end', async () => {
    let release = (_: string) => {};
    answer = () =>
      new Promise((done) => {
        release = done;
      });
    const slow = put({});
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    await takes({ 'Sala Verdi': [{ guid: 'b', start: 0 }] }, { url: 'https://other.example.org/' });
    release(scheduleOf({ 'Sala Verdi': [{ guid: 'a', start: 0 }] }));
    await slow;
    expect(ids('verdi')).toEqual(['b']);
    expect((await view()).source?.url).toBe('https://other.example.org/');
    api.schedule.stop();
    await vi.advanceTimersByTimeAsync(60 * minute);
    expect(asked).toHaveLength(2);
  });

  test('is asked again after a restart, and what was good holds meanwhile', async () => {
    await takes({ 'Sala Verdi': [{ guid: 'a', start: 0 }], Tent: [] }, { everyMinutes: 1440, language: 'it' });
    api.schedule.stop();
    const { rooms, talks } = api;
    const { log } = captureLog();
    const again = new Schedule({
      db: rooms.db,
      rooms: rooms.kept,
      talks,
      audit: api.rights.audit,
      log,
      fetch,
      read,
      now: () => nowMs,
    });
    again.start();
    expect(again.view).toMatchObject({
      source: { url: address },
      talks: 1,
      unmatched: ['Tent'],
      state: { message: '' },
    });
    expect(again.language).toBe('it');
    answer = async () => null;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(asked.at(-1)).toEqual({ etag: '"1"', lastModified: null });
    again.stop();
  });

  test('stands in no log with more than its host, and what the schedule does by itself is in the audit', async () => {
    await takes({ 'Sala Verdi': [{ guid: 'a', start: 0 }] }, { url: `${address}?token=hush` });
    answer = async () => {
      throw new FetchError('It answered with status 500', 'Wait.');
    };
    await api.ask('POST', '/api/schedule/fetch');
    expect(api.lines.join('')).toContain('talks.example.org');
    expect(api.lines.join('')).not.toContain('hush');
    const { body, text } = await api.ask('GET', '/api/audit');
    expect(text).not.toContain('hush');
    expect(body).toMatchObject({
      entries: expect.arrayContaining([
        expect.objectContaining({ actor: 'schedule', act: 'imported the schedule', detail: { changed: 1, gone: 0 } }),
      ]),
    });
  });
});

test('all of it over a real https site', async () => {
  const site = await new HttpsSite().start();
  const real = new TestApi({
    rooms: api.rooms,
    schedule: { fetch: (_, known) => fetchSchedule(site.url(), known, site.ports()) },
  });
  try {
    site.answer = ({ headers }, response) => {
      if (headers['if-none-match'] === '"v1"') response.writeHead(304).end();
      else response.writeHead(200, { etag: '"v1"' }).end(example('pretalx.json'));
    };
    const source = { kind: 'url', url: address };
    expect(await real.ask('PUT', '/api/schedule', { source })).toMatchObject({
      status: 200,
      body: { talks: 4, unmatched: ['Workshop Tent'], state: { message: '' } },
    });
    await real.ask('POST', '/api/schedule/fetch');
    expect(site.asked).toHaveLength(2);
    expect(real.talks.of('verdi')).toHaveLength(3);
  } finally {
    real.schedule.stop();
    await site.stop();
  }
});
