import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { readReleaseKey } from '../systemd/agent/updates/manifest.ts';
import { address, toggle } from '../systemd/configuration.ts';
import { ConfigurationError, messageOf, SalaError } from '../systemd/errors.ts';
import { ClientAddresses } from './addresses.ts';
import { type AdminToken, readAdminToken } from './admin-token.ts';
import { defaultUploadLimits } from './archive/uploads.ts';
import { defaultAttemptLimits } from './attempts.ts';
import { defaultReaderLimits } from './audience.ts';
import { defaultAudioRateLimits } from './audio-rates.ts';
import { keyPart } from './canonical/contract.ts';
import { defaultConnectionLimits, defaultHttpLimits } from './connections.ts';
import { defaultPlaceLimits } from './door-places.ts';
import { defaultIdleAfterMs } from './kit-idle.ts';
import { parseStoreAddress } from './objects/open-store.ts';
import { defaultRequestsPerMinute } from './rate.ts';
import { engineName, language } from './settings.ts';
import { readPassword } from './sink/opening.ts';
import { defaultTurnLimits } from './transcript-turns.ts';
import { rateLimits } from './uplink-rates.ts';

const text = (description: string, placeholder: string) => ({ description, placeholder });
const file = z.string().min(1, 'must be a path');
const languages = z
  .string()
  .transform((tags) => tags.split(',').map((tag) => tag.trim()))
  .pipe(z.array(language));
const proxies = z
  .string()
  .transform((list) => list.split(',').map((each) => each.trim()))
  .superRefine((list, context) => {
    try {
      new ClientAddresses(list);
    } catch (error) {
      context.addIssue({ code: 'custom', message: messageOf(error) });
    }
  });
/** As a browser writes it: a scheme, a host, a port unless it is the usual one. */
const origins = z
  .string()
  .transform((text) => text.split(',').map((each) => each.trim()))
  .pipe(
    z.array(
      z.string().transform((text, context) => {
        const url = URL.parse(text);
        if (url && /^https?:$/.test(url.protocol) && [url.origin, `${url.origin}/`].includes(text)) return url.origin;
        context.addIssue({ code: 'custom', message: `"${text}" must be like https://captions.example.org` });
        return z.NEVER;
      }),
    ),
  );
const money = z.coerce.number().min(0);
const count = (fallback: number) => z.coerce.number().int().min(1).default(fallback);

const dataDir = text('folder of captions, audio and scripts; made if missing', 'DIR');
const adminTokenFile = text("file with the organizers' token, at least 16 characters", 'FILE');

