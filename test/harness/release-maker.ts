import { createHash, generateKeyPairSync } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type Release, signRelease } from '../../systemd/agent/updates/manifest.ts';

export interface TarEntry {
  readonly name: string;
  readonly content?: string | Buffer;
  /** `0` a file, `5` a folder, `1` and `2` links. */
  readonly type?: string;
  readonly mode?: number;
  readonly link?: string;
}

/** A tar archive of the plainest kind, and any other that the tests want. */
export function tarOf(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap(({ name, content = '', type = '0', mode = 0o644, link = '' }) => {
    const bytes = Buffer.from(content);
    const header = Buffer.alloc(512);
    const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0');
    header.write(name, 0, 100);
    header.write(octal(mode, 7), 100);
    header.write(octal(0, 7), 108);
    header.write(octal(0, 7), 116);
    header.write(octal(bytes.length, 11), 124);
    header.write(octal(0, 11), 136);
    header.write('        ', 148);
    header.write(type, 156);
    header.write(link, 157, 100);
    header.write('ustar\0', 257);
    header.write('00', 263);
    header.write(
      octal(
        header.reduce((sum, byte) => sum + byte),
        6,
      ),
      148,
    );
    header[154] = 0;
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

const pair = generateKeyPairSync('ed25519');
/** Signs the releases of the tests. */
export const releaseKey = {
  signing: pair.privateKey,
  pem: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
};

export interface MadeRelease {
  readonly release: Release;
  readonly manifest: string;
  readonly archive: Buffer;
}

/** What a kit needs to take something for a release. */
export const releaseFiles = (version: string, created: string): TarEntry[] => [
  { name: 'bin/', type: '5' },
  { name: 'bin/node', content: `the program of ${version}`.repeat(50), mode: 0o755 },
  { name: 'release.json', content: JSON.stringify({ version, created }) },
  { name: 'systemd/sala-agent.service', content: version },
  { name: 'systemd/sala-guard.timer', content: version },
  { name: 'systemd/sala-device.target', content: 'Wants=sala-agent.service\n' },
  { name: 'systemd/85-sala-mixer.rules', content: version },
  { name: 'systemd/sala-kit.sysusers.conf', content: version },
];

/** A signed release. @param day of November 2026, on which its commit was made */
export function makeRelease(
  version: string,
  day: number,
  { more = [], fields = {} }: { more?: readonly TarEntry[]; fields?: Partial<Release> } = {},
): MadeRelease {
  const created = `2026-11-${String(day).padStart(2, '0')}T12:00:00Z`;
  const entries = [...releaseFiles(version, created), ...more];
  const archive = gzipSync(tarOf(entries));
  const release: Release = {
    format: 1,
    version,
    platform: 'linux-arm64',
    commit: 'a'.repeat(40),
    created,
    sha256: createHash('sha256').update(archive).digest('hex'),
    bytes: archive.length,
    unpackedBytes: entries.reduce((sum, { content = '' }) => sum + Buffer.from(content).length, 0),
    ...fields,
  };
  return { release, manifest: signRelease(release, releaseKey.signing), archive };
}
