import { OpenAPIHono } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { SalaError } from '../systemd/errors.ts';
import type { Logger } from '../systemd/log.ts';
import { unknownAddress } from './addresses.ts';
import { answerRefusal, credentialsOf, Refused } from './api-access.ts';
import { addActCalls } from './api-acts.ts';
import { addAuditCalls } from './api-audit.ts';
import { addConductCalls } from './api-conduct.ts';
import { addCostCalls } from './api-costs.ts';
import { addDescription } from './api-description.ts';
import { addKitCalls, type KitCallParts } from './api-kits.ts';
import { addNowCalls } from './api-now.ts';
import { addReleaseCalls } from './api-releases.ts';
import { addRoomCalls } from './api-rooms.ts';
import { addScheduleCalls } from './api-schedule.ts';
import { addSessionCalls } from './api-sessions.ts';
import { addSockets, type ReadersFull } from './api-sockets.ts';
import { addSourceCalls } from './api-source.ts';
import { addStateCalls, type MetricsText } from './api-state.ts';
import { addTalkCalls } from './api-talks.ts';
import { addTextRuleCalls } from './api-text-rules.ts';
import { addTokenCalls } from './api-tokens.ts';
import { addTranscriptCalls } from './api-transcripts.ts';
import { addVocabularyCalls } from './api-vocabularies.ts';
import { addRecordingCalls } from './archive/api-recordings.ts';
import type { Archiving } from './archive/archiving.ts';
import { auditedCalls } from './audited-calls.ts';
import { addCanonicalCalls, type CanonicalParts } from './canonical/api-canonical.ts';
import type { Conduct } from './conduct.ts';
import { defaultHttpLimits } from './connections.ts';
import type { Costs } from './costs.ts';
import { isDiskFault } from './database-handle.ts';
import type { RelayHealth } from './health.ts';
import type { LiveRooms } from './live.ts';
import { addPages } from './pages.ts';
import type { RateLimit } from './rate.ts';
import { badRequest, type Refusal, tooManyRequests, unavailable } from './refusal.ts';
import { defaultReleaseLimits, type ReleaseStore } from './releases.ts';
import type { Rights } from './rights.ts';
import { RoomViews } from './room-views.ts';
import type { Schedule } from './schedule/schedule.ts';
import { scheduleLimits } from './schedule/schedule-file.ts';
import type { Talks } from './talks.ts';
import type { TextRuleBook } from './text-rule-book.ts';
import { TranscriptTurns } from './transcript-turns.ts';
import type { Vocabularies } from './vocabularies.ts';

export interface ApiParts {
  readonly rooms: LiveRooms;
  /** Rooms as organizers see them; by default without readers and alarms. */
  readonly views?: RoomViews;
  /** Who may do what, and what they did. */
  readonly rights: Rights;
  /** HTTP requests by address; no limit where it is not given. */
  readonly requests?: Pick<RateLimit, 'take'>;
  readonly readersFull?: ReadersFull;
  readonly textRules: TextRuleBook;
  readonly talks: Talks;
  readonly schedule: Schedule;
  readonly conduct: Conduct;
  readonly vocabularies: Vocabularies;
  readonly costs: Costs;
  readonly health: Pick<RelayHealth, 'live' | 'ready'>;
  readonly metrics: MetricsText;
  /** How often each status was answered. */
  readonly answers?: Map<number, number>;
  readonly log: Logger;
  /** The folder of the pages, `display/`. */
  readonly pagesDir: string;
  /** The file of the wire, `relay/protocol.js`, which the pages import. */
  readonly protocolFile: string;
  readonly version: string;
  /** Of calls but those with lists or files. */
  readonly maxBodyBytes?: number;
  /** Who may read transcripts at once. */
  readonly turns?: TranscriptTurns;
  readonly kits: KitCallParts;
  readonly releases: ReleaseStore;
  /** Recordings of talks. */
  readonly archiving?: Archiving;
  /** Transcripts of recordings. */
  readonly canonical?: CanonicalParts;
}

