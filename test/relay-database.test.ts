import { createHash, randomUUID } from 'node:crypto';
import {
  copyFileSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AdminSessions } from '../relay/admin-sessions.ts';
import { Audit } from '../relay/audit.ts';
import { CaptionLog } from '../relay/captions.ts';
import { type Database, migrations, openDatabase, ownerId, relayId } from '../relay/database.ts';
import { Database as Handle, isDiskFault } from '../relay/database-handle.ts';
import { Rooms } from '../relay/rooms.ts';
import { Spool, spoolLimits } from '../relay/spool.ts';
import { Tokens } from '../relay/tokens.ts';
import { createLog } from '../systemd/log.ts';
import { temporaryFolder } from './harness/programs.ts';
import { noise } from './harness/random.ts';
import { until } from './harness/until.ts';

let folder: ReturnType<typeof temporaryFolder>;
let db: Database;
const closing: (() => Promise<void> | void)[] = [];

beforeEach(() => {
  folder = temporaryFolder();
  db = openDatabase(folder.path);
});

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  db.close();
  folder.remove();
});

const file = () => join(folder.path, 'relay.db');
const reopen = () => {
  db.close();
  db = openDatabase(folder.path);
};
const roomsOf = () => new Rooms(db, { language: 'en-US', engine: 'script:load' });
/** What the log of the database still held is in the file before. */
function restartDamaged(): void {
  db.close();
  overwrite();
  db = openDatabase(folder.path);
}
const setAside = () =>
  readdirSync(folder.path).filter((name) => name.startsWith('relay.db.damaged-') && !name.endsWith('-wal'));

/** Writes over the file in its place, as a program gone wrong or a bad disk does. */
function overwrite(): void {
  const fd = openSync(file(), 'r+');
  writeSync(fd, noise(1, statSync(file()).size), 0);
}

function logOf(room: string): CaptionLog {
  return new CaptionLog(db, room, roomsOf().get(room)?.logId ?? '');
}

function say(log: CaptionLog, count: number): void {
  for (let i = 0; i < count; i++) {
    const start = log.seq * 1000;
    const place = { start, end: start + 900, stream: 's', from: 0, to: 1 };
    log.append({ text: `caption ${log.seq + 1}`, language: 'en-US', speaker: null, late: false, ...place });
  }
}
/** Many messages in one commit. */
function put(from: number, count: number, padding = ''): void {
  db.transaction(() => {
    for (let seq = from; seq < from + count; seq++)
      db.prepare(`INSERT INTO log (room, seq, type, message) VALUES ('hall', ?, 'clear', ?)`).run(
        seq,
        JSON.stringify({ type: 'clear', seq, padding }),
      );
  })();
}
const seqs = (log: CaptionLog) => log.after(0, 100_000).map(({ seq }) => seq);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

const damages: [string, () => void][] = [
  ['overwritten with garbage', overwrite],
  ['cut to nothing', () => truncateSync(file(), 0)],
  ['deleted', () => rmSync(file())],
];

describe.each(damages)('a database that is %s between two runs', (_, damage) => {
  test('is replaced by its copy: rooms, tokens and captions are there, readers and kits begin anew', () => {
    const rooms = roomsOf();
    const { logId } = rooms.put('hall', { title: 'Sala Verdi' });
    rooms.put('gone', {});
    rooms.delete('gone');
    const tokens = new Tokens(db);
    const { token } = tokens.create('hall', 'publish', 'kit');
    const revoked = tokens.create('hall', 'read', 'screen');
    tokens.delete('hall', revoked.id);
    const id = relayId(db);
    const owner = ownerId(db);
    say(logOf('hall'), 40);
    expect(db.updateCopy()).toBe(true);
    db.close();
    damage();
    db = openDatabase(folder.path);
    expect(db.renewal?.keptAs).toContain('relay.db.damaged-');
    expect(roomsOf().all()).toMatchObject([{ name: 'hall', settings: { title: 'Sala Verdi' } }]);
    expect(new Tokens(db).identify(token)).toMatchObject({ room: 'hall', access: 'publish' });
    expect(new Tokens(db).identify(revoked.token)).toBeNull();
    expect(seqs(logOf('hall'))).toEqual(upTo(40));
    expect(roomsOf().get('hall')?.logId).not.toBe(logId);
    expect(relayId(db)).not.toBe(id);
    // What it keeps in the cloud is still its own.
    expect(ownerId(db)).toBe(owner);
    reopen();
    expect(db.renewal).toBeNull();
  });
});

