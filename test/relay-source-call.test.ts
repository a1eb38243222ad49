import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestApi } from './harness/api.ts';

let api: TestApi;
beforeEach(() => {
  api = new TestApi();
  api.rooms.put('verdi', { title: 'Sala Verdi' });
  api.rooms.put('rossini');
});
afterEach(() => api.rooms.remove());

async function tokenOf(room: string, right: 'publish' | 'read'): Promise<string> {
  const { text } = await api.ask('POST', `/api/rooms/${room}/tokens`, { right });
  return JSON.parse(text).token;
}

test('who is in charge of a room is told to a publish token of that room, and to no other', async () => {
  const publish = await tokenOf('verdi', 'publish');
  const answer = await api.ask('GET', '/api/rooms/verdi/source', undefined, publish);
  expect(answer.status).toBe(200);
  expect(answer.body).toMatchObject({ room: 'verdi', title: 'Sala Verdi', language: 'en-US', paused: false });
  expect(answer.body).toHaveProperty('source');
  const statusFor = async (token: string | null, room = 'verdi') =>
    (await api.ask('GET', `/api/rooms/${room}/source`, undefined, token)).status;
  expect(await statusFor(null)).toBe(401);
  expect(await statusFor(`${publish.slice(0, -4)}AAAA`)).toBe(401);
  expect(await statusFor(await tokenOf('verdi', 'read'))).toBe(403);
  expect(await statusFor(publish, 'rossini')).toBe(403);
});
