import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { backUp, restore } from '../relay/backup.ts';
import { CaptionLog } from '../relay/captions.ts';
import { migrations, openDatabase, relayId } from '../relay/database.ts';
import { Rooms } from '../relay/rooms.ts';
import { Spool } from '../relay/spool.ts';
import { Tokens } from '../relay/tokens.ts';
import { createLog } from '../systemd/log.ts';
import { Ext4Disk } from './harness/ext4-disk.ts';
import { RunningProgram, temporaryFolder } from './harness/programs.ts';
import { noise } from './harness/random.ts';
import { Talk } from './harness/talk.ts';
import { until } from './harness/until.ts';
import { finished, verdictOf, whole } from './harness/verdict.ts';

let folder: ReturnType<typeof temporaryFolder>;
const at = (name: string) => join(folder.path, name);
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

/** A relay's database with a room, a token and captions. */
function fill(dataDir: string, captions = 40): { token: string; logId: string; relay: string } {
  const db = openDatabase(dataDir);
  const { logId } = new Rooms(db, { language: 'en-US', engine: 'script:load' }).put('hall', { title: 'Sala Verdi' });
  const { token } = new Tokens(db).create('hall', 'publish', 'kit');
  const log = new CaptionLog(db, 'hall', logId);
  for (let i = 0; i < captions; i++) {
    const place = { start: i * 1000, end: i * 1000 + 900, stream: 's', from: 0, to: 1 };
    log.append({ text: `caption ${i + 1}`, language: 'en-US', speaker: null, late: false, ...place });
  }
  const relay = relayId(db);
  db.close();
  return { token, logId, relay };
}

async function refusalOf(work: () => unknown): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was refused');
}

test('a backup restored into a new folder has rooms, tokens and captions, and is another disk with other logs', async () => {
  const { token, logId, relay } = fill(at('old'));
  const report = await backUp(at('old'), at('backup.db'));
  expect(report).toMatchObject({ rooms: 1, captions: 40, bytes: statSync(at('backup.db')).size });
  expect(statSync(at('backup.db')).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder.path).sort()).toEqual(['backup.db', 'old']);
  expect(restore(at('backup.db'), at('new'))).toMatchObject({ rooms: 1, captions: 40 });
  expect(readdirSync(at('new'))).toEqual(['relay.db']);
  const db = openDatabase(at('new'));
  expect(new Tokens(db).identify(token)).toMatchObject({ room: 'hall', access: 'publish' });
  const rooms = new Rooms(db, { language: 'en-US', engine: 'script:load' });
  const { logId: newId } = rooms.get('hall') ?? { logId: '' };
  expect(newId).not.toBe(logId);
  expect(new CaptionLog(db, 'hall', newId).after(0, 100)).toHaveLength(40);
  expect(relayId(db)).not.toBe(relay);
  db.close();
});

test('a backup is of one moment, however much is written meanwhile', async () => {
  fill(at('data'));
  const db = openDatabase(at('data'));
  db.prepare(`INSERT INTO meta VALUES ('a', '0'), ('b', '0')`).run();
  // Some megabytes, so that a copy takes a while.
  const pad = db.prepare(`INSERT INTO meta VALUES (?, ?)`);
  db.transaction(() => {
    for (let i = 0; i < 2000; i++) pad.run(`pad ${i}`, 'x'.repeat(8000));
  })();
  let written = 0;
  const both = db.prepare(`UPDATE meta SET value = ? WHERE key = ?`);
  const write = setInterval(() => {
    written++;
    db.transaction(() => {
      both.run(`${written}`, 'a');
      both.run(`${written}`, 'b');
    })();
  }, 1);
  for (let i = 0; i < 3; i++) {
    const before = written;
    await until(() => written > before + 3 || undefined);
    const file = at(`backup-${i}.db`);
    await backUp(at('data'), file);
    const copy = new BetterSqlite(file, { readonly: true });
    const [a, b] = ['a', 'b'].map((key) => copy.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(key));
    copy.close();
    expect(a).toBe(b);
    expect(Number(a)).toBeGreaterThan(before);
  }
  clearInterval(write);
  db.close();
});

test('audio that is not in the folder does not count as stored, unless its words are captions already', async () => {
  fill(at('data'));
  const db = openDatabase(at('data'));
  const spool = new Spool(db, at('data'), createLog('silent')('spool'));
  spool.start();
  const id = randomUUID();
  const stream = spool.open(id, 'hall', 'kit', 1);
  if (!stream) throw new Error('no stream');
  spool.write(stream, 0, Buffer.alloc(2 * 48_000, 1));
  spool.settle(stream, [[0, 16_000]]);
  spool.declareHole(stream, { from: 48_000, to: 50_000, reason: 'bound' });
  await spool.stop();
  await backUp(at('data'), at('backup.db'));
  db.close();

  const storedAfter = (dataDir: string) => {
    restore(at('backup.db'), dataDir);
    const restored = openDatabase(dataDir);
    const again = new Spool(restored, dataDir, createLog('silent')('spool'));
    again.start();
    const { stored, audio } = again.get(id) ?? { stored: null, audio: null };
    restored.close();
    return { stored, audio };
  };
  // The hole and the captioned second stay; the rest is asked for again.
  expect(storedAfter(at('elsewhere'))).toEqual({
    stored: [
      [0, 16_000],
      [48_000, 50_000],
    ],
    audio: [],
  });
  // Where the audio is, it counts.
  for (const name of readdirSync(at('data'))) if (name.startsWith('relay')) rmSync(at(`data/${name}`));
  expect(storedAfter(at('data'))).toEqual({ stored: [[0, 50_000]], audio: [[0, 48_000]] });
});

