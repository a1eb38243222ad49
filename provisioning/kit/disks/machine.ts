import type { LsblkRow } from './lsblk.ts';
import type { Mount } from './mounts.ts';

/** What the kernel says of one block device in /sys. */
export interface SysfsDevice {
  readonly kname: string;
  /** Major and minor: `8:16`. */
  readonly number: string;
  /** The whole disk of a partition, else null. */
  readonly parent: string | null;
  readonly holders: readonly string[];
  readonly readOnly: boolean;
  readonly hidden: boolean;
  readonly sizeBytes: number;
  /** Where it hangs: `/devices/pci0000:00/…/usb1/1-2/…/block/sdb`. */
  readonly hardware: string;
  /** Counts up with every medium the kernel sees; '' before Linux 5.15. */
  readonly sequence: string;
  /** What a memory card says it is: `SD`, or `MMC` of an eMMC; '' of all else. */
  readonly cardType: string;
}

/** A block device as both lsblk and the kernel describe it. */
export interface BlockDevice {
  readonly row: LsblkRow;
  readonly sysfs: SysfsDevice;
  /** Whether what is on it is known; ambivalent: several things at once. */
  readonly content: 'known' | 'ambivalent' | 'unknown';
}

/** All that the gate judges by, taken at one moment. */
export interface Machine {
  readonly devices: ReadonlyMap<string, BlockDevice>;
  /** Kernel names that only one of lsblk and /sys knows: whatever they belong to is unclear. */
  readonly unclear: ReadonlyMap<string, { readonly parents: readonly string[] }>;
  readonly mounts: readonly Mount[];
  readonly swaps: readonly string[];
  /** How fstab, crypttab and the kernel's command line name what the system uses. */
  readonly named: readonly string[];
  /** The devices of each mounted Btrfs file system, by kernel name. */
  readonly pools: readonly (readonly string[])[];
  /** The kernel name a path leads to through all symlinks; null where it leads to no block device. */
  resolve(path: string): string | null;
}

/** Everything that is on `kname` or made of it: itself, partitions, holders of these, and so on. */
export function family(machine: Machine, kname: string): readonly string[] {
  const members = new Set([kname]);
  for (const member of members) {
    for (const holder of machine.devices.get(member)?.sysfs.holders ?? []) members.add(holder);
    for (const [name, { row, sysfs }] of machine.devices)
      if (sysfs.parent === member || row.parents.includes(member)) members.add(name);
    for (const [name, { parents }] of machine.unclear) if (parents.includes(member)) members.add(name);
  }
  return [...members];
}

/** Which disk it is, precisely enough that another one in its place differs. */
export interface DiskIdentity {
  readonly kname: string;
  readonly number: string;
  readonly serial: string;
  readonly sizeBytes: number;
  readonly hardware: string;
  readonly sequence: string;
  /** Identifier of its partition table: tells two cards apart in a reader of one serial number. */
  readonly tableUuid: string;
}

/** @returns the identity of a block device; compare with `sameIdentity` */
export const identityOf = ({ row, sysfs }: BlockDevice): DiskIdentity => ({
  kname: row.kname,
  number: sysfs.number,
  serial: row.serial ?? '',
  sizeBytes: row.sizeBytes,
  hardware: sysfs.hardware,
  sequence: sysfs.sequence,
  tableUuid: row.tableUuid ?? '',
});

const identityWords: readonly (readonly [keyof DiskIdentity, string])[] = [
  ['kname', 'its name'],
  ['number', 'its device number'],
  ['serial', 'its serial number'],
  ['sizeBytes', 'its size'],
  ['hardware', 'the place it is plugged in'],
  ['sequence', 'the medium in it'],
  ['tableUuid', 'its partition table'],
];

/** In what two disks differ, in words; empty: it is the same one. */
export const differences = (shown: DiskIdentity, now: DiskIdentity): readonly string[] =>
  identityWords.filter(([field]) => shown[field] !== now[field]).map(([, word]) => word);
