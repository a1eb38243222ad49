import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openDatabase } from '../relay/database.ts';
import { type HealthAges, RelayHealth } from '../relay/health.ts';
import { Ext4Disk } from './harness/ext4-disk.ts';
import { TestRelay, temporaryFolder } from './harness/programs.ts';
import { until } from './harness/until.ts';

/** A database in a folder of its own, and what turns the monotonic clock on. */
function house(folder = temporaryFolder()) {
  const db = openDatabase(folder.path);
  const now = performance.now.bind(performance);
  let shiftMs = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + shiftMs);
  onTestFinished(() => clock.mockRestore());
  const pass = (ms: number) => {
    shiftMs += ms;
  };
  return { db, folder, health: new RelayHealth({ db }), pass };
}

test('ages are those of what was last done, and who asks often costs no more', () => {
  const { db, folder, health, pass } = house();
  onTestFinished(() => {
    db.close();
    folder.remove();
  });
  const written = () => db.prepare(`SELECT value FROM meta WHERE key = 'probed'`).pluck().get();
  db.prepare(`INSERT INTO meta VALUES ('x', 'y')`).run();
  pass(4000);
  expect(health.live().ages.databaseWriteMs).toBeGreaterThanOrEqual(4000);
  expect(written()).toBeUndefined();
  pass(2000); // nobody wrote for so long: now it is tried
  health.live();
  const first = written();
  expect(first).toEqual(expect.any(String));
  for (let i = 0; i < 100; i++) health.ready();
  expect(written()).toBe(first);
});

test('a full disk is told, and is no reason to end or to send newcomers away', (context) => {
  const disk = Ext4Disk.mount(16, 4096);
  if (typeof disk === 'string') return context.skip(disk);
  const { db, health, pass } = house({ path: disk.path, remove: () => {} });
  try {
    const filler = openSync(join(disk.path, 'filler'), 'w');
    expect(() => {
      for (;;) writeSync(filler, Buffer.alloc(4096));
    }).toThrow(/ENOSPC/);
    closeSync(filler);
    // What SQLite has taken of the disk already is used up.
    const write = db.prepare('INSERT INTO meta VALUES (?, ?)');
    expect(() => {
      for (let i = 0; ; i++) write.run(`filler ${i}`, 'x'.repeat(4096));
    }).toThrow(/full/);
    for (const ageMs of [10_000, 100_000]) {
      pass(ageMs);
      expect(health.live()).toMatchObject({ ok: true, status: 'ok', message: expect.stringContaining('memory') });
      expect(health.ready()).toMatchObject({ ok: true, status: 'ready', message: expect.stringContaining('full') });
      expect(health.live().ages.databaseWriteMs).toBeGreaterThanOrEqual(ageMs);
    }
    rmSync(join(disk.path, 'filler'));
    pass(2000);
    expect(health.live().message).toBeUndefined();
  } finally {
    db.close();
    disk.unmount();
  }
});

test('a database that does not answer is no place for newcomers at once, and worth a new start after half a minute', () => {
  const { db, folder, health, pass } = house();
  onTestFinished(folder.remove);
  db.close();
  const told = { message: expect.stringContaining('does not answer') };
  pass(6000);
  expect(health.ready()).toMatchObject({ ok: false, status: 'failing', ...told });
  expect(health.live()).toMatchObject({ ok: true, status: 'ok', ...told });
  pass(25_000);
  expect(health.live()).toMatchObject({ ok: false, status: 'failing', ...told });
});

test('rooms that nobody looks after are a reason to end', () => {
  const { db, folder } = house();
  onTestFinished(() => {
    db.close();
    folder.remove();
  });
  const health = new RelayHealth({ db, rooms: { tickedAtMs: performance.now() - 31_000 } });
  expect(health.live()).toMatchObject({ ok: false, status: 'failing', ages: { roomsMs: expect.any(Number) } });
});

test('a running relay tells its ages, and goes on when its database is moved away under it', {
  timeout: 60_000,
}, async () => {
  const folder = temporaryFolder();
  const relay = await TestRelay.start({ dataDir: folder.path });
  onTestFinished(async () => {
    await relay.stop();
    folder.remove();
  });
  await relay.room('hall');
  const ask = async (path: string) => {
    const answer = await fetch(`${relay.url}${path}`);
    const body: { status: string; message?: string; ages: HealthAges } = await answer.json();
    return { status: answer.status, ...body.ages, message: body.message };
  };
  const copied = () => ask('/healthz').then((now) => (now.databaseCopyMs !== null ? now : undefined));
  const before = await until(copied, { what: 'the first copy' });
  expect(before).toMatchObject({ status: 200, spoolSyncMs: null, roomsMs: expect.any(Number), message: undefined });
  expect(Math.max(before.databaseReadMs, before.databaseWriteMs, before.roomsMs ?? 0)).toBeLessThan(20_000);
  renameSync(join(folder.path, 'relay.db'), join(folder.path, 'elsewhere.db'));
  await relay.call('POST', '/api/rooms/hall/tokens', { right: 'read' }); // looks at the file on disk
  expect(await ask('/readyz')).toMatchObject({ status: 200, message: expect.stringContaining('copy took its place') });
  expect(await ask('/healthz')).toMatchObject({ status: 200 });
});
