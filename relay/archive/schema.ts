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
`;
