import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ArchiveLimits } from '../../relay/archive/archive.ts';
import { Archiving } from '../../relay/archive/archiving.ts';
import type { Recording } from '../../relay/archive/recordings.ts';
import { CaptionLog } from '../../relay/captions.ts';
import { type Database, openDatabase } from '../../relay/database.ts';
import { FolderStore } from '../../relay/objects/folder.ts';
import type { ObjectStore } from '../../relay/objects/object-store.ts';
import { RoomTime } from '../../relay/room-time.ts';
import { Rooms } from '../../relay/rooms.ts';
import { Spool } from '../../relay/spool.ts';
import type { SpoolStream } from '../../relay/spool-stream.ts';
import { Talks } from '../../relay/talks.ts';
import { noRules } from '../../relay/text-rules.ts';
import { createLog } from '../../systemd/log.ts';
import { until } from './until.ts';

export interface RecordedHallOptions {
  /** Holds `data` and `store`. */
  readonly folder: string;
  /** In the place of a folder of its own; null: there is no place for recordings. */
  readonly store?: (folder: ObjectStore) => ObjectStore | null;
  readonly flac?: string;
  readonly limits?: Partial<ArchiveLimits>;
  readonly freeBytes?: (folder: string) => Promise<number>;
  /** Room time. */
  readonly now: () => number;
}

/** All that records, in this process: rooms, spool, archive, uploads, with a folder as its store. */
export class RecordedHall {
  readonly db: Database;
  readonly rooms: Rooms;
  readonly talks: Talks;
  readonly spool: Spool;
  readonly time: RoomTime;
  readonly archiving: Archiving;
  readonly log: CaptionLog;
  readonly store: ObjectStore;
  /** What the kit has and did not bring. */
  backlogMs = 0;

  constructor({ folder, store = (each) => each, flac, limits, now, freeBytes }: RecordedHallOptions) {
    const dataDir = join(folder, 'data');
    mkdirSync(join(folder, 'store'), { recursive: true });
    const logs = createLog('silent');
    const db = openDatabase(dataDir);
    this.db = db;
    this.rooms = new Rooms(db, { language: 'en-US', engine: 'script:x' }, now);
    this.talks = new Talks(db);
    this.spool = new Spool(
      db,
      dataDir,
      logs('spool'),
      { syncIntervalMs: 5, syncRetryMs: 5, maxUnsyncedSamples: 1e9 },
      now,
    );
    this.time = new RoomTime(db, now);
    if (!this.rooms.get('hall')) this.rooms.put('hall', { title: 'Sala', recording: { on: true } });
    this.log = new CaptionLog(db, 'hall', 'log-1');
    const own = new FolderStore(join(folder, 'store'));
    const chosen = store(own);
    this.store = chosen ?? own;
    this.archiving = new Archiving({
      ...{ db, store: chosen, spool: this.spool, time: this.time, rooms: this.rooms, talks: this.talks },
      ...{
        logs,
        dataDir,
        now,
        ...(flac !== undefined && { flac }),
        ...(limits && { limits }),
        ...(freeBytes && { freeBytes }),
      },
      settings: { event: 'test', recordingDays: null, recordingSilence: 15, maxRecordingBacklog: 1e9 },
      facts: (name) =>
        this.rooms.get(name) && {
          ...{ log: this.log, assignments: this.rooms.assignments(name), vocabulary: ['Sala'] },
          textRules: { room: noRules, event: noRules },
        },
      backlogMs: () => this.backlogMs,
    });
  }

  get archive() {
    if (!this.archiving.archiver) throw new Error('there is a store');
    return this.archiving.archiver.archive;
  }

  async start(): Promise<this> {
    this.spool.start();
    this.time.start();
    await this.archiving.start();
    return this;
  }

  async stop(): Promise<void> {
    await this.archiving.stop();
    await this.spool.stop();
    this.db.close();
  }

  /** A stream whose first sample is of that room time, with all of its audio stored and captioned. */
  async play(id: string, ms: number, audio: Uint8Array, channels: 1 | 2 = 1): Promise<SpoolStream> {
    const stream = this.spool.open(id, 'hall', `kit-${id.slice(-1)}`, channels);
    if (!stream) throw new Error('another stream has this id');
    this.time.fix(id, ms, false);
    const step = 1600 * 2 * channels;
    for (let at = 0; at < audio.length; at += step)
      this.spool.write(stream, at / (2 * channels), audio.subarray(at, at + step));
    this.spool.end(stream, audio.length / (2 * channels));
    this.spool.settle(stream, [[0, stream.edge]]);
    await until(() => stream.pending.length === 0 && stream.stored.length > 0, { what: 'the sync' });
    return stream;
  }

  get recording(): Recording | undefined {
    return this.archiving.recordings.of('hall')[0];
  }

  /** Time passes for the archive until it is there. */
  async reach(state: Recording['state'], timeoutMs = 30_000): Promise<void> {
    if (state !== 'running' && state !== 'ended') this.backlogMs = 0;
    const step = () => {
      this.archive.tick();
      return this.recording?.state === state || undefined;
    };
    await until(step, { what: `${state}, which is ${this.recording?.state}: ${this.recording?.message}`, timeoutMs });
  }

  async keys(): Promise<string[]> {
    return (await this.store.list('')).objects.map(({ key }) => key);
  }
}

/** What a kill at this moment leaves. */
export const snapshot = (folder: string, to: string) => {
  for (const each of ['data', 'store']) cpSync(join(folder, each), join(to, each), { recursive: true });
};

/** Every file below a folder. */
export const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name).slice(folder.length + 1))
    .sort();
