import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';
import { createdEvent, type ObjectCreated } from './s3-events.ts';
import { type Operation, type S3Fault, S3Faults } from './s3-faults.ts';
import { checkBody, type HeldObject, HeldObjects, S3Refusal } from './s3-objects.ts';

export const standInKeys = { accessKeyId: 'AKIASTANDIN0000000000', secretAccessKey: 'stand-in-secret-of-no-account' };

export interface S3StandInOptions {
  readonly port?: number;
  readonly bucket?: string;
  /** Of a page of a listing. */
  readonly maxKeys?: number;
  readonly minPartBytes?: number;
  /** False: as a store that knows none, and says nothing of them. */
  readonly checksums?: boolean;
}

/** One request, as it was answered. */
export interface S3Request {
  readonly operation: Operation;
  readonly key: string;
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
}

interface Asked {
  readonly operation: Operation;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly body: Buffer;
  readonly headers: IncomingMessage['headers'];
}

interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array | string;
}

const listed = z.union([z.unknown().array(), z.unknown().transform((one) => [one])]);
const completeSchema = z.object({
  CompleteMultipartUpload: z.object({
    Part: listed.pipe(
      z.array(z.object({ PartNumber: z.coerce.number(), ETag: z.string(), ChecksumSHA256: z.string().optional() })),
    ),
  }),
});

/**
 * Takes the place of Amazon S3 in tests: one bucket in memory, by path. Conditions, checksums, parts, encryption's headers,
 * ranges and listings are as documented; signatures are not verified beyond the key they name. Emits `created` with an
 * event as EventBridge gives it, for each object that comes.
 */
export class S3StandIn extends EventEmitter<{ created: [ObjectCreated]; request: [S3Request] }> {
  readonly bucket: string;
  readonly held: HeldObjects;
  readonly requests: S3Request[] = [];
  readonly #faults = new S3Faults();
  readonly #options: S3StandInOptions;
  readonly #server: Server;

