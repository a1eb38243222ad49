import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Access } from './access.ts';
import { needs } from './api-access.ts';
import { body, json, refused, withToken } from './api-routes.ts';
import { roomParameters } from './api-schemas.ts';
import type { LiveRooms } from './live.ts';
import { mistakeInUrl } from './schedule/fetch.ts';
import { scheduleFormats } from './schedule/formats.ts';
import { isTimeZone } from './schedule/local-time.ts';
import { defaultEveryMinutes, type Schedule } from './schedule/schedule.ts';
import { scheduleLimits } from './schedule/schedule-file.ts';
import { language } from './settings.ts';

const url = z
  .string()
  .superRefine((text, context) => {
    const mistake = mistakeInUrl(text);
    if (mistake) context.addIssue({ code: 'custom', message: mistake });
  })
  .openapi({ type: 'string', format: 'uri', example: 'https://talks.example.org/event/schedule/export/schedule.json' });

const taking = {
  format: z.enum(scheduleFormats).optional().describe('Left out: told by the content'),
  timeZone: z
    .string()
    .max(100)
    .refine(isTimeZone, 'must be a time zone like Europe/Rome')
    .optional()
    .describe('Of times without an offset from UTC; left out: as the file says'),
  language: language.optional().describe('Of talks that name none; left out: their rooms keep theirs'),
};
const rooms = z
  .record(z.string().min(1).max(scheduleLimits.maxRoomName), roomParameters.shape.room)
  .refine((all) => Object.keys(all).length <= scheduleLimits.maxRooms, `must have at most ${scheduleLimits.maxRooms}`)
  .default({})
  .describe('Rooms by their name in the schedule, where neither name nor title of the room is like it');

const everyMinutes = z.number().int().min(1).max(1440);
const given = z
  .strictObject({
    source: z.discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('url'),
        url: url.describe('https at port 443, in no private network'),
        everyMinutes: everyMinutes.default(defaultEveryMinutes).describe('Fetched again so often'),
        rooms,
        ...taking,
      }),
      z
        .strictObject({ kind: z.literal('file'), rooms, ...taking })
        .describe('The file that was given, taken otherwise'),
    ]),
  })
  .openapi('ScheduleChange');

const mistake = z.object({ place: z.string(), message: z.string(), room: z.string().nullable() });
const view = z
  .object({
    source: z
      .object({
        kind: z.enum(['url', 'file']),
        url: z.string().optional(),
        everyMinutes: everyMinutes.optional(),
        rooms: z.record(z.string(), z.string()),
        format: z.enum(scheduleFormats).optional(),
        timeZone: z.string().optional(),
        language: z.string().optional(),
      })
      .nullable(),
    state: z.object({
      fetchedMs: z.number().nullable().describe('When it was asked for or given last; room time'),
      lastGoodMs: z.number().nullable().describe('When what holds was last found good'),
      message: z.string().describe('What is wrong; empty: nothing'),
      hint: z.string(),
      mistakes: z.array(mistake).describe('Each with its place; with one of them nothing of the schedule is taken'),
      notes: z.array(z.string()).describe('What was cut, left out or guessed'),
    }),
    talks: z.number().int().describe('Talks of it, in all rooms'),
    unmatched: z.array(z.string()).describe('Rooms of the schedule that are none here'),
    rooms: z.array(z.string()).describe('Rooms as the schedule calls them'),
  })
  .openapi('Schedule');

const fileBody = z.string().openapi({ description: `UTF-8, at most ${scheduleLimits.maxBytes / 1024 / 1024} MB` });

/** The conference's own schedule: where it comes from, and how it stands. */
export function addScheduleCalls(app: OpenAPIHono, all: LiveRooms, schedule: Schedule, access: Access): void {
  const admin = { ...withToken, tags: ['schedule'], middleware: needs('admin', access, all) };
  const viewNow = (): z.input<typeof view> => {
    const { source, state, unmatched, rooms: names, talks } = schedule.view;
    return {
      source: source && { ...source, rooms: { ...source.rooms } },
      state: { ...state, mistakes: [...state.mistakes], notes: [...state.notes] },
      ...{ talks, unmatched: [...unmatched], rooms: [...names] },
    };
  };

  app.openapi(
    createRoute({
      ...admin,
      method: 'get',
      path: '/api/schedule',
      summary: 'The schedule that rooms follow, and how it stands',
      responses: { 200: json(view, 'The schedule'), ...refused(401, 403) },
    }),
    (context) => context.json(viewNow(), 200),
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'put',
      path: '/api/schedule',
      summary: 'Takes the schedule from an address, fetched at once and again and again',
      description: 'What could not be fetched or read is in `state`; the last good one holds, and it is tried again.',
      request: body(given),
      responses: { 200: json(view, 'The schedule'), ...refused(400, 401, 403, 409) },
    }),
    async (context) => {
      await schedule.put(context.req.valid('json').source);
      return context.json(viewNow(), 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'put',
      path: '/api/schedule/file',
      summary: 'Takes the schedule from a file: schedule.json or schedule.xml of pretalx or frab, or CSV',
      description: 'Rooms that were mapped stay so. Refused with every mistake at its place; then all is as it was.',
      request: {
        query: z.strictObject(taking),
        body: {
          content: {
            'text/plain': { schema: fileBody },
            'text/csv': { schema: fileBody },
            'application/xml': { schema: fileBody },
            'application/octet-stream': { schema: fileBody },
          },
          required: true,
        },
      },
      responses: { 200: json(view, 'The schedule'), ...refused(400, 401, 403, 413) },
    }),
    async (context) => {
      await schedule.putFile(new Uint8Array(await context.req.arrayBuffer()), context.req.valid('query'));
      return context.json(viewNow(), 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'post',
      path: '/api/schedule/fetch',
      summary: 'Fetches the schedule now',
      responses: { 200: json(view, 'The schedule, as it stands after that'), ...refused(401, 403, 409) },
    }),
    async (context) => {
      await schedule.fetch();
      return context.json(viewNow(), 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'delete',
      path: '/api/schedule',
      summary: 'Forgets the schedule and takes its talks out; talks by hand and captions stay',
      responses: { 204: { description: 'Forgotten' }, ...refused(401, 403) },
    }),
    (context) => {
      schedule.remove();
      return context.body(null, 204);
    },
  );
}
