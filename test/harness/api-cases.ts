import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { signRelease } from '../../systemd/agent/updates/manifest.ts';
import { remember, type TestRelay } from './programs.ts';

/** What is there before the first call. */
export interface World {
  readonly relay: TestRelay;
  /** Tokens of the room `hall`. */
  readonly read: string;
  readonly publish: string;
  /** Of a kit that is to be enrolled. */
  readonly enrolment: string;
}

/** A call that is right, and how it is answered. */
export interface Case {
  readonly params?: Readonly<Record<string, string | number>>;
  readonly query?: string;
  readonly body?: unknown;
  /** Of a body that is no JSON. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Instead of the admin token; null: none. */
  readonly token?: string | null;
  readonly status: number;
  /** Makes what the call needs; what it returns goes into the path. */
  readonly prepare?: (world: World) => Promise<Record<string, string | number>>;
}

const hall = { room: 'hall' };
/** A talk with a transcript of its recording. */
const ofVerdi = { params: { room: 'verdi', talk: 'opening' } };
const verdiVersion = 'r1-parakeet-0123456789ab-00000000';
const ok = { params: hall, status: 200 };
const made =
  (path: string, body: unknown) =>
  async ({ relay }: World) => {
    const { id } = await relay.call<{ id: string }>('POST', path, body);
    return { id };
  };
const aRoom = async ({ relay }: World) => {
  await relay.call('PUT', '/api/rooms/passing', {});
  return { room: 'passing' };
};
const hasKit = async ({ relay }: World) => {
  const kit = `kit-${randomBytes(4).toString('hex')}`;
  await relay.call('POST', '/api/kits', { name: kit, kind: 'display', room: 'hall' });
  return { kit };
};
const text = 'a release';
const newRelease = {
  params: { version: '0.2.0' },
  archive: text,
  kitKey: remember(`kit_${randomBytes(6).toString('hex')}_${randomBytes(32).toString('base64url')}`),
  manifest: signRelease(
    {
      ...{
        format: 1,
        version: '0.2.0',
        platform: 'linux-arm64',
        commit: 'a'.repeat(40),
        created: '2026-11-21T12:00:00Z',
      },
      ...{ sha256: createHash('sha256').update(text).digest('hex'), bytes: text.length, unpackedBytes: 10 },
    },
    generateKeyPairSync('ed25519').privateKey,
  ),
};
/** A release of which nothing but its manifest is there. */
const hasUpload = async ({ relay }: World) => {
  const { params, manifest } = newRelease;
  await relay.call('DELETE', `/api/releases/${params.version}`).catch(() => {});
  await relay.call('PUT', `/api/releases/${params.version}`, { manifest });
  return params;
};
/** A whole release, and a kit that may fetch it. */
const hasRelease = async ({ relay }: World) => {
  const { params, manifest, archive, kitKey } = newRelease;
  const { received } = await relay.call<{ received: number }>('PUT', `/api/releases/${params.version}`, { manifest });
  const authorization = `Bearer ${relay.adminToken}`;
  const options = {
    method: 'PUT',
    headers: { authorization, 'content-type': 'application/octet-stream' },
    body: archive,
  };
  if (received === 0) await fetch(`${relay.url}/api/releases/${params.version}/archive`, options);
  const kit = `kit-${randomBytes(4).toString('hex')}`;
  const made = await relay.call<{ token: string }>('POST', '/api/kits', { name: kit, kind: 'display', room: 'hall' });
  const headers = { authorization: `Bearer ${made.token}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ key: kitKey, version: '0.1.0' });
  await fetch(`${relay.url}/api/enrolment`, { method: 'POST', headers, body });
  return params;
};
const roomToken = made('/api/rooms/hall/tokens', { right: 'read' });
const relayToken = made('/api/tokens', { right: 'read' });
const talk = { title: 'Opera', speakers: ['Ada'], language: 'it-IT', start: 1_796_110_200_000, end: 1_796_113_800_000 };
const rules = { replacements: [{ find: 'colour', replace: 'color' }], blocked: [{ word: 'damn', method: 'mask' }] };
const phrases = { phrases: [{ phrase: 'web three', displayAs: 'Web3', language: 'en' }] };
const file = (params = hall): Case[] => [
  { params, status: 200 },
  { params, query: 'from=2026-12-01T09:30:00Z&to=1796110200000&download=1', status: 200 },
  { params, query: 'talk=t1', status: 200 },
  { params: { room: 'verdi' }, query: 'talk=opening&version=canonical', status: 200 },
  { params: { room: 'verdi' }, query: 'talk=waiting&version=canonical', status: 404 },
];
const now: Case[] = [ok, { ...ok, query: 'lines=1&letters=8&hold=0' }];

const csv = 'Room,Start,End,Title,Speakers\nhall,2026-12-02T09:00:00Z,2026-12-02T10:00:00Z,From a file,Ada\n';
/** No name server is asked for it, and no schedule is ever fetched from there. */
const address = { kind: 'url', url: 'https://localhost/schedule.json' };
const hasFile = async ({ relay }: World) => {
  await fetch(`${relay.url}/api/schedule/file`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${relay.adminToken}`, 'content-type': 'text/csv' },
    body: csv,
  });
  return {};
};
const hasAddress = async ({ relay }: World) => {
  await relay.call('PUT', '/api/schedule', { source: address });
  return {};
};
const hasNone = async ({ relay }: World) => {
  await relay.call('DELETE', '/api/schedule');
  return {};
};
const hasTalk = async ({ relay }: World) => {
  const now = Date.now();
  const body = { title: 'Now', start: now - 60_000, end: now + 600_000 };
  await relay.call('PUT', '/api/rooms/hall/talks/now', body);
  return {};
};

