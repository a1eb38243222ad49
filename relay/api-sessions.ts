import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Access } from './access.ts';
import { credentialsOf, needs, Refused } from './api-access.ts';
import { body, json, refused, withToken } from './api-routes.ts';
import type { LiveRooms } from './live.ts';
import { cookieNames } from './session-cookie.ts';

const login = z.strictObject({ token: z.string().min(1).max(512).describe('An admin token') }).openapi('Login');
const sessionView = z
  .object({
    actor: z.string().describe('Who the audit log says it was'),
    expires: z.number().nullable().describe('ms since 1970, or sooner without use; null: never'),
  })
  .openapi('Session');

/** Admin pages log in with an admin token and out again; between, a cookie that no script sees is as good as the token. */
export function addSessionCalls(app: OpenAPIHono, rooms: LiveRooms, access: Access): void {
  const path = '/api/session';
  const tags = ['session'];
  app.openAPIRegistry.registerComponent('securitySchemes', 'cookie', {
    ...{ type: 'apiKey', in: 'cookie', name: cookieNames.https },
    description: `Of POST ${path}; "${cookieNames.http}" where the relay is reached without TLS. Calls that change something need an Origin that the relay was told.`,
  });

  app.openapi(
    createRoute({
      tags,
      method: 'post',
      path,
      summary: 'Logs a browser in: the answer sets the cookie',
      request: body(login),
      responses: {
        200: {
          ...json(sessionView.pick({ expires: true }), 'Logged in'),
          headers: z.object({ 'set-cookie': z.string() }),
        },
        ...refused(400, 401, 403),
      },
    }),
    (context) => {
      const { token } = context.req.valid('json');
      const done = access.login({ ...credentialsOf(context, access), token });
      if ('status' in done) throw new Refused(done);
      context.set('admission', done.admission);
      return context.json({ expires: done.admission.expiresMs }, 200, { 'set-cookie': done.setCookie });
    },
  );

  app.openapi(
    createRoute({
      ...withToken,
      tags,
      method: 'get',
      path,
      summary: 'Who is logged in',
      middleware: needs('admin', access, rooms),
      responses: { 200: json(sessionView, 'Somebody is'), ...refused(401, 403) },
    }),
    (context) => {
      const { actor, expiresMs } = context.get('admission');
      return context.json({ actor, expires: expiresMs }, 200);
    },
  );

  app.openapi(
    createRoute({
      ...withToken,
      tags,
      method: 'delete',
      path,
      summary: 'Logs out: the session ends with all that it opened',
      responses: { 204: { description: 'Nobody is logged in here any more' }, ...refused(401, 403) },
    }),
    (context) => {
      const done = access.logout(credentialsOf(context, access));
      if ('status' in done) throw new Refused(done);
      if (done.admission) context.set('admission', done.admission);
      return context.body(null, 204, done.setCookie === null ? {} : { 'set-cookie': done.setCookie });
    },
  );
}
