import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { appendFile, mkdir, open, readdir, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import {
  type Release,
  readRelease,
  releaseFile,
  releaseVersion,
  verifyRelease,
} from '../systemd/agent/updates/manifest.ts';
import { codeOf, SalaError } from '../systemd/errors.ts';
import type { OfferedRelease, Releases } from './kit-door.ts';

export const defaultReleaseLimits = {
  maxReleases: 8,
  /** Of one piece of an upload. */
  maxPieceBytes: 4 * 1024 * 1024,
  /** What must stay free on the disk, for the rooms' audio. */
  reserveBytes: 512 * 1024 * 1024,
};
export type ReleaseLimits = typeof defaultReleaseLimits;

/** A release that was uploaded, or is being. */
export interface StoredRelease {
  readonly release: Release;
  /** Of the archive; it is whole and as its manifest says once this is all of it. */
  readonly receivedBytes: number;
}

export interface ReleaseStoreParts {
  /** `DATA-DIR/releases`. */
  readonly folder: string;
  /** Manifests must be signed by this key; null: kits check, the relay does not. */
  readonly publicKeyPem: string | null;
  readonly limits?: Partial<ReleaseLimits>;
}

const offer = z.object({ version: releaseVersion, downgrade: z.boolean() });
export type Offer = z.infer<typeof offer>;

const fault = (code: string, message: string, hint: string) => new SalaError(message, { code, hint });
const unknownRelease = (version: string) =>
  fault('release-unknown', `There is no release ${version} here`, 'GET /api/releases names those that there are.');

const isWhole = ({ release, receivedBytes }: StoredRelease) => receivedBytes === release.bytes;

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

/** Writes a file so that a cut leaves the old one or the new one. */
async function replaceFile(file: string, text: string, folder: string): Promise<void> {
  await writeFile(`${file}.new`, text, { flush: true });
  await rename(`${file}.new`, file);
  await syncFolder(folder);
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** The releases that organizers uploaded, and the one that kits are offered. */
export class ReleaseStore implements Releases {
  readonly #folder: string;
  readonly #publicKeyPem: string | null;
  readonly #limits: ReleaseLimits;
  readonly #stored = new Map<string, StoredRelease>();
  readonly #listeners = new Set<() => void>();
  #offer: Offer | null = null;
  /** One change at a time. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor({ folder, publicKeyPem, limits = {} }: ReleaseStoreParts) {
    this.#folder = folder;
    this.#publicKeyPem = publicKeyPem;
    this.#limits = { ...defaultReleaseLimits, ...limits };
  }

  /** Reads what is there; what is half or makes no sense is left alone and not shown. */
  async load(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#folder)) {
      if (!name.endsWith('.json') || name === 'offered.json') continue;
      const release = await readFile(join(this.#folder, name), 'utf8')
        .then(readRelease)
        .catch(() => null);
      if (!release || name !== releaseFile(release.version, 'json')) continue;
      const whole = await this.#size(this.fileOf(release.version));
      const part = await this.#size(this.#partOf(release.version));
      if (whole !== release.bytes && part >= release.bytes) {
        // All of it came, and nobody lived to compare it.
        await rm(this.#partOf(release.version), { force: true });
        this.#stored.set(release.version, { release, receivedBytes: 0 });
      } else this.#stored.set(release.version, { release, receivedBytes: whole === release.bytes ? whole : part });
    }
    const text = await readFile(join(this.#folder, 'offered.json'), 'utf8').catch(() => 'null');
    const { data } = offer.safeParse(this.#json(text));
    const offered = data && this.#stored.get(data.version);
    if (offered && isWhole(offered)) this.#offer = data;
  }

  /** Newest first. */
  get all(): StoredRelease[] {
    return [...this.#stored.values()].sort((a, b) => Date.parse(b.release.created) - Date.parse(a.release.created));
  }

  get offer(): Offer | null {
    return this.#offer;
  }

  get offered(): OfferedRelease | null {
    const found = this.#offer && this.#stored.get(this.#offer.version);
    if (!found) return null;
    const { version, sha256, bytes } = found.release;
    return { version, sha256, bytes, ...(this.#offer?.downgrade && { downgrade: true }) };
  }

  onOffered(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @throws {SalaError} `release-unknown` */
  get(version: string): StoredRelease {
    const found = this.#stored.get(version);
    if (!found) throw unknownRelease(version);
    return found;
  }

  /** A whole archive. @throws {SalaError} `release-unknown`, also where it is not whole yet */
  whole(version: string): Release {
    const found = this.get(version);
    if (!isWhole(found)) throw unknownRelease(version);
    return found.release;
  }

  fileOf(version: string): string {
    return join(this.#folder, releaseFile(version, 'tar.gz'));
  }

  manifestOf(version: string): Promise<string> {
    this.get(version);
    return readFile(join(this.#folder, releaseFile(version, 'json')), 'utf8');
  }

  /**
   * Begins an upload by its manifest; the same again leaves it as it is.
   * @throws {SalaError} `release-manifest`, `release-signature`, `releases-full`, `release-exists`, `disk`
   */
  begin(version: string, manifestText: string): Promise<StoredRelease> {
    return this.#change(async () => {
      const key = this.#publicKeyPem;
      const release = key === null ? readRelease(manifestText) : verifyRelease(manifestText, key);
      if (release.version !== version)
        throw fault(
          'release-manifest',
          `The manifest is of ${release.version}, not of ${version}`,
          'Correct the address.',
        );
      const before = this.#stored.get(version);
      if (before && before.release.sha256 === release.sha256) return before;
      if (before)
        throw fault(
          'release-exists',
          `There is another release ${version} already`,
          'Delete it first, or build another one.',
        );
      if (this.#stored.size >= this.#limits.maxReleases)
        throw fault('releases-full', `The relay keeps ${this.#limits.maxReleases} releases`, 'Delete one first.');
      const { bavail, bsize } = await statfs(this.#folder);
      // Of those that are on their way, too.
      const promised = this.all.reduce((sum, each) => sum + each.release.bytes - each.receivedBytes, 0);
      if (bavail * bsize < release.bytes + promised + this.#limits.reserveBytes)
        throw fault(
          'disk',
          'There is no room for a release on the disk of the relay',
          'Make room on the disk of --data-dir.',
        );
      await rm(this.#partOf(version), { force: true });
      await replaceFile(join(this.#folder, releaseFile(version, 'json')), manifestText, this.#folder);
      const stored = { release, receivedBytes: 0 };
      this.#stored.set(version, stored);
      return stored;
    });
  }

  /**
   * Takes the next piece of an archive.
   * @throws {SalaError} `release-unknown`; `release-piece` where it is not the next one; `release-damaged` where all of it is
   * there and is not what the manifest says, after which it begins anew
   */
  add(version: string, from: number, piece: Uint8Array): Promise<StoredRelease> {
    return this.#change(async () => {
      const { release, receivedBytes } = this.get(version);
      const to = from + piece.length;
      if (from !== receivedBytes || to > release.bytes || piece.length === 0)
        throw fault(
          'release-piece',
          `The next piece begins at ${receivedBytes}, and all pieces together have ${release.bytes} bytes`,
          `Go on with from=${receivedBytes}.`,
        );
      const part = this.#partOf(version);
      await appendFile(part, piece, { mode: 0o600, flush: true });
      if (to === release.bytes) await this.#finish(release, part);
      const stored = { release, receivedBytes: to };
      this.#stored.set(version, stored);
      return stored;
    });
  }

  async #finish(release: Release, part: string): Promise<void> {
    const { version, sha256 } = release;
    if ((await sha256Of(part)) !== sha256) {
      await rm(part, { force: true });
      this.#stored.set(version, { release, receivedBytes: 0 });
      throw fault('release-damaged', `The archive of ${version} is not the one of its manifest`, 'Upload it again.');
    }
    await rename(part, this.fileOf(version));
    await syncFolder(this.#folder);
  }

  /** @throws {SalaError} `release-unknown`, `release-offered` */
  delete(version: string): Promise<void> {
    return this.#change(async () => {
      this.get(version);
      if (this.#offer?.version === version)
        throw fault(
          'release-offered',
          `The release ${version} is offered to kits`,
          'Offer another one, or none, first.',
        );
      this.#stored.delete(version);
      await rm(join(this.#folder, releaseFile(version, 'json')), { force: true });
      await rm(this.fileOf(version), { force: true });
      await rm(this.#partOf(version), { force: true });
      await syncFolder(this.#folder);
    });
  }

  /** Offers a release to all kits, or none. @throws {SalaError} `release-unknown` */
  offerToKits(next: Offer | null): Promise<void> {
    return this.#change(async () => {
      if (next) this.whole(next.version);
      await replaceFile(join(this.#folder, 'offered.json'), JSON.stringify(next), this.#folder);
      this.#offer = next;
      for (const listener of this.#listeners) listener();
    });
  }

  #partOf(version: string): string {
    return `${this.fileOf(version)}.part`;
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(work);
    this.#changing = done.catch(() => {});
    return done;
  }

  async #size(file: string): Promise<number> {
    const found = await stat(file).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    });
    return found?.size ?? 0;
  }

  #json(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  }
}