  constructor(options: S3StandInOptions = {}) {
    super();
    this.#options = options;
    this.bucket = options.bucket ?? 'talks';
    this.held = new HeldObjects(options.minPartBytes);
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => request.socket.destroy());
    });
  }

  async start(): Promise<{ url: string }> {
    this.#server.listen(this.#options.port ?? 0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}` };
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  fail(fault: S3Fault): void {
    this.#faults.add(fault);
  }

  heal(): void {
    this.#faults.heal();
  }

  /** What is held under a key, as text; null where nothing is. */
  text(key: string): string | null {
    return this.held.objects.get(key)?.body.toString() ?? null;
  }

  get keys(): string[] {
    return this.held.list('', '').map(([key]) => key);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://stand-in');
    const [, bucket = '', ...rest] = decodeURIComponent(url.pathname).split('/');
    const key = rest.join('/');
    const operation = operationOf(request.method ?? '', key, url.searchParams);
    if (!operation) return void response.writeHead(405).end();
    const fault = this.#faults.take(operation, key);
    if (fault?.kind === 'cut' && /^(PutObject|UploadPart)$/.test(operation)) {
      await once(request, 'data');
      return void request.socket.destroy();
    }
    const body = Buffer.concat(await request.toArray());
    if (fault?.kind === 'slow') await delay(fault.ms ?? 1000);
    const headers = this.#options.checksums === false ? withoutSums(request.headers) : request.headers;
    const answer = this.#answer({ operation, key, query: url.searchParams, body, headers }, bucket, fault);
    const { status = 200 } = answer;
    const told: S3Request = { operation, key, status, headers: request.headers };
    this.requests.push(told);
    this.emit('request', told);
    if (fault?.kind === 'lost') return void request.socket.destroy();
    const sent = Buffer.from(answer.body ?? '');
    response.writeHead(status, { 'content-length': sent.length, 'x-amz-request-id': 'STANDIN', ...answer.headers });
    if (request.method === 'HEAD') return void response.end();
    if (fault?.kind !== 'cut') return void response.end(sent);
    response.write(sent.subarray(0, sent.length / 2), () => request.socket.destroy());
  }

  #answer(asked: Asked, bucket: string, fault: S3Fault | null): Answer {
    try {
      if (!asked.headers.authorization?.includes(`Credential=${standInKeys.accessKeyId}/`))
        throw new S3Refusal(
          403,
          'InvalidAccessKeyId',
          'The AWS Access Key Id you provided does not exist in our records.',
        );
      if (fault?.kind === 'refuse') throw new S3Refusal(403, 'AccessDenied', 'Access Denied');
      if (fault?.kind === 'busy') throw new S3Refusal(503, 'SlowDown', 'Please reduce your request rate.');
      if (fault?.kind === 'full') throw new S3Refusal(507, 'QuotaExceeded', 'The bucket is full.');
      if (fault?.kind === 'broken') throw new S3Refusal(500, 'InternalError');
      if (fault?.kind === 'page')
        return { headers: { 'content-type': 'text/html' }, body: '<html><body>Welcome to the Wi-Fi</body></html>' };
      if (fault?.kind === 'nothing') return {};
      if (bucket !== this.bucket || fault?.kind === 'unknown')
        throw new S3Refusal(404, 'NoSuchBucket', 'The specified bucket does not exist');
      return falsified(this.#does(asked, fault), fault);
    } catch (error) {
      if (!(error instanceof S3Refusal)) throw error;
      return xml('Error', { Code: error.code, Message: error.message }, error.status);
    }
  }

  #does(asked: Asked, fault: S3Fault | null): Answer {
    const { operation, key, query, headers } = asked;
    const body = fault?.kind === 'spoil' ? spoilt(asked.body) : asked.body;
    const uploadId = query.get('uploadId') ?? '';
    switch (operation) {
      case 'HeadBucket':
        return {};
      case 'HeadObject':
      case 'GetObject': {
        const found = this.held.get(key);
        const answer = { headers: headersOf(found, headers['x-amz-checksum-mode'] === 'ENABLED'), body: found.body };
        return fault?.kind === 'spoil' ? { ...answer, body: spoilt(found.body) } : ranged(answer, headers.range);
      }
      case 'PutObject': {
        const sum = checkBody(asked.body, headers);
        this.#check(key, headers);
        return { headers: this.#created('PutObject', key, this.held.put(key, body, optionsOf(headers), sum)) };
      }
      case 'DeleteObject':
        this.held.objects.delete(key);
        return { status: 204 };
      case 'ListObjectsV2':
        return this.#list(query);
      case 'CreateMultipartUpload': {
        const withSha256 = headers['x-amz-checksum-algorithm'] === 'SHA256';
        const id = this.held.startUpload({ key, ...optionsOf(headers), withSha256 });
        return xml('InitiateMultipartUploadResult', { Bucket: this.bucket, Key: key, UploadId: id });
      }
      case 'UploadPart': {
        const sum = checkBody(asked.body, headers);
        const part = this.held.putPart(key, uploadId, Number(query.get('partNumber')), body, sum);
        return { headers: { etag: part.etag, ...(sum && { 'x-amz-checksum-sha256': sum }) } };
      }
      case 'ListParts': {
        const parts = [...this.held.upload(key, uploadId).parts.values()].sort((a, b) => a.number - b.number);
        const Part = parts.map(({ number, body: { length }, etag, sha256 }) => ({
          PartNumber: number,
          Size: length,
          ETag: etag,
          ...(sha256 && { ChecksumSHA256: sha256 }),
        }));
        return xml('ListPartsResult', { UploadId: uploadId, IsTruncated: false, Part });
      }
      case 'CompleteMultipartUpload': {
        const { Part } = completeSchema.parse(
          new XMLParser({ parseTagValue: false }).parse(asked.body),
        ).CompleteMultipartUpload;
        const named = Part.map(({ PartNumber, ETag, ChecksumSHA256 = null }) => ({
          number: PartNumber,
          etag: ETag.replaceAll('&quot;', ''),
          sha256: ChecksumSHA256,
        }));
        const held = this.held.complete(key, uploadId, named);
        this.#created('CompleteMultipartUpload', key, held);
        return xml('CompleteMultipartUploadResult', { Bucket: this.bucket, Key: key, ETag: held.etag });
      }
      case 'AbortMultipartUpload':
        this.held.upload(key, uploadId);
        this.held.uploads.delete(uploadId);
        return { status: 204 };
    }
  }

  #check(key: string, headers: IncomingMessage['headers']): void {
    const there = this.held.objects.get(key);
    if (headers['if-none-match'] === '*' && there) throw new S3Refusal(412, 'PreconditionFailed');
    const wanted = headers['if-match'];
    if (wanted === undefined) return;
    if (!there) throw new S3Refusal(404, 'NoSuchKey');
    if (there.etag !== wanted) throw new S3Refusal(412, 'PreconditionFailed');
  }

  #created(reason: ObjectCreated['detail']['reason'], key: string, held: HeldObject): Record<string, string> {
    this.emit('created', createdEvent({ bucket: this.bucket, key, held, reason }));
    return headersOf(held, true);
  }

  #list(query: URLSearchParams): Answer {
    const { maxKeys = 1000 } = this.#options;
    const prefix = query.get('prefix') ?? '';
    const found = this.held.list(prefix, query.get('continuation-token') ?? query.get('start-after') ?? '');
    const page = found.slice(0, maxKeys);
    const last = page.at(-1)?.[0] ?? '';
    return xml('ListBucketResult', {
      Name: this.bucket,
      Prefix: prefix,
      KeyCount: page.length,
      IsTruncated: found.length > page.length,
      ...(found.length > page.length && { NextContinuationToken: last }),
      Contents: page.map(([Key, { body, etag }]) => ({ Key, Size: body.length, ETag: etag })),
    });
  }
}

