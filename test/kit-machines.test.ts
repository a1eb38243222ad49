import { describe, expect, test } from 'vitest';
import { diskTable } from '../provisioning/kit/disks/description.ts';
import { candidates } from '../provisioning/kit/disks/gate.ts';
import { defaultPolicy, refusals } from '../provisioning/kit/disks/grounds.ts';
import { parseLsblk } from '../provisioning/kit/disks/lsblk.ts';
import { namedDevices, parseMountinfo, parseSwaps } from '../provisioning/kit/disks/mounts.ts';
import { writtenMachine } from './harness/disk-machines.ts';
import { machinePark } from './harness/machine-park.ts';

/** Under a second. */

describe('On machines of many kinds nothing is accepted but cards', () => {
  for (const [what, written, writable] of machinePark)
    test(what, () => {
      const machine = writtenMachine(written);
      const accepted = [...machine.devices.keys()].filter(
        (name) => refusals(machine, name, defaultPolicy).length === 0,
      );
      expect(accepted).toEqual(writable);
      const table = diskTable(machine, candidates(machine, defaultPolicy));
      expect(table.split('\n').filter((line) => line.startsWith('can be written'))).toHaveLength(writable.length);
    });

  test('the table says why', () => {
    const [, written] = machinePark.find(([what]) => what.startsWith('somebody')) ?? [];
    if (!written) throw new Error('no such machine');
    const machine = writtenMachine(written);
    const table = diskTable(machine, candidates(machine, defaultPolicy));
    expect(table).toMatch(/^can be written {2}\/dev\/sdd .*32|31\.9 GB/m);
    expect(table).toContain('holds: EOS_DIGITAL (exfat)');
    expect(table).toContain('It is in use: /media/me/STICK. Unmount it first.');
    expect(table).toContain('It is protected: backup-2026.');
    expect(diskTable(machine, [])).toBe('No disk was found at all.\n');
  });
});

describe('What lsblk and the kernel print', () => {
  test('util-linux 2.29: strings alone, no path, one mount point', () => {
    const [row] = parseLsblk({
      blockdevices: [
        {
          ...{
            name: 'sdb',
            kname: 'sdb',
            'maj:min': '8:16',
            fstype: null,
            mountpoint: null,
            label: null,
            model: 'Flash Disk      ',
          },
          ...{ size: '8004304896', ro: '0', rm: '1', type: 'disk', tran: 'usb', serial: '0001', vendor: 'Generic ' },
        },
      ],
    });
    expect(row).toMatchObject({
      path: '/dev/sdb',
      sizeBytes: 8004304896,
      readOnly: false,
      model: 'Flash Disk',
      mountpoints: [],
    });
    expect(row?.tellsContent).toBe(true);
  });

  test('util-linux 2.38: numbers, several mount points, a mirror below both of its disks', () => {
    const md = { name: 'md0', type: 'raid1', size: 5, ro: false, fstype: 'ext4', mountpoints: ['/srv', null, '/data'] };
    const rows = parseLsblk({
      blockdevices: ['sda', 'sdb'].map((name) => ({ name, type: 'disk', size: 5, ro: true, children: [md] })),
    });
    expect(rows.map(({ kname }) => kname)).toEqual(['sda', 'md0', 'sdb']);
    expect(rows[1]).toMatchObject({ parents: ['sda', 'sdb'], mountpoints: ['/srv', '/data'] });
    expect(rows[0]).toMatchObject({ readOnly: true, tellsContent: false });
  });

  test('what is no output of lsblk is an error, never an empty machine', () => {
    for (const odd of [null, {}, { blockdevices: [{}] }, { blockdevices: [{ name: 'sda', type: 'disk', size: 'x' }] }])
      expect(() => parseLsblk(odd)).toThrow();
  });

  test('mountinfo with blanks, and optional fields or none', () => {
    const text =
      '36 35 98:0 /mnt1 /mnt/a\\040b rw,noatime master:1 - ext3 /dev/root rw\n40 1 8:1 / / rw - xfs /dev/sda1 rw\n';
    expect(parseMountinfo(text)).toEqual([
      { number: '98:0', point: '/mnt/a b', filesystem: 'ext3', source: '/dev/root' },
      { number: '8:1', point: '/', filesystem: 'xfs', source: '/dev/sda1' },
    ]);
    expect(() => parseMountinfo('odd\n')).toThrow('mountinfo');
    expect(parseSwaps('Filename\tType\n/dev/dm-2   partition 1 0 -2\n/swap\\040file file 1 0 -3\n')).toEqual([
      '/dev/dm-2',
      '/swap file',
    ]);
    expect(namedDevices('# no\nUUID="1-2" / ext4\n', 'x /dev/sdb5 none', 'quiet root=/dev/sda1')).toEqual([
      'UUID=1-2',
      '/dev/sdb5',
      '/dev/sda1',
    ]);
  });
});
