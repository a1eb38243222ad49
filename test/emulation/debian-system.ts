import { existsSync } from 'node:fs';
import { appendFile, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { indexTargetsFormat, mirrorsOf } from '../../provisioning/kit/packages/machine-sources.ts';
import { run, say } from './shell.ts';

/** What of Raspberry Pi OS Lite matters here, by Debian's names, and a kernel that runs on the emulated board. */
const packages = [
  'linux-image-arm64',
  'initramfs-tools',
  'systemd-sysv',
  'systemd-timesyncd',
  'dbus',
  'udev',
  'kmod',
  'cloud-init',
  'network-manager',
  'libpam-systemd',
  'e2fsprogs',
  'dosfstools',
  'parted',
  'cloud-guest-utils',
  'fdisk',
  'sudo',
  'ca-certificates',
  'iproute2',
] as const;

/** As Raspberry Pi's package rpi-cloud-init-mods has it. */
const dataSource = `datasource_list: [ NoCloud, None ]
datasource:
  NoCloud:
    seedfrom: file:///boot/firmware
`;

const slow = '[Service]\nTimeoutStartSec=900\nWatchdogSec=900\n';

/**
 * A Debian Trixie for arm64 in `folder`, in the shape of Raspberry Pi OS Lite. Needs root, debootstrap and
 * qemu-user-static with binfmt. Made once; takes some twenty minutes on two cores.
 * @param base an arm64 minbase root to begin with, instead of debootstrap
 */
export async function makeSystem(folder: string, base?: string): Promise<void> {
  if (existsSync(folder)) return;
  const root = `${folder}.part`;
  await rm(root, { recursive: true, force: true });
  if (base) await run('cp', ['-a', base, root]);
  else {
    const targets = await run('apt-get', ['indextargets', '--format', indexTargetsFormat, 'Created-By: Packages']);
    const codename = /^VERSION_CODENAME=(\w+)/m.exec(await run('cat', ['/etc/os-release']))?.[1] ?? 'stable';
    const { archive } = mirrorsOf(targets, codename);
    say('debootstrap of Debian Trixie for arm64');
    await run('debootstrap', ['--arch=arm64', '--variant=minbase', 'trixie', root, archive]);
  }
  const inside = (...args: string[]) =>
    run('chroot', [
      root,
      '/usr/bin/env',
      'DEBIAN_FRONTEND=noninteractive',
      'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
      ...args,
    ]);
  // No service of it starts on this machine.
  await writeFile(join(root, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  await mkdir(join(root, 'boot/firmware'), { recursive: true });
  await run('mount', ['-t', 'proc', 'proc', join(root, 'proc')]);
  try {
    say(`installing ${packages.length} packages and what they need`);
    await inside('apt-get', 'update');
    await mkdir(join(root, 'etc/initramfs-tools/conf.d'), { recursive: true });
    await writeFile(join(root, 'etc/initramfs-tools/conf.d/emulation'), 'MODULES=list\nCOMPRESS=gzip\n');
    await writeFile(join(root, 'etc/initramfs-tools/modules'), '');
    await inside('apt-get', 'install', '-y', '--no-install-recommends', 'initramfs-tools');
    await appendFile(join(root, 'etc/initramfs-tools/modules'), 'virtio_pci\nvirtio_blk\next4\n');
    await inside('apt-get', 'install', '-y', '--no-install-recommends', ...packages);
    await inside('apt-get', 'clean');
  } finally {
    await run('umount', [join(root, 'proc')]);
  }
  // The emulated board may be a hundred times slower than a Raspberry Pi: what a kit has to be in time for, it is not here.
  for (const name of ['agent', 'device', 'display', 'relay']) {
    await mkdir(join(root, `etc/systemd/system/sala-${name}.service.d`), { recursive: true });
    await writeFile(join(root, `etc/systemd/system/sala-${name}.service.d/emulation.conf`), slow);
  }
  await rm(join(root, 'usr/sbin/policy-rc.d'));
  await writeFile(join(root, 'etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg'), dataSource);
  await writeFile(join(root, 'etc/machine-id'), 'uninitialized\n');
  await writeFile(join(root, 'etc/hostname'), 'raspberrypi\n');
  await rename(root, folder);
}

/** The newest kernel of the system with its initial file system. */
export async function kernelOf(folder: string): Promise<{ kernel: string; initrd: string }> {
  const names = await readdir(join(folder, 'boot'));
  const newest = (prefix: string) => {
    const name = names
      .filter((each) => each.startsWith(prefix))
      .sort()
      .at(-1);
    if (!name) throw new Error(`no ${prefix} in ${folder}/boot`);
    return join(folder, 'boot', name);
  };
  return { kernel: newest('vmlinuz-'), initrd: newest('initrd.img-') };
}
