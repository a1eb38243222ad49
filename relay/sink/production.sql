-- The sink's tables for a ClickHouse of today (24.8 or later), to be run before the relay is told of it: the relay makes
-- what is missing in a form that servers since 18.16 take, and never changes what is there. Same columns and names;
-- smaller, with times that people read, and talks that go by themselves after two years.

CREATE TABLE IF NOT EXISTS segments (
  event LowCardinality(String), room LowCardinality(String), talk_id String CODEC(ZSTD), source LowCardinality(String),
  revision UInt64 CODEC(Delta, ZSTD), seq UInt32 CODEC(Delta, ZSTD),
  start_ms Int64 CODEC(DoubleDelta, ZSTD), end_ms Int64 CODEC(DoubleDelta, ZSTD),
  speaker LowCardinality(String), language LowCardinality(String), text String CODEC(ZSTD(6)), words UInt32,
  version UInt64 CODEC(Delta, ZSTD),
  started DateTime64(3, 'UTC') ALIAS fromUnixTimestamp64Milli(start_ms, 'UTC')
) ENGINE = ReplacingMergeTree(version) ORDER BY (event, room, talk_id, source, revision, seq)
TTL toDateTime(intDiv(start_ms, 1000)) + INTERVAL 2 YEAR;

CREATE TABLE IF NOT EXISTS talks (
  event LowCardinality(String), room LowCardinality(String), talk_id String, room_title String, title String,
  start_ms Int64, end_ms Int64, live_revision UInt64, canonical_revision UInt64, is_canonical UInt8,
  engine LowCardinality(String), model LowCardinality(String), canonical_ms Int64, is_deleted UInt8, version UInt64,
  started DateTime64(3, 'UTC') ALIAS fromUnixTimestamp64Milli(start_ms, 'UTC')
) ENGINE = ReplacingMergeTree(version) ORDER BY (event, room, talk_id);
