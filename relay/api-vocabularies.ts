import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Access } from './access.ts';
import { existing, needs } from './api-access.ts';
import { body, json, refused, withToken } from './api-routes.ts';
import { roomParameters } from './api-schemas.ts';
import type { LiveRooms } from './live.ts';
import type { RoomVocabularies, Vocabularies } from './vocabularies.ts';
import { vocabularyLimits as limits, type Phrase, phraseList } from './vocabulary.ts';

const given = z
  .strictObject({ phrases: phraseList.describe(`At most ${limits.maxPhrases}, ${limits.maxListBytes} bytes in all`) })
  .openapi('Phrases', { description: 'Names and terms that are said, for the engine to listen for' });

const leftOut = z.array(
  z.object({
    list: z.enum(['event', 'room']),
    index: z.number().int().describe('Its place in that list'),
    phrase: z.string(),
    language: z.string(),
    message: z.string(),
  }),
);
const vocabulary = z.object({
  name: z.string().describe('In the AWS account'),
  language: z.string(),
  region: z.string().nullable().describe('null: the one of the AWS SDK’s standard configuration'),
  phrases: z.number().int(),
  state: z
    .enum(['waiting', 'pending', 'ready', 'failed', 'unavailable'])
    .describe('ready: sessions that open from now on use it'),
  message: z.string(),
  hint: z.string(),
});
const view = z.object({
  phrases: given.shape.phrases,
  leftOut: leftOut.describe('Phrases that are not in a vocabulary'),
});
const roomView = view
  .extend({
    message: z.string().describe('Why the room has no vocabulary; empty where it has'),
    vocabularies: z.array(vocabulary),
    scheduled: z
      .object({ phrases: z.array(z.string()), leftOut: z.number().int().describe('Found no place beside the phrases') })
      .describe('Names of its talks of the day, listened for beside the phrases'),
  })
  .openapi('RoomVocabulary');
const eventView = view
  .extend({ vocabularies: z.array(vocabulary.extend({ rooms: z.array(z.string()) })) })
  .openapi('EventVocabulary');

/** Names and terms of event and rooms, and how the vocabularies made of them stand. */
export function addVocabularyCalls(
  app: OpenAPIHono,
  rooms: LiveRooms,
  vocabularies: Vocabularies,
  access: Access,
): void {
  const admin = { ...withToken, tags: ['vocabulary'], middleware: needs('admin', access, rooms) };
  const room = { params: roomParameters };
  const ofEvent = () => {
    const each = rooms.all().map(({ record }) => ({ room: record.name, ...vocabularies.of(record) }));
    const merged = new Map<string, z.input<typeof eventView>['vocabularies'][number]>();
    for (const { room: name, vocabularies: kept } of each)
      for (const one of kept) {
        const key = `${one.region ?? ''} ${one.name}`;
        merged.set(key, { ...one, rooms: [...(merged.get(key)?.rooms ?? []), name] });
      }
    const left = each.flatMap((one) => one.leftOut.filter(({ list }) => list === 'event'));
    const unique = new Map(left.map((one) => [`${one.index} ${one.language}`, one]));
    return { phrases: copyOf(vocabularies.event), leftOut: [...unique.values()], vocabularies: [...merged.values()] };
  };
  const ofRoom = (name: string) => {
    const { record } = existing(rooms, name);
    const { message, vocabularies: kept, leftOut: left }: RoomVocabularies = vocabularies.of(record);
    const scheduled = vocabularies.scheduled(record);
    return {
      scheduled: { phrases: scheduled.phrases.map(({ phrase }) => phrase), leftOut: scheduled.leftOut },
      phrases: copyOf(record.settings.vocabulary ?? []),
      message,
      vocabularies: [...kept],
      leftOut: [...left],
    };
  };

  app.openapi(
    createRoute({
      ...admin,
      method: 'get',
      path: '/api/vocabulary',
      summary: 'Names and terms of the whole event, and the vocabularies that rooms need now',
      responses: { 200: json(eventView, 'The phrases'), ...refused(401, 403) },
    }),
    (context) => context.json(ofEvent(), 200),
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'put',
      path: '/api/vocabulary',
      summary: 'Replaces all phrases of the event; sessions that open once their vocabulary is ready use them',
      request: body(given),
      responses: { 200: json(eventView, 'The phrases'), ...refused(400, 401, 403) },
    }),
    (context) => {
      vocabularies.putEvent(context.req.valid('json').phrases);
      return context.json(ofEvent(), 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'get',
      path: '/api/rooms/{room}/vocabulary',
      summary: 'Names and terms of a room, without those of the event, and the vocabularies that are kept for it',
      request: room,
      responses: { 200: json(roomView, 'The phrases'), ...refused(400, 401, 403, 404) },
    }),
    (context) => context.json(ofRoom(context.req.valid('param').room), 200),
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'put',
      path: '/api/rooms/{room}/vocabulary',
      summary: 'Replaces all phrases of the room; sessions that open once their vocabulary is ready use them',
      request: { ...room, ...body(given) },
      responses: { 200: json(roomView, 'The phrases'), ...refused(400, 401, 403, 404) },
    }),
    (context) => {
      const { name } = existing(rooms, context.req.valid('param').room).record;
      rooms.put(name, { vocabulary: context.req.valid('json').phrases });
      return context.json(ofRoom(name), 200);
    },
  );
}

const copyOf = (phrases: readonly Phrase[]) => phrases.map((each) => ({ ...each }));
