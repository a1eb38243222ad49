import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { ConfigurationError, codeOf, messageOf, SalaError } from '../systemd/errors.ts';
import { migrations } from './database.ts';
import { removeDatabase, renewIds, syncFolder } from './database-copy.ts';
import { isDamage, isDiskFault } from './database-handle.ts';
import { intersect, type RangeSet, union } from './protocol.js';
import { segmentFile, segmentSamples } from './segments.ts';

/** What a backup holds. */
export interface BackupReport {
  readonly bytes: number;
  readonly rooms: number;
  readonly captions: number;
}

export interface BackupOrders {
  readonly dataDir: string;
  readonly backup?: string | undefined;
  readonly restore?: string | undefined;
}

/** What `--backup` and `--restore` ask for. @returns what was done, in words @throws {SalaError} */
export async function runBackup({ dataDir, backup, restore: from }: BackupOrders): Promise<string> {
  if (backup !== undefined && from !== undefined)
    throw new ConfigurationError(['--backup and --restore: one at a time'], 'Leave one of them out.');
  const told = ({ rooms, captions, bytes }: BackupReport) =>
    `${rooms} rooms, ${captions} captions, ${(bytes / 1e6).toFixed(1)} MB. Audio is not in it.`;
  if (from !== undefined) return `Restored into ${dataDir}: ${told(restore(from, dataDir))}`;
  return `Backed up to ${backup}: ${told(await backUp(dataDir, backup ?? ''))}`;
}

/**
 * Writes the database of `dataDir` as one file, of one moment, also while its relay runs. Audio is not in it. The name appears
 * only once the file is whole, checked and on disk; no file is ever written over.
 * @throws {SalaError} `backup`, `disk` or `database`, in words
 */
export async function backUp(dataDir: string, file: string): Promise<BackupReport> {
  const source = join(dataDir, 'relay.db');
  if (!existsSync(source))
    throw refusal(`There is no ${source} to back up`, 'Give --data-dir the folder that the relay uses.');
  if (existsSync(file)) throw exists(file);
  const partial = `${file}.partial`;
  try {
    removeDatabase(partial);
    closeSync(openSync(partial, 'wx', 0o600)); // it holds the tokens' hashes
    await copy(source, partial);
    const report = checked(partial);
    publish(partial, file);
    return report;
  } catch (error) {
    throw inWords(error, source, file);
  } finally {
    removeDatabase(partial);
  }
}

/**
 * Puts a backup in place of the database of `dataDir`, where there is none. It is another disk from then on, and its logs are
 * other logs: kits send again what they hold, readers begin anew. Of the audio only what lies in the folder counts as stored.
 * @throws {SalaError} `backup`, `disk` or `database`, in words
 */
export function restore(file: string, dataDir: string): BackupReport {
  const target = join(dataDir, 'relay.db');
  if (!existsSync(file)) throw refusal(`There is no ${file}`, 'Give --restore a file that --backup made.');
  for (const present of [target, join(dataDir, 'relay-copy.db')])
    if (existsSync(present))
      throw refusal(
        `${present} is there already`,
        'Stop the relay, and move relay.db and relay-copy.db with the files that begin like them away; or give --data-dir another folder.',
      );
  const partial = `${target}.partial`;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o750 });
    removeDatabase(partial);
    const backup = new BetterSqlite(file, { readonly: true, fileMustExist: true });
    try {
      checkSchema(backup, file);
      closeSync(openSync(partial, 'wx', 0o600));
      backup.prepare('VACUUM INTO ?').run(partial);
    } finally {
      backup.close();
    }
    const report = checked(partial, (db) => {
      renewIds(db);
      forgetAbsentAudio(db, dataDir);
    });
    publish(partial, target);
    syncFolder(dirname(resolve(dataDir)));
    return report;
  } catch (error) {
    throw inWords(error, file, target);
  } finally {
    removeDatabase(partial);
  }
}

/** One moment of a database that others write to: within a transaction its pages do not change under the copy. */
async function copy(source: string, target: string): Promise<void> {
  const db = new BetterSqlite(source, { readonly: true, fileMustExist: true, timeout: 5000 });
  try {
    checkSchema(db, source);
    db.exec('BEGIN');
    db.prepare('SELECT count(*) FROM sqlite_schema').get(); // here the moment begins
    await db.backup(target);
  } finally {
    db.close();
  }
}

