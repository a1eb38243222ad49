import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CaptionLog } from '../relay/captions.ts';
import { migrations, openDatabase } from '../relay/database.ts';
import { Rooms } from '../relay/rooms.ts';
import { Ext4Disk } from './harness/ext4-disk.ts';
import { temporaryFolder } from './harness/programs.ts';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

/** Of the schema whose log took captions, amends and clears alone. */
const schemaBefore = 4;
const captions = 5000;

/** A database of an earlier release, with a room that has been captioned, corrected and cleared. */
function writeOldDatabase(path: string): void {
  const db = new BetterSqlite(path);
  db.pragma('journal_mode = WAL');
  db.pragma('foreign_keys = ON');
  for (const sql of migrations.slice(0, schemaBefore)) db.exec(sql);
  db.pragma(`user_version = ${schemaBefore}`);
  db.prepare(`INSERT INTO rooms VALUES ('hall', '{"title":"Sala Verdi","language":"it-IT"}', 'log-1', 1)`).run();
  db.prepare(`INSERT INTO assignments (room, from_ms, language, engine) VALUES ('hall', 5, 'it-IT', 'script:x')`).run();
  const insert = db.prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  const put = (type: string, seq: number, of: number | null, start: number | null, message: object, words?: string) =>
    insert.run('hall', seq, type, of, start, start && start + 900, JSON.stringify(message), words ?? null);
  db.transaction(() => {
    for (let seq = 1; seq <= captions; seq++) {
      const place = { start: seq * 1000, end: seq * 1000 + 900, stream: 's', from: 0, to: 1 };
      const said = { type: 'caption', seq, final: true, text: `said ${seq}`, language: 'it-IT', ...place };
      put('caption', seq, null, seq * 1000, { ...said, speaker: null, late: false }, `[["said",${seq},${seq}]]`);
    }
    put('amend', captions + 1, 2, null, { type: 'amend', seq: captions + 1, of: 2, text: null });
    put('amend', captions + 2, 3, null, { type: 'amend', seq: captions + 2, of: 3, text: 'better' });
    put('clear', captions + 3, null, null, { type: 'clear', seq: captions + 3 });
  })();
  db.close();
}

test('a log of the schema before keeps every message, and takes pauses from then on', () => {
  const path = join(folder.path, 'relay.db');
  writeOldDatabase(path);
  const old = new BetterSqlite(path, { readonly: true });
  const everything = 'SELECT * FROM log ORDER BY room, seq';
  const before = old.prepare(everything).all();
  old.close();

  const db = openDatabase(folder.path);
  try {
    expect(db.prepare(everything).all()).toEqual(before);
    expect(before).toHaveLength(captions + 3);
    const rooms = new Rooms(db, { language: 'en-US', engine: 'script:x' });
    expect(rooms.assignments('hall')).toMatchObject([{ language: 'it-IT', paused: false }]);
    const log = new CaptionLog(db, 'hall', 'log-1');
    expect(log.seq).toBe(captions + 3);
    const insert = db.prepare(`INSERT INTO log (room, seq, type, message) VALUES ('hall', ?, ?, '{}')`);
    insert.run(9001, 'pause');
    insert.run(9002, 'resume');
    expect(() => insert.run(9003, 'nonsense')).toThrow(/CHECK/);
    // The indexes are back: nothing is looked for through the whole log.
    const plan = (sql: string) => JSON.stringify(db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all());
    expect(plan(`SELECT seq FROM log WHERE room = 'hall' AND type = 'amend' AND of_seq = 3`)).toContain('log_amended');
    const acts = `FROM log INDEXED BY log_acts WHERE room = 'hall' AND type IN ('clear', 'pause', 'resume')`;
    expect(db.prepare(`SELECT seq ${acts} ORDER BY seq DESC LIMIT 2`).pluck().all()).toEqual([9002, 9001]);
    // A deleted room takes its log along, as before.
    expect(rooms.delete('hall')).toBe(true);
    expect(db.prepare('SELECT count(*) FROM log').pluck().get()).toBe(0);
  } finally {
    db.close();
  }
});

test('a log that finds no space to be brought up to date is told so, and is whole once there is', (context) => {
  const disk = Ext4Disk.mount(16);
  if (typeof disk === 'string') return context.skip(disk);
  try {
    const path = join(disk.path, 'relay.db');
    writeOldDatabase(path);
    const filler = join(disk.path, 'filler');
    const fd = openSync(filler, 'w');
    expect(() => {
      for (;;) writeSync(fd, Buffer.alloc(4096));
    }).toThrow(/ENOSPC/);
    closeSync(fd);
    let error: unknown;
    try {
      openDatabase(disk.path).close();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'disk', hint: expect.stringContaining('room') });
    rmSync(filler);
    const db = openDatabase(disk.path);
    expect(db.prepare('SELECT count(*) FROM log').pluck().get()).toBe(captions + 3);
    db.close();
  } finally {
    disk.unmount();
  }
});
