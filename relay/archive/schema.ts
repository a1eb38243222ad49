/** Recordings of talks, and how far their way to the store is: a part of schema 9. */
export const archiveSchema = `
  -- Outlives its room: what is in the store has to be deleted there.
  CREATE TABLE recordings (
    room TEXT NOT NULL,
    talk TEXT NOT NULL,                   -- as it stands in keys
    talk_id TEXT,                         -- of the schedule; null: found by its sound
    revision INTEGER NOT NULL,
    room_title TEXT NOT NULL,
    title TEXT NOT NULL,
    speakers TEXT NOT NULL,               -- JSON list of names
    from_ms REAL NOT NULL,                -- room time
    to_ms REAL,                           -- null: it runs
    ended_by TEXT,                        -- recordings.ts; null: it runs
    state TEXT NOT NULL CHECK (state IN ('running', 'ended', 'cutting', 'uploading', 'stored', 'failed', 'deleted')),
    message TEXT NOT NULL,
    hint TEXT NOT NULL,
    redact INTEGER NOT NULL,
    engine TEXT,                          -- null: as the job does by default
    manifest TEXT,                        -- key; null until it is written
    plan TEXT,                            -- JSON, cut.ts: what it is cut from, once fixed
    changed_ms REAL NOT NULL,
    PRIMARY KEY (room, talk)
  ) STRICT, WITHOUT ROWID;

  -- From when on a room may be recorded: nothing from before that is.
  CREATE TABLE recorded_rooms (room TEXT PRIMARY KEY, since_ms REAL NOT NULL) STRICT, WITHOUT ROWID;

  -- Files on their way to the store, in order; a group is told of when all of it has arrived.
  CREATE TABLE uploads (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    grp TEXT NOT NULL,
    file TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    upload TEXT,                          -- id of the upload in parts that was begun
    stored INTEGER NOT NULL DEFAULT 0,    -- the store has confirmed its hash
    added_ms REAL NOT NULL
  ) STRICT;
  CREATE INDEX uploads_by_group ON uploads (grp, stored, id);

  -- What has to go from the store.
  CREATE TABLE erasures (
    id INTEGER PRIMARY KEY,
    prefix TEXT NOT NULL,                 -- all keys that begin so, or the key of an upload
    upload TEXT NOT NULL,                 -- id of an upload in parts that is given up; empty: what is stored goes
    reason TEXT NOT NULL,
    looks INTEGER NOT NULL DEFAULT 0,     -- how often it was found gone
    due_ms REAL NOT NULL,                 -- when to look next
    added_ms REAL NOT NULL,
    UNIQUE (prefix, upload)
  ) STRICT;
`;
