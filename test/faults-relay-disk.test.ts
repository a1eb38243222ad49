import { openSync, readdirSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { type TestContext, test } from 'vitest';
import { Ext4Disk } from './harness/ext4-disk.ts';
import { worstLag } from './harness/lag.ts';
import { noise } from './harness/random.ts';
import { Talk, type TalkOptions } from './harness/talk.ts';
import { until } from './harness/until.ts';
import { finished, verdictOf, whole } from './harness/verdict.ts';

const maxLagMs = 3000;

async function started({ onTestFinished }: TestContext, options: TalkOptions): Promise<Talk> {
  const talk = new Talk({ segmentWords: 5, ...options });
  onTestFinished(() => talk.stop());
  return talk.start();
}

/** Writes over the relay's database in its place; nothing of it is in the log beside it. */
function overwrite(talk: Talk): void {
  const file = join(talk.relayDir, 'relay.db');
  const db = new BetterSqlite(file);
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
  writeSync(openSync(file, 'r+'), noise(1, Math.max(statSync(file).size, 500_000)), 0);
}

const errors = (talk: Talk) => talk.parts.relay.program.entries({ level: 'error' }).map(({ entry }) => entry.event);
const setAside = (talk: Talk) => readdirSync(talk.relayDir).filter((name) => /^relay\.db\.damaged-[^w]*Z$/.test(name));
const ready = async (talk: Talk) =>
  (await fetch(new URL('/readyz', talk.parts.relay.url))).json() as Promise<{ status: string; message?: string }>;

test.concurrent('a relay whose database is overwritten with garbage captions on as if nothing were, says so once, and has everything', {
  timeout: 120_000,
}, async (context) => {
  const { expect } = context;
  const talk = await started(context, { numbers: 450 });
  await talk.said(100);
  const overwrittenAtMs = performance.now();
  overwrite(talk);
  await until(() => errors(talk).length > 0 || undefined, { timeoutMs: 40_000, what: 'the damage in the journal' });
  expect(errors(talk)).toEqual(['database-renewed']);
  expect(await ready(talk)).toMatchObject({ status: 'ready', message: expect.stringContaining('damaged') });
  expect(setAside(talk)).toHaveLength(1);
  expect(await finished(talk, 60_000)).toBe(0);
  expect(worstLag(talk.lags(), overwrittenAtMs)).toBeLessThan(maxLagMs);
  expect(talk.parts.reader.resets).toBe(0);
  expect(await verdictOf(talk, 'database overwritten')).toEqual(whole);
  await talk.restartRelay('SIGKILL');
  expect(await verdictOf(talk, 'database overwritten, after a restart')).toEqual(whole);
  expect(errors(talk)).toEqual([]);
});

test.concurrent('a relay that finds its database full of garbage starts on the copy, with its rooms and tokens, and lacks nothing', {
  timeout: 120_000,
}, async (context) => {
  const { expect } = context;
  const talk = await started(context, { numbers: 350 });
  await talk.said(150); // the copy is older than that
  const { relay } = talk.parts;
  relay.program.kill('SIGKILL');
  await relay.program.exit;
  overwrite(talk);
  await talk.restartRelay('SIGKILL');
  expect(errors(talk)).toEqual(['database-renewed']);
  expect(await finished(talk, 60_000)).toBe(0);
  expect(talk.parts.reader.resets).toBe(1);
  expect(await verdictOf(talk, 'database garbage at start')).toEqual(whole);
});

test.concurrent('a relay whose disk turns read-only captions on, says so once, and has everything once it is writable again', {
  timeout: 120_000,
}, async (context) => {
  const { expect, onTestFinished } = context;
  const disk = Ext4Disk.mount(64);
  if (typeof disk === 'string') return context.skip(disk);
  onTestFinished(() => disk.unmount());
  const talk = await started(context, { numbers: 400, relayDir: disk.path });
  const storage = async () => (await talk.room<{ live: { storage: string } }>()).live.storage;
  await talk.said(60);
  const readOnlyAtMs = performance.now();
  disk.turnReadOnly();
  await until(async () => (await storage()) !== '' || undefined, { what: 'the fault in the room’s state' });
  await talk.said(220);
  expect(worstLag(talk.lags(), readOnlyAtMs)).toBeLessThan(maxLagMs);
  expect(errors(talk)).toEqual(['spool-fault']);
  disk.mountAnew();
  await until(async () => (await storage()) === '' || undefined, { what: 'recovery' });
  expect(await finished(talk, 60_000)).toBe(0);
  expect(await verdictOf(talk, 'read-only disk')).toEqual(whole);
  expect(talk.parts.reader.resets).toBe(0);
  // On the disk it is, not only in memory.
  await talk.restartRelay('SIGKILL');
  expect(await verdictOf(talk, 'read-only disk, after a restart')).toEqual(whole);
});
