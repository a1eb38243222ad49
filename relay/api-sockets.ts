import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { Access } from './access.ts';
import type { ClientAddress } from './addresses.ts';
import { needs, Refused } from './api-access.ts';
import { refused, withToken } from './api-routes.ts';
import { errorSchema, roomParameters } from './api-schemas.ts';
import type { LiveRooms } from './live.ts';
import type { Refusal } from './refusal.ts';

/** Why a reader of that room would find no place now; null where it would. */
export type ReadersFull = (room: string, from: ClientAddress) => Refusal | null;

/**
 * The WebSockets, for whoever comes without an upgrade, and for /openapi.json. A browser hides why it was refused a
 * WebSocket: a plain GET of the captions tells what an upgrade would meet, 426 where nothing stands against it.
 */
export function addSockets(app: OpenAPIHono, rooms: LiveRooms, access: Access, isFull: ReadersFull): void {
  const socket = (name: string, subprotocol: string) => ({
    method: 'get' as const,
    path: `/api/rooms/{room}/${name}`,
    tags: ['sockets'],
    summary: `WebSocket, subprotocol ${subprotocol}`,
    request: { params: roomParameters },
    responses: {
      101: { description: 'The socket is open' },
      426: { content: { 'application/json': { schema: errorSchema } }, description: 'Not a WebSocket upgrade' },
      ...refused(400, 401, 403, 404, 429, 503),
    },
  });
  app.openapi(createRoute(socket('audio', 'sala.audio.v1')), () => {
    throw new Refused(upgradeRequired('sala.audio.v1'));
  });
  const live = { ...socket('live', 'sala.live.v1'), path: '/api/live', request: {} };
  app.openapi(createRoute({ ...live, ...withToken, middleware: needs('admin', access, rooms) }), () => {
    throw new Refused(upgradeRequired('sala.live.v1'));
  });
  const kit = { ...socket('kit', 'sala.kit.v1'), path: '/api/kit', request: {}, security: [{ bearer: [] }] };
  app.openapi(createRoute({ ...kit, middleware: needs('kit', access, rooms) }), () => {
    throw new Refused(upgradeRequired('sala.kit.v1'));
  });
  const captions = { ...socket('captions', 'sala.captions.v1'), middleware: needs('read', access, rooms) };
  app.openapi(createRoute(captions), (context) => {
    const { room } = context.req.valid('param');
    throw new Refused(isFull(room, access.addresses.ofCall(context)) ?? upgradeRequired('sala.captions.v1'));
  });
}

const upgradeRequired = (subprotocol: string): Refusal => ({
  status: 426,
  code: 'upgrade-required',
  message: 'This is a WebSocket',
  hint: `Connect with ws:// or wss:// and the subprotocol "${subprotocol}".`,
  headers: { upgrade: 'websocket', connection: 'upgrade' },
});
