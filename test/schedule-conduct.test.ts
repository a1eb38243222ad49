import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Conduct } from '../relay/conduct.ts';
import { moved, nextTalk, presentTalk, undecided } from '../relay/conduct-times.ts';
import { Schedule } from '../relay/schedule/schedule.ts';
import { stretchOf } from '../relay/talk-stretch.ts';
import { type KeptTalk, type ScheduledTalk, Talks } from '../relay/talks.ts';
import { TestApi } from './harness/api.ts';
import { captureLog } from './harness/doors.ts';

const minute = 60_000;
const nine = Date.UTC(2026, 11, 1, 9);
const at = (minutes: number) => nine + minutes * minute;
const talk = (id: string, start: number, end: number, language: string | null = null): ScheduledTalk => ({
  ...{ id, title: `About ${id}`, speakers: [], language },
  ...{ start: at(start), end: at(end) },
});
/** Italian, then English, then after a break German, then one that does not say. */
const day = [talk('a', 0, 30, 'it'), talk('b', 30, 60, 'en-GB'), talk('c', 90, 120, 'de'), talk('d', 125, 150)];

let api: TestApi;
let conduct: Conduct;

/** As after a restart: another process on the same data. */
function begin(): Conduct {
  const { log } = captureLog();
  const talks = new Talks(api.rooms.db);
  const made = new Conduct({
    ...{ rooms: api.rooms, talks, audit: api.rights.audit, log, defaultLanguage: 'en-US' },
    assignments: (room) => api.rooms.kept.assignments(room),
    scheduleLanguage: () => null,
  });
  made.start();
  return made;
}

beforeEach(() => {
  // Not setImmediate: transcripts are read step by step.
  const toFake = ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] as const;
  vi.useFakeTimers({ now: at(-10), toFake: [...toFake] });
  api = new TestApi();
  api.rooms.put('hall', { language: 'fr-FR' });
  for (const each of day) api.talks.put('hall', each);
  conduct = api.conduct;
  conduct.start();
});
afterEach(() => {
  conduct.stop();
  vi.useRealTimers();
  api.rooms.remove();
});

const hall = () => {
  const room = api.rooms.get('hall');
  if (!room) throw new Error('no hall');
  return room;
};
const language = () => hall().record.settings.language;
/** Lets time go by to so many minutes after nine, and notes each change of language with its second. */
async function until(minutes: number): Promise<string[]> {
  const seen: string[] = [];
  let before = language();
  while (Date.now() < at(minutes)) {
    vi.advanceTimersByTime(1000);
    if (language() === before) continue;
    before = language();
    seen.push(`${((Date.now() - nine) / minute).toFixed(2)} ${before}`);
  }
  return seen;
}
const act = async (body: object) => {
  const answer = await api.ask('POST', '/api/rooms/hall/conduct', body);
  expect(answer.status, answer.text).toBe(200);
  return answer.body;
};
const now = () => {
  const { talk: on, held, until: to, next } = conduct.of(hall());
  return { on: on?.id ?? null, held, until: to === null ? null : (to - nine) / minute, next: next?.id ?? null };
};
const shown = () => api.talks.at('hall', Date.now())?.id ?? null;
const stretch = (id: string) => {
  const found = api.talks.stretches('hall', Date.now()).find((each) => each.id === id);
  return found && [(found.start - nine) / minute, (found.end - nine) / minute];
};

