import { type Evidence, machineOf, type Probe, type ReadMachine } from '../../provisioning/kit/disks/evidence.ts';
import type { Machine, SysfsDevice } from '../../provisioning/kit/disks/machine.ts';

/** One device of a machine that is only written down: lsblk's columns and what /sys would say. */
export interface Written {
  readonly name: string;
  readonly type?: string;
  readonly size?: number;
  readonly tran?: string | null;
  readonly serial?: string | null;
  readonly model?: string;
  readonly fstype?: string;
  readonly label?: string;
  readonly partlabel?: string;
  readonly parttype?: string;
  readonly uuid?: string;
  readonly partuuid?: string;
  readonly ptuuid?: string;
  readonly ro?: boolean;
  /** Where it is mounted, by lsblk and by the kernel. */
  readonly mount?: readonly string[];
  /** Only by the kernel: this lsblk does not see it. */
  readonly hiddenMount?: string;
  /** What /sys says otherwise than what follows from the rest. */
  readonly sysfs?: Partial<SysfsDevice>;
  /** What reading it gives; without it, this user may not, and udev has noted what lsblk says. */
  readonly probe?: Probe;
  /** Not in /sys, or not in lsblk. */
  readonly missing?: 'sysfs' | 'lsblk';
  readonly children?: readonly Written[];
}

export interface WrittenMachine {
  readonly disks: readonly Written[];
  /** Further lines of mountinfo, for file systems with numbers of their own. */
  readonly mounts?: readonly string[];
  readonly swaps?: readonly string[];
  readonly fstab?: string;
  readonly crypttab?: string;
  readonly cmdline?: string;
  readonly pools?: readonly (readonly string[])[];
  /** Symlinks below /dev. */
  readonly links?: Readonly<Record<string, string>>;
  /** How this util-linux writes its JSON: `old` has strings alone and fewer columns. */
  readonly lsblk?: 'old' | 'without-content';
}

const pci = '/devices/pci0000:00/0000:00';
/** Places in /sys by what a disk hangs on. */
const hardwareOf = (name: string, { tran }: Written): string => {
  switch (tran) {
    case 'usb':
      return `${pci}:14.0/usb2/2-3/2-3:1.0/host6/target6:0:0/6:0:0:0/block/${name}`;
    case 'nvme':
      return `${pci}:1d.0/0000:01:00.0/nvme/nvme0/${name}`;
    case 'sata':
      return `${pci}:17.0/ata1/host0/target0:0:0/0:0:0:0/block/${name}`;
    case 'mmc':
      return `/devices/platform/emmc2bus/fe340000.mmc/mmc_host/mmc0/mmc0:aaaa/block/${name}`;
    case 'iscsi':
      return `/devices/platform/host9/session1/target9:0:0/9:0:0:0/block/${name}`;
    case 'virtio':
      return `${pci}:05.0/virtio2/block/${name}`;
    default:
      return `/devices/virtual/block/${name}`;
  }
};

/** A USB stick or an SD card that nothing speaks against. */
export const card = (over: Partial<Written> = {}): Written => ({
  name: 'sdb',
  size: 31_914_983_424,
  tran: 'usb',
  serial: '000000001532',
  model: 'STORAGE DEVICE',
  ptuuid: '0f1e2d3c',
  children: [
    { name: 'sdb1', type: 'part', size: 536_870_912, fstype: 'vfat', label: 'bootfs', parttype: '0xc' },
    { name: 'sdb2', type: 'part', size: 2_403_336_192, fstype: 'ext4', label: 'rootfs', parttype: '0x83' },
  ],
  ...over,
});

/** The disk that this machine runs from; needed in every machine so that it is one. */
export const systemDisk = (over: Partial<Written> = {}): Written => ({
  name: 'sda',
  size: 500_107_862_016,
  tran: 'sata',
  serial: 'S3Z8NB0K123456',
  model: 'Samsung SSD 860',
  children: [{ name: 'sda1', type: 'part', size: 500_106_813_440, fstype: 'ext4', uuid: 'root-uuid', mount: ['/'] }],
  ...over,
});

const oldColumns = ['name', 'kname', 'type', 'size', 'ro', 'tran', 'serial', 'model', 'fstype', 'label', 'mountpoint'];

