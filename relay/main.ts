#!/usr/bin/env node

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getRequestListener } from '@hono/node-server';
import { checkPages } from '../display/page-files.ts';
import { SalaError } from '../systemd/errors.ts';
import { createLog } from '../systemd/log.ts';
import { SystemdNotifier } from '../systemd/notify.ts';
import { type Program, type Running, run } from '../systemd/program.ts';
import { tearDown } from '../systemd/teardown.ts';
import { runningVersion } from '../systemd/version.ts';
import { ClientAddresses } from './addresses.ts';
import { AlarmBook } from './alarm-book.ts';
import { createApi } from './api.ts';
import { recordingFigures } from './archive/figures.ts';
import { openArchiving } from './archive/opening.ts';
import { roomTroubleOf, troubleOf } from './archive/troubles.ts';
import { FailedAttempts, tellBans } from './attempts.ts';
import { AudioRates } from './audio-rates.ts';
import { Backfill } from './backfill.ts';
import { DailyBudget } from './budget.ts';
import { CanonicalTranscripts } from './canonical/canonical.ts';
import { Conduct } from './conduct.ts';
import { Connections, httpServerOptions } from './connections.ts';
import { openCosts } from './costs.ts';
import { openDatabase, ownerId, relayId } from './database.ts';
import type { Renewal } from './database-handle.ts';
import { DayNamesBook } from './day-names.ts';
import { Doors } from './doors.ts';
import { Engines } from './engines/registry.ts';
import { transcribeVocabularies } from './engines/transcribe-vocabularies.ts';
import { proxyIn, startBackup, startCheck } from './errands.ts';
import { Governing } from './governing.ts';
import { RelayHealth } from './health.ts';
import { kitsByRoom } from './kit-alarms.ts';
import { KitDoor } from './kit-door.ts';
import { KitEnrolment } from './kit-enrolment.ts';
import { LastWords } from './last-words.ts';
import { CaptionLatency } from './latency.ts';
import { LegacyAudio } from './legacy-audio.ts';
import { LegacyReaders } from './legacy-readers.ts';
import { close, listen } from './listening.ts';
import type { LiveRoom } from './live.ts';
import { LiveFeed } from './live-feed.ts';
import { createMetricsApp, Metrics } from './metrics.ts';
import { backupOptions, checkingOptions, checkOptions, type RelayOptions, relayOptions } from './options.ts';
import { Origins } from './origins.ts';
import { Readers } from './publish.ts';
import { EngineQuota } from './quota.ts';
import { RateLimit } from './rate.ts';
import { ReleaseStore } from './releases.ts';
import { Retention } from './retention.ts';
import { Rights } from './rights.ts';
import type { Room } from './room.ts';
import { RoomTime } from './room-time.ts';
import { RoomViews } from './room-views.ts';
import { Rooms } from './rooms.ts';
import { RunningRooms } from './running-rooms.ts';
import { Schedule } from './schedule/schedule.ts';
import { sinkFigures, sinkTroubleOf } from './sink/figures.ts';
import { openSink } from './sink/opening.ts';
import { Spool } from './spool.ts';
import { Talks } from './talks.ts';
import { TextRuleBook } from './text-rule-book.ts';
import { TranscriptTurns } from './transcript-turns.ts';
import { UnsavedMark } from './unsaved-mark.ts';
import { Uplink } from './uplink.ts';
import { Vocabularies } from './vocabularies.ts';

/** Of the 10 s a program has to end, what engines get for their last words and readers for theirs. */
const engineStopMs = 3000;
const readerStopMs = 500;

const pagesDir = fileURLToPath(new URL('../display/', import.meta.url));
const protocolFile = fileURLToPath(new URL('./protocol.js', import.meta.url));

