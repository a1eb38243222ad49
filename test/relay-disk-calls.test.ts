import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestApi } from './harness/api.ts';
import { adminSecret } from './harness/doors.ts';

const csv = (title: string) => `id,room,title,date,start,duration\n1,hall,${title},2030-01-01,09:30,30\n`;
const talk = { title: 'A talk', start: '2030-01-01T12:00:00Z', end: '2030-01-01T13:00:00Z' };

describe('while the disk takes nothing', () => {
  let api: TestApi;
  beforeEach(async () => {
    api = new TestApi();
    await api.ask('PUT', '/api/rooms/hall', {});
    await api.ask('PUT', '/api/rooms/hall/talks/by-hand', talk);
    expect((await give('Before')).status).toBe(200);
    // As on a disk that has become read-only.
    api.rooms.db.pragma('query_only = 1');
  });
  afterEach(() => {
    api.rooms.db.pragma('query_only = 0');
    api.rooms.remove();
  });

  const give = (title: string) =>
    api.app.request('/api/schedule/file?timeZone=UTC', {
      ...{ method: 'PUT', body: csv(title) },
      headers: { authorization: `Bearer ${adminSecret}`, 'content-type': 'text/csv' },
    });

  it.each([
    ['PUT', '/api/rooms/attic', {}],
    ['PUT', '/api/rooms/hall/language', { language: 'it-IT' }],
    ['POST', '/api/rooms/hall/tokens', { right: 'read' }],
    ['PUT', '/api/rooms/hall/talks/other', talk],
    ['DELETE', '/api/rooms/hall/talks/by-hand', undefined],
    ['PUT', '/api/text-rules', { replacements: [], blocked: [] }],
    ['PUT', '/api/vocabulary', { phrases: [{ phrase: 'Sala' }] }],
    ['DELETE', '/api/schedule', undefined],
    ['DELETE', '/api/rooms/hall', undefined],
  ])('%s %s says so, and when to come again', async (method, path, body) => {
    const { status, body: told, headers } = await api.ask(method, path, body);
    expect({ status, told }).toMatchObject({ status: 503, told: { error: { code: 'disk' } } });
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('a schedule that is given is not taken, and the one before holds', async () => {
    const before = api.schedule.view;
    const answer = await give('After');
    expect([answer.status, Number(answer.headers.get('retry-after')) > 0]).toEqual([503, true]);
    expect(api.schedule.view).toEqual(before);
    api.rooms.db.pragma('query_only = 0');
    expect((await give('After')).status).toBe(200);
    expect(api.talks.get('hall', '1')?.title).toBe('After');
  });

  it('a schedule that is forgotten is not half forgotten', async () => {
    const before = api.schedule.view;
    expect((await api.ask('DELETE', '/api/schedule')).status).toBe(503);
    expect(api.schedule.view).toEqual(before);
    api.rooms.db.pragma('query_only = 0');
    expect((await api.ask('DELETE', '/api/schedule')).status).toBe(204);
    expect(api.schedule.view).toMatchObject({ source: null, talks: 0 });
  });
});
