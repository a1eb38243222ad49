import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Conduct } from '../relay/conduct.ts';
import { TestApi } from './harness/api.ts';
import { adminSecret, captureLog } from './harness/doors.ts';

const stepMs = 15_000;
let api: TestApi;
let nowMs: number;

beforeEach(() => {
  nowMs = Date.parse('2026-10-24T06:00:00Z');
  api = new TestApi({ now: () => nowMs });
  api.rooms.put('sala-verdi', { language: 'fr-FR' });
  api.rooms.put('second', { title: 'Aula 2', language: 'fr-FR' });
});
afterEach(() => api.rooms.remove());

/** Two days in steps of a quarter of a minute: what each room is set to, and its title, from when on (UTC). */
async function twoDays(file: string, query = ''): Promise<string[]> {
  const given = await api.app.request(`/api/schedule/file${query}`, {
    ...{ method: 'PUT', body: readFileSync(join(import.meta.dirname, 'schedules', file), 'utf8') },
    headers: { authorization: `Bearer ${adminSecret}`, 'content-type': 'text/plain' },
  });
  expect(given.status, await given.clone().text()).toBe(200);
  const { rooms, talks } = api;
  const conduct = new Conduct({
    ...{ rooms, talks, audit: api.rights.audit, log: captureLog().log, defaultLanguage: 'en-GB' },
    assignments: (room) => rooms.kept.assignments(room),
    scheduleLanguage: () => null,
    ...{ now: () => nowMs, monotonic: () => nowMs },
  });
  const seen: string[] = [];
  const before = new Map<string, string>();
  const end = nowMs + 48 * 3_600_000;
  for (; nowMs < end; nowMs += stepMs) {
    conduct.tick();
    for (const { record } of rooms.all()) {
      const { language } = record.settings;
      if (before.get(record.name) !== language && before.has(record.name))
        seen.push(`${record.name} ${new Date(nowMs).toISOString().slice(8, 19)} ${language}`);
      before.set(record.name, language);
    }
  }
  return seen;
}

describe('two days of a conference, over midnight and the end of summer time', () => {
  test('by a schedule.json', async () => {
    expect(await twoDays('pretalx.json')).toEqual([
      'sala-verdi 24T07:29:00 en-GB',
      'sala-verdi 24T08:29:00 it-IT',
      'sala-verdi 24T22:44:00 de-DE',
      'second 25T08:29:00 en-GB',
    ]);
  });

  test('by a schedule.xml: a talk without a language leaves the room’s', async () => {
    expect(await twoDays('frab.xml')).toEqual(['sala-verdi 24T07:29:00 it-IT', 'second 25T08:29:00 en-GB']);
  });

  test('by a table, with a zone that was given', async () => {
    expect(await twoDays('talks.csv', '?timeZone=Europe/Rome')).toEqual([
      'sala-verdi 24T07:29:00 it-IT',
      'sala-verdi 24T21:29:00 en-GB',
      'second 25T09:59:00 en-GB',
    ]);
  });

  test('that is cancelled and moved on the way: what is gone assigns nothing, what moved does so at its new time', async () => {
    const csv = 'id,room,title,language,start,minutes\n';
    const give = (lines: string) =>
      api.app.request('/api/schedule/file', {
        ...{ method: 'PUT', body: csv + lines, headers: { authorization: `Bearer ${adminSecret}` } },
      });
    const first = 'a,Sala Verdi,One,it,2026-10-24T07:00Z,30\nb,Sala Verdi,Two,de,2026-10-24T08:00Z,30\n';
    expect((await give(first)).status).toBe(200);
    // "One" is cancelled, "Two" is an hour later, and the room has another name.
    expect((await give('b,Verdi (ground floor),Two,de,2026-10-24T09:00Z,30\n')).status).toBe(200);
    expect(api.schedule.view.source?.rooms).toEqual({ 'Verdi (ground floor)': 'sala-verdi' });
    expect(api.talks.of('sala-verdi').map(({ id, start }) => [id, start])).toEqual([['b', Date.UTC(2026, 9, 24, 9)]]);
  });
});

test('the description of these calls is well formed', async () => {
  const { body } = await api.ask('GET', '/openapi.json');
  const { valid, errors } = await new Validator().validate(JSON.parse(JSON.stringify(body)));
  expect(errors ?? []).toEqual([]);
  expect(valid).toBe(true);
  expect(Object.keys(Object(body).paths)).toEqual(
    expect.arrayContaining(['/api/schedule', '/api/schedule/file', '/api/schedule/fetch', '/api/rooms/{room}/conduct']),
  );
});
