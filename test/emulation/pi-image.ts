import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kernelOf } from './debian-system.ts';
import { run, say } from './shell.ts';

const mebibyte = 1024 * 1024;
const startSector = 16_384;
const bootBytes = 128 * mebibyte;
const diskId = 'a1b2c3d4';

const fstab = `proc            /proc           proc    defaults          0       0
PARTUUID=${diskId}-01  /boot/firmware  vfat    defaults          0       2
PARTUUID=${diskId}-02  /               ext4    defaults,noatime  0       1
`;
// As on Raspberry Pi OS, but for the console of the emulated board.
const cmdline = `console=tty1 console=ttyAMA0,115200 root=PARTUUID=${diskId}-02 rootfstype=ext4 fsck.repair=yes rootwait\n`;

async function bytesOf(folder: string): Promise<number> {
  return Number((await run('du', ['-sx', '--block-size=1', folder])).split('\t')[0]);
}

/** Writes `from` into `to` at `offset`, holes left out. */
async function lay(from: string, to: string, offset: number): Promise<void> {
  await run('dd', [
    `if=${from}`,
    `of=${to}`,
    'bs=1M',
    `seek=${offset / mebibyte}`,
    'conv=notrunc,sparse',
    'status=none',
  ]);
}

/**
 * An image in the shape of Raspberry Pi OS Lite: FAT boot partition with kernel and command line, ext4 root, and nothing
 * behind it. Needs root, so that files keep their owners.
 * @param system the root folder of `makeSystem`
 */
export async function makeImage(system: string, file: string): Promise<void> {
  if (existsSync(file)) return;
  const work = `${file}.work`;
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  await writeFile(join(system, 'etc/fstab'), fstab);

  say('making the image');
  const boot = join(work, 'boot.fat');
  await writeFile(boot, '');
  await truncate(boot, bootBytes);
  await run('mkfs.vfat', ['-F', '32', '-n', 'bootfs', boot]);
  const { kernel, initrd } = await kernelOf(system);
  const files: Record<string, string | Buffer> = {
    'cmdline.txt': cmdline,
    'config.txt': 'arm_64bit=1\nauto_initramfs=1\n',
    'kernel8.img': await readFile(kernel),
    initramfs8: await readFile(initrd),
    'meta-data': 'dsmode: local\ninstance_id: rpios-image\n',
    'user-data': '#cloud-config\n',
    'network-config': '',
  };
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(work, 'file'), content);
    await run('mcopy', ['-i', boot, join(work, 'file'), `::${name}`]);
  }

  const rootBytes = Math.ceil((((await bytesOf(system)) * 1.2) / mebibyte + 200) / 8) * 8 * mebibyte;
  const root = join(work, 'root.ext4');
  await writeFile(root, '');
  await truncate(root, rootBytes);
  await run('mke2fs', ['-q', '-F', '-t', 'ext4', '-L', 'rootfs', '-O', '^huge_file', '-d', system, root]);

  const image = join(work, 'image');
  await writeFile(image, '');
  await truncate(image, startSector * 512 + bootBytes + rootBytes);
  const table = `label: dos\nlabel-id: 0x${diskId}\nstart=${startSector}, size=${bootBytes / 512}, type=c\nstart=${startSector + bootBytes / 512}, size=${rootBytes / 512}, type=83\n`;
  await run('sfdisk', ['-q', image], table);
  await lay(boot, image, startSector * 512);
  await lay(root, image, startSector * 512 + bootBytes);
  await rename(image, file);
  await rm(work, { recursive: true });
  say(`the image is ${((await stat(file)).size / mebibyte).toFixed(0)} MiB`);
}
