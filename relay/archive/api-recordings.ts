import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { SalaError } from '../../systemd/errors.ts';
import type { Access } from '../access.ts';
import { existing, needs } from '../api-access.ts';
import { body, json, refused, withToken } from '../api-routes.ts';
import { roomName, roomParameters } from '../api-schemas.ts';
import { keyPart } from '../canonical/contract.ts';
import type { LiveRooms } from '../live.ts';
import type { Archiver, Archiving } from './archiving.ts';
import { type Recording, recordingStates } from './recordings.ts';

const recordingView = z
  .object({
    room: z.string(),
    talk: z.string().describe('As it stands in the keys of the store'),
    talkId: z.string().nullable().describe('In the schedule; null: found by its sound'),
    revision: z.number().int(),
    title: z.string(),
    speakers: z.array(z.string()),
    from: z.number().describe('Room time in ms since 1970'),
    to: z.number().nullable().describe('null: it is being recorded'),
    state: z.enum(recordingStates),
    message: z.string(),
    hint: z.string(),
    redact: z.boolean(),
    engine: z.string().nullable(),
    manifest: z.string().nullable().describe('Its key in the store, without a prefix of the address'),
  })
  .openapi('Recording');
const explained = z.object({ code: z.string(), message: z.string(), hint: z.string() });
const storeView = z
  .object({
    waitingFiles: z.number().int(),
    waitingBytes: z.number(),
    maxBytes: z.number().describe('--max-recording-backlog'),
    oldest: z.number().nullable().describe('Since when something waits, ms since 1970'),
    error: explained.nullable().describe('Why the last attempt failed'),
    nextTry: z.number().nullable(),
    toDelete: z.number().int().describe('Talks and rooms whose deletion the store has not confirmed'),
  })
  .openapi('RecordingStore');
const roomRecordings = z.object({ room: z.string(), recordings: z.array(recordingView) }).openapi('RoomRecordings');
const allRecordings = z
  .object({
    store: storeView.nullable().describe('null: this relay has none, and records nothing'),
    recordings: z.array(recordingView),
  })
  .openapi('Recordings');
const talkParameters = roomParameters.extend({ talk: keyPart });
const erasureRequest = z
  .strictObject({
    room: roomName.optional().describe('All recordings of that room'),
    person: z.string().trim().min(1).max(200).optional().describe('All talks of which they are a speaker'),
    confirm: z.boolean().default(false).describe('false: only says what would go'),
  })
  .refine(({ room, person }) => (room === undefined) !== (person === undefined), 'give either room or person')
  .openapi('ErasureRequest');
const erasureView = z
  .object({ confirmed: z.boolean(), recordings: z.array(recordingView) })
  .openapi('ErasureOfRecordings');

const viewOf = ({ fromMs, toMs, manifestKey, ...recording }: Recording): z.input<typeof recordingView> => {
  const { room, talk, talkId, revision, title, speakers, state, message, hint, redact, engine } = recording;
  return {
    ...{ room, talk, talkId, revision, title, speakers: [...speakers] },
    ...{ from: Math.round(fromMs), to: toMs === null ? null : Math.round(toMs) },
    ...{ state, message, hint, redact, engine, manifest: manifestKey },
  };
};

function viewOfStore({ uploads, erasure }: Archiver): z.input<typeof storeView> {
  const { waitingFiles, waitingBytes, maxBacklogBytes, oldestMs, error, nextTryMs } = uploads.state;
  const toDelete = erasure.state.waiting;
  return {
    waitingFiles,
    waitingBytes,
    maxBytes: maxBacklogBytes,
    oldest: oldestMs,
    error,
    nextTry: nextTryMs,
    toDelete,
  };
}

/** As names are compared: letters alone count. */
const plainName = (name: string) =>
  name
    .normalize('NFKD')
    .replace(/\P{L}+/gu, ' ')
    .trim()
    .toLowerCase();

/** Recordings of talks: what there is, how far it is on its way, and what has to go. */
export function addRecordingCalls(app: OpenAPIHono, rooms: LiveRooms, archiving: Archiving, access: Access): void {
  const admin = { ...withToken, tags: ['recordings'], middleware: needs('admin', access, rooms) };
  const { recordings, archiver } = archiving;
  const present = (each: readonly Recording[]) =>
    each.filter(({ state }) => state !== 'deleted').toSorted((a, b) => b.fromMs - a.fromMs);
  const archive = () => {
    if (archiver) return archiver.archive;
    throw new SalaError('This relay has nowhere to put recordings', {
      code: 'recording-none',
      hint: 'Start it with --recording-store.',
    });
  };

  app.openapi(
    createRoute({
      ...admin,
      method: 'get',
      path: '/api/recordings',
      summary: 'All recordings, the newest first, and what waits for the store',
      responses: { 200: json(allRecordings, 'The recordings'), ...refused(401, 403) },
    }),
    (context) => {
      const store = archiver && viewOfStore(archiver);
      return context.json({ store, recordings: present(recordings.all()).map(viewOf) }, 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'get',
      path: '/api/rooms/{room}/recordings',
      summary: 'The recordings of a room, the newest first',
      request: { params: roomParameters },
      responses: { 200: json(roomRecordings, 'The recordings'), ...refused(400, 401, 403, 404) },
    }),
    (context) => {
      const { name } = existing(rooms, context.req.valid('param').room).record;
      return context.json({ room: name, recordings: present(recordings.of(name)).map(viewOf) }, 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'post',
      path: '/api/rooms/{room}/recordings/end',
      summary: 'Ends what is being recorded now; it goes to the store',
      request: { params: roomParameters },
      responses: { 200: json(recordingView, 'Ended'), ...refused(400, 401, 403, 404, 409) },
    }),
    (context) => {
      const { name } = existing(rooms, context.req.valid('param').room).record;
      const ended = archive().end(name);
      if (!ended)
        throw new SalaError('Nothing is being recorded in this room', {
          code: 'recording-none',
          hint: 'GET /api/rooms/NAME/recordings lists what there is.',
        });
      context.set('told', { talk: ended.talk });
      return context.json(viewOf(ended), 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'delete',
      path: '/api/rooms/{room}/recordings/{talk}',
      summary: 'Deletes a recording with its transcripts, here and in the store',
      request: { params: talkParameters },
      responses: { 204: { description: 'Deleted here; the store follows' }, ...refused(400, 401, 403, 404, 409) },
    }),
    async (context) => {
      const { room, talk } = context.req.valid('param');
      const deleted = await archive().delete(existing(rooms, room).record.name, talk, 'by an organizer');
      if (!deleted)
        throw new SalaError(`There is no recording "${talk}" in this room`, {
          code: 'recording-unknown',
          hint: 'GET /api/rooms/NAME/recordings lists what there is.',
        });
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'post',
      path: '/api/recordings/erasure',
      summary: 'Says which recordings of a room or a person there are; deletes them where that is confirmed',
      request: body(erasureRequest),
      responses: { 200: json(erasureView, 'What goes, or would go'), ...refused(400, 401, 403, 409) },
    }),
    async (context) => {
      const { room, person, confirm } = context.req.valid('json');
      const isMeant = (each: Recording) =>
        person === undefined ? each.room === room : each.speakers.some((name) => plainName(name) === plainName(person));
      const meant = present(recordings.all()).filter(isMeant);
      const views = meant.map(viewOf);
      if (confirm) for (const each of meant) await archive().delete(each.room, each.talk, 'on request');
      context.set('told', { confirm, recordings: meant.length, ...(room !== undefined && { room }) });
      return context.json({ confirmed: confirm, recordings: views }, 200);
    },
  );
}
