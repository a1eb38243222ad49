import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatOf, readSchedule, scheduleFormats } from '../relay/schedule/formats.ts';
import { parseDuration, parseMoment } from '../relay/schedule/local-time.ts';
import { namesIn, ordinaryWords } from '../relay/schedule/names.ts';
import { readInThread } from '../relay/schedule/reading.ts';
import { ScheduleError, type ScheduleFile, scheduleLimits } from '../relay/schedule/schedule-file.ts';

const example = (name: string) => readFileSync(join(import.meta.dirname, 'schedules', name));
const encoded = (text: string) => new TextEncoder().encode(text);
const read = (text: string, timeZone: string | null = null) => readSchedule(encoded(text), { timeZone });
const told = ({ talks }: ScheduleFile) =>
  talks.map(({ room, start, end, language }) => [
    room,
    new Date(start).toISOString().slice(5, 16),
    (end - start) / 60_000,
    language,
  ]);
/** A schedule of one room, from fields of its talks. */
const json = (...talks: unknown[]) =>
  JSON.stringify({ schedule: { conference: { days: [{ date: '2026-12-01', rooms: { Hall: talks } }] } } });
const talk = { guid: 'g', title: 'A talk', date: '2026-12-01T09:30:00+01:00', duration: '00:30', persons: [] };
const xml = (inside: string) => `<schedule><day date="2026-12-01"><room name="Hall">${inside}</room></day></schedule>`;

describe('a schedule.json', () => {
  test('is read: rooms, times with their offsets, a night past midnight, languages, who speaks', () => {
    const file = readSchedule(example('pretalx.json'));
    expect(file.mistakes).toEqual([]);
    expect(told(file)).toEqual([
      ['Sala Verdi', '10-24T07:30', 45, 'en'],
      ['Sala Verdi', '10-24T08:30', 30, 'it'],
      ['Sala Verdi', '10-24T22:45', 60, 'de'],
      ['Workshop Tent', '10-24T07:00', 480, 'en'],
      ['Aula 2', '10-25T08:30', 60, 'en'],
    ]);
    expect(file.talks[0]).toMatchObject({
      id: 'a1b2c3d4-0000-5000-8000-000000000001',
      title: 'How we moved a city to PostgreSQL and Kubernetes',
      speakers: ['Mara Beispiel', 'Zoë Muster (she/her)'],
      names: ['Mara Beispiel', 'Zoë Muster', 'PostgreSQL', 'Kubernetes'],
    });
    expect(file.rooms).toEqual(['Sala Verdi', 'Aula 2', 'Workshop Tent']);
    expect(file.notes).toEqual([expect.stringMatching(/rooms\["Aula 2"\]\[1\].*cancelled/)]);
  });

  test('without offsets is in the zone it names, or the one that is given, which goes before', () => {
    const bare = { ...talk, date: '2026-07-01T09:30:00' };
    const zoned = JSON.stringify({
      schedule: { conference: { time_zone_name: 'Europe/Rome', days: [{ rooms: { Hall: [bare] } }] } },
    });
    expect(told(read(zoned))[0]?.[1]).toBe('07-01T07:30');
    expect(told(read(zoned, 'Asia/Tokyo'))[0]?.[1]).toBe('07-01T00:30');
    expect(read(json(bare)).mistakes).toMatchObject([{ message: expect.stringContaining('no time zone is given') }]);
  });

  test('tells every mistake at its place', () => {
    const file = read(
      json(
        { ...talk, title: ' ' },
        { ...talk, guid: 'b', date: '2026-13-01T09:30:00Z' },
        { ...talk, guid: 'c', duration: 'long' },
        { ...talk, guid: undefined },
        { ...talk, guid: 'e', duration: '25:00' },
        7,
        { ...talk, guid: 'f' },
        { ...talk, guid: 'f', title: 'Another' },
      ),
    );
    const place = (i: number) => `schedule.conference.days[0].rooms["Hall"][${i}]`;
    expect(file.mistakes.map((each) => `${each.place} ${each.message}`)).toEqual([
      expect.stringContaining(`${place(5)} is no talk`),
      `${place(0)}.title is missing`,
      expect.stringContaining(`${place(1)}.date is no date and time`),
      expect.stringContaining(`${place(2)}.duration is not HH:MM`),
      expect.stringContaining(`${place(3)}.id is missing`),
      `${place(4)}.duration makes the talk longer than 24 h`,
      expect.stringContaining(`${place(7)}.id is that of ${place(6)}`),
    ]);
    expect(file.mistakes.every(({ room }) => room === 'Hall')).toBe(true);
    expect(file.talks.map(({ id }) => id)).toEqual(['f']);
  });

  test('cuts what is too long, and says so', () => {
    const persons = Array.from({ length: 25 }, (_, i) => ({
      public_name: `Person Number ${'abcdefghijklmnopqrstuvwxyz'[i]}`,
    }));
    const file = read(json({ ...talk, title: 'long '.repeat(100), persons, language: 'English' }));
    expect(file.talks[0]?.title).toHaveLength(scheduleLimits.maxTitle);
    expect(file.talks[0]?.speakers).toHaveLength(scheduleLimits.maxSpeakers);
    expect(file.talks[0]?.language).toBeNull();
    expect(file.notes).toEqual([
      expect.stringContaining('.title: is cut to 300'),
      expect.stringContaining('only the first 20 of 25'),
      expect.stringContaining('"English" is no language tag'),
    ]);
  });

  test.each(['CANCELED: A talk', '[cancelled] A talk', 'Abgesagt – A talk', 'Annullato', '(CANCELLED) A talk'])(
    'leaves "%s" out',
    (title) => expect(read(json({ ...talk, title })).talks).toEqual([]),
  );

  test('keeps a talk that only speaks of it', () => {
    for (const title of ['Cancelled flights and what to do', 'Cancellation of noise', 'How we cancelled the project'])
      expect(read(json({ ...talk, title })).talks).toHaveLength(1);
    expect(read(json({ ...talk, status: 'canceled' })).talks).toEqual([]);
  });

  test('takes names that mean something to JavaScript for what they are', () => {
    const text =
      '{"schedule":{"conference":{"days":[{"rooms":{"__proto__":[{"__proto__":{"title":"x"},"guid":"a"}]}}]}}}';
    const file = read(text);
    expect(file.rooms).toEqual(['__proto__']);
    expect(file.mistakes.map(({ message }) => message)).toContain('is missing');
    expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain('title');
  });
});

