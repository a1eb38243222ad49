import { execFile } from 'node:child_process';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { codeOf, messageOf, SalaError } from '../../../systemd/errors.ts';
import { toolEnvironment } from '../tool-environment.ts';
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
  /** What was read from the devices themselves, by kernel name. */
  readonly probes: ReadonlyMap<string, Probe>;
  resolve(path: string): string | null;
}

/**
 * What blkid found on a device by reading it. lsblk alone only repeats what udev noted, which may be old; where no
 * udev runs it says of a RAID member what it says of an empty disk.
 */
export type Probe =
  | { readonly state: 'read'; readonly values: ReadonlyMap<string, string> }
  | { readonly state: 'ambivalent' }
  /** It may not be read by this user, or not at all; whether udev has noted something of it. */
  | { readonly state: 'unread'; readonly udev: boolean };

function deviceOf(row: LsblkRow, sysfs: SysfsDevice, probe: Probe = { state: 'unread', udev: false }): BlockDevice {
  if (probe.state === 'ambivalent') return { row, sysfs, content: 'ambivalent' };
  if (probe.state === 'unread') return { row, sysfs, content: row.tellsContent && probe.udev ? 'known' : 'unknown' };
  const value = (name: string) => probe.values.get(name) ?? null;
  const read = {
    filesystem: value('TYPE'),
    label: value('LABEL'),
    uuid: value('UUID'),
    tableUuid: value('PTUUID'),
    partitionType: value('PART_ENTRY_TYPE')?.toLowerCase() ?? row.partitionType,
    partitionLabel: value('PART_ENTRY_NAME') ?? row.partitionLabel,
    partitionUuid: value('PART_ENTRY_UUID') ?? row.partitionUuid,
  };
  return { row: { ...row, ...read }, sysfs, content: 'known' };
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
    if (row && own) devices.set(kname, deviceOf(row, own, evidence.probes.get(kname)));
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
    if (
      ['ENOENT', 'ENODEV', 'EINVAL', 'ENOTDIR', 'ENXIO', 'EACCES', 'EPERM', 'ENOMEDIUM', 'EIO'].includes(codeOf(error))
    )
      return fallback;
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
      env: toolEnvironment(),
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

const nothingFound = 2;
const severalFound = 8;

/** Reads what is on a device, without udev and without a cache. */
async function probe(path: string, number: string): Promise<Probe> {
  try {
    const args = ['--probe', '--output', 'export', path];
    const env = toolEnvironment();
    const { stdout } = await promisify(execFile)('blkid', args, { timeout: lsblkTimeoutMs, env });
    const lines = stdout.split('\n').map((line) => /^([A-Z_]+)=(.*)$/.exec(line));
    const values = lines.flatMap((line) => (line ? [[line[1] ?? '', unescapedValue(line[2] ?? '')] as const] : []));
    return { state: 'read', values: new Map(values) };
  } catch (error) {
    const status = error instanceof Error && 'code' in error ? error.code : null;
    if (status === severalFound) return { state: 'ambivalent' };
    // It says the same where it may not read: only who could open it knows that there is nothing.
    if (status === nothingFound && isReadable(path)) return { state: 'read', values: new Map() };
    return { state: 'unread', udev: existsSync(`/run/udev/data/b${number}`) };
  }
}

const unescapedValue = (text: string) => text.replace(/\\(.)/g, '$1');

function isReadable(path: string): boolean {
  return optional(() => {
    closeSync(openSync(path, 'r'));
    return true;
  }, false);
}

async function probesOf(sysfs: readonly SysfsDevice[]): Promise<ReadonlyMap<string, Probe>> {
  const probes = new Map<string, Probe>();
  // One after the other: a machine with fifty disks is not asked for all of them at once.
  for (const { kname, number, sizeBytes } of sysfs)
    if (sizeBytes > 0) probes.set(kname, await probe(`/dev/${kname.replaceAll('!', '/')}`, number));
    else probes.set(kname, { state: 'read', values: new Map() });
  return probes;
}

/** What this machine itself says. */
export async function readMachine(): Promise<Machine> {
  const sys = '/sys';
  const report = await lsblk();
  const pools = namesIn(join(sys, 'fs/btrfs'))
    .map((each) => namesIn(join(sys, 'fs/btrfs', each, 'devices')))
    .filter((members) => members.length > 0);
  const sysfs = namesIn(join(sys, 'class/block')).flatMap((kname) => sysfsDevice(sys, kname) ?? []);
  return machineOf({
    lsblk: report,
    sysfs,
    probes: await probesOf(sysfs),
    mountinfo: readFileSync('/proc/self/mountinfo', 'utf8'),
    swaps: textOf('/proc/swaps'),
    fstab: textOf('/etc/fstab'),
    crypttab: textOf('/etc/crypttab'),
    cmdline: textOf('/proc/cmdline'),
    pools,
    resolve: (path) => resolveDevice(sys, path),
  });
}
