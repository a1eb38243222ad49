import { SalaError } from '../../../systemd/errors.ts';

export const sectorBytes = 512;

export interface Partition {
  /** From 1 on. */
  readonly index: number;
  readonly type: number;
  readonly bootable: boolean;
  readonly startBytes: number;
  readonly sizeBytes: number;
}

/** A partition table as Raspberry Pi's images have it: MBR, without extended partitions. */
export interface PartitionTable {
  /** Eight digits of hexadecimal: the front half of each PARTUUID. */
  readonly diskId: string;
  readonly partitions: readonly Partition[];
}

const noImage = (why: string): SalaError =>
  new SalaError(`This is no image of Raspberry Pi OS: ${why}.`, {
    code: 'image-shape',
    hint: 'Give Raspberry Pi OS Lite (64-bit) as it is downloaded: a boot partition (FAT) and one for the system (ext4).',
  });

const fatTypes = [0x0b, 0x0c, 0x0e, 0x06];
const linuxType = 0x83;

/** Reads the first sector of a disk. @throws SalaError `image-shape` */
export function readTable(head: Buffer): PartitionTable {
  if (head.length < sectorBytes || head.readUInt16LE(510) !== 0xaa55) throw noImage('it has no partition table');
  const partitions: Partition[] = [];
  for (let index = 1; index <= 4; index++) {
    const entry = head.subarray(446 + (index - 1) * 16, 446 + index * 16);
    const type = entry.readUInt8(4);
    if (type === 0) continue;
    partitions.push({
      index,
      type,
      bootable: entry.readUInt8(0) === 0x80,
      startBytes: entry.readUInt32LE(8) * sectorBytes,
      sizeBytes: entry.readUInt32LE(12) * sectorBytes,
    });
  }
  return { diskId: head.readUInt32LE(440).toString(16).padStart(8, '0'), partitions };
}

/** The boot and the root partition. @throws SalaError `image-shape` where they are not the first two */
export function piPartitions(table: PartitionTable): { boot: Partition; root: Partition } {
  const [boot, root] = table.partitions;
  if (boot?.index !== 1 || !fatTypes.includes(boot.type)) throw noImage('its first partition is not FAT');
  if (root?.index !== 2 || root.type !== linuxType) throw noImage('its second partition is not one of Linux');
  if (boot.startBytes < sectorBytes || root.startBytes < boot.startBytes + boot.sizeBytes || boot.sizeBytes === 0)
    throw noImage('its partitions overlap');
  return { boot, root };
}

const alignBytes = 4 * 1024 * 1024;
const aligned = (bytes: number) => Math.ceil(bytes / alignBytes) * alignBytes;

/** MBR counts sectors in 32 bits. */
const maxTableBytes = 0xffff_ffff * sectorBytes;

/**
 * Places the data partition behind the root partition, which gets all the room up to it.
 * @param rootBytes how large the root may become; at most half of the card
 * @param dataBytes what the data partition has to hold
 * @throws SalaError `card-too-small`
 */
export function cardTable(
  image: PartitionTable,
  { cardBytes, rootBytes, dataBytes }: { cardBytes: number; rootBytes: number; dataBytes: number },
  diskId: string,
): PartitionTable & { readonly data: Partition } {
  const { boot, root } = piPartitions(image);
  if (image.partitions.length > 2) throw noImage('it has more than two partitions');
  const wanted = Math.max(root.sizeBytes, Math.min(rootBytes, Math.floor(cardBytes / 2)));
  const startBytes = aligned(root.startBytes + wanted);
  const end = Math.min(cardBytes, maxTableBytes) - alignBytes; // the last stretch is wiped: old tables live there
  const sizeBytes = Math.floor((end - startBytes) / alignBytes) * alignBytes;
  if (sizeBytes < dataBytes)
    throw new SalaError(
      `The card is too small: ${(cardBytes / 1e9).toFixed(1)} GB, and it needs ${((startBytes + dataBytes + 2 * alignBytes) / 1e9).toFixed(1)} GB.`,
      { code: 'card-too-small', hint: 'Take a larger card.' },
    );
  const data = { index: 3, type: linuxType, bootable: false, startBytes, sizeBytes };
  return { diskId, partitions: [boot, { ...root, sizeBytes: startBytes - root.startBytes }, data], data };
}

/** The table as input of sfdisk. */
export const sfdiskScript = ({ diskId, partitions }: PartitionTable): string =>
  [
    'label: dos',
    `label-id: 0x${diskId}`,
    'unit: sectors',
    ...partitions.map(
      ({ index, startBytes, sizeBytes, type, bootable }) =>
        `${index} : start=${startBytes / sectorBytes}, size=${sizeBytes / sectorBytes}, type=${type.toString(16)}${bootable ? ', bootable' : ''}`,
    ),
    '',
  ].join('\n');
