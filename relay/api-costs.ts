import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Access } from './access.ts';
import { needs } from './api-access.ts';
import { json, refused, withToken } from './api-routes.ts';
import { spendingView } from './api-schemas.ts';
import type { Costs } from './costs.ts';
import type { LiveRooms } from './live.ts';

const limit = z.number().nullable();
const costsView = z
  .object({
    day: z.string().describe('UTC'),
    pricePerMinute: z.number(),
    spent: spendingView,
    alarm: z.object({ perDay: limit, reached: z.boolean() }),
    limits: z.object({ perDay: limit, perRoomAndDay: limit }),
    rooms: z.array(z.object({ room: z.string(), spent: spendingView, refusal: z.string().nullable() })),
  })
  .openapi('Costs');

/** What paid sessions have cost today. */
export function addCostCalls(app: OpenAPIHono, costs: Costs, rooms: LiveRooms, access: Access): void {
  app.openapi(
    createRoute({
      ...withToken,
      tags: ['rooms'],
      middleware: needs('admin', access, rooms),
      method: 'get',
      path: '/api/costs',
      summary: 'What paid engine sessions have cost today, by room',
      responses: { 200: json(costsView, 'The day so far'), ...refused(401, 403) },
    }),
    (context) => {
      const { pricePerMinute, alarmPerDay, maxPerDay, maxPerRoomAndDay } = costs.limits;
      const view = {
        day: costs.day,
        pricePerMinute,
        spent: costs.today(),
        alarm: { perDay: alarmPerDay, reached: costs.isAlarming },
        limits: { perDay: maxPerDay, perRoomAndDay: maxPerRoomAndDay },
        rooms: costs.rooms.map((room) => ({ room, spent: costs.today({ room }), refusal: costs.refusal(room) })),
      };
      return context.json(view, 200);
    },
  );
}