describe('a schedule.xml', () => {
  test('is read: entities, CDATA, a start without a date, a night past midnight', () => {
    const file = readSchedule(example('frab.xml'));
    expect(file.mistakes).toEqual([]);
    expect(told(file)).toEqual([
      ['Sala Verdi', '10-24T07:30', 45, 'it'],
      ['Sala Verdi', '10-24T22:30', 30, null],
      ['Aula 2', '10-25T08:30', 60, 'en'],
    ]);
    expect(file.talks.map(({ id, title, speakers }) => [id, title, speakers.length])).toEqual([
      ['b1b2c3d4-0000-5000-8000-000000000001', 'Bread & networks: café culture', 2],
      ['202', 'After midnight', 0],
      ['b1b2c3d4-0000-5000-8000-000000000003', 'The next morning', 1],
    ]);
  });

  test('tells every mistake at its place', () => {
    const file = read(
      xml('<event id="1"><title>T</title></event><event guid="b"><date>2026-12-01T09:30:00Z</date></event>'),
    );
    expect(file.mistakes.map((each) => `${each.place} ${each.message}`)).toEqual([
      'schedule.day[0].room[0] (Hall).event[0].date is missing',
      'schedule.day[0].room[0] (Hall).event[1].title is missing',
      'schedule.day[0].room[0] (Hall).event[1].duration is missing',
    ]);
  });

  test('that breaks off is refused, and so is one with entities of its own', () => {
    const whole = example('frab.xml').toString();
    expect(() => read(whole.slice(0, -40))).toThrow(/no whole XML/);
    const bomb = '<!DOCTYPE s [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>';
    expect(() => read(`<?xml version="1.0"?>${bomb}<schedule><day>&b;</day></schedule>`)).toThrow(/declares entities/);
    const inside = `<schedule><conference/>${bomb}<day><room name="Hall"><event id="1"><title>&b;</title></event></room></day></schedule>`;
    expect(() => read(inside)).toThrow(ScheduleError);
  });
});