/** @throws {SalaError} where it is no database of ours, or one of a newer release */
function checkSchema(db: BetterSqlite.Database, file: string): void {
  const version = Number(db.pragma('user_version', { simple: true }));
  const isOurs = db.prepare(`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'rooms'`).get() !== undefined;
  if (version === 0 || !isOurs) throw refusal(`${file} is no database of a relay`, 'Name the right file.');
  if (version > migrations.length)
    throw refusal(
      `${file} was written by a newer Sala (schema ${version}, this one knows ${migrations.length})`,
      'Use the program of that release.',
    );
}

/** Makes it a single file, lets `change` at it, and makes sure that it is whole and on disk. */
function checked(file: string, change: (db: BetterSqlite.Database) => void = () => {}): BackupReport {
  const db = new BetterSqlite(file);
  try {
    db.pragma('journal_mode = DELETE');
    db.pragma('synchronous = FULL');
    change(db);
    const verdict = db.pragma('integrity_check(1)', { simple: true });
    if (verdict !== 'ok') throw Object.assign(new Error(String(verdict)), { code: 'SQLITE_CORRUPT' });
    const count = (sql: string) => Number(db.prepare(`SELECT count(*) FROM ${sql}`).pluck().get());
    return { bytes: statSync(file).size, rooms: count('rooms'), captions: count(`log WHERE type = 'caption'`) };
  } finally {
    db.close();
  }
}

/** Gives a whole file its name, unless something has that name by now. */
function publish(partial: string, file: string): void {
  const fd = openSync(partial, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  try {
    linkSync(partial, file);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw exists(file);
    renameSync(partial, file); // a file system without links
  }
  syncFolder(dirname(resolve(file)));
}

/** Audio that the folder does not hold is neither stored, so that kits send what they still have, nor to be read as silence. */
function forgetAbsentAudio(db: BetterSqlite.Database, dataDir: string): void {
  const update = db.prepare('UPDATE streams SET stored = ?, removed = ? WHERE id = ?');
  const streams = db.prepare<
    [],
    { id: string; room: string; edge: number; stored: string; captioned: string; removed: string }
  >('SELECT id, room, edge, stored, captioned, removed FROM streams');
  for (const { id, room, edge, ...sets } of streams.all()) {
    const [stored, captioned, removed]: RangeSet[] = [sets.stored, sets.captioned, sets.removed].map((each) =>
      JSON.parse(each),
    );
    const folder = join(dataDir, 'spool', room, id);
    const present: RangeSet = [];
    const absent: RangeSet = [];
    for (let index = 0; index * segmentSamples < edge; index++) {
      const isThere = existsSync(join(folder, segmentFile(index)));
      (isThere ? present : absent).push([index * segmentSamples, (index + 1) * segmentSamples]);
    }
    const done = intersect(stored ?? [], intersect(captioned ?? [], absent));
    const kept = union(intersect(stored ?? [], present), done);
    update.run(JSON.stringify(kept), JSON.stringify(union(intersect(removed ?? [], kept), done)), id);
  }
}

const refusal = (message: string, hint: string, cause?: unknown) =>
  new SalaError(message, { code: 'backup', hint, cause });
const exists = (file: string) =>
  refusal(`${file} is there already`, 'Choose another name, or move it away: nothing is written over.');

function inWords(error: unknown, source: string, target: string): unknown {
  if (error instanceof SalaError) return error;
  const code = codeOf(error);
  if (isDamage(error))
    return new SalaError(`${source} is damaged: ${messageOf(error)}`, {
      code: 'database',
      hint: 'A running relay replaces a damaged database by its copy; else take an older backup.',
      cause: error,
    });
  if (isDiskFault(error) || /^(ENOSPC|EDQUOT|EIO|EROFS|EFBIG)$/.test(code))
    return new SalaError(`${target} cannot be written: ${messageOf(error)}`, {
      code: 'disk',
      hint: 'It needs as much space as relay.db has. Make room, or choose a place on another disk.',
      cause: error,
    });
  if (/^(EACCES|EPERM|ENOENT|ENOTDIR|SQLITE_PERM|SQLITE_AUTH)$/.test(code))
    return refusal(
      `${messageOf(error)}`,
      'Run it as the user of the relay, and name a folder that is there and that this user may write to.',
      error,
    );
  return error;
}
