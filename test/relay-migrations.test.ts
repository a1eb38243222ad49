import { closeSync, mkdirSync, openSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CaptionLog } from '../relay/captions.ts';
import { migrations, openDatabase } from '../relay/database.ts';
import { Rooms } from '../relay/rooms.ts';
import { Tokens } from '../relay/tokens.ts';
import { Ext4Disk } from './harness/ext4-disk.ts';
import { temporaryFolder } from './harness/programs.ts';

type Row = Record<string, string | number | null | Buffer>;

const stream = '00000000-0000-4000-8000-000000000001';
const settings = { title: 'Sala Verdi', language: 'it-IT' };
const caption = { type: 'caption', seq: 1, final: true, text: 'said', language: 'it-IT', speaker: null, late: false };
const [first, second] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];

/** What a relay may have in each table; of each row the columns that there are in a schema. In the order of their references. */
const data: Readonly<Record<string, readonly Row[]>> = {
  meta: [
    { key: 'relay', value: 'disk-1' },
    { key: 'owner', value: 'disk-0' },
  ],
  rooms: [
    { name: 'hall', settings: JSON.stringify(settings), log: 'log-1', created_ms: 1 },
    { name: 'small', settings: '{}', log: 'log-2', created_ms: 2 },
  ],
  assignments: [
    {
      id: 3,
      room: 'hall',
      from_ms: 5.5,
      language: 'it-IT',
      engine: 'script:x',
      recognition: '{"pii":"redact"}',
      paused: 1,
    },
    { id: 7, room: 'hall', from_ms: 9.25, language: 'en-US', engine: 'transcribe' },
  ],
  tokens: [
    { id: '0123456789ab', room: 'hall', access: 'publish', label: 'kit', hash: first, created_ms: 1, last_used_ms: 9 },
    { id: 'ba9876543210', room: 'hall', access: 'read', label: '', hash: second, created_ms: 2, last_used_ms: null },
  ],
  streams: [
    {
      ...{ id: stream, room: 'hall', device: 'kit', channels: 1, edge: 32_000, ended: 0, stored: '[[0,16000]]' },
      ...{ captioned: '[[0,8000]]', removed: '[]', heard_ms: 12.5, placed_ms: 3.25, time_uncertain: 1 },
    },
  ],
  holes: [{ stream, from_position: 16_000, to_position: 32_000, reason: 'bound' }],
  anchors: [
    { stream, position: 0, boot_id: 'boot', monotonic_ms: 1.5, wall_ms: 2.5, wall_synced: 1, room_ms: 3.5 },
    { stream, position: 16_000, boot_id: 'boot', monotonic_ms: 2.5, wall_ms: 3.5, wall_synced: 0, room_ms: null },
  ],
  boundaries: [{ stream, position: 8000, assignment: 7 }],
  log: [
    {
      ...{ room: 'hall', seq: 1, type: 'caption', of_seq: null, start_ms: 1000.5, end_ms: 1900.5 },
      ...{ message: JSON.stringify({ ...caption, start: 1000.5, end: 1900.5 }), words: '[["said",1000.5,1900.5]]' },
    },
    {
      room: 'hall',
      seq: 2,
      type: 'amend',
      of_seq: 1,
      start_ms: null,
      end_ms: null,
      message: '{"type":"amend","seq":2,"of":1,"text":null}',
    },
    {
      room: 'hall',
      seq: 3,
      type: 'clear',
      of_seq: null,
      start_ms: null,
      end_ms: null,
      message: '{"type":"clear","seq":3}',
    },
  ],
  paid: [{ day: '2026-12-01', room: 'hall', purpose: 'live', sessions: 2, seconds: 33 }],
  knots: [{ stream, position: 8000, room_ms: 1500.5 }],
  talks: [
    {
      ...{ room: 'hall', id: 't1', title: 'Opera', speakers: '["Ada"]', language: 'it-IT', start_ms: 1, end_ms: 2 },
      source: 'hand',
    },
  ],
  admin_sessions: [{ id: 's1', hash: first, token: null, created_ms: 1, expires_ms: 2, used_ms: 1 }],
  audit: [{ id: 1, at_ms: 1, actor: 'admin', address: '', act: 'room.put', room: 'hall', detail: '{}' }],
  conducted: [{ room: 'hall', state: '{}' }],
  kits: [{ name: 'hall-1', kind: 'device', label: 'left', created_ms: 1, enrolled_ms: 2, seen_ms: 3, told: '{}' }],
  kit_rooms: [{ id: 1, kit: 'hall-1', room: 'hall', from_ms: 1, to_ms: null }],
  canonical_versions: [
    {
      ...{ id: 1, room: 'hall', talk: 'opera', name: 'r1-parakeet-1', folder: 'transcripts/', etag: 'e', sha256: 's' },
      ...{ about: '{}', report: null, fetched_ms: 1.5, whole: 1 },
    },
  ],
  canonical_segments: [
    {
      ...{ version: 1, id: 0, start_ms: 1.5, end_ms: 2.5, speaker: null, language: 'it-IT', text: 'said' },
      ...{ words: null, withheld: null },
    },
  ],
  canonical_talks: [{ room: 'hall', talk: 'opera', state: '{}' }],
  canonical_corrections: [
    { room: 'hall', talk: 'opera', version: 'r1-parakeet-1', segment: 0, text: null, at_ms: 1.5 },
  ],
  recordings: [
    {
      ...{
        room: 'hall',
        talk: 't1',
        talk_id: 'T1',
        revision: 1,
        room_title: 'Sala',
        title: 'Opera',
        speakers: '["Ada"]',
      },
      ...{ from_ms: 1.5, to_ms: 2.5, state: 'stored', message: '', hint: '', redact: 1, engine: 'parakeet' },
      ...{ manifest: 'recordings/v1/event/hall/t1/manifest.json', plan: null, changed_ms: 3.5 },
    },
  ],
  recorded_rooms: [{ room: 'hall', since_ms: 1.5 }],
  uploads: [
    {
      ...{ id: 1, key: 'recordings/v1/event/hall/t2/part-0001.flac', grp: 'hall/t2', file: '/data/part-0001.flac' },
      ...{ sha256: 's', bytes: 7, content_type: 'audio/flac', upload: 'begun', stored: 0, added_ms: 1.5 },
    },
  ],
  erasures: [
    {
      ...{ id: 1, prefix: 'recordings/v1/event/hall/t3/', upload: '', reason: 'asked for', looks: 1 },
      ...{ due_ms: 2.5, added_ms: 1.5 },
    },
  ],
  sink_talks: [{ room: 'hall', talk: 't1', live: 'm', canonical: '', live_revision: 1, canonical_revision: 0 }],
  sink_outbox: [{ id: 1, room: 'hall', talk: 't2', source: 'live', revision: 1, added_ms: 1.5 }],
};

