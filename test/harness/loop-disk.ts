import { execFileSync } from 'node:child_process';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { readMachine } from '../../provisioning/kit/disks/evidence.ts';
import type { BlockDevice, Machine } from '../../provisioning/kit/disks/machine.ts';

const run = (name: string, ...args: readonly string[]) =>
  execFileSync(name, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` },
  }).trim();

let count = 0;

/** Why no loop devices can be made here; null where they can. */
export function noLoopDevices(): string | null {
  try {
    const disk = new LoopDisk(1 << 20);
    disk.detach();
    return null;
  } catch (error) {
    return `loop devices need root and /dev/loop-control: ${error instanceof Error ? error.message.split('\n')[0] : error}`;
  }
}

/** A real block device of the kernel over a file that was made for it. */
export class LoopDisk {
  readonly file: string;
  path: string;

  constructor(sizeBytes: number, options: readonly string[] = []) {
    this.file = join(tmpdir(), `sala-disk-${process.pid}-${count++}`);
    writeFileSync(this.file, '');
    truncateSync(this.file, sizeBytes);
    try {
      this.path = run('losetup', '--find', '--show', ...options, this.file);
    } catch (error) {
      rmSync(this.file, { force: true });
      throw error;
    }
  }

  get kname(): string {
    return basename(this.path);
  }

  /** Puts another file in its place: the device of the same name is another disk from then on. */
  swapFor(other: LoopDisk): void {
    const { path } = this;
    run('losetup', '--detach', path);
    run('losetup', '--detach', other.path);
    run('losetup', path, other.file);
    other.path = path;
  }

  detach(): void {
    try {
      run('losetup', '--detach', this.path);
    } catch {
      // another took its place, or it was detached
    }
    rmSync(this.file, { force: true });
  }

  command(name: string, ...args: readonly string[]): string {
    return run(name, ...args);
  }
}

/** What of the evidence is otherwise than the machine says. */
export type Disguise = (device: BlockDevice) => BlockDevice;

/** A loop device as if it hung on USB: nothing else of the evidence is touched. */
export const onUsb: Disguise = ({ row, sysfs, content }) => ({
  content,
  row: { ...row, type: 'disk', transport: 'usb', serial: 'LOOP-0001' },
  sysfs: { ...sysfs, hardware: `/devices/pci0000:00/usb1/1-1/block/${row.kname}` },
});

/** The real machine, with these loop devices in disguise. */
export async function disguised(knames: readonly string[], disguise: Disguise = onUsb): Promise<Machine> {
  const machine = await readMachine();
  const devices = new Map(machine.devices);
  for (const kname of knames) {
    const device = devices.get(kname);
    if (device) devices.set(kname, disguise(device));
  }
  return { ...machine, devices };
}
