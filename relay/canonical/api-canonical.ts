import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Access } from '../access.ts';
import { existing, needs, Refused } from '../api-access.ts';
import { body, json, refused, withToken } from '../api-routes.ts';
import { captionText, roomParameters, talkId } from '../api-schemas.ts';
import type { Recording } from '../archive/recordings.ts';
import type { LiveRoom, LiveRooms } from '../live.ts';
import { badRequest } from '../refusal.ts';
import type { Choice, FetchedTranscripts, Version } from './fetched.ts';
import { everywhere } from './fetched.ts';
import type { TranscriptFetching } from './fetching.ts';
import type { CanonicalServing } from './serving.ts';
import { standingOf } from './standing.ts';

export interface CanonicalParts {
  readonly serving: CanonicalServing;
  readonly fetched: FetchedTranscripts;
  /** null: no store is configured. */
  readonly fetching: Pick<TranscriptFetching, 'fault' | 'looks'> | null;
}

const maxSegments = 200;
/** Of live captions beside a page of segments. */
const maxLive = 1000;

const segmentId = z
  .string()
  .regex(/^\d{1,9}$/, 'must be the id of a segment')
  .transform(Number)
  .openapi({ type: 'integer', example: 7 });
const talkParameters = roomParameters.extend({ talk: talkId });
const segmentParameters = talkParameters.extend({
  segment: segmentId,
});
const versionName = z
  .string()
  .regex(/^[a-z0-9-]{1,160}$/, 'must be the name of a version, as the transcript of the recording lists them')
  .openapi({ example: 'r1-parakeet-0123456789ab-89abcdef' });
const roomTime = z.number().describe('Room time in ms since 1970');
const trouble = z.object({ code: z.string(), message: z.string(), hint: z.string() });

const publishedTalk = z.object({
  talk: z.string(),
  title: z.string(),
  speakers: z.array(z.string()),
  start: roomTime,
  end: roomTime,
  version: z.literal('canonical'),
  engine: z.string(),
  revision: z.number().int(),
  language: z.string(),
});
const publishedTalks = z.object({ room: z.string(), talks: z.array(publishedTalk) }).openapi('PublishedTranscripts');

const standing = z.object({
  state: z
    .enum(['recording', 'awaited', 'published', 'review', 'live', 'newer', 'failed'])
    .describe('`review`: an organizer has to look at it first; `newer`: another one has come than was published'),
  message: z.string(),
  hint: z.string(),
});
const standings = z
  .object({
    room: z.string(),
    hasStore: z.boolean().describe('False: nothing is recorded, and no transcript comes'),
    store: trouble.nullable().describe('Why the store cannot be asked; null: it answers, or there is none'),
    talks: z.array(standing.extend({ talk: z.string(), served: z.enum(['live', 'canonical']) })),
  })
  .openapi('CanonicalStandings');

const versionView = z.object({
  version: versionName,
  engine: z.string(),
  model: z.string(),
  language: z.string(),
  revision: z.number().int(),
  canonical: z.boolean().describe('False: an organizer has to look at it first'),
  newest: z.boolean().describe('What the job says counts'),
  segments: z.number().int(),
  words: z.number().int(),
  withheld: z.number().int(),
  redactions: z.number().int(),
  corrected: z.number().int(),
  fetched: roomTime,
});
const segmentView = z.object({
  id: z.number().int(),
  start: roomTime,
  end: roomTime,
  speaker: z.string().nullable(),
  language: z.string(),
  text: z.string().describe('As it came'),
  shown: z.string().nullable().describe('As readers have it; null: they do not'),
  withheld: z.string().nullable().describe('Why it waits for an organizer'),
  corrected: z.boolean(),
});
const canonicalView = z
  .object({
    room: z.string(),
    talk: z.string(),
    title: z.string(),
    start: roomTime,
    end: roomTime.nullable(),
    standing,
    served: versionName.nullable().describe('What readers have; null: the live captions'),
    versions: z.array(versionView),
    failures: z.array(trouble.extend({ engine: z.string(), at: z.string() })),
    trouble: trouble.nullable().describe('What is wrong with what lies in the store'),
    store: trouble.nullable().describe('Why the store cannot be asked'),
    looked: roomTime.nullable().describe('When the store was last asked'),
    next: roomTime.nullable().describe('When it is asked again'),
    version: versionName.nullable().describe('Whose segments follow'),
    segments: z.array(segmentView),
    live: z
      .array(
        z.object({
          seq: z.number().int(),
          start: roomTime,
          end: roomTime,
          speaker: z.string().nullable(),
          text: z.string(),
        }),
      )
      .describe('Captions that begin in the time of these segments'),
    more: z.boolean().describe('Segments follow; ask with `after` for them'),
    report: z.unknown().describe('What the job found, with the first page'),
  })
  .openapi('CanonicalTranscript');
