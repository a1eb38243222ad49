import { createHash } from 'node:crypto';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import type { Access } from './access.ts';
import { unknownAddress } from './addresses.ts';
import { credentialsOf, existing, Refused } from './api-access.ts';
import { json, plain, refused } from './api-routes.ts';
import { roomParameters, talkOn } from './api-schemas.ts';
import type { LiveRoom, LiveRooms } from './live.ts';
import { type Now, NowBoards, type NowQuery } from './now.ts';
import { directionOf } from './now-lines.ts';
import { unauthorized } from './refusal.ts';

const whole = (min: number, max: number, usual: number) => z.coerce.number().int().min(min).max(max).default(usual);
// Not strict: what a mistyped address holds must not stand in the answer, it may be a token.
const nowQuery = z.object({
  lines: whole(1, 10, 2).describe('At most so many lines, the newest last'),
  letters: whole(8, 80, 42).describe('At most so many letters in a line'),
  hold: whole(0, 86_400, 30).describe('Seconds without words until it is empty; 0: for ever'),
});
const nowView = z
  .object({
    room: z.string(),
    title: z.string(),
    talk: talkOn.nullable(),
    state: z.string(),
    message: z.string(),
    text: z.string().describe('The lines, with \\n between them'),
    lines: z.array(z.string()),
    language: z.string().describe('BCP 47, of the newest line'),
    dir: z.enum(['ltr', 'rtl']),
    seq: z.number().int().describe('Newest seq of the log'),
    at: z.number().nullable().describe('Since when the text is as it is, room time in ms since 1970'),
  })
  .openapi('Now');

const formats = [
  {
    ending: 'txt',
    summary: 'The newest lines as text, for mixers and signs',
    answer: plain('text/plain', 'The lines'),
  },
  { ending: 'json', summary: 'The same with what is known of the room', answer: json(nowView, 'The lines') },
] as const;

/** What is on a room's screens now. These calls alone take a read token in the address: who polls them can often do no
 * better. */
export function addNowCalls(app: OpenAPIHono, rooms: LiveRooms, access: Access): void {
  const boards = new NowBoards();
  const mayRead = needsRead(rooms, access);
  // No cookie opens anything here, so any page may ask.
  const anyPage = cors({
    origin: '*',
    allowMethods: ['GET'],
    allowHeaders: ['authorization', 'if-none-match'],
    exposeHeaders: ['etag'],
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'readToken', {
    ...{ type: 'apiKey', in: 'query', name: 'token' },
    description: 'A read token of the room; no other token counts here',
  });

  for (const { ending, summary, answer } of formats) {
    app.use(`/api/rooms/:room/now.${ending}`, anyPage);
    app.openapi(
      createRoute({
        security: [{ bearer: [] }, { readToken: [] }],
        tags: ['captions'],
        middleware: mayRead,
        method: 'get',
        path: `/api/rooms/{room}/now.${ending}`,
        summary,
        request: { params: roomParameters, query: nowQuery },
        responses: { 200: answer, 304: { description: 'As the ETag says' }, ...refused(400, 401, 403, 404) },
      }),
      (context) => {
        const room = existing(rooms, context.req.valid('param').room);
        const query: NowQuery = context.req.valid('query');
        const now = boards.view(room, query);
        // Lines end as most of those that read line by line expect; one that looks for \n alone finds them, too.
        if (ending === 'txt') return tagged(context, now.lines.join('\r\n'), 'text/plain; charset=utf-8');
        return tagged(context, JSON.stringify(viewOf(room, now)), 'application/json; charset=utf-8');
      },
    );
  }
}

function viewOf(room: LiveRoom, { lines, language, at }: Now): z.input<typeof nowView> {
  const { name, settings } = room.record;
  const { state, message } = room.status;
  return {
    ...{ room: name, title: settings.title, talk: room.talk && { ...room.talk, speakers: [...room.talk.speakers] } },
    ...{ state, message, text: lines.join('\n'), lines: [...lines], language, dir: directionOf(language) },
    ...{ seq: room.log.seq, at },
  };
}

/** 304 where the asker has it already. */
function tagged(context: Context, body: string, type: string): Response {
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  const known = (context.req.header('if-none-match') ?? '').split(',').map((each) => each.trim().replace(/^W\//, ''));
  if (known.includes(etag) || known.includes('*')) return context.body(null, 304, { etag });
  return context.body(body, 200, { etag, 'content-type': type });
}

/** Like `needs('read')`; the token may stand in the address, but only a room's own. */
function needsRead(rooms: LiveRooms, access: Access): MiddlewareHandler {
  return async (context, next) => {
    const name = context.req.param('room') ?? '';
    const asked = { name, public: rooms.get(name)?.record.settings.public === true };
    const { token: sent, from = unknownAddress } = credentialsOf(context, access);
    const token = sent ?? (context.req.query('token') || null);
    const admission =
      sent === null ? access.decideAddressed({ token, from }, asked) : access.decide({ token, from }, 'read', asked);
    if ('status' in admission) throw new Refused(token === null ? { ...unauthorized(false), hint } : admission);
    await next();
  };
}

const hint = 'Add "?token=TOKEN" with a read token of the room, or send "Authorization: Bearer TOKEN".';