/** The file itself, beside whoever has it open. */
function look<T>(dataDir: string, work: (db: BetterSqlite.Database) => T): T {
  const db = new BetterSqlite(join(dataDir, 'relay.db'), { readonly: true });
  try {
    return work(db);
  } finally {
    db.close();
  }
}
const tablesOf = (db: BetterSqlite.Database) =>
  db.prepare<[], string>(`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`).pluck().all();
const columnsOf = (db: BetterSqlite.Database, table: string) =>
  new Set(db.prepare<[string], string>('SELECT name FROM pragma_table_info(?)').pluck().all(table));

/** A database as the release with so many steps left it, with something in every table. */
function writeRelease(version: number, dataDir: string): Map<string, unknown[]> {
  mkdirSync(dataDir, { recursive: true });
  const db = new BetterSqlite(join(dataDir, 'relay.db'));
  db.pragma('journal_mode = WAL');
  db.pragma('foreign_keys = ON');
  for (const sql of migrations.slice(0, version)) db.exec(sql);
  db.pragma(`user_version = ${version}`);
  for (const [table, rows] of Object.entries(data)) {
    const columns = columnsOf(db, table);
    for (const row of columns.size > 0 ? rows : []) {
      const given = Object.entries(row).filter(([name]) => columns.has(name));
      const names = given.map(([name]) => name).join(', ');
      const places = given.map(() => '?').join(', ');
      db.prepare(`INSERT INTO ${table} (${names}) VALUES (${places})`).run(...given.map(([, value]) => value));
    }
  }
  const before = contentsOf(db);
  db.close();
  return before;
}

