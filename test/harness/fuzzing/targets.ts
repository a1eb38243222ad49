/**
 * Every parser that takes bytes from outside, what it is fed, and what it may do with it: give a value, or refuse in its
 * own words. Anything else that is thrown is a crash. What once was one stays in `found`, and is tried first.
 */
import { randomUUID } from 'node:crypto';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Result } from '@aws-sdk/client-transcribe-streaming';
import fc from 'fast-check';
import { bytesFrom, textsFrom } from './inputs.ts';

type Around = (run: () => unknown) => Promise<void>;
type HowLong = Pick<fc.Parameters, 'seed' | 'numRuns' | 'interruptAfterTimeLimit' | 'markInterruptAsFailure'>;
/** Tries a parser for so long; what went wrong in words, null where nothing did. */
export type Target = (howLong: HowLong, around: Around) => Promise<string | null>;

function target<T>(input: fc.Arbitrary<T>, run: (given: T) => unknown, found: readonly T[] = []): Target {
  return async (howLong, around) => {
    const property = fc.asyncProperty(input, (given) => around(() => run(given)));
    const details = await fc.check(property, { ...howLong, examples: found.map((each): [T] => [each]) });
    return details.failed ? `${fc.defaultReportMessage(details)}\n${details.errorInstance}` : null;
  };
}

/** Runs it; an error of that name is an answer. */
function answering(names: readonly string[], run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof Error && names.includes(error.name))) throw error;
  }
}

const json = (...values: readonly object[]) => values.map((value) => JSON.stringify(value));
const uuid = '00000000-0000-4000-8000-000000000000';
const anchor = { position: 0, bootId: uuid, monotonicMs: 1.5, wallMs: 1_800_000_000_000, wallSynced: true };
const hole = { from: 0, to: 1600, reason: 'source-lost' };
const stream = {
  ...{ index: 0, id: uuid, edge: 3200, ended: false, ranges: [[0, 1600]], holes: [hole], anchors: [anchor] },
  format: { encoding: 'pcm_s16le', rate: 16000, channels: 1 },
};
const kitHealth = {
  ...{ state: 'ok', message: 'All is well', page: { beatAgeMs: 20, shows: 'captions' } },
  machine: { power: { low: false, lowCount: 0 }, storage: { state: 'ok', freeBytes: 1e9 } },
};
const talk = { id: 'a1', title: 'Opening', speakers: ['Somebody'], start: 1_800_000_000_000, end: 1_800_003_600_000 };
const caption = {
  ...{ type: 'caption', seq: 1, final: true, text: 'So let us go on.', language: 'en-US', start: 1, end: 900 },
  ...{ speaker: null, late: false, stream: uuid, from: 0, to: 14_400 },
};
const result: Result = {
  ...{ ResultId: 'r1', StartTime: 0.1, EndTime: 1.2, IsPartial: false, ChannelId: 'ch_0', LanguageCode: 'en-US' },
  Alternatives: [
    {
      Transcript: 'So let us',
      Items: [{ Content: 'So', StartTime: 0.1, EndTime: 0.3, Type: 'pronunciation', VocabularyFilterMatch: true }],
      Entities: [{ Category: 'PII', Type: 'NAME', StartTime: 0.1, EndTime: 0.3, Content: 'So' }],
    },
  ],
};