describe.each(damages)('a database that is %s while the relay runs', (_, damage) => {
  test('is replaced by its copy with all that came since, and nobody notices', async () => {
    const rooms = roomsOf();
    const { logId } = rooms.put('hall', {});
    const { token } = new Tokens(db).create('hall', 'publish', 'kit');
    const id = relayId(db);
    const log = logOf('hall');
    const spool = new Spool(db, folder.path, createLog('silent')('test'), { ...spoolLimits, syncIntervalMs: 5 });
    closing.push(() => spool.stop());
    spool.start();
    const stream = spool.open(randomUUID(), 'hall', 'kit', 1);
    if (!stream) throw new Error('no stream');
    const stored = (to: number) =>
      until(() => JSON.stringify(stream.stored) === `[[0,${to}]]` || undefined, { what: `stored up to ${to}` });
    spool.declareHole(stream, { from: 0, to: 1600, reason: 'bound' });
    spool.write(stream, 1600, noise(1600, 3200));
    say(log, 30);
    await stored(3200);
    db.updateCopy();
    say(log, 20);
    spool.write(stream, 3200, noise(3200, 3200));
    spool.declareHole(stream, { from: 4800, to: 6400, reason: 'source-lost' });
    await stored(6400);

    db.pragma('wal_checkpoint(TRUNCATE)');
    damage();
    await until(() => db.updateCopy() || undefined, { what: 'a new copy' });
    expect(db.renewal).not.toBeNull();
    say(log, 10);
    expect(seqs(log)).toEqual(upTo(60));
    expect(log.unsaved).toBe(0);
    expect(rooms.get('hall')?.logId).toBe(logId);
    expect(new Tokens(db).identify(token)).not.toBeNull();
    spool.write(stream, 6400, noise(6400, 3200));
    await stored(8000);
    await spool.stop();

    reopen();
    expect(db.renewal).toBeNull();
    expect(relayId(db)).toBe(id);
    expect(seqs(logOf('hall'))).toEqual(upTo(60));
    const again = new Spool(db, folder.path, createLog('silent')('test'));
    again.start();
    expect(again.get(stream.id)?.stored).toEqual([[0, 8000]]);
    expect(again.get(stream.id)?.holes).toEqual([
      { from: 0, to: 1600, reason: 'bound' },
      { from: 4800, to: 6400, reason: 'source-lost' },
    ]);
  });
});

test('what organizers did and who is logged in outlive a database that is damaged while the relay runs', async () => {
  roomsOf().put('hall', {});
  const tokens = new Tokens(db);
  const audit = new Audit(db, { info: () => {} });
  const sessions = new AdminSessions(db, tokens, Buffer.alloc(32));
  const note = (act: string) => audit.note({ actor: 'schedule', address: '', act, room: null, detail: {} });
  const told = (of: Audit) => of.list({ limit: 10 }).entries.map(({ act }) => act);
  note('copied');
  expect(db.updateCopy()).toBe(true);
  note('since then');
  const { cookie } = sessions.begin(null);
  db.pragma('wal_checkpoint(TRUNCATE)');
  overwrite();
  await until(() => db.updateCopy() || undefined, { what: 'a new copy' });
  expect(db.renewal).not.toBeNull();
  note('afterwards');
  sessions.sweep();
  expect(told(audit)).toEqual(['afterwards', 'since then', 'copied']);
  reopen();
  expect(told(new Audit(db, { info: () => {} }))).toEqual(['afterwards', 'since then', 'copied']);
  expect(new AdminSessions(db, new Tokens(db), Buffer.alloc(32)).find(cookie)).not.toBeNull();
});

/** What each released step knew of tokens: they are the same columns. */
const steps = migrations.slice(1).map((_, i) => i + 1);

test.each(steps)('a database of schema %i comes up to date, and its tokens open what they opened', (version) => {
  const before = temporaryFolder();
  const secrets = { publish: `pub_0123456789ab_${'A'.repeat(43)}`, read: `sub_ba9876543210_${'B'.repeat(43)}` };
  const old = new BetterSqlite(join(before.path, 'relay.db'));
  for (const sql of migrations.slice(0, version)) old.exec(sql);
  old.pragma(`user_version = ${version}`);
  old.exec(`INSERT INTO rooms (name, settings, log, created_ms) VALUES ('hall', '{}', 'log', 1)`);
  for (const [access, secret] of Object.entries(secrets))
    old
      .prepare(
        `INSERT INTO tokens (id, room, access, label, hash, created_ms, last_used_ms) VALUES (?, 'hall', ?, 'old', ?, 5, 7)`,
      )
      .run(secret.slice(4, 16), access, createHash('sha256').update(secret).digest());
  old.close();
  const now = openDatabase(before.path);
  try {
    const tokens = new Tokens(now);
    for (const [access, secret] of Object.entries(secrets))
      expect(tokens.identify(secret)).toEqual({
        ...{ id: secret.slice(4, 16), room: 'hall', access, kit: null, label: 'old', expiresMs: null },
      });
    expect(tokens.list('hall')).toMatchObject([
      { access: 'publish', createdMs: 5, expiresMs: null, successor: null },
      { access: 'read', createdMs: 5, expiresMs: null, successor: null },
    ]);
    const next = tokens.rotate('hall', secrets.publish.slice(4, 16), 0);
    expect(tokens.identify(secrets.publish)).toBeNull();
    expect(tokens.identify(next?.token ?? '')).toMatchObject({ room: 'hall', access: 'publish' });
    expect(tokens.create(null, 'admin', '').token).toMatch(/^adm_/);
    expect(now.updateCopy()).toBe(true);
    new Rooms(now, { language: 'en-US', engine: 'script:load' }).delete('hall');
    expect(tokens.identify(secrets.read)).toBeNull();
    expect(now.prepare('PRAGMA foreign_key_check').all()).toEqual([]);
  } finally {
    now.close();
    before.remove();
  }
});

