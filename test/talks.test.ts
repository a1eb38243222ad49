import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Talk } from '../relay/protocol.js';
import { maxOverrunMs, maxTalks, type ScheduledTalk, type Talks, talkAt } from '../relay/talks.ts';
import { TestApi } from './harness/api.ts';
import { House, type Reading } from './harness/doors.ts';
import type { FakeRoom } from './harness/fake-rooms.ts';
import { roomsWithoutEngine } from './harness/rooms-without-engine.ts';

const minute = 60_000;
const nine = Date.UTC(2026, 11, 1, 9);

const talk = (id: string, start: number, end: number, rest: Partial<ScheduledTalk> = {}): ScheduledTalk => ({
  ...{ id, title: `About ${id}`, speakers: ['Ada'], language: null },
  start: nine + start * minute,
  end: nine + end * minute,
  ...rest,
});
const onAt = (talks: readonly ScheduledTalk[], minutes: number) => talkAt(talks, nine + minutes * minute)?.id ?? null;

describe('the talk that is on', () => {
  const day = [talk('a', 0, 30), talk('b', 35, 60), talk('c', 120, 150)];

  test('is on from a quarter of an hour before its start', () => {
    expect([onAt(day, -15.01), onAt(day, -15), onAt(day, 0), onAt(day, 29.99)]).toEqual([null, 'a', 'a', 'a']);
  });

  test('goes before one that is about to begin', () => {
    expect([onAt(day, 25), onAt(day, 30), onAt(day, 34)]).toEqual(['a', 'b', 'b']);
  });

  test('stays while it overruns, until the next one’s lead', () => {
    expect([onAt(day, 60), onAt(day, 90), onAt(day, 104.99), onAt(day, 105)]).toEqual(['b', 'b', 'b', 'c']);
  });

  test('is over after three hours of overrun at the latest', () => {
    expect([onAt(day, 150), onAt(day, 150 + 180 - 0.01), onAt(day, 150 + 180)]).toEqual(['c', 'c', null]);
  });

  test('is the one that began last where two overlap', () => {
    const both = [talk('a', 0, 60), talk('b', 30, 90)];
    expect([onAt(both, 29), onAt(both, 30), onAt(both, 59), onAt(both, 60), onAt(both, 95)]).toEqual([
      'a',
      'b',
      'b',
      'b',
      'b',
    ]);
  });

  test('holds whatever the schedule: a running one first, then the next within its lead, then the last', () => {
    const schedules = fc.array(fc.tuple(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 1, max: 90 })), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(schedules, fc.integer({ min: -60, max: 900 }), (times, now) => {
        const talks = times
          .map(([start, length], i) => talk(`t${i}`, start, start + length))
          .sort((a, b) => a.start - b.start);
        const nowMs = nine + now * minute;
        const on = talkAt(talks, nowMs);
        const running = talks.filter(({ start, end }) => start <= nowMs && nowMs < end);
        const next = talks.filter(({ start }) => start > nowMs && start - 15 * minute <= nowMs);
        const over = talks.filter(({ end }) => end <= nowMs && nowMs - end < maxOverrunMs);
        const rank = running.length > 0 ? running : next.length > 0 ? next : over;
        expect(on === null).toBe(rank.length === 0);
        if (on) expect(rank).toContain(on);
        if (on && rank === running) expect(on.start).toBe(Math.max(...running.map(({ start }) => start)));
        if (on && rank === next) expect(on.start).toBe(Math.min(...next.map(({ start }) => start)));
        if (on && rank === over) expect(on.end).toBe(Math.max(...over.map(({ end }) => end)));
      }),
    );
  });
});

