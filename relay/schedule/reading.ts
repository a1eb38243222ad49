import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { codeOf } from '../../systemd/errors.ts';
import type { ReadingOptions } from './formats.ts';
import { ScheduleError, type ScheduleFile } from './schedule-file.ts';

export type ReadingReply = { readonly file: ScheduleFile } | { readonly message: string; readonly hint: string };

export const readingLimits = { timeoutMs: 30_000, maxMemoryMb: 256 };

const tooMuch = () =>
  new ScheduleError(
    'The file takes too long or too much memory to read, and was left alone',
    'Export only the days and rooms that are to be captioned.',
  );

/**
 * Reads a schedule in a thread of its own: 5 MB of XML take a second or more, in which captions must go on.
 * @throws {ScheduleError}, and nothing else
 */
export async function readInThread(
  bytes: Uint8Array,
  options: ReadingOptions,
  { timeoutMs, maxMemoryMb } = readingLimits,
): Promise<ScheduleFile> {
  // Built and unbuilt the file beside this one has this one's ending.
  const worker = new Worker(new URL(`./reading-worker${extname(import.meta.url)}`, import.meta.url), {
    workerData: { bytes, options },
    resourceLimits: { maxOldGenerationSizeMb: maxMemoryMb, maxYoungGenerationSizeMb: 16 },
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    const reply = await new Promise<ReadingReply>((resolve, reject) => {
      timer = setTimeout(() => reject(tooMuch()), timeoutMs);
      worker.once('message', resolve);
      worker.once('error', (error) =>
        reject(
          codeOf(error) === 'ERR_WORKER_OUT_OF_MEMORY'
            ? tooMuch()
            : new ScheduleError(`The file cannot be read: ${error}`),
        ),
      );
      worker.once('exit', () => reject(new ScheduleError('The file cannot be read: its reader ended')));
    });
    if ('file' in reply) return reply.file;
    throw new ScheduleError(reply.message, ...(reply.hint === '' ? [] : [reply.hint]));
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
