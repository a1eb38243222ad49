import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDatabase } from '../relay/database.ts';
import { TextRuleBook } from '../relay/text-rule-book.ts';
import { TestApi } from './harness/api.ts';
import { captureLog } from './harness/doors.ts';
import type { FakeRooms } from './harness/fake-rooms.ts';

let api: TestApi;
let rooms: FakeRooms;

beforeEach(() => {
  api = new TestApi();
  ({ rooms } = api);
  rooms.put('verdi', { language: 'it-IT' });
});

afterEach(() => rooms.remove());

const ask: TestApi['ask'] = (...asked) => api.ask(...asked);

const given = { replacements: [{ find: ' sala  verdi ', replace: 'Sala Verdi' }], blocked: [{ word: 'damn' }] };
const kept = {
  replacements: [{ find: 'sala  verdi', replace: 'Sala Verdi', regex: false, case: 'found', language: null }],
  blocked: [{ word: 'damn', method: 'mask', language: null }],
};
const none = { replacements: [], blocked: [] };

test("the event's rules and a room's are kept apart, whole with their defaults, and replaced as a whole", async () => {
  for (const path of ['/api/text-rules', '/api/rooms/verdi/text-rules']) {
    expect(await ask('GET', path)).toMatchObject({ status: 200, body: none });
    expect(await ask('PUT', path, given)).toMatchObject({ status: 200, body: kept });
    expect((await ask('GET', path)).body).toEqual(kept);
    expect((await ask('PUT', path, { blocked: [] })).body).toEqual(none);
    expect((await ask('GET', path)).body).toEqual(none);
  }
  await ask('PUT', '/api/text-rules', given);
  expect((await ask('GET', '/api/rooms/verdi/text-rules')).body).toEqual(none);
  for (const method of ['GET', 'PUT'])
    expect((await ask(method, '/api/rooms/nowhere/text-rules', method === 'PUT' ? {} : undefined)).status).toBe(404);
  expect(rooms.get('nowhere')).toBeUndefined();
});

test('rules are still there after a restart, and a change of another setting leaves them', async () => {
  await ask('PUT', '/api/text-rules', given);
  await ask('PUT', '/api/rooms/verdi/text-rules', given);
  expect(new TextRuleBook(rooms.db, captureLog().log).rules).toEqual(kept);
  await ask('PUT', '/api/rooms/verdi', { name: 'Sala Verdi' });
  expect((await ask('GET', '/api/rooms/verdi/text-rules')).body).toEqual(kept);
});

test("the event's rules are in the database's copy as soon as they were taken", async () => {
  await ask('PUT', '/api/text-rules', given);
  rooms.db.close();
  for (const ending of ['-wal', '-shm']) rmSync(join(rooms.dir, `relay.db${ending}`), { force: true });
  writeFileSync(join(rooms.dir, 'relay.db'), 'no database at all'.repeat(1000));
  const db = openDatabase(rooms.dir);
  expect(new TextRuleBook(db, captureLog().log).rules).toEqual(kept);
  db.close();
});

test('every mistake is told with the place of its rule, and nothing is changed', async () => {
  await ask('PUT', '/api/text-rules', given);
  const wrong = {
    replacements: [
      { find: 'fine', replace: 'Fine' },
      { find: '(a', replace: '', regex: true },
      { find: 'a*', replace: '', regex: true },
      { find: '(a)', replace: '$2', regex: true },
      { find: '...', replace: '' },
      { find: 'x'.repeat(101), replace: '' },
      { find: 'x', replace: 'y\n\n00:00' },
      { find: 'x', replace: 'y', language: 'no language' },
      { find: 'x', replace: 'y', colour: 'red' },
    ],
    blocked: [{ word: 'fine' }, { word: '?' }, { word: 'x', method: 'hide' }],
  };
  const { status, text } = await ask('PUT', '/api/text-rules', wrong);
  expect(status).toBe(400);
  for (const place of [
    'replacements.1.find: ',
    'replacements.2.find: ',
    'replacements.3.replace: ',
    'replacements.4.find: ',
    'replacements.5.find: ',
    'replacements.6.replace: ',
    'replacements.7.language: ',
    'replacements.8: ',
    'blocked.1.word: ',
    'blocked.2.method: ',
  ])
    expect(text).toContain(place);
  for (const place of ['replacements.0', 'blocked.0']) expect(text).not.toContain(place);
  expect((await ask('GET', '/api/text-rules')).body).toEqual(kept);
});

