import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http2';
import type { Message } from '@smithy/core/event-streams';

/** Signature Version 4, the service's side: of the request, and of the chain of audio frames that it seeds. */

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export const emptyPayload = 'STREAMING-AWS4-HMAC-SHA256-EVENTS';

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Uint8Array, data: string) => createHmac('sha256', key).update(data).digest();
const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && timingSafeEqual(a, b);

function signingKey(credentials: Credentials, scope: string): Buffer {
  const [day = '', region = '', service = '', end = ''] = scope.split('/');
  return hmac(hmac(hmac(hmac(`AWS4${credentials.secretAccessKey}`, day), region), service), end);
}

export interface SignedRequest {
  readonly scope: string;
  readonly accessKeyId: string;
  /** Hex; the first link of the chain. */
  readonly signature: string;
}

export function readAuthorization(header: string): (SignedRequest & { signedHeaders: string[] }) | null {
  const match = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
    header,
  );
  if (!match) return null;
  const [, accessKeyId = '', scope = '', signedHeaders = '', signature = ''] = match;
  return { accessKeyId, scope, signature, signedHeaders: signedHeaders.split(';') };
}

/** The request's signature where it is right, null where it is not. */
export function verifyRequest(headers: IncomingHttpHeaders, credentials: Credentials): SignedRequest | null {
  const given = readAuthorization(String(headers.authorization ?? ''));
  if (!given || given.accessKeyId !== credentials.accessKeyId) return null;
  const value = (name: string) =>
    name === 'host' ? String(headers.host ?? headers[':authority'] ?? '') : String(headers[name] ?? '');
  const canonical = [
    headers[':method'],
    headers[':path'],
    '',
    ...given.signedHeaders.map((name) => `${name}:${value(name).trim().replace(/ +/g, ' ')}`),
    '',
    given.signedHeaders.join(';'),
    String(headers['x-amz-content-sha256'] ?? ''),
  ].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], given.scope, sha256(canonical)].join('\n');
  const expected = hmac(signingKey(credentials, given.scope), toSign);
  return same(expected, Buffer.from(given.signature, 'hex')) ? given : null;
}

export type ChunkVerdict = 'right' | 'wrong' | 'expired';

/** Follows the chain: each frame signs its date, its body and the signature before it. */
export class SignatureChain {
  readonly #scope: string;
  readonly #key: Buffer;
  readonly #maxSkewMs: number;
  #prior: string;

  constructor(request: SignedRequest, credentials: Credentials, maxSkewMs: number) {
    this.#scope = request.scope;
    this.#key = signingKey(credentials, request.scope);
    this.#prior = request.signature;
    this.#maxSkewMs = maxSkewMs;
  }

  verify(frame: Message, nowMs: number): ChunkVerdict {
    const date = frame.headers[':date'];
    const signature = frame.headers[':chunk-signature'];
    if (date?.type !== 'timestamp' || signature?.type !== 'binary') return 'wrong';
    const header = Buffer.alloc(15);
    header.writeUInt8(5, 0);
    header.write(':date', 1);
    header.writeUInt8(8, 6);
    header.writeBigInt64BE(BigInt(date.value.getTime()), 7);
    const stamp = date.value.toISOString().replace(/[-:]|\.\d{3}/g, '');
    const toSign = [
      'AWS4-HMAC-SHA256-PAYLOAD',
      stamp,
      this.#scope,
      this.#prior,
      sha256(header),
      sha256(frame.body),
    ].join('\n');
    const expected = hmac(this.#key, toSign);
    this.#prior = expected.toString('hex');
    if (!same(expected, signature.value)) return 'wrong';
    return Math.abs(nowMs - date.value.getTime()) > this.#maxSkewMs ? 'expired' : 'right';
  }
}
