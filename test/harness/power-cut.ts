/**
 * What a disk may hold after a power cut. A program runs with `power-cut-shim.c`, which writes down every change of a file
 * and every sync in their true order. From that a state is built for any moment: all that was synced by then, and of what
 * was not, any part: sector by sector (512 bytes), in any order, and the changes of each folder up to any one of them.
 * Bytes that were synced are never taken away: that would be a broken disk, not a power cut.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const sectorBytes = 512;
const headBytes = 24;

type FileChange =
  | { readonly type: 'write'; readonly offset: number; readonly data: Buffer }
  | { readonly type: 'truncate'; readonly length: number };

/** One entry of a folder comes, goes, or takes another's place. */
type FolderChange =
  | { readonly type: 'add'; readonly name: string; readonly entry: Entry }
  | { readonly type: 'remove'; readonly name: string };

interface FileEntry {
  readonly kind: 'file';
  durable: Buffer;
  pending: FileChange[];
}
interface FolderEntry {
  readonly kind: 'folder';
  readonly durable: Map<string, Entry>;
  pending: FolderChange[][];
  /** As the running program sees it. */
  readonly now: Map<string, Entry>;
}
type Entry = FileEntry | FolderEntry;

interface Op {
  readonly type: string;
  readonly inode: bigint;
  readonly offset: number;
  readonly data: Buffer;
}

const newFolder = (): FolderEntry => ({ kind: 'folder', durable: new Map(), pending: [], now: new Map() });

/** The moments of a run at which power can be cut, and the disks that would be found afterwards. */
export class PowerCut {
  readonly #ops: Op[] = [];
  readonly #root: string;

  /**
   * @param log what the shim wrote
   * @param root the folder that the program worked in, empty when it started
   */
  constructor(log: string, root: string) {
    this.#root = root;
    const bytes = readFileSync(log);
    for (let at = 0; at + headBytes <= bytes.length; ) {
      const length = bytes.readUInt32LE(at + 4);
      this.#ops.push({
        type: String.fromCharCode(bytes.readUInt32LE(at)),
        inode: bytes.readBigUInt64LE(at + 8),
        offset: Number(bytes.readBigUInt64LE(at + 16)),
        data: bytes.subarray(at + headBytes, at + headBytes + length),
      });
      at += headBytes + length;
    }
  }

  /** How many promises the program made in all, in lines. */
  get promises(): number {
    return this.#ops.reduce((sum, { type, data }) => (type === 'K' ? sum + lines(data).length : sum), 0);
  }

  get syncs(): number {
    return this.#ops.filter(({ type }) => type === 'S').length;
  }

  /**
   * Builds `count` states below `folder`, one after the other, and gives each to `check` with the lines that the program
   * had promised by then. Half of the moments are right after a promise, where a lie shows.
   */
  async states(
    count: number,
    random: () => number,
    folder: string,
    check: (state: { readonly path: string; readonly promised: readonly string[] }) => Promise<void>,
  ): Promise<void> {
    const afterPromise = this.#ops.flatMap(({ type }, i) => (type === 'K' ? [i] : []));
    const pick = () => Math.floor(random() * this.#ops.length);
    const moments = Array.from({ length: count }, (_, i) =>
      i % 2 === 0 ? (afterPromise[Math.floor(random() * afterPromise.length)] ?? pick()) : pick(),
    ).sort((a, b) => a - b);
    const disk = new Disk(this.#root);
    const promised: string[] = [];
    let done = 0;
    for (const [number, moment] of moments.entries()) {
      for (; done <= moment; done++) {
        const op = this.#ops[done];
        if (op?.type === 'K') promised.push(...lines(op.data));
        else if (op) disk.apply(op);
      }
      const path = join(folder, `state-${number}`);
      disk.write(path, random);
      await check({ path, promised });
    }
  }
}

const lines = (data: Buffer) =>
  data
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');

/** The disk as the operations change it: what is certain, and what is on its way. */
class Disk {
  readonly #root: string;
  readonly #top = newFolder();
  readonly #files = new Map<bigint, FileEntry>();

  constructor(root: string) {
    this.#root = root;
  }

  apply({ type, inode, offset, data }: Op): void {
    const text = data.toString('utf8');
    if (type === 'C') {
      const file: FileEntry = { kind: 'file', durable: Buffer.alloc(0), pending: [] };
      this.#files.set(inode, file);
      this.#change(text, (name) => [{ type: 'add', name, entry: file }]);
    } else if (type === 'M') {
      this.#change(text, (name) => [{ type: 'add', name, entry: newFolder() }]);
    } else if (type === 'U') {
      this.#change(text, (name) => [{ type: 'remove', name }]);
    } else if (type === 'R') {
      const [from = '', to = ''] = text.split('\0');
      const entry = this.#at(from);
      if (dirname(from) !== dirname(to) || !entry) throw new Error(`a rename that is not modelled: ${from} to ${to}`);
      this.#change(to, (name) => [
        { type: 'remove', name: relative(dirname(from), from) },
        { type: 'add', name, entry },
      ]);
    } else if (type === 'D') {
      const folder = this.#at(text);
      if (folder?.kind !== 'folder') return;
      for (const change of folder.pending.splice(0)) applyTo(folder.durable, change);
    } else if (type === 'S') {
      const file = this.#file(inode);
      for (const change of file.pending.splice(0)) file.durable = changed(file.durable, change);
    } else if (type === 'W') {
      this.#file(inode).pending.push({ type: 'write', offset, data });
    } else if (type === 'T') {
      this.#file(inode).pending.push({ type: 'truncate', length: offset });
    } else {
      throw new Error(`an unknown operation ${type}`);
    }
  }

  /** One of the states that this moment allows, at `path`. */
  write(path: string, random: () => number): void {
    // None of what was on its way, all of it, or any share: each is worth seeing.
    const bold = [0, 1, 0.5, random()][Math.floor(random() * 4)] ?? 0.5;
    const folder = (entry: FolderEntry, at: string) => {
      mkdirSync(at, { recursive: true });
      const names = new Map(entry.durable);
      const reached =
        bold === 0 ? 0 : bold === 1 ? entry.pending.length : Math.floor(random() * (entry.pending.length + 1));
      for (const change of entry.pending.slice(0, reached)) applyTo(names, change);
      for (const [name, child] of names)
        if (child.kind === 'folder') folder(child, join(at, name));
        else writeFileSync(join(at, name), survivor(child, bold, random));
    };
    folder(this.#top, path);
  }

  #file(inode: bigint): FileEntry {
    const file = this.#files.get(inode);
    if (!file) throw new Error(`a file that was there before the run: inode ${inode}`);
    return file;
  }

  #change(path: string, changes: (name: string) => FolderChange[]): void {
    const folder = this.#at(dirname(path));
    if (folder?.kind !== 'folder') throw new Error(`${path} is in no folder`);
    const made = changes(relative(dirname(path), path));
    applyTo(folder.now, made);
    folder.pending.push(made);
  }

  #at(path: string): Entry | undefined {
    let entry: Entry | undefined = this.#top;
    for (const name of relative(this.#root, path).split('/'))
      if (name !== '') entry = entry?.kind === 'folder' ? entry.now.get(name) : undefined;
    return entry;
  }
}