/** Of what the parts of the relay refuse by themselves. */
const statuses: Readonly<Record<string, Refusal['status']>> = {
  'token-past': 400,
  'room-unknown': 404,
  'settings-conflict': 409,
  'schedule-invalid': 400,
  'schedule-none': 409,
  'talk-none': 409,
  'talks-full': 409,
  'token-rotating': 409,
  'tokens-full': 409,
  'kit-unknown': 404,
  'kit-exists': 409,
  'kit-offline': 409,
  'kits-full': 409,
  'release-unknown': 404,
  'release-manifest': 400,
  'release-signature': 400,
  'release-exists': 409,
  'release-piece': 409,
  'release-damaged': 409,
  'release-offered': 409,
  'releases-full': 409,
  'enrolment-unknown': 401,
  'enrolment-expired': 401,
  'enrolment-revoked': 401,
  'enrolment-used': 409,
  'enrolment-key': 409,
  'recording-none': 409,
  'recording-unknown': 404,
  disk: 503,
};
/** A token, however it is written in JSON: whoever logs in or is enrolled is a stranger. */
const maxLoginBytes = 4096;
const strangers = new Set(['/api/session', '/api/enrolment']);
/** Rules and phrases, in the greatest number and length that their schemas allow. */
const maxListBytes = 512 * 1024;
const lists = /^\/api\/(rooms\/[^/]+\/)?(text-rules|text-rules\/preview|vocabulary)$/;

/** A piece of a release. */
const pieces = /^\/api\/releases\/[^/]+\/archive$/;

const limited = (maxSize: number) =>
  bodyLimit({ maxSize, onError: (context) => answerRefusal(context, tooLarge(maxSize)) });

