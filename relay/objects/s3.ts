import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { codeOf } from '../../systemd/errors.ts';
import { checkedKey, checkedPrefix, isKey } from './keys.ts';
import { LocalFileError, sha256Of, writeNew } from './local-file.ts';
import type { Content, ObjectStore, PutOptions, StoredObject, UploadedPart } from './object-store.ts';
import { createS3Client, defaultS3Limits, type S3Limits, type S3Place, type S3Sdk } from './s3-client.ts';
import { answerOf, s3Failure } from './s3-failures.ts';
import { storeError } from './store-errors.ts';

export interface S3Settings extends S3Place {
  readonly bucket: string;
  /** Before all keys: empty, or ending with a slash. */
  readonly prefix?: string | undefined;
  /** Encrypts by this key of AWS KMS. */
  readonly kmsKey?: string | undefined;
  /**
   * Asks for encryption by the store's own key (AES256). By default of AWS alone: a store of one's own encrypts by its own
   * configuration, and some refuse the question.
   */
  readonly encrypt?: boolean | undefined;
  readonly limits?: Partial<S3Limits> | undefined;
}

interface Call {
  readonly sdk: S3Sdk;
  readonly client: S3Client;
  readonly options: { readonly abortSignal: AbortSignal };
  /** Begins the time anew, with what so many bytes may take. */
  readonly allow: (bytes: number) => void;
}

/** A client, until a refusal: whoever puts credentials right does not want to start anything again. */
interface Use {
  readonly loading: ReturnType<typeof createS3Client>;
  calls: number;
}

/** Of an upload in parts: a transcript has one, a part of a recording eight. */
const maxParts = 10_000;

/** A bucket of Amazon S3, or of a service that speaks as it does. */
export class S3Store implements ObjectStore {
  readonly name: string;
  readonly #settings: S3Settings;
  readonly #prefix: string;
  readonly #limits: S3Limits;
  #use: Use | undefined;
  /** An answer without a body does not say whether it is the key or the bucket that is missing. */
  #isBucketThere = false;

