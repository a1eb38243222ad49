import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { codeOf, messageOf, SalaError } from '../systemd/errors.ts';
import { archiveSchema } from './archive/schema.ts';
import { canonicalSchema } from './canonical/schema.ts';
import { syncFolder } from './database-copy.ts';
import { Database, isDamage, isDiskFault } from './database-handle.ts';
import { sinkSchema } from './sink/schema.ts';

export { type Database, tryWrite } from './database-handle.ts';

/** Each step takes the schema one version on; steps are never edited once released, only added. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE rooms (
    name TEXT PRIMARY KEY,
    settings TEXT NOT NULL,               -- JSON, rooms.ts
    log TEXT NOT NULL,                    -- id of this room's caption log
    created_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- What governs captions from a room time on (settings follow capture time).
  CREATE TABLE assignments (
    id INTEGER PRIMARY KEY,
    room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE,
    from_ms REAL NOT NULL,
    language TEXT NOT NULL,
    engine TEXT NOT NULL
  ) STRICT;
  CREATE INDEX assignments_by_room ON assignments (room, from_ms);

  CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE,
    access TEXT NOT NULL CHECK (access IN ('publish', 'read')),
    label TEXT NOT NULL,
    hash BLOB NOT NULL,                   -- SHA-256 of the whole token
    created_ms INTEGER NOT NULL,
    last_used_ms INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tokens_by_room ON tokens (room);

  CREATE TABLE streams (
    id TEXT PRIMARY KEY,
    room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE,
    device TEXT NOT NULL,
    channels INTEGER NOT NULL,
    edge INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    stored TEXT NOT NULL,                 -- range set: synced audio and declared holes
    captioned TEXT NOT NULL,              -- range set: behind published finals, silence or holes
    removed TEXT NOT NULL DEFAULT '[]',   -- range set: audio deleted by retention
    heard_ms REAL NOT NULL,               -- room time of the last sign of it
    placed_ms REAL,                       -- room time of position 0, once fixed without anchors of its own
    time_uncertain INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX streams_by_room ON streams (room, heard_ms);

  CREATE TABLE holes (
    stream TEXT NOT NULL REFERENCES streams ON DELETE CASCADE,
    from_position INTEGER NOT NULL,
    to_position INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (stream, from_position, to_position)
  ) STRICT, WITHOUT ROWID;

  -- The least delayed anchor of each minute, as stamped by the relay.
  CREATE TABLE anchors (
    stream TEXT NOT NULL REFERENCES streams ON DELETE CASCADE,
    position INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    monotonic_ms REAL NOT NULL,
    wall_ms REAL NOT NULL,
    wall_synced INTEGER NOT NULL,
    room_ms REAL,                         -- null until it was sent live
    PRIMARY KEY (stream, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX anchors_by_boot ON anchors (boot_id, monotonic_ms);

  -- From which position of a stream an assignment governs: resolved once and kept.
  CREATE TABLE boundaries (
    stream TEXT NOT NULL REFERENCES streams ON DELETE CASCADE,
    position INTEGER NOT NULL,
    assignment INTEGER NOT NULL REFERENCES assignments ON DELETE CASCADE,
    PRIMARY KEY (stream, position)
  ) STRICT, WITHOUT ROWID;

  -- What readers see: append-only, seq increasing by one.
  CREATE TABLE log (
    room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    type TEXT NOT NULL CHECK (type IN ('caption', 'amend', 'clear')),
    of_seq INTEGER,                       -- amend: the caption it changes
    start_ms REAL,                        -- caption: room time
    end_ms REAL,
    message TEXT NOT NULL,                -- JSON as published
    words TEXT,                           -- JSON [[text, startMs, endMs], …] where the engine gives them
    PRIMARY KEY (room, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX log_spoken ON log (room, start_ms, seq) WHERE type = 'caption';
  CREATE INDEX log_amended ON log (room, of_seq) WHERE type = 'amend';
  `,
  `
  ALTER TABLE assignments ADD COLUMN recognition TEXT NOT NULL DEFAULT '{}'; -- JSON, recognition.ts
  `,
  `
  -- Paid engine time by day (UTC), billed seconds.
  CREATE TABLE paid (
    day TEXT NOT NULL,
    room TEXT NOT NULL,
    purpose TEXT NOT NULL,
    sessions INTEGER NOT NULL,
    seconds INTEGER NOT NULL,
    PRIMARY KEY (day, room, purpose)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Room times that captions have told.
  CREATE TABLE knots (
    stream TEXT NOT NULL REFERENCES streams ON DELETE CASCADE,
    position INTEGER NOT NULL,
    room_ms REAL NOT NULL,
    PRIMARY KEY (stream, position)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- What is spoken while it governs is not captioned.
  ALTER TABLE assignments ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;

  -- The log takes every act of an organizer; a CHECK changes only with its table, which is copied from page to page.
  CREATE TABLE log_of_acts (
    room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    type TEXT NOT NULL CHECK (type IN ('caption', 'amend', 'clear', 'pause', 'resume')),
    of_seq INTEGER,
    start_ms REAL,
    end_ms REAL,
    message TEXT NOT NULL,
    words TEXT,
    PRIMARY KEY (room, seq)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO log_of_acts SELECT room, seq, type, of_seq, start_ms, end_ms, message, words FROM log;
  DROP TABLE log;
  ALTER TABLE log_of_acts RENAME TO log;
  CREATE INDEX log_spoken ON log (room, start_ms, seq) WHERE type = 'caption';
  CREATE INDEX log_amended ON log (room, of_seq) WHERE type = 'amend';
  CREATE INDEX log_acts ON log (room, seq) WHERE type IN ('clear', 'pause', 'resume');
  `,
  `
  CREATE TABLE talks (
    room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    speakers TEXT NOT NULL,               -- JSON list of names
    language TEXT,
    start_ms INTEGER NOT NULL,            -- room time
    end_ms INTEGER NOT NULL,
    PRIMARY KEY (room, id)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Tokens of the whole relay, and tokens that end.
  CREATE TABLE tokens_of_rooms_and_relay (
    id TEXT PRIMARY KEY,
    room TEXT REFERENCES rooms ON DELETE CASCADE, -- null: of every room
    access TEXT NOT NULL CHECK (access IN ('publish', 'read', 'admin')),
    label TEXT NOT NULL,
    hash BLOB NOT NULL,                   -- SHA-256 of the whole token
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,                   -- null: never
    successor TEXT,                       -- the token that takes its place
    revoked INTEGER NOT NULL DEFAULT 0,   -- kept a while, so that its holder is told so
    last_used_ms INTEGER,
    CHECK (access = 'read' OR (access = 'publish') = (room IS NOT NULL))
  ) STRICT, WITHOUT ROWID;
  INSERT INTO tokens_of_rooms_and_relay (id, room, access, label, hash, created_ms, last_used_ms)
    SELECT id, room, access, label, hash, created_ms, last_used_ms FROM tokens;
  DROP TABLE tokens;
  ALTER TABLE tokens_of_rooms_and_relay RENAME TO tokens;
  CREATE INDEX tokens_by_room ON tokens (room);
  CREATE INDEX tokens_by_end ON tokens (expires_ms) WHERE expires_ms IS NOT NULL;

  -- Browsers that are logged in.
  CREATE TABLE admin_sessions (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL,                   -- SHA-256 of what the cookie holds
    token TEXT,                           -- the admin token it began with; null: that of the file
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,          -- at the latest
    used_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- What organizers did, and the relay by itself on their behalf.
  CREATE TABLE audit (
    id INTEGER PRIMARY KEY,               -- in order; only the oldest are ever deleted
    at_ms INTEGER NOT NULL,               -- room time
    actor TEXT NOT NULL,                  -- which token, or the schedule; never a secret
    address TEXT NOT NULL,                -- of the client; empty: none
    act TEXT NOT NULL,
    room TEXT,
    detail TEXT NOT NULL                  -- JSON, without secrets and without what was said
  ) STRICT;
  CREATE INDEX audit_by_room ON audit (room, id);

  -- Where a talk comes from: set by hand, or by the schedule of that source.
  ALTER TABLE talks ADD COLUMN source TEXT NOT NULL DEFAULT 'hand';
  -- JSON list of what an engine would not guess of it.
  ALTER TABLE talks ADD COLUMN names TEXT NOT NULL DEFAULT '[]';

  -- What an organizer decided about the talk that is on.
  CREATE TABLE conducted (
    room TEXT PRIMARY KEY REFERENCES rooms ON DELETE CASCADE,
    state TEXT NOT NULL                   -- JSON
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE kits (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('device', 'display', 'solo')),
    label TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    enrolled_ms INTEGER,                  -- null: not yet
    seen_ms INTEGER,                      -- the last sign of it
    told TEXT NOT NULL DEFAULT '{}'       -- JSON, what it said of itself last: kits.ts
  ) STRICT, WITHOUT ROWID;

  -- Which room each kit was to serve, from when to when by room time.
  CREATE TABLE kit_rooms (
    id INTEGER PRIMARY KEY,
    kit TEXT NOT NULL REFERENCES kits ON DELETE CASCADE,
    room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE,
    from_ms INTEGER NOT NULL,
    to_ms INTEGER                         -- null: it still does
  ) STRICT;
  CREATE INDEX kit_rooms_by_kit ON kit_rooms (kit, room);

  -- Keys of kits, and what they are exchanged for once.
  CREATE TABLE tokens_of_kits_too (
    id TEXT PRIMARY KEY,
    room TEXT REFERENCES rooms ON DELETE CASCADE, -- null: of every room, or of a kit
    access TEXT NOT NULL CHECK (access IN ('publish', 'read', 'admin', 'enrol', 'kit')),
    kit TEXT,                             -- remembered longer than the kit itself
    label TEXT NOT NULL,
    hash BLOB NOT NULL,                   -- SHA-256 of the whole token
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,                   -- null: never
    successor TEXT,                       -- the token that takes its place; of an enrolment, the key it was exchanged for
    revoked INTEGER NOT NULL DEFAULT 0,   -- kept a while, so that its holder is told so
    last_used_ms INTEGER,
    CHECK (access = 'read' OR (access = 'publish') = (room IS NOT NULL)),
    CHECK ((access IN ('enrol', 'kit')) = (kit IS NOT NULL))
  ) STRICT, WITHOUT ROWID;
  INSERT INTO tokens_of_kits_too (id, room, access, label, hash, created_ms, expires_ms, successor, revoked, last_used_ms)
    SELECT id, room, access, label, hash, created_ms, expires_ms, successor, revoked, last_used_ms FROM tokens;
  DROP TABLE tokens;
  ALTER TABLE tokens_of_kits_too RENAME TO tokens;
  CREATE INDEX tokens_by_room ON tokens (room);
  CREATE INDEX tokens_by_end ON tokens (expires_ms) WHERE expires_ms IS NOT NULL;
  CREATE INDEX tokens_by_kit ON tokens (kit) WHERE kit IS NOT NULL;
  `,
  `${archiveSchema}${canonicalSchema}${sinkSchema}`,
];

/**
 * Opens the relay's database in `dataDir`, made if missing, and brings its schema up to date. A damaged or missing one is
 * replaced by its copy.
 * @throws {SalaError} `data-dir` when the folder cannot be written, `disk` when there is no space, `database` when the file is not ours or damaged and has
 *   no copy
 */