export const targets = {
  /** What a kit says to the relay: its device, and its agent. */
  'messages of kits': async () => {
    const { parseKitMessage } = await import('../../../relay/kit-protocol.ts');
    const { parseDeviceMessage, subtract, union } = await import('../../../relay/protocol.js');
    const seeds = json(
      {
        type: 'hello',
        device: { id: 'kit', version: '1', bootId: uuid, monotonicMs: 1 },
        takeover: true,
        streams: [stream],
      },
      { type: 'stream', stream },
      { type: 'hole', index: 0, ...hole },
      { type: 'anchor', index: 0, anchor, sentMonotonicMs: 2 },
      {
        type: 'health',
        health: { state: 'ok', message: 'All is well', level: { rmsDbfs: -20, peakDbfs: -6, clipped: 0 } },
      },
      { type: 'ended', index: 0, edge: 3200 },
      { type: 'goodbye' },
      { type: 'hello', version: '1', bootId: uuid, health: kitHealth },
      { type: 'health', health: kitHealth },
      { type: 'update', version: '2', state: 'fetching', message: '10 of 60 MB' },
    );
    return target(textsFrom(seeds), (text) => {
      answering(['WireError'], () => parseKitMessage(text));
      answering(['WireError'], () => {
        const message = parseDeviceMessage(text);
        if (message.type !== 'hello') return;
        // What was taken can be reckoned with.
        for (const { ranges, edge } of message.streams) subtract(union(ranges, []), [[0, edge]]);
      });
    });
  },
  'audio frames': async () => {
    const { decodeAudioFrame, encodeAudioFrame } = await import('../../../relay/protocol.js');
    const frame = { index: 0, position: 1600, live: true, audio: new Uint8Array(320) };
    const seeds = [encodeAudioFrame(frame), encodeAudioFrame({ ...frame, position: 2 ** 40 })];
    return target(bytesFrom(seeds), (bytes) =>
      answering(['WireError'], () => {
        const { position, audio } = decodeAudioFrame(bytes);
        if (!Number.isSafeInteger(position) || position < 0 || audio.length % 2 !== 0 || audio.length === 0)
          throw new TypeError(`took ${position} and ${audio.length} bytes`);
      }),
    );
  },
  /** What a relay says to kits, and to the microphone's page. */
  'messages of the relay to kits': async () => {
    const { parseRelayMessage } = await import('../../../relay/protocol.js');
    const seeds = json(
      {
        ...{ type: 'welcome', relay: uuid, room: 'hall', roomTime: 1.5, settings: { language: 'it-IT' } },
        ...{
          streams: [{ index: 0, received: [[0, 1]], stored: [] }],
          limits: { maxBacklogRate: 20, maxLiveRate: 1.1 },
        },
      },
      { type: 'stored', index: 0, ranges: [[0, 1600]] },
      { type: 'refused', code: 'busy', message: 'Busy', hint: 'Wait', retryAfterMs: 30_000 },
    );
    return target(textsFrom(seeds), (text) => answering(['WireError'], () => parseRelayMessage(text)));
  },
  /** What a page is told, which may come from a newer relay: it never throws. */
  'messages to pages': async () => {
    const { readMessage, readPage } = await import('../../../display/messages.js');
    const seeds = json(
      { type: 'hello', log: uuid, seq: 3, room: { name: 'hall', title: 'Sala Verdi' }, talk, at: 1 },
      caption,
      { type: 'amend', seq: 2, of: 1, text: null, at: 5 },
      { type: 'partial', text: 'So let', language: 'en-US', start: 1, speaker: '1', stable: 3 },
      { type: 'status', state: 'listening', message: 'Listening.' },
      { room: 'hall', log: uuid, captions: [caption], truncated: true },
    );
    return target(textsFrom(seeds), (text) => {
      readMessage(text);
      let value: unknown = text;
      answering(['SyntaxError'], () => {
        value = JSON.parse(text);
      });
      readPage(value);
    });
  },
  /** Everything of a request that the relay reads by itself: address, query, tokens, forwarding. */
  'requests for a door': async () => {
    const { bearerToken, offeredToken } = await import('../../../relay/access.ts');
    const { ClientAddresses } = await import('../../../relay/addresses.ts');
    const doors = await import('../../../relay/door-requests.ts');
    const { Origins } = await import('../../../relay/origins.ts');
    const { readSessionCookie } = await import('../../../relay/session-cookie.ts');
    const addresses = new ClientAddresses(['127.0.0.1', '10.0.0.0/8', '::1']);
    const origins = new Origins(['https://captions.example.org', 'http://127.0.0.1:8080']);
    const seeds = [
      '/api/rooms/hall/captions?since=5&log=abc&partial=true&late=false',
      '/t/sub_0123456789ab_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/ws/transcript/hall?partial=1',
      '/ws/audio/hall?lang=it-IT&token=x',
      '/api/live',
      'sala.captions.v1, bearer.sub_0123456789ab_secret',
      'Bearer pub_0123456789ab_secret',
      '10.1.2.3, 192.0.2.7, [2001:db8::1]:443, unknown',
      '2001:db8:1:2:3:4:5:6%eth0',
      'a=b; __Host-sala-session=0123456789ab.secret; sala-session=x; sala-session="y"',
      'https://captions.example.org',
    ];
    const text = textsFrom(seeds);
    return target(fc.tuple(text, text, text, text), ([url, protocols, authorization, forwarded]) => {
      const request = new IncomingMessage(new Socket());
      request.url = url;
      request.headers = {
        'sec-websocket-protocol': protocols,
        authorization,
        'x-forwarded-for': forwarded,
        forwarded,
        cookie: protocols,
        origin: authorization,
      };
      const asked = doors.readDoorRequest(request);
      const query = asked?.query ?? new URLSearchParams(url);
      doors.readCaptionsQuery(query);
      doors.readLegacyAudioQuery(query);
      doors.readLegacyTranscriptQuery(query);
      bearerToken(authorization);
      offeredToken(protocols.split(','));
      addresses.of(request);
      readSessionCookie(protocols, origins, authorization);
    });
  },
  /** The conference's own schedule, from a file or an address. */
  'schedule files': async () => {
    const { readFileSync } = await import('node:fs');
    const { readSchedule } = await import('../../../relay/schedule/formats.ts');
    const seeds = ['pretalx.json', 'frab.xml', 'talks.csv'].map((name) =>
      readFileSync(new URL(`../../schedules/${name}`, import.meta.url), 'utf8'),
    );
    return target(textsFrom(seeds), (text) =>
      answering(['SalaError', 'ScheduleError'], () => readSchedule(Buffer.from(text), { timeZone: 'Europe/Rome' })),
    );
  },
  /** What the service says, already taken apart by its SDK. */
  'results of Transcribe': async () => {
    const { ResultReader } = await import('../../../relay/engines/transcribe-results.ts');
    const time = fc.oneof(fc.double(), fc.constantFrom(0, 1.5, -1, 1e308, Number.NaN));
    const text = fc.string({ unit: 'binary', maxLength: 40 });
    const some = { requiredKeys: [] };
    const times = { StartTime: time, EndTime: time };
    const item = fc.record({ ...times, Content: text, VocabularyFilterMatch: fc.boolean() }, some);
    const items = fc.array(item, { maxLength: 5 });
    const odd: fc.Arbitrary<Result> = fc.record(
      {
        ...{ ...times, ResultId: text, IsPartial: fc.boolean(), ChannelId: text },
        Alternatives: fc.array(fc.record({ Transcript: text, Items: items }, some), { maxLength: 2 }),
        LanguageIdentification: fc.array(fc.record({ Score: time }, some), { maxLength: 3 }),
      },
      some,
    );
    return target(fc.array(fc.oneof(odd, fc.constant<Result>(result)), { maxLength: 12 }), (results) => {
      const reader = new ResultReader('en-US');
      for (const each of results) reader.read(each);
      reader.unfinished();
    });
  },
  /** An organizer's rules, and captions that go through them. */
  'text rules': async () => {
    const { applyRules, compileRules } = await import('../../../relay/text-rules.ts');
    const find = textsFrom([
      'cube or netties',
      '(?i)version (\\w+) point (\\w+)',
      '(a*)*b',
      '\\p{L}+',
      '日本',
      '[a-z',
      '(?<n>x)',
    ]);
    const short = find.map((each) => each.slice(0, 100));
    const rule = fc.record({
      ...{ find: short, replace: short, regex: fc.boolean(), language: fc.constantFrom(null, 'en', 'it-IT') },
      case: fc.constantFrom('found' as const, 'typed' as const),
    });
    const blocked = fc.record({
      ...{ word: short, language: fc.constant(null) },
      method: fc.constantFrom('mask' as const, 'drop' as const),
    });
    const said = textsFrom(['Cube or netties runs version two point one, aaaaaaaaaaaaaaaaaaaaaaaac 日本語']);
    return target(
      fc.tuple(fc.array(rule, { maxLength: 4 }), fc.array(blocked, { maxLength: 3 }), said),
      ([replacements, words, text]) => {
        const rules = compileRules('room', { replacements, blocked: words }, () => {});
        applyRules([rules], { text: text.slice(0, 4000), words: [] }, 'en-US');
      },
    );
  },
  /** The bodies and addresses of every call: a refusal is an answer, 500 is a crash. */
  'calls of the API': async () => {
    const { TestApi } = await import('../api.ts');
    const api = new TestApi();
    api.rooms.put('hall', {});
    const description: { paths: Record<string, Record<string, unknown>> } = JSON.parse(
      (await api.ask('GET', '/openapi.json')).text,
    );
    const calls = Object.entries(description.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ path, method: method.toUpperCase() })),
    );
    const bodies = textsFrom(
      json(
        {
          name: 'Sala Verdi',
          language: 'it-IT',
          engine: null,
          public: true,
          restAfter: 60,
          recognition: { pii: 'redact' },
        },
        { right: 'publish', label: 'Kit 2', expires: '2026-12-01T09:30:00+01:00' },
        { replacements: [{ find: 'a', replace: 'b', regex: true }], blocked: [{ word: 'x', method: 'mask' }] },
        { phrases: [{ phrase: 'Ada Lovelace', displayAs: 'Ada', language: 'en' }] },
        { ...talk, language: 'it-IT' },
        { text: 'better', paused: true, act: 'extend', minutes: 10, token: 'x' },
      ),
    );
    const places = textsFrom(['hall', 'keynote-1', '12', 'sub_0123456789ab', '..%2f..%2fetc']).map((each) =>
      each.slice(0, 200),
    );
    const queries = textsFrom([
      'from=0&to=2026-12-01T09:30:00Z&limit=5&before=7',
      'spokenBefore=1,2&talk=a',
      'lines=2&letters=42',
    ]);
    return target(
      fc.tuple(fc.constantFrom(...calls), places, queries, bodies),
      async ([{ path, method }, place, query, body]) => {
        let isFirst = true;
        const filled = path.replace(/\{\w+\}/g, () => {
          const value = isFirst && place.length % 3 > 0 ? 'hall' : encodeURIComponent(place.toWellFormed());
          isFirst = false;
          return value;
        });
        const hasBody = method !== 'GET' && method !== 'DELETE';
        const { status, text } = await api.ask(method, `${filled}?${query.toWellFormed()}`, hasBody ? body : undefined);
        if (status >= 500 && status !== 503) throw new Error(`${method} ${filled} answered ${status}: ${text}`);
        if (!api.rooms.get('hall')) api.rooms.put('hall', {});
      },
    );
  },
  /** Recordings that a device plays. */
  recordings: async () => {
    const { mkdtempSync, rmSync, writeFileSync } = await import('node:fs');
    const { tmpdir } = await import('node:os');
    const { join } = await import('node:path');
    const { WavFile } = await import('../../../device/wav.ts');
    const { wavBytes } = await import('../wav.ts');
    const folder = mkdtempSync(join(tmpdir(), 'sala-fuzz-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, `${randomUUID()}.wav`);
    return target(
      bytesFrom([wavBytes(new Uint8Array(400)), wavBytes(new Uint8Array(400), { bits: 24, channels: 2 })]),
      (bytes) => {
        writeFileSync(path, bytes);
        answering(['SalaError'], () => {
          const file = new WavFile(path);
          file.read(0, 1000);
          file.close();
        });
      },
    );
  },
} satisfies Record<string, () => Promise<Target>>;

export type TargetName = keyof typeof targets;
export const targetNames = Object.keys(targets).filter((name): name is TargetName => name in targets);
