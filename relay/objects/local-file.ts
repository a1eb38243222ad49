import { createHash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { messageOf } from '../../systemd/errors.ts';

/** A fault of this machine's disk, not of the store. */
export class LocalFileError extends Error {}

/**
 * Into a file that is not there yet. Half a file is not left behind.
 * @param read begun only once there is a file to write to
 * @throws {LocalFileError} with its cause; and whatever `read` throws
 */
export async function writeNew(
  file: string,
  read: () => AsyncIterable<Uint8Array>,
): Promise<{ bytes: number; sha256: string }> {
  const handle = await local(open(file, 'wx', 0o640));
  try {
    return await write(handle, read());
  } catch (error) {
    await rm(file, { force: true }).catch(() => {});
    throw error;
  } finally {
    await handle.close().catch(() => {});
  }
}

async function write(handle: FileHandle, chunks: AsyncIterable<Uint8Array>) {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    bytes += chunk.length;
    await local(handle.writeFile(chunk));
  }
  await local(handle.sync());
  return { bytes, sha256: hash.digest('hex') };
}

/** Hashed between two turns of the event loop, which has rooms to serve. */
const turnBytes = 262_144;

/** Hexadecimal; turn by turn, as a hash beside the event loop wants a copy of all of it. */
export async function sha256Of(body: Uint8Array): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < body.length; at += turnBytes) {
    hash.update(body.subarray(at, at + turnBytes));
    await setImmediate();
  }
  return hash.digest('hex');
}

async function local<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new LocalFileError(messageOf(error), { cause: error });
  }
}