/** A room of its own in which a talk is being recorded. */
const hasRecording = async ({ relay }: World) => {
  const room = `recorded-${randomBytes(4).toString('hex')}`;
  await relay.call('PUT', `/api/rooms/${room}`, { recording: { on: true, redact: true } });
  const now = Date.now();
  await relay.call('PUT', `/api/rooms/${room}/talks/now`, { title: 'Now', start: now - 60_000, end: now + 600_000 });
  const recordings = () => relay.call<{ recordings: unknown[] }>('GET', `/api/rooms/${room}/recordings`);
  await expect.poll(async () => (await recordings()).recordings.length, { timeout: 10_000 }).toBe(1);
  return { room, talk: 'now' };
};

/** Right calls of every operation; one without any fails the contract's test. */
export const cases: Readonly<Record<string, readonly Case[]>> = {
  'GET /api/session': [{ status: 200 }],
  'DELETE /api/session': [{ status: 204 }],
  'GET /api/audit': [{ status: 200 }, { query: 'before=3&limit=1&room=hall', status: 200 }],
  'GET /api/rooms': [{ status: 200 }],
  'PUT /api/rooms/{room}': [
    { params: { room: 'made' }, body: {}, status: 201 },
    {
      params: { room: 'made' },
      body: {
        ...{ name: 'Made', language: 'it-IT', engine: 'script:load', public: true, source: 'kit-1', restAfter: 5 },
        recognition: { stability: 'low', speakerLabels: true },
      },
      status: 200,
    },
    { params: { room: 'made' }, body: { engine: 'pocketsphinx', language: 'it-IT' }, status: 409 },
  ],
  'GET /api/rooms/{room}': [ok],
  'DELETE /api/rooms/{room}': [{ prepare: aRoom, status: 204 }],
  'PUT /api/rooms/{room}/language': [{ ...ok, body: { language: 'en-US' } }],
  'PUT /api/rooms/{room}/paused': [
    { ...ok, body: { paused: true } },
    { ...ok, body: { paused: false } },
  ],
  'POST /api/rooms/{room}/clear': [ok],
  'GET /api/rooms/{room}/captions/newest': [ok, { ...ok, query: 'limit=2' }],
  'PUT /api/rooms/{room}/captions/{seq}': [
    { params: { ...hall, seq: 1 }, body: { text: 'better' }, status: 200 },
    { params: { ...hall, seq: 2 }, body: { text: null }, status: 200 },
    { params: { ...hall, seq: 9999 }, body: { text: 'none' }, status: 404 },
  ],
  'GET /api/rooms/{room}/talks': [ok],
  'PUT /api/rooms/{room}/talks/{talk}': [
    { params: { ...hall, talk: 't2' }, body: talk, status: 201 },
    {
      params: { ...hall, talk: 't2' },
      body: { ...talk, start: '2026-12-01T09:30:00.000+01:00', end: '2026-12-01T09:15:00Z' },
      status: 200,
    },
  ],
  'DELETE /api/rooms/{room}/talks/{talk}': [
    { params: { ...hall, talk: 't2' }, status: 204 },
    { params: { ...hall, talk: 'never' }, status: 404 },
  ],
  'GET /api/rooms/{room}/transcripts': [ok, { ...ofVerdi, status: 200 }],
  'GET /api/rooms/{room}/canonical': [ok, { ...ofVerdi, status: 200 }],
  'GET /api/rooms/{room}/recordings/{talk}/canonical': [
    { ...ofVerdi, status: 200 },
    { ...ofVerdi, query: `limit=1&after=0&version=${verdiVersion}`, status: 200 },
    { params: { ...hall, talk: 'none' }, status: 404 },
  ],
  'PUT /api/rooms/{room}/recordings/{talk}/canonical/segments/{segment}': [
    { params: { ...ofVerdi.params, segment: 0 }, body: { text: 'Better.', version: verdiVersion }, status: 200 },
    { params: { ...ofVerdi.params, segment: 1 }, body: { text: null }, status: 200 },
    { params: { ...ofVerdi.params, segment: 999 }, body: { text: 'none' }, status: 404 },
  ],
  'POST /api/rooms/{room}/recordings/{talk}/canonical/fallback': [{ ...ofVerdi, body: {}, status: 200 }],
  'POST /api/rooms/{room}/recordings/{talk}/canonical/publish': [
    { ...ofVerdi, body: {}, status: 200 },
    { ...ofVerdi, body: { version: 'r9-none' }, status: 404 },
  ],
  'GET /api/recordings': [{ status: 200 }],
  'GET /api/rooms/{room}/recordings': [ok, { prepare: hasRecording, status: 200 }],
  'POST /api/rooms/{room}/recordings/end': [
    { ...ok, status: 409 },
    { prepare: hasRecording, status: 200 },
  ],
  'DELETE /api/rooms/{room}/recordings/{talk}': [
    { prepare: hasRecording, status: 204 },
    { params: { ...hall, talk: 'never' }, status: 404 },
  ],
  'POST /api/recordings/erasure': [
    { body: { person: 'Nobody Here', confirm: true }, status: 200 },
    { body: { room: 'hall' }, status: 200 },
  ],
  'GET /api/rooms/{room}/conduct': [ok, { ...ok, prepare: hasTalk }],
  'POST /api/rooms/{room}/conduct': [
    { ...ok, body: { act: 'extend', minutes: 5 }, prepare: hasTalk },
    { ...ok, body: { act: 'hold', talk: 'now' } },
    { params: hall, body: { act: 'hold', talk: 'never' }, status: 409 },
  ],
  'GET /api/schedule': [{ status: 200 }, { prepare: hasFile, status: 200 }, { prepare: hasAddress, status: 200 }],
  'PUT /api/schedule': [
    {
      body: { source: { ...address, everyMinutes: 60, rooms: { Aula: 'hall' }, timeZone: 'Europe/Rome' } },
      status: 200,
    },
    { body: { source: { kind: 'file', language: 'it' } }, prepare: hasFile, status: 200 },
    { body: { source: { kind: 'file' } }, prepare: hasNone, status: 409 },
  ],
  'DELETE /api/schedule': [{ prepare: hasFile, status: 204 }, { status: 204 }],
  'PUT /api/schedule/file': [
    { body: csv, type: 'text/csv', status: 200 },
    { body: csv, type: 'text/plain', query: 'format=csv&timeZone=Europe/Rome&language=en', status: 200 },
    { body: 'nonsense', type: 'application/xml', status: 400 },
  ],
  'POST /api/schedule/fetch': [
    { prepare: hasAddress, status: 200 },
    { prepare: hasNone, status: 409 },
  ],
  'POST /api/rooms/{room}/tokens': [{ params: hall, body: { right: 'publish', label: 'kit' }, status: 201 }],
  'GET /api/rooms/{room}/tokens': [ok],
  'DELETE /api/rooms/{room}/tokens/{id}': [
    { params: hall, prepare: roomToken, status: 204 },
    { params: { ...hall, id: 'none' }, status: 404 },
  ],
  'POST /api/rooms/{room}/tokens/{id}/rotation': [
    { params: hall, prepare: roomToken, body: { overlapHours: 1 }, status: 201 },
    { params: { ...hall, id: 'none' }, body: {}, status: 404 },
  ],
  'GET /api/tokens': [{ status: 200 }],
  'POST /api/tokens': [{ body: { right: 'admin', label: 'colleague' }, status: 201 }],
  'DELETE /api/tokens/{id}': [{ prepare: relayToken, status: 204 }],
  'POST /api/tokens/{id}/rotation': [{ prepare: relayToken, body: {}, status: 201 }],
  'GET /api/rooms/{room}/transcript.json': [
    ...file(),
    { ...ok, query: 'limit=2&words=1' },
    { ...ok, query: 'before=3&spokenBefore=1796110200000,42' },
    { ...ok, query: 'spokenAfter=0,0&limit=1' },
  ],
  'GET /api/rooms/{room}/transcript.vtt': file(),
  'GET /api/rooms/{room}/transcript.srt': file(),
  'GET /api/rooms/{room}/transcript.txt': file(),
  'GET /api/rooms/{room}/gaps': [ok],
  'GET /api/rooms/{room}/now.txt': now,
  'GET /api/rooms/{room}/now.json': now,
  'GET /api/text-rules': [{ status: 200 }],
  'PUT /api/text-rules': [{ body: rules, status: 200 }],
  'GET /api/rooms/{room}/text-rules': [ok],
  'PUT /api/rooms/{room}/text-rules': [{ ...ok, body: rules }],
  'POST /api/text-rules/preview': [
    { body: { text: 'a colour, damn it', language: 'en-US', room: 'hall', rules }, status: 200 },
    { body: { text: 'a', room: 'nowhere' }, status: 404 },
  ],
  'GET /api/vocabulary': [{ status: 200 }],
  'PUT /api/vocabulary': [{ body: phrases, status: 200 }],
  'GET /api/rooms/{room}/vocabulary': [ok],
  'PUT /api/rooms/{room}/vocabulary': [{ ...ok, body: phrases }],
  'GET /api/kits': [{ status: 200 }, { prepare: hasKit, status: 200 }],
  'POST /api/kits': [
    { body: { name: 'hall-9', kind: 'solo', room: 'hall', label: 'stage left' }, status: 201 },
    { body: { name: 'hall-9', kind: 'solo', room: 'hall' }, status: 409 },
    { body: { name: 'hall-8', kind: 'device', room: 'nowhere' }, status: 404 },
  ],
  'GET /api/kits/{kit}': [
    { params: { kit: 'hall-9' }, status: 200 },
    { params: { kit: 'none' }, status: 404 },
  ],
  'PUT /api/kits/{kit}/room': [
    { params: { kit: 'hall-9' }, body: { room: 'passing' }, prepare: aRoom, status: 200 },
    { params: { kit: 'hall-9' }, body: { room: 'nowhere' }, status: 404 },
  ],
  'POST /api/kits/{kit}/enrolment': [{ params: { kit: 'hall-9' }, status: 201 }],
  'POST /api/kits/{kit}/identify': [{ params: { kit: 'hall-9' }, status: 409 }],
  'DELETE /api/kits/{kit}': [
    { prepare: hasKit, status: 204 },
    { params: { kit: 'none' }, status: 404 },
  ],
  'GET /api/releases': [{ status: 200 }, { prepare: hasRelease, status: 200 }],
  'PUT /api/releases/{version}': [
    { params: newRelease.params, body: { manifest: newRelease.manifest }, status: 200 },
    { params: { version: '9.9.9' }, body: { manifest: newRelease.manifest }, status: 400 },
  ],
  'PUT /api/releases/{version}/archive': [
    { prepare: hasUpload, type: 'application/octet-stream', body: newRelease.archive, status: 200 },
    { prepare: hasUpload, query: 'from=1', type: 'application/octet-stream', body: newRelease.archive, status: 409 },
    { params: { version: '9.9.9' }, type: 'application/octet-stream', body: 'x', status: 404 },
  ],
  'GET /api/releases/{version}': [{ prepare: hasRelease, status: 200 }],
  'PUT /api/releases/offered': [
    { body: { version: newRelease.params.version, downgrade: true }, prepare: hasRelease, status: 200 },
    { body: { version: '9.9.9' }, status: 404 },
    { body: { version: null }, status: 200 },
  ],
  'GET /api/kit/release/{version}': [{ prepare: hasRelease, token: newRelease.kitKey, status: 200 }],
  'GET /api/kit/release/{version}/manifest': [{ prepare: hasRelease, token: newRelease.kitKey, status: 200 }],
  'DELETE /api/releases/{version}': [
    { prepare: hasRelease, status: 204 },
    { params: { version: '9.9.9' }, status: 404 },
  ],
  'GET /api/costs': [{ status: 200 }],
  'GET /healthz': [{ status: 200 }],
  'GET /readyz': [{ status: 200 }],
  'GET /metrics': [{ status: 200 }],
  'GET /api/rooms/{room}/audio': [{ params: hall, status: 426 }],
  'GET /api/live': [{ status: 426 }],
  'GET /api/rooms/{room}/captions': [{ params: hall, status: 426 }],
};

