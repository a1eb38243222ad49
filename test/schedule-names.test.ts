import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openDatabase } from '../relay/database.ts';
import { DayNamesBook, dayOf, namesOfDay } from '../relay/day-names.ts';
import { transcribeVocabularies } from '../relay/engines/transcribe-vocabularies.ts';
import type { KeptTalk } from '../relay/talks.ts';
import { Vocabularies } from '../relay/vocabularies.ts';
import { entryOf, nearestEntries, vocabularyLimits } from '../relay/vocabulary.ts';
import { shelfLimits } from '../relay/vocabulary-shelf.ts';
import { TestApi } from './harness/api.ts';
import { captureLog } from './harness/doors.ts';
import { until } from './harness/until.ts';
import { TranscribeControlStandIn } from './stand-ins/transcribe-control.ts';
import { standInEnvironment } from './stand-ins/transcribe-environment.ts';

const hour = 3_600_000;
const nine = Date.UTC(2026, 11, 1, 9);
const talk = (id: string, start: number, names: string[], language: string | null = null): KeptTalk => ({
  ...{ id, title: id, speakers: [], language, names, source: 'schedule' },
  ...{ start: nine + start * hour, end: nine + (start + 1) * hour },
});
const list = (...phrases: string[]) => phrases.map((phrase) => ({ phrase, displayAs: null, language: null }));
const plain = (all: readonly { phrase: string }[]) => all.map(({ phrase }) => phrase);

describe('the day', () => {
  const talks = [talk('a', 0, []), talk('b', 4, []), talk('night', 15, []), talk('next', 24, []), talk('last', 28, [])];
  test.each([
    [-100, 'a b'],
    [0, 'a b'],
    [7.9, 'a b'],
    [8.1, 'night'],
    [19.1, 'next last'],
    [31.9, 'next last'],
    [32.1, ''],
  ])('%d hours after the first talk’s start is that of %s', (hours, ids) => {
    const day = dayOf(talks, nine + hours * hour);
    expect(day.map(({ id }) => id).join(' ')).toBe(ids);
  });
});

describe('names of the day', () => {
  const none = () => null;

  test('stand beside the organizers’ own, once each, in the order of the talks', () => {
    const day = [talk('a', 0, ['Mara Beispiel', 'Kubernetes']), talk('b', 1, ['Kubernetes', 'eBPF'])];
    expect(namesOfDay(day, list('Kubernetes'), none)).toEqual({
      phrases: list('Mara Beispiel', 'eBPF'),
      ...{ leftOut: 0, languages: [] },
    });
  });

  test('displace none of them: what finds no place is left out and counted', () => {
    const own = Array.from(
      { length: vocabularyLimits.maxPhrases - 2 },
      (_, i) => `own ${'x'.repeat((i % 5) + 1)} ${i}`,
    );
    const day = [talk('a', 0, ['One', 'Two', 'Three'])];
    const found = namesOfDay(day, list(...own), none);
    expect([plain(found.phrases), found.leftOut]).toEqual([['One', 'Two'], 1]);
    const long = list(...Array.from({ length: 95 }, (_, i) => String.fromCodePoint(0x4e00 + i).repeat(84)));
    const many = [
      talk(
        'a',
        0,
        Array.from({ length: 30 }, (_, i) => `Name ${'n'.repeat(200)}${String.fromCharCode(97 + i)}`),
      ),
    ];
    const fitting = namesOfDay(many, long, none);
    const bytes = [...long, ...fitting.phrases].reduce(
      (sum, { phrase }) => sum + Buffer.byteLength(entryOf(phrase, '')) + 1,
      0,
    );
    expect(bytes).toBeLessThanOrEqual(vocabularyLimits.maxListBytes);
    expect(fitting.phrases.length + fitting.leftOut).toBe(30);
    expect(fitting.leftOut).toBeGreaterThan(0);
  });

  test('are given in letters that the language takes, or not at all', () => {
    expect(nearestEntries(list('Zoë Muster', 'Дмитрий', 'Ada'), 'en-US')).toEqual(['Zoe-Muster', 'Ada']);
    expect(nearestEntries(list('Zoë Muster'), 'fr-FR')).toEqual(['Zoë-Muster']);
  });
});

test('an import into many rooms is looked at once, each language of a room once', async () => {
  const api = new TestApi();
  const { rooms, talks } = api;
  const names = Array.from({ length: 10 }, (_, i) => `room-${i}`);
  for (const name of names) rooms.put(name, {});
  const asked: string[] = [];
  const changed = vi.fn();
  const book = new DayNamesBook({
    ...{ rooms, talks, now: () => nine, changed },
    languagesOf: ({ language }, { record }) => {
      asked.push(`${record.name} ${language}`);
      return ['it-IT'];
    },
  });
  book.start();
  const put = Array.from({ length: 200 }, (_, i) => talk(`t${i}`, i / 10, ['Mara Beispiel'], i % 2 ? 'it' : 'en'));
  talks.import(names.map((room) => ({ room, put, gone: [] })));
  await expect.poll(() => book.of('room-9').phrases).toHaveLength(1);
  expect(asked.sort()).toEqual(names.flatMap((name) => [`${name} en`, `${name} it`]));
  expect(changed).toHaveBeenCalledTimes(1);
  book.stop();
  rooms.remove();
});

