import { describe, expect, test } from 'vitest';
import type { Probe } from '../provisioning/kit/disks/evidence.ts';
import { candidates } from '../provisioning/kit/disks/gate.ts';
import { defaultPolicy, type Ground, groundNames, refusals } from '../provisioning/kit/disks/grounds.ts';
import { card, systemDisk, type Written, type WrittenMachine, writtenMachine } from './harness/disk-machines.ts';

/** Under a second: nothing but judgement. The machines are written after the shape of real outputs. */

const groundsOf = (machine: WrittenMachine, kname = 'sdb', policy = defaultPolicy): readonly Ground[] =>
  refusals(writtenMachine(machine), kname, policy).map(({ ground }) => ground);

const withCard = (over: Partial<Written> = {}, rest: Partial<WrittenMachine> = {}): WrittenMachine => ({
  disks: [systemDisk(), card(over)],
  ...rest,
});

/** And a mapping that lsblk does not draw below anything. */
const withMapping = (over: Partial<Written>): WrittenMachine => ({
  disks: [systemDisk(), card(over), { name: 'dm-3', type: 'dm', size: 1e9 }],
});

const part = (over: Partial<Written>): Pick<Written, 'children'> => ({
  children: [{ name: 'sdb1', type: 'part', size: 31_000_000_000, fstype: 'ext4', ...over }],
});

describe('A card in a USB reader, and nothing against it', () => {
  test('is accepted, in every place a card comes from', () => {
    expect(groundsOf(withCard())).toEqual([]);
    expect(groundsOf(withCard({ children: [] }))).toEqual([]); // fresh from the shop, or wiped
    const slot = card({ name: 'mmcblk0', tran: 'mmc', serial: '0x1c3f5b2a', children: [] });
    expect(groundsOf({ disks: [systemDisk(), slot] }, 'mmcblk0')).toEqual([]);
    expect(groundsOf({ ...withCard(), lsblk: 'old' })).toEqual([]);
    // Wiped since udev looked.
    expect(groundsOf(withCard({ children: [], fstype: 'linux_raid_member', probe: read({}) }))).toEqual([]);
  });
});

const read = (values: Record<string, string>): Probe => ({ state: 'read', values: new Map(Object.entries(values)) });

