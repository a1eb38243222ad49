import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SalaError } from '../../../systemd/errors.ts';
import type { DataImage } from './data-partition.ts';
import { DiskIdRewriter } from './disk-id.ts';
import { CardFront } from './front.ts';
import { type ImageFile, imageChunks } from './image-source.ts';
import { CardLedger, chunkBytes } from './ledger.ts';
import { cardTable, type Partition, piPartitions } from './partition-table.ts';
import { type Seed, writeSeed } from './seeding.ts';
import { blockBytes, type CardTarget } from './target.ts';

export type FlashPhase = 'writing' | 'reading back';

export interface FlashPlan {
  readonly image: ImageFile;
  readonly data: DataImage;
  readonly seed: Seed;
  /** How large the root file system may become. */
  readonly rootBytes: number;
  /** A folder of this machine for what is made on the way: as large as the boot partition. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** How far it is, in bytes of one kind or another. */
  progress(phase: FlashPhase, done: number, total: number): void;
  /** Awaited right before the first byte is written: from then on the card is not what it was. @throws SalaError */
  begin?(): Promise<void>;
  /** Awaited before the partition table makes a card of it: is it still the one that was opened? @throws SalaError */
  stillThere?(): Promise<void>;
}

/** What was written, for the record. */
export interface Flashed {
  /** Of the new partition table: the front half of each PARTUUID. */
  readonly diskId: string;
  /** Bytes that were read back and found equal. */
  readonly verifiedBytes: number;
}

/** Never 0, which stands for none. */
export const newDiskId = (): string => {
  const id = randomBytes(4);
  return id.readUInt32LE() === 0 ? newDiskId() : id.toString('hex');
};

/**
 * Writes a card: the image with its boot partition seeded, the data partition, and last of all the first chunk with
 * the partition table. Until everything else has been read back and found equal, the card has no partition table, so
 * one that was left half-way starts nowhere and is not mistaken for a good one.
 * @throws SalaError in the words of whatever failed; the abort's reason where `signal` ended it
 */
export async function flashCard(target: CardTarget, plan: FlashPlan): Promise<Flashed> {
  const path = join(plan.folder, `front-${plan.seed.instanceId}`);
  const front = await CardFront.create(path);
  const ledger = new CardLedger(target);
  try {
    return await flash(target, plan, front, ledger);
  } finally {
    await ledger.idle();
    await front.close();
    await rm(path, { force: true });
  }
}

async function flash(target: CardTarget, plan: FlashPlan, front: CardFront, ledger: CardLedger): Promise<Flashed> {
  const { image, data, seed, signal, progress } = plan;
  const fresh = newDiskId();
  const packedBytes = (await stat(image.file)).size;
  let [done, total, written] = [0, packedBytes + data.sizeBytes, 0];
  const step = (bytes: number) => {
    done = Math.min(done + bytes, total);
    progress('writing', done, total);
  };
  const put = async (at: number, chunk: Buffer): Promise<void> => {
    signal.throwIfAborted();
    await ledger.write(at, chunk);
  };

  let system: SystemPartition | null = null;
  let table: ReturnType<typeof cardTable> | null = null;
  for await (const chunk of imageChunks(image, chunkBytes, step, signal)) {
    const at = written;
    written += chunk.length;
    if (system === null || table === null) {
      // Before the first byte: whether it is an image at all, and whether it fits.
      await front.take(at, chunk);
      const cardBytes = target.sizeBytes;
      table = cardTable(front.table, { cardBytes, rootBytes: plan.rootBytes, dataBytes: data.sizeBytes }, fresh);
      system = new SystemPartition(piPartitions(front.table).root, new DiskIdRewriter(front.table.diskId, fresh));
      total += front.endBytes;
      await plan.begin?.();
      await clearEnds(target, ledger);
    }
    if (written > table.data.startBytes) throw tooLarge();
    system.pass(at, chunk);
    if (at >= front.endBytes) await put(at, chunk);
    else {
      await front.take(at, chunk);
      if (written < front.endBytes) continue;
      // All of the front is here: it gets the card's table and the kit's seed, and goes out before the rest.
      const diskId = { old: front.table.diskId, fresh };
      await front.partition(table, target.sizeBytes);
      await writeSeed(front.files, seed, { diskId });
      for await (const piece of front.chunks()) {
        if (piece.offset > 0) await put(piece.offset, piece.chunk);
        step(piece.chunk.length);
      }
    }
  }
  if (system === null || table === null || written < system.endBytes) throw incomplete(image.file);
  system.conclude();

  let at = table.data.startBytes;
  for await (const chunk of createReadStream(data.file, { highWaterMark: chunkBytes })) {
    await put(at, chunk);
    at += chunk.length;
    step(chunk.length);
  }
  let verified = 0;
  const bytes = ledger.bytes;
  const compare = () =>
    ledger.verify((each) => {
      verified += each;
      progress('reading back', Math.min(verified, bytes), bytes);
    }, signal);
  await compare();
  await plan.stillThere?.();
  for await (const { offset, chunk } of front.chunks()) {
    if (offset > 0) break;
    await put(0, chunk);
  }
  await compare();
  return { diskId: fresh, verifiedBytes: verified };
}

