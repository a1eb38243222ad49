import { setImmediate } from 'node:timers/promises';
import type { HttpBindings } from '@hono/node-server';
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Logger } from '../systemd/log.ts';
import type { Access } from './access.ts';
import { existing, needs, Refused } from './api-access.ts';
import { json, plain, refused, streamedJson, withToken } from './api-routes.ts';
import { gapsView, roomParameters, transcriptFile, transcriptQuery, transcriptView } from './api-schemas.ts';
import { unknownTalk } from './api-talks.ts';
import type { Version } from './canonical/fetched.ts';
import type { CanonicalServing } from './canonical/serving.ts';
import { type TranscriptMark, toJson, toSrt, toTxt, toVtt } from './exports.ts';
import type { LiveRoom, LiveRooms } from './live.ts';
import { badRequest, type Refusal, unavailable } from './refusal.ts';
import { stretchOf } from './talk-stretch.ts';
import type { Talks } from './talks.ts';
import { pageCaptions, type SpokenCaption, type TranscriptQuery } from './transcript.ts';
import { BrokenOff, bodyOf } from './transcript-body.ts';
import type { TranscriptTurns } from './transcript-turns.ts';

const formats = [
  { ending: 'vtt', type: 'text/vtt', write: toVtt, words: true },
  { ending: 'srt', type: 'application/x-subrip', write: toSrt, words: true },
  { ending: 'txt', type: 'text/plain', write: toTxt, words: false },
] as const;

interface Asked {
  /** The id of a talk, or of a recording. */
  readonly talk?: string | undefined;
  readonly version?: 'live' | 'canonical' | 'best' | undefined;
}

/** What a transcript is read of. */
interface Source {
  readonly query: TranscriptQuery;
  readonly mark: TranscriptMark;
  /** Room time of its 0:00, where that is not its first caption's. */
  readonly zeroMs: number | undefined;
  pages(query: TranscriptQuery): Pages;
  /** Whether it may still be read. */
  stands(): boolean;
}

export interface TranscriptParts {
  readonly turns: TranscriptTurns;
  readonly talks: Talks;
  /** Transcripts of recordings; null: there are none. */
  readonly canonical: CanonicalServing | null;
  readonly log: Logger;
}

/** Resolves when the next step may be taken. */
type Step = () => Promise<void>;

type Pages = Generator<readonly SpokenCaption[], boolean>;

/** What was said in a room, in the order spoken. */
export function addTranscriptCalls(
  app: OpenAPIHono,
  rooms: LiveRooms,
  access: Access,
  { turns, talks, canonical, log }: TranscriptParts,
): void {
  const streamed = async (context: Context, room: string, begin: () => Promise<Begun>) =>
    await inTurn(context, turns, room, begin, log);
  const nextStep = () => turns.step();
  const liveSource = (room: LiveRoom, query: TranscriptQuery): Source => ({
    ...{ query, zeroMs: query.from, mark: { version: 'live', engine: null, revision: null } },
    pages: (asked) => room.log.spoken.pages(asked),
    stands: () => rooms.get(room.record.name)?.log.id === room.log.id,
  });
  /** The captions of a talk, as they were said. */
  const within = async (room: LiveRoom, id: string, query: TranscriptQuery): Promise<Source> => {
    const stretches = talks.stretches(room.record.name, Date.now());
    const talk = stretches.find((each) => each.id === id);
    const recording = talk ? null : canonical?.recording(room.record.name, id);
    if (!talk && !recording) throw unknownTalk(room.record.name, id);
    const { from, to } = talk
      ? await stretchOf(talk, stretches, room.log.spoken, setImmediate)
      : { from: recording?.fromMs ?? 0, to: recording?.toMs ?? Date.now() };
    return liveSource(room, {
      ...query,
      from: Math.max(from, query.from ?? from),
      to: Math.min(to, query.to ?? to),
    });
  };
  const sourceOf = async (room: LiveRoom, { talk, version, ...query }: TranscriptQuery & Asked): Promise<Source> => {
    if (talk === undefined) {
      if (version === undefined || version === 'live') return liveSource(room, query);
      throw new Refused(talkMissing);
    }
    const recording = version === 'live' ? null : canonical?.ofTalk(room.record.name, talk);
    const served = recording && canonical?.served(recording);
    if (canonical && served) return canonicalSource(room, canonical, served, query);
    const live = await within(room, talk, query);
    if (version === 'canonical') throw new Refused(noCanonical(talk));
    return live;
  };
  const canonicalSource = (
    room: LiveRoom,
    from: CanonicalServing,
    version: Version,
    query: TranscriptQuery,
  ): Source => {
    const { engine, revision, startMs } = version.about;
    return {
      ...{ query, zeroMs: query.from ?? startMs, mark: { version: 'canonical', engine, revision } },
      pages: (asked) => from.pages(room, version, asked),
      stands: () => rooms.get(room.record.name)?.log.id === room.log.id && from.stands(version),
    };
  };
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
      responses: { 200: streamedJson(transcriptView, 'The captions'), ...refused(400, 401, 403, 404, 503) },
    }),
    async (context) => {
      const room = existing(rooms, context.req.valid('param').room);
      const { download, words, ...asked } = context.req.valid('query');
      const source = await sourceOf(room, asked);
      const { query, mark } = source;
      const pages = standing(source, source.pages({ ...query, words }));
      const write = (captions: Pages) => toJson({ room: room.record.name, log: room.log.id, ...mark }, captions, words);
      const begin = async (step: Step): Promise<Begun> => {
        const { first, all } = await begun(pages, step);
        return {
          steps: write(all),
          headers: {
            'content-type': 'application/json',
            'content-disposition': disposition(
              room,
              'json',
              download,
              source.zeroMs ?? first?.caption.start,
              asked.talk,
              mark,
            ),
          },
        };
      };
      // A page of history is made at once, and needs no turn.
      if ((query.limit ?? Number.POSITIVE_INFINITY) > pageCaptions)
        return await streamed(context, room.record.name, () => begin(nextStep));
      const { steps, headers } = await begin(setImmediate);
      return context.body([...steps].join(''), 200, headers);
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

  for (const { ending, type, write, words } of formats)
    app.openapi(
      createRoute({
        ...reader,
        path: `/api/rooms/{room}/transcript.${ending}`,
        summary: `The captions as ${ending.toUpperCase()}`,
        description: 'Times count from `from`, else from the start of `talk`, else from the first caption.',
        request: { params: roomParameters, query: transcriptFile },
        responses: { 200: plain(type, 'The captions'), ...refused(400, 401, 403, 404, 503) },
      }),
      async (context) => {
        const room = existing(rooms, context.req.valid('param').room);
        const { download, ...asked } = context.req.valid('query');
        const source = await sourceOf(room, asked);
        const { mark } = source;
        return await streamed(context, room.record.name, async () => {
          const pages = standing(source, source.pages({ ...source.query, words }));
          const { first, all } = await begun(pages, nextStep);
          const zeroMs = source.zeroMs ?? first?.caption.start ?? 0;
          return {
            steps: write(all, zeroMs, noteOf(mark)),
            headers: {
              'content-type': `${type}; charset=utf-8`,
              'content-disposition': disposition(room, ending, download, first ? zeroMs : undefined, asked.talk, mark),
            },
          };
        });
      },
    );
}