describe('a table', () => {
  test('is read: semicolons, quotes, days of either kind, over midnight, the hour that came twice', () => {
    const file = readSchedule(example('talks.csv'), { timeZone: 'Europe/Rome' });
    expect(file.mistakes).toEqual([]);
    expect(told(file)).toEqual([
      ['Sala Verdi', '10-24T07:30', 45, 'it'],
      ['Sala Verdi', '10-24T21:30', 60, 'en-GB'],
      ['Aula 2', '10-25T00:30', 120, null],
      ['Aula 2', '10-25T10:00', 30, 'en'],
      ['Aula 2', '10-25T11:00', 30, 'en'],
    ]);
    expect(file.talks[0]).toMatchObject({
      id: 'k1',
      title: 'Opening; and what comes after',
      speakers: ['Mara Beispiel', 'Ugo Esempio'],
    });
    const [first, second] = file.talks.slice(3).map(({ id }) => id);
    expect(second).toBe(`${first}-2`);
  });

  test('needs its columns and a time zone, and tells mistakes by line', () => {
    expect(() => read('id,title\n1,x')).toThrow('The table lacks the columns room, start, end or duration');
    const file = read('room,title,date,start,minutes\nA,,2026-12-01,09:30,30\nA,x,soon,09:30,30\n', 'UTC');
    expect(file.mistakes.map(({ place }) => place)).toEqual(['line 2.title', 'line 3.start']);
    expect(read('room,title,start,minutes\nA,x,2026-12-01 09:30,30').mistakes[0]?.message).toMatch(/no time zone/);
  });

  test('takes an end that a clock shows once, by the clock and not by the hours', () => {
    const text = 'room,title,date,start,end\nA,x,2026-03-29,01:30,03:30';
    expect(told(read(text, 'Europe/Rome'))).toEqual([['A', '03-29T00:30', 60, null]]);
  });
});

describe('times', () => {
  test.each([
    ['2026-10-25T02:30', 'Europe/Rome', '2026-10-25T00:30'],
    ['2026-03-29T02:30', 'Europe/Rome', '2026-03-29T01:30'],
    ['2026-03-29T03:30', 'Europe/Rome', '2026-03-29T01:30'],
    ['2026-10-04T02:15', 'Australia/Lord_Howe', '2026-10-03T15:45'],
    ['2026-06-01 09:00', 'Asia/Kathmandu', '2026-06-01T03:15'],
    ['2026-06-01T09:00:00.5-03:30', null, '2026-06-01T12:30'],
    ['2026-06-01T09:00:00+0200', null, '2026-06-01T07:00'],
    ['2026-02-29T09:00Z', null, null],
    ['2026-02-28T24:00Z', null, null],
    ['1926-02-28T12:00Z', null, null],
  ])('%s in %s is %s', (text, zone, expected) => {
    const found = parseMoment(text, zone);
    expect(typeof found === 'number' ? new Date(found).toISOString().slice(0, 16) : null).toBe(expected);
  });

  test('agree with Intl in every zone at every hour', () => {
    const zones = fc.constantFrom(
      'Europe/Rome',
      'America/St_Johns',
      'Australia/Lord_Howe',
      'Asia/Kathmandu',
      'Africa/Casablanca',
    );
    fc.assert(
      fc.property(zones, fc.integer({ min: 0, max: 40_000 }), (zone, hour) => {
        const ms = Date.UTC(2024, 0, 1) + hour * 3_600_000;
        const wall = new Date(ms).toLocaleString('sv-SE', { timeZone: zone });
        const found = parseMoment(wall, zone);
        // An hour that clocks show twice is the first of them.
        expect([ms, ms - 3_600_000, ms - 1_800_000, ms - 7_200_000]).toContain(found);
        expect(new Date(Number(found)).toLocaleString('sv-SE', { timeZone: zone })).toBe(wall);
      }),
    );
  });

  test('durations are HH:MM, D:HH:MM or minutes', () => {
    expect(['00:45', '1:30', '1:02:05', '45', '90', '0:75', 'x', '-5'].map(parseDuration)).toEqual(
      [45, 90, 1565, 45, 90, null, null, null].map((minutes) => minutes && minutes * 60_000),
    );
  });
});