function operationOf(method: string, key: string, query: URLSearchParams): Operation | null {
  if (key === '') return method === 'HEAD' ? 'HeadBucket' : method === 'GET' ? 'ListObjectsV2' : null;
  const inParts = query.has('uploadId');
  if (method === 'HEAD') return 'HeadObject';
  if (method === 'GET') return inParts ? 'ListParts' : 'GetObject';
  if (method === 'PUT') return inParts ? 'UploadPart' : 'PutObject';
  if (method === 'DELETE') return inParts ? 'AbortMultipartUpload' : 'DeleteObject';
  if (method === 'POST')
    return query.has('uploads') ? 'CreateMultipartUpload' : inParts ? 'CompleteMultipartUpload' : null;
  return null;
}

function optionsOf(headers: IncomingMessage['headers']) {
  const one = (name: string) => headers[name]?.toString() ?? null;
  return {
    contentType: one('content-type') ?? 'binary/octet-stream',
    encryption: one('x-amz-server-side-encryption'),
    kmsKey: one('x-amz-server-side-encryption-aws-kms-key-id'),
  };
}

function headersOf({ etag, sha256, contentType, encryption }: HeldObject, withSum: boolean): Record<string, string> {
  return {
    etag,
    'content-type': contentType,
    'accept-ranges': 'bytes',
    ...(encryption && { 'x-amz-server-side-encryption': encryption }),
    ...(withSum && sha256 && { 'x-amz-checksum-sha256': sha256 }),
  };
}

function ranged(answer: { headers: Record<string, string>; body: Buffer }, range: string | undefined): Answer {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? [];
  if (from === undefined) return answer;
  const { length } = answer.body;
  if (Number(from) >= length) throw new S3Refusal(416, 'InvalidRange');
  const last = Math.min(to ? Number(to) : length - 1, length - 1);
  const { 'x-amz-checksum-sha256': _, ...headers } = answer.headers;
  return {
    status: 206,
    headers: { ...headers, 'content-range': `bytes ${from}-${last}/${length}` },
    body: answer.body.subarray(Number(from), last + 1),
  };
}

function withoutSums(headers: IncomingMessage['headers']): IncomingMessage['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('x-amz-checksum-')));
}

function spoilt(body: Buffer): Buffer {
  const copy = Buffer.from(body);
  const middle = copy.length >> 1;
  if (copy.length > 0) copy[middle] = (copy[middle] ?? 0) ^ 0xff;
  return copy;
}

/** Another hash and ETag than the right ones. */
function falsified(answer: Answer, fault: S3Fault | null): Answer {
  if (fault?.kind !== 'lie') return answer;
  const { headers = {} } = answer;
  const sum = headers['x-amz-checksum-sha256'];
  return {
    ...answer,
    headers: {
      ...headers,
      ...(headers.etag && { etag: '"00000000000000000000000000000000"' }),
      ...(sum && { 'x-amz-checksum-sha256': sum.replace(/^.{8}/, 'AAAAAAAA') }),
    },
  };
}

type Tree = { [name: string]: string | number | boolean | Tree[] };

function xml(name: string, tree: Tree, status = 200): Answer {
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<${name}>${xmlOf(tree)}</${name}>`,
  };
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

function xmlOf(tree: Tree): string {
  return Object.entries(tree)
    .flatMap(([name, value]) =>
      Array.isArray(value) ? value.map((each) => [name, xmlOf(each)]) : [[name, escaped(String(value))]],
    )
    .map(([name, inner]) => `<${name}>${inner}</${name}>`)
    .join('');
}
