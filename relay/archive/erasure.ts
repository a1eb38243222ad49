import { codeOf, type Explained, messageOf, SalaError } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import { recordingFolder, type TalkAddress, transcriptsFolder } from '../canonical/contract.ts';
import type { Database } from '../database.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { type Clock, defaultPatience, Loop, type Patience, Pause, realClock, retryMs } from '../patience.ts';
import type { BegunUpload } from './uploads.ts';

export interface ErasureLimits extends Patience {
  /** A job that was under way may still write: it is looked again, so long after it was first found gone. */
  readonly laterLooksMs: readonly number[];
}

const hourMs = 3_600_000;
export const defaultErasureLimits: ErasureLimits = { ...defaultPatience, laterLooksMs: [hourMs, 24 * hourMs] };

export interface ErasureParts {
  readonly db: Database;
  readonly store: ObjectStore;
  readonly log: Logger;
  readonly limits?: Partial<ErasureLimits>;
  readonly clock?: Clock;
  /** Somebody needs it after all, as what was recorded anew under the same name: see `placeOf`. */
  readonly isKept: (key: string) => boolean;
  /** Nothing is left under it, by the store's own word. At least once. */
  readonly onErased?: (prefix: string) => void;
}

export interface ErasureState {
  /** Not yet confirmed. */
  readonly waiting: number;
  readonly oldestMs: number | null;
  readonly error: Explained | null;
  readonly nextTryMs: number | null;
}

interface Row {
  readonly id: number;
  readonly prefix: string;
  readonly upload: string;
  readonly looks: number;
}

/** Whose a key is; null: nobody's that is known. */
export function placeOf(key: string): (TalkAddress & { readonly kind: 'recording' | 'transcript' }) | null {
  const [, kind, event, room, talk] = /^(recording|transcript)s\/v1\/([^/]+)\/([^/]+)\/([^/]+)\//.exec(key) ?? [];
  if ((kind !== 'recording' && kind !== 'transcript') || !event || !room || !talk) return null;
  return { kind, event, room, talk };
}

/** All that is stored of a talk, or its recording alone. */
export const foldersOf = (talk: TalkAddress, what: 'all' | 'recording' = 'all'): string[] =>
  what === 'all' ? [recordingFolder(talk), transcriptsFolder(talk)] : [recordingFolder(talk)];

/** All that is stored of a room's talks, also of those that are not remembered here. */
export const foldersOfRoom = (event: string, room: string): string[] => [
  `recordings/v1/${event}/${room}/`,
  `transcripts/v1/${event}/${room}/`,
];

/**
 * What has to go from the store. It is written down when it is added, tried until the store has confirmed that nothing is
 * left, and looked at again later.
 */
