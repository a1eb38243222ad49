import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AdminToken } from '../relay/admin-token.ts';
import { FailedAttempts } from '../relay/attempts.ts';
import { Origins } from '../relay/origins.ts';
import { Rights } from '../relay/rights.ts';
import { origin, TestApi } from './harness/api.ts';
import { adminSecret, captureLog } from './harness/doors.ts';
import { FakeRooms } from './harness/fake-rooms.ts';

const piece = 64 * 1024;

/** A body in pieces, without a length, as long as anyone takes more of it. */
function endless(maxPieces: number) {
  const taken = { pieces: 0 };
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (taken.pieces++ >= maxPieces) controller.close();
        else controller.enqueue(new Uint8Array(piece).fill(32));
      },
    },
    { highWaterMark: 0 },
  );
  return { taken, body };
}

describe('a body of unknown length', () => {
  let api: TestApi;
  let attempts: FailedAttempts;
  beforeEach(async () => {
    const rooms = new FakeRooms();
    attempts = new FailedAttempts();
    const [adminToken, origins] = [new AdminToken(adminSecret), new Origins([origin])];
    const rights = new Rights({ db: rooms.db, adminToken, origins, attempts, log: captureLog().log });
    api = new TestApi({ rooms, rights });
    await api.ask('PUT', '/api/rooms/hall', {});
  });
  afterEach(() => api.rooms.remove());

  const send = async (method: string, path: string, headers: Record<string, string>) => {
    const { taken, body } = endless(60);
    const request = { method, body, headers: { 'transfer-encoding': 'chunked', ...headers }, duplex: 'half' as const };
    const { status } = await api.app.request(path, request);
    return { status, pieces: taken.pieces };
  };
  const organizer = { authorization: `Bearer ${adminSecret}` };

  it.each([
    ['PUT', '/api/schedule/file', 'text/plain'],
    ['PUT', '/api/vocabulary', 'application/json'],
    ['PUT', '/api/rooms/hall/text-rules', 'application/json'],
    ['PUT', '/api/rooms/hall', 'application/json'],
    ['POST', '/api/rooms/hall/tokens', 'application/json'],
  ])('of nobody is not kept in memory: %s %s', async (method, path, type) => {
    expect(await send(method, path, { 'content-type': type })).toEqual({ status: 401, pieces: 0 });
  });

  it('of a login is read no further than a token is long', async () => {
    expect(await send('POST', '/api/session', { 'content-type': 'application/json' })).toEqual({
      ...{ status: 413, pieces: 1 },
    });
  });

  it('of an organizer is read up to the limit of the call', async () => {
    const file = await send('PUT', '/api/schedule/file', { ...organizer, 'content-type': 'text/plain' });
    expect(file).toEqual({ status: 400, pieces: 61 });
    const room = await send('PUT', '/api/rooms/hall', { ...organizer, 'content-type': 'application/json' });
    expect(room).toEqual({ status: 413, pieces: 2 });
  });

  it('comes with a wrong token, which is counted once', async () => {
    const { status } = await send('PUT', '/api/vocabulary', { authorization: 'Bearer wrong-wrong-wrong' });
    expect(status).toBe(401);
    expect(attempts.failed).toBe(1);
  });
});