test('the number of rules is bounded, and what all patterns cost together', async () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => ({ find: `x${i}`, replace: 'y' }));
  expect((await ask('PUT', '/api/text-rules', { replacements: many(200) })).status).toBe(200);
  expect(await ask('PUT', '/api/text-rules', { replacements: many(201) })).toMatchObject({ status: 400 });
  const blocked = Array.from({ length: 501 }, (_, i) => ({ word: `x${i}` }));
  expect((await ask('PUT', '/api/text-rules', { blocked: blocked.slice(1) })).status).toBe(200);
  expect((await ask('PUT', '/api/text-rules', { blocked })).status).toBe(400);
  const costly = Array.from({ length: 20 }, () => ({ find: 'a{450}', replace: '', regex: true }));
  expect((await ask('PUT', '/api/text-rules', { replacements: costly.slice(3) })).status).toBe(200);
  const refused = await ask('PUT', '/api/text-rules', { replacements: costly });
  expect(refused).toMatchObject({ status: 400 });
  expect(refused.text).toContain('replacements: all patterns together');
});

test('a preview says what would be shown and which rules act, and keeps nothing', async () => {
  await ask('PUT', '/api/text-rules', { blocked: [{ word: 'accidenti' }, { word: 'die', language: 'en' }] });
  await ask('PUT', '/api/rooms/verdi/text-rules', { replacements: [{ find: 'netti', replace: 'Netti' }] });
  const preview = async (body: unknown) => (await ask('POST', '/api/text-rules/preview', body)).body;
  const text = 'accidenti, netti die';
  const event = [{ scope: 'event', rule: 'blocked.0', find: 'accidenti' }];
  const room = [{ scope: 'room', rule: 'replacements.0', find: 'netti' }];
  expect(await preview({ text })).toEqual({ text: '***, netti die', acted: event, leftOut: [] });
  expect(await preview({ text, room: 'verdi' })).toEqual({
    text: '***, Netti die',
    acted: [...room, ...event],
    leftOut: [],
  });
  expect(await preview({ text, language: 'en-GB' })).toMatchObject({ text: '***, netti ***' });
  const rules = { replacements: [{ find: 'n(.)tti', replace: '$1', regex: true }] };
  expect(await preview({ text, room: 'verdi', rules })).toMatchObject({ text: '***, e die' });
  expect(await preview({ text, rules })).toMatchObject({ text: 'accidenti, e die' });
  expect(await preview({ text: 'x', rules: { blocked: [{ word: 'x', method: 'drop' }] } })).toMatchObject({ text: '' });
  const blowUp = { replacements: [{ find: 'x', replace: 'y'.repeat(200) }] };
  expect(await preview({ text: 'x x x', rules: blowUp })).toMatchObject({
    text: 'x x x',
    acted: [],
    leftOut: [{ scope: 'event', rule: 'replacements.0' }],
  });
  expect((await ask('GET', '/api/rooms/verdi/text-rules')).body).toMatchObject({ blocked: [] });
  const wrong = await ask('POST', '/api/text-rules/preview', {
    text,
    rules: { replacements: [{ find: '(', replace: '', regex: true }] },
  });
  expect(wrong).toMatchObject({ status: 400 });
  expect(wrong.text).toContain('rules.replacements.0.find: ');
  expect((await ask('POST', '/api/text-rules/preview', { text, room: 'nowhere' })).status).toBe(404);
  expect((await ask('POST', '/api/text-rules/preview', { text: 'x'.repeat(5001) })).status).toBe(400);
});

test('lists of the greatest length that is allowed fit into a call, as they are given and as they are shown', async () => {
  const letters = (i: number) => [...String(i).padStart(4, '0')].map((digit) => 'abcdefghij'[Number(digit)]).join('');
  const long = (i: number, length: number) => letters(i).padEnd(length, '漢');
  const rules = {
    replacements: Array.from({ length: 200 }, (_, i) => ({ find: long(i, 100), replace: long(i, 200) })),
    blocked: Array.from({ length: 500 }, (_, i) => ({ word: long(i, 100) })),
  };
  const phrases = Array.from({ length: 1000 }, (_, i) => ({
    phrase: letters(i).padEnd(24, 'z'),
    ...(i < 200 && { displayAs: long(i, 200) }),
  }));
  for (const [path, list] of [
    ['/api/text-rules', rules],
    ['/api/rooms/verdi/text-rules', rules],
    ['/api/vocabulary', { phrases }],
    ['/api/rooms/verdi/vocabulary', { phrases }],
  ] as const) {
    expect(await ask('PUT', path, list), path).toMatchObject({ status: 200 });
    const { body } = await ask('GET', path);
    const shown = 'phrases' in list ? { phrases: Object(body).phrases } : body;
    expect(await ask('PUT', path, shown), path).toMatchObject({ status: 200 });
  }
  expect(await ask('POST', '/api/text-rules/preview', { text: 'x', rules })).toMatchObject({ status: 200 });
  expect(await ask('PUT', '/api/vocabulary', { phrases: [{ phrase: 'x'.repeat(600_000) }] })).toMatchObject({
    status: 413,
  });
});
