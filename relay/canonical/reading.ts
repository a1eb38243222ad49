import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { codeOf, SalaError } from '../../systemd/errors.ts';
import type { Expected, ReadTranscript } from './transcript-rows.ts';

export type ReadingReply =
  | { readonly transcript: ReadTranscript }
  | { readonly code: string; readonly message: string; readonly hint: string };

export const readingLimits = { timeoutMs: 60_000, maxMemoryMb: 512 };

const unread = (message: string) =>
  new SalaError(message, {
    code: 'transcript-invalid',
    hint: 'Have the talk transcribed again (npm run canonical with --replace); captions of the talk stay as they were said.',
  });

/**
 * Reads a transcript in a thread of its own: that of ten hours takes a second, in which captions must go on.
 * @throws {SalaError} `transcript-invalid`
 */
export async function readInThread(
  bytes: Uint8Array,
  expected: Expected,
  { timeoutMs, maxMemoryMb } = readingLimits,
): Promise<ReadTranscript> {
  // Built and unbuilt the file beside this one has this one's ending.
  const worker = new Worker(new URL(`./reading-worker${extname(import.meta.url)}`, import.meta.url), {
    workerData: { bytes, expected },
    resourceLimits: { maxOldGenerationSizeMb: maxMemoryMb, maxYoungGenerationSizeMb: 32 },
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    const reply = await new Promise<ReadingReply>((resolve, reject) => {
      const tooMuch = () => reject(unread('The transcript takes too long or too much memory to read'));
      timer = setTimeout(tooMuch, timeoutMs);
      worker.once('message', resolve);
      worker.once('error', (error) =>
        codeOf(error) === 'ERR_WORKER_OUT_OF_MEMORY'
          ? tooMuch()
          : reject(unread(`The transcript cannot be read: ${error}`)),
      );
      worker.once('exit', () => reject(unread('The transcript cannot be read: its reader ended')));
    });
    if ('transcript' in reply) return reply.transcript;
    throw new SalaError(reply.message, { code: reply.code, hint: reply.hint });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