/** The evidence that such a machine would give. */
export function writtenEvidence({ disks, ...rest }: WrittenMachine): Evidence {
  const sysfs = new Map<string, SysfsDevice>();
  const mountinfo: string[] = [...(rest.mounts ?? [])];
  const probes = new Map<string, Probe>();
  let minor = 0;

  const describe = (node: Written, disk: Written, above: Written | null): Record<string, unknown> | null => {
    const { name, type = 'disk', children = [], mount = [], hiddenMount } = node;
    const known = sysfs.get(name);
    const number = known?.number ?? `8:${minor++}`;
    const isPart = type === 'part';
    probes.set(name, node.probe ?? { state: 'unread', udev: true });
    for (const point of known ? [] : [...mount, ...(hiddenMount === undefined ? [] : [hiddenMount])])
      if (point.startsWith('/'))
        mountinfo.push(`36 25 ${number} / ${point} rw shared:1 - ${node.fstype ?? 'ext4'} /dev/${name} rw`);
    if (node.missing !== 'sysfs')
      sysfs.set(name, {
        kname: name,
        number,
        parent: isPart ? (above?.name ?? null) : null,
        holders: children.filter((each) => each.type !== 'part').map((each) => each.name),
        readOnly: node.ro ?? false,
        hidden: false,
        sizeBytes: node.size ?? 0,
        hardware: `${hardwareOf(disk.name, disk)}${isPart ? `/${name}` : ''}`,
        sequence: '7',
        cardType: disk.tran === 'mmc' ? 'SD' : '',
        ...node.sysfs,
      });
    const below = children.map((child) => describe(child, disk, node)).filter((child) => child !== null);
    if (node.missing === 'lsblk') return null;
    const row: Record<string, unknown> = {
      name,
      kname: name,
      path: type === 'disk' || isPart ? `/dev/${name}` : `/dev/mapper/${name}`,
      'maj:min': number,
      type,
      size: node.size ?? 0,
      ro: node.ro ?? false,
      rm: node.tran === 'usb',
      tran: isPart || node.tran === 'mmc' ? null : (node.tran ?? null),
      serial: node.serial ?? null,
      model: node.model ?? null,
      vendor: null,
      fstype: node.fstype ?? null,
      label: node.label ?? null,
      partlabel: node.partlabel ?? null,
      parttype: node.parttype ?? null,
      uuid: node.uuid ?? null,
      partuuid: node.partuuid ?? null,
      ptuuid: node.ptuuid ?? null,
      mountpoints: mount.length > 0 ? mount : [null],
      mountpoint: mount[0] ?? null,
    };
    if (rest.lsblk === 'without-content') delete row.fstype;
    const columns = Object.entries(row).filter(([key]) => rest.lsblk !== 'old' || oldColumns.includes(key));
    const values = columns.map(([key, value]) => {
      if (rest.lsblk !== 'old' || value === null) return [key, value];
      return [key, typeof value === 'boolean' ? (value ? '1' : '0') : String(value)];
    });
    return { ...Object.fromEntries(values), ...(below.length > 0 && { children: below }) };
  };

  const blockdevices = disks.map((disk) => describe(disk, disk, null)).filter((each) => each !== null);
  const { links = {} } = rest;
  return {
    lsblk: { blockdevices },
    sysfs: [...sysfs.values()],
    mountinfo: mountinfo.join('\n'),
    swaps: `Filename Type Size Used Priority\n${(rest.swaps ?? []).map((path) => `${path} partition 1 0 -2\n`).join('')}`,
    fstab: rest.fstab ?? '',
    crypttab: rest.crypttab ?? '',
    cmdline: rest.cmdline ?? '',
    pools: rest.pools ?? [],
    probes,
    resolve(path) {
      const name = links[path] ?? path.replace(/^\/dev\/(mapper\/)?/, '');
      return sysfs.has(name) ? name : null;
    },
  };
}

export const writtenMachine = (machine: WrittenMachine): Machine => machineOf(writtenEvidence(machine));

/** Machines one after the other, the last one for ever: what is read the second time may differ. */
export function changingMachine(...machines: readonly WrittenMachine[]): ReadMachine {
  let reads = 0;
  return async () => {
    const machine = machines[Math.min(reads++, machines.length - 1)];
    if (machine === undefined) throw new Error('no machine was given');
    return writtenMachine(machine);
  };
}