export function openDatabase(dataDir: string): Database {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o750 });
    syncFolder(dirname(resolve(dataDir)));
  } catch (error) {
    throw cannotUse(dataDir, error);
  }
  const file = join(dataDir, 'relay.db');
  const copy = join(dataDir, 'relay-copy.db');
  try {
    return new Database(file, copy, openFile);
  } catch (error) {
    if (error instanceof SalaError) throw error;
    if (/CANTOPEN|READONLY|PERM/.test(codeOf(error))) throw cannotUse(dataDir, error);
    throw isDiskFault(error) && !isDamage(error) ? noSpace(dataDir, error) : damaged(file, error);
  }
}

/** @throws SqliteError, or {SalaError} where the schema or the build is another one */
function openFile(file: string): BetterSqlite.Database {
  if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600));
  const db = new BetterSqlite(file, { timeout: 2000 });
  try {
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL'); // a published caption and a reported range survive a power cut
    db.pragma('foreign_keys = ON');
    db.pragma('journal_size_limit = 8388608');
    migrate(db, file);
    // The driver's build falls back to NORMAL after the first write unless FULL was set by hand; make sure of it.
    if (db.pragma('synchronous', { simple: true }) !== 2)
      throw new SalaError(`${file} is not opened with synchronous=FULL`, {
        code: 'database',
        hint: 'This build of SQLite does not keep the setting; install the released version of better-sqlite3.',
      });
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** What is kept of the whole relay under a key; null where there is nothing. */
export function readKept<T>(db: Database, key: string): T | null {
  const row = db.prepare<[string], { value: string }>('SELECT value FROM meta WHERE key = ?').get(key);
  return row ? JSON.parse(row.value) : null;
}

/** Keeps a value under a key, in the place of what was there. */
export function keep(db: Database, key: string, value: unknown): void {
  db.prepare('INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value').run(
    key,
    JSON.stringify(value),
  );
}

/** The id of this relay's disk, made once; another id has stored nothing of what this one has. */
export function relayId(db: Database): string {
  db.prepare(`INSERT INTO meta (key, value) VALUES ('relay', ?) ON CONFLICT DO NOTHING`).run(randomUUID());
  return String(db.prepare(`SELECT value FROM meta WHERE key = 'relay'`).pluck().get());
}

/** Names what this relay keeps elsewhere, as in an AWS account: made once, and the same after a damaged file was replaced. */
export function ownerId(db: Database): string {
  db.prepare(`INSERT INTO meta (key, value) VALUES ('owner', ?) ON CONFLICT DO NOTHING`).run(relayId(db));
  return String(db.prepare(`SELECT value FROM meta WHERE key = 'owner'`).pluck().get());
}

function migrate(db: BetterSqlite.Database, path: string): void {
  const version = Number(db.pragma('user_version', { simple: true }));
  if (version > migrations.length)
    throw new SalaError(
      `${path} was written by a newer Sala (schema ${version}, this one knows ${migrations.length})`,
      {
        code: 'database',
        hint: 'Install that release again, or start with another --data-dir.',
      },
    );
  migrations.slice(version).forEach((sql, i) => {
    db.transaction(() => {
      db.exec(sql);
      db.pragma(`user_version = ${version + i + 1}`);
    })();
  });
}

const cannotUse = (dataDir: string, cause: unknown) =>
  new SalaError(`The data folder ${dataDir} cannot be used: ${messageOf(cause)}`, {
    code: 'data-dir',
    hint: 'Give --data-dir a folder that this user may write to.',
    cause,
  });

const noSpace = (dataDir: string, cause: unknown) =>
  new SalaError(`The disk of ${dataDir} does not take what has to be written: ${messageOf(cause)}`, {
    code: 'disk',
    hint: 'Make room on it. A new release may need as much space again as relay.db has, to bring it up to date; nothing of it is lost.',
    cause,
  });

const damaged = (path: string, cause: unknown) =>
  new SalaError(`${path} cannot be read: ${messageOf(cause)}`, {
    code: 'database',
    hint: 'There is no good copy beside it. Restore it from a backup, or move it away to start with empty rooms; buffered audio on the kits is kept.',
    cause,
  });
