import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { codeOf, messageOf } from '../../errors.ts';

export type CanaryVerdict =
  | { readonly state: 'ok'; readonly tookMs: number }
  /** What was written is not what is there. */
  | { readonly state: 'wrong' }
  /** Why nothing could be written or read. */
  | { readonly state: 'failed'; readonly code: string };

export interface CanaryOptions {
  readonly folder: string;
  readonly random?: (bytes: number) => Buffer;
  readonly readBack?: (path: string) => Promise<Buffer>;
  readonly timeoutMs?: number;
}

const canaryBytes = 64 * 1024;

/** Past the kernel's memory, which would give back what was written whatever became of it; file systems that cannot do that are read as usual. */
async function readFromDisk(path: string): Promise<Buffer> {
  try {
    const { stdout } = await promisify(execFile)(
      'dd',
      [`if=${path}`, 'iflag=direct', 'bs=64k', 'count=1', 'status=none'],
      {
        encoding: 'buffer',
        maxBuffer: 2 * canaryBytes,
      },
    );
    return stdout;
  } catch {
    return readFile(path);
  }
}

/** Writes something to a disk and reads it back. Never throws; a disk that hangs is told after `timeoutMs`. */
export async function askCanary({
  folder,
  random = randomBytes,
  readBack = readFromDisk,
  timeoutMs = 30_000,
}: CanaryOptions): Promise<CanaryVerdict> {
  const path = join(folder, 'canary');
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<CanaryVerdict>((resolve) => {
    timer = setTimeout(() => resolve({ state: 'failed', code: 'no answer in time' }), timeoutMs);
  });
  const asked = (async (): Promise<CanaryVerdict> => {
    const startedMs = performance.now();
    const written = random(canaryBytes);
    try {
      const file = await open(path, 'w', 0o600);
      try {
        await file.writeFile(written);
        await file.sync();
      } finally {
        await file.close();
      }
      const isSame = written.equals(await readBack(path));
      return isSame ? { state: 'ok', tookMs: Math.round(performance.now() - startedMs) } : { state: 'wrong' };
    } catch (error) {
      return { state: 'failed', code: codeOf(error) || messageOf(error) };
    } finally {
      await rm(path, { force: true }).catch(() => {});
    }
  })();
  const verdict = await Promise.race([asked, late]);
  clearTimeout(timer);
  return verdict;
}