describe('a day', () => {
  test('has each talk in its language, a minute before it, or when the one before it ends', async () => {
    expect(await until(160)).toEqual(['-1.00 it-IT', '30.00 en-GB', '89.00 de-DE']);
  });

  test('is told in the audit, by the schedule', async () => {
    await until(31);
    const { body } = await api.ask('GET', '/api/audit?room=hall');
    const by = expect.objectContaining({ actor: 'schedule', address: '', act: 'assigned a language', room: 'hall' });
    expect(body).toMatchObject({
      entries: [
        { ...{ detail: { language: 'en-GB', talk: 'b' } }, at: at(30) },
        { ...{ detail: { language: 'it-IT', talk: 'a' } }, at: at(-1) },
      ],
    });
    expect(body).toMatchObject({ entries: [by, by] });
  });

  test('is in the room’s view and at its own call', async () => {
    await until(10);
    const expected = {
      talk: { id: 'a', start: at(0), end: at(30) },
      held: false,
      until: at(30),
      next: { id: 'b' },
      message: '',
    };
    expect((await api.ask('GET', '/api/rooms/hall/conduct')).body).toMatchObject(expected);
    expect((await api.ask('GET', '/api/rooms/hall')).body).toMatchObject({ conduct: expected });
    expect((await api.ask('GET', '/api/rooms/none/conduct')).status).toBe(404);
  });

  test('goes on where a restart in mid-talk broke it off, and nothing is assigned twice', async () => {
    await until(10);
    api.rooms.put('hall', { language: 'es-ES' });
    conduct.stop();
    conduct = begin();
    expect(await until(20)).toEqual([]);
    conduct.stop();
    await vi.advanceTimersByTimeAsync(20 * minute);
    conduct = begin();
    expect(await until(45)).toEqual(['40.02 en-GB']);
  });
});

describe('a language', () => {
  test('set by hand wins until the next talk begins', async () => {
    await until(10);
    await api.ask('PUT', '/api/rooms/hall/language', { language: 'es-ES' });
    expect(await until(40)).toEqual(['30.00 en-GB']);
  });

  test('set by hand in a talk that is imported only then wins, too; one from before it does not', async () => {
    for (const { id } of day) api.talks.delete('hall', id);
    await until(5);
    api.rooms.put('hall', { language: 'es-ES' });
    api.talks.put('hall', talk('a', 0, 30, 'it'));
    expect(await until(10)).toEqual([]);
    api.rooms.put('other', { language: 'es-ES' });
    await vi.advanceTimersByTimeAsync(5 * minute);
    api.talks.put('other', talk('o', 12, 30, 'it'));
    await vi.advanceTimersByTimeAsync(2000);
    expect(api.rooms.get('other')?.record.settings.language).toBe('it-IT');
  });

  test('that the schedule corrects is assigned in mid-talk, unless an organizer was there', async () => {
    await until(5);
    api.talks.put('hall', talk('a', 0, 30, 'de'));
    expect(await until(6)).toEqual(['5.02 de-DE']);
    api.rooms.put('hall', { language: 'es-ES' });
    api.talks.put('hall', talk('a', 0, 30, 'it'));
    expect(await until(29)).toEqual([]);
  });

  test('without a region is the room’s own form of it, else the usual one', async () => {
    const of = (wanted: string, present: string) => {
      api.rooms.put('hall', { language: present });
      return conduct.languagesLike(wanted, hall())[0];
    };
    expect([of('en', 'en-AU'), of('en', 'it-IT'), of('it', 'fr-FR'), of('pt', 'it-IT'), of('zh', 'it-IT')]).toEqual([
      ...['en-AU', 'en-US', 'it-IT', 'pt-BR', 'zh-CN'],
    ]);
    expect([of('de-CH', 'de-DE'), of('zh-Hant', 'zh-CN')]).toEqual(['de-CH', 'zh-TW']);
  });

  test('that the engine does not take in one form is taken in another; in none, it is told and tried again', async () => {
    const put = vi.spyOn(api.rooms, 'put');
    const refuse = (only: string) =>
      put.mockImplementation((name, change) => {
        if (change?.language !== only) throw conflict();
        put.mockRestore();
        return api.rooms.put(name, change);
      });
    const { SalaError } = await import('../systemd/errors.ts');
    const conflict = () =>
      new SalaError('The engine does not know it', { code: 'settings-conflict', hint: 'Another.' });
    api.talks.put('hall', talk('a', 0, 30, 'it-CH'));
    refuse('it-IT');
    expect(await until(1)).toEqual(['-1.00 it-IT']);
    const none = vi.spyOn(api.rooms, 'put').mockImplementation(() => {
      throw conflict();
    });
    await until(31);
    expect(conduct.of(hall()).message).toMatch(
      /"About b" \(en-GB\) could not be assigned: The engine does not know it/,
    );
    const refused = (await api.ask('GET', '/api/audit')).text.split('could not assign a language').length - 1;
    expect(refused).toBe(1);
    none.mockRestore();
    expect(await until(33)).toHaveLength(1);
    expect(conduct.of(hall()).message).toBe('');
  });

  test('that could not be assigned is not tried any more once an organizer has set one', async () => {
    const { SalaError } = await import('../systemd/errors.ts');
    const put = vi.spyOn(api.rooms, 'put').mockImplementation(() => {
      throw new SalaError('The engine does not know it', { code: 'settings-conflict', hint: 'Another.' });
    });
    await until(5);
    expect(conduct.of(hall()).message).toMatch(/could not be assigned/);
    put.mockRestore();
    api.rooms.put('hall', { language: 'es-ES' });
    expect(await until(20)).toEqual([]);
    expect(conduct.of(hall()).message).toBe('');
    expect(await until(31)).toEqual(['30.00 en-GB']);
  });

  test('is left alone where the service identifies it', async () => {
    api.rooms.put('hall', { recognition: { identification: 'multiple', languageOptions: ['it-IT', 'en-US'] } });
    const before = language();
    await until(100);
    expect(language()).toBe(before);
    expect(hall().record.settings.recognition.identification).toBe('multiple');
  });

  test('of the source is that of imported talks that name none, and not of talks by hand', async () => {
    const { log } = captureLog();
    const { rooms, talks } = api;
    const schedule = new Schedule({ db: rooms.db, rooms: rooms.kept, talks, audit: api.rights.audit, log });
    expect(conduct.wantedFor({ language: null, source: 'schedule' })).toBe(schedule.language);
    const csv = 'room,title,start,minutes\nhall,Imported,2026-12-01T12:00Z,30';
    await api.app.request('/api/schedule/file?language=sv', {
      ...{ method: 'PUT', body: csv },
      headers: { authorization: 'Bearer the-organizers-own-secret', 'content-type': 'text/csv' },
    });
    expect(await until(150)).toEqual(['-1.00 it-IT', '30.00 en-GB', '89.00 de-DE']);
    expect(await until(200)).toEqual(['179.00 sv-SE']);
  });
});

