import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { Content, ObjectStore, PutOptions, StoredObject, UploadedPart } from '../../relay/objects/object-store.ts';
import { SalaError } from '../../systemd/errors.ts';

const sha256 = (body: Uint8Array): string => createHash('sha256').update(body).digest('hex');

export const storeError = (code: string): SalaError =>
  new SalaError(`The store: ${code}`, { code, hint: 'This is a test.' });

/** What is done to one call of a store. */
export interface StoreCall {
  readonly name: 'head' | 'get' | 'download' | 'put' | 'list' | 'delete';
  readonly key: string;
}

/** An object store in memory. Each call passes `before`, which may wait or throw, and `after`, when it has taken effect. */
export class MemoryStore implements ObjectStore {
  readonly name = 'memory';
  readonly objects: Map<string, Uint8Array>;
  before: (call: StoreCall) => void | Promise<void> = () => {};
  after: (call: StoreCall) => void | Promise<void> = () => {};

  /** @param objects shared with other stores: several programs at one service */
  constructor(objects = new Map<string, Uint8Array>()) {
    this.objects = objects;
  }

  text(key: string): string | null {
    const body = this.objects.get(key);
    return body ? new TextDecoder().decode(body) : null;
  }

  json(key: string): unknown {
    return JSON.parse(this.text(key) ?? 'null');
  }

  keys(ending = ''): string[] {
    return [...this.objects.keys()].filter((key) => key.endsWith(ending)).toSorted();
  }

  head(key: string): Promise<StoredObject | null> {
    return this.#call({ name: 'head', key }, () => {
      const body = this.objects.get(key);
      return body ? { key, bytes: body.length, etag: sha256(body) } : null;
    });
  }

  get(key: string, maxBytes: number) {
    return this.#call({ name: 'get', key }, () => {
      const body = this.#have(key);
      if (body.length > maxBytes) throw storeError('store-too-large');
      return { body, etag: sha256(body) };
    });
  }

  download(key: string, file: string) {
    return this.#call({ name: 'download', key }, () => {
      const body = this.#have(key);
      writeFileSync(file, body, { flag: 'wx' });
      return { bytes: body.length, sha256: sha256(body) };
    });
  }

  put(key: string, body: Uint8Array, { ifAbsent, ifMatch }: PutOptions = {}) {
    return this.#call({ name: 'put', key }, () => {
      const there = this.objects.get(key);
      if (ifAbsent && there) throw storeError('store-exists');
      if (ifMatch !== undefined && (!there || sha256(there) !== ifMatch)) throw storeError('store-changed');
      this.objects.set(key, body);
      return { etag: sha256(body) };
    });
  }

  list(prefix: string, after = '') {
    return this.#call({ name: 'list', key: prefix }, () => {
      const found = this.keys().filter((key) => key.startsWith(prefix) && key > after);
      // Pages of three: whoever lists has to ask for the next one.
      const objects = found.slice(0, 3).map((key) => {
        const body = this.#have(key);
        return { key, bytes: body.length, etag: sha256(body) };
      });
      return { objects, more: found.length > objects.length };
    });
  }

  delete(key: string): Promise<void> {
    return this.#call({ name: 'delete', key }, () => void this.objects.delete(key));
  }

  async verify(key: string, { bytes, sha256: hash }: Content): Promise<void> {
    const { body } = await this.get(key, Number.POSITIVE_INFINITY);
    if (body.length !== bytes || sha256(body) !== hash) throw storeError('store-damaged');
  }

  startUpload(): Promise<string> {
    return Promise.reject(storeError('not-needed'));
  }
  uploadPart(): Promise<UploadedPart> {
    return Promise.reject(storeError('not-needed'));
  }
  uploadedParts(): Promise<null> {
    return Promise.resolve(null);
  }
  completeUpload(): Promise<{ etag: string }> {
    return Promise.reject(storeError('not-needed'));
  }
  abortUpload(): Promise<void> {
    return Promise.resolve();
  }

  #have(key: string): Uint8Array {
    const body = this.objects.get(key);
    if (!body) throw storeError('store-missing');
    return body;
  }

  async #call<T>(call: StoreCall, act: () => T): Promise<T> {
    await this.before(call);
    const result = act();
    await this.after(call);
    return result;
  }
}
