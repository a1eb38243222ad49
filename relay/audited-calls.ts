import type { Context, MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Access } from './access.ts';
import type { Audit } from './audit.ts';

declare module 'hono' {
  interface ContextVariableMap {
    /** What a call adds to its line in the audit log. */
    told: Readonly<Record<string, unknown>>;
  }
}

const room = '/api/rooms/:room';
/** What a call is called; one that is not here stands in the log by its method and path. */
const acts: Readonly<Record<string, string>> = {
  'POST /api/session': 'logged in',
  'DELETE /api/session': 'logged out',
  'POST /api/tokens': 'made a token',
  'DELETE /api/tokens/:id': 'revoked a token',
  'POST /api/tokens/:id/rotation': 'rotated a token',
  [`POST ${room}/tokens`]: 'made a token',
  [`DELETE ${room}/tokens/:id`]: 'revoked a token',
  [`POST ${room}/tokens/:id/rotation`]: 'rotated a token',
  [`PUT ${room}`]: 'set a room',
  [`DELETE ${room}`]: 'deleted a room',
  [`PUT ${room}/language`]: 'assigned a language',
  [`PUT ${room}/paused`]: 'paused or resumed captions',
  [`POST ${room}/clear`]: 'cleared the screens',
  [`PUT ${room}/captions/:seq`]: 'corrected or hid a caption',
  [`PUT ${room}/talks/:talk`]: 'set a talk',
  [`DELETE ${room}/talks/:talk`]: 'deleted a talk',
  [`POST ${room}/conduct`]: 'conducted a talk',
  [`PUT ${room}/recordings/:talk/canonical/segments/:segment`]: 'corrected or hid a part of a canonical transcript',
  [`POST ${room}/recordings/:talk/canonical/publish`]: 'published a canonical transcript',
  [`POST ${room}/recordings/:talk/canonical/fallback`]: 'went back to the live captions of a talk',
  [`PUT ${room}/text-rules`]: 'set text rules',
  'PUT /api/text-rules': 'set text rules',
  [`PUT ${room}/vocabulary`]: 'set a vocabulary',
  'PUT /api/vocabulary': 'set a vocabulary',
  [`POST ${room}/recordings/end`]: 'ended a recording',
  [`DELETE ${room}/recordings/:talk`]: 'deleted a recording',
  'POST /api/recordings/erasure': 'asked for or confirmed the deletion of recordings',
  'POST /api/kits': 'made a kit',
  'DELETE /api/kits/:kit': 'revoked a kit',
  'PUT /api/kits/:kit/room': 'assigned a kit to a room',
  'POST /api/kits/:kit/enrolment': 'made an enrolment token',
  'POST /api/kits/:kit/identify': 'had a kit make itself known',
  'PUT /api/releases/offered': 'offered a release to the kits',
  'PUT /api/releases/:version': 'began to upload a release',
  'PUT /api/releases/:version/archive': 'uploaded a piece of a release',
  'DELETE /api/releases/:version': 'deleted a release',
  'PUT /api/schedule': 'set the schedule',
  'PUT /api/schedule/file': 'gave a schedule',
  'POST /api/schedule/fetch': 'fetched the schedule',
  'DELETE /api/schedule': 'removed the schedule',
};
/** They change nothing. */
const questions = new Set(['POST /api/text-rules/preview']);

/** Their body is nothing but a secret. */
const secrets = new Set(['POST /api/session']);

/** Of a body, what may stand in the log as it is. All else is only named: it may be a secret, or what was said. */
const plain = new Set(
  'name room language engine public source restAfter paused right label expires overlapHours act minutes start end kind version downgrade'.split(
    ' ',
  ),
);
const maxLetters = 200;

/** Notes each act of an organizer that was not refused. */
export function auditedCalls(audit: Pick<Audit, 'note'>, { addresses }: Pick<Access, 'addresses'>): MiddlewareHandler {
  return async (context, next) => {
    await next();
    const { req, res } = context;
    if (req.method === 'GET' || req.method === 'HEAD' || res.status >= 400) return;
    const admission = context.get('admission');
    const call = `${req.method} ${routePath(context, -1)}`;
    if (!admission || questions.has(call)) return;
    const { room, ...named }: Readonly<Record<string, string>> = req.param();
    const body = secrets.has(call) ? {} : await toldOf(context);
    const detail = { ...named, ...body, ...context.get('told') };
    audit.note({
      actor: admission.actor,
      address: addresses.ofCall(context).address,
      // A path with nothing but words may also look like one with a name in it.
      act: acts[`${req.method} ${req.path}`] ?? acts[call] ?? call,
      room: room ?? null,
      detail,
    });
  };
}

/** The body, without what must not stand in the log. A call that takes none may have been sent anything. */
async function toldOf({ req }: Context): Promise<Record<string, unknown>> {
  if (!req.header('content-type')?.startsWith('application/json')) return {};
  const body: unknown = await req.json().catch(() => null);
  if (typeof body !== 'object' || body === null) return {};
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, told(name, value)]));
}

function told(name: string, value: unknown): unknown {
  if (value === null) return null;
  if (Array.isArray(value)) return { count: value.length };
  if (typeof value === 'object') return { fields: Object.keys(value) };
  if (!plain.has(name)) return 'given';
  return typeof value === 'string' ? value.slice(0, maxLetters) : value;
}
