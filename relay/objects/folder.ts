import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { link, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, messageOf, SalaError } from '../../systemd/errors.ts';
import {
  chunksOf,
  filesIn,
  hashOf,
  lookAt,
  makeFolders,
  readAll,
  removeEmptyFolders,
  syncFolder,
  writeSynced,
} from './folder-files.ts';
import { FolderLock } from './folder-lock.ts';
import { FolderUploads } from './folder-uploads.ts';
import { checkedKey, checkedPrefix, isKey } from './keys.ts';
import { LocalFileError, writeNew } from './local-file.ts';
import type { Content, ObjectStore, PutOptions, StoredObject, UploadedPart } from './object-store.ts';
import { storeError } from './store-errors.ts';

const pageLength = 1000;
const temporaryMs = 86_400_000;
/** An upload may be resumed for days. */
const uploadMs = 14 * temporaryMs;
const never = new AbortController().signal;

/**
 * A folder as an object store, for one's own disk or a mounted one: each key is a file under its own name. Files are
 * written beside it and come into their place whole; conditions hold among all processes that use the folder.
 */
export class FolderStore implements ObjectStore {
  readonly name: string;
  readonly #root: string;
  readonly #temporary: string;
  readonly #uploadsFolder: string;
  readonly #uploads: FolderUploads;
  #openLock: FolderLock | null = null;

  /** Nothing is made or looked at yet: each call says by itself whether the folder can be used then. */
  constructor(root: string) {
    this.name = `folder ${root}`;
    this.#root = root;
    const own = join(root, '.sala');
    this.#temporary = join(own, 'tmp');
    this.#uploadsFolder = join(own, 'uploads');
    this.#uploads = new FolderUploads(this.#uploadsFolder);
  }

  /** Removes what programs that were killed have left of their work. */
  async tidy(now = Date.now()): Promise<void> {
    await this.#try(async () => {
      const leftOvers = [
        ...(await entriesOlderThan(this.#temporary, now - temporaryMs)),
        ...(await entriesOlderThan(this.#uploadsFolder, now - uploadMs)),
      ];
      for (const each of leftOvers) await rm(each, { recursive: true, force: true });
    });
  }

  async head(key: string, signal?: AbortSignal): Promise<StoredObject | null> {
    return this.#try(async () => this.#find(checkedKey(key)), signal);
  }

  async get(key: string, maxBytes: number, signal = never): Promise<{ body: Uint8Array; etag: string }> {
    return this.#try(async () => {
      const got = await lookAt(join(this.#root, checkedKey(key)), async (handle, { bytes, etag }) => {
        if (bytes > maxBytes)
          throw storeError('store-too-large', `${key} has ${bytes} bytes; ${maxBytes} are expected at most.`);
        return { body: await readAll(handle, bytes), etag };
      });
      return got ?? (await this.#missing(key));
    }, signal);
  }

  async download(key: string, file: string, signal = never): Promise<{ bytes: number; sha256: string }> {
    return this.#try(async () => {
      const got = await lookAt(join(this.#root, checkedKey(key)), (handle) =>
        writeNew(file, () => chunksOf(handle, signal)),
      );
      return got ?? (await this.#missing(key));
    }, signal);
  }

  async put(key: string, body: Uint8Array, { ifAbsent, ifMatch, signal = never }: PutOptions = {}) {
    return this.#try(async () => {
      const temporary = join(this.#temporary, randomUUID());
      try {
        await writeSynced(temporary, (handle) => handle.writeFile(body));
        return await this.#place(checkedKey(key), temporary, { ifAbsent, ifMatch }, signal);
      } finally {
        await rm(temporary, { force: true });
      }
    }, signal);
  }

