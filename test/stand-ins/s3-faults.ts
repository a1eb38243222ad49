import { z } from 'zod';

export const operations = [
  'HeadBucket',
  'HeadObject',
  'GetObject',
  'PutObject',
  'DeleteObject',
  'ListObjectsV2',
  'CreateMultipartUpload',
  'UploadPart',
  'ListParts',
  'CompleteMultipartUpload',
  'AbortMultipartUpload',
] as const;
export type Operation = (typeof operations)[number];

export const faultSchema = z.strictObject({
  /**
   * `refuse` 403 AccessDenied · `busy` 503 SlowDown · `full` 507 QuotaExceeded · `broken` 500 InternalError · `slow` answers
   * after `ms` · `cut` ends the connection in the middle of the body, whichever way it goes · `lie` says another hash and
   * ETag of what it holds · `spoil` holds or gives another byte than it was to · `lost` does it and ends the connection
   * before it says so · `page` answers with a web page · `unknown` has no such bucket · `nothing` answers
   * success and nothing else.
   */
  kind: z.enum([
    'refuse',
    'busy',
    'full',
    'broken',
    'slow',
    'cut',
    'lie',
    'spoil',
    'lost',
    'page',
    'unknown',
    'nothing',
  ]),
  /** Every one, where none is named. */
  on: z.array(z.enum(operations)).optional(),
  /** Part of the key. */
  key: z.string().optional(),
  /** How often; by default until `heal`. */
  times: z.int().min(1).optional(),
  ms: z.int().min(0).optional(),
});
export type S3Fault = z.infer<typeof faultSchema>;

/** The faults that are to strike, in the order they were given. */
export class S3Faults {
  #faults: { readonly fault: S3Fault; left: number }[] = [];

  add(fault: S3Fault): void {
    this.#faults.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY });
  }

  heal(): void {
    this.#faults = [];
  }

  /** The one that strikes here; it is used up. */
  take(operation: Operation, key: string): S3Fault | null {
    const found = this.#faults.find(
      ({ fault, left }) => left > 0 && (fault.on?.includes(operation) ?? true) && key.includes(fault.key ?? ''),
    );
    if (!found) return null;
    found.left--;
    return found.fault;
  }
}