/** Everything a relay can be told, with its defaults: flags, `SALA_…` variables and TOML keys derive from the names. */
export const relayOptions = z.object({
  listen: address
    .prefault('127.0.0.1:8080')
    .meta(text('where rooms, pages and API are served [127.0.0.1:8080]', 'HOST:PORT')),
  dataDir: file.meta(dataDir),
  engine: engineName
    .default('transcribe')
    .meta(text('engine of rooms that name none: transcribe, pocketsphinx, sherpa, script:NAME', 'NAME')),
  language: language.prefault('en-US').meta(text('language of a room nobody has assigned one [en-US]', 'TAG')),
  adminTokenFile: file.meta(adminTokenFile),
  origin: origins
    .optional()
    .meta(text("where browsers open the admin page, several by commas [--listen's own address]", 'ORIGIN')),
  trustedProxy: proxies
    .optional()
    .meta(text('proxies whose X-Forwarded-For is believed: addresses or CIDR, by commas [none]', 'LIST')),
  metricsListen: address.optional().meta(text('serve /metrics there without a token', 'HOST:PORT')),
  retain: z
    .enum(['captioned', 'hours', 'archive'])
    .default('hours')
    .meta(text('keep audio until it is captioned, for --retain-hours, or until the space is used', 'HOW')),
  retainHours: z.coerce.number().positive().default(24).meta(text('how long audio is kept', 'HOURS')),
  maxSpoolBytes: z.coerce
    .number()
    .int()
    .min(100_000_000)
    .default(20e9)
    .meta(text('space for audio; the oldest captioned goes first', 'BYTES')),
  maxEngineSessions: count(25).meta(text("concurrent sessions that the account's quota allows", 'COUNT')),
  engineSessionReserve: z.coerce
    .number()
    .int()
    .min(0)
    .default(3)
    .meta(text('sessions kept free for changing over and filling in', 'COUNT')),
  maxBackfillHours: z.coerce
    .number()
    .min(0)
    .default(10)
    .meta(text('paid engine time a day for filling in what live captions missed', 'HOURS')),
  pricePerMinute: money.default(0.024).meta(text('what a minute of a paid session costs, in your currency', 'MONEY')),
  alarmCostPerDay: money.optional().meta(text('warn when paid sessions have cost so much in a day', 'MONEY')),
  maxCostPerDay: money.optional().meta(text('hold no paid session any more that day from here on', 'MONEY')),
  maxRoomCostPerDay: money.optional().meta(text('the same for each single room', 'MONEY')),
  maxBackfillCostPerDay: money.optional().meta(text('of all this, for filling in what live captions missed', 'MONEY')),
  maxRoomBackfillHours: z.coerce
    .number()
    .min(0)
    .default(6)
    .meta(text('paid engine time a day for filling in, of one room', 'HOURS')),
  maxSessionSeconds: z.coerce
    .number()
    .min(20)
    .max(14_400)
    .default(14_400)
    .meta(text('no paid session lasts longer; the next one takes over before', 'SECONDS')),
  restAfter: z.coerce
    .number()
    .min(0)
    .default(60)
    .meta(text('a paid session rests after so much silence; 0: never', 'SECONDS')),
  kitIdleAfter: z.coerce
    .number()
    .min(0)
    .default(defaultIdleAfterMs / 1000)
    .meta(text('kits take an update after so long without a talk and without sound in their room', 'SECONDS')),
  releaseKey: z
    .string()
    .optional()
    .meta(text('releases for kits must be signed by this key, PEM; kits check them in any case', 'FILE')),
  recordingStore: z
    .string()
    .superRefine((text, context) => {
      try {
        parseStoreAddress(text);
      } catch (error) {
        context.addIssue({ code: 'custom', message: messageOf(error) });
      }
    })
    .optional()
    .meta(text('where recordings go: s3://BUCKET[/PREFIX] or folder:/PATH [nothing is recorded]', 'ADDRESS')),
  recordingEndpoint: z
    .url('must be like https://s3.example.org')
    .optional()
    .meta(text('of a store of S3 that is not of AWS', 'URL')),
  recordingRegion: z.string().min(1).optional().meta(text('of that bucket [as AWS is set up here]', 'REGION')),
  recordingKmsKey: z.string().min(1).optional().meta(text('key of AWS KMS that encrypts recordings', 'KEY')),
  event: keyPart.default('event').meta(text('part of the names of recordings: one for each event', 'NAME')),
  recordingDays: z.coerce
    .number()
    .positive()
    .optional()
    .meta(text('recordings and their transcripts are deleted after so long [never]', 'DAYS')),
  recordingSilence: z.coerce
    .number()
    .min(1)
    .max(600)
    .default(15)
    .meta(text('silence that ends a recording outside the schedule', 'MINUTES')),
  maxRecordingBacklog: z.coerce
    .number()
    .int()
    .min(100_000_000)
    .default(defaultUploadLimits.maxBacklogBytes)
    .meta(text('recordings that may wait on the disk for their store', 'BYTES')),
  clickhouseUrl: z
    .url({ protocol: /^https?$/, error: 'must be like http://127.0.0.1:8123' })
    .refine((text) => URL.parse(text)?.password === '', 'must not hold a password: use --clickhouse-password-file')
    .optional()
    .meta(text('transcripts of recorded talks are sent to this ClickHouse [nowhere]', 'URL')),
  clickhouseDatabase: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'must be of letters, digits and underscores')
    .default('default')
    .meta(text('its database, which must be there', 'NAME')),
  clickhouseUser: z.string().min(1).default('default').meta(text('who may write there', 'NAME')),
  clickhousePasswordFile: file.optional().meta(text("file with that user's password", 'FILE')),
  maxReaders: count(defaultPlaceLimits.maxReaders).meta(text('readers of all rooms together', 'COUNT')),
  maxReadersPerRoom: count(defaultPlaceLimits.maxReadersPerRoom).meta(text('readers of one room', 'COUNT')),
  maxReadersPerAddress: count(defaultPlaceLimits.maxReadersPerAddress).meta(
    text('readers at one address; a venue is one', 'COUNT'),
  ),
  maxAudioSocketsPerRoom: count(defaultPlaceLimits.maxAudioSocketsPerRoom).meta(
    text('audio sockets of one room, those that wait included', 'COUNT'),
  ),
  maxAudioSocketsPerAddress: count(defaultPlaceLimits.maxAudioSocketsPerAddress).meta(
    text('audio sockets of one address', 'COUNT'),
  ),
  maxAdminSockets: count(defaultPlaceLimits.maxAdminSockets).meta(text('admin pages that are open', 'COUNT')),
  maxKitSockets: count(defaultPlaceLimits.maxKitSockets).meta(text('kits that are connected', 'COUNT')),
  maxReaderUpgradesPerMinute: count(defaultPlaceLimits.maxReaderUpgradesPerMinute).meta(
    text('caption sockets that one address may ask for in a minute with one token, or without a right one', 'COUNT'),
  ),
  maxUpgradesPerMinute: count(defaultPlaceLimits.maxUpgradesPerMinute).meta(
    text('other sockets that one token may ask for in a minute, or one address without a right token', 'COUNT'),
  ),
  maxRequestsPerMinute: count(defaultRequestsPerMinute).meta(text('HTTP requests of one address in a minute', 'COUNT')),
  maxFailedAttempts: count(defaultAttemptLimits.maxFailedAttempts).meta(
    text('wrong tokens of one address in a minute before it is banned', 'COUNT'),
  ),
  maxFailedReads: count(defaultAttemptLimits.maxFailedReads).meta(
    text('the same for tokens of rooms where captions are read', 'COUNT'),
  ),
  banMinutes: z.coerce
    .number()
    .positive()
    .max(1440)
    .default(defaultAttemptLimits.banMinutes)
    .meta(text('how long such an address is banned; right tokens of rooms are taken all the same', 'MINUTES')),
  maxConnections: count(defaultConnectionLimits.maxConnections).meta(text('connections of all clients', 'COUNT')),
  maxConnectionsPerAddress: count(defaultConnectionLimits.maxConnectionsPerAddress).meta(
    text('connections of one address that is no trusted proxy', 'COUNT'),
  ),
  maxAudioHours: z.coerce
    .number()
    .positive()
    .default(defaultAudioRateLimits.maxAudioHours)
    .meta(text('audio that the sources of one room may bring in a day', 'HOURS')),
  maxLiveRate: z.coerce
    .number()
    .min(1.01)
    .max(10)
    .default(rateLimits.maxLiveRate)
    .meta(text("how much faster than the relay's clock a live edge may advance", 'TIMES')),
  maxBacklogRate: count(rateLimits.maxBacklogRate).meta(
    text('audio from before that a kit may bring', 'SECONDS A SECOND'),
  ),
  maxMessageRate: count(rateLimits.maxMessageRate).meta(text('text messages a second of an audio socket', 'COUNT')),
  maxBodyBytes: count(defaultHttpLimits.maxBodyBytes).meta(
    text('body of a call; lists and schedules have their own', 'BYTES'),
  ),
  headerTimeout: count(defaultHttpLimits.headerTimeout).meta(
    text('how long the head of a request may take', 'SECONDS'),
  ),
  requestTimeout: count(defaultHttpLimits.requestTimeout).meta(text('the same for all of it', 'SECONDS')),
  maxReaderBuffer: count(defaultReaderLimits.maxBufferedBytes).meta(
    text('what may wait for a slow reader before it is cut off', 'BYTES'),
  ),
  readerTimeout: count(defaultReaderLimits.drainTimeoutMs / 1000).meta(
    text('how long a reader may take nothing before it is cut off', 'SECONDS'),
  ),
  maxTranscripts: count(defaultTurnLimits.maxTranscripts).meta(
    text('transcripts that are being read at once, half of them of one room', 'COUNT'),
  ),
  pocketsphinxLibrary: file.optional().meta(text('libpocketsphinx, where it is not in its usual place', 'FILE')),
  pocketsphinxModel: file.optional().meta(text('folder of the PocketSphinx model', 'DIR')),
  sherpaModel: file
    .optional()
    .meta(text('folder of a streaming model of sherpa-onnx, or of several such folders', 'DIR')),
  sherpaLanguage: languages
    .optional()
    .meta(text("language that model speaks, several by commas [as its folder's name says]", 'TAGS')),
  sherpaThreads: count(1).meta(text('threads of each sherpa session', 'COUNT')),
  check: toggle(false).meta({
    description: 'says in words whether captions would work, by a sentence of English speech, and ends',
  }),
  backup: file
    .optional()
    .meta(text('writes the database of --data-dir, also of a running relay, into that new file, and ends', 'FILE')),
  restore: file
    .optional()
    .meta(text('puts such a file in place as the database of --data-dir, which must have none, and ends', 'FILE')),
  logLevel: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .meta(text('fatal, error, warn, info, debug, trace or silent', 'LEVEL')),
});

