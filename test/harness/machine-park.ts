import { card, systemDisk, type Written, type WrittenMachine } from './disk-machines.ts';

const gb = 1e9;
const part = (name: string, over: Partial<Written> = {}): Written => ({ name, type: 'part', size: 10 * gb, ...over });
const disk = (name: string, over: Partial<Written>): Written => ({
  name,
  size: 500 * gb,
  serial: `SN-${name}`,
  ...over,
});
const reader = (name: string, over: Partial<Written> = {}): Written =>
  card({ name, serial: '20120501030900000', size: 0, children: [], ...over });
const slot = (name: string, over: Partial<Written> = {}): Written =>
  card({ name, tran: 'mmc', serial: '0x1c3f5b2a', children: [], ...over });

/** Machines of many kinds, and which of their disks may be written: no other may. */
export const machinePark: readonly (readonly [string, WrittenMachine, readonly string[]])[] = [
  [
    'a laptop with an encrypted NVMe, LVM in it, and a card in its slot',
    {
      disks: [
        disk('nvme0n1', {
          tran: 'nvme',
          size: 256 * gb - 512,
          children: [
            part('nvme0n1p1', { fstype: 'vfat', mount: ['/boot/efi'] }),
            part('nvme0n1p2', { fstype: 'ext4', mount: ['/boot'] }),
            part('nvme0n1p3', {
              fstype: 'crypto_LUKS',
              children: [
                {
                  name: 'dm-0',
                  type: 'crypt',
                  fstype: 'LVM2_member',
                  children: [
                    { name: 'dm-1', type: 'lvm', fstype: 'ext4', mount: ['/'] },
                    { name: 'dm-2', type: 'lvm', fstype: 'swap', mount: ['[SWAP]'] },
                  ],
                },
              ],
            }),
          ],
        }),
        slot('mmcblk0', { size: 31.9 * gb }),
      ],
      swaps: ['/dev/dm-2'],
    },
    ['mmcblk0'],
  ],
  [
    'a server whose archive is a RAID of disks on USB',
    {
      disks: [
        systemDisk(),
        ...['sdb', 'sdc', 'sdd'].map((name) =>
          disk(name, {
            tran: 'usb',
            size: 200 * gb,
            children: [
              part(`${name}1`, {
                fstype: 'linux_raid_member',
                children: [{ name: 'md0', type: 'raid5', fstype: 'ext4', mount: ['/archive'] }],
              }),
            ],
          }),
        ),
      ],
    },
    [],
  ],
  [
    'the same, its RAID stopped',
    {
      disks: [
        systemDisk(),
        disk('sdb', { tran: 'usb', size: 200 * gb, fstype: 'linux_raid_member' }),
        disk('sdc', { tran: 'usb', size: 200 * gb, children: [part('sdc1', { parttype: '0xfd' })] }),
        card({ name: 'sdd' }),
      ],
    },
    ['sdd'],
  ],
  [
    'a Pi that runs from its card, with another one in a reader',
    {
      disks: [
        slot('mmcblk0', {
          size: 31.9 * gb,
          children: [
            part('mmcblk0p1', { fstype: 'vfat', label: 'bootfs', mount: ['/boot/firmware'] }),
            part('mmcblk0p2', { fstype: 'ext4', label: 'rootfs', mount: ['/'], partuuid: '5fb33ca5-02' }),
          ],
        }),
        card({ name: 'sda' }),
        { name: 'zram0', size: 2 * gb },
      ],
      cmdline: 'root=PARTUUID=5fb33ca5-02',
      swaps: ['/dev/zram0'],
    },
    ['sda'],
  ],
  [
    'a Pi that runs from an SSD on USB, under an overlay that hides it',
    {
      disks: [
        disk('sda', {
          tran: 'usb',
          size: 120 * gb,
          children: [part('sda1', { fstype: 'vfat' }), part('sda2', { fstype: 'ext4', partuuid: 'ab12cd34-02' })],
        }),
        slot('mmcblk0', { size: 15.9 * gb }),
      ],
      mounts: ['22 1 0:30 / / rw - overlay overlayroot rw'],
      cmdline: 'overlayroot=tmpfs root=PARTUUID=ab12cd34-02 rootwait',
    },
    ['mmcblk0'],
  ],
  [
    'readers with four slots, one of them full',
    {
      disks: [systemDisk(), reader('sdb'), reader('sdc'), reader('sdd', { size: 15.9 * gb }), reader('sde')],
    },
    ['sdd'],
  ],
  [
    'a ZFS pool on USB, imported and not',
    {
      disks: [
        systemDisk(),
        disk('sdb', {
          tran: 'usb',
          size: 250 * gb,
          children: [part('sdb1', { fstype: 'zfs_member', label: 'tank' }), part('sdb9', { size: 8e6 })],
        }),
        disk('sdc', { tran: 'usb', size: 250 * gb, fstype: 'zfs_member' }),
      ],
      mounts: ['50 22 0:52 / /tank rw - zfs tank rw'],
    },
    [],
  ],
  [
    'Btrfs over two disks, of which mountinfo names the first',
    {
      disks: [
        systemDisk(),
        disk('sdb', { tran: 'usb', size: 128 * gb, fstype: 'btrfs', uuid: 'b7' }),
        disk('sdc', { tran: 'usb', size: 128 * gb, fstype: 'btrfs', uuid: 'b7' }),
      ],
      mounts: ['50 22 0:52 /@data /data rw - btrfs /dev/sdb rw'],
      pools: [['sdb', 'sdc']],
    },
    [],
  ],
  [
    'swap on a stick, and bcache on another',
    {
      disks: [
        systemDisk(),
        disk('sdb', { tran: 'usb', size: 16 * gb, fstype: 'swap' }),
        disk('sdc', {
          tran: 'usb',
          size: 64 * gb,
          fstype: 'bcache',
          children: [{ name: 'bcache0', type: 'disk', size: 64 * gb, fstype: 'ext4', mount: ['/cache'] }],
        }),
      ],
      swaps: ['/dev/sdb'],
    },
    [],
  ],
  [
    'a Chromebook: eMMC with its hardware partitions, and a card',
    {
      disks: [
        slot('mmcblk0', {
          size: 62 * gb,
          sysfs: { cardType: 'MMC' },
          children: [part('mmcblk0p1', { fstype: 'ext4', mount: ['/'] })],
        }),
        slot('mmcblk0boot0', { size: 4e6, sysfs: { cardType: 'MMC' } }),
        slot('mmcblk0boot1', { size: 4e6, sysfs: { cardType: 'MMC' } }),
        slot('mmcblk0rpmb', { size: 16e6, sysfs: { cardType: 'MMC' } }),
        slot('mmcblk1', { size: 31.9 * gb }),
      ],
    },
    ['mmcblk1'],
  ],
  [
    'multipath and iSCSI',
    {
      disks: [
        systemDisk(),
        ...['sdb', 'sdc'].map((name) =>
          disk(name, {
            tran: 'iscsi',
            size: 100 * gb,
            fstype: 'mpath_member',
            children: [{ name: 'dm-5', type: 'mpath', size: 100 * gb }],
          }),
        ),
        disk('sdd', { tran: 'iscsi', size: 100 * gb }),
      ],
    },
    [],
  ],
  [
    'a virtual machine with a second disk',
    {
      disks: [
        disk('vda', { tran: 'virtio', children: [part('vda1', { mount: ['/'] })] }),
        disk('vdb', { tran: 'virtio', size: 32 * gb, serial: null }),
      ],
    },
    [],
  ],
  [
    'a system started from a stick',
    {
      disks: [
        disk('sda', { tran: 'sata', size: 200 * gb, fstype: 'crypto_LUKS' }),
        disk('sdb', {
          tran: 'usb',
          size: 32 * gb,
          fstype: 'iso9660',
          children: [part('sdb1', { fstype: 'iso9660', hiddenMount: '/run/live/medium' })],
        }),
        { name: 'loop0', type: 'loop', size: 2 * gb, fstype: 'squashfs', mount: ['/run/live/rootfs'] },
      ],
    },
    [],
  ],
  [
    'somebody’s holiday: a stick that the desktop has mounted, a backup disk, a camera’s card',
    {
      disks: [
        systemDisk(),
        disk('sdb', {
          tran: 'usb',
          size: 64 * gb,
          children: [part('sdb1', { fstype: 'vfat', mount: ['/media/me/STICK'] })],
        }),
        disk('sdc', {
          tran: 'usb',
          size: 250 * gb,
          children: [part('sdc1', { fstype: 'ext4', label: 'backup-2026' })],
        }),
        card({ name: 'sdd', children: [part('sdd1', { fstype: 'exfat', label: 'EOS_DIGITAL' })] }),
      ],
    },
    ['sdd'],
  ],
  [
    'a disk of Windows: BitLocker, and one of its storage spaces',
    {
      disks: [
        systemDisk(),
        disk('sdb', { tran: 'usb', size: 128 * gb, children: [part('sdb1', { fstype: 'BitLocker' })] }),
        disk('sdc', {
          tran: 'usb',
          size: 128 * gb,
          children: [part('sdc1', { parttype: 'e75caf8f-f680-4cee-afa3-b001e56efc2d' })],
        }),
      ],
    },
    [],
  ],
  ['an old util-linux, with a card', { disks: [systemDisk(), card()], lsblk: 'old' }, ['sdb']],
  ['one that does not tell what is on a disk', { disks: [systemDisk(), card()], lsblk: 'without-content' }, []],
];
