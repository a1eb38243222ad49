import { statfs } from 'node:fs/promises';
import { SalaError } from '../../systemd/errors.ts';

/** Left to audio and captions, whatever waits to be stored. */
export const reservedBytes = 1_000_000_000;

export type FreeBytes = (folder: string) => Promise<number>;

export const freeBytesOf: FreeBytes = async (folder) => {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
};

/** @throws {SalaError} `recording-space` where files of so many bytes would take what audio and captions need */
export async function requireSpace(folder: string, bytes: number, free: FreeBytes): Promise<void> {
  if ((await free(folder)) >= bytes + reservedBytes) return;
  throw new SalaError("The relay's disk has too little room for the files of recordings", {
    code: 'recording-space',
    hint: 'Make room on the disk with the data folder, or see why the store takes nothing. Audio is kept; it is tried again by itself.',
  });
}
