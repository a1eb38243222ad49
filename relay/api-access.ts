import type { Context, MiddlewareHandler } from 'hono';
import { type Access, type Admission, bearerToken, type Credentials, type Right } from './access.ts';
import type { LiveRoom, LiveRooms } from './live.ts';
import { errorBody, kitElsewhere, type Refusal } from './refusal.ts';

/** A refusal on its way to the one place that answers it. */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.name = 'Refused';
    this.refusal = refusal;
  }
}

export function answerRefusal(context: Context, refusal: Refusal): Response {
  return context.json(errorBody(refusal), refusal.status, { ...refusal.headers });
}

declare module 'hono' {
  interface ContextVariableMap {
    /** By what the call was let through. */
    admission: Admission;
  }
}

/** What a call shows of who it comes from. */
export function credentialsOf(context: Context, { addresses }: Pick<Access, 'addresses'>): Credentials {
  const { req } = context;
  return {
    token: bearerToken(req.header('authorization')),
    cookie: req.header('cookie'),
    origin: req.header('origin'),
    from: addresses.ofCall(context),
    acts: req.method !== 'GET' && req.method !== 'HEAD',
  };
}

/** Lets through who has the right, to the room named in the path where the right is one room's. */
export function needs(right: Right, access: Access, rooms: LiveRooms): MiddlewareHandler {
  return async (context, next) => {
    const name = context.req.param('room');
    const room = name === undefined ? undefined : rooms.get(name);
    const asked = name === undefined ? null : { name, public: room?.record.settings.public === true };
    const admission = access.decide(credentialsOf(context, access), right, asked);
    if ('status' in admission) throw new Refused(admission);
    // Of a room that it served a kit hands in what it heard, by the audio socket; it asks nothing of it.
    if (admission.kit?.isFormer) throw new Refused(kitElsewhere);
    context.set('admission', admission);
    await next();
  };
}

/** The room of that name. @throws {Refused} 404 */
export function existing(rooms: LiveRooms, name: string): LiveRoom {
  const room = rooms.get(name);
  if (room) return room;
  throw new Refused({
    status: 404,
    code: 'room-unknown',
    message: `There is no room "${name}"`,
    hint: 'Create it with PUT /api/rooms/NAME, or correct the name.',
  });
}
