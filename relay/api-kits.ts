import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { SalaError } from '../systemd/errors.ts';
import type { Access } from './access.ts';
import { credentialsOf, existing, needs, Refused } from './api-access.ts';
import { body, json, refused, withToken } from './api-routes.ts';
import { roomName } from './api-schemas.ts';
import type { KitDoor } from './kit-door.ts';
import type { KitEnrolment } from './kit-enrolment.ts';
import { enrolmentAnswer, kitHealth, kitKeyPattern, kitKinds, kitPattern, kitUpdate } from './kit-protocol.ts';
import { type KitRecord, type Kits, unknownKit } from './kits.ts';
import type { LiveRooms } from './live.ts';

export interface KitCallParts {
  readonly kits: Kits;
  readonly door: Pick<KitDoor, 'of' | 'isIdle' | 'identify'>;
  readonly enrolment: KitEnrolment;
}

const kitName = z
  .string()
  .regex(kitPattern, 'must be a host name: 1 to 63 of a-z, 0-9 and "-", no "-" at its ends')
  .openapi({ example: 'verdi-1' });
const line = (max: number) =>
  z
    .string()
    .trim()
    .max(max)
    .regex(/^\P{Cc}*$/u, 'must be one line, without control characters');
const newKit = z
  .strictObject({
    name: kitName,
    kind: z.enum(kitKinds).describe('device: sound in; display: screen out; solo: both, with a relay of its own'),
    room: roomName,
    label: line(200).default('').describe('Where it stands, or who has it'),
  })
  .openapi('NewKit');
const newRoom = z.strictObject({ room: roomName }).openapi('KitRoom');
const at = z.number().nullable();
const kitView = z
  .object({
    name: z.string(),
    kind: z.enum(kitKinds),
    label: z.string(),
    room: z.string().nullable().describe('The room it serves; null: that was deleted, and it has no other yet'),
    state: z
      .enum(['new', 'online', 'offline'])
      .describe('new: it was not enrolled yet, or is to be enrolled anew; online: it is connected'),
    created: z.number(),
    enrolled: at.describe('When its card was exchanged for a key'),
    enrolment: z.object({ expires: z.number() }).nullable().describe('Its card may be exchanged for a key until then'),
    connectedMs: at.describe('For so long'),
    seen: at.describe('The last sign of it'),
    version: z.string().nullable(),
    serial: z.string().nullable().describe('Of the machine'),
    idle: z.boolean().describe('Nobody would miss its room for a minute'),
    health: kitHealth.nullable().describe('As it said last'),
    healthAt: at,
    update: kitUpdate.nullable().describe('What became of the release that it was offered last'),
    updateAt: at,
  })
  .openapi('Kit');
const kitList = z.object({ kits: z.array(kitView) }).openapi('Kits');
const madeKit = z
  .object({ kit: kitView, token: z.string().describe('For its card; shown this once'), expiresMs: z.number() })
  .openapi('MadeKit');
const enrolment = z
  .strictObject({
    key: z.string().regex(kitKeyPattern, 'must be kit_KEYID_SECRET').describe('That the kit made for itself'),
    version: line(64),
    serial: line(64).optional().describe('Of the machine'),
  })
  .openapi('Enrolment');

