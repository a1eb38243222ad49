import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, messageOf, SalaError } from '../../systemd/errors.ts';

const publicFile = (file: string) => `${file.replace(/\.key$/, '')}.pub`;

/**
 * Makes the key that signs releases: `file` for the builder alone, and its public half beside it, for inventories.
 * @returns the public half's file
 * @throws {SalaError} `release-key-exists`: kits that trust the one there would refuse releases of another
 */
export function makeReleaseKey(file: string): string {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  mkdirSync(dirname(file), { recursive: true });
  try {
    writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST') throw cause;
    throw new SalaError(`There is a key already: ${file}`, {
      code: 'release-key-exists',
      hint: 'Leave out --new-key; kits that trust the key that is there refuse releases of any other.',
      cause,
    });
  }
  writeFileSync(publicFile(file), publicKey.export({ type: 'spki', format: 'pem' }));
  return publicFile(file);
}

/** Reads the key that signs releases. @throws {SalaError} `release-key` */
export function readSigningKey(file: string): { key: KeyObject; publicPem: string } {
  const fail = (message: string, hint: string, cause?: unknown) =>
    new SalaError(message, { code: 'release-key', hint, cause });
  try {
    if ((statSync(file).mode & 0o077) !== 0)
      throw fail(`Others may read the key that signs releases: ${file}`, `chmod 600 ${file}`);
    const key = createPrivateKey(readFileSync(file));
    if (key.asymmetricKeyType !== 'ed25519') throw new Error(`it is of the kind ${key.asymmetricKeyType}`);
    return { key, publicPem: createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString() };
  } catch (error) {
    if (error instanceof SalaError) throw error;
    throw fail(
      `The key that signs releases cannot be read from ${file}: ${messageOf(error)}`,
      'Name it with --key, or make one with --new-key.',
      error,
    );
  }
}
