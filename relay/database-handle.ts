import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { codeOf, messageOf } from '../systemd/errors.ts';
import {
  damagedName,
  isUsable,
  moveDatabase,
  removeDatabase,
  renewIds,
  syncFolder,
  updateCopy,
} from './database-copy.ts';

/** How old the copy may become: a kit still holds the last 120 s. */
const copyIntervalMs = 30_000;
/** While the copy lacks something. */
const copyRetryMs = 1000;

/** Whether the disk is the cause: full, read-only or failing. Captions go on without it. */
export const isDiskFault = (error: unknown) => /^SQLITE_(FULL|IOERR|READONLY|CANTOPEN)/.test(codeOf(error));

/** The file itself is no good, or a place of it cannot be read. */
export const isDamage = (error: unknown) =>
  /^SQLITE_(CORRUPT|NOTADB|IOERR_(SHORT_READ|READ|CORRUPTFS))/.test(codeOf(error));

/** What refers to a row that is not there, or that the disk did not take. */
const isOrphaned = (error: unknown) => codeOf(error) === 'SQLITE_CONSTRAINT_FOREIGNKEY';

/** Runs a write that captions can do without: false where the disk does not take it. Foreign keys fail with it where the
 * row they refer to could not be written either. */
export function tryWrite(write: () => void): boolean {
  try {
    write();
    return true;
  } catch (error) {
    if (isDiskFault(error) || isDamage(error) || isOrphaned(error)) return false;
    throw error;
  }
}

/** Within a transaction: one orphan must not undo the others' writes, and a fault of the disk must. */
function unlessOrphaned(write: () => void): void {
  try {
    write();
  } catch (error) {
    if (!isOrphaned(error)) throw error;
  }
}

/** What became of a damaged file. */
export interface Renewal {
  readonly atMs: number;
  /** In words. */
  readonly reason: string;
  /** Where the damaged file is now. */
  readonly keptAs: string;
}

/** The file that was open is gone, and the one in its place could not be opened yet. */
const unopened = Object.assign(new Error('the database cannot be opened'), { code: 'SQLITE_CANTOPEN' });

/** How long writes are gathered that nobody waits for: a commit costs the event loop a sync of the disk. */
const gatherMs = 20;
const maxGathered = 10_000;

type Work<T> = (db: BetterSqlite.Database) => T;
type Attempt = <T>(work: Work<T>, isWrite?: boolean) => T;

/** A statement of SQL that outlives the file it was made for. */
export class Statement<Bind extends unknown[], Row> {
  readonly #attempt: Attempt;
  readonly #sql: string;
  readonly #isPlucked: boolean;
  #made: { readonly db: BetterSqlite.Database; readonly statement: BetterSqlite.Statement<Bind, Row> } | undefined;

  constructor(attempt: Attempt, sql: string, isPlucked = false) {
    this.#attempt = attempt;
    this.#sql = sql;
    this.#isPlucked = isPlucked;
  }

  get(...bind: Bind): Row | undefined {
    return this.#attempt((db) => this.#of(db).get(...bind));
  }

  all(...bind: Bind): Row[] {
    return this.#attempt((db) => this.#of(db).all(...bind));
  }

  run(...bind: Bind): BetterSqlite.RunResult {
    return this.#attempt((db) => this.#of(db).run(...bind), true);
  }

