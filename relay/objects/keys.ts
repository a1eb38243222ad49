import { storeError } from './store-errors.ts';

/** S3 takes 1024 bytes, of which an address's own prefix uses some. */
const maxKeyLength = 900;
const keyPattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,199})*$/;

export const isKey = (text: string): boolean => text.length <= maxKeyLength && keyPattern.test(text);

/**
 * A key as it is written in all kinds of stores; a manifest from elsewhere may name anything.
 * @throws {SalaError} `store-key`
 */
export function checkedKey(key: string): string {
  if (!isKey(key)) throw storeError('store-key', `${JSON.stringify(key.slice(0, 100))} cannot be a key in a store.`);
  return key;
}

/** A beginning of keys: empty, a key, or a key with a slash. @throws {SalaError} `store-key` */
export function checkedPrefix(prefix: string): string {
  if (prefix !== '') checkedKey(prefix.replace(/\/$/, ''));
  return prefix;
}
