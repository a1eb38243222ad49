import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TestApi } from './harness/api.ts';
import type { FakeRoom } from './harness/fake-rooms.ts';

let api: TestApi;
let hall: FakeRoom;

beforeEach(() => {
  api = new TestApi();
  hall = api.rooms.put('hall');
});
afterEach(() => api.rooms.remove());

const acts = (): string[] => hall.log.after(0, 1000).flatMap(({ type }) => (type === 'caption' ? [] : [type]));
const codeOf = (body: unknown) => JSON.stringify(body).match(/"code":"([^"]+)"/)?.[1];

test('a room is paused and goes on; asking for it again is no second act', async () => {
  expect((await api.ask('GET', '/api/rooms/hall')).body).toMatchObject({ paused: false });
  for (const paused of [true, true, false, false, true]) {
    const { status, body } = await api.ask('PUT', '/api/rooms/hall/paused', { paused });
    expect({ status, body }).toMatchObject({ status: 200, body: { room: 'hall', paused } });
  }
  expect(acts()).toEqual(['pause', 'resume', 'pause']);
  expect((await api.ask('GET', '/api/rooms')).body).toMatchObject({ rooms: [{ paused: true }] });
});

test('a change of settings leaves a pause as it is', async () => {
  await api.ask('PUT', '/api/rooms/hall/paused', { paused: true });
  await api.ask('PUT', '/api/rooms/hall/language', { language: 'it-IT' });
  expect((await api.ask('PUT', '/api/rooms/hall', { name: 'Hall' })).body).toMatchObject({
    ...{ paused: true, language: 'it-IT', name: 'Hall' },
  });
  expect((await api.ask('PUT', '/api/rooms/hall', { paused: false })).status).toBe(400);
});

test('the screens are cleared, every time it is asked', async () => {
  hall.say('one');
  expect(await api.ask('POST', '/api/rooms/hall/clear')).toMatchObject({ status: 200, body: { seq: 2 } });
  expect(await api.ask('POST', '/api/rooms/hall/clear')).toMatchObject({ status: 200, body: { seq: 3 } });
  expect(hall.log.after(1, 10)).toMatchObject([
    { type: 'clear', at: expect.any(Number) },
    { type: 'clear', at: expect.any(Number) },
  ]);
});

test('a caption is corrected, hidden and brought back; the same text again is no new act', async () => {
  hall.say('teh words');
  const put = (text: string | null) => api.ask('PUT', '/api/rooms/hall/captions/1', { text });
  expect((await put('teh words')).body).toEqual({ type: 'amend', seq: 1, of: 1, text: 'teh words' });
  expect(acts()).toEqual([]);
  const corrected = await put('  the words ');
  expect(corrected).toMatchObject({ status: 200, body: { type: 'amend', seq: 2, of: 1, text: 'the words' } });
  expect((await put('the words')).body).toEqual(corrected.body);
  expect((await put(null)).body).toMatchObject({ seq: 3, of: 1, text: null });
  expect((await put(null)).body).toMatchObject({ seq: 3, of: 1, text: null });
  expect((await put('the words')).body).toMatchObject({ seq: 4, text: 'the words', at: expect.any(Number) });
  expect(hall.log.seq).toBe(4);
});

test('the newest captions are listed for the organizer, hidden ones too', async () => {
  for (let i = 1; i <= 25; i++) hall.say(`word ${i}`);
  hall.amend(25, null);
  hall.amend(24, 'better');
  hall.clear();
  const { status, body } = await api.ask('GET', '/api/rooms/hall/captions/newest');
  expect({ status, body }).toMatchObject({
    status: 200,
    body: {
      captions: [
        { caption: { seq: 25, text: 'word 25' }, text: null },
        { caption: { seq: 24, text: 'word 24' }, text: 'better' },
        ...Array.from({ length: 18 }, (_, i) => ({ caption: { seq: 23 - i }, text: `word ${23 - i}` })),
      ],
    },
  });
  expect((await api.ask('GET', '/api/rooms/hall/captions/newest?limit=2')).body).toMatchObject({
    captions: [{ caption: { seq: 25 } }, { caption: { seq: 24 } }],
  });
});

test('a hidden caption is listed with the words that bring it back: its newest correction, else as it was said', async () => {
  for (const text of ['teh words', 'never corrected', 'shown']) hall.say(text);
  for (const text of ['teh word', 'the words', null]) hall.amend(1, text);
  hall.amend(2, null);
  hall.amend(3, 'is shown');
  expect((await api.ask('GET', '/api/rooms/hall/captions/newest')).body).toMatchObject({
    captions: [
      { text: 'is shown', words: 'is shown' },
      { text: null, words: 'never corrected' },
      { caption: { text: 'teh words' }, text: null, words: 'the words' },
    ],
  });
});

