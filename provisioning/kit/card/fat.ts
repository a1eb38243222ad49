import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { SalaError } from '../../../systemd/errors.ts';

/** Which clusters of a FAT file system are in use, and where they are. */
interface FatMap {
  /** From the file system's first byte to cluster 2, the first there is. */
  readonly dataOffset: number;
  readonly clusterBytes: number;
  /** Whether cluster 2, 3, … is in use. */
  readonly used: readonly boolean[];
}

const notFat = (): SalaError =>
  new SalaError('The boot partition is not a FAT file system.', {
    code: 'boot-unreadable',
    hint: 'Is it a card of Raspberry Pi OS? Then it is damaged: flash it again.',
  });

/** Bytes from the start of the file system. */
export type ReadBytes = (offset: number, length: number) => Promise<Buffer>;

/** @throws SalaError `boot-unreadable` */
async function readMap(read: ReadBytes): Promise<FatMap> {
  const boot = await read(0, 512);
  const sectorBytes = boot.readUInt16LE(11);
  const clusterBytes = boot.readUInt8(13) * sectorBytes;
  const reserved = boot.readUInt16LE(14);
  const tables = boot.readUInt8(16);
  const shortTable = boot.readUInt16LE(22);
  const tableSectors = shortTable || boot.readUInt32LE(36);
  const sectors = boot.readUInt16LE(19) || boot.readUInt32LE(32);
  const rootSectors = Math.ceil((boot.readUInt16LE(17) * 32) / (sectorBytes || 1));
  const firstData = reserved + tables * tableSectors + rootSectors;
  if (boot.readUInt16LE(510) !== 0xaa55 || clusterBytes === 0 || tables === 0 || firstData >= sectors) throw notFat();
  const clusters = Math.floor((sectors - firstData) / boot.readUInt8(13));
  const bits = shortTable === 0 ? 32 : clusters < 4085 ? 12 : 16;
  if (tableSectors * sectorBytes * 8 < (clusters + 2) * bits) throw notFat();
  const table = await read(reserved * sectorBytes, tableSectors * sectorBytes);
  const entry = (cluster: number): number => {
    if (bits === 32) return table.readUInt32LE(cluster * 4) & 0x0fff_ffff;
    if (bits === 16) return table.readUInt16LE(cluster * 2);
    const pair = table.readUInt16LE(Math.floor((cluster * 3) / 2));
    return cluster % 2 === 0 ? pair & 0xfff : pair >> 4;
  };
  const used = Array.from({ length: clusters }, (_, index) => entry(index + 2) !== 0);
  return { dataOffset: firstData * sectorBytes, clusterBytes, used };
}

/** How many bytes of a FAT file system are in use, counted from its start: all behind is free. */
export async function usedBytes(read: ReadBytes): Promise<number> {
  const { dataOffset, clusterBytes, used } = await readMap(read);
  return dataOffset + (used.lastIndexOf(true) + 1) * clusterBytes;
}

const wipeBytes = 1024 * 1024;

/** Puts zeros into every free cluster of the FAT at `offset` of a file, up to `endBytes` of the file: what was deleted is gone. */
export async function wipeFree(file: string, offset: number, endBytes: number): Promise<void> {
  const handle = openSync(file, 'r+');
  try {
    const { dataOffset, clusterBytes, used } = await readMap(async (from, length) => {
      const buffer = Buffer.alloc(length);
      readSync(handle, buffer, 0, length, offset + from);
      return buffer;
    });
    const zeros = Buffer.alloc(clusterBytes);
    const perBlock = Math.max(1, Math.floor(wipeBytes / clusterBytes));
    for (let first = 0; first < used.length; first += perBlock) {
      const at = offset + dataOffset + first * clusterBytes;
      const block = Buffer.alloc(Math.max(0, Math.min(perBlock * clusterBytes, endBytes - at)));
      readSync(handle, block, 0, block.length, at);
      let isDirty = false;
      for (let from = 0; from < block.length; from += clusterBytes) {
        if (used[first + from / clusterBytes] !== false) continue;
        const cluster = block.subarray(from, from + clusterBytes);
        if (cluster.equals(zeros)) continue; // holes stay holes
        cluster.fill(0);
        isDirty = true;
      }
      if (isDirty) writeSync(handle, block, 0, block.length, at);
    }
  } finally {
    closeSync(handle);
  }
}
