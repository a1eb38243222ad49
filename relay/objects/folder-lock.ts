import { setTimeout as delay } from 'node:timers/promises';
import BetterSqlite from 'better-sqlite3';
import { codeOf } from '../../systemd/errors.ts';
import { storeError } from './store-errors.ts';

const pollMs = 10;
/** What is done under the lock takes milliseconds. */
const maxWaitMs = 30_000;

/**
 * One at a time among all processes that use a folder. The lock is SQLite's on an empty database: the kernel gives it
 * free when a process ends, however it ends.
 */
export class FolderLock {
  readonly #db: BetterSqlite.Database;
  #last: Promise<unknown> = Promise.resolve();

  /** @throws SqliteError where the file cannot be made */
  constructor(file: string) {
    this.#db = new BetterSqlite(file, { timeout: 0 });
  }

  async with<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const before = this.#last;
    const mine = (async () => {
      await before.catch(() => {});
      await this.#begin(signal);
      try {
        return await work();
      } finally {
        this.#db.exec('ROLLBACK');
      }
    })();
    this.#last = mine;
    return mine;
  }

  async #begin(signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + maxWaitMs;
    for (;;) {
      signal.throwIfAborted();
      try {
        this.#db.exec('BEGIN EXCLUSIVE');
        return;
      } catch (error) {
        if (!codeOf(error).startsWith('SQLITE_BUSY')) throw error;
      }
      if (performance.now() > deadline)
        throw storeError(
          'store-unreachable',
          'Another program does not give the folder free.',
          undefined,
          'End the program that hangs.',
        );
      await delay(pollMs, undefined, { signal });
    }
  }
}
