import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { Access } from './access.ts';
import { existing, needs } from './api-access.ts';
import { body, json, refused, withToken } from './api-routes.ts';
import { languageChange, roomChange, roomList, roomParameters, roomView } from './api-schemas.ts';
import type { LiveRooms } from './live.ts';
import type { RoomViews } from './room-views.ts';
import type { RoomChange } from './rooms.ts';

/** The rooms: what they are set to and how they are. */
export function addRoomCalls(app: OpenAPIHono, rooms: LiveRooms, views: RoomViews, access: Access): void {
  const admin = { ...withToken, tags: ['rooms'], middleware: needs('admin', access, rooms) };
  const room = { params: roomParameters };

  app.openapi(
    createRoute({
      ...admin,
      method: 'get',
      path: '/api/rooms',
      summary: 'All rooms and how they are',
      responses: { 200: json(roomList, 'The rooms, by name'), ...refused(401, 403) },
    }),
    (context) => {
      const byName = rooms.all().toSorted((a, b) => (a.record.name < b.record.name ? -1 : 1));
      return context.json({ rooms: byName.map((each) => views.of(each)) }, 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'put',
      path: '/api/rooms/{room}',
      summary: 'Creates a room or changes what is given; nothing restarts',
      request: { ...room, ...body(roomChange) },
      responses: { 200: json(roomView, 'Changed'), 201: json(roomView, 'Created'), ...refused(400, 401, 403, 409) },
    }),
    (context) => {
      const name = context.req.valid('param').room;
      const given = context.req.valid('json');
      const { name: title, language, engine, public: open, source, restAfter, recognition, recording } = given;
      const change: RoomChange = {
        ...(title === undefined ? {} : { title }),
        ...(language === undefined ? {} : { language }),
        ...(engine === undefined ? {} : { engine }),
        ...(open === undefined ? {} : { public: open }),
        ...(source === undefined ? {} : { source }),
        ...(restAfter === undefined ? {} : { restAfter }),
        ...(recognition === undefined ? {} : { recognition }),
        ...(recording === undefined ? {} : { recording }),
      };
      if (recording) context.set('told', { recording });
      const existed = rooms.get(name) !== undefined;
      const view = views.of(rooms.put(name, change));
      return existed ? context.json(view, 200) : context.json(view, 201);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'get',
      path: '/api/rooms/{room}',
      summary: 'A room and how it is',
      request: room,
      responses: { 200: json(roomView, 'The room'), ...refused(400, 401, 403, 404) },
    }),
    (context) => context.json(views.of(existing(rooms, context.req.valid('param').room)), 200),
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'delete',
      path: '/api/rooms/{room}',
      summary: 'Deletes a room with its tokens, captions and audio',
      request: room,
      responses: { 204: { description: 'Deleted' }, ...refused(400, 401, 403, 404) },
    }),
    async (context) => {
      const { name } = existing(rooms, context.req.valid('param').room).record;
      await rooms.delete(name);
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'put',
      path: '/api/rooms/{room}/language',
      summary: 'Assigns the language, also of the running talk; no word is lost',
      request: { ...room, ...body(languageChange) },
      responses: { 200: json(roomView, 'Assigned'), ...refused(400, 401, 403, 404, 409) },
    }),
    (context) => {
      const { name } = existing(rooms, context.req.valid('param').room).record;
      return context.json(views.of(rooms.put(name, { language: context.req.valid('json').language })), 200);
    },
  );
}
