import { readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import Database from 'better-sqlite3';
import { type RangeSet, union } from '../relay/protocol.js';
import { codeOf } from '../systemd/errors.ts';

/** Damaged files are kept for whoever wants to look, but not for ever. */
const maxDamagedFiles = 3;
const pageBytes = 4096;
/** SQLite keeps up to three files. */
const parts = ['', '-wal', '-shm'];

/** One blob: at most a second of s16le audio that begins at `position`. */
export interface Chunk {
  readonly position: number;
  readonly samples: number;
  readonly audio: Uint8Array<ArrayBuffer>;
}

/** What is to be changed; all of it in one transaction. */
export interface DiskBatch {
  /** Streams to write: `record` is JSON whose meaning only the writer knows. */
  readonly records: readonly { readonly id: string; readonly record: string }[];
  readonly chunks: readonly ({ readonly id: string } & Chunk)[];
  /** Delete the chunks that lie wholly in these positions: the relay has them. */
  readonly trims: readonly { readonly id: string; readonly ranges: RangeSet }[];
  /** Delete the oldest chunks, of at least this many samples in all: the bound is reached. */
  readonly drops: readonly { readonly id: string; readonly samples: number }[];
  /** Delete all that is known of these streams. */
  readonly forgets: readonly string[];
}

export interface DiskWritten {
  /** What `trims` and `drops` deleted, by stream. */
  readonly removed: readonly { readonly id: string; readonly ranges: RangeSet }[];
  /** Bytes of the file in use. */
  readonly bytes: number;
}

export interface DiskRead {
  readonly pieces: readonly Chunk[];
  /** Positions whose checksum was wrong; they are no longer on the disk. */
  readonly damaged: RangeSet;
}

export interface StoredStream {
  readonly id: string;
  readonly record: string;
  readonly ranges: RangeSet;
}

type Address = { position: number; samples: number };
type ChunkRow = Address & { id: number; crc32: number; audio: Buffer<ArrayBuffer> };

const schemaVersion = 1;
const schema = `
  CREATE TABLE IF NOT EXISTS stream (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, record TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS chunk (
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, position INTEGER NOT NULL, samples INTEGER NOT NULL,
    crc32 INTEGER NOT NULL, audio BLOB NOT NULL);
  -- Covers what start-up reads, so that it does not walk through the audio.
  CREATE INDEX IF NOT EXISTS chunk_address ON chunk (stream, position, samples);
  PRAGMA user_version = ${schemaVersion};`;

const rangeOf = ({ position, samples }: Address): [number, number] => [position, position + samples];

/** The code of `error` means that the file itself is no good, or a place of it that cannot be read. */
export const isDamage = (error: unknown) =>
  /^SQLITE_(CORRUPT|NOTADB|IOERR_(SHORT_READ|READ|CORRUPTFS))/.test(codeOf(error));

/** The code of `error` means that the file can no longer be used through the handles that are open. */
export const isDetached = (error: unknown) => /^SQLITE_(IOERR|READONLY|CANTOPEN)/.test(codeOf(error));

/** The buffer's file. Every change is one synced commit: what `write` returned for is there after a power cut. */
export class BufferDatabase {
  readonly #db: Database.Database;
  readonly #streamSeq: Database.Statement<[string], { seq: number }>;

  /** @throws SqliteError where the file cannot be opened or is damaged */
  constructor(file: string) {
    this.#db = new Database(file, { timeout: 2000 });
    try {
      this.#db.pragma(`page_size = ${pageBytes}`);
      // Two programs on one buffer would each believe that its own bookkeeping is the whole truth.
      this.#db.pragma('locking_mode = EXCLUSIVE');
      const check = this.#db.pragma('quick_check(1)', { simple: true });
      if (check !== 'ok') throw Object.assign(new Error(String(check)), { code: 'SQLITE_CORRUPT' });
      this.#db.pragma('journal_mode = WAL');
      this.#db.pragma('synchronous = FULL');
      this.#db.pragma('wal_autocheckpoint = 1000');
      this.#db.pragma(`journal_size_limit = ${1000 * pageBytes}`);
      // On a full disk even a write that changes nothing fails, and what is there could not be read.
      if (this.#db.pragma('user_version', { simple: true }) !== schemaVersion) this.#db.exec(schema);
      this.#streamSeq = this.#db.prepare('SELECT seq FROM stream WHERE id = ?');
      this.#assertSynced();
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  /** Every stream, in the order in which they began, and what is held of it. */
  list(): StoredStream[] {
    const addresses = this.#db.prepare<[number], Address>(
      'SELECT position, samples FROM chunk WHERE stream = ? ORDER BY position',
    );
    return this.#db
      .prepare<[], { seq: number; id: string; record: string }>('SELECT seq, id, record FROM stream ORDER BY seq')
      .all()
      .map(({ seq, id, record }) => {
        const ranges: RangeSet = [];
        for (const row of addresses.iterate(seq)) {
          const [from, to] = rangeOf(row);
          const last = ranges.at(-1);
          if (last && from <= last[1]) last[1] = Math.max(last[1], to);
          else ranges.push([from, to]);
        }
        return { id, record, ranges };
      });
  }

  /** @throws SqliteError; then nothing of the batch was done */
  write(batch: DiskBatch): DiskWritten {
    const removed = this.#db.transaction(() => {
      for (const { id, record } of batch.records)
        this.#db
          .prepare(
            'INSERT INTO stream (id, record) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record',
          )
          .run(id, record);
      for (const chunk of batch.chunks) this.#insert(chunk);
      const out = [
        ...batch.trims.map(({ id, ranges }) => ({ id, ranges: this.#trim(id, ranges) })),
        ...batch.drops.map(({ id, samples }) => ({ id, ranges: this.#drop(id, samples) })),
      ];
      for (const id of batch.forgets) {
        this.#db.prepare('DELETE FROM chunk WHERE stream = (SELECT seq FROM stream WHERE id = ?)').run(id);
        this.#db.prepare('DELETE FROM stream WHERE id = ?').run(id);
      }
      this.#assertSynced();
      return out;
    })();
    return { removed, bytes: this.bytes() };
  }

  /** The library is built with NORMAL as the default in WAL mode, and falls back to it at the first write. */
  #assertSynced(): void {
    if (this.#db.pragma('synchronous', { simple: true }) !== 2)
      throw Object.assign(new Error('the buffer does not sync its commits'), { code: 'SALA_NOT_SYNCED' });
  }

  /** The chunks that touch `[from, to)`, checked, oldest first. A chunk that fails its check is deleted. */
  read(id: string, from: number, to: number): DiskRead {
    const seq = this.#streamSeq.get(id)?.seq;
    if (seq === undefined) return { pieces: [], damaged: [] };
    const rows = this.#db
      .prepare<[number, number, number], ChunkRow>(
        'SELECT id, position, samples, crc32, audio FROM chunk WHERE stream = ? AND position < ? AND position + samples > ? ORDER BY position',
      )
      .all(seq, to, from);
    const pieces: Chunk[] = [];
    let damaged: RangeSet = [];
    for (const row of rows) {
      if (crc32(row.audio) === row.crc32) {
        pieces.push({ position: row.position, samples: row.samples, audio: new Uint8Array(row.audio) });
      } else {
        damaged = union(damaged, [rangeOf(row)]);
        this.#discard(row.id);
      }
    }
    return { pieces, damaged };
  }

  /** Bytes of the file in use: deleted audio leaves free pages that the next takes. */
  bytes(): number {
    const pages = Number(this.#db.pragma('page_count', { simple: true }));
    return (pages - Number(this.#db.pragma('freelist_count', { simple: true }))) * pageBytes;
  }

  close(): void {
    this.#db.close();
  }

  #insert({ id, position, samples, audio }: DiskBatch['chunks'][number]): void {
    const seq = this.#streamSeq.get(id)?.seq;
    if (seq === undefined) throw new Error(`a chunk of the unknown stream ${id}`);
    this.#db.prepare('DELETE FROM chunk WHERE stream = ? AND position = ?').run(seq, position);
    this.#db
      .prepare('INSERT INTO chunk (stream, position, samples, crc32, audio) VALUES (?, ?, ?, ?, ?)')
      .run(seq, position, samples, crc32(audio), Buffer.from(audio.buffer, audio.byteOffset, audio.byteLength));
  }

  /** Not being able to delete a bad chunk, on a full or read-only disk, must not keep the good ones from being read. */
  #discard(chunkId: number): void {
    try {
      this.#db.prepare('DELETE FROM chunk WHERE id = ?').run(chunkId);
    } catch (error) {
      if (isDamage(error)) throw error;
    }
  }

  #trim(id: string, ranges: RangeSet): RangeSet {
    const seq = this.#streamSeq.get(id)?.seq;
    if (seq === undefined) return [];
    const remove = this.#db.prepare<[number, number, number], Address>(
      'DELETE FROM chunk WHERE stream = ? AND position >= ? AND position + samples <= ? RETURNING position, samples',
    );
    return union(
      [],
      ranges.flatMap(([from, to]) => remove.all(seq, from, to).map(rangeOf)),
    );
  }

  #drop(id: string, samples: number): RangeSet {
    const seq = this.#streamSeq.get(id)?.seq;
    if (seq === undefined) return [];
    const oldest = this.#db.prepare<[number], Address>(
      'SELECT position, samples FROM chunk WHERE stream = ? ORDER BY position',
    );
    let left = samples;
    let end = 0;
    for (const row of oldest.iterate(seq)) {
      if (left <= 0) break;
      left -= row.samples;
      end = row.position + row.samples;
    }
    return this.#trim(id, [[0, end]]);
  }
}

const damagedName = (file: string, number: number) => `${file}.damaged-${number}`;

/** Which numbers damaged files have, oldest first. */
function damagedNumbers(file: string): number[] {
  const prefix = damagedName(basename(file), 0).slice(0, -1);
  const numbers = readdirSync(dirname(file))
    .filter((name) => name.startsWith(prefix))
    .map((name) => Number.parseInt(name.slice(prefix.length), 10))
    .filter((number) => number > 0);
  return [...new Set(numbers)].sort((a, b) => a - b);
}

function removeDamaged(file: string, numbers: readonly number[]): void {
  for (const number of numbers) for (const suffix of parts) rmSync(damagedName(file, number) + suffix, { force: true });
}

/** Moves a damaged file out of the way, its log with it. Numbered, because a kit's clock may be decades off. @returns its new path */
export function setAside(file: string): string {
  const older = damagedNumbers(file);
  const target = damagedName(file, (older.at(-1) ?? 0) + 1);
  for (const suffix of parts) {
    try {
      renameSync(file + suffix, target + suffix);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
  removeDamaged(file, older.slice(0, 1 - maxDamagedFiles));
  return target;
}

/** Room for sound is worth more than a damaged file that someone might want to look at: deletes the oldest, if any. */
export function makeRoom(file: string): void {
  removeDamaged(file, damagedNumbers(file).slice(0, 1));
}
