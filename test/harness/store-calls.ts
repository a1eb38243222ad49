/** What programs of ours ask of their object store, read off their sources, and what of S3 that needs. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ObjectStore } from '../../relay/objects/object-store.ts';
import { root } from './programs.ts';

type Call = Exclude<keyof ObjectStore, 'name'>;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html */
const needed: Readonly<Record<Call, string>> = {
  head: 's3:GetObject',
  get: 's3:GetObject',
  download: 's3:GetObject',
  verify: 's3:GetObject',
  put: 's3:PutObject',
  list: 's3:ListBucket',
  delete: 's3:DeleteObject',
  startUpload: 's3:PutObject',
  uploadPart: 's3:PutObject',
  completeUpload: 's3:PutObject',
  uploadedParts: 's3:ListMultipartUploadParts',
  abortUpload: 's3:AbortMultipartUpload',
};
const calls = Object.keys(needed).filter((name): name is Call => Object.hasOwn(needed, name));

/** The calls of a store in these files, and in those right within these folders. */
export function storeCalls(paths: readonly string[]): Call[] {
  const files = paths.flatMap((path) =>
    statSync(join(root, path)).isFile()
      ? [path]
      : readdirSync(join(root, path))
          .filter((name) => name.endsWith('.ts'))
          .map((name) => join(path, name)),
  );
  const source = files.map((path) => readFileSync(join(root, path), 'utf8')).join('\n');
  return calls.filter((name) => new RegExp(`\\b#?store\\.${name}\\(`).test(source));
}

/** Without it S3 answers 403 where it should answer 404, and so what only looks for a thing needs it, too. */
export const actionsOf = (found: readonly Call[]): string[] => ['s3:ListBucket', ...found.map((name) => needed[name])];
