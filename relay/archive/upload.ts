import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { codeOf, messageOf, SalaError } from '../../systemd/errors.ts';
import type { ObjectStore, UploadedPart } from '../objects/object-store.ts';

/** A file on its way to the store. */
export interface QueuedFile {
  readonly key: string;
  readonly file: string;
  /** Hexadecimal, as it was when the file was written. */
  readonly sha256: string;
  readonly bytes: number;
  readonly contentType: string;
  /** What is told of together: a recording. */
  readonly group: string;
}

export interface UploadSizes {
  /** Up to here a file goes in one piece. */
  readonly maxSingleBytes: number;
  /** S3 wants 5 MiB or more. */
  readonly partBytes: number;
}

export const defaultUploadSizes: UploadSizes = { maxSingleBytes: 16 * 1_048_576, partBytes: 8 * 1_048_576 };

const readBytes = 262_144;

export interface UploadParts extends UploadSizes {
  /** Holds what is under way, at least the larger of the sizes: with one for each file, several would wait for the collector. */
  readonly buffer: Uint8Array;
  readonly store: ObjectStore;
  readonly signal: AbortSignal;
  /** Of an upload that was begun before. */
  readonly uploadId: string | null;
  /** Keeps the id of what was begun; null: it is of no use any more. */
  begun(uploadId: string | null): void;
  /** A part that was there from before. */
  resumed(): void;
}

/**
 * Brings a file into the store and has it confirmed there: its own SHA-256, or all of it read back. What was there already,
 * whole or in parts, is not sent again.
 * @throws {SalaError} of the store; `upload-file` where our own file is not what it was, which no patience mends
 */
export async function uploadFile(queued: QueuedFile, parts: UploadParts): Promise<void> {
  const { store, signal } = parts;
  const handle = await opened(queued);
  try {
    const there = await store.head(queued.key, signal);
    const pieces = await hashesOf(handle, queued, parts);
    const content = { bytes: queued.bytes, sha256: queued.sha256, parts: pieces };
    if (there?.bytes === queued.bytes && (await isThere(queued.key, content, parts))) return;
    if (queued.bytes <= parts.maxSingleBytes) {
      const body = await read(handle, queued, 0, parts.buffer.subarray(0, queued.bytes));
      await store.put(queued.key, body, { contentType: queued.contentType, signal });
    } else await inParts(handle, queued, pieces, parts);
    await store.verify(queued.key, content, signal);
  } finally {
    await handle.close();
  }
}

async function isThere(key: string, content: Parameters<ObjectStore['verify']>[1], { store, signal }: UploadParts) {
  try {
    await store.verify(key, content, signal);
    return true;
  } catch (error) {
    if (['store-damaged', 'store-missing'].includes(codeOf(error))) return false;
    throw error;
  }
}

async function inParts(handle: FileHandle, queued: QueuedFile, hashes: readonly string[], parts: UploadParts) {
  const { store, signal, partBytes, buffer } = parts;
  const { key, contentType } = queued;
  let known = parts.uploadId === null ? null : await store.uploadedParts(key, parts.uploadId, signal);
  let id = parts.uploadId;
  if (known === null || id === null) {
    id = await store.startUpload(key, { contentType, signal });
    parts.begun(id);
    known = [];
  }
  try {
    const done: UploadedPart[] = [];
    for (const [i, sha256] of hashes.entries()) {
      const there = known.find((part) => part.number === i + 1 && part.sha256 === sha256);
      if (there) {
        parts.resumed();
        done.push(there);
        continue;
      }
      const from = i * partBytes;
      const body = await read(handle, queued, from, buffer.subarray(0, Math.min(partBytes, queued.bytes - from)));
      done.push(await store.uploadPart(key, id, i + 1, body, signal));
    }
    await store.completeUpload(key, id, done, signal);
  } catch (error) {
    // Parts that the store has lost or spoilt are not built upon.
    if (['store-missing', 'store-damaged'].includes(codeOf(error))) {
      parts.begun(null);
      await store.abortUpload(key, id, signal).catch(() => {});
    }
    throw error;
  }
  parts.begun(null);
}

/** Of each piece; and the whole must be what it was when it was written. */
async function hashesOf(
  handle: FileHandle,
  queued: QueuedFile,
  { maxSingleBytes, partBytes, buffer, signal }: UploadParts,
) {
  const { bytes } = queued;
  const whole = createHash('sha256');
  const pieces: string[] = [];
  for (let from = 0; from < bytes; from += partBytes) {
    const piece = createHash('sha256');
    // Between the pieces the relay has other things to do.
    for (let at = from; at < Math.min(from + partBytes, bytes); at += readBytes) {
      signal.throwIfAborted();
      const most = Math.min(readBytes, from + partBytes - at, bytes - at);
      const chunk = await read(handle, queued, at, buffer.subarray(0, most));
      for (const hash of [whole, piece] satisfies Hash[]) hash.update(chunk);
    }
    pieces.push(piece.digest('hex'));
  }
  if (whole.digest('hex') !== queued.sha256 || (await handle.stat()).size !== bytes)
    throw spoilt(queued, 'is not what it was when it was written');
  return bytes <= maxSingleBytes ? [] : pieces;
}

async function opened(queued: QueuedFile): Promise<FileHandle> {
  try {
    return await open(queued.file, 'r');
  } catch (error) {
    // What is true of all files at once may heal: a disk that is not mounted, too many files open.
    if (codeOf(error) === 'ENOENT') throw spoilt(queued, 'is gone', error);
    throw unreadable(queued, error);
  }
}

/** Fills all of `body`. */
async function read(handle: FileHandle, queued: QueuedFile, from: number, body: Uint8Array): Promise<Uint8Array> {
  let filled = 0;
  while (filled < body.length) {
    const { bytesRead } = await handle
      .read(body, filled, body.length - filled, from + filled)
      .catch((error: unknown) => Promise.reject(unreadable(queued, error)));
    if (bytesRead === 0) throw spoilt(queued, 'is cut off');
    filled += bytesRead;
  }
  return body;
}

const spoilt = ({ file }: QueuedFile, what: string, cause?: unknown) =>
  new SalaError(`${file} ${what}; it cannot be uploaded.`, {
    code: 'upload-file',
    hint: 'See to the disk of the relay. While its audio is kept, the recording can be made again.',
    cause,
  });

const unreadable = ({ file }: QueuedFile, cause: unknown) =>
  new SalaError(`${file} cannot be read: ${messageOf(cause)}`, {
    code: 'upload-disk',
    hint: 'See to the disk of the relay; it is tried again by itself.',
    cause,
  });
