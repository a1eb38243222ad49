import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { ConfigurationError, codeOf } from '../systemd/errors.ts';
import { createLog } from '../systemd/log.ts';
import { SystemdNotifier } from '../systemd/notify.ts';
import { type Program, type Running, run } from '../systemd/program.ts';
import { runningVersion } from '../systemd/version.ts';
import { agentLine } from './agent-line.ts';
import { AssignmentWatch } from './assignment-watch.ts';
import { AudioBuffer } from './buffer.ts';
import { systemClocks } from './clocks.ts';
import { WorkerDisk } from './disk.ts';
import { Framer } from './framer.ts';
import { HealthMonitor } from './health.ts';
import { type KitFile, readKitFile } from './kit-file.ts';
import { LastProblem } from './last-problem.ts';
import { MachineWatch } from './machine.ts';
import { type DeviceSettings, deviceSettings, isWorldReadable, listSettings, readPin, readToken } from './options.ts';
import { PinDoor } from './pin-door.ts';
import { SourceJournal } from './source-journal.ts';
import { createSource, listSources } from './sources/index.ts';
import { StatusPage } from './status.ts';
import { Uplinks } from './uplinks.ts';

const text = {
  usage: 'npm run device --',
  summary: 'Sends the sound of one room to the relay, and keeps it while the relay cannot be reached.',
};

/** No audio for this long while the source says that it captures: the pipeline is stuck. */
const maxCaptureGapMs = 10_000;

