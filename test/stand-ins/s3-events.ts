import { randomUUID } from 'node:crypto';
import type { HeldObject } from './s3-objects.ts';

/** An event of S3 as EventBridge delivers it (S3 user guide, "Event message structure for EventBridge"). */
export interface ObjectCreated {
  readonly version: '0';
  readonly id: string;
  readonly 'detail-type': 'Object Created';
  readonly source: 'aws.s3';
  readonly account: string;
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: {
    readonly version: '0';
    readonly bucket: { readonly name: string };
    /** The key as it is, not encoded. */
    readonly object: { readonly key: string; readonly size: number; readonly etag: string; readonly sequencer: string };
    readonly 'request-id': string;
    readonly requester: string;
    readonly 'source-ip-address': string;
    readonly reason: 'PutObject' | 'CompleteMultipartUpload';
  };
}

interface Created {
  readonly bucket: string;
  readonly key: string;
  readonly held: HeldObject;
  readonly reason: ObjectCreated['detail']['reason'];
}

export function createdEvent({ bucket, key, held, reason }: Created): ObjectCreated {
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': 'Object Created',
    source: 'aws.s3',
    account: '111122223333',
    time: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
    region: 'eu-west-1',
    resources: [`arn:aws:s3:::${bucket}`],
    detail: {
      version: '0',
      bucket: { name: bucket },
      object: { key, size: held.body.length, etag: held.etag.replaceAll('"', ''), sequencer: held.sequencer },
      'request-id': 'STANDIN',
      requester: '111122223333',
      'source-ip-address': '127.0.0.1',
      reason,
    },
  };
}
