import { realpathSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, SalaError } from '../../../systemd/errors.ts';
import type { ReadMachine } from '../disks/evidence.ts';
import { type ConfirmedDisk, openConfirmed, openForReading } from '../disks/gate.ts';
import type { DiskPolicy } from '../disks/grounds.ts';
import { type BootFiles, MountedFiles } from './boot-files.ts';
import { CardFront } from './front.ts';
import { CardLedger } from './ledger.ts';
import { type CardTarget, diskTarget, openImageFile } from './target.ts';

/** A card's boot partition, open for a short while: of a mounted folder, an image file or a disk. */
export interface BootAccess {
  readonly name: string;
  /** Its files; of an image or a disk those of a copy, which `commit` brings there. */
  readonly files: BootFiles;
  readonly isCopy: boolean;
  /** Where the data partition is; null where only the boot partition can be seen. */
  readonly data: { readonly path: string; readonly offset: number } | null;
  /** What was removed is erased. */
  wipe(): Promise<void>;
  /** Brings changes to the card and reads them back. @throws SalaError */
  commit(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** What kind of thing a path leads to. @throws SalaError `card-open` where it leads to nothing */
export function kindOf(path: string): 'folder' | 'image' | 'disk' {
  let status: Stats;
  try {
    status = statSync(path);
  } catch (error) {
    throw new SalaError(`${path}: ${messageOf(error)}`, {
      code: 'card-open',
      hint: 'Give a card (/dev/sdX), an image file, or the folder where the boot partition is mounted.',
      cause: error,
    });
  }
  return status.isDirectory() ? 'folder' : status.isBlockDevice() ? 'disk' : 'image';
}

/** A folder where a card's boot partition is mounted. @throws SalaError `own-boot` where it is this machine's own */
export function openFolder(path: string): BootAccess {
  if (/^\/(boot|efi)(\/|$)/.test(realpathSync(path)))
    throw new SalaError(`${path} is what this machine itself starts from.`, {
      code: 'own-boot',
      hint: "Give the card's own boot partition, as it is mounted when the card is put into a reader.",
    });
  const nothing = async () => {};
  return {
    name: path,
    files: new MountedFiles(path),
    isCopy: false,
    data: null,
    wipe: nothing,
    commit: nothing,
    close: nothing,
  };
}

async function openTarget(target: CardTarget, path: string, folder: string): Promise<BootAccess> {
  let front: CardFront;
  try {
    front = await CardFront.of(target, join(folder, 'front'));
  } catch (error) {
    target.close();
    throw error;
  }
  const data = front.table.partitions.find(({ index }) => index === 3);
  const ledger = new CardLedger(target);
  return {
    name: target.name,
    files: front.files,
    isCopy: true,
    data: data === undefined ? null : { path, offset: data.startBytes },
    wipe: () => front.wipe(),
    async commit(signal) {
      for await (const { offset, chunk } of front.changed()) await ledger.write(offset, chunk);
      await ledger.verify(() => {}, signal);
    },
    async close() {
      await ledger.idle();
      await front.close();
      target.close();
    },
  };
}

/** An image file. @param folder an empty one, for a copy of the boot partition */
export const openImage = (path: string, folder: string, writable: boolean): Promise<BootAccess> =>
  openTarget(openImageFile(path, writable), path, folder);

/** A disk, to be read alone: nothing has to be judged. */
export const openDiskForReading = (path: string, folder: string): Promise<BootAccess> => {
  const { descriptor, sizeBytes } = openForReading(path);
  return openTarget(diskTarget(path, descriptor, sizeBytes), path, folder);
};

/** A disk that was agreed to, to be changed. @throws SalaError `disk-refused`, and what is wrong with the card */
export async function openDisk(
  readMachine: ReadMachine,
  disk: ConfirmedDisk,
  policy: DiskPolicy,
  folder: string,
): Promise<BootAccess> {
  const opened = await openConfirmed(readMachine, disk, policy);
  const access = await openTarget(diskTarget(disk.path, opened.descriptor, disk.identity.sizeBytes), disk.path, folder);
  return {
    ...access,
    async commit(signal) {
      await opened.recheck();
      await access.commit(signal);
    },
  };
}
