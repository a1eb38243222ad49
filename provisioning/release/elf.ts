import { SalaError } from '../../systemd/errors.ts';

const architectures: Readonly<Record<number, string>> = { 3: 'i386', 40: 'arm', 62: 'x86-64', 183: 'arm64' };
const sectionVersionNeeds = 0x6ffffffe;

export interface ElfFile {
  /** `arm64`, or what it is instead. */
  readonly architecture: string;
  /** The newest version that it needs of each set of symbols: `GLIBC` → `2.34`. */
  readonly needs: ReadonlyMap<string, string>;
}

/** Whether `bytes` begins as an executable or a library for Linux does. */
export const isElf = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;

/** Below, at or above 0 as version `a` is older than, the same as or newer than `b`. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function textAt(bytes: Buffer, offset: number): string {
  return bytes.toString('latin1', offset, bytes.indexOf(0, offset));
}

/** Follows the lists of `.gnu.version_r`: for each library, the versions of symbols that are needed of it. */
function* neededVersions(bytes: Buffer, start: number, strings: number): Generator<string> {
  for (let library = start; ; ) {
    let version = library + bytes.readUInt32LE(library + 8);
    for (let left = bytes.readUInt16LE(library + 2); left > 0; left--) {
      yield textAt(bytes, strings + bytes.readUInt32LE(version + 8));
      version += bytes.readUInt32LE(version + 12);
    }
    const next = bytes.readUInt32LE(library + 12);
    if (next === 0) return;
    library += next;
  }
}

/** Reads what an ELF file is made for. @throws {SalaError} `elf` where it is damaged */
export function readElf(name: string, bytes: Buffer): ElfFile {
  try {
    const architecture = architectures[bytes.readUInt16LE(18)] ?? 'unknown';
    const needs = new Map<string, string>();
    // Files of 32 bits are built another way; their architecture alone says enough.
    if (bytes[4] !== 2) return { architecture, needs };
    const sections = Number(bytes.readBigUInt64LE(40));
    const sectionBytes = bytes.readUInt16LE(58);
    const offsetOf = (index: number) => Number(bytes.readBigUInt64LE(sections + index * sectionBytes + 24));
    for (let index = 0; index < bytes.readUInt16LE(60); index++) {
      const section = sections + index * sectionBytes;
      if (bytes.readUInt32LE(section + 4) !== sectionVersionNeeds) continue;
      for (const version of neededVersions(bytes, offsetOf(index), offsetOf(bytes.readUInt32LE(section + 40)))) {
        const [, set, number] = /^([A-Z]+)_([0-9.]+)$/.exec(version) ?? [];
        if (!set || !number) continue;
        if (compareVersions(number, needs.get(set) ?? '0') > 0) needs.set(set, number);
      }
    }
    return { architecture, needs };
  } catch (cause) {
    throw new SalaError(`${name} is a damaged program or library`, {
      code: 'elf',
      hint: 'Build again; if it stays so, a package came damaged.',
      cause,
    });
  }
}

/**
 * What keeps an ELF file from loading on 64-bit ARM with no newer libraries than `floor`; empty where nothing does.
 * @param floor the newest version of each set of symbols that is there
 */
export function loadingProblems(name: string, bytes: Buffer, floor: Readonly<Record<string, string>>): string[] {
  const { architecture, needs } = readElf(name, bytes);
  if (architecture !== 'arm64') return [`${name} is made for ${architecture}`];
  return [...needs]
    .filter(([set, version]) => floor[set] !== undefined && compareVersions(version, floor[set]) > 0)
    .map(([set, version]) => `${name} needs ${set} ${version}, newer than ${floor[set]}`);
}
