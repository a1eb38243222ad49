import { createHash, randomUUID } from 'node:crypto';

export interface HeldObject {
  readonly body: Buffer;
  readonly etag: string;
  /** Base64, as S3 says it; of an object in parts `…-N`. */
  readonly sha256: string | null;
  readonly contentType: string;
  readonly encryption: string | null;
  readonly kmsKey: string | null;
  readonly sequencer: string;
}

export interface HeldPart {
  readonly number: number;
  readonly body: Buffer;
  readonly etag: string;
  readonly sha256: string | null;
}

export interface HeldUpload {
  readonly key: string;
  readonly contentType: string;
  readonly encryption: string | null;
  readonly kmsKey: string | null;
  readonly withSha256: boolean;
  readonly parts: Map<number, HeldPart>;
}

/** What S3 answers where it refuses: its code is the error's name in the SDK. */
export class S3Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message = code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const md5 = (body: Uint8Array) => createHash('md5').update(body).digest('hex');
const sha256 = (body: Uint8Array) => createHash('sha256').update(body).digest('base64');

/** The objects of one bucket and the uploads that are on. */
export class HeldObjects {
  readonly objects = new Map<string, HeldObject>();
  readonly uploads = new Map<string, HeldUpload>();
  readonly #minPartBytes: number;
  #sequence = 0;

  /** @param minPartBytes of every part of an upload but the last */
  constructor(minPartBytes = 5 * 1_048_576) {
    this.#minPartBytes = minPartBytes;
  }

  get(key: string): HeldObject {
    const found = this.objects.get(key);
    if (!found) throw new S3Refusal(404, 'NoSuchKey', 'The specified key does not exist.');
    return found;
  }

  /** In the order of keys' bytes. */
  list(prefix: string, after: string): [string, HeldObject][] {
    return [...this.objects]
      .filter(([key]) => key.startsWith(prefix) && Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0)
      .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  put(
    key: string,
    body: Buffer,
    options: Pick<HeldObject, 'contentType' | 'encryption' | 'kmsKey'>,
    sum: string | null,
  ) {
    return this.#hold(key, { ...options, body, etag: `"${md5(body)}"`, sha256: sum });
  }

  startUpload(upload: Omit<HeldUpload, 'parts'>): string {
    const id = randomUUID();
    this.uploads.set(id, { ...upload, parts: new Map() });
    return id;
  }

  upload(key: string, id: string): HeldUpload {
    const upload = this.uploads.get(id);
    if (upload?.key !== key) throw new S3Refusal(404, 'NoSuchUpload', 'The specified upload does not exist.');
    return upload;
  }

  putPart(key: string, id: string, number: number, body: Buffer, sum: string | null): HeldPart {
    const part = { number, body, etag: `"${md5(body)}"`, sha256: sum };
    this.upload(key, id).parts.set(number, part);
    return part;
  }

  /** @param named as the request names them, in its order */
  complete(
    key: string,
    id: string,
    named: readonly { number: number; etag: string; sha256: string | null }[],
  ): HeldObject {
    const upload = this.upload(key, id);
    const parts = named.map(({ number, etag, sha256: sum }, i) => {
      const part = upload.parts.get(number);
      if (!part || part.etag.replaceAll('"', '') !== etag.replaceAll('"', '')) throw new S3Refusal(400, 'InvalidPart');
      if (number <= (named[i - 1]?.number ?? 0)) throw new S3Refusal(400, 'InvalidPartOrder');
      if (upload.withSha256 && sum === null)
        throw new S3Refusal(400, 'InvalidRequest', `The complete request must include the checksum of part ${number}.`);
      if (sum !== null && sum !== part.sha256) throw new S3Refusal(400, 'InvalidPart');
      if (i < named.length - 1 && part.body.length < this.#minPartBytes) throw new S3Refusal(400, 'EntityTooSmall');
      return part;
    });
    if (parts.length === 0) throw new S3Refusal(400, 'MalformedXML');
    this.uploads.delete(id);
    const etags = parts.map(({ body }) => createHash('md5').update(body).digest());
    const sums = parts.map(({ body }) => createHash('sha256').update(body).digest());
    return this.#hold(key, {
      contentType: upload.contentType,
      encryption: upload.encryption,
      kmsKey: upload.kmsKey,
      body: Buffer.concat(parts.map(({ body }) => body)),
      etag: `"${md5(Buffer.concat(etags))}-${parts.length}"`,
      sha256: upload.withSha256 ? `${sha256(Buffer.concat(sums))}-${parts.length}` : null,
    });
  }

  #hold(key: string, object: Omit<HeldObject, 'sequencer'>): HeldObject {
    const held = { ...object, sequencer: (++this.#sequence).toString(16).toUpperCase().padStart(18, '0') };
    this.objects.set(key, held);
    return held;
  }
}

/** @throws {S3Refusal} where the body is not what its headers say */
export function checkBody(body: Buffer, headers: NodeJS.Dict<string | string[]>): string | null {
  const declared = headers['x-amz-content-sha256'];
  if (typeof declared === 'string' && declared.startsWith('STREAMING')) throw new S3Refusal(501, 'NotImplemented');
  const isSigned = typeof declared === 'string' && /^[0-9a-f]{64}$/.test(declared);
  if (isSigned && createHash('sha256').update(body).digest('hex') !== declared)
    throw new S3Refusal(400, 'XAmzContentSHA256Mismatch');
  const sum = headers['x-amz-checksum-sha256'];
  if (typeof sum !== 'string') return null;
  if (sha256(body) !== sum) throw new S3Refusal(400, 'BadDigest', 'The SHA256 you specified did not match.');
  return sum;
}