/** All HTTP of the relay that is no WebSocket; needs no socket to be asked (`app.request`). */
export function createApi(parts: ApiParts): OpenAPIHono {
  const { rooms, views = new RoomViews(), rights, health, metrics, log, turns = new TranscriptTurns() } = parts;
  const { access, tokens } = rights;
  const app = new OpenAPIHono({
    defaultHook: (result, context) => {
      if (result.success) return;
      const mistakes = result.error.issues.map(({ path, message }) =>
        [path.join('.'), message].filter(Boolean).join(': '),
      );
      return answerRefusal(context, badRequest('invalid', mistakes.join('; '), 'See /openapi.json for what is taken.'));
    },
  });

  app.use(async (context, next) => {
    await next();
    const { headers, status } = context.res;
    parts.answers?.set(status, (parts.answers.get(status) ?? 0) + 1);
    headers.set('x-content-type-options', 'nosniff');
    headers.set('referrer-policy', 'no-referrer');
    if (headers.has('content-security-policy')) return; // a page's own
    headers.set('content-security-policy', "default-src 'none'; frame-ancestors 'none'");
    headers.set('cache-control', 'no-store');
  });
  app.use(async (context, next) => {
    const from = access.addresses.ofCall(context);
    const waitMs = from === unknownAddress ? 0 : (parts.requests?.take(from.prefix) ?? 0);
    if (waitMs === 0) return next();
    // Whoever shares an organizer's address must not be able to keep them from their own calls.
    const isOrganizer = !('status' in access.decide(credentialsOf(context, access), 'admin', null));
    return isOrganizer ? next() : answerRefusal(context, tooManyRequests(Math.ceil(waitMs / 1000)));
  });
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (context, methods) => answerRefusal(context, wrongMethod(context.req.method, methods)),
    }),
  );
  const [usual, long, file, piece] = [
    limited(parts.maxBodyBytes ?? defaultHttpLimits.maxBodyBytes),
    limited(maxListBytes),
    limited(scheduleLimits.maxBytes),
    limited(defaultReleaseLimits.maxPieceBytes),
  ];
  const login = limited(maxLoginBytes);
  app.use((context, next) => {
    const { path, raw } = context.req;
    if (!raw.body || context.req.header('content-length') === '0') return next();
    if (strangers.has(path)) return login(context, next);
    // A body without a length is kept while it comes: nobody but organizers may fill the memory with it.
    const admission = access.decide(credentialsOf(context, access), 'admin', null);
    if ('status' in admission) throw new Refused(admission);
    if (pieces.test(path)) return piece(context, next);
    return (path === '/api/schedule/file' ? file : lists.test(path) ? long : usual)(context, next);
  });

  app.use(auditedCalls(rights.audit, access));

  addSessionCalls(app, rooms, access);
  addAuditCalls(app, rights.audit, rooms, access);
  addRoomCalls(app, rooms, views, access);
  addActCalls(app, rooms, views, access);
  addTalkCalls(app, rooms, parts.talks, access);
  addScheduleCalls(app, rooms, parts.schedule, access);
  addConductCalls(app, rooms, parts.conduct, access);
  if (parts.archiving) addRecordingCalls(app, rooms, parts.archiving, access);
  addTokenCalls(app, rooms, tokens, access);
  const { canonical = null } = parts;
  addTranscriptCalls(app, rooms, access, { turns, talks: parts.talks, canonical: canonical?.serving ?? null, log });
  if (canonical) addCanonicalCalls(app, rooms, access, canonical);
  addNowCalls(app, rooms, access);
  addTextRuleCalls(app, rooms, parts.textRules, access);
  addVocabularyCalls(app, rooms, parts.vocabularies, access);
  addSourceCalls(app, rooms, access);
  addKitCalls(app, rooms, parts.kits, access);
  addReleaseCalls(app, rooms, parts.releases, access);
  addCostCalls(app, parts.costs, rooms, access);
  addStateCalls(app, rooms, access, health, metrics);
  addSockets(app, rooms, access, parts.readersFull ?? (() => null));
  addPages(app, parts);
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  addDescription(app, {
    title: 'Sala relay',
    version: parts.version,
    description:
      'Rooms, tokens and transcripts. An admin token opens everything but audio; a read token, the captions of its room or of every room.',
  });

  app.notFound((context) => answerRefusal(context, notFound));
  app.onError((error, context) => {
    if (error instanceof Refused) return answerRefusal(context, error.refusal);
    if (error instanceof HTTPException) return answerRefusal(context, ofException(error));
    if (error instanceof SalaError) {
      const { code, message, hint } = error;
      const status = statuses[code] ?? 500;
      if (status === 500) log.error({ err: error, path: context.req.path }, 'a call failed');
      if (status === 503) return answerRefusal(context, unavailable(code, message, hint, retryAfterSeconds));
      return answerRefusal(context, { status, code, message, hint });
    }
    log.error({ err: error, path: context.req.path }, 'a call failed');
    return answerRefusal(context, isDiskFault(error) ? noDisk : internal);
  });
  return app;
}

const notFound: Refusal = {
  status: 404,
  code: 'not-found',
  message: 'There is nothing here',
  hint: 'See /openapi.json for what there is.',
};

const wrongMethod = (method: string, allowed: readonly string[]): Refusal => ({
  status: 405,
  code: 'method',
  message: `${method} is not possible here`,
  hint: `Possible are ${allowed.join(', ')}.`,
  headers: { allow: allowed.join(', ') },
});

const tooLarge = (maxBytes: number): Refusal => ({
  status: 413,
  code: 'too-large',
  message: `The body is longer than ${maxBytes} bytes`,
  hint: 'Send less at a time.',
});

const retryAfterSeconds = 5;
const noDisk = unavailable(
  'disk',
  'The disk of the relay takes nothing at the moment',
  'Make room on the disk of --data-dir, and try again.',
  retryAfterSeconds,
);

const internal: Refusal = {
  status: 500,
  code: 'internal',
  message: 'The relay could not do this',
  hint: 'The relay logged why; try again.',
};

function ofException({ status, message }: HTTPException): Refusal {
  if (status === 415)
    return {
      status,
      code: 'media-type',
      message: 'The body is not JSON',
      hint: 'Send "content-type: application/json".',
    };
  if (status >= 500) return internal;
  return badRequest('malformed', message, 'Send a JSON body as in /openapi.json.');
}
