import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Access } from './access.ts';
import { existing, needs } from './api-access.ts';
import { json, refused } from './api-routes.ts';
import { roomParameters } from './api-schemas.ts';
import type { LiveRooms } from './live.ts';

const sourceView = z
  .object({
    room: z.string(),
    title: z.string(),
    language: z.string().describe('BCP 47'),
    paused: z.boolean(),
    source: z
      .object({ device: z.string(), connectedMs: z.number().describe('For so long, ms') })
      .nullable()
      .describe('Which source is in charge; null: none is connected'),
  })
  .openapi('Source');

/** What whoever brings a room's sound may know of it: the one call that a publish token opens. */
export function addSourceCalls(app: OpenAPIHono, rooms: LiveRooms, access: Access): void {
  app.openapi(
    createRoute({
      security: [{ bearer: [] }],
      tags: ['rooms'],
      middleware: needs('publish', access, rooms),
      method: 'get',
      path: '/api/rooms/{room}/source',
      summary: 'Which source is in charge, for those that could be: takes a publish token',
      request: { params: roomParameters },
      responses: { 200: json(sourceView, 'The source in charge'), ...refused(400, 401, 403, 404) },
    }),
    (context) => {
      const room = existing(rooms, context.req.valid('param').room);
      const { name, paused, settings } = room.record;
      const { title, language } = settings;
      const { source } = room.live();
      const inCharge = source && { device: source.device, connectedMs: Math.round(source.connectedMs) };
      return context.json({ room: name, title, language, paused, source: inCharge }, 200);
    },
  );
}