describe('the calls', () => {
  let api: TestApi;
  beforeEach(() => {
    api = new TestApi();
    api.rooms.put('verdi');
  });
  afterEach(() => api.rooms.remove());
  const path = (id: string) => `/api/rooms/verdi/talks/${id}`;
  const given = { title: 'Opening', start: '2026-12-01T09:00:00Z', end: '2026-12-01T10:30:00+01:00' };
  const error = (code: string, message: unknown = expect.any(String)) => ({
    error: { code, message, hint: expect.stringMatching(/./) },
  });

  test('a talk is made, changed as a whole, listed by start and deleted', async () => {
    const made = await api.ask('PUT', path('k.1_A-b'), { ...given, speakers: ['Ada', 'Zoë'], language: 'it-it' });
    const view = {
      ...{ id: 'k.1_A-b', title: 'Opening', speakers: ['Ada', 'Zoë'], language: 'it-IT', source: 'hand' },
      ...{ start: nine, end: nine + 30 * minute },
    };
    expect(made).toMatchObject({ status: 201, body: view });
    await api.ask('PUT', path('before'), { ...given, title: 'Doors', start: nine - minute, end: nine });
    const changed = await api.ask('PUT', path('k.1_A-b'), { ...given, title: 'Opening!' });
    expect(changed.status).toBe(200);
    expect(changed.body).toEqual({ ...view, title: 'Opening!', speakers: [], language: null });
    const list = await api.ask('GET', '/api/rooms/verdi/talks');
    expect(list.body).toMatchObject({ talks: [{ id: 'before', start: nine - minute }, { id: 'k.1_A-b' }] });
    expect((await api.ask('DELETE', path('before'))).status).toBe(204);
    expect(await api.ask('DELETE', path('before'))).toMatchObject({ status: 404, body: error('talk-unknown') });
    expect((await api.ask('GET', '/api/rooms/verdi/talks')).body).toMatchObject({ talks: [{ id: 'k.1_A-b' }] });
  });

  test('all mistakes are told at once', async () => {
    const wrong = { title: ' ', speakers: ['Ada', '', 7], language: 'no language', start: 'tomorrow', rom: 1 };
    const { status, body } = await api.ask('PUT', path('x'), wrong);
    expect(status).toBe(400);
    for (const mistake of ['title', 'speakers.1', 'speakers.2', 'language', 'start', 'end', 'rom'])
      expect(body).toEqual(error('invalid', expect.stringContaining(mistake)));
    const backwards = await api.ask('PUT', path('x'), { ...given, title: '', end: given.start });
    expect(backwards.body).toEqual(error('invalid', expect.stringMatching(/title.*end: must be after the start/)));
    const long = await api.ask('PUT', path('x'), { ...given, end: '2026-12-03T09:00:00Z' });
    expect(long.body).toEqual(error('invalid', expect.stringContaining('24 h')));
    const lines = await api.ask('PUT', path('x'), { ...given, title: 'two\nlines' });
    expect(lines.body).toEqual(error('invalid', expect.stringContaining('title')));
  });

  test('an id is 1 to 64 of its letters; a room there must be', async () => {
    expect((await api.ask('PUT', path('a'.repeat(64)), given)).status).toBe(201);
    for (const id of ['a'.repeat(65), 'a%20b', 'a%2Fb', '%C3%A9'])
      expect(await api.ask('PUT', path(id), given)).toMatchObject({ status: 400, body: error('invalid') });
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const where = method === 'GET' ? '/api/rooms/no/talks' : '/api/rooms/no/talks/x';
      const asked = await api.ask(method, where, method === 'PUT' ? given : undefined);
      expect(asked).toMatchObject({ status: 404, body: error('room-unknown') });
    }
  });

  test('it is the organizers’ schedule', async () => {
    const { token } = api.tokens.create('verdi', 'read', '');
    for (const [method, where] of [
      ['GET', '/api/rooms/verdi/talks'],
      ['PUT', path('x')],
      ['DELETE', path('x')],
    ] as const) {
      const body = method === 'PUT' ? given : undefined;
      expect((await api.ask(method, where, body, null)).status).toBe(401);
      expect((await api.ask(method, where, body, token)).status).toBe(403);
    }
  });

  test('a room takes 500 talks, and one of them may still be changed', async () => {
    api.rooms.db.transaction(() => {
      for (let i = 0; i < maxTalks - 1; i++) api.talks.put('verdi', talk(`t${i}`, i * 60, i * 60 + 30));
    })();
    expect((await api.ask('PUT', path('last'), given)).status).toBe(201);
    expect(await api.ask('PUT', path('more'), given)).toMatchObject({ status: 409, body: error('talks-full') });
    expect((await api.ask('PUT', path('t7'), given)).status).toBe(200);
    const view = await api.ask('GET', '/api/rooms/verdi/talks');
    expect(view.body).toMatchObject({ talks: { length: maxTalks } });
  });

  test('the room’s view has the talk that is on', async () => {
    const on: Talk = { id: 'k', title: 'Keynote', speakers: ['Ada'], start: nine, end: nine + minute };
    expect((await api.ask('GET', '/api/rooms/verdi')).body).toMatchObject({ talk: null });
    api.rooms.get('verdi')?.give(on);
    expect((await api.ask('GET', '/api/rooms/verdi')).body).toMatchObject({ talk: on });
  });
});

