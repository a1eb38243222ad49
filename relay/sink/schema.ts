/** What the sink still has to send, and what it has sent: a part of schema 9. */
export const sinkSchema = `
  -- What a talk looked like when it was last put into the outbox; the talk may be gone meanwhile.
  CREATE TABLE sink_talks (
    room TEXT NOT NULL,
    talk TEXT NOT NULL,                   -- as it stands in keys
    live TEXT NOT NULL DEFAULT '',        -- mark of its live captions, watch.ts
    canonical TEXT NOT NULL DEFAULT '',   -- mark of its canonical transcript
    live_revision INTEGER NOT NULL DEFAULT 0,       -- of what ClickHouse has; 0: nothing
    canonical_revision INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (room, talk)
  ) STRICT, WITHOUT ROWID;

  -- Talks on their way; what is sent of them is read when it is sent.
  CREATE TABLE sink_outbox (
    id INTEGER PRIMARY KEY,
    room TEXT NOT NULL,
    talk TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('live', 'canonical', 'deleted')),
    revision INTEGER NOT NULL,            -- the same at each attempt, more with each change
    added_ms REAL NOT NULL,
    UNIQUE (room, talk, source)
  ) STRICT;
`;