describe('what cannot be done is refused in words, and leaves everything as it was:', () => {
  test('a file or a database that is there already', async () => {
    fill(at('data'));
    await backUp(at('data'), at('backup.db'));
    const before = statSync(at('backup.db'));
    expect(await refusalOf(() => backUp(at('data'), at('backup.db')))).toMatchObject({
      code: 'backup',
      message: expect.stringContaining('backup.db is there already'),
    });
    expect(statSync(at('backup.db')).mtimeMs).toBe(before.mtimeMs);
    expect(await refusalOf(() => restore(at('backup.db'), at('data')))).toMatchObject({
      code: 'backup',
      message: expect.stringContaining('relay.db is there already'),
    });
  });

  test('a folder without a database, a name in no folder, a file that is none', async () => {
    fill(at('data'));
    mkdirSync(at('empty'));
    writeFileSync(at('garbage'), noise(1, 100_000));
    writeFileSync(at('nothing'), '');
    for (const work of [
      () => backUp(at('empty'), at('backup.db')),
      () => backUp(at('data'), at('nowhere/backup.db')),
      () => restore(at('never'), at('new')),
      () => restore(at('garbage'), at('new')),
      () => restore(at('nothing'), at('new')),
    ])
      expect(await refusalOf(work)).toMatchObject({ code: expect.stringMatching(/^(backup|database)$/) });
    expect(existsSync(at('backup.db'))).toBe(false);
    expect(existsSync(at('new/relay.db'))).toBe(false);
  });

  test('a backup of a newer release', async () => {
    fill(at('data'));
    await backUp(at('data'), at('backup.db'));
    const db = new BetterSqlite(at('backup.db'));
    db.pragma(`user_version = ${migrations.length + 1}`);
    db.close();
    expect(await refusalOf(() => restore(at('backup.db'), at('new')))).toMatchObject({
      message: expect.stringContaining('newer Sala'),
    });
  });

  test('a damaged database', async () => {
    fill(at('data'), 3000);
    const fd = openSync(at('data/relay.db'), 'r+');
    writeSync(fd, noise(1, 100_000), 0, 100_000, 200_000);
    closeSync(fd);
    expect(await refusalOf(() => backUp(at('data'), at('backup.db')))).toMatchObject({ code: 'database' });
    expect(readdirSync(folder.path)).toEqual(['data']);
  });

  test('a full disk', async (context) => {
    const disk = Ext4Disk.mount(16, 4096);
    if (typeof disk === 'string') return context.skip(disk);
    try {
      fill(at('data'), 3000);
      const filler = openSync(join(disk.path, 'filler'), 'w');
      expect(() => {
        for (;;) writeSync(filler, Buffer.alloc(4096));
      }).toThrow(/ENOSPC/);
      closeSync(filler);
      expect(await refusalOf(() => backUp(at('data'), join(disk.path, 'backup.db')))).toMatchObject({
        code: 'disk',
        hint: expect.stringContaining('space'),
      });
      expect(readdirSync(disk.path).sort()).toEqual(['filler', 'lost+found']);
    } finally {
      disk.unmount();
    }
  });
});

test('the commands end with 0 where they did it, 1 where they could not, 78 where they were told wrong', async () => {
  fill(at('data'));
  const ended = async (...args: string[]) => {
    const program = new RunningProgram('relay/main.ts', args);
    const { status } = await program.exit;
    return { status, output: program.output };
  };
  const backup = at('backup.db');
  expect(await ended('--backup', backup, '--data-dir', at('data'))).toEqual({
    status: 0,
    output: expect.stringContaining('1 rooms, 40 captions'),
  });
  expect(await ended('--backup', backup, '--data-dir', at('data'))).toMatchObject({ status: 1 });
  expect(await ended(`--restore=${backup}`, '--data-dir', at('new'))).toMatchObject({ status: 0 });
  expect(await ended('--backup', backup)).toMatchObject({ status: 78 });
  expect(await ended('--backup', backup, '--restore', backup, '--data-dir', at('x'))).toMatchObject({ status: 78 });
});

test('a talk goes on from a backup that was made in its midst: nothing is lost, nothing is said twice', {
  timeout: 120_000,
}, async ({ onTestFinished }) => {
  const talk = new Talk({ numbers: 260 });
  onTestFinished(() => talk.stop());
  await talk.start();
  await talk.said(60);
  const backup = at('backup.db');
  const command = new RunningProgram('relay/main.ts', ['--backup', backup, '--data-dir', talk.relayDir]);
  expect(await command.exit).toMatchObject({ status: 0 });
  await talk.said(120);
  await talk.parts.proxy.refuse(true);
  await talk.restoreRelay((dataDir) => {
    restore(backup, dataDir);
  });
  await talk.parts.proxy.refuse(false);
  await until(() => talk.parts.reader.resets === 1 || undefined, { what: 'the reset' });
  expect(await finished(talk, 90_000)).toBe(0);
  expect(await verdictOf(talk, 'relay restored')).toEqual(whole);
});
