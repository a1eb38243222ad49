/** What the relay holds of canonical transcripts, and what organizers decided about them: a part of schema 9. */
export const canonicalSchema = `
  -- Transcripts of recordings as they came from the store.
  CREATE TABLE canonical_versions (
    id INTEGER PRIMARY KEY,
    room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE,
    talk TEXT NOT NULL,                   -- as it stands in keys
    name TEXT NOT NULL,                   -- its folder in the store, and the beginning of its hash
    folder TEXT NOT NULL,                 -- key
    etag TEXT NOT NULL,                   -- of transcript.json, as the store names it
    sha256 TEXT NOT NULL,                 -- of transcript.json
    about TEXT NOT NULL,                  -- JSON, fetched.ts
    report TEXT,                          -- JSON, as the job wrote it
    fetched_ms REAL NOT NULL,
    whole INTEGER NOT NULL DEFAULT 0,     -- all its segments are there
    UNIQUE (room, talk, name)
  ) STRICT;

  CREATE TABLE canonical_segments (
    version INTEGER NOT NULL REFERENCES canonical_versions ON DELETE CASCADE,
    id INTEGER NOT NULL,
    start_ms REAL NOT NULL,               -- room time
    end_ms REAL NOT NULL,
    speaker TEXT,
    language TEXT NOT NULL,
    text TEXT NOT NULL,
    words TEXT,                           -- JSON [[text, startMs, endMs], …] where all have times
    withheld TEXT,                        -- why nobody reads it until an organizer has decided
    PRIMARY KEY (version, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX canonical_spoken ON canonical_segments (version, start_ms, id);

  -- How a talk stands with the store, and what organizers decided; it outlasts every version.
  CREATE TABLE canonical_talks (
    room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE,
    talk TEXT NOT NULL,
    state TEXT NOT NULL,                  -- JSON, fetched.ts
    PRIMARY KEY (room, talk)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE canonical_corrections (
    room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE,
    talk TEXT NOT NULL,
    version TEXT NOT NULL,                -- name of the version
    segment INTEGER NOT NULL,
    text TEXT,                            -- null: hidden
    at_ms REAL NOT NULL,                  -- room time
    PRIMARY KEY (room, talk, version, segment)
  ) STRICT, WITHOUT ROWID;
`;

/** They can be fetched again, and are too much to be compared row by row every half minute: not in the database's copy. */
export const fetchedTables: ReadonlySet<string> = new Set(['canonical_versions', 'canonical_segments']);
