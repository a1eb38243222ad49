import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { signRelease } from '../../systemd/agent/updates/manifest.ts';

const mib = 1024 * 1024;
export const imageDiskId = '5fb33ca5';

interface ImageShape {
  readonly boot: { readonly start: number; readonly size: number };
  readonly root: { readonly start: number; readonly size: number };
  readonly fat: readonly string[];
}

/** As Raspberry Pi OS has it, with FAT32. */
export const fullImage: ImageShape = {
  boot: { start: 8 * mib, size: 40 * mib },
  root: { start: 48 * mib, size: 24 * mib },
  fat: ['-F', '-c', '1'],
};

/** With FAT16, which can be smaller. */
export const smallImage: ImageShape = {
  boot: { start: 4 * mib, size: 8 * mib },
  root: { start: 12 * mib, size: 12 * mib },
  fat: ['-c', '1'],
};

const path = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;
/** Runs a program of Debian's, wherever it is. */
export const debian = (name: string, args: readonly string[], input?: string): Buffer =>
  execFileSync(name, args, {
    ...(input !== undefined && { input }),
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PATH: path, MTOOLSRC: '/dev/null', MTOOLS_SKIP_CHECK: '1', TZ: 'UTC' },
    maxBuffer: 256 * mib,
  });

export const imageCmdline = `console=serial0,115200 console=tty1 root=PARTUUID=${imageDiskId}-02 rootfstype=ext4 fsck.repair=yes rootwait quiet ds=nocloud;i=rpios-image\n`;
export const imageFstab = `proc            /proc           proc    defaults          0       0
PARTUUID=${imageDiskId}-01  /boot/firmware  vfat    defaults          0       2
PARTUUID=${imageDiskId}-02  /               ext4    defaults,noatime  0       1
`;

/** Files of a boot partition, as Raspberry Pi OS has them, in small. */
const bootFiles: Readonly<Record<string, string | Buffer>> = {
  'cmdline.txt': imageCmdline,
  'config.txt': '# For more options and information see\n# http://rptl.io/configtxt\ndtparam=audio=on\n[all]\n',
  'issue.txt': 'Raspberry Pi reference 2026-04-13\nGenerated using pi-gen, stage2\n',
  'user-data': '#cloud-config\n# as the image has it\n',
  'meta-data': 'instance_id: rpios-image\n',
  'network-config': '# as the image has it\n',
  'kernel8.img': Buffer.alloc(3 * mib, 'kernel '),
  'overlays/README': 'Introduction\n',
};

/** An image as Raspberry Pi OS's are shaped: MBR, FAT32, ext4. Needs no root. */
export function makePiImage(folder: string, { boot, root, fat: shape }: ImageShape = fullImage): string {
  const file = join(folder, 'raspios.img');
  const tree = join(folder, 'tree');
  mkdirSync(join(tree, 'etc'), { recursive: true });
  mkdirSync(join(tree, 'var/log'), { recursive: true });
  writeFileSync(join(tree, 'etc/fstab'), imageFstab);
  writeFileSync(join(tree, 'etc/hostname'), 'raspberrypi\n');
  // Not a line of fstab: stays as it is.
  writeFileSync(
    join(tree, 'var/log/boot'),
    Buffer.concat([Buffer.from([0, 1]), Buffer.from(`\nPARTUUID=${imageDiskId}-02\n`)]),
  );
  writeFileSync(join(tree, 'blob'), Buffer.alloc(2 * mib, 'system '));
  writeFileSync(file, '');
  truncateSync(file, root.start + root.size);
  const sectors = (bytes: number) => bytes / 512;
  debian(
    'sfdisk',
    ['-q', '--no-reread', '--no-tell-kernel', file],
    `label: dos\nlabel-id: 0x${imageDiskId}\nunit: sectors\nstart=${sectors(boot.start)}, size=${sectors(boot.size)}, type=c\nstart=${sectors(root.start)}, size=${sectors(root.size)}, type=83\n`,
  );
  const fat = `${file}@@${boot.start}`;
  debian('mformat', ['-i', fat, ...shape, '-T', String(sectors(boot.size)), '-v', 'BOOTFS', '::']);
  debian('mmd', ['-i', fat, '::/overlays']);
  for (const [target, content] of Object.entries(bootFiles)) {
    writeFileSync(join(folder, 'content'), content);
    debian('mcopy', ['-i', fat, join(folder, 'content'), `::/${target}`]);
  }
  debian('mke2fs', [
    '-q',
    '-F',
    '-t',
    'ext4',
    '-L',
    'rootfs',
    '-E',
    `offset=${root.start}`,
    '-d',
    tree,
    file,
    `${root.size / 1024}k`,
  ]);
  rmSync(tree, { recursive: true });
  rmSync(join(folder, 'content'));
  return file;
}

export const sha256Of = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

export const releaseVersion = '0.1.0';

/** A signed release of a few files, and a folder of packages. */
export function makeContent(folder: string): { release: string; publicKey: string; packages: string } {
  const tree = join(folder, 'release-tree');
  mkdirSync(join(tree, 'bin'), { recursive: true });
  mkdirSync(join(tree, 'provisioning/kit'), { recursive: true });
  writeFileSync(join(tree, 'bin/node'), Buffer.alloc(mib, 'node '), { mode: 0o755 });
  writeFileSync(join(tree, 'provisioning/kit/first-boot.sh'), '#!/bin/sh\n', { mode: 0o755 });
  symlinkSync('node', join(tree, 'bin/nodejs'));
  writeFileSync(join(tree, 'a name with blanks'), 'ü\n');
  const release = join(folder, `sala-${releaseVersion}-linux-arm64.tar.gz`);
  debian('tar', ['-czf', release, '-C', tree, '.']);
  rmSync(tree, { recursive: true });
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const manifest = signRelease(
    {
      format: 1,
      version: releaseVersion,
      platform: 'linux-arm64',
      commit: '0'.repeat(40),
      created: '2026-11-20T00:00:00.000Z',
      sha256: sha256Of(release),
      bytes: statSync(release).size,
      unpackedBytes: 2 * mib,
    },
    privateKey,
  );
  writeFileSync(release.replace('.tar.gz', '.json'), manifest);
  const key = join(folder, 'release-key.pub');
  writeFileSync(key, publicKey.export({ type: 'spki', format: 'pem' }));
  const packages = join(folder, 'packages');
  mkdirSync(packages);
  writeFileSync(join(packages, 'Packages'), 'Package: cage\n');
  writeFileSync(join(packages, 'cage_0.2_arm64.deb'), Buffer.alloc(300_000, 'deb '));
  writeFileSync(join(packages, 'chromium_140_arm64.deb'), 'deb of screens');
  const device = ['Packages', 'cage_0.2_arm64.deb'];
  const display = [...device, 'chromium_140_arm64.deb'];
  const kind = (files: readonly string[]) => ({ packages: [], files, bytes: 0 });
  const kinds = { device: kind(device), display: kind(display), solo: kind(display) };
  const bundle = { version: 1, suite: 'trixie', architecture: 'arm64', kinds };
  writeFileSync(join(packages, 'bundle.json'), JSON.stringify(bundle));
  return { release, publicKey: key, packages };
}

/** The image packed by a program of Debian's: `xz`, `gzip`, `zstd`. */
export function pack(file: string, program: 'xz' | 'gzip' | 'zstd', ending: string): string {
  const copy = join(`${file}.${ending}.tmp`);
  copyFileSync(file, copy);
  const packed = debian(program, ['-1', '-c', copy]);
  rmSync(copy);
  const target = `${file}.${ending}`;
  writeFileSync(target, packed);
  return target;
}
