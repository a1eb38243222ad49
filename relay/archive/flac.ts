import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import type { Writable } from 'node:stream';
import { codeOf, messageOf, SalaError } from '../../systemd/errors.ts';
import { chunksOf, hashOf } from '../objects/folder-files.ts';
import { sampleRate } from '../protocol.js';

/** A file that is complete and synced. */
export interface MadeFile {
  readonly file: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

const maxToldLetters = 2000;
/** Of a FLAC file: the MD5 of its samples, in STREAMINFO, which comes first (RFC 9639, 8.2). */
const md5At = 26;

/**
 * Encodes s16le audio at 16 kHz into a new FLAC file by Debian's `flac`, which then decodes it once more; what is in the file
 * is what was given, by its MD5. Nothing is under `file` before all that is done and synced.
 * @throws {SalaError} `flac-missing`; `flac-failed`, also for a full disk; what `audio` throws; an `AbortError`
 */
export async function encodeFlac(
  audio: AsyncIterable<Uint8Array>,
  { file, channels, program, signal }: { file: string; channels: 1 | 2; program: string; signal: AbortSignal },
): Promise<MadeFile> {
  const making = `${file}.making`;
  await rm(making, { force: true });
  const md5 = createHash('md5');
  const format = [`--sample-rate=${sampleRate}`, `--channels=${channels}`];
  const raw = ['--force-raw-format', '--endian=little', '--sign=signed', '--bps=16', ...format];
  const heard = async function* () {
    for await (const piece of audio) {
      md5.update(piece);
      yield piece;
    }
  };
  await run(program, ['--silent', '-5', ...raw, '-o', making, '-'], signal, heard());
  await run(program, ['--silent', '--test', making], signal);
  const told = await md5In(making);
  if (told !== md5.digest('hex'))
    throw new SalaError(`${file} does not hold what was recorded`, {
      code: 'flac-failed',
      hint: 'Have memory and disk of the relay checked. It is tried again by itself.',
    });
  const made = await syncedFile(making);
  await rename(making, file);
  return { ...made, file };
}

/** Length and SHA-256 of a file, and its content on the disk. */
async function syncedFile(file: string): Promise<MadeFile> {
  const handle = await open(file, 'r+');
  try {
    await handle.sync();
    return { file, bytes: (await handle.stat()).size, sha256: await hashOf(chunksOf(handle)) };
  } finally {
    await handle.close();
  }
}

async function md5In(file: string): Promise<string> {
  const handle = await open(file, 'r');
  try {
    const { buffer } = await handle.read(Buffer.alloc(16), 0, 16, md5At);
    return buffer.toString('hex');
  } finally {
    await handle.close();
  }
}

/** Runs it to its end, behind everything else that wants the processor. */
async function run(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
  input?: AsyncIterable<Uint8Array>,
): Promise<void> {
  const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'pipe'], signal, killSignal: 'SIGKILL' });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-maxToldLetters);
  });
  if (child.pid !== undefined) tryPriority(child.pid);
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(failed(words.trim() || `it ended with ${code}`))));
  });
  const [end, fed] = await Promise.allSettled([ended, feed(child.stdin, input)]);
  // A source that fails says why, and the program knows of nothing.
  if (fed.status === 'rejected') throw fed.reason;
  if (end.status === 'rejected') throw told(end.reason);
}

/** Asks for the next piece only once the kernel has all of the one before: both may come in the same memory. */
async function feed(stdin: Writable, input: AsyncIterable<Uint8Array> | undefined): Promise<void> {
  stdin.on('error', () => {}); // the program has ended early: it says why
  try {
    for await (const piece of input ?? [])
      if (!(await new Promise((resolve) => stdin.write(piece, (error) => resolve(!error))))) return;
  } finally {
    stdin.destroy();
  }
}

function tryPriority(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {} // it has ended already
}

const failed = (words: string) =>
  new SalaError(`flac failed: ${words}`, {
    code: 'flac-failed',
    hint: 'Make room on the disk with the data folder. It is tried again by itself.',
  });

function told(error: unknown): unknown {
  if (codeOf(error) !== 'ENOENT' || !messageOf(error).includes('spawn')) return error;
  return flacMissing(error);
}

export const flacMissing = (cause?: unknown) =>
  new SalaError('Recordings need the program flac, which is not there', {
    code: 'flac-missing',
    hint: 'Install it: apt-get install flac. What was recorded waits for it.',
    cause,
  });
