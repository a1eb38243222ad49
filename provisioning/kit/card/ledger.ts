import { createHash } from 'node:crypto';
import { SalaError } from '../../../systemd/errors.ts';
import { alignedBuffer, blockBytes, type CardTarget } from './target.ts';

/** What is written and compared at once. */
export const chunkBytes = 4 * 1024 * 1024;

/** Told of each chunk: how many bytes it had. */
export type Progress = (bytes: number) => void;

const digestOf = (data: Buffer) => createHash('sha256').update(data).digest('base64');
const zeros = Buffer.alloc(chunkBytes);

/**
 * Writes a card chunk by chunk and keeps the digest of each, so that everything can be read back and compared when all
 * is written: a disk that forgets, lies about its size or keeps what it had shows then.
 */
export class CardLedger {
  readonly #target: CardTarget;
  readonly #digests = new Map<number, { digest: string; bytes: number }>();
  // Two, so that the next chunk can be filled while the last one is on its way.
  readonly #buffers = [alignedBuffer(chunkBytes), alignedBuffer(chunkBytes)] as const;
  #turn: 0 | 1 = 0;
  #pending: Promise<void> = Promise.resolve();

  constructor(target: CardTarget) {
    this.#target = target;
  }

  /** Bytes that were written and not yet compared. */
  get bytes(): number {
    return [...this.#digests.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /**
   * Writes `data` (at most a chunk) at `offset`, a multiple of a block; its end is filled up to a block with zeros.
   * Returns when there is room for the next; a fault of the one before is thrown here or by `settle`.
   */
  async write(offset: number, data: Buffer): Promise<void> {
    const bytes = Math.min(Math.ceil(data.length / blockBytes) * blockBytes, this.#target.sizeBytes - offset);
    if (offset % blockBytes !== 0 || data.length > chunkBytes || bytes < data.length)
      throw new RangeError(`no chunk of ${data.length} bytes at ${offset} on ${this.#target.sizeBytes}`);
    const buffer = this.#buffers[this.#turn].subarray(0, bytes);
    this.#turn = this.#turn === 0 ? 1 : 0;
    data.copy(buffer);
    buffer.fill(0, data.length);
    this.#digests.set(offset, { digest: digestOf(buffer), bytes });
    const before = this.#pending;
    // A new file has zeros where nothing was written, and takes no room for them.
    const skip = this.#target.blank && buffer.equals(zeros.subarray(0, bytes));
    this.#pending = before.then(() => (skip ? undefined : this.#target.write(offset, buffer)));
    this.#pending.catch(() => {}); // thrown by whoever waits for it next
    await before;
  }

  /** Returns when no write is on its way any more, however it ended: before that the target must not be closed. */
  async idle(): Promise<void> {
    await this.#pending.catch(() => {});
  }

  /** Returns when the medium has all that was written. */
  async settle(): Promise<void> {
    await this.#pending;
    await this.#target.flush();
  }

  /**
   * Reads back everything written since the last time and compares.
   * @throws SalaError `card-differs` at the first place that is not what was written
   */
  async verify(progress: Progress, signal: AbortSignal): Promise<void> {
    await this.settle();
    for (const [offset, { digest, bytes }] of [...this.#digests].toSorted(([a], [b]) => a - b)) {
      signal.throwIfAborted();
      const buffer = this.#buffers[0].subarray(0, bytes);
      buffer.fill(0xa5); // what was there before must not pass for what was read
      await this.#target.read(offset, buffer);
      if (digestOf(buffer) !== digest)
        throw new SalaError(
          `${this.#target.name} does not hold what was written to it (at ${(offset / 1e6).toFixed(1)} MB).`,
          {
            code: 'card-differs',
            hint: 'The card or its reader is bad, or it is smaller than it says. Take another card; do not use this one.',
          },
        );
      this.#digests.delete(offset);
      progress(bytes);
    }
  }
}