/** For each ground what refuses by it alone. The same disk without that one thing is the card above. */
const alone: readonly (readonly [Ground, string, WrittenMachine, string?])[] = [
  ['not-a-disk', 'a loop device', withCard({ type: 'loop' })],
  [
    'not-a-disk',
    'a general-purpose part of a memory card',
    { disks: [card({ name: 'mmcblk0gp0', tran: 'mmc' })] },
    'mmcblk0gp0',
  ],
  ['not-a-disk', 'a path that the kernel hides', withCard({ sysfs: { hidden: true } })],
  ['not-a-disk', 'a partition that lsblk calls a disk', withCard({ sysfs: { parent: 'sdz' } })],
  [
    'system',
    'the disk of root= in the start-up',
    withCard(part({ partuuid: '0f1e2d3c-02' }), { cmdline: 'quiet root=PARTUUID=0F1E2D3C-02 rw' }),
  ],
  ['system', 'the disk of resume=', withCard({}, { cmdline: 'resume=/dev/sdb2' })],
  [
    'system',
    'a disk of fstab that is not mounted now',
    withCard(part({ uuid: '11-22' }), { fstab: '# a\n\tUUID=11-22 /data ext4 noauto 0 0' }),
  ],
  [
    'system',
    'a disk of fstab by its label',
    withCard(part({ label: 'our data' }), { fstab: 'LABEL=our\\040data /data ext4' }),
  ],
  [
    'system',
    'a disk of fstab by a link',
    withCard({}, { fstab: '/dev/disk/by-id/x /d ext4', links: { '/dev/disk/by-id/x': 'sdb2' } }),
  ],
  [
    'system',
    'a disk of crypttab',
    withCard(part({ partlabel: 'vault' }), { crypttab: 'vault PARTLABEL="vault" none luks' }),
  ],
  [
    'mounted',
    'a mount by its number alone, as of /dev/root',
    withCard(part({ sysfs: { number: '8:77' } }), { mounts: ['40 25 8:77 / /mnt rw - ext4 /dev/root rw'] }),
  ],
  ['mounted', 'a mount that only the kernel knows', withCard(part({ hiddenMount: '/mnt' }))],
  ['mounted', 'a mount that only lsblk knows', withCard(part({ mount: ['[mounted elsewhere]'] }))],
  [
    'mounted',
    'the whole disk, mounted',
    withCard({ children: [], fstype: 'ext4', hiddenMount: '/mnt/with\\040blank' }),
  ],
  [
    'mounted',
    'Btrfs with a number of its own',
    withCard(part({ fstype: 'btrfs' }), { mounts: ['40 25 0:45 /@ /mnt rw - btrfs /dev/sdb1 rw'] }),
  ],
  [
    'mounted',
    'bcachefs over several disks',
    withCard({}, { mounts: ['40 25 0:46 / /mnt rw - bcachefs /dev/sdx:/dev/sdb2 rw'] }),
  ],
  ['mounted', 'the second disk of a Btrfs', withCard(part({ fstype: 'btrfs' }), { pools: [['sdx', 'sdb1']] })],
  ['swap', 'a partition in use as swap', withCard({}, { swaps: ['/dev/sdb2'] })],
  ['swap', 'swap by another name', withCard({}, { swaps: ['/dev/by-uuid/1'], links: { '/dev/by-uuid/1': 'sdb1' } })],
  ['swap', 'swap of another system', withCard(part({ fstype: 'swap' }))],
  ['swap', 'swap that only its type tells', withCard(part({ fstype: '', parttype: '0x82' }))],
  ...[
    'LVM2_member',
    'linux_raid_member',
    'isw_raid_member',
    'crypto_LUKS',
    'BitLocker',
    'zfs_member',
    'bcache',
    'mpath_member',
    'ceph_bluestore',
    'apfs',
  ].map((fstype) => ['member', `a partition with ${fstype}`, withCard(part({ fstype }))] as const),
  ['member', 'a whole disk of a pool', withCard({ fstype: 'zfs_member', children: [] })],
  [
    'member',
    'LVM that only its type tells',
    withCard(part({ fstype: '', parttype: 'E6D6D379-F507-44C2-A23C-238F2A3DF928' })),
  ],
  ['member', 'RAID that only its type tells', withCard(part({ fstype: '', parttype: '0xfd' }))],
  ['holders', 'a partition that something is made of', withMapping(part({ sysfs: { holders: ['dm-3'] } }))],
  ['holders', 'a disk that something is made of', withMapping({ sysfs: { holders: ['dm-3'] } })],
  ['protected', 'a label of the list', withCard(part({ label: 'My Backup 2' }))],
  ['protected', 'a label of a partition', withCard(part({ partlabel: 'VTOYEFI' }))],
  ['read-only', 'a card with its switch down', withCard({ ro: true })],
  ['read-only', 'a card that only the kernel knows to be read-only', withCard({ sysfs: { readOnly: true } })],
  ['size', 'a disk of a terabyte on USB', withCard({ size: 1_000_204_886_016, sysfs: {} })],
  ['size', 'an old stick', withCard({ size: 4_004_511_744 })],
  ['transport', 'an inner disk', withCard({ tran: 'sata' })],
  ['transport', 'an inner SSD', { disks: [card({ name: 'nvme0n1', tran: 'nvme' })] }, 'nvme0n1'],
  ['transport', 'a disk of a virtual machine', withCard({ tran: 'virtio' })],
  ['transport', 'a disk over the network', withCard({ tran: 'iscsi' })],
  [
    'transport',
    'a disk that only lsblk says is on USB',
    withCard({ sysfs: { hardware: '/devices/pci0000:00/ata1/block/sdb' } }),
  ],
  [
    'transport',
    'a disk that only the kernel says is on USB',
    withCard({ tran: null, sysfs: { hardware: '/devices/pci0/usb2/2-3/block/sdb' } }),
  ],
  ['transport', 'an eMMC', { disks: [card({ name: 'mmcblk0', tran: 'mmc', sysfs: { cardType: 'MMC' } })] }, 'mmcblk0'],
  [
    'transport',
    'a memory card that does not say what it is',
    { disks: [card({ name: 'mmcblk0', tran: 'mmc', sysfs: { cardType: '' } })] },
    'mmcblk0',
  ],
  ['identity', 'a disk without a serial number', withCard({ serial: null })],
  ['identity', 'a serial number of nothing', withCard({ serial: '000000000000' })],
  ['unclear', 'a partition that lsblk does not know', withCard(part({ missing: 'lsblk' }))],
  ['unclear', 'something on it that /sys does not know', withCard(part({ missing: 'sysfs' }))],
  ['unclear', 'an lsblk that does not tell what is on a disk', { ...withCard(), lsblk: 'without-content' }],
  ['unclear', 'a disk that cannot be read, where no udev runs', withCard({ probe: { state: 'unread', udev: false } })],
  [
    'unclear',
    'a partition that cannot be read, where no udev runs',
    withCard(part({ probe: { state: 'unread', udev: false } })),
  ],
  ['unclear', 'several signatures at once', withCard(part({ probe: { state: 'ambivalent' } }))],
  ['member', 'RAID that udev has not noted', withCard({ children: [], probe: read({ TYPE: 'linux_raid_member' }) })],
  [
    'member',
    'a type of partition that udev has not noted',
    withCard(part({ probe: read({ PART_ENTRY_TYPE: '0x8E' }) })),
  ],
  ['protected', 'a label that udev has not noted', withCard(part({ probe: read({ LABEL: 'backup' }) }))],
  ['unclear', 'two sizes', withCard({ sysfs: { sizeBytes: 31_914_983_425 } })],
];

