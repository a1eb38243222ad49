/** Whether the roles of both stacks may do what their programs were seen to ask of the store. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { S3Request } from '../stand-ins/s3.ts';
import type { Operation } from '../stand-ins/s3-faults.ts';
import { readTemplate } from './cloudformation.ts';
import { mayRole } from './cloudformation-policies.ts';
import { carryOut } from './cloudformation-values.ts';
import { root } from './programs.ts';

const bucket = 'talks';
const stackOf = (name: string, parameters: Readonly<Record<string, string>>) =>
  carryOut(readTemplate(readFileSync(join(root, `provisioning/aws/${name}.yaml`), 'utf8')), {
    parameters,
    names: { Talks: bucket },
  });

/** Who asks, by what `askingAs` has the AWS SDK say in its user agent. */
const askers = {
  job: { role: 'JobRole', stack: stackOf('canonical', { ImageDigest: `sha256:${'0'.repeat(64)}` }) },
  relay: {
    role: 'Role',
    stack: stackOf('relay', {
      ...{
        DomainName: 'sala.example.org',
        AvailabilityZone: 'eu-south-1a',
        RecordingBucket: bucket,
        EventName: 'conf',
      },
      ...{ ReleaseBucket: 'releases', ReleaseKey: 'sala-1.tar.gz', ReleaseSha256: '0'.repeat(64) },
    }),
  },
};
export type Asker = keyof typeof askers;

/** For the environment of a program whose requests are to be told apart. */
export const askingAs = (asker: Asker) => ({ AWS_SDK_UA_APP_ID: asker });

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html */
const actions: Readonly<Record<Operation, string>> = {
  HeadBucket: 's3:ListBucket',
  HeadObject: 's3:GetObject',
  GetObject: 's3:GetObject',
  PutObject: 's3:PutObject',
  DeleteObject: 's3:DeleteObject',
  ListObjectsV2: 's3:ListBucket',
  CreateMultipartUpload: 's3:PutObject',
  UploadPart: 's3:PutObject',
  ListParts: 's3:ListMultipartUploadParts',
  CompleteMultipartUpload: 's3:PutObject',
  AbortMultipartUpload: 's3:AbortMultipartUpload',
};

/** Requests that the roles would have had refused, each once; also those of which nobody knows who asked. */
export function beyondRights(requests: readonly S3Request[]): string[] {
  const found = requests.flatMap(({ operation, key, status, headers }) => {
    const asker = /\bapp\/(job|relay)\b/.exec(headers['user-agent'] ?? '')?.[1];
    if (asker !== 'job' && asker !== 'relay') return [`nobody knows who asked: ${operation} ${key}`];
    const { role, stack } = askers[asker];
    const action = actions[operation];
    const may = (what: string) =>
      mayRole(stack, role, what, what === 's3:ListBucket' ? `arn:aws:s3:::${bucket}` : `arn:aws:s3:::${bucket}/${key}`);
    // S3 says that a thing is not there only to those who may list.
    const isAllowed = may(action) && (status !== 404 || may('s3:ListBucket'));
    return isAllowed ? [] : [`${asker}: ${action} ${key}`];
  });
  return [...new Set(found)];
}
