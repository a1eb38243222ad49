import { codeOf, type Explained, messageOf, SalaError } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import type { Database } from '../database.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { type Clock, defaultPatience, Loop, type Patience, Pause, realClock, retryMs } from '../patience.ts';
import { defaultUploadSizes, type QueuedFile, type UploadSizes, uploadFile } from './upload.ts';

export type { QueuedFile } from './upload.ts';

export interface UploadLimits extends UploadSizes, Patience {
  /** Of files that wait; more is not taken. */
  readonly maxBacklogBytes: number;
}

export const defaultUploadLimits: UploadLimits = {
  ...defaultUploadSizes,
  ...defaultPatience,
  maxBacklogBytes: 20 * 1024 ** 3,
};

export interface UploadQueueParts {
  readonly db: Database;
  readonly store: ObjectStore;
  readonly log: Logger;
  readonly limits?: Partial<UploadLimits>;
  readonly clock?: Clock;
  /** All files of a group are in the store, by the store's own word. At least once; then the queue forgets the group. */
  readonly onStored: (group: string) => void | Promise<void>;
  /** One of its own files is gone or spoilt: the queue has given the group up. At least once. */
  readonly onFailed: (group: string, error: Explained) => void | Promise<void>;
}

/** What organizers are told. */
export interface UploadsState {
  readonly waitingFiles: number;
  readonly waitingBytes: number;
  readonly maxBacklogBytes: number;
  /** When the oldest of them was added; null: nothing waits. */
  readonly oldestMs: number | null;
  /** Key of what is under way. */
  readonly uploading: string | null;
  /** Why the last attempt did not work; null once one has. */
  readonly error: Explained | null;
  /** When it is tried again, where the store itself did not work. */
  readonly nextTryMs: number | null;
}

/** An upload in parts that may lie half-way in the store. */
export interface BegunUpload {
  readonly key: string;
  readonly uploadId: string | null;
}

interface Row {
  readonly id: number;
  readonly key: string;
  readonly grp: string;
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly content_type: string;
  readonly upload: string | null;
}

/** What is not the store's own state: of one group alone. */
const ownCodes: readonly string[] = ['store-damaged', 'store-key', 'upload-disk', 'upload-told'];

/** Since when and how often something fails in a row. */
class Setback {
  failures = 0;
  untilMs = 0;
  /** In which turn it was tried last. */
  turn = 0;
}

/**
 * Files on their way to the store. They are written down when they are added and forgotten when the store has confirmed
 * their hash, whatever happens in between. Within a group they go in the order they were added, so that what comes last stands
 * for all; groups take turns, so that one that fails does not keep the others.
 */