describe('vocabularies', () => {
  let standIn: TranscribeControlStandIn;
  let api: TestApi;
  let book: DayNamesBook;
  let vocabularies: Vocabularies;
  let nowMs = nine - hour;

  beforeEach(async () => {
    standIn = new TranscribeControlStandIn();
    const { url } = await standIn.start();
    for (const [name, value] of Object.entries(standInEnvironment('http://127.0.0.1:9'))) vi.stubEnv(name, value);
    vi.stubEnv('AWS_ENDPOINT_URL_TRANSCRIBE', url);
    nowMs = nine - hour;
    api = new TestApi();
    const { rooms, talks, conduct } = api;
    rooms.put('hall', { language: 'en-US', vocabulary: list('Sala') });
    const { log } = captureLog();
    vocabularies = new Vocabularies({
      ...{
        db: openDatabase(`${rooms.dir}/other`),
        rooms: rooms.kept,
        defaultEngine: 'transcribe',
        region: 'eu-west-1',
      },
      ...{ ownerId: 'a-relay', textRules: { show() {} }, log },
      serviceIn: (region) => transcribeVocabularies(region, log),
      scheduled: ({ name }) => book.of(name),
      limits: {
        ...shelfLimits,
        changeDelayMs: 20,
        maxChangeDelayMs: 100,
        firstPollMs: 20,
        maxPollMs: 50,
        keepMs: 0,
        lookAgainMs: 50,
      },
    });
    book = new DayNamesBook({
      ...{ rooms, talks, now: () => nowMs },
      languagesOf: (each, room) => conduct.languagesOf(each, room),
      changed: () => vocabularies.refresh(),
    });
    rooms.put('hall', { engine: 'transcribe' });
  });
  afterEach(async () => {
    book.stop();
    vocabularies.stop();
    await standIn.stop();
    vi.unstubAllEnvs();
    api.rooms.remove();
  });
  const contents = () => standIn.vocabularies.map(({ language, phrases }) => `${language} ${phrases.join()}`).sort();
  const become = (...expected: string[]) =>
    until(() => JSON.stringify(contents()) === JSON.stringify(expected) || undefined, {
      what: `${expected} (now ${contents()})`,
    });

  test('hold the names of the day in every language of its talks, before those begin', async () => {
    const { talks, rooms } = api;
    vocabularies.start();
    book.start();
    await become('en-US Sala');
    talks.import([
      {
        room: 'hall',
        put: [
          talk('a', 0, ['Mara Beispiel'], 'en'),
          talk('b', 2, ['Zoë Muster'], 'it'),
          talk('c', 24, ['Ugo Esempio'], 'it'),
        ],
        gone: [],
      },
    ]);
    await become('en-US Sala,Mara-Beispiel,Zoe-Muster', 'it-IT Sala,Mara-Beispiel,Zoë-Muster');
    const loan = await until(() => vocabularies.lend('hall', ['it-IT'], null) ?? undefined);
    expect(loan.names).toHaveLength(1);
    loan.release();
    // The next language is lent from its own at once, and nothing is made anew for it.
    rooms.put('hall', { language: 'it-IT' });
    const record = rooms.kept.get('hall');
    expect(record && vocabularies.of(record).vocabularies).toMatchObject([
      { language: 'it-IT', phrases: 3, state: 'ready' },
      { language: 'en-US', phrases: 3, state: 'ready' },
    ]);
    // And the night before, those of the next day.
    nowMs = nine + 7 * hour;
    book.look();
    await become('it-IT Sala,Ugo-Esempio');
    expect(rooms.get('hall')?.record.settings.vocabulary).toEqual(list('Sala'));
  });

  test('are listed with the room’s own, apart from it', async () => {
    api.talks.import([{ room: 'hall', put: [talk('a', 0, ['Mara Beispiel'])], gone: [] }]);
    expect((await api.ask('GET', '/api/rooms/hall/vocabulary')).body).toMatchObject({
      phrases: list('Sala'),
      scheduled: { phrases: [], leftOut: 0 },
    });
    book.start();
    const record = api.rooms.kept.get('hall');
    expect(record && plain(vocabularies.scheduled(record).phrases)).toEqual(['Mara Beispiel']);
  });

  test('a talk by hand has names, too', async () => {
    const times = { start: new Date(nine).toISOString(), end: new Date(nine + hour).toISOString() };
    await api.ask('PUT', '/api/rooms/hall/talks/x', {
      title: 'Why we left Kubernetes',
      speakers: ['Mara Beispiel'],
      ...times,
    });
    book.start();
    expect(plain(book.of('hall').phrases)).toEqual(['Mara Beispiel', 'Kubernetes']);
  });
});