interface Begun {
  readonly steps: Generator<string, void>;
  readonly headers: Record<string, string>;
}

/** An answer that is made while it is read. @throws {Refused} 503 where too many are being read */
async function inTurn(
  context: Context,
  turns: TranscriptTurns,
  room: string,
  begin: () => Promise<Begun>,
  log: Logger,
): Promise<Response> {
  const release = await turns.take(room);
  if (!release) throw new Refused(busy);
  const breakOff = (error: unknown) => {
    if (!(error instanceof BrokenOff)) log.error({ err: error, path: context.req.path }, 'a transcript broke off');
    const { outgoing }: Partial<HttpBindings> = context.env ?? {};
    outgoing?.destroy();
    return outgoing !== undefined;
  };
  try {
    const { steps, headers } = await begin();
    // Nobody reads the body of an answer to HEAD, and so nobody would end its turn.
    if (context.req.method !== 'HEAD') return context.body(bodyOf(steps, { turns, release, breakOff }), 200, headers);
    release();
    return context.body(null, 200, headers);
  } catch (error) {
    release();
    throw error;
  }
}

/** The first caption of a transcript, and all of it. */
async function begun(pages: Pages, step: Step): Promise<{ first: SpokenCaption | undefined; all: Pages }> {
  for (;;) {
    await step();
    const { done, value } = pages.next();
    if (done) return { first: undefined, all: followed([], pages, value) };
    if (value.length > 0) return { first: value[0], all: followed(value, pages) };
  }
}

function* followed(page: readonly SpokenCaption[], pages: Pages, truncated?: boolean): Pages {
  yield page;
  return truncated ?? (yield* pages);
}

/** A room or talk that is deleted while its transcript is read ends it in the midst, not as if it were whole. */
function* standing(source: Source, pages: Pages): Pages {
  for (;;) {
    const { done, value } = pages.next();
    if (!source.stands()) throw new BrokenOff('it was deleted');
    if (done) return value;
    yield value;
  }
}

/** A name to save it under: room, day (UTC) and talk. */
function disposition(
  room: LiveRoom,
  ending: string,
  download: boolean,
  ms: number | undefined,
  talk: string | undefined,
  { version }: TranscriptMark,
): string {
  const day = ms === undefined || Math.abs(ms) > 8.64e15 ? '' : `-${new Date(ms).toISOString().slice(0, 10)}`;
  return `${download ? 'attachment' : 'inline'}; filename="${room.record.name}${day}${talk === undefined ? '' : `-${talk}`}${version === 'live' ? '' : `-${version}`}.${ending}"`;
}

/** For whoever reads a file that has no fields. */
const noteOf = ({ version, engine, revision }: TranscriptMark) =>
  version === 'live'
    ? ''
    : `Made from the recording after the talk: version ${version}, ${engine}, revision ${revision}`;

const talkMissing = badRequest(
  'talk-missing',
  'Only a talk has a canonical transcript',
  'Name it with talk=ID, or leave version out.',
);

const noCanonical = (talk: string): Refusal => ({
  status: 404,
  code: 'canonical-none',
  message: `The talk "${talk}" has no published transcript of its recording`,
  hint: 'Ask with version=best, or leave it out: then the live captions take its place.',
});

const busy = unavailable(
  'transcripts-busy',
  'Too many people are reading transcripts at this moment',
  'Ask again in a few seconds; --max-transcripts allows more at once.',
  5,
);
