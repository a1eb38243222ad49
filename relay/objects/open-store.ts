import { resolve } from 'node:path';
import { ConfigurationError } from '../../systemd/errors.ts';
import { FolderStore } from './folder.ts';
import { isKey } from './keys.ts';
import type { ObjectStore } from './object-store.ts';
import type { S3Settings } from './s3.ts';

/** Of S3 only; credentials come by the SDK's default chain. */
export type StoreSettings = Omit<S3Settings, 'bucket' | 'prefix'>;

/** Where a store is, read from its address. */
export type StoreAddress =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string };

const bucketPattern = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/**
 * `s3://BUCKET[/PREFIX]` or `folder:/PATH`.
 * @throws {ConfigurationError}
 */
export function parseStoreAddress(address: string): StoreAddress {
  if (address.startsWith('folder:') && address.length > 'folder:'.length)
    return { kind: 'folder', path: resolve(address.slice('folder:'.length)) };
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]*)(?:\/(.*))?$/.exec(address) ?? [];
  const bare = prefix.replace(/\/+$/, '');
  if (!bucketPattern.test(bucket) || (bare !== '' && !isKey(bare)))
    throw new ConfigurationError([`The store ${address} is neither s3://BUCKET[/PREFIX] nor folder:/PATH`]);
  return { kind: 's3', bucket, prefix: bare === '' ? '' : `${bare}/` };
}

/**
 * @param isAwaited a folder that cannot be used yet is no fault: its calls say so until it can
 * @throws {ConfigurationError} of the address; {SalaError} where a folder cannot be used. A service is not asked yet.
 */
export async function openStore(
  address: string,
  settings: StoreSettings = {},
  isAwaited = false,
): Promise<ObjectStore> {
  const parsed = parseStoreAddress(address);
  if (parsed.kind === 'folder') {
    const store = new FolderStore(parsed.path);
    await store.tidy().catch((error: unknown) => {
      if (!isAwaited) throw error;
    });
    return store;
  }
  // Without it nothing of the SDK is loaded.
  const { S3Store } = await import('./s3.ts');
  return new S3Store({ ...settings, bucket: parsed.bucket, prefix: parsed.prefix });
}
