import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { z } from 'zod';
import { messageOf, SalaError } from '../../errors.ts';

/** Longer texts are no manifests. */
export const maxManifestBytes = 16_384;

/** A release of Sala may not be larger than this, whoever signed it: packed, and unpacked. */
export const maxReleaseBytes = 256 * 1024 * 1024;
export const maxUnpackedBytes = 1024 * 1024 * 1024;

/** Also the name of a folder and a part of addresses: no slash, no dot in front. */
export const releaseVersion = z
  .string()
  .regex(/^[0-9A-Za-z][0-9A-Za-z.-]{0,63}$/, 'must be letters, digits, dots and hyphens');

const platform = 'linux-arm64';

/** What is signed. Fields that a later version adds are signed too, and passed over here. */
const description = z.object({
  format: z.literal(1),
  version: releaseVersion,
  platform: z.literal(platform),
  /** The commit that it was built from. */
  commit: z.string().regex(/^[0-9a-f]{40,64}$/),
  /** When that commit was made, RFC 3339: which of two releases is the older one. */
  created: z.iso.datetime(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().positive().max(maxReleaseBytes),
  unpackedBytes: z.int().positive().max(maxUnpackedBytes),
});

export type Release = Readonly<z.output<typeof description>>;

/** The name of a release's archive (`tar.gz`) or manifest (`json`). */
export const releaseFile = (version: string, ending: 'tar.gz' | 'json'): string =>
  `sala-${version}-${platform}.${ending}`;

/** Whether `release` was built from an older commit than `other`. */
export const isOlder = (release: Pick<Release, 'created'>, other: Pick<Release, 'created'>): boolean =>
  Date.parse(release.created) < Date.parse(other.created);

type Fields = Readonly<Record<string, string | number>>;

/** The bytes that are signed: the flat object without its signature, keys in order, no white space. */
const canonical = (fields: Fields): Buffer =>
  Buffer.from(
    `sala release\n${JSON.stringify(Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1))))}`,
  );

/** Reads a public key. @throws {SalaError} `release-key` where `pem` is no ed25519 key */
export function readReleaseKey(pem: string): KeyObject {
  let key: KeyObject | null = null;
  let cause: unknown;
  try {
    key = createPublicKey(pem);
  } catch (error) {
    cause = error;
  }
  if (key?.asymmetricKeyType === 'ed25519') return key;
  throw new SalaError('The key of the releases is not an ed25519 key in PEM form', {
    code: 'release-key',
    hint: 'Give the file NAME.pub that `sala-kit release --new-key` made.',
    cause,
  });
}

/** The text of a signed manifest. @param privateKey ed25519 */
export function signRelease(release: Release, privateKey: KeyObject): string {
  const fields = description.parse(release);
  const signature = sign(null, canonical(fields), privateKey).toString('base64');
  return `${JSON.stringify({ ...fields, signature }, null, 2)}\n`;
}

function readFields(manifestText: string): Fields {
  if (manifestText.length > maxManifestBytes) throw new Error(`it is longer than ${maxManifestBytes} bytes`);
  return z.record(z.string(), z.union([z.string(), z.number()])).parse(JSON.parse(manifestText));
}

/** What a manifest says, its signature unchecked. @throws {SalaError} `release-manifest` */
export function readRelease(manifestText: string): Release {
  try {
    return description.parse(readFields(manifestText));
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause).replaceAll('\n', ' ') : messageOf(cause);
    throw new SalaError(`This is no manifest of a release that Sala understands: ${why}`, {
      code: 'release-manifest',
      hint: 'Take the .json file that `sala-kit release` wrote beside the archive, unchanged.',
      cause,
    });
  }
}

/**
 * What a manifest says, once its signature holds. The archive itself is still to be compared with `bytes` and `sha256`.
 * @param publicKeyPem ed25519, PEM
 * @throws {SalaError} `release-manifest`, `release-signature` or `release-key`
 */
export function verifyRelease(manifestText: string, publicKeyPem: string): Release {
  const key = readReleaseKey(publicKeyPem);
  const release = readRelease(manifestText);
  const { signature, ...fields } = readFields(manifestText);
  const bytes = Buffer.from(typeof signature === 'string' ? signature : '', 'base64');
  if (verify(null, canonical(fields), key, bytes)) return release;
  throw new SalaError(`The release ${release.version} is not signed with the key that is trusted here`, {
    code: 'release-signature',
    hint: 'Build it with the key whose public half the kits were given, or change that half in the inventory and reseed.',
  });
}
