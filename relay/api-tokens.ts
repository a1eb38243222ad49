import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { Access } from './access.ts';
import { existing, needs, Refused } from './api-access.ts';
import { body, json, refused, withToken } from './api-routes.ts';
import { createdToken, newToken, roomParameters, tokenList, tokenParameters } from './api-schemas.ts';
import type { LiveRooms } from './live.ts';
import type { Tokens } from './tokens.ts';

/** The tokens of a room. */
export function addTokenCalls(
  app: OpenAPIHono,
  rooms: LiveRooms,
  tokens: Pick<Tokens, 'create' | 'list' | 'delete'>,
  access: Access,
): void {
  const admin = { ...withToken, tags: ['tokens'], middleware: needs('admin', access, rooms) };

  app.openapi(
    createRoute({
      ...admin,
      method: 'post',
      path: '/api/rooms/{room}/tokens',
      summary: 'Makes a token; it is shown this once',
      request: { params: roomParameters, ...body(newToken) },
      responses: { 201: json(createdToken, 'The token'), ...refused(400, 401, 403, 404) },
    }),
    (context) => {
      const { name } = existing(rooms, context.req.valid('param').room).record;
      const { right, label } = context.req.valid('json');
      return context.json(tokens.create(name, right, label), 201);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'get',
      path: '/api/rooms/{room}/tokens',
      summary: 'The tokens of a room, without their secrets',
      request: { params: roomParameters },
      responses: { 200: json(tokenList, 'The tokens, oldest first'), ...refused(400, 401, 403, 404) },
    }),
    (context) => {
      const { name } = existing(rooms, context.req.valid('param').room).record;
      const list = tokens.list(name).map(({ access: right, ...rest }) => ({ ...rest, right }));
      return context.json({ tokens: list }, 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'delete',
      path: '/api/rooms/{room}/tokens/{id}',
      summary: 'Revokes a token; its sockets close at once',
      request: { params: tokenParameters },
      responses: { 204: { description: 'Revoked' }, ...refused(400, 401, 403, 404) },
    }),
    (context) => {
      const { room, id } = context.req.valid('param');
      const { name } = existing(rooms, room).record;
      if (!tokens.delete(name, id))
        throw new Refused({
          status: 404,
          code: 'token-unknown',
          message: 'The room has no such token',
          hint: 'GET /api/rooms/NAME/tokens lists them by id.',
        });
      return context.body(null, 204);
    },
  );
}
