/**
 * Tables as any ClickHouse since 18.16 takes them; the relay makes what is not there yet. Rows are one of a kind by the
 * key they are ordered by: what was sent twice is merged, and FINAL reads it as one before that. For a server of today
 * production.sql has the same columns with more.
 */
export const tables: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS segments (
    event String, room String, talk_id String, source String, revision UInt64, seq UInt32,
    start_ms Int64, end_ms Int64, speaker String, language String, text String, words UInt32, version UInt64
  ) ENGINE = ReplacingMergeTree(version) ORDER BY (event, room, talk_id, source, revision, seq)`,
  `CREATE TABLE IF NOT EXISTS talks (
    event String, room String, talk_id String, room_title String, title String, start_ms Int64, end_ms Int64,
    live_revision UInt64, canonical_revision UInt64, is_canonical UInt8, engine String, model String,
    canonical_ms Int64, is_deleted UInt8, version UInt64
  ) ENGINE = ReplacingMergeTree(version) ORDER BY (event, room, talk_id)`,
  // Of each talk the transcript that counts, and of that the revision that is whole.
  `CREATE VIEW IF NOT EXISTS canonical AS
  SELECT event, room, talk_id, title, source, seq, start_ms, end_ms, speaker, language, text, words
  FROM (SELECT * FROM segments FINAL) AS said
  ALL INNER JOIN (
    SELECT event, room, talk_id, title, if(is_canonical = 1, 'canonical', 'live') AS source,
      if(is_canonical = 1, canonical_revision, live_revision) AS revision
    FROM talks FINAL WHERE is_deleted = 0
  ) AS counting USING (event, room, talk_id, source, revision)`,
];
