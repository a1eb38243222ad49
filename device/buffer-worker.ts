/**
 * The one thread that owns the buffer's file. It serves one request after the other; a slow card slows only this
 * thread. The file is opened at the first request that finds it closed, so that a disk that comes back is used again.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { codeOf, messageOf } from '../systemd/errors.ts';
import { BufferDatabase, isDamage, setAside } from './database.ts';
import type { DiskReply, DiskRequest } from './disk.ts';

const file: string = workerData.file;
let database: BufferDatabase | null = null;

const reply = (message: DiskReply, transfer: ArrayBuffer[] = []) => parentPort?.postMessage(message, transfer);

function putAside(error: unknown): void {
  database?.close();
  database = null;
  reply({ type: 'damaged', file: setAside(file, Date.now()), message: messageOf(error) });
}

function opened(): BufferDatabase {
  if (!database) {
    try {
      database = new BufferDatabase(file);
    } catch (error) {
      if (!isDamage(error)) throw error;
      putAside(error);
      database = new BufferDatabase(file);
    }
    reply({ type: 'opened', streams: database.list(), bytes: database.bytes() });
  }
  return database;
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
    try {
      if (isDamage(error)) putAside(error);
    } catch (second) {
      shown = second;
    }
    reply({ type: 'failed', seq: request.seq, code: codeOf(shown), message: messageOf(shown) });
  }
});
