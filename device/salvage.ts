import { crc32 } from 'node:zlib';
import Database from 'better-sqlite3';
import type { RangeSet } from '../relay/protocol.js';
import { union } from '../relay/protocol.js';
import type { BufferDatabase, Chunk } from './database.ts';

type Address = { id: number; stream: number; position: number; samples: number };
type Audio = { crc32: number; audio: Buffer<ArrayBuffer> };
type Stream = { seq: number; id: string; record: string };

export interface Salvaged {
  readonly chunks: number;
  /** What the file knew of and no longer has, or that there was no time for. */
  readonly lost: readonly { readonly id: string; readonly ranges: RangeSet }[];
}

const chunksPerCommit = 30;

/** The rows that come before the one that cannot be read. */
function readable<T>(rows: () => IterableIterator<T>): T[] {
  const found: T[] = [];
  try {
    for (const row of rows()) found.push(row);
  } catch {
    // What follows is lost; the caller knows that the file is damaged.
  }
  return found;
}

/**
 * Copies what can still be read of a damaged buffer file into a new one, newest sound first. One bad place on a card must not
 * cost the hours around it. Never throws.
 * @param maxMs the disk's thread does nothing else meanwhile
 */
export function salvage(damaged: string, into: BufferDatabase, maxMs: number, now = () => performance.now()): Salvaged {
  const endMs = now() + maxMs;
  const lost = new Map<string, RangeSet>();
  let copied = 0;
  let old: Database.Database | undefined;
  try {
    old = new Database(damaged, { fileMustExist: true });
    old.pragma('locking_mode = EXCLUSIVE');
    const [streamRows, addressRows, audioOf] = [
      old.prepare<[], Stream>('SELECT seq, id, record FROM stream ORDER BY seq'),
      // The index alone answers this: the audio is not touched.
      old.prepare<[], Address>('SELECT id, stream, position, samples FROM chunk ORDER BY stream DESC, position DESC'),
      old.prepare<[number], Audio>('SELECT crc32, audio FROM chunk WHERE id = ?'),
    ];
    const streams = readable(() => streamRows.iterate());
    const ids = new Map(streams.map(({ seq, id }) => [seq, id]));
    const nothing = { records: [], chunks: [], trims: [], drops: [], forgets: [] };
    into.write({ ...nothing, records: streams.map(({ id, record }) => ({ id, record })) });
    let batch: ({ readonly id: string } & Chunk)[] = [];
    const commit = () => {
      into.write({ ...nothing, chunks: batch });
      copied += batch.length;
      batch = [];
    };
    const lose = (id: string, { position, samples }: Pick<Address, 'position' | 'samples'>) =>
      lost.set(id, union(lost.get(id) ?? [], [[position, position + samples]]));
    for (const { id: row, stream, position, samples } of readable(() => addressRows.iterate())) {
      const id = ids.get(stream);
      if (id === undefined) continue;
      const audio = now() < endMs ? soundOf(audioOf, row) : null;
      if (audio) batch.push({ id, position, samples, audio });
      else lose(id, { position, samples });
      if (batch.length < chunksPerCommit) continue;
      try {
        commit();
      } catch {
        for (const chunk of batch.splice(0)) lose(chunk.id, chunk);
      }
    }
    commit();
  } catch {
    // Nothing, or nothing more, can be read or written: what was copied is there.
  }
  try {
    old?.close();
  } catch {
    // It is only looked at from now on.
  }
  return { chunks: copied, lost: [...lost].map(([id, ranges]) => ({ id, ranges })) };
}

function soundOf(audioOf: Database.Statement<[number], Audio>, row: number): Uint8Array<ArrayBuffer> | null {
  try {
    const found = audioOf.get(row);
    return found && crc32(found.audio) === found.crc32 ? new Uint8Array(found.audio) : null;
  } catch {
    return null;
  }
}