  /** The same, with the first column alone. */
  pluck(): Statement<Bind, unknown> {
    return new Statement<Bind, unknown>(this.#attempt, this.#sql, true);
  }

  #of(db: BetterSqlite.Database): BetterSqlite.Statement<Bind, Row> {
    if (this.#made?.db === db) return this.#made.statement;
    const statement = db.prepare<Bind, Row>(this.#sql);
    if (this.#isPlucked) statement.pluck();
    this.#made = { db, statement };
    return statement;
  }
}

/**
 * The relay's database, with a copy beside it that is half a minute old at the most. Where the file turns out to be damaged
 * or gone, it is set aside, the copy takes its place, and what was asked of it is asked again; whoever keeps in memory what
 * is newer writes it once more (`onRenewed`, `generation`). A disk that came back under the same path is opened anew.
 */
export class Database {
  readonly #file: string;
  readonly #copyFile: string;
  readonly #open: (file: string) => BetterSqlite.Database;
  readonly #renewed = new Set<(renewal: Renewal | null) => void>();
  #db: BetterSqlite.Database;
  /** Which file is open: another one of the same path is on a disk that came back. */
  #inode: string | null;
  #seqs: ReadonlyMap<string, number> = new Map();
  #timer: NodeJS.Timeout | undefined;
  /** Writes that share the next commit, in order. */
  #gathered: (() => void)[] = [];
  #gatherTimer: NodeJS.Timeout | undefined;
  #isRenewing = false;
  /** How often the file was renewed while it was open. */
  generation = 0;
  /** When something was last read of it and written to it, and when its copy was last complete: monotonic ms. */
  readAtMs = performance.now();
  wroteAtMs = performance.now();
  copiedAtMs: number | null = null;
  /** The last time a damaged file was set aside; null when it has not happened since the start. */
  renewal: Renewal | null;

  /**
   * @param open opens a file of this schema
   * @throws what `open` throws; a damaged or missing file is replaced by its copy where there is a good one
   */
  constructor(file: string, copyFile: string, open: (file: string) => BetterSqlite.Database) {
    this.#file = file;
    this.#copyFile = copyFile;
    this.#open = open;
    this.renewal = this.#replaceIfLost();
    this.#db = open(file);
    this.#inode = inodeOf(file);
  }

  prepare<Bind extends unknown[] = unknown[], Row = unknown>(sql: string): Statement<Bind, Row> {
    return new Statement<Bind, Row>((work, isWrite) => this.#attempt(work, isWrite), sql);
  }

  /** `work` in a transaction. It may be run twice: where the file was damaged, the second time on its copy. */
  transaction<T>(work: () => T): () => T {
    return () => this.#attempt((db) => db.transaction(work)(), true);
  }

  /**
   * Writes soon, in one transaction with all else that is to be written soon, and before anything else is read or written
   * here. For what may be lost: when the disk does not take it, nobody is told.
   */
  writeSoon(write: () => void): void {
    this.#gathered.push(write);
    if (this.#gathered.length >= maxGathered) this.#writeGathered();
    else this.#gatherTimer ??= setTimeout(() => this.#writeGathered(), gatherMs);
  }

  #writeGathered(): void {
    clearTimeout(this.#gatherTimer);
    this.#gatherTimer = undefined;
    const writes = this.#gathered;
    this.#gathered = [];
    if (writes.length > 0) tryWrite(() => this.transaction(() => writes.forEach(unlessOrphaned))());
  }

  pragma(text: string, options?: BetterSqlite.PragmaOptions): unknown {
    return this.#attempt((db) => db.pragma(text, options));
  }

  /** Keeps the copy up to date from now on. */
  start(): void {
    const again = () => {
      const isComplete = this.updateCopy();
      clearTimeout(this.#timer); // a renewal meanwhile has begun anew
      this.#timer = setTimeout(again, isComplete ? copyIntervalMs : copyRetryMs);
    };
    again();
  }

  /**
   * Brings the copy up to date; called where a change must not be undone by a damaged file, as that of a token. Sees the
   * file as it is on disk, and so finds damage that this process's memory hides. False while the copy lacks something.
   */
  updateCopy(): boolean {
    this.#writeGathered(); // the copy is made of the file
    let copy: BetterSqlite.Database | undefined;
    const inode = inodeOf(this.#file);
    if (inode === null) return false;
    if (inode !== this.#inode && !(inode === '' ? this.#renew('the file is gone, or empty') : this.#reopen()))
      return false;
    try {
      copy = this.#open(this.#copyFile);
      const { isComplete, seqs } = updateCopy(copy, this.#file);
      this.#seqs = seqs;
      copy.close();
      if (isComplete) this.copiedAtMs = performance.now();
      return isComplete;
    } catch (error) {
      const isCopyGood = copy !== undefined && isWhole(copy);
      copy?.close();
      if (isDamage(error) && isCopyGood) this.#mend(error);
      else if (isDamage(error)) removeDatabase(this.#copyFile);
      return false; // a full disk, for example: the next time
    }
  }

  /** The newest message of a room's log that the copy has. */
  copiedSeq(room: string): number {
    return this.#seqs.get(room) ?? 0;
  }

  /** Calls `listener` when another file is open: what is newer than that has to be written again. Null for a disk that came
   * back. */
  onRenewed(listener: (renewal: Renewal | null) => void): void {
    this.#renewed.add(listener);
  }

  close(): void {
    this.#writeGathered();
    clearTimeout(this.#timer);
    this.#db.close();
  }

  #attempt<T>(work: Work<T>, isWrite = false): T {
    if (this.#gathered.length > 0 && !this.#db.inTransaction) this.#writeGathered();
    let result: T;
    try {
      if (!this.#db.open) throw unopened;
      result = work(this.#db);
    } catch (error) {
      if (this.#db.inTransaction || !this.#mend(error)) throw error;
      result = work(this.#db);
    }
    // What a transaction wrote is written once it is committed.
    if (!isWrite) this.readAtMs = performance.now();
    else if (!this.#db.inTransaction) this.wroteAtMs = performance.now();
    return result;
  }

  /** Whether it is worth a second attempt. */
  #mend(error: unknown): boolean {
    if (this.#isRenewing) return false;
    if (isDiskFault(error) && this.#reopen()) return true;
    return isDamage(error) && this.#renew(messageOf(error));
  }

  /** A disk that was mounted anew has the file as it was synced; what was open leads to the old one for ever. */
  #reopen(): boolean {
    const inode = inodeOf(this.#file);
    if (!inode || inode === this.#inode) return false;
    let next: BetterSqlite.Database;
    try {
      const fault = faultOf(this.#file);
      if (fault) return this.#renew(messageOf(fault));
      this.#db.close();
      next = this.#open(this.#file);
    } catch {
      return false;
    }
    this.#use(next, null);
    return true;
  }

  #renew(reason: string): boolean {
    try {
      if (!this.#hasGoodCopy()) return false;
      this.renewal = this.#replace(reason, () => this.#db.close());
      this.#use(this.#open(this.#file), this.renewal);
      return true;
    } catch {
      return false; // a disk that cannot be written to
    }
  }

  #use(db: BetterSqlite.Database, renewal: Renewal | null): void {
    this.#db = db;
    this.#inode = inodeOf(this.#file);
    this.#seqs = new Map();
    this.generation++;
    this.#isRenewing = true;
    try {
      for (const listener of this.#renewed) listener(renewal);
    } finally {
      this.#isRenewing = false;
    }
    if (this.#timer) this.start();
  }

  /** Before the file is used. @throws SqliteError where it is damaged and there is no copy */
  #replaceIfLost(): Renewal | null {
    const fault = faultOf(this.#file);
    if (!fault || !this.#hasGoodCopy()) {
      if (fault && isDamage(fault)) throw fault;
      return null;
    }
    const copy = this.#open(this.#copyFile);
    try {
      renewIds(copy);
    } finally {
      copy.close();
    }
    return this.#replace(messageOf(fault), () => {});
  }

  /** @param close closes the file, once it is out of the way */
  #replace(reason: string, close: () => void): Renewal {
    const atMs = Date.now();
    const keptAs = damagedName(this.#file, atMs);
    moveDatabase(this.#file, keptAs);
    // Not before: the last one to close a file deletes its log, by name.
    close();
    moveDatabase(this.#copyFile, this.#file);
    syncFolder(dirname(this.#file));
    return { atMs, reason, keptAs };
  }

  #hasGoodCopy(): boolean {
    if (!existsSync(this.#copyFile)) return false;
    const copy = this.#open(this.#copyFile);
    try {
      return isWhole(copy) && isUsable(copy);
    } finally {
      copy.close();
    }
  }
}

/** What is wrong with a database that nobody has open; null when nothing is. */
function faultOf(file: string): unknown {
  if (!existsSync(file)) return new Error('there is no file');
  let db: BetterSqlite.Database | undefined;
  try {
    db = new BetterSqlite(file, { timeout: 2000 });
    if (db.pragma('user_version', { simple: true }) === 0) return new Error('the file is empty');
    return isWhole(db) ? null : Object.assign(new Error('it fails the check'), { code: 'SQLITE_CORRUPT' });
  } catch (error) {
    if (isDamage(error)) return error;
    throw error;
  } finally {
    db?.close();
  }
}

function isWhole(db: BetterSqlite.Database): boolean {
  try {
    return db.pragma('main.quick_check(1)', { simple: true }) === 'ok';
  } catch {
    return false;
  }
}

/** Names a file on its disk; empty where there is none, or nothing in it; null where the disk does not say. */
function inodeOf(file: string): string | null {
  try {
    const stat = statSync(file, { throwIfNoEntry: false });
    return stat && stat.size > 0 ? `${stat.dev} ${stat.ino}` : '';
  } catch {
    return null;
  }
}
