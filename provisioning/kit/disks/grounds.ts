import { type BlockDevice, family, type Machine } from './machine.ts';

/** What the operator decides about disks, by the inventory; nothing else can widen it. */
export interface DiskPolicy {
  readonly minBytes: number;
  readonly maxBytes: number;
  /** Serial numbers of disks that may be of another size, exactly as `devices` shows them. */
  readonly anySizeSerials: readonly string[];
  /** Labels, serial numbers or models of what is never overwritten; `*` stands for anything, case does not count. */
  readonly protect: readonly string[];
}

export const defaultPolicy: DiskPolicy = {
  minBytes: 7e9,
  maxBytes: 256e9,
  anySizeSerials: [],
  protect: ['*backup*', 'time machine*', 'ventoy', 'vtoyefi', '*archive*'],
};

/** Why a disk may not be written. */
export interface Refusal {
  readonly ground: Ground;
  /** One sentence for whoever holds the card. */
  readonly message: string;
}

interface Judged {
  readonly device: BlockDevice;
  /** It, its partitions, and whatever is made of them. */
  readonly members: readonly BlockDevice[];
  readonly unknownMembers: readonly string[];
  readonly machine: Machine;
  readonly policy: DiskPolicy;
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(bytes < 1e10 ? 1 : 0)} GB`;

const listed = (words: readonly string[]) => [...new Set(words)].join(', ');

/** Parts of an eMMC that lsblk calls disks. */
const hardwarePartition = /^mmcblk\d+(boot\d+|rpmb|gp\d+)$/;

const usb = (hardware: string) => /\/usb\d+\//.test(hardware);
const memoryCard = (hardware: string) => /\/mmc_host\/|\/mmc\d+:/.test(hardware);

/** Signatures of disks that are one part of something larger, or locked. */
const memberSignature = /_member$|^crypto_|^bitlocker$|^bcache|^ceph_|^drbd|^dm_|^jbd$|^apfs$/i;

/** Partition types of the same: an unprivileged lsblk sees these where it sees no signature. */
const memberTypes: readonly string[] = [
  '0x8e', // Linux LVM
  '0xfd', // Linux RAID
  '0xe8', // LUKS
  '0xbf', // Solaris, ZFS
  'e6d6d379-f507-44c2-a23c-238f2a3df928', // Linux LVM
  'a19d880f-05fc-4d3b-a006-743f0f84911e', // Linux RAID
  'ca7d7ccb-63ed-4c53-861c-1742536059cc', // LUKS
  '6a898cc3-1dd2-11b2-99a6-080020736631', // ZFS
  '516e7cba-6ecf-11d6-8ff8-00022d09712b', // ZFS of FreeBSD
  'af9b60a0-1431-4f62-bc68-3311714a69ad', // dynamic disk of Windows
  'e75caf8f-f680-4cee-afa3-b001e56efc2d', // storage space of Windows
];

const swapTypes: readonly string[] = ['0x82', '0657fd6d-a4ab-43c4-84e5-0933c84b4f4f'];

/** Where the system itself lives, also one that was started from a stick. */
const systemPoint =
  /^\/($|(boot|usr|etc|var|home|opt|srv|nix|gnu|cdrom|run\/(live|initramfs|archiso|install)|media\/root-ro)(\/|$))/;

function mountPoints({ members, machine }: Judged): readonly string[] {
  const names = new Set(members.map(({ row }) => row.kname));
  const numbers = new Set(members.map(({ sysfs }) => sysfs.number));
  const ofSource = (source: string) =>
    source.split(':').some((path) => path.startsWith('/') && names.has(machine.resolve(path) ?? ''));
  return machine.mounts
    .filter(({ number, source }) => numbers.has(number) || ofSource(source))
    .map(({ point }) => point);
}

function isNamed({ row }: BlockDevice, name: string, machine: Machine): boolean {
  const [, key = '', value = ''] = /^(UUID|LABEL|PARTUUID|PARTLABEL)=(.*)$/i.exec(name) ?? [];
  const same = (own: string | null) => own !== null && own.toLowerCase() === value.toLowerCase();
  switch (key.toUpperCase()) {
    case 'UUID':
      return same(row.uuid);
    case 'LABEL':
      return row.label === value;
    case 'PARTUUID':
      return same(row.partitionUuid);
    case 'PARTLABEL':
      return row.partitionLabel === value;
    default:
      return name.startsWith('/dev/') && machine.resolve(name) === row.kname;
  }
}

const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

/** Whether `label` is what `pattern` names, `*` standing for anything. */
const matches = (pattern: string, label: string) =>
  new RegExp(`^${pattern.split('*').map(literal).join('.*')}$`, 'i').test(label);

/** Each ground refuses by itself: a sentence where it does, null where it has nothing against the disk. */
export const grounds = {
  'not-a-disk': ({ device: { row, sysfs } }) =>
    row.type !== 'disk' || sysfs.parent !== null || sysfs.hidden || hardwarePartition.test(row.kname)
      ? `It is not a whole disk (${sysfs.parent === null ? row.type : `a partition of ${sysfs.parent}`}).`
      : null,

  unclear: ({ device: { row, sysfs }, members, unknownMembers }) => {
    if (unknownMembers.length > 0) return `It is unclear what ${listed(unknownMembers)} on it is.`;
    if (row.sizeBytes !== sysfs.sizeBytes) return 'lsblk and the kernel disagree about its size.';
    const odd = members.find(({ content }) => content !== 'known');
    if (odd?.content === 'ambivalent') return `Several things at once are on ${odd.row.kname} (wipefs shows them).`;
    return odd ? `What is on ${odd.row.kname} cannot be found out: run this as root.` : null;
  },

  system: (judged) => {
    const { members, machine } = judged;
    const points = [...mountPoints(judged), ...members.flatMap(({ row }) => row.mountpoints)];
    const own = points.find((point) => systemPoint.test(point));
    if (own !== undefined) return `This system lives on it (${own}).`;
    const named = machine.named.find((name) => members.some((member) => isNamed(member, name, machine)));
    return named === undefined ? null : `This system's start-up names it (${named} in fstab, crypttab or cmdline).`;
  },

  mounted: (judged) => {
    const points = [...mountPoints(judged), ...judged.members.flatMap(({ row }) => row.mountpoints)];
    if (points.length > 0) return `It is in use: ${listed(points)}. Unmount it first.`;
    const names = judged.members.map(({ row }) => row.kname);
    const pool = judged.machine.pools.find((each) => each.some((name) => names.includes(name)));
    return pool === undefined ? null : 'It is part of a mounted Btrfs file system.';
  },

  swap: ({ members, machine }) => {
    const used = machine.swaps.some((path) => members.some(({ row }) => row.kname === machine.resolve(path)));
    if (used) return 'It is in use as swap.';
    const made = members.some(
      ({ row }) =>
        row.filesystem === 'swap' || row.filesystem === 'swsuspend' || swapTypes.includes(row.partitionType ?? ''),
    );
    return made ? 'It holds swap of some system.' : null;
  },

  member: ({ members }) => {
    const found = members.flatMap(({ row }) => {
      if (memberSignature.test(row.filesystem ?? '')) return [row.filesystem ?? ''];
      return memberTypes.includes(row.partitionType ?? '') ? [`partition type ${row.partitionType}`] : [];
    });
    return found.length > 0 ? `It is part of LVM, RAID, a pool, or encrypted (${listed(found)}).` : null;
  },

  holders: ({ members }) => {
    const holders = members.flatMap(({ sysfs }) => sysfs.holders);
    return holders.length > 0 ? `Something is made of it: ${listed(holders)}.` : null;
  },

  'read-only': ({ device: { row, sysfs } }) =>
    row.readOnly || sysfs.readOnly ? 'It is read-only; an SD card has a small switch for that.' : null,

  empty: ({ device: { row } }) => (row.sizeBytes === 0 ? 'There is no card in it.' : null),

  size: ({ device: { row }, machine, policy }) => {
    const { minBytes, maxBytes, anySizeSerials } = policy;
    const bearers = [...machine.devices.values()].filter((each) => each.row.serial === row.serial).length;
    const allowed = row.serial !== null && anySizeSerials.includes(row.serial) && bearers === 1;
    if (row.sizeBytes === 0 || allowed || (row.sizeBytes >= minBytes && row.sizeBytes <= maxBytes)) return null;
    return `Its size (${gigabytes(row.sizeBytes)}) is not between ${gigabytes(minBytes)} and ${gigabytes(maxBytes)}.`;
  },

  transport: ({ device: { row, sysfs } }) => {
    const pluggedIn =
      (row.transport === 'usb' && usb(sysfs.hardware)) ||
      ((row.transport === null || row.transport === 'mmc') &&
        memoryCard(sysfs.hardware) &&
        sysfs.cardType.toUpperCase() === 'SD');
    if (pluggedIn) return null;
    if (memoryCard(sysfs.hardware) && sysfs.cardType !== '') return 'It is soldered in (eMMC), not a card.';
    return `It is not known to be a card or on USB (${row.transport ?? 'connection unknown'}).`;
  },

  protected: ({ device, members, policy }) => {
    const names = [
      device.row.serial,
      device.row.model,
      ...members.flatMap(({ row }) => [row.label, row.partitionLabel]),
    ];
    const found = names.filter((name) => name !== null && policy.protect.some((pattern) => matches(pattern, name)));
    return found.length > 0 ? `It is protected: ${found.join(', ')}.` : null;
  },

  identity: ({ device: { row } }) => {
    const { serial } = row;
    return serial === null || /^0*$/.test(serial)
      ? 'It has no serial number, so it cannot be told from another.'
      : null;
  },
} satisfies Record<string, (judged: Judged) => string | null>;

export type Ground = keyof typeof grounds;

/** Every ground, in the order they are told. */
export const groundNames: readonly Ground[] = [
  'not-a-disk',
  'empty',
  'system',
  'mounted',
  'swap',
  'member',
  'holders',
  'protected',
  'read-only',
  'size',
  'transport',
  'identity',
  'unclear',
];

/** Everything that speaks against writing `kname`; empty where nothing does. */
export function refusals(machine: Machine, kname: string, policy: DiskPolicy): readonly Refusal[] {
  const device = machine.devices.get(kname);
  if (device === undefined) return [{ ground: 'not-a-disk', message: `There is no disk ${kname}.` }];
  const names = family(machine, kname);
  const judged: Judged = {
    device,
    members: names.flatMap((name) => machine.devices.get(name) ?? []),
    unknownMembers: names.filter((name) => !machine.devices.has(name)),
    machine,
    policy,
  };
  const found: Refusal[] = [];
  for (const ground of groundNames) {
    const message = grounds[ground](judged);
    if (message !== null) found.push({ ground, message });
  }
  return found;
}
