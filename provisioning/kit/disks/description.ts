import type { Inventory } from '../inventory.ts';
import type { Candidate } from './gate.ts';
import { type DiskPolicy, defaultPolicy } from './grounds.ts';
import { type BlockDevice, family, type Machine } from './machine.ts';

/** What the inventory says of disks. */
export const policyOf = ({ disks }: Inventory): DiskPolicy => ({
  minBytes: disks.minBytes,
  maxBytes: disks.maxBytes,
  anySizeSerials: disks.anySize,
  protect: [...defaultPolicy.protect, ...disks.protect],
});

export const sizeText = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

/** What people know a disk by: `STORAGE DEVICE, 31.9 GB, serial number 000000001532`. */
export function describeDisk({ row }: BlockDevice): string {
  const name = [row.vendor, row.model].filter((each) => each !== null).join(' ');
  return [name || 'no name', sizeText(row.sizeBytes), `serial number ${row.serial ?? 'none'}`].join(', ');
}

/** What is on a disk, by labels and file systems: `bootfs (vfat), rootfs (ext4)`; empty for a blank one. */
export function contentText(machine: Machine, kname: string): string {
  const rows = family(machine, kname).flatMap((name) => machine.devices.get(name)?.row ?? []);
  return rows
    .filter(({ label, filesystem }) => label !== null || filesystem !== null)
    .map(({ label, filesystem, kname: name }) => `${label ?? name}${filesystem === null ? '' : ` (${filesystem})`}`)
    .join(', ');
}

/** The table of `devices`. */
export function diskTable(machine: Machine, candidates: readonly Candidate[]): string {
  if (candidates.length === 0) return 'No disk was found at all.\n';
  return candidates
    .map(({ device, refusals }) => {
      const head = `${refusals.length === 0 ? 'can be written ' : 'is refused     '} ${device.row.path.padEnd(14)} ${describeDisk(device)}`;
      const content = contentText(machine, device.row.kname);
      const lines = [...(content === '' ? [] : [`holds: ${content}`]), ...refusals.map(({ message }) => message)];
      return [head, ...lines.map((line) => `${' '.repeat(31)}${line}`), ''].join('\n');
    })
    .join('');
}