  async verify(key: string, content: Content, signal = never): Promise<void> {
    return this.#try(async () => {
      const sha256 = await lookAt(join(this.#root, checkedKey(key)), async (handle, { bytes }) =>
        bytes === content.bytes ? hashOf(chunksOf(handle, signal)) : '',
      );
      if (sha256 === null) await this.#missing(key);
      if (sha256 !== content.sha256)
        throw storeError('store-damaged', `${key} in ${this.name} is not what was written.`);
    }, signal);
  }

  async list(prefix: string, after = '', signal = never) {
    return this.#try(async () => {
      const objects: StoredObject[] = [];
      for await (const key of filesIn(this.#root, checkedPrefix(prefix), after)) {
        signal.throwIfAborted();
        if (objects.length === pageLength) return { objects, more: true };
        const found = isKey(key) ? await this.#find(key) : null;
        if (found) objects.push(found);
      }
      if (objects.length === 0) await this.#mustBeThere();
      return { objects, more: false };
    }, signal);
  }

  async delete(key: string, signal = never): Promise<void> {
    return this.#try(async () => {
      const file = join(this.#root, checkedKey(key));
      if (!(await this.#find(key))) return;
      await this.#lock.with(async () => {
        await rm(file, { force: true });
        await syncFolder(dirname(file));
        await removeEmptyFolders(this.#root, dirname(file));
      }, signal);
    }, signal);
  }

  async startUpload(key: string, { signal }: { signal?: AbortSignal } = {}): Promise<string> {
    return this.#try(async () => {
      checkedKey(key);
      return this.#uploads.start();
    }, signal);
  }

  async uploadPart(key: string, uploadId: string, number: number, body: Uint8Array, signal?: AbortSignal) {
    return this.#try(async () => {
      checkedKey(key);
      await this.#mustBeThere();
      return this.#uploads.put(uploadId, number, body);
    }, signal);
  }

  async uploadedParts(key: string, uploadId: string, signal?: AbortSignal): Promise<UploadedPart[] | null> {
    return this.#try(async () => {
      checkedKey(key);
      await this.#mustBeThere();
      return this.#uploads.parts(uploadId);
    }, signal);
  }

  async completeUpload(key: string, uploadId: string, parts: readonly UploadedPart[], signal = never) {
    return this.#try(async () => {
      await this.#mustBeThere();
      const whole = await this.#uploads.assemble(uploadId, parts, signal);
      const placed = await this.#place(checkedKey(key), whole, {}, signal);
      await this.#uploads.remove(uploadId);
      return placed;
    }, signal);
  }

  async abortUpload(key: string, uploadId: string, signal?: AbortSignal): Promise<void> {
    return this.#try(async () => {
      checkedKey(key);
      await this.#uploads.remove(uploadId);
    }, signal);
  }

  /** A synced file into its place. */
  async #place(
    key: string,
    file: string,
    condition: { readonly ifAbsent?: boolean | undefined; readonly ifMatch?: string | undefined },
    signal: AbortSignal,
  ): Promise<{ etag: string }> {
    const target = join(this.#root, key);
    const etag = await lookAt(file, async (_, look) => look.etag);
    if (etag === null) throw storeError('store-unreachable', `${this.name} has lost what was just written.`);
    await this.#lock.with(async () => {
      const { ifAbsent, ifMatch } = condition;
      if (ifMatch !== undefined && (await this.#find(key))?.etag !== ifMatch)
        throw storeError('store-changed', `${key} in ${this.name} is not what it was.`);
      await makeFolders(this.#root, dirname(target));
      if (ifAbsent) await link(file, target);
      else await rename(file, target);
      await syncFolder(dirname(target));
    }, signal);
    return { etag };
  }

  async #find(key: string): Promise<StoredObject | null> {
    const found = await lookAt(join(this.#root, key), async (_, look) => ({ key, ...look }));
    if (!found) await this.#mustBeThere();
    return found;
  }

  async #missing(key: string): Promise<never> {
    await this.#mustBeThere();
    throw storeError('store-missing', `There is no ${key} in ${this.name}.`);
  }

  /** A disk that is not mounted has nothing in it: that is not the same as nothing being stored. */
  async #mustBeThere(): Promise<void> {
    await (await open(this.#temporary, 'r')).close();
  }

  /** Made once: a folder that is gone later is a disk that is not mounted. */
  get #lock(): FolderLock {
    if (this.#openLock) return this.#openLock;
    for (const folder of [this.#temporary, this.#uploadsFolder]) mkdirSync(folder, { recursive: true, mode: 0o750 });
    this.#openLock = new FolderLock(join(dirname(this.#temporary), 'lock.db'));
    return this.#openLock;
  }

  async #try<T>(work: () => Promise<T>, signal: AbortSignal = never): Promise<T> {
    signal.throwIfAborted();
    try {
      void this.#lock;
      return await work();
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof LocalFileError) throw error;
      throw folderError(error, this.name);
    }
  }
}

function folderError(error: unknown, name: string): SalaError {
  if (error instanceof SalaError) return error;
  const said = messageOf(error);
  switch (codeOf(error)) {
    case 'EEXIST':
      return storeError('store-exists', `In ${name} something is under this key already.`, error);
    case 'ENOSPC':
    case 'EDQUOT':
    case 'SQLITE_FULL':
      return storeError('store-full', `The disk of ${name} is full.`, error);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return storeError(
        'store-refused',
        `${name} cannot be used: ${said}`,
        error,
        'Give the program’s user the folder.',
      );
    case 'ENOTDIR':
    case 'EISDIR':
      return storeError('store-key', `In ${name} a key cannot be the beginning of another one: ${said}`, error);
    case 'ENOENT':
      return storeError('store-unreachable', `${name} is not there.`, error, 'Mount its disk, or make the folder.');
    default:
      return storeError('store-unreachable', `${name} does not work: ${said}`, error, 'See to its disk.');
  }
}

/** What another program takes away meanwhile is not among them. */
async function entriesOlderThan(folder: string, beforeMs: number): Promise<string[]> {
  const paths = (await readdir(folder)).map((name) => join(folder, name));
  const ages = await Promise.all(paths.map(changedAt));
  return paths.filter((_, i) => (ages[i] ?? beforeMs) < beforeMs);
}

async function changedAt(path: string): Promise<number | null> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}