describe('what cannot be done is refused with a hint', () => {
  test.each([
    ['PUT', '/api/rooms/nowhere/paused', { paused: true }, 404, 'room-unknown'],
    ['POST', '/api/rooms/nowhere/clear', undefined, 404, 'room-unknown'],
    ['PUT', '/api/rooms/nowhere/captions/1', { text: null }, 404, 'room-unknown'],
    ['GET', '/api/rooms/nowhere/captions/newest', undefined, 404, 'room-unknown'],
    ['PUT', '/api/rooms/hall/captions/99', { text: null }, 404, 'caption-unknown'],
    ['PUT', '/api/rooms/hall/captions/2', { text: null }, 404, 'caption-unknown'], // a clear
    ['PUT', '/api/rooms/hall/captions/0', { text: null }, 400, 'invalid'],
    ['PUT', '/api/rooms/hall/captions/9007199254740993', { text: null }, 400, 'invalid'],
    ['PUT', '/api/rooms/hall/captions/one', { text: null }, 400, 'invalid'],
    ['PUT', '/api/rooms/hall/captions/1', {}, 400, 'invalid'],
    ['PUT', '/api/rooms/hall/captions/1', { text: '' }, 400, 'invalid'],
    ['PUT', '/api/rooms/hall/captions/1', { text: ' \u00a0 ' }, 400, 'invalid'],
    ['PUT', '/api/rooms/hall/captions/1', { text: 'x'.repeat(4001) }, 400, 'invalid'],
    ['PUT', '/api/rooms/hall/captions/1', { text: 'two\nlines' }, 400, 'invalid'],
    ['PUT', '/api/rooms/hall/captions/1', { text: 'bell\u0007' }, 400, 'invalid'],
    ['PUT', '/api/rooms/hall/captions/1', { text: 'half \ud83d' }, 400, 'invalid'],
    ['PUT', '/api/rooms/hall/captions/1', { text: 'x', more: 1 }, 400, 'invalid'],
    ['PUT', '/api/rooms/hall/paused', { paused: 'yes' }, 400, 'invalid'],
    ['PUT', '/api/rooms/hall/paused', {}, 400, 'invalid'],
    ['GET', '/api/rooms/hall/captions/newest?limit=101', undefined, 400, 'invalid'],
    ['POST', '/api/rooms/hall/captions/1', undefined, 405, 'method'],
  ] as const)('%s %s %j: %i', async (method, path, body, status, code) => {
    hall.say('one');
    hall.clear();
    const answer = await api.ask(method, path, body);
    expect([answer.status, codeOf(answer.body)]).toEqual([status, code]);
    expect(answer.body).toMatchObject({ error: { hint: expect.stringMatching(/\S/) } });
    expect(hall.log.seq).toBe(2);
  });

  test('to whoever has not the right', async () => {
    hall.say('one');
    const { token } = api.tokens.create('hall', 'read', '');
    for (const [method, path, body] of [
      ['PUT', '/api/rooms/hall/paused', { paused: true }],
      ['POST', '/api/rooms/hall/clear', undefined],
      ['PUT', '/api/rooms/hall/captions/1', { text: null }],
      ['GET', '/api/rooms/hall/captions/newest', undefined],
    ] as const) {
      expect((await api.ask(method, path, body, null)).status).toBe(401);
      expect((await api.ask(method, path, body, token)).status).toBe(403);
    }
    expect(hall.log.seq).toBe(1);
  });
});

test('a longest text of 4000 characters is taken', async () => {
  hall.say('one');
  expect((await api.ask('PUT', '/api/rooms/hall/captions/1', { text: 'x'.repeat(4000) })).status).toBe(200);
});

test('a room that is being deleted takes no act', async () => {
  hall.say('one');
  const deleting = api.rooms.delete('hall');
  for (const [method, path, body] of [
    ['PUT', '/api/rooms/hall/paused', { paused: true }],
    ['POST', '/api/rooms/hall/clear', undefined],
    ['PUT', '/api/rooms/hall/captions/1', { text: null }],
  ] as const)
    expect((await api.ask(method, path, body)).status).toBe(404);
  await deleting;
});

test('the calls are described', async () => {
  const { text } = await api.ask('GET', '/openapi.json');
  for (const path of ['paused', 'clear', 'captions/{seq}', 'captions/newest'])
    expect(text).toContain(`"/api/rooms/{room}/${path}"`);
});