function contentsOf(db: BetterSqlite.Database): Map<string, unknown[]> {
  return new Map(tablesOf(db).map((table) => [table, db.prepare(`SELECT * FROM ${table}`).all()]));
}

/** Every row as it was, in every column that it had. */
function expectKept(before: ReadonlyMap<string, unknown[]>, after: ReadonlyMap<string, unknown[]>): void {
  for (const [table, rows] of before) expect({ [table]: after.get(table) }).toMatchObject({ [table]: rows });
}

const schemaOf = (db: BetterSqlite.Database) =>
  db
    .prepare<[], { type: string; name: string; sql: string }>(
      'SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name',
    )
    .all()
    .map(({ sql, ...rest }) => ({ ...rest, sql: sql.replace(/--.*$/gm, '').replace(/\s+/g, ' ').replaceAll('"', '') }));

function folder(): string {
  const made = temporaryFolder();
  onTestFinished(made.remove);
  return made.path;
}

test('the present schema has something of a relay in every table, so that the tests below miss none', () => {
  const before = writeRelease(migrations.length, folder());
  expect([...before].filter(([, rows]) => rows.length === 0).map(([table]) => table)).toEqual([]);
});

describe.each(Array.from({ length: migrations.length }, (_, i) => i))('a database of schema %i', (version) => {
  test('is brought up to date with every row, and is the same as a new one', () => {
    const dataDir = folder();
    const before = writeRelease(version, dataDir);
    const freshDir = folder();
    openDatabase(freshDir).close();
    const db = openDatabase(dataDir);
    try {
      expectKept(before, look(dataDir, contentsOf));
      expect(look(dataDir, schemaOf)).toEqual(look(freshDir, schemaOf));
      expect(db.pragma('user_version', { simple: true })).toBe(migrations.length);
      expect(db.pragma('integrity_check')).toEqual([{ integrity_check: 'ok' }]);
      expect(db.pragma('foreign_key_check')).toEqual([]);
      if (version === 0) return;
      const rooms = new Rooms(db, { language: 'en-US', engine: 'script:x' });
      expect(rooms.get('hall')?.settings).toMatchObject(settings);
      expect(
        new Tokens(db)
          .list('hall')
          .map(({ id }) => id)
          .sort(),
      ).toEqual(['0123456789ab', 'ba9876543210']);
      expect(new CaptionLog(db, 'hall', 'log-1').after(0, 10)).toHaveLength(3);
      expect(rooms.delete('hall')).toBe(true);
      expect(db.pragma('foreign_key_check')).toEqual([]);
    } finally {
      db.close();
    }
  });
});

test('each of them finds no space in its midst, is told so, and is whole once there is some', {
  timeout: 120_000,
}, (context) => {
  const disk = Ext4Disk.mount(24, 4096);
  if (typeof disk === 'string') return context.skip(disk);
  onTestFinished(() => disk.unmount());
  for (let version = 1; version < migrations.length; version++) {
    const dataDir = join(disk.path, `from-${version}`);
    const before = writeRelease(version, dataDir);
    const filler = join(disk.path, 'filler');
    // What is left lets a step begin, and not end.
    for (const left of [0, 16, 64]) {
      const fd = openSync(filler, 'w');
      expect(() => {
        for (;;) writeSync(fd, Buffer.alloc(4096));
      }).toThrow(/ENOSPC/);
      closeSync(fd);
      truncateSync(filler, statSync(filler).size - left * 1024);
      let error: unknown = null;
      try {
        openDatabase(dataDir).close();
      } catch (thrown) {
        error = thrown;
      }
      if (left === 0) expect(error, `from ${version}`).toMatchObject({ code: 'disk' });
      else if (error) expect(error).toMatchObject({ code: 'disk' });
      rmSync(filler);
      expectKept(before, look(dataDir, contentsOf));
    }
    const db = openDatabase(dataDir);
    expectKept(before, look(dataDir, contentsOf));
    expect(db.pragma('user_version', { simple: true })).toBe(migrations.length);
    db.close();
    rmSync(dataDir, { recursive: true });
  }
});
