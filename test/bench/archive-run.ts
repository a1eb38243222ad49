/**
 * One step in a process of its own: `archive-run.ts MINUTES make|flac|sala FOLDER`. Makes a talk of so many minutes; or brings it,
 * by Debian's `flac` alone or from the spool, to the last byte in a folder store, and tells the time of that, and of that
 * time the most memory and the longest stop.
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
import { CaptionLog } from '../../relay/captions.ts';
import { openDatabase } from '../../relay/database.ts';
import { openStore } from '../../relay/objects/open-store.ts';
import { bytesPerSample, sampleRate } from '../../relay/protocol.js';
import { Rooms } from '../../relay/rooms.ts';
import { Spool } from '../../relay/spool.ts';
import { noRules } from '../../relay/text-rules.ts';
import { seeded } from '../harness/random.ts';
import { peakMiB, resetPeak } from './usage.ts';

const [, , length, form, folder = ''] = process.argv;
const minutes = Number(length);
/** Heard again and again: what is measured is the way, not the disk of a whole day. */
const soundMinutes = Math.min(minutes, 10);
const captionMs = 3000;
const fromMs = Date.UTC(2026, 0, 10, 9);
const id = '00000000-0000-4000-8000-000000000001';

const raw = join(folder, 'talk.raw');
const store = join(folder, 'store');
const dataDir = join(folder, 'relay');
const log = pino({ level: 'silent' });

/** What both forms are given: the same sound, for Sala in its spool, with captions. */
async function make(): Promise<void> {
  const minute = minuteOfVoice();
  mkdirSync(store);
  // Synced as the spool is: else the disk is busy with it while it is encoded.
  const file = createWriteStream(raw, { flush: true });
  for (let i = 0; i < minutes; i++) if (!file.write(minute)) await once(file, 'drain');
  file.end();
  await once(file, 'close');
  const db = openDatabase(dataDir);
  new Rooms(db, { language: 'en-US', engine: 'script:none' }).put('aula', {});
  const spool = new Spool(db, dataDir, log);
  spool.start();
  const stream = spool.open(id, 'aula', 'kit', 1);
  if (!stream) throw new Error('the stream is of another room');
  for (let at = 0; at < soundMinutes * 60; at++) {
    const begin = (at % 60) * sampleRate * bytesPerSample;
    spool.write(stream, at * sampleRate, minute.subarray(begin, begin + sampleRate * bytesPerSample));
    if (at % 20 === 19) await delay(20);
  }
  const captions = new CaptionLog(db, 'aula', 'log');
  db.transaction(() => {
    for (let ms = 0; ms < minutes * 60_000; ms += captionMs)
      captions.append({
        ...{ text: 'So many words are said in three seconds of a talk', language: 'en-US', speaker: null, late: false },
        ...{ start: fromMs + ms, end: fromMs + ms + captionMs, stream: id, from: ms * 16, to: (ms + captionMs) * 16 },
      });
  })();
  await spool.stop();
  db.close();
}

/** Something like a voice in a room. */
function minuteOfVoice(): Uint8Array {
  const random = seeded(3);
  const samples = Int16Array.from({ length: 60 * sampleRate }, (_, i) => {
    const t = i / sampleRate;
    const syllable = Math.max(0, Math.sin(2 * Math.PI * 4 * t)) * (t % 5 < 4 ? 1 : 0);
    let voice = 0;
    for (let harmonic = 1; harmonic <= 8; harmonic++) voice += Math.sin(2 * Math.PI * 140 * harmonic * t) / harmonic;
    return 4000 * voice * syllable + (random() - 0.5) * 80;
  });
  return new Uint8Array(samples.buffer);
}

async function bare(): Promise<void> {
  const format = ['--force-raw-format', '--endian=little', '--sign=signed', '--bps=16', '--sample-rate=16000'];
  const made = join(folder, 'talk.flac');
  execFileSync('flac', ['--silent', '-5', ...format, '--channels=1', '-o', made, raw]);
  execFileSync('flac', ['--silent', '--test', made]);
  copyFileSync(made, join(store, 'talk.flac'));
}

/** @returns what does the work, once it is asked to */
async function relay(): Promise<() => Promise<void>> {
  const db = openDatabase(dataDir);
  const spool = new Spool(db, dataDir, log);
  spool.start();
  const turns = Math.ceil(minutes / soundMinutes);
  const samples = soundMinutes * 60 * sampleRate;
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
  const facts = {
    log: new CaptionLog(db, 'aula', 'log'),
    ...{ assignments: [], vocabulary: [], textRules: { room: noRules, event: noRules } },
  };
  const objects = await openStore(`folder:${store}`, {});
  const stored = Promise.withResolvers<void>();
  const onFailed = (_: string, { message }: { message: string }) => stored.reject(new Error(message));
  const queue = new UploadQueue({ db, store: objects, log, onStored: () => stored.resolve(), onFailed });
  queue.start();
  return async () => {
    const place = join(dataDir, 'recordings/aula/talk');
    const making = { event: 'event', read: readFrom(spool), flac: 'flac', partSamples: usualPartSamples };
    await makeFiles(place, { recording, plan, facts }, making, new AbortController().signal);
    queue.add(...(await filesIn(place, 'aula/talk')));
    await stored.promise;
    await queue.stop();
  };
}

async function measure(): Promise<void> {
  const work = form === 'flac' ? bare : await relay();
  const stops = monitorEventLoopDelay({ resolution: 1 });
  execFileSync('sync'); // the other form's files: the first sync of this one would wait for them
  globalThis.gc?.();
  resetPeak();
  stops.enable();
  const begun = performance.now();
  await work();
  const ms = performance.now() - begun;
  stops.disable();
  process.stdout.write(JSON.stringify({ ms, peakMiB: peakMiB(), stopMs: form === 'flac' ? 0 : stops.max / 1e6 - 1 }));
  process.exit();
}

await (form === 'make' ? make() : measure());
