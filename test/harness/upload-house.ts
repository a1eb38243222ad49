import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type QueuedFile, type UploadLimits, UploadQueue } from '../../relay/archive/uploads.ts';
import { type Database, openDatabase } from '../../relay/database.ts';
import type { ObjectStore } from '../../relay/objects/object-store.ts';
import { openStore } from '../../relay/objects/open-store.ts';
import type { Explained } from '../../systemd/errors.ts';
import { S3StandIn, type S3StandInOptions } from '../stand-ins/s3.ts';
import { LeapingClock } from './leaping-clock.ts';
import { temporaryFolder } from './programs.ts';

export const smallParts = { maxSingleBytes: 150_000, partBytes: 100_000 };

/** A queue with its disk and its store, and all that was told. */
export class UploadHouse {
  readonly folder = temporaryFolder();
  readonly standIn: S3StandIn;
  readonly stored: string[] = [];
  readonly failed: [string, Explained][] = [];
  readonly warnings: unknown[] = [];
  clock = new LeapingClock();
  onStored: (group: string) => void = () => {};
  #db: Database | undefined;
  #store: ObjectStore | undefined;
  #queue: UploadQueue | undefined;
  url = '';

  constructor(options: S3StandInOptions = {}) {
    this.standIn = new S3StandIn({ minPartBytes: 1, ...options });
  }

  async open(limits: Partial<UploadLimits> = {}): Promise<UploadHouse> {
    this.url ||= (await this.standIn.start()).url;
    this.#store = await openStore('s3://talks', {
      endpoint: this.url,
      limits: { maxAttempts: 1 },
    });
    this.#db = openDatabase(join(this.folder.path, 'data'));
    const note = (what: unknown) => void this.warnings.push(what);
    this.#queue = new UploadQueue({
      db: this.#db,
      store: this.#store,
      log: { error: note, warn: note, info: () => {}, debug: () => {} },
      limits: { ...smallParts, ...limits },
      clock: this.clock,
      onStored: (group) => {
        this.onStored(group);
        this.stored.push(group);
      },
      onFailed: (group, error) => void this.failed.push([group, error]),
    });
    return this;
  }

  get queue(): UploadQueue {
    if (!this.#queue) throw new Error('not open');
    return this.#queue;
  }
  get db(): Database {
    if (!this.#db) throw new Error('not open');
    return this.#db;
  }
  get store(): ObjectStore {
    if (!this.#store) throw new Error('not open');
    return this.#store;
  }

  /** As a relay that is started anew: nothing but its disk is left. */
  async restart(limits: Partial<UploadLimits> = {}): Promise<void> {
    await this.shut();
    this.clock = new LeapingClock(this.clock.now());
    await this.open(limits);
  }

  async shut(): Promise<void> {
    await this.#queue?.stop();
    this.#db?.close();
    this.#queue = undefined;
  }

  async close(): Promise<void> {
    await this.shut();
    await this.standIn.stop();
    this.folder.remove();
  }

  /** A file of random bytes that is to be uploaded. */
  file(key: string, group: string, bytes: number): QueuedFile & { readonly body: Buffer } {
    const body = randomBytes(bytes);
    const file = join(this.folder.path, key.replaceAll('/', '_'));
    writeFileSync(file, body);
    const sha256 = createHash('sha256').update(body).digest('hex');
    return { key, file, sha256, bytes, contentType: 'audio/flac', group, body };
  }

  holds({ key, body }: { key: string; body: Buffer }): boolean {
    return this.standIn.held.objects.get(key)?.body.equals(body) ?? false;
  }

  asked(operation: string): number {
    return this.standIn.requests.filter((each) => each.operation === operation).length;
  }
}
