import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { codeOf, messageOf, SalaError } from '../../../systemd/errors.ts';
import { type LsblkRow, parseLsblk } from './lsblk.ts';
import type { BlockDevice, Machine, SysfsDevice } from './machine.ts';
import { namedDevices, parseMountinfo, parseSwaps } from './mounts.ts';

/** Takes the evidence anew; every judgement asks for it again. */
export type ReadMachine = () => Promise<Machine>;

/** The raw evidence: what a machine said, or what a fixture wrote down. */
export interface Evidence {
  /** What `lsblk --json --bytes --output-all --all` printed. */
  readonly lsblk: unknown;
  readonly sysfs: readonly SysfsDevice[];
  readonly mountinfo: string;
  readonly swaps: string;
  readonly fstab: string;
  readonly crypttab: string;
  readonly cmdline: string;
  readonly pools: readonly (readonly string[])[];
  resolve(path: string): string | null;
}

/** Puts the evidence together; what only one side knows is kept as unclear. */
export function machineOf(evidence: Evidence): Machine {
  const rows = new Map(parseLsblk(evidence.lsblk).map((row) => [row.kname, row] as const));
  const sysfs = new Map(evidence.sysfs.map((each) => [each.kname, each] as const));
  const devices = new Map<string, BlockDevice>();
  const unclear = new Map<string, { parents: readonly string[] }>();
  for (const kname of new Set([...rows.keys(), ...sysfs.keys()])) {
    const row: LsblkRow | undefined = rows.get(kname);
    const own = sysfs.get(kname);
    if (row && own) devices.set(kname, { row, sysfs: own });
    else unclear.set(kname, { parents: row ? row.parents : own?.parent ? [own.parent] : [] });
  }
  return {
    devices,
    unclear,
    mounts: parseMountinfo(evidence.mountinfo),
    swaps: parseSwaps(evidence.swaps),
    named: namedDevices(evidence.fstab, evidence.crypttab, evidence.cmdline),
    pools: evidence.pools,
    resolve: evidence.resolve,
  };
}

const sectorBytes = 512; // /sys counts in these, whatever the disk's own sectors are

const optional = <T>(read: () => T, fallback: T): T => {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'ENODEV', 'EINVAL', 'ENOTDIR', 'ENXIO', 'EACCES'].includes(codeOf(error))) return fallback;
    throw error;
  }
};

const textOf = (path: string): string => optional(() => readFileSync(path, 'utf8').trim(), '');
const namesIn = (path: string): readonly string[] => optional(() => readdirSync(path), []);

function sysfsDevice(sys: string, kname: string): SysfsDevice | null {
  const folder = optional(() => realpathSync(join(sys, 'class/block', kname)), '');
  const number = textOf(join(folder, 'dev'));
  if (folder === '' || number === '') return null; // unplugged between the listing and here
  const isPartition = textOf(join(folder, 'partition')) !== '';
  const disk = isPartition ? join(folder, '..') : folder;
  return {
    kname,
    number,
    parent: isPartition ? basename(disk) : null,
    holders: namesIn(join(folder, 'holders')),
    readOnly: textOf(join(folder, 'ro')) === '1',
    hidden: textOf(join(folder, 'hidden')) === '1',
    sizeBytes: Number(textOf(join(folder, 'size'))) * sectorBytes,
    hardware: folder.slice(realpathSync(sys).length),
    sequence: textOf(join(disk, 'diskseq')),
    cardType: /\/mmc_host\//.test(folder) ? textOf(join(disk, 'device/type')) : '',
  };
}

/** The kernel name of the block device at `path`, through symlinks; by its number, not by what it is called. */
function resolveDevice(sys: string, path: string): string | null {
  return optional(() => {
    const status = statSync(path);
    if (!status.isBlockDevice()) return null;
    return basename(readlinkSync(join(sys, 'dev/block', deviceNumber(status.rdev))));
  }, null);
}

/** `8:16` of a `st_rdev` as Linux packs it. */
export function deviceNumber(rdev: number): string {
  const packed = BigInt(rdev);
  const major = ((packed >> 8n) & 0xfffn) | ((packed >> 32n) & 0xfffff000n);
  const minor = (packed & 0xffn) | ((packed >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

const lsblkTimeoutMs = 20_000;

async function lsblk(): Promise<unknown> {
  try {
    const { stdout } = await promisify(execFile)('lsblk', ['--json', '--bytes', '--output-all', '--all'], {
      timeout: lsblkTimeoutMs,
      maxBuffer: 64 << 20,
      env: { ...process.env, LC_ALL: 'C' },
    });
    return JSON.parse(stdout);
  } catch (error) {
    throw new SalaError(`What disks there are cannot be found out: ${messageOf(error)}`, {
      code: 'disks-unknown',
      hint: "Cards are written on Linux, with util-linux 2.27 or later (its program lsblk). 'flash --to FILE.img' needs no disk.",
      cause: error,
    });
  }
}

/** What this machine itself says. */
export async function readMachine(): Promise<Machine> {
  const sys = '/sys';
  const report = await lsblk();
  const pools = namesIn(join(sys, 'fs/btrfs'))
    .map((each) => namesIn(join(sys, 'fs/btrfs', each, 'devices')))
    .filter((members) => members.length > 0);
  return machineOf({
    lsblk: report,
    sysfs: namesIn(join(sys, 'class/block')).flatMap((kname) => sysfsDevice(sys, kname) ?? []),
    mountinfo: readFileSync('/proc/self/mountinfo', 'utf8'),
    swaps: textOf('/proc/swaps'),
    fstab: textOf('/etc/fstab'),
    crypttab: textOf('/etc/crypttab'),
    cmdline: textOf('/proc/cmdline'),
    pools,
    resolve: (path) => resolveDevice(sys, path),
  });
}