const canonicalQuery = z.object({
  version: versionName.optional().describe('Left out: what readers have, else the newest'),
  after: segmentId.optional().describe('Id of a segment: those after it'),
  limit: z.coerce.number().int().min(1).max(maxSegments).default(100),
});
const segmentChange = z
  .strictObject({
    text: captionText.nullable().describe('null hides it; its own text shows it, also where it was withheld'),
    version: versionName.optional().describe('Left out: what readers have, else the newest'),
  })
  .openapi('SegmentChange');
const publication = z
  .strictObject({ version: versionName.optional().describe('Left out: the newest') })
  .openapi('Publication');

/** Canonical transcripts: what readers are offered, and what organizers decide. */
export function addCanonicalCalls(app: OpenAPIHono, rooms: LiveRooms, access: Access, parts: CanonicalParts): void {
  const { serving, fetched, fetching } = parts;
  const admin = { ...withToken, tags: ['recordings'], middleware: needs('admin', access, rooms) };
  const at = '/api/rooms/{room}/recordings/{talk}/canonical';
  const recordingIn = (room: LiveRoom, talk: string): Recording => {
    const recording = serving.recording(room.record.name, talk);
    if (recording) return recording;
    throw new Refused({
      status: 404,
      code: 'recording-unknown',
      message: `The room ${room.record.name} has no recording of a talk "${talk}"`,
      hint: `GET /api/rooms/${room.record.name}/recordings lists them.`,
    });
  };
  const versionIn = (recording: Recording, name: string | undefined): Version => {
    const version =
      name === undefined
        ? (serving.served(recording) ?? serving.newest(recording))
        : serving.versions(recording).find((each) => each.name === name);
    if (version) return version;
    throw new Refused({
      status: 404,
      code: 'version-unknown',
      message: name === undefined ? 'No transcript of this recording has come yet' : `There is no version ${name}`,
      hint: 'Ask for the transcript of the recording once more; it lists its versions.',
    });
  };
  const viewOf = (recording: Recording, version: Version) => {
    const { about, name, fetchedMs } = version;
    return {
      version: name,
      ...{ engine: about.engine, model: about.model, language: about.language, revision: about.revision },
      ...{ canonical: about.isCanonical, newest: serving.newest(recording)?.id === version.id, fetched: fetchedMs },
      ...{ segments: about.segments, words: about.words, withheld: about.withheld, redactions: about.redactions },
      corrected: fetched.corrected(version),
    };
  };
  const plain = ({ code, message, hint }: z.output<typeof trouble>) => ({ code, message, hint });
  const storeFault = () => fetching?.fault && plain(fetching.fault);
  const view = (
    room: LiveRoom,
    recording: Recording,
    { version: name, after, limit }: z.output<typeof canonicalQuery>,
  ) => {
    const { talk, title, fromMs, toMs } = recording;
    const served = serving.served(recording);
    const state = fetched.state(recording.room, talk);
    const looks = fetching?.looks(recording.room, talk);
    const head = {
      ...{ room: room.record.name, talk, title, start: fromMs, end: toMs },
      standing: standingOf(recording, { serving, fetched }),
      served: served?.name ?? null,
      versions: serving.versions(recording).map((each) => viewOf(recording, each)),
      failures: state.failures.map(({ engine, at: when, ...each }) => ({ ...plain(each), engine, at: when })),
      ...{ trouble: state.trouble && plain(state.trouble), store: storeFault() ?? null },
      ...{ looked: looks?.lookedMs ?? null, next: looks?.nextMs ?? null },
    };
    const shown = served ?? serving.newest(recording);
    if (name === undefined && !shown)
      return { ...head, version: null, segments: [], live: [], more: false, report: null };
    const version = versionIn(recording, name);
    const last = after === undefined ? null : fetched.segment(version, after);
    if (after !== undefined && !last)
      throw new Refused(badRequest('segment-unknown', `There is no segment ${after}`, 'Ask from the beginning.'));
    const stretch = last ? { ...everywhere, after: [last.startMs, last.id] as const } : everywhere;
    const found = fetched.segments(version, stretch, limit + 1);
    const segments = found.slice(0, limit);
    const next = found[limit];
    const [from, to] = [
      last ? (segments[0]?.startMs ?? last.endMs) : fromMs,
      next?.startMs ?? toMs ?? version.about.endMs,
    ];
    const live = room.log.spoken.captions({ spokenAfter: { start: from, seq: -1 }, to, limit: maxLive });
    return {
      ...head,
      version: version.name,
      segments: serving.present(room, version, segments).map(({ segment, text, withheld }) => ({
        ...{ id: segment.id, start: segment.startMs, end: segment.endMs, speaker: segment.speaker },
        ...{
          language: segment.language,
          text: segment.text,
          shown: text,
          withheld,
          corrected: segment.correction !== null,
        },
      })),
      live: live.map(({ seq, start, end, speaker, text }) => ({ seq, start, end, speaker, text })),
      more: next !== undefined,
      report: last ? null : fetched.report(version),
    };
  };
  const first = { limit: maxSegments / 2 };

  app.openapi(
    createRoute({
      ...withToken,
      tags: ['transcripts'],
      middleware: needs('read', access, rooms),
      method: 'get',
      path: '/api/rooms/{room}/transcripts',
      summary: 'The talks whose recording has a published transcript',
      request: { params: roomParameters },
      responses: { 200: json(publishedTalks, 'The talks, the newest first'), ...refused(400, 401, 403, 404) },
    }),
    (context) => {
      const { name } = existing(rooms, context.req.valid('param').room).record;
      const talks = serving.talks(name).map(({ recording, version: { about } }) => ({
        ...{ talk: recording.talk, title: recording.title, speakers: [...recording.speakers] },
        ...{ start: about.startMs, end: about.endMs, version: 'canonical' as const },
        ...{ engine: about.engine, revision: about.revision, language: about.language },
      }));
      return context.json({ room: name, talks }, 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'get',
      path: '/api/rooms/{room}/canonical',
      summary: 'How the transcripts of all recordings of a room stand',
      request: { params: roomParameters },
      responses: { 200: json(standings, 'By recording, in the order they began'), ...refused(400, 401, 403, 404) },
    }),
    (context) => {
      const { name } = existing(rooms, context.req.valid('param').room).record;
      const talks = serving.recordings(name).map((recording) => ({
        talk: recording.talk,
        served: serving.served(recording) ? ('canonical' as const) : ('live' as const),
        ...standingOf(recording, { serving, fetched }),
      }));
      return context.json({ room: name, hasStore: fetching !== null, store: storeFault() ?? null, talks }, 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'get',
      path: at,
      summary: 'The transcript of a recording beside the live captions, withheld parts too',
      request: { params: talkParameters, query: canonicalQuery },
      responses: { 200: json(canonicalView, 'A page of it'), ...refused(400, 401, 403, 404) },
    }),
    (context) => {
      const { room: name, talk } = context.req.valid('param');
      const room = existing(rooms, name);
      return context.json(view(room, recordingIn(room, talk), context.req.valid('query')), 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'put',
      path: `${at}/segments/{segment}`,
      summary: 'Corrects a segment, shows it or hides it; of what readers have, its version is kept from then on',
      request: { params: segmentParameters, ...body(segmentChange) },
      responses: { 200: json(segmentView, 'As it is now'), ...refused(400, 401, 403, 404) },
    }),
    (context) => {
      const { room: name, talk, segment: id } = context.req.valid('param');
      const { text, version: named } = context.req.valid('json');
      const room = existing(rooms, name);
      const recording = recordingIn(room, talk);
      const version = versionIn(recording, named);
      if (!fetched.segment(version, id))
        throw new Refused({
          status: 404,
          code: 'segment-unknown',
          message: `This version has no segment ${id}`,
          hint: 'Name the id of a segment, as the transcript of the recording gives it.',
        });
      const isServed = serving.served(recording)?.id === version.id;
      const choice: Choice = isServed
        ? { kind: 'version', name: version.name }
        : fetched.state(recording.room, recording.talk).choice;
      fetched.correct(version, id, text, choice);
      const changed = fetched.segment(version, id);
      const [present] = changed ? serving.present(room, version, [changed]) : [];
      if (!present) throw new Refused(gone);
      const { segment, text: shown, withheld } = present;
      const { startMs: start, endMs: end, speaker, language } = segment;
      return context.json(
        { ...{ id, start, end, speaker, language, text: segment.text }, ...{ shown, withheld, corrected: true } },
        200,
      );
    },
  );

  const decide = (path: string, summary: string) =>
    createRoute({
      ...admin,
      method: 'post',
      path,
      summary,
      request: { params: talkParameters, ...body(publication) },
      responses: { 200: json(canonicalView, 'So it is from now on'), ...refused(400, 401, 403, 404) },
    });

  app.openapi(
    decide(`${at}/publish`, 'Readers have this transcript in place of the live captions, whatever comes later'),
    (context) => {
      const { room: name, talk } = context.req.valid('param');
      const room = existing(rooms, name);
      const recording = recordingIn(room, talk);
      const { version: named } = context.req.valid('json');
      const { name: version } = versionIn(recording, named ?? serving.newest(recording)?.name);
      fetched.choose(recording.room, recording.talk, { kind: 'version', name: version });
      return context.json(view(room, recording, first), 200);
    },
  );

  app.openapi(decide(`${at}/fallback`, 'Readers have the live captions again, whatever comes later'), (context) => {
    const { room: name, talk } = context.req.valid('param');
    const room = existing(rooms, name);
    const recording = recordingIn(room, talk);
    fetched.choose(recording.room, recording.talk, { kind: 'live' });
    return context.json(view(room, recording, first), 200);
  });
}

const gone = {
  status: 404,
  code: 'segment-unknown',
  message: 'It was deleted meanwhile',
  hint: 'Ask for the transcript of the recording once more.',
} as const;
