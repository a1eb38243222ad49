import { spawn } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { codeOf, messageOf, SalaError } from '../../../systemd/errors.ts';
import { toolEnvironment } from '../tool-environment.ts';
import type { Progress } from './ledger.ts';
import { toolMissing } from './tools.ts';

type Compression = 'none' | 'xz' | 'gzip' | 'zstd';

const magics: readonly (readonly [Compression | 'zip', string])[] = [
  ['xz', 'fd377a585a00'],
  ['gzip', '1f8b'],
  ['zstd', '28b52ffd'],
  ['zip', '504b0304'],
];

/** An image of an operating system, packed or not, and the checksum it must have. */
export interface ImageFile {
  readonly file: string;
  /** SHA-256 of the file as it is, packed. */
  readonly sha256: string;
}

const unreadable = (file: string, error: unknown): SalaError =>
  new SalaError(`The image ${file} cannot be read: ${messageOf(error)}`, {
    code: 'image-unreadable',
    hint:
      codeOf(error) === 'ENOENT'
        ? 'Download Raspberry Pi OS Lite (64-bit), and name the file and its checksum in the inventory.'
        : 'Is the disk it is on all right? Download it again.',
    cause: error,
  });

const wrongChecksum = (file: string, expected: string, found: string): SalaError =>
  new SalaError(`The image ${file} is not the one the inventory names: its SHA-256 is ${found}, not ${expected}.`, {
    code: 'image-checksum',
    hint: 'Download it again, or correct the checksum by the one on the download page. Nothing was written.',
  });

/**
 * Reads the packed file once and compares its checksum.
 * @returns its size in bytes @throws SalaError `image-checksum` or `image-unreadable`
 */
export async function checkImage(
  { file, sha256 }: ImageFile,
  progress: Progress,
  signal: AbortSignal,
): Promise<number> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20, signal })) {
      hash.update(chunk);
      bytes += chunk.length;
      progress(chunk.length);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw unreadable(file, error);
  }
  const found = hash.digest('hex');
  if (found !== sha256.toLowerCase()) throw wrongChecksum(file, sha256, found);
  return bytes;
}

function compressionOf(file: string): Compression {
  const head = Buffer.alloc(6);
  const handle = openSync(file, 'r');
  try {
    readSync(handle, head, 0, head.length, 0);
  } finally {
    closeSync(handle);
  }
  const [kind = 'none'] = magics.find(([, magic]) => head.toString('hex').startsWith(magic)) ?? [];
  if (kind !== 'zip') return kind;
  throw new SalaError(`The image ${file} is a zip archive.`, {
    code: 'image-shape',
    hint: 'Unpack it, and name the .img in the inventory; .img.xz, .img.gz and .img.zst need no unpacking.',
  });
}

const damaged = (file: string, why: string): SalaError =>
  new SalaError(`The image ${basename(file)} is damaged or not complete: ${why}.`, {
    code: 'image-damaged',
    hint: 'Download it again and compare its checksum with the download page.',
  });

/** Counts and digests what passes. */
const tap = (hash: Hash, progress: Progress) =>
  new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      progress(chunk.length);
      done(null, chunk);
    },
  });

async function* unpackXz(file: string, packed: Readable): AsyncGenerator<Buffer> {
  const child = spawn('xz', ['--decompress', '--stdout', '--quiet'], {
    env: toolEnvironment(),
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', (error) => reject(toolMissing('xz', error)));
    child.on('close', resolve);
  });
  ended.catch(() => {}); // awaited below
  const fed = pipeline(packed, child.stdin).then(
    () => null,
    (error: unknown) => error,
  );
  try {
    for await (const chunk of child.stdout) yield chunk;
    const status = await ended;
    if (status !== 0) throw damaged(file, 'xz cannot unpack it to the end');
    const fault = await fed;
    if (fault !== null) throw unreadable(file, fault);
  } finally {
    child.kill('SIGKILL');
    packed.destroy();
  }
}

async function* unpack(file: string, packed: Readable, compression: Compression): AsyncGenerator<Buffer> {
  if (compression === 'none') return yield* packed;
  if (compression === 'xz') return yield* unpackXz(file, packed);
  const unpacked: Transform = compression === 'gzip' ? createGunzip() : createZstdDecompress();
  const fed = pipeline(packed, unpacked).then(
    () => null,
    (error: unknown) => error,
  );
  try {
    yield* unpacked;
  } catch (error) {
    throw damaged(file, messageOf(error));
  } finally {
    unpacked.destroy();
    packed.destroy();
    await fed;
  }
}

/**
 * The image, unpacked as it is read: chunks of exactly `chunkBytes`, the last one shorter. Each chunk is overwritten
 * when the next one is asked for.
 * @param progress told of packed bytes
 * @throws SalaError `image-damaged`, `image-unreadable`, also at its end where the file was changed meanwhile
 */
export async function* imageChunks(
  { file, sha256 }: ImageFile,
  chunkBytes: number,
  progress: Progress,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  const compression = compressionOf(file);
  const packed = createReadStream(file, { highWaterMark: 1 << 20 }).compose(tap(hash, progress));
  const chunk = Buffer.alloc(chunkBytes);
  let filled = 0;
  for await (const piece of unpack(file, packed, compression)) {
    signal.throwIfAborted();
    for (let from = 0; from < piece.length; ) {
      const length = piece.copy(chunk, filled, from, from + chunkBytes - filled);
      filled += length;
      from += length;
      if (filled < chunkBytes) continue;
      yield chunk;
      filled = 0;
    }
  }
  signal.throwIfAborted();
  if (filled > 0) yield chunk.subarray(0, filled);
  const found = hash.digest('hex');
  if (found !== sha256.toLowerCase()) throw damaged(file, 'it was changed while it was read');
}
