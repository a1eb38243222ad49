import { SalaError } from '../../errors.ts';

/** Where what an archive holds goes; a file is named once, below the folder that it goes to. */
export interface ArchiveSink {
  folder(path: string): Promise<void>;
  /** Makes the file and its folders; one that is there already is a fault of the archive. */
  file(path: string, isProgram: boolean, content: AsyncIterable<Buffer>): Promise<void>;
}

export interface ArchiveLimits {
  /** Of all files together. */
  readonly maxBytes: number;
  readonly maxEntries?: number;
}

const blockBytes = 512;

const unfit = (why: string, cause?: unknown) =>
  new SalaError(`The archive of the release cannot be used: ${why}`, {
    code: 'release-archive',
    hint: 'Build and offer another release.',
    cause,
  });

/** Bytes of a stream, as many at a time as are asked for. */
class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** The next `bytes` in pieces. @throws {SalaError} where the stream ends before */
  async *take(bytes: number): AsyncGenerator<Buffer> {
    for (let left = bytes; left > 0; ) {
      if (this.#rest.length === 0) {
        const { value, done } = await this.#chunks.next();
        if (done) throw unfit('it ends before its time');
        this.#rest = value;
        continue;
      }
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  async block(): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this.take(blockBytes)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  /** Reads to the end, which must hold nothing any more. */
  async finish(): Promise<void> {
    const isEmpty = (chunk: Buffer) => chunk.every((byte) => byte === 0);
    if (!isEmpty(this.#rest)) throw unfit('something stands behind its end');
    for (let next = await this.#chunks.next(); !next.done; next = await this.#chunks.next())
      if (!isEmpty(next.value)) throw unfit('something stands behind its end');
  }
}

const textOf = (block: Buffer, from: number, to: number) => {
  const field = block.subarray(from, to);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? field.length : end);
};

function numberOf(block: Buffer, from: number, to: number): number {
  const text = textOf(block, from, to).trim();
  if (!/^[0-7]+$/.test(text)) throw unfit('a number in it is none');
  return Number.parseInt(text, 8);
}

function checkSum(block: Buffer): void {
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  if (sum !== numberOf(block, 148, 156)) throw unfit('it is damaged');
}

/** A name below the folder that it goes to, and only that. */
function pathOf(block: Buffer): string {
  const prefix = textOf(block, 345, 500);
  const path = `${prefix === '' ? '' : `${prefix}/`}${textOf(block, 0, 100)}`.replace(/\/$/, '');
  const isPlain = path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  if (!isPlain || path.includes('\\')) throw unfit(`"${path.slice(0, 80)}" is no place in a release`);
  return path;
}

/**
 * Unpacks a tar archive of the form that `sala-kit release` writes: files and folders, by plain names. Anything else (links,
 * devices, ways out of the folder, a name twice) is refused, whoever signed it.
 * @param source the archive, already unzipped
 * @returns the bytes of all files
 * @throws {SalaError} `release-archive`, and what the sink throws
 */
export async function unpackArchive(
  source: AsyncIterable<Buffer>,
  sink: ArchiveSink,
  { maxBytes, maxEntries = 20_000 }: ArchiveLimits,
): Promise<number> {
  const reader = new ByteReader(source);
  const seen = new Set<string>();
  let bytes = 0;
  for (;;) {
    const block = await reader.block();
    if (block.every((byte) => byte === 0)) break;
    checkSum(block);
    if (textOf(block, 257, 262) !== 'ustar') throw unfit('it is of another kind');
    const path = pathOf(block);
    if (seen.has(path)) throw unfit(`"${path}" stands in it twice`);
    seen.add(path);
    if (seen.size > maxEntries) throw unfit(`it holds more than ${maxEntries} files`);
    const size = numberOf(block, 124, 136);
    const type = textOf(block, 156, 157);
    if (type === '5' && size === 0) {
      await sink.folder(path);
      continue;
    }
    if (type !== '0' && type !== '') throw unfit(`"${path}" is neither a file nor a folder`);
    bytes += size;
    if (bytes > maxBytes) throw unfit(`unpacked it has more than the ${maxBytes} bytes that were announced`);
    await sink.file(path, (numberOf(block, 100, 108) & 0o111) !== 0, reader.take(size));
    for await (const _ of reader.take((blockBytes - (size % blockBytes)) % blockBytes));
  }
  await reader.finish();
  return bytes;
}
