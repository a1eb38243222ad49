import { fileURLToPath } from 'node:url';
import { AdminToken } from '../../relay/admin-token.ts';
import { createApi } from '../../relay/api.ts';
import type { CanonicalParts } from '../../relay/canonical/api-canonical.ts';
import { Conduct } from '../../relay/conduct.ts';
import type { Costs } from '../../relay/costs.ts';
import { RelayHealth } from '../../relay/health.ts';
import { KitDoor } from '../../relay/kit-door.ts';
import { KitEnrolment } from '../../relay/kit-enrolment.ts';
import type { Kits } from '../../relay/kits.ts';
import { Metrics } from '../../relay/metrics.ts';
import { Origins } from '../../relay/origins.ts';
import { Readers } from '../../relay/publish.ts';
import { ReleaseStore } from '../../relay/releases.ts';
import { Rights } from '../../relay/rights.ts';
import { RoomViews } from '../../relay/room-views.ts';
import { Schedule, type ScheduleParts } from '../../relay/schedule/schedule.ts';
import { Talks } from '../../relay/talks.ts';
import { TextRuleBook } from '../../relay/text-rule-book.ts';
import type { Tokens } from '../../relay/tokens.ts';
import { TranscriptTurns } from '../../relay/transcript-turns.ts';
import { adminSecret, captureLog } from './doors.ts';
import { FakeRooms, freeOfCharge } from './fake-rooms.ts';
import { idleVocabularies } from './idle-vocabularies.ts';

/** Where its admin page is. */
export const origin = 'https://captions.example';

export interface TestApiOptions {
  readonly refusals?: Map<string, number>;
  readonly turns?: TranscriptTurns;
  /** Of another one, as after a restart. */
  readonly rooms?: FakeRooms;
  readonly rights?: Rights;
  readonly now?: () => number;
  readonly releases?: ReleaseStore;
  /** The admin token of the file. */
  readonly secret?: string;
  /** How schedules are fetched and read. */
  readonly schedule?: Pick<ScheduleParts, 'fetch' | 'read' | 'random'>;
  /** Transcripts of recordings. */
  readonly canonical?: CanonicalParts;
}

export interface Sent {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The relay's HTTP calls over fake rooms, without a socket; `rooms.remove()` frees it. */
export class TestApi {
  readonly rooms: FakeRooms;
  readonly rights: Rights;
  readonly tokens: Tokens;
  readonly health: RelayHealth;
  readonly costs: Costs;
  readonly talks: Talks;
  readonly schedule: Schedule;
  readonly conduct: Conduct;
  readonly metrics: Metrics;
  readonly kits: Kits;
  readonly kitDoor: KitDoor;
  readonly enrolment: KitEnrolment;
  /** What the API logged. */
  readonly lines: string[];
  readonly app: ReturnType<typeof createApi>;

  /** @param refusals of the doors, for the metrics; @param turns who may read transcripts at once */
  constructor({
    refusals = new Map<string, number>(),
    turns = new TranscriptTurns(),
    rooms = new FakeRooms(),
    rights,
    now = Date.now,
    secret = adminSecret,
    schedule = {},
    releases = new ReleaseStore({ folder: '/nowhere', publicKeyPem: null }),
    canonical,
  }: TestApiOptions = {}) {
    this.rooms = rooms;
    const { lines, log } = captureLog();
    this.lines = lines;
    const origins = new Origins([origin]);
    this.rights = rights ?? new Rights({ db: rooms.db, adminToken: new AdminToken(secret), origins, log, now });
    this.tokens = this.rights.tokens;
    this.health = new RelayHealth({ db: rooms.db });
    this.costs = freeOfCharge(rooms.db);
    this.talks = new Talks(rooms.db);
    const { health, costs, talks } = this;
    const { audit } = this.rights;
    this.schedule = new Schedule({ ...{ db: rooms.db, rooms: rooms.kept, talks, audit, log, now }, ...schedule });
    this.conduct = new Conduct({
      ...{ rooms, talks, audit, log, now, defaultLanguage: 'en-US' },
      assignments: (room) => rooms.kept.assignments(room),
      scheduleLanguage: () => this.schedule.language,
    });
    const sources = { rooms, readers: new Readers(), doors: { refusals }, turns, rights: this.rights };
    this.metrics = new Metrics({ ...sources, spoolBytes: () => 4096 });
    this.kits = this.rights.kits;
    this.kitDoor = new KitDoor({ kits: this.kits, rooms, log });
    const { access } = this.rights;
    this.enrolment = new KitEnrolment({ kits: this.kits, rooms, access, audit, log, roomTime: now });
    this.app = createApi({
      kits: { kits: this.kits, door: this.kitDoor, enrolment: this.enrolment },
      releases,
      ...{ rooms, rights: this.rights, health, costs, talks, log, turns, metrics: this.metrics },
      ...{ schedule: this.schedule, conduct: this.conduct, views: new RoomViews({ conduct: this.conduct }) },
      textRules: new TextRuleBook(rooms.db, log),
      vocabularies: idleVocabularies(rooms.db),
      pagesDir: fileURLToPath(new URL('../../display', import.meta.url)),
      protocolFile: fileURLToPath(new URL('../../relay/protocol.js', import.meta.url)),
      version: '0.0.0',
      ...(canonical && { canonical }),
    });
  }

  /** @param token null: none */
  ask = (method: string, path: string, body?: unknown, token: string | null = adminSecret) =>
    this.send(method, path, { body, headers: token === null ? {} : { authorization: `Bearer ${token}` } });

  /** A call with these headers alone. */
  async send(method: string, path: string, { body, headers = {} }: Sent = {}) {
    const response = await this.app.request(path, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json');
    const value: unknown = isJson && text ? JSON.parse(text) : text;
    return { status: response.status, headers: response.headers, body: value, text };
  }
}
