import type { S3Client } from '@aws-sdk/client-s3';

export type S3Sdk = typeof import('@aws-sdk/client-s3');

export interface S3Limits {
  /** Of a call, beside what its bytes may take. */
  readonly callMs: number;
  /** So slow may a line be. */
  readonly minBytesPerSecond: number;
  /** Of one try, without a byte either way. */
  readonly silenceMs: number;
  readonly maxAttempts: number;
}

export const defaultS3Limits: S3Limits = {
  callMs: 60_000,
  minBytesPerSecond: 32_768,
  silenceMs: 20_000,
  maxAttempts: 3,
};

export interface S3Place {
  readonly endpoint?: string | undefined;
  /** Where it is not given the SDK finds it. */
  readonly region?: string | undefined;
  /** The bucket in the path, not in the host's name; by default so with an endpoint of one's own. */
  readonly pathStyle?: boolean | undefined;
}

/** Loads the packages when a store is first used: a relay that records nothing never does. */
export async function createS3Client(
  { endpoint, region, pathStyle }: S3Place,
  limits: S3Limits,
): Promise<{ sdk: S3Sdk; client: S3Client }> {
  const [sdk, { NodeHttpHandler }, { defaultProvider }] = await Promise.all([
    import('@aws-sdk/client-s3'),
    import('@smithy/node-http-handler'),
    import('@aws-sdk/credential-provider-node'),
  ]);
  const client = new sdk.S3Client({
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    forcePathStyle: pathStyle ?? endpoint !== undefined,
    // Files with credentials are read anew by each client, so that a person can put them right.
    credentials: defaultProvider({ ignoreCache: true }),
    maxAttempts: limits.maxAttempts,
    // Ours is SHA-256, made beside the event loop.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: new NodeHttpHandler({
      connectionTimeout: Math.min(10_000, limits.silenceMs),
      socketTimeout: limits.silenceMs,
      httpAgent: { keepAlive: true, maxSockets: 8 },
      httpsAgent: { keepAlive: true, maxSockets: 8 },
    }),
  });
  client.middlewareStack.add(
    (next) => (args) => {
      signByChecksum(args.request);
      return next(args);
    },
    { step: 'build', name: 'signByChecksum' },
  );
  client.middlewareStack.add(
    (next) => async (args) => {
      const answered = await next(args);
      if (isWebPage(answered.response)) throw new Error('the answer is a web page');
      return answered;
    },
    { step: 'deserialize', name: 'refuseWebPages', priority: 'low' },
  );
  return { sdk, client };
}

/** Where a network has a portal, or a proxy its own mind, anything is answered with success: even a deletion. */
function isWebPage(response: unknown): boolean {
  const of = (name: string): unknown => (typeof response === 'object' && response ? Reflect.get(response, name) : null);
  const headers = of('headers');
  const type: unknown = typeof headers === 'object' && headers ? Reflect.get(headers, 'content-type') : '';
  return of('statusCode') === 200 && typeof type === 'string' && type.startsWith('text/html');
}

/** The signature is made over the same SHA-256; the SDK would make it once more, on the event loop. */
function signByChecksum(request: unknown): void {
  const headers: unknown = typeof request === 'object' && request ? Reflect.get(request, 'headers') : null;
  if (typeof headers !== 'object' || !headers) return;
  const sum: unknown = Reflect.get(headers, 'x-amz-checksum-sha256');
  if (typeof sum === 'string') Reflect.set(headers, 'x-amz-content-sha256', Buffer.from(sum, 'base64').toString('hex'));
}