const kitKey = `kit_0123456789ab_${'k'.repeat(43)}`;
const otherKey = `kit_ba9876543210_${'k'.repeat(43)}`;

/** Those and the calls that hold a secret of this run. */
export const casesOf = ({ relay, publish, enrolment }: World): Readonly<Record<string, readonly Case[]>> => ({
  ...cases,
  'POST /api/enrolment': [
    { body: { key: kitKey, version: '1.0.0', serial: '10000000abcd' }, token: enrolment, status: 200 },
    { body: { key: kitKey, version: '1.0.0' }, token: enrolment, status: 200 },
    { body: { key: otherKey, version: '1.0.0' }, token: enrolment, status: 409 },
    { body: { key: otherKey, version: '1.0.0' }, token: publish, status: 401 },
  ],
  // Of the kit that was enrolled above.
  'GET /api/kit': [{ token: kitKey, status: 426 }],
  'GET /api/rooms/{room}/source': [{ ...ok, token: publish }],
  'POST /api/session': [
    { body: { token: relay.adminToken }, headers: { origin: relay.url }, status: 200 },
    { body: { token: relay.adminToken }, headers: { origin: 'https://elsewhere.example' }, status: 403 },
  ],
});

/** What the app serves and nobody calls: pages, what they load, the description itself. */
export const pages = [
  '/',
  '/admin',
  '/rooms/:room',
  '/rooms/:room/microphone',
  '/relay/protocol.js',
  '/display/*',
  '/openapi.json',
];