describe('Each ground refuses alone', () => {
  for (const [ground, what, machine, kname] of alone)
    test(`${ground}: ${what}`, () => {
      expect(groundsOf(machine, kname)).toEqual([ground]);
    });

  test('what is mounted of a mapping that only the kernel knows to be on it is told', () => {
    const mapping = { name: 'dm-3', type: 'dm', size: 1e9, hiddenMount: '/mnt' };
    const machine = { disks: [systemDisk(), card(part({ sysfs: { holders: ['dm-3'] } })), mapping] };
    expect(groundsOf(machine)).toEqual(['mounted', 'holders']);
  });

  test('an empty reader is told as such', () => {
    expect(groundsOf(withCard({ size: 0, children: [] }))).toEqual(['empty']);
  });

  test('and there is a case for every ground', () => {
    expect([...new Set([...alone.map(([ground]) => ground), 'empty'])].toSorted()).toEqual(groundNames.toSorted());
  });

  test('a device that is not there is refused', () => {
    expect(groundsOf(withCard(), 'sdq')).toEqual(['not-a-disk']);
  });
});

describe('What the inventory says of disks', () => {
  test('a disk of another size is written where its serial number is named, and no other has it', () => {
    const policy = { ...defaultPolicy, anySizeSerials: ['000000001532'] };
    const large = { size: 1_000_204_886_016 };
    expect(groundsOf(withCard(large), 'sdb', policy)).toEqual([]);
    const twin = card({ name: 'sdc', children: [], ...large });
    expect(groundsOf({ disks: [systemDisk(), card(large), twin] }, 'sdb', policy)).toEqual(['size']);
    expect(groundsOf(withCard(large), 'sdb', { ...policy, anySizeSerials: ['00000000153'] })).toEqual(['size']);
    expect(groundsOf(withCard({ ...large, serial: null }), 'sdb', policy)).toEqual(['size', 'identity']);
  });

  test('the window can be moved', () => {
    expect(groundsOf(withCard(), 'sdb', { ...defaultPolicy, maxBytes: 16e9 })).toEqual(['size']);
    expect(groundsOf(withCard({ size: 7e9 }), 'sdb')).toEqual([]);
    expect(groundsOf(withCard({ size: 256e9 }), 'sdb')).toEqual([]);
    expect(groundsOf(withCard({ size: 256e9 + 512 }), 'sdb')).toEqual(['size']);
    expect(groundsOf(withCard({ size: 7e9 - 512 }), 'sdb')).toEqual(['size']);
  });

  test('a protected serial number, model or label is never written; what stands in a pattern is meant literally', () => {
    const groundsWith = (...protect: readonly string[]) => groundsOf(withCard(), 'sdb', { ...defaultPolicy, protect });
    expect(groundsWith('000000001532')).toEqual(['protected']);
    expect(groundsWith('storage*')).toEqual(['protected']);
    expect(groundsWith('BOOTFS')).toEqual(['protected']);
    expect(groundsWith('boot', '.*', 'bootf?', '(')).toEqual([]);
  });
});

describe('Disks in the order of use', () => {
  test('what can be written comes first; loop devices and RAM disks are not listed', () => {
    const machine = writtenMachine({
      disks: [systemDisk(), { name: 'loop0', type: 'loop', size: 5 }, { name: 'zram0', size: 4e9 }, card()],
    });
    expect(candidates(machine, defaultPolicy).map(({ device }) => device.row.kname)).toEqual(['sdb', 'sda']);
  });
});
