import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { ScheduledTalk } from '../relay/talks.ts';
import { TestApi } from './harness/api.ts';
import type { FakeRoom } from './harness/fake-rooms.ts';

const minute = 60_000;
const nine = Date.UTC(2026, 11, 1, 9);
const captions = z.object({ captions: z.array(z.object({ text: z.string() })) });

let api: TestApi;
let room: FakeRoom;
beforeEach(() => {
  api = new TestApi();
  room = api.rooms.put('verdi');
});
afterEach(() => api.rooms.remove());

const plan = (id: string, start: number, end: number) => {
  const talk: ScheduledTalk = { ...{ id, title: id, speakers: [], language: null }, start: at(start), end: at(end) };
  api.talks.put('verdi', talk);
};
const at = (minutes: number) => nine + minutes * minute;
/** A caption of two seconds, named by its minute. */
const say = (minutes: number, fields: { late?: boolean } = {}) =>
  room.say(`m${minutes}`, { start: at(minutes), end: at(minutes) + 2000, ...fields });
const told = async (query: string) => {
  const { status, body } = await api.ask('GET', `/api/rooms/verdi/transcript.json?${query}`);
  expect(status).toBe(200);
  return captions.parse(body).captions.map(({ text }) => text);
};

test('a talk’s transcript is what was said from its start to its end, late captions too', async () => {
  plan('a', 0, 30);
  plan('b', 40, 60);
  for (const minutes of [-1, 0, 10, 29.99, 45]) say(minutes);
  say(20, { late: true });
  expect(await told('talk=a')).toEqual(['m0', 'm10', 'm20', 'm29.99']);
  expect(await told('talk=b')).toEqual(['m45']);
});

test('an overrun belongs to it, to the first pause of five minutes', async () => {
  plan('a', 0, 30);
  plan('b', 90, 120);
  for (const minutes of [25, 29, 32, 36, 40.9, 46, 47]) say(minutes);
  expect(await told('talk=a')).toEqual(['m25', 'm29', 'm32', 'm36', 'm40.9']);
});

test('what is said after a talk that was over before its end is no overrun', async () => {
  plan('a', 0, 30);
  for (const minutes of [10, 26, 32]) say(minutes);
  expect(await told('talk=a')).toEqual(['m10', 'm26']);
});

test('an overrun ends with the start of the next talk, or three hours later', async () => {
  plan('a', 0, 30);
  plan('b', 40, 60);
  for (let minutes = 28; minutes < 62; minutes += 2) say(minutes);
  expect((await told('talk=a')).at(-1)).toBe('m38');
  expect((await told('talk=b'))[0]).toBe('m40');
  for (let minutes = 62; minutes < 300; minutes += 2) say(minutes);
  expect((await told('talk=b')).at(-1)).toBe('m238');
});

test('a talk that the next one overlaps is not longer than it was planned', async () => {
  plan('a', 0, 30);
  plan('b', 20, 60);
  for (const minutes of [10, 25, 29, 31]) say(minutes);
  expect(await told('talk=a')).toEqual(['m10', 'm25', 'm29']);
});

test('a period and a page of it may be asked for, too', async () => {
  plan('a', 0, 30);
  for (let minutes = -5; minutes < 30; minutes++) say(minutes);
  expect(await told(`talk=a&from=${at(27)}`)).toEqual(['m27', 'm28', 'm29']);
  expect(await told(`talk=a&to=${at(2)}`)).toEqual(['m0', 'm1']);
  expect(await told('talk=a&limit=2')).toEqual(['m28', 'm29']);
  expect(await told(`talk=a&limit=9&spokenBefore=${at(2)},0`)).toEqual(['m0', 'm1']);
});

test('files count from its start, and have its name', async () => {
  plan('key.1', 0, 30);
  say(10);
  const { text, headers } = await api.ask('GET', '/api/rooms/verdi/transcript.vtt?talk=key.1&download=1');
  expect(text).toContain('10:00.000 --> ');
  expect(headers.get('content-disposition')).toBe('attachment; filename="verdi-2026-12-01-key.1.vtt"');
});

test('a talk that is not in the schedule is told', async () => {
  for (const what of ['json', 'vtt', 'srt', 'txt']) {
    const answer = await api.ask('GET', `/api/rooms/verdi/transcript.${what}?talk=none`);
    expect(answer).toMatchObject({ status: 404, body: { error: { code: 'talk-unknown' } } });
    expect((await api.ask('GET', `/api/rooms/verdi/transcript.${what}?talk=a%20b`)).status).toBe(400);
  }
});
