import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { codeOf, messageOf, SalaError } from '../../../systemd/errors.ts';
import { deviceNumber, type ReadMachine } from './evidence.ts';
import { type DiskPolicy, type Refusal, refusals } from './grounds.ts';
import { type BlockDevice, type DiskIdentity, differences, identityOf, type Machine } from './machine.ts';

/** A disk as it was shown to the operator and agreed to: the only thing that `openConfirmed` opens. */
export interface ConfirmedDisk {
  /** As the operator gave it. */
  readonly path: string;
  readonly identity: DiskIdentity;
}

/** One disk and what speaks against it. */
export interface Candidate {
  readonly device: BlockDevice;
  readonly refusals: readonly Refusal[];
}

const hint =
  "'npm run kit -- devices' shows what may be written and why the rest is refused. There is no way around it.";

const refused = (path: string, reasons: readonly string[]): SalaError =>
  new SalaError(`${path} is not written. ${reasons.join(' ')}`, { code: 'disk-refused', hint });

/** Every whole disk that lsblk lists, with what speaks against it; what lives in RAM or on the network alone is left out. */
export function candidates(machine: Machine, policy: DiskPolicy): readonly Candidate[] {
  return [...machine.devices.values()]
    .filter(({ row, sysfs }) => row.type === 'disk' && sysfs.parent === null && !/^(ram|zram|nbd)\d+$/.test(row.kname))
    .map((device) => ({ device, refusals: refusals(machine, device.row.kname, policy) }))
    .toSorted((a, b) => a.refusals.length - b.refusals.length || a.device.row.kname.localeCompare(b.device.row.kname));
}

/**
 * Judges the disk that `path` leads to.
 * @returns it, to be shown and agreed to
 * @throws SalaError `disk-refused` with every ground
 */
export function judge(machine: Machine, path: string, policy: DiskPolicy): BlockDevice {
  const kname = isAbsolute(path) ? machine.resolve(path) : null;
  const device = kname === null ? undefined : machine.devices.get(kname);
  if (kname === null || device === undefined) throw refused(path, ['It is no disk of this machine.']);
  const found = refusals(machine, kname, policy);
  if (found.length > 0)
    throw refused(
      path,
      found.map(({ message }) => message),
    );
  return device;
}

/** The disk was agreed to, and is open for nobody else. */
export interface OpenedDisk {
  readonly descriptor: number;
  /** All grounds once more; for right before the first byte. @throws SalaError `disk-refused` */
  recheck(): Promise<void>;
  /** Whether what is open is still what is plugged in there, whatever has been written since. @throws SalaError `disk-refused` */
  stillThere(): Promise<void>;
}

/** Opens a path; given, so that a test can stand between the look and the opening. */
export type OpenDisk = (path: string, flags: number) => number;

/**
 * Opens the disk that was agreed to, for writing and for nobody else, and judges it again while it is held: from then
 * on nothing can mount it, and whatever takes its place is another device than the one that is open.
 * @throws SalaError `disk-refused` or `disk-closed`
 */
export async function openConfirmed(
  readMachine: ReadMachine,
  { path, identity }: ConfirmedDisk,
  policy: DiskPolicy,
  open: OpenDisk = openSync,
): Promise<OpenedDisk> {
  const same = (now: DiskIdentity): void => {
    const changed = differences(identity, now);
    if (changed.length > 0) throw refused(path, [`It is not the disk that was shown: ${changed.join(', ')} changed.`]);
  };
  const recheck = async () => same(identityOf(judge(await readMachine(), path, policy)));
  const stillThere = async (): Promise<void> => {
    const device = (await readMachine()).devices.get(identity.kname);
    if (device === undefined) throw refused(path, ['It was pulled out.']);
    same({ ...identityOf(device), tableUuid: identity.tableUuid });
  };

  await recheck();
  let descriptor: number;
  try {
    descriptor = open(path, constants.O_RDWR | constants.O_EXCL | constants.O_DIRECT);
  } catch (error) {
    throw notOpened(path, error);
  }
  try {
    const status = fstatSync(descriptor);
    if (!status.isBlockDevice() || deviceNumber(status.rdev) !== identity.number)
      throw refused(path, ['It leads to another disk than the one that was shown.']);
    await recheck();
    return { descriptor, recheck, stillThere };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Opens a disk for reading alone, past the kernel's cache. @throws SalaError `disk-closed` */
export function openForReading(path: string): { descriptor: number; sizeBytes: number } {
  try {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECT);
    const number = deviceNumber(fstatSync(descriptor).rdev);
    return { descriptor, sizeBytes: Number(readFileSync(`/sys/dev/block/${number}/size`, 'utf8')) * 512 };
  } catch (error) {
    throw notOpened(path, error);
  }
}

function notOpened(path: string, error: unknown): SalaError {
  switch (codeOf(error)) {
    case 'EBUSY':
      return refused(path, ['Another program holds it, or something on it is mounted.']);
    case 'EACCES':
    case 'EPERM':
      return new SalaError(`${path} may not be opened by you.`, {
        code: 'disk-closed',
        hint: "Writing a card needs root: put sudo before the command. 'flash --to FILE.img' and 'reseed FOLDER' do not.",
        cause: error,
      });
    default:
      return new SalaError(`${path} cannot be opened: ${messageOf(error)}`, {
        code: 'disk-closed',
        hint: 'Pull it out, plug it in again, and try once more.',
        cause: error,
      });
  }
}