async function start(settings: DeviceSettings, env: NodeJS.ProcessEnv): Promise<Running> {
  const { channels: take, assignmentFile } = settings;
  if (settings.stereo && (take === 'mix' || take.length !== 2))
    throw new ConfigurationError(['--stereo needs two channels to keep apart: --channels 1,2']);
  const log = createLog(settings.logLevel);
  if (isWorldReadable(settings.tokenFile))
    log('main').warn({ file: settings.tokenFile }, 'every account of this machine can read the token');
  try {
    mkdirSync(settings.dataDir, { recursive: true });
  } catch (error) {
    if (codeOf(error) !== 'EROFS') throw error;
  }
  const clocks = systemClocks();
  const { now } = clocks;
  const startedAtMs = now();
  const channels = settings.stereo ? 2 : 1;
  const disk = new WorkerDisk({ file: join(settings.dataDir, 'buffer.db'), log: log('disk') });
  const assignment = assignmentFile
    ? new AssignmentWatch({
        ...{ file: assignmentFile, room: settings.room, relay: settings.relay, log: log('assignment') },
        onRoom: (next) => {
          buffer.serve(next);
          uplinks.serve(next);
          tell();
        },
      })
    : null;
  const room = assignment?.room ?? settings.room;
  const { maxBufferHours, maxBufferBytes } = settings;
  const limits = { maxBufferHours, maxBufferBytes };
  const buffer = new AudioBuffer({ room, channels, disk, clocks, log: log('buffer'), limits });
  const notifier = new SystemdNotifier({ env, log: log('systemd') });
  let capturedAtMs = now();
  let ended: () => void = () => undefined;
  const played = new Promise<void>((resolve) => {
    ended = resolve;
  });

  const tell = () => {
    uplinks.report();
    void notifier.status(health.current().message);
  };
  const journal = new SourceJournal(log('source'), now);
  const framer = new Framer({
    take,
    channels,
    listener: {
      frame: (position, audio) => {
        capturedAtMs = now();
        buffer.frame(position, audio);
      },
      hole: (from, to, reason) => buffer.hole(from, to, reason),
      anchor: (position, monotonicMs) => buffer.anchor(position, monotonicMs),
    },
    onState: (state) => {
      journal.state(state);
      capturedAtMs = now();
      health.source(state);
      if (state.state === 'ended') {
        buffer.end();
        ended();
      }
      tell();
    },
  });
  const machine = new MachineWatch({ dataDir: settings.dataDir });
  const health = new HealthMonitor({
    version: runningVersion(),
    now,
    buffer: () => buffer.health(),
    uplink: () => uplinks.health(),
    takeLevel: () => framer.takeLevel(),
    clockSynced: clocks.wallSynced,
    driftPpm: () => framer.driftPpm,
    machine: () => machine.health,
  });
  const uplinks: Uplinks = new Uplinks({
    relay: settings.relay,
    room,
    token: () => readToken(settings.tokenFile),
    buffer,
    isKit: assignment !== null,
    device: {
      id: settings.deviceId ?? (hostname().slice(0, 128) || 'device'),
      version: runningVersion(),
      bootId: clocks.bootId,
      sinceBootMs: clocks.sinceBootMs,
    },
    health: () => health.current(),
    now,
    random: Math.random,
    log: log('uplink'),
    onChange: tell,
  });
  const source = createSource(settings.source, {
    log: log('source'),
    execPath: process.execPath,
    ...(settings.sourceRate !== undefined && { rateHz: settings.sourceRate }),
    ...(settings.sourceChannels !== undefined && { channels: settings.sourceChannels }),
  });
  const lastProblem = new LastProblem(now);
  const { statusPinFile, kitFile, agentSocket } = settings;
  let kit: KitFile | null = null;
  let restart = () => {};
  const restarted = new Promise<void>((resolve) => {
    restart = resolve;
  });
  const pin = statusPinFile ? readPin(statusPinFile) : null;
  const buttons = pin !== null && {
    door: new PinDoor(pin, now),
    agent: agentSocket ? agentLine(agentSocket) : null,
    // The unit starts it again.
    restart: env.NOTIFY_SOCKET ? restart : null,
  };
  const page = settings.statusListen
    ? new StatusPage({
        ...settings.statusListen,
        pages: new URL('../display/', import.meta.url),
        hostNames: [hostname()],
        log: log('page'),
        ...(buttons && { buttons }),
        status: () => ({
          room: uplinks.room,
          relay: settings.relay,
          health: health.current(),
          language: uplinks.health().settings.language ?? null,
          uptimeMs: Math.round(now() - startedAtMs),
          lastProblem: lastProblem.last,
          kit,
        }),
      })
    : null;

  await framer.start();
  const port = await page?.start();
  buffer.start(uplinks);
  source.start(framer);
  uplinks.start();
  assignment?.start();
  const beat = setInterval(() => {
    health.measure();
    lastProblem.see(health.problem());
    if (kitFile)
      void readKitFile(kitFile).then((read) => {
        kit = read;
      });
    void machine.look();
    journal.look();
    tell();
  }, 1000);
  notifier.watch(async () => {
    const { state } = health.sourceState;
    if (state === 'capturing' && now() - capturedAtMs > maxCaptureGapMs) throw new Error('the source gives nothing');
    await disk.probe();
  });
  await notifier.ready(health.current().message);
  log('main').info({ event: 'started', room, relay: settings.relay, statusPort: port }, 'The device has started');

  let stopping: Promise<void> | null = null;
  const stop = async () => {
    clearInterval(beat);
    assignment?.stop();
    await notifier.stopping();
    await source.stop();
    framer.flush();
    buffer.end();
    await Promise.all([buffer.stop(), page?.stop()]);
    await uplinks.stop();
  };
  return {
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
    done: Promise.race([restarted, played.then(() => buffer.settled({ withFormerRooms: assignment !== null }))]),
  };
}

const device: Program<typeof deviceSettings> = { ...text, settings: deviceSettings, start };

const list: Program<typeof listSettings> = {
  ...text,
  settings: listSettings,
  start: async ({ logLevel }) => {
    const log = createLog(logLevel)('source');
    process.stdout.write(`${await listSources({ log, execPath: process.execPath })}\n`);
    return { stop: () => Promise.resolve(), done: Promise.resolve() };
  },
};

const listing = process.argv.includes('--list-sources') || /^(1|true)$/.test(process.env.SALA_LIST_SOURCES ?? '');
await (listing ? run(list, process) : run(device, process));
