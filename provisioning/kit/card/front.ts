import { type FileHandle, open } from 'node:fs/promises';
import { FatFiles, sha256 } from './boot-files.ts';
import { usedBytes, wipeFree } from './fat.ts';
import { chunkBytes } from './ledger.ts';
import { type PartitionTable, piPartitions, readTable, sectorBytes, sfdiskScript } from './partition-table.ts';
import { alignedBuffer, type CardTarget } from './target.ts';
import { runTool } from './tools.ts';

/**
 * The front of a card, from its partition table to the end of the boot partition, as a file of this machine: other
 * programs change that, and never open the card itself, which may be another one by then.
 */
export class CardFront {
  readonly #path: string;
  readonly #handle: FileHandle;
  /** Digests of the chunks as they were taken. */
  readonly #taken = new Map<number, string>();
  #table: PartitionTable | null = null;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /** An empty one in a new file. */
  static async create(path: string): Promise<CardFront> {
    return new CardFront(path, await open(path, 'wx+', 0o600));
  }

  /** What a card has; only as much of its boot partition as is in use is read. @throws SalaError */
  static async of(target: CardTarget, path: string): Promise<CardFront> {
    const front = await CardFront.create(path);
    const buffer = alignedBuffer(chunkBytes);
    const take = async (offset: number): Promise<void> => {
      if (front.#taken.has(offset)) return;
      const chunk = buffer.subarray(0, Math.min(chunkBytes, target.sizeBytes - offset));
      await target.read(offset, chunk);
      await front.take(offset, chunk);
    };
    const takeUpTo = async (endBytes: number): Promise<void> => {
      for (let offset = 0; offset < endBytes; offset += chunkBytes) await take(offset);
    };
    try {
      await take(0);
      const { startBytes } = front.boot;
      const used = await usedBytes(async (from, length) => {
        await takeUpTo(startBytes + from + length);
        const bytes = Buffer.alloc(length);
        await front.#handle.read(bytes, 0, length, startBytes + from);
        return bytes;
      });
      await takeUpTo(startBytes + used);
      await front.#handle.truncate(Math.min(front.endBytes, target.sizeBytes));
      return front;
    } catch (error) {
      await front.close();
      throw error;
    }
  }

  /** Takes a chunk of a card or an image; the first one has the partition table. @throws SalaError `image-shape` */
  async take(offset: number, chunk: Buffer): Promise<void> {
    if (offset === 0) {
      this.#table = readTable(chunk);
      piPartitions(this.#table);
    }
    await this.#handle.write(chunk, 0, chunk.length, offset);
    this.#taken.set(offset, sha256(chunk));
  }

  get table(): PartitionTable {
    if (this.#table === null) throw new TypeError('the first chunk has not been taken');
    return this.#table;
  }

  get boot(): { startBytes: number; sizeBytes: number } {
    return piPartitions(this.table).boot;
  }

  /** Where it ends: whole chunks. */
  get endBytes(): number {
    const { startBytes, sizeBytes } = this.boot;
    return Math.ceil((startBytes + sizeBytes) / chunkBytes) * chunkBytes;
  }

  /** The boot partition's files. */
  get files(): FatFiles {
    return new FatFiles(this.#path, this.boot.startBytes);
  }

  /** What was deleted from the boot partition is gone from it. */
  async wipe(): Promise<void> {
    const { startBytes, sizeBytes } = this.boot;
    await wipeFree(this.#path, startBytes, startBytes + sizeBytes);
  }

  /** Gives it another partition table, by sfdisk, and reads it back. */
  async partition(table: PartitionTable, cardBytes: number): Promise<void> {
    const { size } = await this.#handle.stat();
    await this.#handle.truncate(cardBytes); // sfdisk goes by it; it stays a hole
    const args = ['--quiet', '--no-reread', '--no-tell-kernel', '--wipe', 'never', '--wipe-partitions', 'never'];
    await runTool('sfdisk', [...args, this.#path], { input: sfdiskScript(table) });
    await this.#handle.truncate(size);
    const head = Buffer.alloc(sectorBytes);
    await this.#handle.read(head, 0, head.length, 0);
    this.#table = readTable(head);
    const told = sfdiskScript(this.#table);
    if (told !== sfdiskScript(table)) throw new TypeError(`sfdisk made another partition table:\n${told}`);
  }

  /** All chunks that are not as they were taken; each is overwritten when the next one is asked for. */
  async *changed(): AsyncGenerator<{ offset: number; chunk: Buffer }> {
    for await (const { offset, chunk } of this.chunks())
      if (this.#taken.get(offset) !== sha256(chunk)) yield { offset, chunk };
  }

  /** All of it, chunk by chunk; each is overwritten when the next one is asked for. */
  async *chunks(): AsyncGenerator<{ offset: number; chunk: Buffer }> {
    const buffer = Buffer.alloc(chunkBytes);
    const { size } = await this.#handle.stat();
    for (let offset = 0; offset < size; offset += chunkBytes) {
      const length = Math.min(chunkBytes, size - offset);
      await this.#handle.read(buffer, 0, length, offset);
      yield { offset, chunk: buffer.subarray(0, length) };
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
