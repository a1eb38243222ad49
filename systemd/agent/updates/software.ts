import { join } from 'node:path';
import { z } from 'zod';
import type { UpdateDisk } from './disk.ts';
import { type Release, releaseVersion } from './manifest.ts';

/** How the kit was when another release was put in charge: as well as that it must become again. */
export interface WellBefore {
  readonly connected: boolean;
  /** The word of the device for how it is; null where there is none. */
  readonly device: string | null;
}

/** A release on trial: in charge, and not yet confirmed. */
export interface Trial extends WellBefore {
  readonly version: string;
  readonly previous: string;
}

export interface RolledBack {
  readonly version: string;
  readonly reason: string;
  /** It is not the release's fault: it may be tried again. */
  readonly again: boolean;
}

const aboutRelease = z.object({ version: releaseVersion, created: z.iso.datetime() });

/** Lines of `KEY=value`, which `systemd/boot.sh` reads and writes, too. */
function linesOf(text: string): ReadonlyMap<string, string> {
  const pairs = text.split('\n').map((line) => line.split(/=(.*)/s));
  return new Map(pairs.flatMap(([key, value]) => (key && value !== undefined ? [[key, value]] : [])));
}

/**
 * The releases on a kit's data partition: `software/releases/VERSION`, the link `software/current`, and in `kit/update` the
 * trial (`pending`) and what became of the last one (`rolled-back`). `systemd/boot.sh` takes a release back by the same
 * files, so every step here leaves them so that it starts one that is whole.
 */
export class Software {
  readonly #disk: UpdateDisk;
  readonly #software: string;
  readonly #update: string;

  constructor(disk: UpdateDisk, dataDir: string) {
    this.#disk = disk;
    this.#software = join(dataDir, 'software');
    this.#update = join(dataDir, 'kit/update');
  }

  /** Where a release is that is whole. */
  folderOf(version: string): string {
    return join(this.#software, 'releases', version);
  }

  /** The archive of a release while it is fetched. */
  archiveOf(version: string): string {
    return join(this.#update, `${version}.tar.gz`);
  }

  /** The version in charge; null where nothing is. */
  async inCharge(): Promise<string | null> {
    const target = await this.#disk.target(join(this.#software, 'current'));
    return target?.split('/').at(-1) ?? null;
  }

  /** When the commit of a release was made; null where the release does not say so. */
  async createdOf(version: string): Promise<string | null> {
    const text = await this.#disk.read(join(this.folderOf(version), 'release.json'));
    try {
      return aboutRelease.parse(JSON.parse(text ?? '')).created;
    } catch {
      return null;
    }
  }

  async has(version: string): Promise<boolean> {
    return (await this.#disk.size(join(this.folderOf(version), 'bin/node'))) > 0;
  }

  async trial(): Promise<Trial | null> {
    const lines = linesOf((await this.#disk.read(join(this.#update, 'pending'))) ?? '');
    const [version, previous] = [lines.get('VERSION'), lines.get('PREVIOUS')];
    if (!version || !previous || version !== (await this.inCharge())) return null;
    return { version, previous, connected: lines.get('CONNECTED') === '1', device: lines.get('DEVICE') ?? null };
  }

  async rolledBack(): Promise<RolledBack | null> {
    const lines = linesOf((await this.#disk.read(join(this.#update, 'rolled-back'))) ?? '');
    const version = lines.get('VERSION');
    return version ? { version, reason: lines.get('REASON') ?? '', again: lines.has('AGAIN') } : null;
  }

  /** Where fetched archives go. */
  async makeReady(): Promise<string> {
    await this.#disk.makeFolder(this.#update);
    await this.#disk.makeFolder(join(this.#software, 'releases'));
    return this.#update;
  }

  /** Unpacks a verified archive; under its own name stands only what is whole and on the disk. */
  async stage({ version, unpackedBytes }: Pick<Release, 'version' | 'unpackedBytes'>): Promise<void> {
    const part = `${this.folderOf(version)}.part`;
    await this.#disk.remove(part);
    await this.#disk.makeFolder(part);
    await this.#disk.unpack(this.archiveOf(version), part, unpackedBytes);
    await this.#disk.sync(part);
    await this.#disk.rename(part, this.folderOf(version));
    await this.#disk.remove(this.archiveOf(version));
  }

  /** Puts a staged release in charge, on trial. */
  async putInCharge(version: string, previous: string, { connected, device }: WellBefore): Promise<void> {
    await this.#disk.remove(join(this.#update, 'pending.starts'));
    await this.#disk.remove(join(this.#update, 'rolled-back'));
    const facts = {
      VERSION: version,
      PREVIOUS: previous,
      CONNECTED: connected ? '1' : '0',
      ...(device && { DEVICE: device }),
    };
    await this.#disk.replace(join(this.#update, 'pending'), this.#text(facts));
    await this.#link(version);
  }

  /** The release on trial stays; of the others only the one before it. */
  async confirm({ version, previous }: Trial): Promise<void> {
    await this.#disk.remove(join(this.#update, 'pending'));
    await this.#disk.remove(join(this.#update, 'pending.starts'));
    await this.#disk.sync(this.#update);
    await this.keepOnly([version, previous]);
  }

  /** Takes the release on trial back, as `boot.sh` would. */
  async rollBack({ version, previous }: Trial, reason: string): Promise<void> {
    await this.#link(previous);
    await this.#disk.replace(join(this.#update, 'rolled-back'), this.#text({ VERSION: version, REASON: reason }));
    await this.#disk.remove(join(this.#update, 'pending'));
    await this.#disk.remove(join(this.#update, 'pending.starts'));
    await this.#disk.sync(this.#update);
  }

  /** Deletes other releases, what was half unpacked, and archives of others. What is in charge always stays. */
  async keepOnly(versions: readonly string[], archive: string | null = null): Promise<void> {
    const kept = new Set([...versions, await this.inCharge()]);
    const releases = join(this.#software, 'releases');
    for (const name of await this.#disk.list(releases))
      if (!kept.has(name)) await this.#removeRelease(join(releases, name));
    for (const name of await this.#disk.list(this.#update))
      if (name.endsWith('.tar.gz') && name !== `${archive}.tar.gz`) await this.#disk.remove(join(this.#update, name));
  }

  /** Under its own name only what is whole may stand, also while it is deleted. */
  async #removeRelease(path: string): Promise<void> {
    const gone = path.endsWith('.part') ? path : `${path}.part`;
    if (gone !== path) {
      await this.#disk.remove(gone);
      await this.#disk.rename(path, gone);
    }
    await this.#disk.remove(gone);
  }

  async #link(version: string): Promise<void> {
    const current = join(this.#software, 'current');
    await this.#disk.remove(`${current}.new`);
    await this.#disk.symlink(`releases/${version}`, `${current}.new`);
    await this.#disk.rename(`${current}.new`, current);
  }

  #text(facts: Readonly<Record<string, string>>): string {
    // A line holds one fact, whatever somebody's message says.
    const lines = Object.entries(facts).map(
      ([key, value]) => `${key}=${value.replace(/\s+/g, ' ').trim().slice(0, 400)}\n`,
    );
    return lines.join('');
  }
}
