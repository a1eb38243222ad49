/** The signed manifest of a release. Costs 0.1 s. */
import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  isOlder,
  maxManifestBytes,
  maxReleaseBytes,
  maxUnpackedBytes,
  type Release,
  signRelease,
  verifyRelease,
} from '../systemd/agent/updates/manifest.ts';
import { codeOf } from '../systemd/errors.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
const release: Release = {
  format: 1,
  version: '0.2.0-20261121-8039fc5',
  platform: 'linux-arm64',
  commit: '8039fc570a876d26c3eba5acee390a1660723930',
  created: '2026-11-21T21:02:28Z',
  sha256: 'ab'.repeat(32),
  bytes: 1000,
  unpackedBytes: 3000,
};
const text = signRelease(release, privateKey);

const refusal = (manifest: string, key = pem): string => {
  try {
    verifyRelease(manifest, key);
  } catch (error) {
    return codeOf(error);
  }
  return 'accepted';
};
/** With the signature of the manifest as it was: what is no manifest is refused before anybody asks who signed it. */
const changed = (fields: object) => JSON.stringify({ ...JSON.parse(text), ...fields });
test('a signed manifest is read back as it was, also with its keys in another order', () => {
  expect(verifyRelease(text, pem)).toEqual(release);
  const reversed = JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text)).reverse()));
  expect(verifyRelease(reversed, pem)).toEqual(release);
});

test('each changed field ends the signature, a field more too', () => {
  const others: Record<string, string | number> = {
    version: '0.3.0',
    commit: '0'.repeat(40),
    created: '2027-01-01T00:00:00Z',
    sha256: 'cd'.repeat(32),
    bytes: 1001,
    unpackedBytes: 3001,
    more: 1,
  };
  for (const [name, value] of Object.entries(others))
    expect(refusal(changed({ [name]: value })), name).toBe('release-signature');
});

test('no signature, a foreign one and a damaged one are refused', () => {
  const foreign = generateKeyPairSync('ed25519');
  expect(refusal(JSON.stringify(release))).toBe('release-signature');
  expect(refusal(changed({ signature: '' }))).toBe('release-signature');
  expect(refusal(changed({ signature: 1 }))).toBe('release-signature');
  expect(refusal(changed({ signature: `${JSON.parse(text).signature}`.slice(4) }))).toBe('release-signature');
  expect(refusal(signRelease(release, foreign.privateKey))).toBe('release-signature');
});

test.each([
  ['another format', { format: 2 }],
  ['another platform', { platform: 'linux-x64' }],
  ['a version that is a path', { version: '../0.2.0' }],
  ['a version that is hidden', { version: '.0' }],
  ['a version of dots', { version: '..' }],
  ['an endless version', { version: '1'.repeat(65) }],
  ['no time', { created: 'yesterday' }],
  ['a short hash', { sha256: 'ab' }],
  ['a hash in capitals', { sha256: 'AB'.repeat(32) }],
  ['nothing', { bytes: 0 }],
  ['half a byte', { bytes: 1.5 }],
  ['too many bytes', { bytes: maxReleaseBytes + 1 }],
  ['too many bytes unpacked', { unpackedBytes: maxUnpackedBytes + 1 }],
  ['a tree', { more: { deep: 1 } }],
])('%s is no manifest', (_, fields) => {
  expect(refusal(changed(fields))).toBe('release-manifest');
});

test('what is no JSON, or endless, is no manifest', () => {
  expect(refusal('')).toBe('release-manifest');
  expect(refusal('null')).toBe('release-manifest');
  expect(refusal('[]')).toBe('release-manifest');
  expect(refusal(text + ' '.repeat(maxManifestBytes))).toBe('release-manifest');
});

test('only an ed25519 key is a key', () => {
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
  expect(refusal(text, 'nonsense')).toBe('release-key');
  expect(refusal(text, other.export({ type: 'spki', format: 'pem' }).toString())).toBe('release-key');
});

test('the older of two releases is the one of the older commit', () => {
  const later = { created: '2026-11-21T21:02:28.001Z' };
  expect(isOlder(release, later)).toBe(true);
  expect(isOlder(later, release)).toBe(false);
  expect(isOlder(release, release)).toBe(false);
});
