import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Access } from './access.ts';
import { existing, needs, Refused } from './api-access.ts';
import { body, json, refused, withToken } from './api-routes.ts';
import { moment, roomParameters } from './api-schemas.ts';
import type { LiveRooms } from './live.ts';
import type { TokenRecord, Tokens } from './tokens.ts';

const hourMs = 3_600_000;

const label = z
  .string()
  .trim()
  .max(200)
  .regex(/^\P{Cc}*$/u, 'must be one line, without control characters')
  .default('')
  .describe('Who has it');
const expires = moment.nullable().describe('RFC 3339, or ms since 1970; null: never');
const newToken = <R extends 'publish' | 'admin'>(right: R) =>
  z.strictObject({ right: z.enum([right, 'read']), label, expires: expires.optional() });
const rotation = z
  .strictObject({
    overlapHours: z.number().min(0).max(720).default(24).describe('How long the old one lives on'),
    expires: expires.optional().describe('Of the new one; by default as the old one'),
  })
  .openapi('TokenRotation');
const createdToken = z
  .object({ id: z.string(), token: z.string().describe('Shown this once') })
  .openapi('CreatedToken');
const tokenList = z
  .object({
    tokens: z.array(
      z
        .object({
          id: z.string(),
          right: z.enum(['publish', 'read', 'admin']),
          label: z.string(),
          createdMs: z.number(),
          expiresMs: z.number().nullable().describe('null: never; expired ones are listed for 30 days'),
          lastUsedMs: z.number().nullable().describe('To the minute'),
          room: z.string().nullable().describe('null: of every room'),
          successor: z.string().nullable().describe('The token that takes its place'),
        })
        .openapi('Token'),
    ),
  })
  .openapi('Tokens');

const viewOf = ({ access: right, ...rest }: TokenRecord) => ({ ...rest, right });

/** Whose tokens they are. */
const ofRoom = {
  path: '/api/rooms/{room}/tokens',
  whose: 'a room',
  parameters: roomParameters,
  newToken: newToken('publish').openapi('NewToken'),
} as const;
const ofRelay = {
  path: '/api/tokens',
  whose: 'the relay: of organizers, and of readers of every room',
  parameters: z.object({}),
  newToken: newToken('admin').openapi('NewRelayToken'),
} as const;

/** The tokens of a room, and of the relay. */
export function addTokenCalls(
  app: OpenAPIHono,
  rooms: LiveRooms,
  tokens: Pick<Tokens, 'create' | 'list' | 'delete' | 'rotate'>,
  access: Access,
): void {
  const admin = { ...withToken, tags: ['tokens'], middleware: needs('admin', access, rooms) };
  const owner = (given: object) =>
    'room' in given && typeof given.room === 'string' ? existing(rooms, given.room).record.name : null;

  for (const { path, whose, parameters, newToken } of [ofRoom, ofRelay]) {
    const one = parameters.extend({ id: z.string().max(64).openapi({ example: '0123456789ab' }) });

    app.openapi(
      createRoute({
        ...admin,
        method: 'post',
        path,
        summary: `Makes a token of ${whose}; it is shown this once`,
        request: { params: parameters, ...body(newToken) },
        responses: { 201: json(createdToken, 'The token'), ...refused(400, 401, 403, 404, 409, 503) },
      }),
      (context) => {
        const { right, label, expires = null } = context.req.valid('json');
        const made = tokens.create(owner(context.req.valid('param')), right, label, expires);
        context.set('told', { token: made.id });
        return context.json(made, 201);
      },
    );

    app.openapi(
      createRoute({
        ...admin,
        method: 'get',
        path,
        summary: `The tokens of ${whose}, without their secrets`,
        request: { params: parameters },
        responses: { 200: json(tokenList, 'The tokens, oldest first'), ...refused(400, 401, 403, 404) },
      }),
      (context) => context.json({ tokens: tokens.list(owner(context.req.valid('param'))).map(viewOf) }, 200),
    );

    app.openapi(
      createRoute({
        ...admin,
        method: 'delete',
        path: `${path}/{id}`,
        summary: 'Revokes a token; what it opened closes at once',
        request: { params: one },
        responses: { 204: { description: 'Revoked' }, ...refused(400, 401, 403, 404, 503) },
      }),
      (context) => {
        const given = context.req.valid('param');
        if (!tokens.delete(owner(given), given.id)) throw unknownToken(path);
        return context.body(null, 204);
      },
    );

    app.openapi(
      createRoute({
        ...admin,
        method: 'post',
        path: `${path}/{id}/rotation`,
        summary: 'Makes a token of the same right and label; the old one lives on for a while',
        request: { params: one, ...body(rotation) },
        responses: { 201: json(createdToken, 'The new token'), ...refused(400, 401, 403, 404, 409, 503) },
      }),
      (context) => {
        const given = context.req.valid('param');
        const { overlapHours, expires } = context.req.valid('json');
        const made = tokens.rotate(owner(given), given.id, overlapHours * hourMs, expires);
        if (!made) throw unknownToken(path);
        context.set('told', { successor: made.id });
        return context.json(made, 201);
      },
    );
  }
}

const unknownToken = (path: string) =>
  new Refused({
    status: 404,
    code: 'token-unknown',
    message: 'There is no such token',
    hint: `GET ${path.replace('{room}', 'NAME')} lists them by id.`,
  });
