import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { Access } from './access.ts';
import { needs } from './api-access.ts';
import { json, plain, refused, withToken } from './api-routes.ts';
import { healthView } from './api-schemas.ts';
import type { RelayHealth } from './health.ts';
import type { LiveRooms } from './live.ts';

/** What writes the metrics of the relay in Prometheus' text format. */
export interface MetricsText {
  readonly contentType: string;
  text(): Promise<string>;
}

/** How the relay itself is. */
export function addStateCalls(
  app: OpenAPIHono,
  rooms: LiveRooms,
  access: Access,
  health: Pick<RelayHealth, 'live' | 'ready'>,
  metrics: MetricsText,
): void {
  for (const [path, summary, report] of [
    ['/healthz', 'Whether the relay lives', () => health.live()],
    ['/readyz', 'Whether the relay takes newcomers', () => health.ready()],
  ] as const)
    app.openapi(
      createRoute({
        method: 'get',
        path,
        tags: ['state'],
        summary,
        responses: { 200: json(healthView, 'Yes'), 503: json(healthView, 'No, with the reason') },
      }),
      (context) => {
        const { ok, ...view } = report();
        return ok ? context.json(view, 200) : context.json(view, 503, { 'retry-after': '5' });
      },
    );

  app.openapi(
    createRoute({
      ...withToken,
      method: 'get',
      path: '/metrics',
      tags: ['state'],
      summary: 'Metrics for Prometheus',
      middleware: needs('admin', access, rooms),
      responses: { 200: plain('text/plain', 'The metrics'), ...refused(401, 403) },
    }),
    async (context) => context.body(await metrics.text(), 200, { 'content-type': metrics.contentType }),
  );
}