describe('the copy', () => {
  test('takes the place of a database as soon as something cannot be read', () => {
    roomsOf().put('hall', {});
    put(1, 3000, 'x'.repeat(10_000)); // more than the process remembers of the file
    const log = logOf('hall');
    expect([1, 2, 3, 4].map(() => db.updateCopy()).at(-1)).toBe(true);
    say(log, 10);
    db.pragma('wal_checkpoint(TRUNCATE)');
    overwrite();
    expect(seqs(log)).toEqual(upTo(3010));
    expect(log.transcript({})).toHaveLength(10);
    expect(db.renewal).not.toBeNull();
  });

  test('is made anew in steps, and serves when it is complete', () => {
    roomsOf().put('hall', {});
    put(1, 2400);
    rmSync(join(folder.path, 'relay-copy.db'));
    const complete = [1, 2, 3, 4].map(() => db.updateCopy());
    expect(complete).toEqual([false, false, true, true]);
    restartDamaged();
    expect(seqs(logOf('hall'))).toEqual(upTo(2400));
  });

  test('follows logs that got new ids, and does not serve before it has them whole', () => {
    roomsOf().put('hall', {});
    put(1, 2400);
    while (!db.updateCopy());
    const rooms = roomsOf();
    rooms.renewLogs();
    expect([1, 2, 3].map(() => db.updateCopy())).toEqual([false, false, true]);
    restartDamaged();
    expect(seqs(logOf('hall'))).toEqual(upTo(2400));
    expect(db.renewal).not.toBeNull();
  });

  test('that is damaged itself is made anew', () => {
    roomsOf().put('hall', {});
    say(logOf('hall'), 10);
    writeFileSync(join(folder.path, 'relay-copy.db'), noise(3, 50_000));
    expect(db.updateCopy()).toBe(false);
    expect(db.updateCopy()).toBe(true);
    expect(db.renewal).toBeNull();
    restartDamaged();
    expect(seqs(logOf('hall'))).toEqual(upTo(10));
  });

  test('waits for a disk that does not even say which files it has', () => {
    roomsOf().put('hall', {});
    const elsewhere = `${folder.path}-elsewhere`;
    renameSync(folder.path, elsewhere);
    symlinkSync(folder.path, folder.path); // too many links, as a disk gives an input-output error
    expect(db.updateCopy()).toBe(false);
    expect(roomsOf().get('hall')).toMatchObject({ name: 'hall' });
    rmSync(folder.path);
    renameSync(elsewhere, folder.path);
    expect(db.updateCopy()).toBe(true);
    expect(db.renewal).toBeNull();
  });

  test('holds nothing of a room that was deleted and made again', () => {
    roomsOf().put('hall', {});
    say(logOf('hall'), 10);
    db.updateCopy();
    roomsOf().delete('hall');
    roomsOf().put('hall', {});
    say(logOf('hall'), 2);
    db.updateCopy();
    restartDamaged();
    expect(seqs(logOf('hall'))).toEqual([1, 2]);
  });

  test('of damaged files the newest three are kept', async () => {
    roomsOf().put('hall', {});
    for (let i = 0; i < 5; i++) {
      expect(db.updateCopy()).toBe(true);
      restartDamaged();
      expect(db.renewal).not.toBeNull();
      await new Promise((resolve) => setTimeout(resolve, 5)); // their names are to the millisecond
    }
    expect(setAside()).toHaveLength(3);
  });

  test('can be read by this user alone, as the database', () => {
    roomsOf().put('hall', {});
    for (const name of readdirSync(folder.path).filter((each) => each.includes('.db')))
      expect(`${name} ${statSync(join(folder.path, name)).mode & 0o077}`).toBe(`${name} 0`);
  });
});

test('a disk that came back and cannot be used yet is a fault of the disk, and is tried again', () => {
  const at = join(folder.path, 'own.db');
  let fails = false;
  const open = (path: string) => {
    if (fails) throw Object.assign(new Error('unable to open'), { code: 'SQLITE_CANTOPEN' });
    const made = new BetterSqlite(path);
    made.exec('CREATE TABLE IF NOT EXISTS said (text TEXT); PRAGMA user_version = 1');
    return made;
  };
  const own = new Handle(at, `${at}-copy`, open);
  closing.push(() => own.close());
  const count = own.prepare('SELECT count(*) FROM said').pluck();
  copyFileSync(at, `${at}-other`);
  renameSync(`${at}-other`, at);
  fails = true;
  expect(own.updateCopy()).toBe(false);
  let error: unknown;
  try {
    count.get();
  } catch (thrown) {
    error = thrown;
  }
  expect(isDiskFault(error), String(error)).toBe(true);
  fails = false;
  expect(count.get()).toBe(0);
});
