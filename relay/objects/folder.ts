import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, mkdirSync } from 'node:fs';
import { link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, messageOf, SalaError } from '../../systemd/errors.ts';
import { etagOf, filesIn, hashOf, makeFolders, removeEmptyFolders, syncFolder, writeSynced } from './folder-files.ts';
import { FolderLock } from './folder-lock.ts';
import { checkedKey, checkedPrefix } from './keys.ts';
import { LocalFileError, writeNew } from './local-file.ts';
import type { Content, ObjectStore, PutOptions, StoredObject, UploadedPart } from './object-store.ts';
import { storeError } from './store-errors.ts';

const pageLength = 1000;
const uploadIdPattern = /^[0-9a-f-]{36}$/;
const never = new AbortController().signal;

/**
 * A folder as an object store, for one's own disk or a mounted one: each key is a file under its own name. Files are
 * written beside it and come into their place whole; conditions hold among all processes that use the folder.
 */
export class FolderStore implements ObjectStore {
  readonly name: string;
  readonly #root: string;
  readonly #temporary: string;
  readonly #uploads: string;
  readonly #lock: FolderLock;

  /** @throws {SalaError} `store-refused`, `store-full` where the folder cannot be made or written to */
  constructor(root: string) {
    this.name = `folder ${root}`;
    this.#root = root;
    const own = join(root, '.sala');
    this.#temporary = join(own, 'tmp');
    this.#uploads = join(own, 'uploads');
    try {
      for (const folder of [this.#temporary, this.#uploads]) mkdirSync(folder, { recursive: true, mode: 0o750 });
      this.#lock = new FolderLock(join(own, 'lock.db'));
    } catch (error) {
      throw folderError(error, this.name);
    }
  }

  async head(key: string, signal?: AbortSignal): Promise<StoredObject | null> {
    return this.#try(async () => this.#find(checkedKey(key)), signal);
  }

  async get(key: string, maxBytes: number, signal = never): Promise<{ body: Uint8Array; etag: string }> {
    return this.#try(async () => {
      const found = await this.#found(key);
      if (found.bytes > maxBytes)
        throw storeError('store-too-large', `${key} has ${found.bytes} bytes; ${maxBytes} are expected at most.`);
      const body = await readFile(join(this.#root, key), { signal });
      return { body, etag: createHash('sha256').update(body).digest('hex') };
    }, signal);
  }

  async download(key: string, file: string, signal = never): Promise<{ bytes: number; sha256: string }> {
    return this.#try(async () => {
      await this.#found(key);
      return writeNew(file, createReadStream(join(this.#root, key), { signal }));
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
      const { bytes } = await this.#found(key);
      const file = join(this.#root, key);
      if (bytes !== content.bytes || (await hashOf(file, signal)) !== content.sha256)
        throw storeError('store-damaged', `${key} in ${this.name} is not what was written.`);
    }, signal);
  }

  async list(prefix: string, after = '', signal = never) {
    return this.#try(async () => {
      const objects: StoredObject[] = [];
      for await (const key of filesIn(this.#root, checkedPrefix(prefix), after)) {
        signal.throwIfAborted();
        if (objects.length === pageLength) return { objects, more: true };
        const found = await this.#find(key);
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

  async startUpload(key: string, { signal = never }: { signal?: AbortSignal } = {}): Promise<string> {
    return this.#try(async () => {
      checkedKey(key);
      const id = randomUUID();
      await mkdir(join(this.#uploads, id), { mode: 0o750 });
      await syncFolder(this.#uploads);
      return id;
    }, signal);
  }

  async uploadPart(key: string, uploadId: string, number: number, body: Uint8Array, signal = never) {
    return this.#try(async () => {
      const folder = this.#upload(key, uploadId);
      const sha256 = createHash('sha256').update(body).digest('hex');
      const temporary = join(folder, `.${randomUUID()}`);
      await writeSynced(temporary, (handle) => handle.writeFile(body));
      await rename(temporary, join(folder, `${number}-${body.length}-${sha256}`));
      await syncFolder(folder);
      return { number, bytes: body.length, etag: sha256, sha256 };
    }, signal);
  }

  async uploadedParts(key: string, uploadId: string, signal?: AbortSignal): Promise<UploadedPart[] | null> {
    return this.#try(async () => {
      try {
        return (await readdir(this.#upload(key, uploadId)))
          .filter((name) => !name.startsWith('.'))
          .map((name) => {
            const [number, bytes, sha256 = ''] = name.split('-');
            return { number: Number(number), bytes: Number(bytes), etag: sha256, sha256 };
          })
          .sort((a, b) => a.number - b.number);
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error;
        await this.#mustBeThere();
        return null;
      }
    }, signal);
  }

  async completeUpload(key: string, uploadId: string, parts: readonly UploadedPart[], signal = never) {
    return this.#try(async () => {
      const folder = this.#upload(key, uploadId);
      const whole = join(folder, `.${randomUUID()}`);
      await writeSynced(whole, async (handle) => {
        for (const { number, bytes, etag } of parts)
          for await (const chunk of createReadStream(join(folder, `${number}-${bytes}-${etag}`), { signal }))
            await handle.writeFile(chunk);
      });
      const placed = await this.#place(checkedKey(key), whole, {}, signal);
      await rm(folder, { recursive: true, force: true });
      return placed;
    }, signal);
  }

  async abortUpload(key: string, uploadId: string, signal?: AbortSignal): Promise<void> {
    return this.#try(async () => rm(this.#upload(key, uploadId), { recursive: true, force: true }), signal);
  }

  #upload(key: string, uploadId: string): string {
    checkedKey(key);
    if (!uploadIdPattern.test(uploadId)) throw storeError('store-missing', `There is no upload ${uploadId}.`);
    return join(this.#uploads, uploadId);
  }

  /** A synced file into its place. */
  async #place(
    key: string,
    file: string,
    condition: { readonly ifAbsent?: boolean | undefined; readonly ifMatch?: string | undefined },
    signal: AbortSignal,
  ): Promise<{ etag: string }> {
    const target = join(this.#root, key);
    const etag = await etagOf(file, await stat(file, { bigint: true }));
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
    const file = join(this.#root, key);
    try {
      const found = await stat(file, { bigint: true });
      if (found.isFile()) return { key, bytes: Number(found.size), etag: await etagOf(file, found) };
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error;
      await this.#mustBeThere();
    }
    return null;
  }

  async #found(key: string): Promise<StoredObject> {
    const found = await this.#find(checkedKey(key));
    if (!found) throw storeError('store-missing', `There is no ${key} in ${this.name}.`);
    return found;
  }

  /** A disk that is not mounted has nothing in it: that is not the same as nothing being stored. */
  async #mustBeThere(): Promise<void> {
    await (await open(this.#temporary, 'r')).close();
  }

  async #try<T>(work: () => Promise<T>, signal: AbortSignal = never): Promise<T> {
    signal.throwIfAborted();
    try {
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
