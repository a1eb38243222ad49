import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type BetterSqlite from 'better-sqlite3';
import { fetchedTables } from './canonical/schema.ts';

/** Messages of the logs that one update copies at most, under 100 ms of work: a copy that is made anew takes several. */
const maxMessages = 1000;
/** Damaged files are kept for whoever wants to look, but not for ever. */
const maxDamagedFiles = 3;
/** Tables that grow by their end, and those that are fetched again where they are missing. */
const copiedElsehow: ReadonlySet<string> = new Set(['log', 'audit', ...fetchedTables]);
/** SQLite keeps up to three files. */
const parts = ['', '-wal', '-shm'];

/** How far a copy has come. */
export interface CopyState {
  /** It holds all that was there when it was updated. */
  readonly isComplete: boolean;
  /** By room: the newest message of its log in the copy. */
  readonly seqs: ReadonlyMap<string, number>;
}

/**
 * Brings a copy of the relay's database up to date in one transaction: first the logs, by what they grew; once they are
 * whole, every other table by the rows that differ. So a copy that holds rooms is of one moment.
 * @param copy open, of the same schema @param file the database itself
 * @throws SqliteError where one of them cannot be read, or the copy cannot be written; then the copy is as it was
 */
export function updateCopy(copy: BetterSqlite.Database, file: string): CopyState {
  copy.pragma('foreign_keys = OFF'); // the tables come one by one
  copy.prepare('ATTACH ? AS live').run(file);
  return copy.transaction(() => {
    // A room that was deleted and made again has another log. Without rooms the copy is not taken for whole meanwhile.
    const others = `SELECT name FROM main.rooms EXCEPT SELECT name FROM live.rooms JOIN main.rooms USING (name, log)`;
    if (copy.prepare(`DELETE FROM log WHERE room IN (${others})`).run().changes > 0)
      copy.exec('DELETE FROM main.rooms');
    const { left, seqs } = copyLogs(copy);
    if (left > 0) {
      copyAudit(copy);
      for (const table of tablesOf(copy)) if (!copiedElsehow.has(table)) copyTable(copy, table);
    }
    return { isComplete: left > 0, seqs };
  })();
}

/** `left`: how many more messages would have been copied. */
function copyLogs(copy: BetterSqlite.Database): { left: number; seqs: Map<string, number> } {
  const newest = copy.prepare<[string], number>('SELECT coalesce(max(seq), 0) FROM main.log WHERE room = ?').pluck();
  const insert = copy.prepare<[string, number, number]>(
    'INSERT INTO main.log SELECT * FROM live.log WHERE room = ? AND seq > ? ORDER BY seq LIMIT ?',
  );
  const seqs = new Map<string, number>();
  let left = maxMessages;
  for (const room of copy.prepare<[], string>('SELECT name FROM live.rooms').pluck().all()) {
    if (left > 0) left -= insert.run(room, newest.get(room) ?? 0, left).changes;
    seqs.set(room, newest.get(room) ?? 0);
  }
  return { left, seqs };
}

/** By what it grew, like a log, and without what has gone at its old end: too long to be compared row by row. */
function copyAudit(copy: BetterSqlite.Database): void {
  copy.exec(`
    DELETE FROM main.audit WHERE id < (SELECT coalesce(min(id), 0) FROM live.audit);
    INSERT INTO main.audit SELECT * FROM live.audit WHERE id > (SELECT coalesce(max(id), 0) FROM main.audit);
  `);
}

const tablesOf = (db: BetterSqlite.Database) =>
  db.prepare<[], string>(`SELECT name FROM main.sqlite_schema WHERE type = 'table'`).pluck().all();

function copyTable(copy: BetterSqlite.Database, table: string): void {
  const key = copy
    .prepare<[string], string>('SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk')
    .pluck()
    .all(table)
    .join(', ');
  const differing = (a: string, b: string) => `(SELECT * FROM ${a}.${table} EXCEPT SELECT * FROM ${b}.${table})`;
  copy.exec(`
    DELETE FROM main.${table} WHERE (${key}) IN (SELECT ${key} FROM ${differing('main', 'live')});
    INSERT INTO main.${table} SELECT * FROM ${differing('live', 'main')};
  `);
}

/** Whether a copy can take the place of its database: whole, and complete. */
export function isUsable(copy: BetterSqlite.Database): boolean {
  return copy.prepare('SELECT 1 FROM rooms LIMIT 1').get() !== undefined;
}

/**
 * Makes a copy one of its own: what was reported after it was made is not in it, so kits must tell again what they hold
 * (the disk has another id), and what readers hold is void (the logs have other ids).
 */
export function renewIds(copy: BetterSqlite.Database): void {
  copy.transaction(() => {
    copy.prepare(`DELETE FROM meta WHERE key = 'relay'`).run();
    for (const name of copy.prepare<[], string>('SELECT name FROM rooms').pluck().all())
      copy.prepare('UPDATE rooms SET log = ? WHERE name = ?').run(randomUUID(), name);
  })();
}

/** Moves a database that is closed, or out of use, with its log. */
export function moveDatabase(from: string, to: string): void {
  rmSync(`${from}-shm`, { force: true }); // SQLite makes it again
  for (const part of ['-wal', '']) if (existsSync(from + part)) renameSync(from + part, to + part);
}

/** A name for a damaged file beside it; of older ones the newest are kept. */
export function damagedName(file: string, atMs: number): string {
  const prefix = `${basename(file)}.damaged-`;
  const older = readdirSync(dirname(file))
    .filter((name) => name.startsWith(prefix) && !parts.slice(1).some((part) => name.endsWith(part)))
    .sort();
  for (const name of older.slice(0, Math.max(0, older.length + 1 - maxDamagedFiles)))
    for (const part of parts) rmSync(join(dirname(file), name + part), { force: true });
  return `${file}.damaged-${new Date(atMs).toISOString().replace(/[:.]/g, '-')}`;
}

/** Deletes a copy that is no good. */
export function removeDatabase(file: string): void {
  for (const part of parts) rmSync(file + part, { force: true });
}

/** Makes the names in a folder survive a power cut. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