export class Erasure {
  readonly #parts: ErasureParts;
  readonly #limits: ErasureLimits;
  readonly #clock: Clock;
  readonly #loop = new Loop(
    (signal) => this.#turn(signal),
    (error) => this.#failed(error),
  );
  readonly #pause = new Pause();
  #error: Explained | null = null;
  #failures = 0;
  #untilMs = 0;
  /** Since the start. */
  deletedObjects = 0;
  /** What came after its talk was found gone. */
  lateObjects = 0;

  constructor(parts: ErasureParts) {
    this.#parts = parts;
    this.#limits = { ...defaultErasureLimits, ...parts.limits };
    this.#clock = parts.clock ?? realClock;
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  /**
   * @param prefixes as `foldersOf` gives them: each ends with a slash
   * @param begun uploads that are given up: as `UploadQueue.remove` gives them
   */
  add(prefixes: readonly string[], reason: string, begun: readonly BegunUpload[] = []): void {
    const { db } = this.#parts;
    const insert = db.prepare(
      `INSERT INTO erasures (prefix, upload, reason, due_ms, added_ms) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (prefix, upload) DO UPDATE SET looks = 0, due_ms = excluded.due_ms, added_ms = excluded.added_ms`,
    );
    const now = this.#clock.now();
    db.transaction(() => {
      for (const { key, uploadId } of begun) if (uploadId !== null) insert.run(key, uploadId, reason, now, now);
      for (const prefix of prefixes) {
        if (!prefix.endsWith('/')) throw new RangeError(`${prefix} is no folder`);
        insert.run(prefix, '', reason, now, now);
      }
    })();
    this.#pause.wake();
  }

  get state(): ErasureState {
    const row = this.#parts.db
      .prepare<[], { waiting: number; oldest: number | null }>(
        'SELECT count(*) AS waiting, min(added_ms) AS oldest FROM erasures WHERE looks = 0',
      )
      .get();
    return {
      waiting: row?.waiting ?? 0,
      oldestMs: row?.oldest ?? null,
      error: this.#error,
      nextTryMs: this.#untilMs > this.#clock.now() ? this.#untilMs : null,
    };
  }

  retryNow(): void {
    this.#untilMs = 0;
    this.#pause.wake();
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const due = this.#parts.db
      .prepare<[], Row & { due_ms: number }>('SELECT * FROM erasures ORDER BY due_ms, id LIMIT 1')
      .get();
    const waitMs = Math.max(this.#untilMs, due?.due_ms ?? Number.POSITIVE_INFINITY) - this.#clock.now();
    if (due && waitMs <= 0) await this.#attempt(due);
    else await this.#pause.wait(Math.min(waitMs, this.#limits.maxRetryMs), this.#clock, signal);
  }

  async #attempt(row: Row): Promise<void> {
    const { db, store, onErased } = this.#parts;
    const forget = db.prepare('DELETE FROM erasures WHERE id = ?');
    if (row.upload !== '') {
      await store.abortUpload(row.prefix, row.upload, this.#loop.signal);
      forget.run(row.id);
    } else {
      const deleted = await this.#empty(row.prefix);
      this.deletedObjects += deleted;
      if (row.looks === 0) onErased?.(row.prefix);
      else this.lateObjects += deleted;
      const laterMs = this.#limits.laterLooksMs[row.looks];
      if (laterMs === undefined) forget.run(row.id);
      else
        db.prepare('UPDATE erasures SET looks = looks + 1, due_ms = ? WHERE id = ? AND looks = ?').run(
          this.#clock.now() + laterMs,
          row.id,
          row.looks,
        );
    }
    if (this.#error) this.#parts.log.info({ event: 'erasure-recovered' }, 'The store deletes again');
    this.#error = null;
    this.#failures = 0;
    this.#untilMs = 0;
  }

  /** How many objects went. @throws {SalaError} `erasure-stuck` where they come back */
  async #empty(prefix: string): Promise<number> {
    const { store } = this.#parts;
    const { signal } = this.#loop;
    const gone = new Set<string>();
    for (;;) {
      const keys = await this.#keys(prefix);
      if (keys.length === 0) return gone.size;
      if (keys.some((key) => gone.has(key)))
        throw new SalaError(`${store.name} says that it deletes and still has what was deleted.`, {
          code: 'erasure-stuck',
          hint: 'Look whether the bucket locks its objects (Object Lock) or keeps them by a policy.',
        });
      // First what others begin with: no job finds a recording that is about to go, and no reader its transcript.
      const isFirst = (key: string) => /\/(manifest|canonical)\.json$/.test(key);
      for (const key of [...keys.filter(isFirst), ...keys.filter((each) => !isFirst(each))]) {
        await store.delete(key, signal);
        gone.add(key);
      }
    }
  }

  /** Those that are to go. */
  async #keys(prefix: string): Promise<string[]> {
    const { store, isKept } = this.#parts;
    const keys: string[] = [];
    let after: string | undefined;
    for (;;) {
      const { objects, more } = await store.list(prefix, after, this.#loop.signal);
      keys.push(...objects.map(({ key }) => key).filter((key) => !isKept(key)));
      after = objects.at(-1)?.key;
      if (!more || after === undefined) return keys;
    }
  }

  #failed(error: unknown): void {
    const explained =
      error instanceof SalaError
        ? { code: error.code, message: error.message, hint: error.hint }
        : { code: codeOf(error) || 'erasure-failed', message: messageOf(error), hint: 'See the journal of the relay.' };
    if (this.#error?.code !== explained.code)
      this.#parts.log.warn({ event: 'erasure-failed', ...explained }, 'What is to be deleted is still in the store');
    this.#error = explained;
    this.#untilMs = this.#clock.now() + retryMs(++this.#failures, this.#limits, this.#clock.random);
  }
}
