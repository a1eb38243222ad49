import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Access } from './access.ts';
import { needs } from './api-access.ts';
import { json, refused, withToken } from './api-routes.ts';
import { roomParameters } from './api-schemas.ts';
import type { Audit } from './audit.ts';
import type { LiveRooms } from './live.ts';

const query = z.object({
  before: z.coerce
    .number()
    .int()
    .min(1)
    .max(Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('Only entries before this id'),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  room: roomParameters.shape.room.optional().describe('Only what concerns that room'),
});
const auditView = z
  .object({
    entries: z.array(
      z.object({
        id: z.number().int(),
        at: z.number().describe('Room time in ms since 1970'),
        actor: z.string().describe('Which token, or "schedule"'),
        address: z.string().describe('Of the client; empty: none'),
        act: z.string(),
        room: z.string().nullable(),
        detail: z.record(z.string(), z.unknown()),
      }),
    ),
    truncated: z.boolean().describe('There are older ones'),
  })
  .openapi('Audit');

/** What organizers did. */
export function addAuditCalls(app: OpenAPIHono, audit: Pick<Audit, 'list'>, rooms: LiveRooms, access: Access): void {
  app.openapi(
    createRoute({
      ...withToken,
      tags: ['audit'],
      middleware: needs('admin', access, rooms),
      method: 'get',
      path: '/api/audit',
      summary: 'What organizers did, and the relay by itself on their behalf',
      request: { query },
      responses: { 200: json(auditView, 'The newest first'), ...refused(400, 401, 403) },
    }),
    (context) => context.json(audit.list(context.req.valid('query')), 200),
  );
}
