import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Access } from './access.ts';
import { existing, needs, Refused } from './api-access.ts';
import { body, json, refused, withToken } from './api-routes.ts';
import { captionText, captionView, roomParameters, roomView } from './api-schemas.ts';
import type { LiveRooms } from './live.ts';
import type { RoomViews } from './room-views.ts';
import { unknownRoom } from './rooms.ts';

const maxListed = 100;

const pauseChange = z.strictObject({ paused: z.boolean() }).openapi('PauseChange');
const cleared = z.object({ seq: z.number().int().describe('Of the act in the log') }).openapi('Cleared');
const seqOf = roomParameters.extend({
  seq: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER).openapi({ example: 42 }),
});
const captionChange = z
  .strictObject({
    text: captionText.nullable().describe('null hides the caption'),
  })
  .openapi('CaptionChange');
const amendView = z
  .object({
    type: z.literal('amend'),
    seq: z.number().int().describe("Of the newest act on the caption; the caption's own where there was none"),
    of: z.number().int().describe('Seq of the caption'),
    text: z.string().nullable(),
    at: z.number().optional().describe('Room time in ms since 1970'),
  })
  .openapi('Amend');
const newest = z.object({
  limit: z.coerce.number().int().min(1).max(maxListed).default(20).describe('The newest published'),
});
const actedCaptions = z
  .object({
    captions: z.array(
      z.object({
        caption: captionView.describe('As it was said'),
        text: z.string().nullable().describe('As readers have it; null: hidden'),
        words: z.string().describe('As readers had it last, if it is hidden; else the same as text'),
      }),
    ),
  })
  .openapi('ActedCaptions');

/** What organizers do to a room's captions while they are read; every act is in the room's log. */
export function addActCalls(app: OpenAPIHono, rooms: LiveRooms, views: RoomViews, access: Access): void {
  const admin = { ...withToken, tags: ['acts'], middleware: needs('admin', access, rooms) };
  const room = { params: roomParameters };

  app.openapi(
    createRoute({
      ...admin,
      method: 'put',
      path: '/api/rooms/{room}/paused',
      summary: 'Pauses captions or goes on with them; what is spoken in between is never captioned',
      request: { ...room, ...body(pauseChange) },
      responses: { 200: json(roomView, 'So it is from now on'), ...refused(400, 401, 403, 404) },
    }),
    (context) => {
      const { name } = existing(rooms, context.req.valid('param').room).record;
      const paused = rooms.pause(name, context.req.valid('json').paused);
      if (!paused) throw unknownRoom(name);
      return context.json(views.of(paused), 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'post',
      path: '/api/rooms/{room}/clear',
      summary: "Empties the readers' screens; the transcript keeps its captions",
      request: room,
      responses: { 200: json(cleared, 'Cleared'), ...refused(400, 401, 403, 404) },
    }),
    (context) => context.json({ seq: existing(rooms, context.req.valid('param').room).clear().seq }, 200),
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'get',
      path: '/api/rooms/{room}/captions/newest',
      summary: 'The newest captions with what became of them, hidden ones too',
      request: { ...room, query: newest },
      responses: { 200: json(actedCaptions, 'The captions, the newest first'), ...refused(400, 401, 403, 404) },
    }),
    (context) => {
      const { log } = existing(rooms, context.req.valid('param').room);
      const captions = log.history.newest(context.req.valid('query').limit).map(({ caption, amend }) => {
        const text = amend ? amend.text : caption.text;
        return { caption, text, words: text ?? log.history.wordsOf(caption.seq) ?? caption.text };
      });
      return context.json({ captions }, 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'put',
      path: '/api/rooms/{room}/captions/{seq}',
      summary: 'Corrects a caption, or hides it; its own text brings it back',
      request: { params: seqOf, ...body(captionChange) },
      responses: { 200: json(amendView, 'The newest act on it'), ...refused(400, 401, 403, 404) },
    }),
    (context) => {
      const { room: name, seq } = context.req.valid('param');
      const act = existing(rooms, name).amend(seq, context.req.valid('json').text);
      if (!act) throw unknownCaption(name, seq);
      return context.json(act, 200);
    },
  );
}

const unknownCaption = (room: string, seq: number) =>
  new Refused({
    status: 404,
    code: 'caption-unknown',
    message: `The room "${room}" has no caption ${seq}`,
    hint: 'Name the seq of a caption, as GET /api/rooms/ROOM/captions/newest and the transcript give it.',
  });