  constructor(settings: S3Settings) {
    this.#settings = settings;
    this.#prefix = settings.prefix ?? '';
    this.#limits = { ...defaultS3Limits, ...settings.limits };
    const at = settings.endpoint === undefined ? 'AWS' : new URL(settings.endpoint).host;
    this.name = `bucket ${settings.bucket}${this.#prefix && `/${this.#prefix.slice(0, -1)}`} at ${at}`;
  }

  async head(key: string, signal?: AbortSignal): Promise<StoredObject | null> {
    return this.#orNull(() =>
      this.#call(`head ${key}`, 0, signal, async ({ sdk, client, options }) => {
        const found = await client.send(new sdk.HeadObjectCommand(this.#at(key)), options);
        return { key, bytes: found.ContentLength ?? 0, etag: this.#said(found.ETag) };
      }),
    );
  }

  async get(key: string, maxBytes: number, signal?: AbortSignal): Promise<{ body: Uint8Array; etag: string }> {
    return this.#call(`get ${key}`, 0, signal, async (call) => {
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      let etag = '';
      const opened = (said: string) => {
        etag = said;
      };
      for await (const chunk of this.#read(key, call, opened)) {
        bytes += chunk.length;
        if (bytes > maxBytes)
          throw storeError('store-too-large', `${key} has more than the ${maxBytes} bytes that are expected at most.`);
        chunks.push(chunk);
      }
      return { body: Buffer.concat(chunks), etag };
    });
  }

  async download(key: string, file: string, signal?: AbortSignal): Promise<{ bytes: number; sha256: string }> {
    return this.#call(`get ${key}`, 0, signal, (call) => writeNew(file, () => this.#read(key, call)));
  }

  async put(key: string, body: Uint8Array, { contentType, ifAbsent, ifMatch, signal }: PutOptions = {}) {
    const sha256 = await sha256Of(body);
    const isConditional = ifAbsent || ifMatch !== undefined;
    let attempts = 0;
    try {
      return await this.#call(`put ${key}`, body.length, signal, async ({ sdk, client, options }) => {
        const command = new sdk.PutObjectCommand({
          ...this.#at(key),
          ...this.#encryption(),
          Body: body,
          ContentType: contentType,
          ChecksumSHA256: base64(sha256),
          ...(ifAbsent && { IfNoneMatch: '*' }),
          ...(ifMatch !== undefined && { IfMatch: ifMatch }),
        });
        try {
          const { ETag, ChecksumSHA256 } = await client.send(command, options);
          this.#mustBeSame(key, sha256, ChecksumSHA256);
          return { etag: this.#said(ETag) };
        } catch (error) {
          attempts = answerOf(error).attempts;
          throw error;
        }
      });
    } catch (error) {
      const isUnmet = codeOf(error) === 'store-changed' || (ifMatch !== undefined && codeOf(error) === 'store-missing');
      if (!isConditional || !isUnmet) throw error;
      // An answer that was lost on the way, and the SDK asked again: then it was ourselves who wrote it.
      const mine = attempts > 1 ? await this.#isMine(key, { bytes: body.length, sha256, parts: [] }, signal) : null;
      if (mine) return mine;
      throw ifAbsent
        ? storeError('store-exists', `In ${this.name} something is under ${key} already.`, error)
        : storeError('store-changed', `${key} in ${this.name} is not what it was.`, error);
    }
  }

  async verify(key: string, content: Content, signal?: AbortSignal): Promise<void> {
    const isSame = await this.#call(`verify ${key}`, 0, signal, async (call) => {
      const { sdk, client, options } = call;
      const found = await client.send(
        new sdk.HeadObjectCommand({ ...this.#at(key), ChecksumMode: 'ENABLED' }),
        options,
      );
      this.#said(found.ETag);
      if (found.ContentLength !== content.bytes) return false;
      const said = found.ChecksumSHA256;
      if (said && !said.includes('-')) return hex(said) === content.sha256;
      if (said?.endsWith(`-${content.parts.length}`)) return said.startsWith(`${compositeOf(content.parts)}-`);
      const hash = createHash('sha256');
      for await (const chunk of this.#read(key, call)) hash.update(chunk);
      return hash.digest('hex') === content.sha256;
    });
    if (!isSame) throw storeError('store-damaged', `${key} in ${this.name} is not what was written.`);
  }

  async list(prefix: string, after = '', signal?: AbortSignal) {
    checkedPrefix(prefix);
    return this.#call(`list ${prefix}`, 0, signal, async ({ sdk, client, options, allow }) => {
      for (let last = after === '' ? '' : `${this.#prefix}${after}`; ; ) {
        allow(0);
        const page = await client.send(
          new sdk.ListObjectsV2Command({
            Bucket: this.#settings.bucket,
            Prefix: `${this.#prefix}${prefix}`,
            ...(last !== '' && { StartAfter: last }),
          }),
          options,
        );
        // An empty answer is not an empty bucket.
        this.#said(page.Name);
        const contents = page.Contents ?? [];
        // What others have put there under names of their own is none of ours.
        const objects = contents
          .map(({ Key = '', Size = 0, ETag = '' }) => ({
            key: Key.slice(this.#prefix.length),
            bytes: Size,
            etag: ETag,
          }))
          .filter(({ key }) => isKey(key));
        last = contents.at(-1)?.Key ?? '';
        const more = (page.IsTruncated ?? false) && last !== '';
        if (!more || objects.length > 0) return { objects, more };
      }
    });
  }

  async delete(key: string, signal?: AbortSignal): Promise<void> {
    await this.#call(`delete ${key}`, 0, signal, ({ sdk, client, options }) =>
      client.send(new sdk.DeleteObjectCommand(this.#at(key)), options),
    );
  }

  async startUpload(key: string, { contentType, signal }: { contentType?: string; signal?: AbortSignal } = {}) {
    return this.#call(`upload ${key}`, 0, signal, async ({ sdk, client, options }) => {
      const command = new sdk.CreateMultipartUploadCommand({
        ...this.#at(key),
        ...this.#encryption(),
        ContentType: contentType,
        ChecksumAlgorithm: 'SHA256',
      });
      const { UploadId } = await client.send(command, options);
      return this.#said(UploadId);
    });
  }

  async uploadPart(key: string, uploadId: string, number: number, body: Uint8Array, signal?: AbortSignal) {
    const sha256 = await sha256Of(body);
    return this.#call(`part ${number} of ${key}`, body.length, signal, async ({ sdk, client, options }) => {
      const command = new sdk.UploadPartCommand({
        ...this.#at(key),
        UploadId: uploadId,
        PartNumber: number,
        Body: body,
        ChecksumSHA256: base64(sha256),
      });
      const { ETag, ChecksumSHA256 } = await client.send(command, options);
      this.#mustBeSame(key, sha256, ChecksumSHA256);
      return { number, bytes: body.length, etag: this.#said(ETag), sha256: ChecksumSHA256 ? sha256 : null };
    });
  }

  async uploadedParts(key: string, uploadId: string, signal?: AbortSignal): Promise<UploadedPart[] | null> {
    return this.#orNull(() =>
      this.#call(`parts of ${key}`, 0, signal, async ({ sdk, client, options }) => {
        const parts: UploadedPart[] = [];
        let after: string | undefined;
        do {
          const page = await client.send(
            new sdk.ListPartsCommand({ ...this.#at(key), UploadId: uploadId, PartNumberMarker: after }),
            options,
          );
          this.#said(page.UploadId);
          for (const { PartNumber = 0, Size = 0, ETag = '', ChecksumSHA256 } of page.Parts ?? [])
            parts.push({
              number: PartNumber,
              bytes: Size,
              etag: ETag,
              sha256: ChecksumSHA256 ? hex(ChecksumSHA256) : null,
            });
          after = page.IsTruncated ? page.NextPartNumberMarker : undefined;
        } while (after !== undefined && parts.length < maxParts);
        return parts;
      }),
    );
  }

  async completeUpload(key: string, uploadId: string, parts: readonly UploadedPart[], signal?: AbortSignal) {
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
    return this.#call(`complete ${key}`, bytes, signal, async ({ sdk, client, options }) => {
      const command = new sdk.CompleteMultipartUploadCommand({
        ...this.#at(key),
        UploadId: uploadId,
        MultipartUpload: {
          Parts: parts.map(({ number, etag, sha256 }) => ({
            PartNumber: number,
            ETag: etag,
            ...(sha256 && { ChecksumSHA256: base64(sha256) }),
          })),
        },
      });
      const { ETag } = await client.send(command, options);
      return { etag: this.#said(ETag) };
    });
  }

  async abortUpload(key: string, uploadId: string, signal?: AbortSignal): Promise<void> {
    await this.#orNull(() =>
      this.#call(`abort ${key}`, 0, signal, ({ sdk, client, options }) =>
        client.send(new sdk.AbortMultipartUploadCommand({ ...this.#at(key), UploadId: uploadId }), options),
      ),
    );
  }

  #at(key: string) {
    return { Bucket: this.#settings.bucket, Key: `${this.#prefix}${checkedKey(key)}` };
  }

  #encryption() {
    const { kmsKey, endpoint, encrypt = endpoint === undefined } = this.#settings;
    if (kmsKey !== undefined) return { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: kmsKey } as const;
    return encrypt ? ({ ServerSideEncryption: 'AES256' } as const) : {};
  }

  async *#read(
    key: string,
    { sdk, client, options, allow }: Call,
    opened: (etag: string) => void = () => {},
  ): AsyncGenerator<Uint8Array> {
    const found = await client.send(new sdk.GetObjectCommand({ ...this.#at(key), ChecksumMode: 'ENABLED' }), options);
    opened(this.#said(found.ETag));
    allow(found.ContentLength ?? 0);
    let bytes = 0;
    for await (const chunk of found.Body instanceof Readable ? found.Body : []) {
      bytes += chunk.length;
      yield chunk;
    }
    if (found.ContentLength !== undefined && found.ContentLength !== bytes)
      throw storeError('store-unreachable', `${key} came from ${this.name} cut off.`);
  }

  /** @param bytes what goes over the line at most */
  async #call<T>(
    what: string,
    bytes: number,
    signal: AbortSignal | undefined,
    work: (call: Call) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const { callMs, minBytesPerSecond } = this.#limits;
    const late = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const allow = (more: number) => {
      clearTimeout(timer);
      timer = setTimeout(() => late.abort(), callMs + Math.ceil((more * 1000) / minBytesPerSecond));
    };
    allow(bytes);
    this.#use ??= { loading: createS3Client(this.#settings, this.#limits), calls: 0 };
    const use = this.#use;
    use.calls++;
    try {
      const abortSignal = signal ? AbortSignal.any([signal, late.signal]) : late.signal;
      const result = await work({ ...(await use.loading), options: { abortSignal }, allow });
      this.#isBucketThere = true;
      return result;
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (error instanceof LocalFileError) throw error;
      if (late.signal.aborted) throw storeError('store-unreachable', `${this.name} is too slow (${what}).`, error);
      const failure = s3Failure(error, this.name, what);
      if (failure.code === 'store-refused' && this.#use === use) this.#use = undefined;
      throw failure;
    } finally {
      clearTimeout(timer);
      use.calls--;
      if (this.#use !== use && use.calls === 0)
        void use.loading.then(
          ({ client }) => client.destroy(),
          () => {},
        );
    }
  }

  /** Null where the key or the upload is not there, but its bucket is. */
  async #orNull<T>(work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      if (codeOf(error) !== 'store-missing') throw error;
      if (!this.#isBucketThere) await this.list('');
      return null;
    }
  }

  async #isMine(key: string, content: Content, signal?: AbortSignal): Promise<{ etag: string } | null> {
    try {
      await this.verify(key, content, signal);
      return await this.head(key, signal);
    } catch (error) {
      if (['store-damaged', 'store-missing'].includes(codeOf(error))) return null;
      throw error;
    }
  }

  /** What every answer of the service has, and what no other server's has. */
  #said(value: string | undefined): string {
    if (value) return value;
    throw storeError(
      'store-unreachable',
      `What answers for ${this.name} is no S3 service.`,
      undefined,
      'See to the endpoint, and that no portal of a network stands in between.',
    );
  }

  #mustBeSame(key: string, sha256: string, said: string | undefined): void {
    if (said !== undefined && hex(said) !== sha256)
      throw storeError('store-damaged', `${this.name} got something else than was sent as ${key}.`);
  }
}

const base64 = (digest: string): string => Buffer.from(digest, 'hex').toString('base64');
const hex = (digest: string): string => Buffer.from(digest, 'base64').toString('hex');

/** What S3 says of an object in parts: the SHA-256 of their SHA-256s. */
function compositeOf(parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(Buffer.from(part, 'hex'));
  return hash.digest('base64');
}