describe('hold', () => {
  test('keeps the talk, its title and its language, until the next one is called', async () => {
    await until(25);
    expect(await act({ act: 'hold' })).toMatchObject({
      talk: { id: 'a' },
      held: true,
      until: at(30 + 180),
      next: { id: 'b' },
    });
    expect(await until(50)).toEqual([]);
    expect([shown(), now()]).toEqual(['a', { on: 'a', held: true, until: 210, next: 'b' }]);
    expect(stretch('a')).toEqual([0, 50]);
    expect(await act({ act: 'advance' })).toMatchObject({
      talk: { id: 'b', start: at(50), end: at(80) },
      held: false,
      next: { id: 'c' },
    });
    expect([language(), shown(), stretch('a'), stretch('b')]).toEqual(['en-GB', 'b', [0, 50], [50, 80]]);
    expect(await until(100)).toEqual(['89.00 de-DE']);
  });

  test('survives a restart, and lapses three hours after the talk', async () => {
    await until(25);
    await act({ act: 'hold' });
    conduct.stop();
    conduct = begin();
    expect(await until(209)).toEqual([]);
    expect(now()).toMatchObject({ on: 'a', held: true });
    await until(212);
    expect(now()).toMatchObject({ on: 'd', held: false });
  });

  test('goes back to the talk before, where the next has begun by the clock alone', async () => {
    await until(33);
    expect(language()).toBe('en-GB');
    expect(await act({ act: 'hold', talk: 'a' })).toMatchObject({ talk: { id: 'a' }, held: true });
    expect([language(), shown()]).toEqual(['it-IT', 'a']);
    expect((await api.ask('POST', '/api/rooms/hall/conduct', { act: 'hold', talk: 'none' })).status).toBe(409);
  });
});

