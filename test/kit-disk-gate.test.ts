import { closeSync, openSync, readSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { readMachine } from '../provisioning/kit/disks/evidence.ts';
import { type ConfirmedDisk, judge, openConfirmed } from '../provisioning/kit/disks/gate.ts';
import { defaultPolicy, refusals } from '../provisioning/kit/disks/grounds.ts';
import { identityOf } from '../provisioning/kit/disks/machine.ts';
import { card, changingMachine, systemDisk, type WrittenMachine, writtenMachine } from './harness/disk-machines.ts';
import { disguised, LoopDisk, noLoopDevices, onUsb } from './harness/loop-disk.ts';

/** About 2 s: from the look at a disk to its opening, on machines that are written down and on real block devices. */

const whyNot = noLoopDevices();
if (whyNot !== null) process.stderr.write(`real block devices are left out: ${whyNot}\n`);

const sizeBytes = 8e9;
const words = (error: unknown) => (error instanceof Error ? error.message : String(error));
const refusedWith = (confirming: Promise<unknown>): Promise<string> => confirming.then(() => 'it was opened', words);

describe('A disk that changes between the look and the writing', () => {
  const shown: WrittenMachine = { disks: [systemDisk(), card()] };
  const [path, kname] = ['/dev/sdb', 'sdb'];
  const confirmedOn = (machine: WrittenMachine, at = path): ConfirmedDisk => ({
    path: at,
    identity: identityOf(judge(writtenMachine(machine), at, defaultPolicy)),
  });
  const never = () => {
    throw new Error('it was opened');
  };
  const changed = (over: Parameters<typeof card>[0]): WrittenMachine => ({ disks: [systemDisk(), card(over)] });

  const changes: readonly (readonly [string, WrittenMachine, string])[] = [
    ['its serial number', changed({ serial: '000000001533' }), 'its serial number changed'],
    ['its size', changed({ size: 15_931_539_456 }), 'its size changed'],
    ['its place', changed({ sysfs: { hardware: '/devices/pci0000:00/usb2/2-4/block/sdb' } }), 'plugged in changed'],
    ['the medium in the reader', changed({ sysfs: { sequence: '8' } }), 'the medium in it changed'],
    ['its partition table', changed({ ptuuid: '11111111' }), 'its partition table changed'],
    ['its device number', changed({ sysfs: { number: '8:99' } }), 'its device number changed'],
    [
      'a mount',
      changed({ children: [{ name: 'sdb1', type: 'part', size: 1, hiddenMount: '/media/x' }] }),
      'It is in use',
    ],
    ['it is gone', { disks: [systemDisk()] }, 'It is no disk of this machine'],
  ];
  for (const [what, machine, sentence] of changes)
    test(`is refused: ${what}`, async () => {
      const opening = openConfirmed(changingMachine(machine), confirmedOn(shown), defaultPolicy, never);
      expect(await refusedWith(opening)).toContain(sentence);
    });

  test('a link that leads elsewhere now is refused', async () => {
    const at = '/dev/disk/by-id/usb-reader';
    const two = [systemDisk(), card(), card({ name: 'sdc', serial: '000000001533', children: [] })];
    const before: WrittenMachine = { disks: two, links: { [at]: kname } };
    const after: WrittenMachine = { disks: two, links: { [at]: 'sdc' } };
    const opening = openConfirmed(changingMachine(after), confirmedOn(before, at), defaultPolicy, never);
    expect(await refusedWith(opening)).toContain('its name, its device number, its serial number');
  });

  test('a name that is no path of a device is refused', () => {
    for (const name of ['sdb', '/dev/sdq', './sdb', ''])
      expect(() => judge(writtenMachine(shown), name, defaultPolicy)).toThrow('no disk of this machine');
    expect(() => judge(writtenMachine(shown), '/dev/sdb1', defaultPolicy)).toThrow('not a whole disk');
  });

  test('what is opened and is no block device is refused and closed again', async () => {
    let descriptor = -1;
    const open = () => {
      descriptor = openSync('/dev/null', 'r');
      return descriptor;
    };
    const opening = openConfirmed(changingMachine(shown), confirmedOn(shown), defaultPolicy, open);
    expect(await refusedWith(opening)).toContain('leads to another disk');
    expect(() => closeSync(descriptor)).toThrow('EBADF');
  });
});

describe.skipIf(whyNot !== null)('Real block devices', () => {
  const disks: LoopDisk[] = [];
  const undo: (() => void)[] = [];
  const disk = (...options: readonly string[]) => {
    const made = new LoopDisk(sizeBytes, options);
    disks.push(made);
    return made;
  };
  afterEach(() => {
    for (const each of undo.splice(0).toReversed()) each();
    for (const each of disks.splice(0)) each.detach();
  });

  const machineWith =
    (...some: readonly LoopDisk[]) =>
    () =>
      disguised(some.map(({ kname }) => kname));
  const confirmed = async (loop: LoopDisk, path = loop.path): Promise<ConfirmedDisk> => ({
    path,
    identity: identityOf(judge(await machineWith(loop)(), path, defaultPolicy)),
  });
  const groundsOf = async (loop: LoopDisk) =>
    refusals(await machineWith(loop)(), loop.kname, defaultPolicy).map(({ ground }) => ground);

  test('as they are, none of them and no disk of this machine may be written', async () => {
    disk();
    const machine = await readMachine();
    expect(machine.devices.size).toBeGreaterThan(1);
    for (const kname of machine.devices.keys()) expect(refusals(machine, kname, defaultPolicy), kname).not.toEqual([]);
  });

  test('one that looks like a card is opened for nobody else', async () => {
    const loop = disk();
    expect(await groundsOf(loop)).toEqual([]);
    const opened = await openConfirmed(machineWith(loop), await confirmed(loop), defaultPolicy);
    try {
      await opened.recheck();
      await opened.stillThere();
      const second = openConfirmed(machineWith(loop), await confirmed(loop), defaultPolicy);
      expect(await refusedWith(second)).toContain('Another program holds it');
    } finally {
      closeSync(opened.descriptor);
    }
  });

  test('a read-only one is refused', async () => {
    expect(await groundsOf(disk('--read-only'))).toEqual(['read-only']);
  });

  test('a mounted one is refused, and cannot even be opened where all evidence were wrong', async () => {
    const loop = disk();
    const agreed = await confirmed(loop);
    loop.command('mke2fs', '-q', '-F', '-t', 'ext4', loop.path, '20M');
    const folder = join(tmpdir(), `sala-mount-${process.pid}`);
    loop.command('mkdir', '-p', folder);
    loop.command('mount', loop.path, folder);
    undo.push(() => {
      loop.command('umount', folder);
      rmSync(folder, { recursive: true });
    });
    expect(await groundsOf(loop)).toEqual(['mounted']);
    const blind = async () => {
      const machine = await disguised([loop.kname], (device) => {
        const { row, ...rest } = onUsb(device);
        return { row: { ...row, mountpoints: [], filesystem: null, tableUuid: null }, ...rest };
      });
      return { ...machine, mounts: [] };
    };
    expect(await refusedWith(openConfirmed(blind, agreed, defaultPolicy))).toContain('Another program holds it');
  });

  test('what was made on one without udev’s knowledge is seen', async () => {
    const loop = disk();
    loop.command('mkswap', loop.path, '20480');
    expect(await groundsOf(loop)).toEqual(['swap']);
    loop.command('wipefs', '--all', '--quiet', loop.path);
    expect(await groundsOf(loop)).toEqual([]);
    loop.command('mke2fs', '-q', '-F', '-t', 'ext4', '-L', 'Backup 7', loop.path, '20M');
    expect(await groundsOf(loop)).toEqual(['protected']);
  });

  test('another one under the same name is refused, and keeps every byte', async () => {
    const [first, second] = [disk(), disk()];
    second.command('dd', 'if=/dev/urandom', `of=${second.path}`, 'bs=1M', 'count=1', 'status=none', 'conv=fsync');
    const before = head(second.file);
    const agreed = await confirmed(first);
    first.swapFor(second);
    const refusal = await refusedWith(openConfirmed(machineWith(second), agreed, defaultPolicy));
    expect(refusal).toContain('the medium in it changed');
    expect(head(second.file).equals(before)).toBe(true);
  });

  test('one that takes another’s place after the last look is refused by what was opened', async () => {
    const [first, second] = [disk(), disk()];
    const agreed = await confirmed(first);
    const open = (_: string, flags: number) => openSync(second.path, flags);
    const refusal = await refusedWith(openConfirmed(machineWith(first, second), agreed, defaultPolicy, open));
    expect(refusal).toContain('leads to another disk');
  });

  test('one that is swapped while it is open is refused by the look right before the first byte', async () => {
    const loop = disk();
    let sequence = '1';
    const machine = () =>
      disguised([loop.kname], (device) => {
        const { sysfs, ...rest } = onUsb(device);
        return { ...rest, sysfs: { ...sysfs, sequence } };
      });
    const identity = identityOf(judge(await machine(), loop.path, defaultPolicy));
    const opened = await openConfirmed(machine, { path: loop.path, identity }, defaultPolicy);
    try {
      sequence = '2';
      expect(await refusedWith(opened.recheck())).toContain('the medium in it changed');
      expect(await refusedWith(opened.stillThere())).toContain('the medium in it changed');
    } finally {
      closeSync(opened.descriptor);
    }
  });

  test('one that is swapped between the last look and the opening is refused by the look after it', async () => {
    const loop = disk();
    let looks = 0;
    const machine = () =>
      disguised([loop.kname], (device) => {
        const { sysfs, ...rest } = onUsb(device);
        return { ...rest, sysfs: { ...sysfs, sequence: looks++ < 2 ? '1' : '2' } };
      });
    const identity = identityOf(judge(await machine(), loop.path, defaultPolicy));
    const opening = openConfirmed(machine, { path: loop.path, identity }, defaultPolicy);
    expect(await refusedWith(opening)).toContain('the medium in it changed');
  });

  test('a link to it is followed, and refused once it leads elsewhere', async () => {
    const [first, second] = [disk(), disk()];
    const link = join(tmpdir(), `sala-link-${process.pid}`);
    symlinkSync(first.path, link);
    undo.push(() => rmSync(link, { force: true }));
    const agreed = await confirmed(first, link);
    expect(agreed.identity.kname).toBe(first.kname);
    rmSync(link);
    symlinkSync(second.path, link);
    const refusal = await refusedWith(openConfirmed(machineWith(first, second), agreed, defaultPolicy));
    expect(refusal).toContain('its name');
  });
});

function head(file: string): Buffer {
  const bytes = Buffer.alloc(1 << 20);
  const handle = openSync(file, 'r');
  readSync(handle, bytes, 0, bytes.length, 0);
  closeSync(handle);
  return bytes;
}
