import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';

/** A fault of this machine's disk, not of the store. */
export class LocalFileError extends Error {}

/**
 * Into a file that is not there yet. Half a file is not left behind.
 * @throws {LocalFileError} with its cause; and whatever `chunks` throws
 */
export async function writeNew(
  file: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ bytes: number; sha256: string }> {
  const handle = await local(open(file, 'wx', 0o640));
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
      await local(handle.writeFile(chunk));
    }
    await local(handle.close());
    return { bytes, sha256: hash.digest('hex') };
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(file, { force: true }).catch(() => {});
    throw error;
  }
}

async function local<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new LocalFileError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
