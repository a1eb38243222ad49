import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestApi } from './harness/api.ts';

let api: TestApi;
beforeEach(() => {
  api = new TestApi();
  api.rooms.put('hall', {});
});
afterEach(() => api.rooms.remove());

test.for(['', '{', 'null', '7', '[]', '"x"'])('a call that takes no body is not upset by %j', async (body) => {
  const { status } = await api.ask('POST', '/api/rooms/hall/clear', body);
  expect(status).toBe(200);
});
