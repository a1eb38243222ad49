import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { Access } from './access.ts';
import { existing, needs } from './api-access.ts';
import { json, plain, refused, withToken } from './api-routes.ts';
import { gapsView, roomParameters, transcriptPeriod, transcriptQuery, transcriptView } from './api-schemas.ts';
import type { CaptionLog, TranscriptQuery } from './captions.ts';
import { toSrt, toTxt, toVtt } from './exports.ts';
import type { LiveRooms } from './live.ts';
import type { Caption } from './protocol.js';

const formats = [
  { ending: 'vtt', type: 'text/vtt', write: toVtt },
  { ending: 'srt', type: 'application/x-subrip', write: toSrt },
  { ending: 'txt', type: 'text/plain', write: toTxt },
] as const;

/** At most `max` captions, the newest spoken, and whether that left any out. */
function read(log: CaptionLog, query: TranscriptQuery, max: number): { captions: Caption[]; truncated: boolean } {
  const limit = Math.min(query.limit ?? max, max);
  const captions = log.transcript({ ...query, limit: limit + 1 });
  const truncated = captions.length > limit;
  return { captions: truncated ? captions.slice(1) : captions, truncated };
}

/** What was said in a room, in the order spoken. */
export function addTranscriptCalls(app: OpenAPIHono, rooms: LiveRooms, access: Access, maxCaptions: number): void {
  const reader = {
    ...withToken,
    tags: ['transcripts'],
    middleware: needs('read', access, rooms),
    method: 'get' as const,
  };

  app.openapi(
    createRoute({
      ...reader,
      path: '/api/rooms/{room}/transcript.json',
      summary: 'The captions with all their fields',
      request: { params: roomParameters, query: transcriptQuery },
      responses: { 200: json(transcriptView, 'The captions'), ...refused(400, 401, 403, 404) },
    }),
    (context) => {
      const room = existing(rooms, context.req.valid('param').room);
      const { captions, truncated } = read(room.log, context.req.valid('query'), maxCaptions);
      return context.json({ room: room.record.name, log: room.log.id, captions, truncated }, 200);
    },
  );

  app.openapi(
    createRoute({
      ...reader,
      path: '/api/rooms/{room}/gaps',
      summary: 'The stretches of time without audio, and why',
      request: { params: roomParameters },
      responses: { 200: json(gapsView, 'The gaps, in order'), ...refused(400, 401, 403, 404) },
    }),
    (context) => {
      const room = existing(rooms, context.req.valid('param').room);
      return context.json({ room: room.record.name, gaps: room.gaps().map((gap) => ({ ...gap })) }, 200);
    },
  );

  for (const { ending, type, write } of formats)
    app.openapi(
      createRoute({
        ...reader,
        path: `/api/rooms/{room}/transcript.${ending}`,
        summary: `The captions as ${ending.toUpperCase()}`,
        description: 'Times count from `from`, or from the first caption.',
        request: { params: roomParameters, query: transcriptPeriod },
        responses: { 200: plain(type, 'The captions'), ...refused(400, 401, 403, 404) },
      }),
      (context) => {
        const room = existing(rooms, context.req.valid('param').room);
        const query = context.req.valid('query');
        const { captions, truncated } = read(room.log, query, maxCaptions);
        return context.body(write(captions, query.from ?? captions[0]?.start ?? 0), 200, {
          'content-type': `${type}; charset=utf-8`,
          'content-disposition': `inline; filename="${room.record.name}.${ending}"`,
          ...(truncated ? { 'x-sala-truncated': 'true' } : {}),
        });
      },
    );
}