/** The kits: made and assigned by organizers, enrolled by themselves. */
export function addKitCalls(app: OpenAPIHono, rooms: LiveRooms, parts: KitCallParts, access: Access): void {
  const { kits, door } = parts;
  const admin = { ...withToken, tags: ['kits'], middleware: needs('admin', access, rooms) };
  const one = { params: z.object({ kit: kitName }) };

  const viewOf = (record: KitRecord): z.infer<typeof kitView> => {
    const { name, kind, label, room, createdMs, enrolledMs, seenMs, told } = record;
    const { enrolment, key } = kits.accessOf(name);
    const link = door.of(name);
    return {
      ...{ name, kind, label, room, created: createdMs, enrolled: key && enrolledMs },
      state: key === null ? 'new' : link === null ? 'offline' : 'online',
      enrolment: enrolment && { expires: enrolment.expiresMs },
      connectedMs: link && Math.round(link.connectedMs),
      seen: seenMs,
      ...{ version: told.version ?? null, serial: told.serial ?? null, idle: door.isIdle(name) },
      ...{ health: told.health ?? null, healthAt: told.healthMs ?? null },
      ...{ update: told.update ?? null, updateAt: told.updateMs ?? null },
    };
  };
  const known = (name: string): KitRecord => {
    const record = kits.get(name);
    if (!record) throw unknownKit(name);
    return record;
  };

  app.openapi(
    createRoute({
      ...admin,
      method: 'get',
      path: '/api/kits',
      summary: 'All kits and how they are',
      responses: { 200: json(kitList, 'The kits, by name'), ...refused(401, 403) },
    }),
    (context) => context.json({ kits: kits.all().map(viewOf) }, 200),
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'post',
      path: '/api/kits',
      summary: 'Makes a kit, with the token that enrols it once; it is shown this once',
      request: body(newKit),
      responses: { 201: json(madeKit, 'Made'), ...refused(400, 401, 403, 404, 409, 503) },
    }),
    (context) => {
      const { name, kind, room, label } = context.req.valid('json');
      const made = kits.create(name, kind, existing(rooms, room).record.name, label);
      return context.json({ kit: viewOf(known(name)), ...made }, 201);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'get',
      path: '/api/kits/{kit}',
      summary: 'A kit and how it is',
      request: one,
      responses: { 200: json(kitView, 'The kit'), ...refused(400, 401, 403, 404) },
    }),
    (context) => context.json(viewOf(known(context.req.valid('param').kit)), 200),
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'delete',
      path: '/api/kits/{kit}',
      summary: 'Revokes a kit: its key opens nothing any more, and what it opened closes at once',
      request: one,
      responses: { 204: { description: 'Revoked' }, ...refused(400, 401, 403, 404, 503) },
    }),
    (context) => {
      const { kit } = context.req.valid('param');
      if (!kits.delete(kit)) throw unknownKit(kit);
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'put',
      path: '/api/kits/{kit}/room',
      summary: 'Assigns a kit to a room, live; what it heard before stays with the room it was heard in',
      request: { ...one, ...body(newRoom) },
      responses: { 200: json(kitView, 'Assigned'), ...refused(400, 401, 403, 404, 503) },
    }),
    (context) => {
      const { name } = known(context.req.valid('param').kit);
      kits.assign(name, existing(rooms, context.req.valid('json').room).record.name);
      return context.json(viewOf(known(name)), 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'post',
      path: '/api/kits/{kit}/enrolment',
      summary: 'Makes another enrolment token; an earlier one ends, and its key of before once this one is used',
      request: one,
      responses: { 201: json(madeKit, 'Made'), ...refused(400, 401, 403, 404, 503) },
    }),
    (context) => {
      const { name } = known(context.req.valid('param').kit);
      const made = kits.renew(name);
      return context.json({ kit: viewOf(known(name)), ...made }, 201);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'post',
      path: '/api/kits/{kit}/identify',
      summary: 'Has a kit make itself known for half a minute, by its light and on its screen',
      request: one,
      responses: { 204: { description: 'It was told' }, ...refused(400, 401, 403, 404, 409) },
    }),
    (context) => {
      const { name } = known(context.req.valid('param').kit);
      if (!door.identify(name)) throw offline(name);
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      security: [{ bearer: [] }],
      tags: ['kits'],
      method: 'post',
      path: '/api/enrolment',
      summary:
        'Exchanges an enrolment token for the key that a kit made for itself, once; the same again is answered the same',
      request: body(enrolment),
      responses: { 200: json(enrolmentAnswer, 'The key is good from now on'), ...refused(400, 401, 409, 503) },
    }),
    (context) => {
      const { token, from } = { from: access.addresses.ofCall(context), ...credentialsOf(context, access) };
      const answer = parts.enrolment.enrol({ token, from, ...context.req.valid('json') });
      if ('status' in answer) throw new Refused(answer);
      return context.json(answer, 200);
    },
  );
}

const offline = (name: string) =>
  new SalaError(`The kit "${name}" is not connected`, {
    code: 'kit-offline',
    hint: 'Check its power and its network cable.',
  });
