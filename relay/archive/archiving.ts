import { execFile } from 'node:child_process';
import type { Logger } from '../../systemd/log.ts';
import { type Database, tryWrite } from '../database.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import type { RoomTime } from '../room-time.ts';
import type { Rooms } from '../rooms.ts';
import type { Spool } from '../spool.ts';
import type { SpoolStream } from '../spool-stream.ts';
import type { Talks } from '../talks.ts';
import { Archive, type ArchiveParts } from './archive.ts';
import { Erasure, placeOf } from './erasure.ts';
import { RecordingRetention } from './recording-retention.ts';
import { Recordings } from './recordings.ts';
import { Takes } from './takes.ts';
import { UploadQueue } from './uploads.ts';

export interface ArchivingSettings {
  /** Part of the keys. */
  readonly event: string;
  /** null: recordings are kept for ever. */
  readonly recordingDays: number | null;
  /** Minutes. */
  readonly recordingSilence: number;
  /** Bytes. */
  readonly maxRecordingBacklog: number;
}

export interface ArchivingParts
  extends Pick<ArchiveParts, 'facts' | 'backlogMs' | 'dataDir' | 'flac' | 'limits' | 'now' | 'freeBytes'> {
  readonly db: Database;
  readonly store: ObjectStore | null;
  readonly spool: Spool;
  readonly time: RoomTime;
  readonly rooms: Rooms;
  readonly talks: Talks;
  readonly settings: ArchivingSettings;
  readonly logs: (namespace: string) => Logger;
}

/** With a store: all that brings talks there, and takes them out of it again. */
export interface Archiver {
  readonly store: ObjectStore;
  readonly archive: Archive;
  readonly uploads: UploadQueue;
  readonly erasure: Erasure;
  readonly retention: RecordingRetention;
}

/** The recordings of the relay. Without a store there are only those from before, and nothing happens to them. */
export class Archiving {
  readonly recordings: Recordings;
  readonly archiver: Archiver | null;
  readonly #flac: string;
  readonly #db: Database;

  constructor({ store, ...parts }: ArchivingParts) {
    this.#flac = parts.flac ?? 'flac';
    this.#db = parts.db;
    this.recordings = new Recordings(parts.db, parts.now);
    this.archiver = store && this.#archiver(store, parts);
  }

  async start(): Promise<void> {
    this.recordings.start();
    if (!this.archiver) {
      // Nobody was told that anything is recorded: with a store again, nothing from before that is.
      tryWrite(() => this.#db.prepare('DELETE FROM recorded_rooms').run());
      return;
    }
    const { archive, uploads, erasure, retention } = this.archiver;
    await archive.start();
    uploads.start();
    erasure.start();
    retention.start();
    execFile(this.#flac, ['--version'], (error) => archive.encoderIs(error === null));
  }

  async stop(): Promise<void> {
    if (!this.archiver) return;
    const { archive, uploads, erasure, retention } = this.archiver;
    retention.stop();
    await Promise.all([archive.stop(), uploads.stop(), erasure.stop()]);
  }

  /** Whether a recording that is not in the store yet needs audio of `[from, to)`. */
  isHeld(stream: SpoolStream, from: number, to: number): boolean {
    return this.archiver?.archive.isHeld(stream, from, to) ?? false;
  }

  #archiver(store: ObjectStore, parts: Omit<ArchivingParts, 'store'>): Archiver {
    const { recordings } = this;
    const { db, settings, logs, rooms, talks } = parts;
    const log = logs('recordings');
    const limits = { silenceMs: settings.recordingSilence * 60_000 };
    const takes = new Takes({ db, recordings, rooms, talks, log, limits, ...(parts.now && { now: parts.now }) });
    const uploads = new UploadQueue({
      ...{ db, store, log, limits: { maxBacklogBytes: settings.maxRecordingBacklog } },
      onStored: (group) => archive.stored(group),
      onFailed: (group, error) => archive.spoilt(group, error),
    });
    const erasure = new Erasure({
      ...{ db, store, log },
      isKept: (key) => {
        const place = placeOf(key);
        const recording = place && recordings.get(place.room, place.talk);
        return recording !== null && recording.state !== 'deleted';
      },
    });
    const archive = new Archive({ ...parts, recordings, takes, uploads, erasure, event: settings.event, log });
    const retention = new RecordingRetention({
      ...{ recordings: () => recordings.all(), days: settings.recordingDays, log },
      expire: ({ room, talk }) => {
        archive
          .delete(room, talk, 'too old')
          .catch((error: unknown) => log.error({ err: error, room, talk }, 'An old recording cannot be deleted'));
      },
    });
    return { store, archive, uploads, erasure, retention };
  }
}