describe('advance', () => {
  test('begins the next talk early, with its language, title and transcript', async () => {
    await until(20);
    await act({ act: 'advance' });
    expect([language(), shown(), now()]).toEqual(['en-GB', 'b', { on: 'b', held: false, until: 60, next: 'c' }]);
    expect(await until(35)).toEqual([]);
    expect([stretch('a'), stretch('b')]).toEqual([
      [0, 20],
      [20, 60],
    ]);
  });

  test('once more skips one', async () => {
    await until(20);
    await act({ act: 'advance' });
    expect(await act({ act: 'advance' })).toMatchObject({ talk: { id: 'c', start: at(20) }, next: { id: 'd' } });
    expect(language()).toBe('de-DE');
  });

  test('finds no talk that begins tomorrow; it ends a hold all the same', async () => {
    for (const id of ['b', 'c', 'd']) api.talks.delete('hall', id);
    api.talks.put('hall', talk('tomorrow', 24 * 60, 25 * 60, 'en'));
    await until(40);
    const refused = await api.ask('POST', '/api/rooms/hall/conduct', { act: 'advance' });
    expect(refused).toMatchObject({
      status: 409,
      body: { error: { code: 'talk-none', hint: expect.stringMatching(/./) } },
    });
    await act({ act: 'hold' });
    expect(await act({ act: 'advance' })).toMatchObject({ talk: { id: 'a', end: at(40) }, held: false });
    expect(api.talks.get('hall', 'tomorrow')?.start).toBe(at(24 * 60));
  });
});

describe('extend', () => {
  test('moves the end, and what follows, until a break takes it up', async () => {
    await until(28);
    expect(await act({ act: 'extend' })).toMatchObject({
      talk: { id: 'a', end: at(40) },
      next: { id: 'b', start: at(40), end: at(70) },
    });
    expect(await until(100)).toEqual(['40.00 en-GB', '89.00 de-DE']);
    expect([stretch('a'), stretch('b'), stretch('c')]).toEqual([
      [0, 40],
      [40, 70],
      [90, 120],
    ]);
  });

  test('of a talk that overruns counts from now', async () => {
    await until(85);
    expect(await act({ act: 'extend', minutes: 30 })).toMatchObject({ talk: { id: 'b', end: at(115) } });
    expect(await until(130)).toEqual(['115.00 de-DE']);
    expect(stretch('d')).toEqual([145, 170]);
  });

  test('takes whole minutes, four hours at most', async () => {
    await until(10);
    for (const minutes of [0, -5, 241, 1.5, 'ten'])
      expect((await api.ask('POST', '/api/rooms/hall/conduct', { act: 'extend', minutes })).status).toBe(400);
    expect((await api.ask('POST', '/api/rooms/hall/conduct', { act: 'stop' })).status).toBe(400);
  });
});

describe('between talks', () => {
  test('nothing can be held or extended before the first', async () => {
    expect(now()).toEqual({ on: null, held: false, until: null, next: 'a' });
    for (const body of [{ act: 'hold' }, { act: 'extend' }])
      expect((await api.ask('POST', '/api/rooms/hall/conduct', body)).status).toBe(409);
    expect(await act({ act: 'advance' })).toMatchObject({ talk: { id: 'a', start: at(-10) } });
    expect(language()).toBe('it-IT');
  });
});