function applyTo(names: Map<string, Entry>, changes: readonly FolderChange[]): void {
  for (const change of changes)
    if (change.type === 'add') names.set(change.name, change.entry);
    else names.delete(change.name);
}

function changed(content: Buffer, change: FileChange): Buffer {
  if (change.type === 'truncate') return resized(content, change.length);
  const end = change.offset + change.data.length;
  const out = end > content.length ? resized(content, end) : content;
  out.set(change.data, change.offset);
  return out;
}

/** A copy of that length, zeros where there was nothing. */
function resized(content: Buffer, length: number): Buffer {
  const out = Buffer.alloc(length);
  content.copy(out);
  return out;
}

/** What may be left of a file: its length as of some change on its way, and in each sector what stood there last, or earlier. */
function survivor({ durable, pending }: FileEntry, bold: number, random: () => number): Buffer {
  if (pending.length === 0 || bold === 0) return durable;
  const reached = bold === 1 ? pending.length : Math.floor(random() * (pending.length + 1));
  let length = durable.length;
  /** Versions of each sector that changed, oldest first. */
  const versions = new Map<number, Buffer[]>();
  const versionsOf = (sector: number) => {
    const from = sector * sectorBytes;
    const known = versions.get(sector) ?? [resized(durable.subarray(from, from + sectorBytes), sectorBytes)];
    versions.set(sector, known);
    return known;
  };
  for (const [i, change] of pending.entries()) {
    if (change.type === 'truncate') {
      if (i >= reached) continue;
      length = change.length;
      for (const sector of versions.keys())
        if (sector * sectorBytes >= change.length) versions.set(sector, [Buffer.alloc(sectorBytes)]);
      // What was cut off reads as zeros, should the file grow again.
      for (let sector = Math.ceil(change.length / sectorBytes); sector * sectorBytes < durable.length; sector++)
        versions.set(sector, [Buffer.alloc(sectorBytes)]);
      continue;
    }
    const { offset, data } = change;
    const end = offset + data.length;
    if (i < reached) length = Math.max(length, end);
    for (let sector = Math.floor(offset / sectorBytes); sector * sectorBytes < end; sector++) {
      const from = sector * sectorBytes;
      const known = versionsOf(sector);
      const next = Buffer.from(known.at(-1) ?? Buffer.alloc(sectorBytes));
      const begin = Math.max(offset, from);
      data.copy(next, begin - from, begin - offset, Math.min(end, from + sectorBytes) - offset);
      known.push(next);
    }
  }
  const out = resized(durable, length);
  for (const [sector, known] of versions) {
    const version = random() < bold ? known.at(-1) : known[Math.floor(random() * known.length)];
    const from = sector * sectorBytes;
    if (from < length) version?.copy(out, from, 0, Math.min(sectorBytes, length - from));
  }
  return out;
}
