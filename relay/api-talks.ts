import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Access } from './access.ts';
import { existing, needs, Refused } from './api-access.ts';
import { body, json, refused, withToken } from './api-routes.ts';
import { moment, roomParameters, talkId } from './api-schemas.ts';
import type { LiveRooms } from './live.ts';
import { namesIn, ordinaryWords } from './schedule/names.ts';
import { language } from './settings.ts';
import { type KeptTalk, maxTalks, type Talks } from './talks.ts';

const maxTalkMs = 24 * 3_600_000;

const talkParameters = roomParameters.extend({ talk: talkId });

const line = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .regex(/^\P{Cc}*$/u, 'must be one line, without control characters');

/** With both times understood they can be compared, whatever else is wrong. */
const hasTimes = ({ value }: { readonly value: unknown }) =>
  z.object({ start: z.number(), end: z.number() }).safeParse(value).success;

const given = z
  .strictObject({
    title: line(300),
    speakers: z.array(line(200)).max(20).default([]),
    language: language.nullable().default(null).describe('BCP 47'),
    start: moment.describe('RFC 3339, or ms since 1970'),
    end: moment.describe('At most 24 h after the start'),
  })
  .refine(({ start, end }) => start < end, { path: ['end'], message: 'must be after the start', when: hasTimes })
  .refine(({ start, end }) => end - start <= maxTalkMs, {
    path: ['end'],
    message: 'must be within 24 h of the start',
    when: hasTimes,
  })
  .openapi('TalkChange');

const talkView = z
  .object({
    id: z.string(),
    title: z.string(),
    speakers: z.array(z.string()),
    language: z.string().nullable(),
    start: z.number().describe('Room time in ms since 1970'),
    end: z.number(),
    source: z.enum(['hand', 'schedule']).describe('An import of the schedule leaves alone what was set by hand'),
  })
  .openapi('Talk');
const talkList = z.object({ talks: z.array(talkView) }).openapi('Talks');

type TalkFields = Omit<KeptTalk, 'names'>;
const viewOf = ({ id, title, speakers, language, start, end, source }: TalkFields): z.input<typeof talkView> => ({
  ...{ id, title, language, start, end, source },
  speakers: [...speakers],
});

/** No talk of that id. */
export const unknownTalk = (room: string, id: string) =>
  new Refused({
    status: 404,
    code: 'talk-unknown',
    message: `The room ${room} has no talk "${id}"`,
    hint: `GET /api/rooms/${room}/talks lists them.`,
  });

/** The schedule of a room. */
export function addTalkCalls(app: OpenAPIHono, rooms: LiveRooms, talks: Talks, access: Access): void {
  const admin = { ...withToken, tags: ['talks'], middleware: needs('admin', access, rooms) };

  app.openapi(
    createRoute({
      ...admin,
      method: 'get',
      path: '/api/rooms/{room}/talks',
      summary: 'The talks of a room',
      request: { params: roomParameters },
      responses: { 200: json(talkList, 'The talks, by start'), ...refused(400, 401, 403, 404) },
    }),
    (context) => {
      const { name } = existing(rooms, context.req.valid('param').room).record;
      return context.json({ talks: talks.of(name).map(viewOf) }, 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'put',
      path: '/api/rooms/{room}/talks/{talk}',
      summary: 'Makes a talk or takes the place of all of it',
      description: `A room has at most ${maxTalks}. A talk of the imported schedule is set by hand from then on.`,
      request: { params: talkParameters, ...body(given) },
      responses: {
        200: json(talkView, 'Changed'),
        201: json(talkView, 'Made'),
        ...refused(400, 401, 403, 404, 409),
      },
    }),
    (context) => {
      const { room, talk: id } = context.req.valid('param');
      const { name } = existing(rooms, room).record;
      const talk = { id, ...context.req.valid('json'), source: 'hand' as const };
      const ordinary = ordinaryWords(talks.of(name).map(({ title }) => title));
      const isNew = talks.put(name, talk, namesIn(talk, ordinary));
      return isNew ? context.json(viewOf(talk), 201) : context.json(viewOf(talk), 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'delete',
      path: '/api/rooms/{room}/talks/{talk}',
      summary: 'Takes a talk out of the schedule; its captions stay',
      request: { params: talkParameters },
      responses: { 204: { description: 'Deleted' }, ...refused(400, 401, 403, 404) },
    }),
    (context) => {
      const { room, talk } = context.req.valid('param');
      const { name } = existing(rooms, room).record;
      if (!talks.delete(name, talk)) throw unknownTalk(name, talk);
      return context.body(null, 204);
    },
  );
}