describe('a transcript', () => {
  test('of a talk that was moved is what was said in it', async () => {
    await until(20);
    const say = (text: string, minutes: number) => hall().say(text, { start: at(minutes), end: at(minutes) + 1000 });
    say('Of a.', 19);
    await act({ act: 'advance' });
    say('Of b, early.', 21);
    say('Of b, late.', 50);
    const texts = async (id: string) => {
      const { body } = await api.ask('GET', `/api/rooms/hall/transcript.json?talk=${id}`);
      return JSON.stringify(body).match(/Of [^"]*/g);
    };
    await until(65);
    expect([await texts('a'), await texts('b')]).toEqual([['Of a.'], ['Of b, early.', 'Of b, late.']]);
  });

  test('of a talk that is held goes on to now', async () => {
    await until(29);
    await act({ act: 'hold' });
    await until(55);
    const stretches = api.talks.stretches('hall', Date.now());
    const held = stretches.find(({ id }) => id === 'a');
    expect(held && (await stretchOf(held, stretches, hall().log.spoken, async () => {}))).toEqual({
      from: at(0),
      to: at(55),
    });
  });
});

describe('a clock', () => {
  test.each([
    ['decades ahead', Date.UTC(2058, 0, 1)],
    ['back to 1970', 0],
    ['into another talk', at(100)],
    ['to the day before', at(-24 * 60)],
  ])('that jumps %s for a while assigns nothing, and undoes nothing', async (_, wrong) => {
    await until(10);
    await act({ act: 'extend', minutes: 10 });
    await act({ act: 'hold' });
    api.rooms.put('hall', { language: 'es-ES' });
    const before = Date.now();
    vi.setSystemTime(wrong);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(language()).toBe('es-ES');
    vi.setSystemTime(before + 30_000);
    await vi.advanceTimersByTimeAsync(2 * minute);
    expect([language(), now(), stretch('a')]).toEqual([
      'es-ES',
      { on: 'a', held: true, until: 220, next: 'b' },
      [0, 40],
    ]);
    expect(api.rooms.kept.assignments('hall').every(({ fromMs }) => fromMs <= Date.now())).toBe(true);
  });

  test('that was set for good is believed after a minute', async () => {
    vi.setSystemTime(at(91));
    await vi.advanceTimersByTimeAsync(50_000);
    expect(language()).toBe('fr-FR');
    await vi.advanceTimersByTimeAsync(15_000);
    expect(language()).toBe('de-DE');
  });

  test('that is adjusted by seconds makes no difference', async () => {
    await until(-2);
    for (let i = 0; i < 40; i++) {
      vi.setSystemTime(Date.now() + (i % 2 ? 900 : -700));
      await vi.advanceTimersByTimeAsync(2000);
    }
    expect(language()).toBe('it-IT');
  });
});

describe('whatever was decided', () => {
  const plan = fc
    .array(fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1, max: 90 })), { minLength: 1, maxLength: 8 })
    .map((times) =>
      times.map(([start, length], i) => talk(`t${i}`, start, start + length)).sort((a, b) => a.start - b.start),
    );
  const minutesOf = fc.option(fc.integer({ min: -20, max: 400 }).map(at), { nil: undefined });
  const move = fc.record({ begun: minutesOf, ended: minutesOf, end: minutesOf });

  test('talks stay in order, none ends before it begins, and what nobody moved is pushed by a delay alone', () => {
    fc.assert(
      fc.property(plan, fc.dictionary(fc.constantFrom('t0', 't1', 't2', 't3', '__proto__'), move), (talks, by) => {
        const all = moved(talks, { ...undecided, moved: by });
        expect(all.map(({ id }) => id).sort()).toEqual(talks.map(({ id }) => id).sort());
        all.forEach((each, i) => {
          expect(each.end).toBeGreaterThanOrEqual(each.start);
          expect(each.start).toBeGreaterThanOrEqual(all[i - 1]?.start ?? 0);
          const planned = talks.find(({ id }) => id === each.id);
          if (by[each.id] || !planned) return;
          expect(each.start).toBeGreaterThanOrEqual(planned.start);
          expect(each.end - each.start).toBe(planned.end - planned.start);
        });
        if (Object.keys(by).length === 0) expect(all).toBe(talks);
      }),
    );
  });

  test('the present talk is one that runs or ran, and the next one comes after it', () => {
    fc.assert(
      fc.property(plan, fc.integer({ min: -60, max: 900 }), (talks, minutes) => {
        const nowMs = at(minutes);
        const present = presentTalk(talks, undecided, nowMs);
        const running = talks.filter(({ start, end }) => start <= nowMs && nowMs < end);
        if (running.length > 0)
          expect(present === null || present.start >= Math.max(...running.map(({ start }) => start))).toBe(true);
        if (present) expect(present.start - minute <= nowMs && nowMs < present.end + 180 * minute).toBe(true);
        const next = nextTalk(talks, present, nowMs);
        if (present && next) expect(next.start).toBeGreaterThanOrEqual(present.start);
      }),
    );
  });

  test('what concerns talks that are gone is forgotten, and the next room of the name begins anew', async () => {
    await until(10);
    await act({ act: 'extend' });
    await act({ act: 'hold' });
    api.talks.delete('hall', 'a');
    const kept: KeptTalk | undefined = api.talks.get('hall', 'b');
    api.talks.decide('hall', api.talks.decisions('hall'));
    expect(api.talks.decisions('hall')).toMatchObject({ held: null, moved: {} });
    expect(kept).toBeDefined();
    await api.rooms.delete('hall');
    api.talks.forget('hall');
    api.rooms.put('hall', {});
    expect(api.talks.decisions('hall')).toEqual(undecided);
  });
});
