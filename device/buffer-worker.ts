/**
 * The one thread that owns the buffer's file. It serves one request after the other; a slow card slows only this
 * thread. The file is opened at the first request that finds it closed, so that a disk that comes back is used again.
 */
import { closeSync, openSync, rmSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { codeOf, messageOf } from '../systemd/errors.ts';
import { BufferDatabase, isDamage, isDetached, makeRoom, setAside } from './database.ts';
import type { DiskReply, DiskRequest } from './disk.ts';
import { type Salvaged, salvage } from './salvage.ts';

/** The watchdog asks whether this thread answers, and waits 5 s. */
const maxSalvageMs = 3000;

const file: string = workerData.file;
let database: BufferDatabase | null = null;
/** Which file that is: another one of the same name, or none, means that what was written is gone. */
let identity: string | null = null;

const reply = (message: DiskReply, transfer: ArrayBuffer[] = []) => parentPort?.postMessage(message, transfer);

function identityOf(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found ? `${found.dev}:${found.ino}` : null;
}

/** Lets go of the file; the next request opens it anew. A close writes, and may fail like any write. */
function letGo(): void {
  try {
    database?.close();
  } catch {
    // It was let go of because it does not work.
  }
  database = null;
}

/** What a bare input-output error is about, where the disk itself can tell. */
function causeOf(error: unknown): string {
  const code = codeOf(error);
  if (!/^SQLITE_(IOERR|CANTOPEN)/.test(code)) return code;
  try {
    // A file system that an error made read-only does not say so until it is written to.
    closeSync(openSync(`${file}-probe`, 'w'));
    rmSync(`${file}-probe`);
    const { bavail, bsize } = statfsSync(dirname(file));
    return bavail * bsize < 65_536 ? 'ENOSPC' : code;
  } catch (reason) {
    return codeOf(reason) || code;
  }
}

function use(fresh: BufferDatabase, lost: Salvaged['lost'] = []): BufferDatabase {
  database = fresh;
  identity = identityOf(file);
  reply({ type: 'opened', streams: fresh.list(), bytes: fresh.bytes(), lost });
  return fresh;
}

/** Begins a new file with what can be read of the damaged one. */
function replace(error: unknown): BufferDatabase {
  letGo();
  const aside = setAside(file);
  const fresh = new BufferDatabase(file);
  const { chunks, lost } = salvage(aside, fresh, maxSalvageMs);
  reply({ type: 'damaged', file: aside, message: messageOf(error), salvaged: chunks });
  return use(fresh, lost);
}

function opened(): BufferDatabase {
  if (database && identityOf(file) !== identity) letGo();
  if (database) return database;
  try {
    return use(new BufferDatabase(file));
  } catch (error) {
    if (!isDamage(error)) throw error;
    return replace(error);
  }
}

function serve(request: DiskRequest): void {
  const { seq } = request;
  if (request.type === 'open') {
    opened();
    reply({ type: 'done', seq });
  } else if (request.type === 'write') {
    reply({ type: 'written', seq, written: opened().write(request.batch) });
  } else if (request.type === 'read') {
    const read = opened().read(request.id, request.from, request.to);
    reply(
      { type: 'read', seq, read },
      read.pieces.map(({ audio }) => audio.buffer),
    );
  } else if (request.type === 'close') {
    database?.close();
    database = null;
    reply({ type: 'done', seq });
    parentPort?.close();
  } else {
    reply({ type: 'done', seq });
  }
}

parentPort?.on('message', (request: DiskRequest) => {
  try {
    serve(request);
  } catch (error) {
    let shown = error;
    const code = causeOf(error);
    try {
      if (/^SQLITE_FULL|^ENOSPC/.test(code)) makeRoom(file);
      if (isDamage(error)) replace(error);
      else if (isDetached(error)) letGo();
    } catch (second) {
      shown = second;
    }
    reply({
      type: 'failed',
      seq: request.seq,
      code: shown === error ? code : codeOf(shown),
      message: messageOf(shown),
    });
  }
});
