import { readFileSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';

const tmpfs = 0x01021994;

/** Whether what is written in the folders of tests goes to a disk at all, so that the kernel counts it. */
export const isOnDisk = () => statfsSync(tmpdir()).type !== tmpfs;

/** Bytes that a process has had written to disks so far, its threads included: what flash has to take. */
export function writtenBytes(pid: number | 'self'): number {
  return Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);
}