export type RelayOptions = z.output<typeof relayOptions>;

/** The same for `--check`, which opens no port and needs no folder. */
export const checkingOptions = relayOptions.extend({
  dataDir: file.optional().meta(dataDir),
  adminTokenFile: file.optional().meta(adminTokenFile),
});
export type CheckingOptions = z.output<typeof checkingOptions>;

/** The same for `--backup` and `--restore`, which open no port. */
export const backupOptions = relayOptions.extend({ adminTokenFile: file.optional().meta(adminTokenFile) });
export type BackupOptions = z.output<typeof backupOptions>;

/**
 * What reading alone can show to be wrong beyond each setting's own form; reads the admin token and the releases' key.
 * @throws {ConfigurationError} with every mistake
 */
export function checkOptions(options: RelayOptions): { adminToken: AdminToken; releaseKeyPem: string | null } {
  const problems: string[] = [];
  const { listen, metricsListen } = options;
  if (metricsListen && listen.port !== 0 && metricsListen.port === listen.port && metricsListen.host === listen.host)
    problems.push('--metrics-listen: is the same address as --listen');
  if (options.engine === 'sherpa' && options.sherpaModel === undefined)
    problems.push('--sherpa-model: is needed by --engine sherpa');
  let adminToken: AdminToken | null = null;
  let releaseKeyPem: string | null = null;
  let hint: string | undefined;
  try {
    adminToken = readAdminToken(options.adminTokenFile);
  } catch (error) {
    problems.push(`--admin-token-file: ${messageOf(error)}`);
    if (error instanceof SalaError) hint = error.hint;
  }
  try {
    readPassword(options.clickhousePasswordFile);
  } catch (error) {
    problems.push(`--clickhouse-password-file: ${messageOf(error)}`);
  }
  try {
    releaseKeyPem = options.releaseKey === undefined ? null : readFileSync(options.releaseKey, 'utf8');
    if (releaseKeyPem !== null) readReleaseKey(releaseKeyPem);
  } catch (error) {
    problems.push(`--release-key: ${messageOf(error)}`);
    if (error instanceof SalaError) hint = error.hint;
  }
  if (problems.length > 0 || !adminToken)
    throw new ConfigurationError(problems, problems.length > 1 ? undefined : hint);
  return { adminToken, releaseKeyPem };
}
