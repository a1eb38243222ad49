import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Access } from './access.ts';
import { existing, needs } from './api-access.ts';
import { body, json, refused, withToken } from './api-routes.ts';
import { conductView, roomParameters, talkId } from './api-schemas.ts';
import { type Conduct, type Conducted, maxExtendMinutes } from './conduct.ts';
import type { LiveRooms } from './live.ts';
import type { KeptTalk } from './talks.ts';

const given = z
  .strictObject({
    act: z
      .enum(['hold', 'advance', 'extend'])
      .describe(
        'hold: the talk stays on until the next is called. advance: the next talk begins now, with its language. extend: the talk ends later',
      ),
    minutes: z.number().int().min(1).max(maxExtendMinutes).optional().describe('Of extend; 10'),
    talk: talkId.optional().describe('Of hold: another talk than the present one, to go back to it'),
  })
  .openapi('ConductRequest');

const talkOf = ({ id, title, speakers, language, start, end }: KeptTalk) => ({
  ...{ id, title, language, start, end },
  speakers: [...speakers],
});

/** What is going on in a room, for the calls and for its view. */
export function viewOfConduct({ talk, held, until, next, message }: Conducted): z.input<typeof conductView> {
  return { talk: talk && talkOf(talk), held, until, next: next && talkOf(next), message };
}

/** Hold, advance, extend: what an organizer says of the talk that is on. */
export function addConductCalls(app: OpenAPIHono, rooms: LiveRooms, conduct: Conduct, access: Access): void {
  const admin = { ...withToken, tags: ['talks'], middleware: needs('admin', access, rooms) };
  const room = { params: roomParameters };

  app.openapi(
    createRoute({
      ...admin,
      method: 'get',
      path: '/api/rooms/{room}/conduct',
      summary: 'The talk that is going on, and the next one',
      request: room,
      responses: { 200: json(conductView, 'What is going on'), ...refused(400, 401, 403, 404) },
    }),
    (context) => context.json(viewOfConduct(conduct.of(existing(rooms, context.req.valid('param').room))), 200),
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'post',
      path: '/api/rooms/{room}/conduct',
      summary: 'Holds the talk, has the next one begin, or has the talk end later',
      request: { ...room, ...body(given) },
      responses: { 200: json(conductView, 'What is going on now'), ...refused(400, 401, 403, 404, 409) },
    }),
    (context) => {
      const live = existing(rooms, context.req.valid('param').room);
      return context.json(viewOfConduct(conduct.act(live, context.req.valid('json'))), 200);
    },
  );
}
