import { closeSync, constants, fstatSync, fsync, ftruncateSync, openSync, read, unlinkSync, write } from 'node:fs';
import { promisify } from 'node:util';
import { codeOf, messageOf, SalaError } from '../../../systemd/errors.ts';

/** Where a card is written: a disk, or an image file. What it takes and gives are whole blocks. */
export interface CardTarget {
  /** As the operator knows it: `/dev/sdb`, `sala-1.img`. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Whether everything on it is zero before the first byte is written. */
  readonly blank: boolean;
  /** @param data from `alignedBuffer`, whole blocks @throws SalaError `card-write` */
  write(offset: number, data: Buffer): Promise<void>;
  /** Fills `into` from the medium itself. @param into from `alignedBuffer` @throws SalaError `card-read` */
  read(offset: number, into: Buffer): Promise<void>;
  /** Returns when the medium has it. */
  flush(): Promise<void>;
  /** Idempotent. */
  close(): void;
}

/** Offsets and lengths are multiples of this: the largest sector there is. */
export const blockBytes = 4096;

/** Memory that the kernel reads and writes past its cache, which asks for whole pages; Node's own is not laid out so. */
export function alignedBuffer(bytes: number): Buffer {
  const pageBytes = 65_536;
  return Buffer.from(new WebAssembly.Memory({ initial: Math.ceil(bytes / pageBytes) }).buffer, 0, bytes);
}

const pulledOut =
  'Was the card pulled out? It is not usable as it is: flash it again. If it happens again, take another card.';

function writeFault(name: string, error: unknown): SalaError {
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new SalaError(`There is no room for ${name}.`, {
        code: 'card-write',
        hint: 'Make room where it is written, or give another place; an image file takes what is on it, not its full size.',
        cause: error,
      });
    default:
      return new SalaError(`${name} could not be written: ${messageOf(error)}`, {
        code: 'card-write',
        hint: pulledOut,
        cause: error,
      });
  }
}

const readFault = (name: string, message: string, cause?: unknown): SalaError =>
  new SalaError(`${name} could not be read back: ${message}`, { code: 'card-read', hint: pulledOut, cause });

const [writeAt, readAt, sync] = [promisify(write), promisify(read), promisify(fsync)];

/** A target behind a file descriptor: past the kernel's cache where it was opened so, as disks are. */
class DescriptorTarget implements CardTarget {
  readonly name: string;
  readonly sizeBytes: number;
  readonly blank: boolean;
  readonly #descriptor: number;
  #open = true;

  constructor(name: string, descriptor: number, sizeBytes: number, blank: boolean) {
    this.name = name;
    this.#descriptor = descriptor;
    this.sizeBytes = sizeBytes;
    this.blank = blank;
  }

  async write(offset: number, data: Buffer): Promise<void> {
    let done = 0;
    while (done < data.length) {
      const { bytesWritten } = await writeAt(this.#descriptor, data, done, data.length - done, offset + done).catch(
        (error: unknown) => {
          throw writeFault(this.name, error);
        },
      );
      if (bytesWritten === 0) throw writeFault(this.name, new Error('it takes no more'));
      done += bytesWritten;
    }
  }

  async read(offset: number, into: Buffer): Promise<void> {
    let done = 0;
    while (done < into.length) {
      const { bytesRead } = await readAt(this.#descriptor, into, done, into.length - done, offset + done).catch(
        (error: unknown) => {
          throw readFault(this.name, messageOf(error), error);
        },
      );
      if (bytesRead === 0) throw readFault(this.name, 'it ends too early');
      done += bytesRead;
    }
  }

  async flush(): Promise<void> {
    await sync(this.#descriptor).catch((error: unknown) => {
      throw writeFault(this.name, error);
    });
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#descriptor);
  }
}

/** A disk that `openConfirmed` has opened. */
export const diskTarget = (name: string, descriptor: number, sizeBytes: number): CardTarget =>
  new DescriptorTarget(name, descriptor, sizeBytes, false);

/** An image file that is there, for new settings. @throws SalaError `card-open` */
export function openImageFile(path: string, writable: boolean): CardTarget {
  let descriptor: number;
  try {
    descriptor = openSync(path, writable ? constants.O_RDWR : constants.O_RDONLY);
  } catch (error) {
    throw new SalaError(`${path} cannot be opened: ${messageOf(error)}`, {
      code: 'card-open',
      hint: 'Give a card, an image file that flash wrote, or the folder where the boot partition is mounted.',
      cause: error,
    });
  }
  return new DescriptorTarget(path, descriptor, fstatSync(descriptor).size, false);
}

/**
 * A new image file of `sizeBytes`; what is there already is never touched.
 * @returns the target, and what takes the file away again
 * @throws SalaError `card-open`
 */
export function createImageFile(path: string, sizeBytes: number): { target: CardTarget; remove: () => void } {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'wx+', 0o600);
  } catch (error) {
    const exists = codeOf(error) === 'EEXIST';
    throw new SalaError(exists ? `${path} is there already.` : `${path} cannot be made: ${messageOf(error)}`, {
      code: 'card-open',
      hint: exists
        ? 'Nothing is overwritten: remove it or give another name.'
        : 'Give a file in a folder that you may write to.',
      cause: error,
    });
  }
  const remove = () => unlinkSync(path);
  try {
    ftruncateSync(descriptor, sizeBytes);
  } catch (error) {
    closeSync(descriptor);
    remove();
    throw writeFault(path, error);
  }
  return { target: new DescriptorTarget(path, descriptor, sizeBytes, true), remove };
}
