/** Where recordings and transcripts go: any S3-compatible service, or a folder on one's own disk. */

export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
  /** Names this very content in conditions. */
  readonly etag: string;
}

export interface PutOptions {
  readonly contentType?: string;
  /** Only where nothing is under the key yet. */
  readonly ifAbsent?: boolean;
  /** Only where this is under the key still. */
  readonly ifMatch?: string;
  readonly signal?: AbortSignal;
}

export interface UploadedPart {
  /** From 1. */
  readonly number: number;
  readonly bytes: number;
  readonly etag: string;
  /** Hexadecimal; null where the store does not say. */
  readonly sha256: string | null;
}

/** What ought to lie under a key. */
export interface Content {
  readonly bytes: number;
  /** Hexadecimal, of the whole. */
  readonly sha256: string;
  /** Of each part, in order, where it was uploaded in parts. */
  readonly parts: readonly string[];
}

/**
 * Errors are `SalaError`s: `store-unreachable` (no or a broken answer, 5xx, too slow), `store-refused` (credentials, rights),
 * `store-full`, `store-missing` (no such key or bucket), `store-exists` and `store-changed` (a condition does not hold),
 * `store-damaged` (what came back is not what was sent), `store-key` (not a key: see keys.ts). A signal's own reason is thrown as it is. What is written is there whole or not at all.
 * A body is its caller's again when the call has ended: it may change then.
 */
export interface ObjectStore {
  /** In words: `bucket my-talks at https://…`. Without secrets. */
  readonly name: string;
  head(key: string, signal?: AbortSignal): Promise<StoredObject | null>;
  /** @throws {SalaError} `store-too-large` beyond `maxBytes` */
  get(key: string, maxBytes: number, signal?: AbortSignal): Promise<{ body: Uint8Array; etag: string }>;
  /** Into a new file; its SHA-256. Half a file is not left. @throws {LocalFileError} where this machine's disk is at fault */
  download(key: string, file: string, signal?: AbortSignal): Promise<{ bytes: number; sha256: string }>;
  put(key: string, body: Uint8Array, options?: PutOptions): Promise<{ etag: string }>;
  /**
   * The store's own word that this lies under the key: its checksum of the content or, where it gives none, all of it read back.
   * @throws {SalaError} `store-missing`, `store-damaged`
   */
  verify(key: string, content: Content, signal?: AbortSignal): Promise<void>;
  /** In the order of keys; `after`: the last key of the page before. */
  list(prefix: string, after?: string, signal?: AbortSignal): Promise<{ objects: StoredObject[]; more: boolean }>;
  /** What is not there is deleted already. */
  delete(key: string, signal?: AbortSignal): Promise<void>;

  /** A large object in parts of 5 MiB or more, but for the last one; resumable by its id for days. */
  startUpload(key: string, options?: { contentType?: string; signal?: AbortSignal }): Promise<string>;
  uploadPart(
    key: string,
    uploadId: string,
    number: number,
    body: Uint8Array,
    signal?: AbortSignal,
  ): Promise<UploadedPart>;
  /** null: there is no such upload any more. */
  uploadedParts(key: string, uploadId: string, signal?: AbortSignal): Promise<UploadedPart[] | null>;
  completeUpload(
    key: string,
    uploadId: string,
    parts: readonly UploadedPart[],
    signal?: AbortSignal,
  ): Promise<{ etag: string }>;
  abortUpload(key: string, uploadId: string, signal?: AbortSignal): Promise<void>;
}
