/**
 * One run in a process of its own: `archive-run.ts MINUTES sala|flac`. Of a talk of so many minutes, from the spool to the
 * last byte in a folder store; or by Debian's `flac` alone, from a raw file. Tells its time, memory and longest stop.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import type { CutPlan } from '../../relay/archive/cut.ts';
import { readFrom } from '../../relay/archive/cut-audio.ts';
import { filesIn, makeFiles, usualPartSamples } from '../../relay/archive/making.ts';
import type { Recording } from '../../relay/archive/recordings.ts';
import { UploadQueue } from '../../relay/archive/uploads.ts';
import { openDatabase } from '../../relay/database.ts';
import { openStore } from '../../relay/objects/open-store.ts';
import { sampleRate, size } from '../../relay/protocol.js';
import { Rooms } from '../../relay/rooms.ts';
import { Spool } from '../../relay/spool.ts';
import { noRules } from '../../relay/text-rules.ts';
import { Transcript } from '../../relay/transcript.ts';
import { temporaryFolder } from '../harness/programs.ts';
import { seeded } from '../harness/random.ts';

const minutes = Number(process.argv[2]);
const form = process.argv[3];
/** Heard again and again: what is measured is the way, not the disk of a whole day. */
const soundMinutes = Math.min(minutes, 10);
const random = seeded(3);

/** Something like a voice in a room: a minute of it. */
const minute = Int16Array.from({ length: 60 * sampleRate }, (_, i) => {
  const t = i / sampleRate;
  const syllable = Math.max(0, Math.sin(2 * Math.PI * 4 * t)) * (t % 5 < 4 ? 1 : 0);
  let voice = 0;
  for (let harmonic = 1; harmonic <= 8; harmonic++) voice += Math.sin(2 * Math.PI * 140 * harmonic * t) / harmonic;
  return 4000 * voice * syllable + (random() - 0.5) * 80;
});
const minuteBytes = new Uint8Array(minute.buffer);

const folder = temporaryFolder();
const store = join(folder.path, 'store');
mkdirSync(store);
const stops = monitorEventLoopDelay({ resolution: 10 });

async function bare(): Promise<number> {
  const raw = join(folder.path, 'talk.raw');
  const file = createWriteStream(raw);
  for (let i = 0; i < minutes; i++) if (!file.write(minuteBytes)) await once(file, 'drain');
  file.end();
  await once(file, 'close');
  const begun = performance.now();
  const format = ['--force-raw-format', '--endian=little', '--sign=signed', '--bps=16', '--sample-rate=16000'];
  const made = join(folder.path, 'talk.flac');
  execFileSync('flac', ['--silent', '-5', ...format, '--channels=1', '-o', made, raw]);
  execFileSync('flac', ['--silent', '--test', made]);
  copyFileSync(made, join(store, 'talk.flac'));
  return performance.now() - begun;
}

async function whole(): Promise<number> {
  const log = pino({ level: 'silent' });
  const dataDir = join(folder.path, 'relay');
  const db = openDatabase(dataDir);
  new Rooms(db, { language: 'en-US', engine: 'script:none' }).put('aula', {});
  const spool = new Spool(db, dataDir, log);
  spool.start();
  const id = '00000000-0000-4000-8000-000000000001';
  const stream = spool.open(id, 'aula', 'kit', 1);
  if (!stream) throw new Error('the stream is of another room');
  const second = sampleRate * 2;
  for (let at = 0; at < soundMinutes * 60; at++) {
    spool.write(stream, at * sampleRate, minuteBytes.subarray((at % 60) * second, ((at % 60) + 1) * second));
    if (at % 20 === 19) await delay(20);
  }
  while (size(stream.audio) < soundMinutes * 60 * sampleRate) await delay(20);
  const turns = Math.ceil(minutes / soundMinutes);
  const samples = soundMinutes * 60 * sampleRate;
  const fromMs = Date.UTC(2026, 0, 10, 9);
  const plan: CutPlan = {
    ...{ fromMs, samples: turns * samples, channels: 1, holes: [] },
    pieces: Array.from({ length: turns }, (_, i) => ({
      ...{ stream: id, channels: 1, position: 0, samples, at: i * samples, ms: fromMs },
    })),
  };
  const recording: Recording = {
    ...{ room: 'aula', talk: 'talk', talkId: null, revision: 1, roomTitle: 'Aula', title: '', speakers: [] },
    ...{ fromMs, toMs: fromMs + minutes * 60_000, endedBy: 'hand' as const, state: 'cutting' as const },
    ...{ message: '', hint: '' },
    ...{ redact: false, engine: null, manifestKey: null },
  };
  const spoken = new Transcript(db, 'aula', { read: (ask) => ask(), waiting: () => [] });
  const facts = {
    log: { id: 'log', seq: 0, spoken },
    ...{ assignments: [], vocabulary: [], textRules: { room: noRules, event: noRules } },
  };
  const objects = await openStore(`folder:${store}`, {});
  const stored = Promise.withResolvers<void>();
  const onFailed = (_: string, { message }: { message: string }) => stored.reject(new Error(message));
  const queue = new UploadQueue({ db, store: objects, log, onStored: () => stored.resolve(), onFailed });
  queue.start();
  stops.enable();
  const begun = performance.now();
  const place = join(dataDir, 'recordings/aula/talk');
  const making = { event: 'event', read: readFrom(spool), flac: 'flac', partSamples: usualPartSamples };
  await makeFiles(place, { recording, plan, facts }, making, new AbortController().signal);
  queue.add(...(await filesIn(place, 'aula/talk')));
  await stored.promise;
  const ms = performance.now() - begun;
  stops.disable();
  await queue.stop();
  await spool.stop();
  db.close();
  return ms;
}

const ms = form === 'flac' ? await bare() : await whole();
const peakMiB = process.resourceUsage().maxRSS / 1024;
process.stdout.write(JSON.stringify({ ms, peakMiB, stopMs: form === 'flac' ? 0 : stops.max / 1e6 }));
folder.remove();