export class UploadQueue {
  readonly #parts: UploadQueueParts;
  readonly #limits: UploadLimits;
  readonly #clock: Clock;
  readonly #loop = new Loop(
    (signal) => this.#next(signal),
    // The relay's own disk: nothing can be read of what waits.
    (error) => this.#setBack(this.#storeSetback, error),
  );
  readonly #pause = new Pause();
  readonly #storeSetback = new Setback();
  readonly #groups = new Map<string, Setback>();
  /** While anything waits. */
  #buffer: Uint8Array | null = null;
  #error: Explained | null = null;
  #turn = 0;
  #current: { readonly key: string; readonly group: string; readonly abort: AbortController } | null = null;
  #idle = Promise.resolve();
  /** They are being taken out. */
  readonly #leaving = new Set<string>();
  /** Since the start. */
  storedFiles = 0;
  storedBytes = 0;
  failures = 0;
  /** Parts that were in the store from an attempt before, and were not sent again. */
  resumedParts = 0;

  constructor(parts: UploadQueueParts) {
    this.#parts = parts;
    this.#limits = { ...defaultUploadLimits, ...parts.limits };
    this.#clock = parts.clock ?? realClock;
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  /**
   * Takes the files of a group, all or none; what is waiting already under the same key is replaced.
   * @throws {SalaError} `upload-backlog` where too much waits
   */
  add(...files: readonly QueuedFile[]): void {
    const waiting = this.#parts.db.prepare<[string], unknown>('SELECT 1 FROM uploads WHERE key = ? AND stored = 0');
    const more = files.filter(({ key }) => waiting.get(key) === undefined).reduce((sum, { bytes }) => sum + bytes, 0);
    const { waitingBytes } = this.state;
    // One that is larger than the limit alone goes by itself: else it, and its audio, would wait for ever.
    if (waitingBytes > 0 && waitingBytes + more > this.#limits.maxBacklogBytes)
      throw new SalaError('Too many recordings wait for the store.', {
        code: 'upload-backlog',
        hint: this.#error?.hint ?? 'Give the relay a faster line to the store, or raise --max-recording-backlog.',
      });
    const insert = this.#parts.db.prepare(
      `INSERT INTO uploads (key, grp, file, sha256, bytes, content_type, added_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET grp = excluded.grp, file = excluded.file, bytes = excluded.bytes,
         upload = CASE sha256 WHEN excluded.sha256 THEN upload END, stored = 0, sha256 = excluded.sha256`,
    );
    this.#parts.db.transaction(() => {
      for (const { key, group, file, sha256, bytes, contentType } of files)
        insert.run(key, group, file, sha256, bytes, contentType, this.#clock.now());
    })();
    this.#pause.wake();
  }

  /** Whether something of it waits. */
  has(group: string): boolean {
    return (
      this.#parts.db.prepare<[string], unknown>('SELECT 1 FROM uploads WHERE grp = ? LIMIT 1').get(group) !== undefined
    );
  }

  /** Takes a group out, also in the middle of it. What was begun of it has to be erased: see erasure.ts. */
  async remove(group: string): Promise<BegunUpload[]> {
    const { db } = this.#parts;
    const select = db.prepare<[string], BegunUpload>(
      'SELECT key, upload AS uploadId FROM uploads WHERE grp = ? ORDER BY id',
    );
    this.#leaving.add(group);
    try {
      if (this.#current?.group === group) this.#current.abort.abort(new Error('it is not to be uploaded any more'));
      // What is under way may still begin something; its rows go last.
      await this.#idle;
      const begun = select.all(group);
      db.prepare('DELETE FROM uploads WHERE grp = ?').run(group);
      return begun;
    } finally {
      this.#leaving.delete(group);
    }
  }

  /** Does not wait any longer. */
  retryNow(): void {
    this.#storeSetback.untilMs = 0;
    for (const setback of this.#groups.values()) setback.untilMs = 0;
    this.#pause.wake();
  }

  get state(): UploadsState {
    const row = this.#parts.db
      .prepare<[], { files: number; bytes: number; oldest: number | null }>(
        'SELECT count(*) AS files, coalesce(sum(bytes), 0) AS bytes, min(added_ms) AS oldest FROM uploads WHERE stored = 0',
      )
      .get();
    const { untilMs } = this.#storeSetback;
    return {
      waitingFiles: row?.files ?? 0,
      waitingBytes: row?.bytes ?? 0,
      maxBacklogBytes: this.#limits.maxBacklogBytes,
      oldestMs: row?.oldest ?? null,
      uploading: this.#current?.key ?? null,
      error: this.#error,
      nextTryMs: untilMs > this.#clock.now() ? untilMs : null,
    };
  }

  async #next(signal: AbortSignal): Promise<void> {
    const waitMs = this.#waitMs();
    const row = waitMs > 0 ? null : this.#nextRow();
    if (row) {
      this.#idle = this.#attempt(row);
      await this.#idle;
      return;
    }
    this.#buffer = null;
    await this.#pause.wait(waitMs || this.#limits.maxRetryMs, this.#clock, signal);
  }

  /** Until anything may be tried; 0: something may be tried now, if it is there. */
  #waitMs(): number {
    const now = this.#clock.now();
    const storeMs = this.#storeSetback.untilMs - now;
    if (storeMs > 0) return storeMs;
    if (this.#rows().some(({ grp }) => !this.#leaving.has(grp) && (this.#groups.get(grp)?.untilMs ?? 0) <= now))
      return 0;
    const others = [...this.#groups.values()].map(({ untilMs }) => untilMs - now).filter((ms) => ms > 0);
    return Math.min(this.#limits.maxRetryMs, ...others);
  }

  /** The first file of each group; of a group that is stored and was not told of, any. */
  #rows(): Row[] {
    return this.#parts.db
      .prepare<[], Row>(
        `SELECT * FROM uploads WHERE id IN
           (SELECT coalesce(min(CASE stored WHEN 0 THEN id END), min(id)) FROM uploads GROUP BY grp) ORDER BY id`,
      )
      .all();
  }

  #nextRow(): Row | null {
    const now = this.#clock.now();
    const rows = this.#rows();
    const waiting = new Set(rows.map(({ grp }) => grp));
    for (const group of this.#groups.keys()) if (!waiting.has(group)) this.#groups.delete(group);
    const setback = ({ grp }: Row) => this.#groups.get(grp);
    const turn = (row: Row) => setback(row)?.turn ?? 0;
    const ready = rows.filter((row) => !this.#leaving.has(row.grp) && (setback(row)?.untilMs ?? 0) <= now);
    return ready.sort((a, b) => turn(a) - turn(b))[0] ?? null;
  }

  async #attempt(row: Row): Promise<void> {
    const group = row.grp;
    const abort = new AbortController();
    this.#current = { key: row.key, group, abort };
    const setback = this.#groups.get(group) ?? new Setback();
    this.#groups.set(group, setback);
    setback.turn = ++this.#turn;
    try {
      if (!this.#isStored(row)) await this.#upload(row, AbortSignal.any([abort.signal, this.#loop.signal]));
      await this.#tell(group);
      this.#recovered(setback);
    } catch (error) {
      if (abort.signal.aborted || this.#loop.signal.aborted) return;
      await this.#failed(group, setback, error);
    } finally {
      this.#current = null;
    }
  }

  async #upload(row: Row, signal: AbortSignal): Promise<void> {
    const { db, store } = this.#parts;
    const begun = db.prepare('UPDATE uploads SET upload = ? WHERE id = ?');
    const queued = { ...row, group: row.grp, contentType: row.content_type };
    this.#buffer ??= new Uint8Array(Math.max(this.#limits.maxSingleBytes, this.#limits.partBytes));
    await uploadFile(queued, {
      ...this.#limits,
      buffer: this.#buffer,
      store,
      signal,
      uploadId: row.upload,
      begun: (id) => void begun.run(id, row.id),
      resumed: () => {
        this.resumedParts++;
      },
    });
    db.prepare('UPDATE uploads SET stored = 1, upload = NULL WHERE id = ? AND sha256 = ?').run(row.id, row.sha256);
    this.storedFiles++;
    this.storedBytes += row.bytes;
  }

  #isStored({ id }: Row): boolean {
    return this.#parts.db.prepare<[number], unknown>('SELECT stored FROM uploads WHERE id = ?').pluck().get(id) === 1;
  }

  async #tell(group: string): Promise<void> {
    const { db, onStored } = this.#parts;
    const waiting = db.prepare<[string], unknown>('SELECT 1 FROM uploads WHERE grp = ? AND stored = 0 LIMIT 1');
    if (waiting.get(group) !== undefined) return;
    try {
      await onStored(group);
      db.prepare('DELETE FROM uploads WHERE grp = ?').run(group);
    } catch (error) {
      throw told(error);
    }
  }

  #recovered(setback: Setback): void {
    if (this.#error) this.#parts.log.info({ event: 'uploads-recovered' }, 'Recordings go to the store again');
    this.#error = null;
    setback.failures = 0;
    this.#storeSetback.failures = 0;
    this.#storeSetback.untilMs = 0;
  }

  async #failed(group: string, setback: Setback, error: unknown): Promise<void> {
    const { log, onFailed, db } = this.#parts;
    if (codeOf(error) === 'upload-file') {
      const explained = explain(error);
      this.failures++;
      log.error({ event: 'upload-given-up', group, ...explained }, 'A recording cannot be uploaded');
      try {
        await onFailed(group, explained);
        db.prepare('DELETE FROM uploads WHERE grp = ?').run(group);
      } catch (thrown) {
        this.#setBack(setback, told(thrown));
      }
    } else this.#setBack(ownCodes.includes(codeOf(error)) ? setback : this.#storeSetback, error);
  }

  #setBack(setback: Setback, error: unknown): void {
    const explained = explain(error);
    this.failures++;
    // The same again and again for days is one line.
    if (this.#error?.code !== explained.code)
      this.#parts.log.warn({ event: 'upload-failed', ...explained }, 'An upload failed');
    this.#error = explained;
    setback.failures++;
    setback.untilMs = this.#clock.now() + retryMs(setback.failures, this.#limits, this.#clock.random);
  }
}

const told = (cause: unknown) =>
  new SalaError(`What became of a recording could not be written down: ${messageOf(cause)}`, {
    code: 'upload-told',
    hint: 'See to the disk of the relay; it is tried again by itself.',
    cause,
  });

function explain(error: unknown): Explained {
  if (error instanceof SalaError) return { code: error.code, message: error.message, hint: error.hint };
  const hint = /^SQLITE_/.test(codeOf(error)) ? 'See to the disk of the relay.' : 'See the journal of the relay.';
  return { code: 'upload-failed', message: messageOf(error), hint };
}