describe('names', () => {
  const of = (title: string, language: string | null = 'en', ordinary: string[] = [], speakers: string[] = []) =>
    namesIn({ title, speakers, language }, new Set(ordinary));

  test('are what has a capital and is never written small', () => {
    expect(of('Why we left Kubernetes for Open Street Map')).toEqual(['Kubernetes', 'Open Street Map']);
    const seen = ['building', 'reliable', 'systems', 'with'];
    // The first word has a capital anyway: only where much was read is it known for a name.
    const much = Array.from({ length: 300 }, (_, i) => `word${i}`);
    expect(of('Building Reliable Systems With Rust', 'en', seen)).toEqual([]);
    expect(of('Building Reliable Systems With Rust', 'en', [...seen, ...much])).toEqual(['Rust']);
    expect([of('Rust in a day'), of('Rust in a day', 'en', much)]).toEqual([[], ['Rust']]);
    expect(of('Die Zukunft der Netze mit eBPF', 'de')).toEqual(['eBPF']);
    expect(of('il futuro di PostgreSQL', 'it')).toEqual(['PostgreSQL']);
  });

  test('of people are without brackets, and nothing that no vocabulary takes', () => {
    expect(of('a talk', 'en', [], ['@mara (she/her)', 'Ugo "Gu" Esempio', 'R2D2', 'Beispiel, Mara'])).toEqual([
      'mara',
      'Ugo Gu Esempio',
    ]);
  });

  test('ordinary words are those seen in small letters', () => {
    expect([...ordinaryWords(['We moved, Moved again', 'CITY'])]).toEqual(['moved', 'again']);
  });
});

describe('hostile files', () => {
  const mb = (text: string) => text.repeat(Math.ceil((4 * 1024 * 1024) / text.length)).slice(0, 4 * 1024 * 1024);
  test.each([
    ['deep elements', `<schedule>${mb('<a>')}`, /nested/],
    ['deep lists', `{"schedule":${mb('[')}`, /no JSON/],
    ['one endless line', `id,room,title,start,end\n${mb('a')}`, /record/i],
    ['an endless quote', `id,room,title,start,end\n"${mb('a\n')}`, /record/i],
    ['endless columns', `id,room,title,start,end\n${','.repeat(5000)}`, /columns/],
    ['a web page', '<!DOCTYPE html><html><body>Log in</body></html>', /web page/],
    ['nothing', '  \n', /empty/],
    [
      'too many rooms',
      JSON.stringify({
        schedule: {
          conference: { days: [{ rooms: Object.fromEntries(Array.from({ length: 501 }, (_, i) => [`r${i}`, []])) }] },
        },
      }),
      /500 rooms/,
    ],
    ['too many talks', json(...Array.from({ length: 5001 }, () => talk)), /5000 talks/],
  ])('%s are refused in words', (_, text, message) => {
    expect(() => read(text, 'UTC')).toThrow(ScheduleError);
    expect(() => read(text, 'UTC')).toThrow(message);
  });

  test('what is no UTF-8 or too long is refused', () => {
    expect(() => readSchedule(Uint8Array.of(0xff, 0xfe, 0x41))).toThrow(/not UTF-8/);
    expect(() => readSchedule(new Uint8Array(scheduleLimits.maxBytes + 1))).toThrow(/longer than 5 MB/);
  });

  test('what takes too long or too much memory is left alone, and the relay goes on meanwhile', async () => {
    const attributes = Array.from({ length: 300_000 }, (_, i) => `a${i}="1"`).join(' ');
    const slow = encoded(`<schedule ${attributes}><day/></schedule>`);
    let turns = 0;
    const heart = setInterval(() => turns++, 10);
    await expect(readInThread(slow, {}, { timeoutMs: 1500, maxMemoryMb: 256 })).rejects.toThrow(/too long or too much/);
    clearInterval(heart);
    expect(turns).toBeGreaterThan(20);
    const flat = encoded(`<schedule><day>${'<a>b</a>'.repeat(500_000)}</day></schedule>`);
    await expect(readInThread(flat, {}, { timeoutMs: 30_000, maxMemoryMb: 32 })).rejects.toThrow(
      /too long or too much/,
    );
    expect((await readInThread(example('frab.xml'), {})).talks).toHaveLength(3);
    await expect(readInThread(encoded('{'), {})).rejects.toThrow(ScheduleError);
  }, 60_000);
});