describe('readers', () => {
  let house: House;
  let room: FakeRoom;
  const on: Talk = { id: 'k', title: 'Keynote', speakers: ['Ada'], start: nine, end: nine + minute };
  beforeEach(async () => {
    house = await new House().start();
    room = house.rooms.put('verdi', { title: 'Sala Verdi' });
  });
  afterEach(() => house.stop());
  const greeted = (each: Reading) => each.of('status').length > 0;

  test('are greeted with the talk that is on and told of each change, once', async () => {
    room.give(on);
    const first = house.read('verdi');
    await first.until(greeted);
    expect(first.of('hello')).toMatchObject([{ talk: on }]);
    room.give({ ...on, title: 'Keynote, moved' });
    await first.until((each) => each.of('talk').length === 1);
    const second = house.read('verdi');
    await second.until(greeted);
    room.give(null);
    await Promise.all([first, second].map((each) => each.until(({ messages }) => messages.at(-1)?.talk === null)));
    expect(first.of('talk')).toEqual([
      { type: 'talk', talk: { ...on, title: 'Keynote, moved' } },
      { type: 'talk', talk: null },
    ]);
    expect(second.of('hello')).toMatchObject([{ talk: { title: 'Keynote, moved' } }]);
    expect(second.of('talk')).toEqual([{ type: 'talk', talk: null }]);
  });

  test('of the predecessor’s socket are not', async () => {
    const { token } = house.tokens.create('verdi', 'read', '');
    const old = house.connect(`/ws/transcript/verdi?token=${token}`);
    await old.opened;
    room.give(on);
    room.say('Now.');
    await old.until(({ messages }) => messages.length === 1);
    expect(old.messages).toEqual([{ text: 'Now.', is_partial: false }]);
  });
});

describe('a running room', () => {
  let running: ReturnType<typeof roomsWithoutEngine>['running'];
  let talks: Talks;
  let stop: () => Promise<void>;

  beforeEach(() => {
    vi.useFakeTimers({ now: nine - 60 * minute });
    const parts = roomsWithoutEngine();
    ({ talks, running } = parts);
    stop = () => {
      vi.useRealTimers();
      return parts.stop();
    };
  });
  afterEach(() => stop());

  const told = () => {
    const said: { minutes: number; id: string | null }[] = [];
    const ignored = () => {};
    running.get('hall')?.listen({
      ...{ logged: ignored, partial: ignored, status: ignored, deleted: ignored },
      talk: (on) => said.push({ minutes: Math.round((Date.now() - nine) / minute), id: on?.id ?? null }),
    });
    return said;
  };

  test('tells each change of the day at its boundary, and nothing between', async () => {
    for (const name of ['hall', 'other']) running.put(name, {});
    talks.put('hall', talk('a', 0, 30));
    talks.put('hall', talk('b', 35, 60));
    talks.put('other', talk('c', 0, 60));
    const said = told();
    await vi.advanceTimersByTimeAsync(6 * 60 * minute);
    expect(said).toEqual([
      { minutes: -15, id: 'a' },
      { minutes: 30, id: 'b' },
      { minutes: 240, id: null },
    ]);
    expect(running.get('hall')?.talk).toBeNull();
  });

  test('follows a clock that jumps, forth and back', async () => {
    running.put('hall', {});
    talks.put('hall', talk('a', 0, 30));
    talks.put('hall', talk('b', 600, 630));
    const said = told();
    vi.setSystemTime(nine + 610 * minute);
    await vi.advanceTimersByTimeAsync(1000);
    vi.setSystemTime(nine + 10 * minute);
    await vi.advanceTimersByTimeAsync(1000);
    vi.setSystemTime(0);
    await vi.advanceTimersByTimeAsync(1000);
    expect(said.map(({ id }) => id)).toEqual(['b', 'a', null]);
  });

  test('tells at once what the organizer changes: a new talk, another title, one taken out', () => {
    running.put('hall', {});
    const said = told();
    talks.put('hall', talk('a', -60, 30));
    expect(running.get('hall')?.talk).toEqual({
      ...{ id: 'a', title: 'About a', speakers: ['Ada'], start: nine - 60 * minute, end: nine + 30 * minute },
    });
    talks.put('hall', talk('a', -60, 30, { language: 'it-IT' }));
    expect(said.length).toBe(1);
    talks.put('hall', talk('a', -60, 30, { title: 'Another' }));
    talks.delete('hall', 'a');
    expect(said.map(({ id }) => id)).toEqual(['a', 'a', null]);
  });

  test('shows at once what an organizer calls, and what is held', async () => {
    running.put('hall', {});
    talks.put('hall', talk('a', 0, 30));
    talks.put('hall', talk('b', 30, 60));
    const said = told();
    await vi.advanceTimersByTimeAsync(75 * minute);
    const decisions = talks.decisions('hall');
    talks.decide('hall', { ...decisions, moved: { a: { ended: Date.now() }, b: { begun: Date.now() } } });
    expect(running.get('hall')?.talk).toMatchObject({ id: 'b', start: nine + 15 * minute });
    talks.decide('hall', { ...decisions, held: 'a' });
    await vi.advanceTimersByTimeAsync(60 * minute);
    expect(said.map(({ minutes, id }) => `${minutes} ${id}`)).toEqual(['-15 a', '15 b', '15 a']);
  });

  test('that was deleted leaves no talks to one of its name', async () => {
    running.put('hall', {});
    talks.put('hall', talk('a', -60, 30));
    await running.delete('hall');
    expect(running.put('hall', {}).talk).toBeNull();
    expect(talks.of('hall')).toEqual([]);
  });
});
