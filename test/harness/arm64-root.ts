import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './programs.ts';

export const systems = ['trixie', 'bookworm'] as const;
export type System = (typeof systems)[number];

/** What of Debian naudiodon needs; a kit gets it from its card. */
const soundPackages: Record<System, string> = {
  trixie: 'libasound2t64,libjack-jackd2-0',
  bookworm: 'libasound2,libjack-jackd2-0',
};

const succeeds = (command: string, ...args: string[]) => {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

/** Why programs for 64-bit ARM cannot be run here; null where they can. */
export function whyNoArm64(): string | null {
  if (process.getuid?.() !== 0) return 'needs root, for debootstrap and chroot';
  for (const tool of ['debootstrap', 'qemu-aarch64-static', 'unshare'])
    if (!succeeds('sh', '-c', `command -v ${tool}`)) return `needs ${tool} (apt install debootstrap qemu-user-static)`;
  const entry = '/proc/sys/fs/binfmt_misc/qemu-aarch64';
  if (!existsSync(entry)) {
    succeeds('mount', '-t', 'binfmt_misc', 'binfmt_misc', '/proc/sys/fs/binfmt_misc');
    const magic = '\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00';
    const mask = '\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff';
    try {
      writeFileSync(
        '/proc/sys/fs/binfmt_misc/register',
        `:qemu-aarch64:M::${magic}:${mask}:/usr/bin/qemu-aarch64-static:F`,
      );
    } catch {}
  }
  return existsSync(entry) ? null : 'the kernel may not be told to run ARM programs by qemu (binfmt_misc)';
}

/** The root of a Debian for 64-bit ARM in `.cache/arm64`, made by debootstrap the first time (some minutes). */
export function arm64Root(system: System): string {
  const folder = join(root, '.cache/arm64', system);
  if (existsSync(folder)) return folder;
  mkdirSync(join(folder, '..'), { recursive: true });
  execFileSync('rm', ['-rf', `${folder}.part`]);
  // Without an address debootstrap takes Debian's usual mirror.
  const args = ['--arch=arm64', '--variant=minbase', `--include=${soundPackages[system]}`, system, `${folder}.part`];
  execFileSync('debootstrap', args, { stdio: 'inherit' });
  renameSync(`${folder}.part`, folder);
  return folder;
}

/**
 * A command that runs what a test starts as a program of a release instead, in an ARM system of its own: `device/main.ts` is
 * `/opt/sala/device/main.js` there. `folder` is at the same place inside.
 */
export function inRoot(system: string, release: string, folder: string): string[] {
  const script = `set -e
system=$1 release=$2 folder=$3 checkout=$4
shift 5
file=\${1#"$checkout"/}
shift
mkdir -p "$system/opt/sala" "$system$folder"
mount --bind "$release" "$system/opt/sala"
mount --bind "$folder" "$system$folder"
mount --bind /dev "$system/dev"
mount -t proc proc "$system/proc"
exec chroot "$system" /opt/sala/bin/node --max-semi-space-size=2 --v8-pool-size=1 "/opt/sala/\${file%.ts}.js" "$@"
`;
  return [
    'unshare',
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-c',
    script,
    'in-root',
    system,
    release,
    folder,
    root,
  ];
}