describe('whatever comes', () => {
  const holdsBounds = (file: ScheduleFile) => {
    expect(file.talks.length).toBeLessThanOrEqual(scheduleLimits.maxTalks);
    expect(file.rooms.length).toBeLessThanOrEqual(scheduleLimits.maxRooms);
    expect(file.mistakes.length).toBeLessThanOrEqual(scheduleLimits.maxTold + scheduleLimits.maxRooms + 1);
    expect(file.notes.length).toBeLessThanOrEqual(scheduleLimits.maxTold + 1);
    expect(new Set(file.talks.map(({ id }) => id)).size).toBe(file.talks.length);
    for (const { id, title, speakers, start, end, names, room, language } of file.talks) {
      expect(id).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
      expect(title).toMatch(/^[^\p{Cc}\u2028\u2029]{1,300}$/u);
      expect(speakers.length).toBeLessThanOrEqual(scheduleLimits.maxSpeakers);
      for (const speaker of speakers) expect(speaker).toMatch(/^\P{Cc}{1,200}$/u);
      expect(Number.isSafeInteger(start) && end > start && end - start <= scheduleLimits.maxTalkMs).toBe(true);
      expect(names.length).toBeLessThanOrEqual(30);
      expect(room.length).toBeLessThanOrEqual(scheduleLimits.maxRoomName);
      if (language !== null) expect(() => new Intl.Locale(language)).not.toThrow();
    }
  };
  const survives = (bytes: Uint8Array, timeZone: string | null) => {
    for (const format of scheduleFormats) {
      let file: ScheduleFile;
      try {
        file = readSchedule(bytes, { format, timeZone });
      } catch (error) {
        expect(error).toBeInstanceOf(ScheduleError);
        continue;
      }
      holdsBounds(file);
    }
  };
  const zone = fc.constantFrom(null, 'UTC', 'Europe/Rome');
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '2026-12-01T09:30:00+01:00',
      '09:30',
      '00:45',
      '1:00:00',
      '99999',
      'en',
      'x-y',
      '',
      'Hall',
      '\u0000',
      '🎤',
    ),
    fc.constant(null),
    fc.double(),
    fc.jsonValue({ maxDepth: 2 }),
  );
  const fields = [
    'guid',
    'id',
    'code',
    'title',
    'date',
    'start',
    'duration',
    'language',
    'persons',
    'status',
    'abstract',
  ];
  const talks = fc.array(fc.dictionary(fc.constantFrom(...fields), value), { maxLength: 6 });

  test('a parser throws nothing but its own error, and returns nothing out of bounds: bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), zone, survives), { numRuns: 300 });
  });

  test('… JSON', () => {
    const whole = fc.record({
      schedule: fc.record({
        conference: fc.record({
          time_zone_name: value,
          days: fc.array(
            fc.record({
              date: value,
              day_start: value,
              rooms: fc.oneof(value, fc.dictionary(fc.string(), fc.oneof(talks, value))),
            }),
          ),
        }),
      }),
    });
    fc.assert(
      fc.property(fc.oneof(whole, fc.jsonValue()), zone, (each, timeZone) =>
        survives(encoded(JSON.stringify(each)), timeZone),
      ),
      { numRuns: 300 },
    );
  });

  test('… XML', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '<schedule>',
        '</schedule>',
        '<day date="2026-12-01">',
        '</day>',
        '<room name="A">',
        '</room>',
        '<event id="1">',
        '</event>',
      ),
      fc.constantFrom(
        '<title>',
        '</title>',
        '<!--',
        '-->',
        '<![CDATA[',
        ']]>',
        '<?x',
        '?>',
        '&amp;',
        '&#65;',
        '&#x110000;',
        '&x;',
        '<!DOCTYPE a>',
      ),
      fc.constantFrom(
        '<date>2026-12-01T09:30Z</date>',
        '<duration>00:30</duration>',
        '<__proto__>',
        '<a b="',
        '"',
        "'",
        '<',
        '>',
      ),
      fc.string({ unit: 'binary', maxLength: 6 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), zone, (pieces, timeZone) =>
        survives(encoded(pieces.join('')), timeZone),
      ),
      { numRuns: 500 },
    );
  });

  test('… tables', () => {
    const field = fc.oneof(
      fc.constantFrom('"', '""', ',', ';', '\t', '\n', '\r\n', 'A', '2026-12-01', '09:30', '10:30', 'en'),
      fc.string({ unit: 'binary', maxLength: 6 }),
    );
    fc.assert(
      fc.property(fc.array(field, { maxLength: 60 }), zone, (pieces, timeZone) =>
        survives(encoded(`id,room,title,speakers,language,date,start,end\n${pieces.join('')}`), timeZone),
      ),
      { numRuns: 500 },
    );
  });

  test('the format is told by the content', () => {
    expect(['{', ' [1]', '\n<a>', 'id,room', ''].map(formatOf)).toEqual(['json', 'json', 'xml', 'csv', 'csv']);
  });
});