const tooLarge = (): SalaError =>
  new SalaError('The image is larger than the partitions it says it has.', {
    code: 'image-shape',
    hint: 'Give Raspberry Pi OS Lite (64-bit) as it is downloaded.',
  });

const incomplete = (file: string): SalaError =>
  new SalaError(`The image ${file} ends before its last partition does.`, {
    code: 'image-damaged',
    hint: 'Download it again and compare its checksum with the download page.',
  });

/** Takes the old partition table away first, and what other tools look for at a disk's end. */
async function clearEnds(target: CardTarget, ledger: CardLedger): Promise<void> {
  const zeros = Buffer.alloc(chunkBytes);
  await ledger.write(0, zeros);
  const last = Math.ceil((target.sizeBytes - chunkBytes) / blockBytes) * blockBytes;
  await ledger.write(last, zeros.subarray(0, target.sizeBytes - last));
  await ledger.settle();
}

const inlineDataFeature = 0x8000;
const superblockOffset = 1024;

/** The image's system partition as it passes by: its fstab names partitions by the disk's identifier, which changes. */
class SystemPartition {
  readonly #root: Partition;
  readonly #rewriter: DiskIdRewriter;
  #rewritten = 0;
  #left = 0;

  constructor(root: Partition, rewriter: DiskIdRewriter) {
    this.#root = root;
    this.#rewriter = rewriter;
  }

  get endBytes(): number {
    return this.#root.startBytes + this.#root.sizeBytes;
  }

  /** Changes what there is to change of the piece at `at`, in place. @throws SalaError `image-shape` */
  pass(at: number, chunk: Buffer): void {
    const { startBytes } = this.#root;
    if (at + chunk.length <= startBytes) return;
    const superblock = startBytes + superblockOffset - at;
    if (superblock >= 0 && superblock + 1024 <= chunk.length) this.#checkFeatures(chunk.subarray(superblock));
    const { rewritten, left } = this.#rewriter.rewrite(chunk.subarray(Math.max(0, startBytes - at)));
    this.#rewritten += rewritten;
    this.#left += left;
  }

  /** @throws SalaError `image-shape` where the identifier stands somewhere, and in no fstab that was found */
  conclude(): void {
    if (this.#rewritten === 0 && this.#left > 0) throw this.#unchanged();
  }

  #checkFeatures(superblock: Buffer): void {
    const isExt4 = superblock.readUInt16LE(0x38) === 0xef53;
    const aligned = this.#root.startBytes % blockBytes === 0;
    if (!isExt4 || !aligned || (superblock.readUInt32LE(0x60) & inlineDataFeature) !== 0) throw this.#unchanged();
  }

  #unchanged(): SalaError {
    return new SalaError("The image's system partition cannot be given an identifier of the card's own.", {
      code: 'image-shape',
      hint: 'Give Raspberry Pi OS Lite (64-bit) as it is downloaded.',
    });
  }
}