async function start(options: RelayOptions, env: NodeJS.ProcessEnv): Promise<Running> {
  if (options.check) return startCheck(options, env);
  if (options.backup !== undefined || options.restore !== undefined) return startBackup(options);
  const { adminToken, releaseKeyPem } = checkOptions(options);
  const logs = createLog(options.logLevel);
  const log = logs('relay');
  await checkPages({ pagesDir, protocolFile });

  const db = openDatabase(options.dataDir);
  const tellRenewal = (renewal: Renewal | null) => {
    if (renewal)
      logs('database').error(
        { event: 'database-renewed', ...renewal },
        'The database was damaged and is set aside; its copy has taken its place. Have the disk checked',
      );
    else logs('database').info({ event: 'database-reopened' }, 'The disk came back; the database is open again');
  };
  if (db.renewal) tellRenewal(db.renewal);
  db.onRenewed(tellRenewal);
  const rooms = new Rooms(db, { language: options.language, engine: options.engine });
  const unsavedMark = new UnsavedMark(options.dataDir);
  const spool = new Spool(db, options.dataDir, logs('spool'));
  const time = new RoomTime(db);
  const governing = new Governing(db, rooms, time);
  const textRules = new TextRuleBook(db, logs('text-rules'));
  const talks = new Talks(db);
  const awsRegion = env.AWS_REGION || null;
  const vocabularies = new Vocabularies({
    db,
    rooms,
    defaultEngine: options.engine,
    region: awsRegion,
    ownerId: ownerId(db),
    serviceIn: (region) => transcribeVocabularies(region, logs('vocabularies')),
    textRules,
    scheduled: ({ name }) => dayNames.of(name),
    log: logs('vocabularies'),
  });
  const engines = new Engines(
    {
      ...options,
      execPath: process.execPath,
      awsRegion,
      vocabularies,
      proxy: proxyIn(env),
      maxSessionMs: options.maxSessionSeconds * 1000,
    },
    logs,
  );
  const costs = openCosts(db, options, logs('costs'));
  const quota = new EngineQuota(
    { maxSessions: options.maxEngineSessions, reserve: options.engineSessionReserve },
    costs,
  );
  const budget = new DailyBudget(db, 'backfill', options.maxBackfillHours * 3600);
  const backfill = new Backfill({ spool, governing, quota, budget, log: logs('backfill') });
  const latency = new CaptionLatency();
  const running: RunningRooms = new RunningRooms({
    canRecord: options.recordingStore !== undefined,
    db,
    rooms,
    spool,
    time,
    governing,
    backfill,
    engineFor: (name) => engines.get(name),
    quota,
    costs,
    restAfterMs: options.restAfter * 1000,
    textRules,
    talks,
    log: logs('feed'),
    defaultEngine: options.engine,
    unsavedMark,
    latency,
  });
  const archiving = await openArchiving(options, {
    ...{ db, spool, time, rooms, talks, logs, textRules, vocabularies },
    running: (name) => running.get(name),
  });
  const retention = new Retention(spool, options, logs('retention'), Date.now, (...range) =>
    archiving.isHeld(...range),
  );
  const { recordings, archiver } = archiving;
  const canonical = new CanonicalTranscripts({
    ...{ db, rooms, recordings, store: archiver?.store ?? null, textRules, log: logs('transcripts') },
  });
  const sink = openSink(options, {
    ...{ db, recordings: archiving.recordings, serving: canonical.serving, rooms: running, log: logs('sink') },
    blocked: () => textRules.rules.blocked,
  });
  const readers = new Readers(
    { maxBufferedBytes: options.maxReaderBuffer, drainTimeoutMs: options.readerTimeout * 1000 },
    undefined,
    archiver !== null,
  );
  const legacyReaders = new LegacyReaders(readers);
  const health = new RelayHealth({ db, spool, rooms: running });
  const lastWords = new LastWords();
  const { dataDir } = options;
  const alarms = new AlarmBook({
    ...{ rooms: running, lastWords, quota, costs, db, dataDir, log: logs('alarms') },
    conduct: { of: (each) => conduct.of(each) },
    schedule: () => schedule.state,
    kits: () => kitsByRoom(kits.all(), (name) => kitDoor.of(name) !== null),
    recordings: {
      ofRelay: (nowMs) => troubleOf(archiving, nowMs) ?? sinkTroubleOf(sink?.sink ?? null, nowMs),
      of: (name, nowMs) => roomTroubleOf(archiving, name, nowMs),
    },
  });
  const views = new RoomViews({ readers, alarms, lastWords, conduct: { of: (each) => conduct.of(each) } });
  const liveFeed = new LiveFeed({ rooms: running, views, alarms, version: runningVersion() });
  const id = relayId(db);
  const bootId = randomUUID();

  const addresses = new ClientAddresses(options.trustedProxy, (peer) =>
    logs('access').warn(
      { event: 'proxy-not-trusted', peer },
      'A proxy seems to be before the relay: name it with --trusted-proxy, else all its clients share the limits of one address',
    ),
  );
  const attempts = new FailedAttempts(options, undefined, undefined, tellBans(logs('access')));
  const requests = new RateLimit({ perMinute: options.maxRequestsPerMinute });
  const connections = new Connections(options, addresses);
  const rates = new AudioRates(options);
  const origins = new Origins(options.origin);
  const rights = new Rights({ db, adminToken, origins, addresses, attempts, log: logs('rights') });

  const { audit, kits } = rights;
  const idleAfterMs = options.kitIdleAfter * 1000;
  const releases = new ReleaseStore({
    folder: join(options.dataDir, 'releases'),
    publicKeyPem: releaseKeyPem,
  });
  await releases.load();
  const kitDoor = new KitDoor({ kits, rooms: running, releases, idleAfterMs, log: logs('kits') });
  const enrolment = new KitEnrolment({ ...{ kits, audit }, rooms: running, access: rights.access, log: logs('kits') });
  const schedule = new Schedule({ db, rooms, talks, audit, log: logs('schedule') });
  const conduct = new Conduct({
    ...{ rooms: running, talks, audit, log: logs('conduct'), defaultLanguage: options.language },
    assignments: (name) => rooms.assignments(name),
    scheduleLanguage: () => schedule.language,
  });
  const dayNames = new DayNamesBook({
    rooms: running,
    talks,
    languagesOf: (talk, live) => conduct.languagesOf(talk, live),
    changed: () => vocabularies.refresh(),
  });

  const room = ({ record }: LiveRoom): Room => {
    const found = running.get(record.name);
    if (!found)
      throw new SalaError(`The room ${record.name} was deleted`, { code: 'room-unknown', hint: 'Create it again.' });
    return found;
  };
  const doors = new Doors({
    rooms: running,
    access: rights.access,
    log: logs('doors'),
    audit,
    limits: options,
    handlers: {
      audio: (socket, live, _, kit) =>
        new Uplink(socket, room(live), {
          delivery: kit?.isFormer ? { served: () => kits.served(kit.name, live.record.name) } : undefined,
          relayId: id,
          spool,
          time,
          rates,
          limits: options,
          log: logs('uplink'),
        }).start(),
      captions: (socket, line, live, query) => readers.serve(socket, line, live, query),
      live: (socket) => liveFeed.serve(socket),
      kit: (socket, name) => kitDoor.serve(socket, name),
      legacyAudio: (socket, live, { lang }) => {
        if (lang) running.suggestLanguage(live.record.name, lang);
        new LegacyAudio(socket, room(live), { spool, time, bootId }).start();
      },
      legacyTranscript: (socket, line, live, query) => legacyReaders.serve(socket, line, live, query),
    },
  });
  const turns = new TranscriptTurns(options);
  const answers = new Map<number, number>();
  const metrics = new Metrics({
    rooms: running,
    readers,
    doors,
    attempts,
    requests,
    connections,
    rates,
    rights,
    turns,
    spoolBytes: () => spool.bytes,
    relay: {
      ...{ health, alarms, quota, costs, spool, time, retention, doors, liveFeed, latency, answers },
      ...{ kits, kitDoor, enrolment },
      recordings: () => [
        ...recordingFigures(archiving, Date.now()),
        ...canonical.figures(),
        ...sinkFigures(sink?.sink ?? null, Date.now()),
      ],
      version: runningVersion(),
    },
  });
  const api = createApi({
    maxBodyBytes: options.maxBodyBytes,
    rooms: running,
    views,
    rights,
    requests,
    readersFull: (name, from) => doors.full(name, from),
    textRules,
    talks,
    schedule,
    conduct,
    vocabularies,
    costs,
    health,
    metrics,
    answers,
    log: logs('api'),
    pagesDir,
    protocolFile,
    version: runningVersion(),
    turns,
    kits: { kits, door: kitDoor, enrolment },
    releases,
    archiving,
    canonical,
  });

  rooms.start();
  vocabularies.start();
  spool.start();
  time.start();
  running.start();
  await archiving.start();
  canonical.start();
  sink?.sink.start();
  sink?.watch.start();
  schedule.start();
  conduct.start();
  dayNames.start();
  alarms.start();
  backfill.start();
  retention.start();
  db.start();
  rights.start();
  kitDoor.start();
  const server = createServer(httpServerOptions(options), getRequestListener(api.fetch));
  connections.watch(server);
  server.on('upgrade', (request, socket, head) => doors.upgrade(request, socket, head));
  const metricsServer =
    options.metricsListen &&
    createServer(httpServerOptions(options), getRequestListener(createMetricsApp(metrics).fetch));
  const url = await listen(server, options.listen);
  origins.listening(url);
  if (metricsServer && options.metricsListen) await listen(metricsServer, options.metricsListen);
  log.info({ event: 'listening', url, engine: options.engine, version: runningVersion() }, 'The relay listens');

  const notifier = new SystemdNotifier({ env, log: logs('notify') });
  await notifier.ready(`serving ${url}`);
  notifier.watch(() => health.proveLife());
  const stop = async () => {
    // Before anything else: a balancer sends newcomers elsewhere. systemd is told meanwhile, however long that takes.
    health.stop();
    doors.shut();
    const told = notifier.stopping();
    const lastWords = () => new Promise((resolve) => setTimeout(resolve, doors.count('read') > 0 ? readerStopMs : 0));
    await tearDown({
      backfill: () => backfill.stop(),
      schedule: () => schedule.stop(),
      conduct: () => conduct.stop(),
      dayNames: () => dayNames.stop(),
      vocabularies: () => vocabularies.stop(),
      alarms: () => alarms.stop(),
      kits: () => kitDoor.stop(),
      // What engines still hold is published before readers are told to come back.
      rooms: () => running.stop(engineStopMs),
      readers: lastWords,
      connections: () => Promise.all([doors.closeAll(), close(server), metricsServer && close(metricsServer)]),
      retention: () => retention.stop(),
      canonical: () => canonical.stop(),
      sinkWatch: () => sink?.watch.stop(),
      sink: () => sink?.sink.stop(),
      archiving: () => archiving.stop(),
      spool: () => spool.stop(),
      rights: () => rights.stop(),
      database: () => db.close(),
      mark: () => unsavedMark.close(),
      systemd: () => told,
    });
    log.info({ event: 'stopped' }, 'The relay has stopped');
  };
  let stopped: Promise<void> | undefined;
  return { stop: () => (stopped ??= stop()) };
}

const words = {
  usage: 'npm run relay --',
  summary: 'The relay: takes audio from the rooms, has it captioned, publishes the captions.',
};
const program: Program<typeof relayOptions> = { ...words, settings: relayOptions, start };
const checkProgram: Program<typeof checkingOptions> = { ...words, settings: checkingOptions, start: startCheck };
const backupProgram: Program<typeof backupOptions> = { ...words, settings: backupOptions, start: startBackup };
const isBackup = process.argv.some((each) => /^--(backup|restore)(=|$)/.test(each));

if (process.argv.includes('--check')) await run(checkProgram, process);
else if (isBackup) await run(backupProgram, process);
else await run(program, process);
