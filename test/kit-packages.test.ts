import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runCommandLine } from '../provisioning/kit/command-line.ts';
import { bundle } from '../provisioning/kit/commands/bundle.ts';
import { type CollectOptions, collect } from '../provisioning/kit/packages/collect.ts';
import { mirrorsOf } from '../provisioning/kit/packages/machine-sources.ts';
import { readPackageIndex } from '../provisioning/kit/packages/package-index.ts';
import { type Archive, PrivateApt } from '../provisioning/kit/packages/private-apt.ts';
import { packageFiles, readBundle } from '../provisioning/kit/packages/repository.ts';
import type { Kind } from '../provisioning/kit/packages/wanted.ts';
import { KitRoot } from './harness/kit-root.ts';
import { PackageArchive } from './harness/package-archive.ts';
import { temporaryFolder } from './harness/programs.ts';

// Costs about 7 s: Debian's own apt against a small archive on the loopback, signed by a key of the test.

const place = temporaryFolder();
let archive: PackageArchive;
let folder = '';
let count = 0;

const wanted: Readonly<Record<Kind, readonly string[]>> = {
  device: ['libportaudio2'],
  display: ['cage'],
  solo: ['libportaudio2', 'cage'],
};
const libjack = 'pool/main/l/libjack/libjack_1.0-1_arm64.deb';

function publish() {
  archive.publish('trixie', [
    { name: 'libportaudio2', depends: 'libjack' },
    { name: 'libjack', depends: 'libc6 (>= 2)' },
    { name: 'libc6', version: '2.41-12+deb13u4' },
    { name: 'cage', version: '1:0.2-1', depends: 'libc6' },
    { name: 'unrelated' },
  ]);
}

beforeAll(async () => {
  archive = new PackageArchive(place.path);
  publish();
  await archive.serve();
});
afterAll(async () => {
  await archive.close();
  archive.forget();
  place.remove();
});
beforeEach(() => {
  count += 1;
  folder = join(place.path, `packages-${count}`);
  archive.faults.clear();
  archive.asked.length = 0;
});

async function collected(options: Partial<CollectOptions> & { keyring?: string } = {}) {
  const workFolder = `${folder}.part`;
  const archives: Archive[] = [{ folder: 'debian', address: archive.address, suite: 'trixie' }];
  const apt = new PrivateApt({
    folder: join(workFolder, 'apt'),
    archives,
    keyring: options.keyring ?? archive.keyring,
    signal: new AbortController().signal,
    retries: 0,
  });
  const kinds: readonly Kind[] = ['device', 'display'];
  return await collect({
    folder,
    workFolder,
    apt,
    archives,
    suite: 'trixie',
    kinds,
    wanted,
    tell: () => undefined,
    ...options,
  });
}

const pool = (at = folder) =>
  existsSync(join(at, 'debian/pool'))
    ? readdirSync(join(at, 'debian/pool'), { recursive: true, encoding: 'utf8' }).filter((name) =>
        name.endsWith('.deb'),
      )
    : [];
const debsAsked = () => archive.asked.filter((path) => path.endsWith('.deb'));

describe('collecting packages', () => {
  test('brings all that a kit needs, the lists as they were signed, and nothing else', async () => {
    await collected();
    expect(
      pool()
        .map((name) => name.split('/').at(-1))
        .toSorted(),
    ).toEqual([
      'cage_1%3a0.2-1_arm64.deb',
      'libc6_2.41-12+deb13u4_arm64.deb',
      'libjack_1.0-1_arm64.deb',
      'libportaudio2_1.0-1_arm64.deb',
    ]);
    for (const name of ['InRelease', 'main/binary-arm64/Packages.xz'])
      expect(readFileSync(join(folder, 'debian/dists/trixie', name))).toEqual(
        readFileSync(join(archive.folder, 'dists/trixie', name)),
      );
    expect(readFileSync(join(folder, 'device.list'), 'utf8')).toBe('libportaudio2\n');
    const device = await packageFiles(folder, 'device');
    expect(device).toContain(`debian/${libjack}`);
    expect(device.join('\n')).not.toContain('cage');
    for (const file of device) expect(existsSync(join(folder, file)), file).toBe(true);
    await expect(packageFiles(folder, 'solo')).rejects.toThrow('no packages for a solo kit');
  });

  test('fetches again only what is missing or was damaged', async () => {
    await collected();
    archive.asked.length = 0;
    await collected();
    expect(debsAsked()).toEqual([]);
    writeFileSync(join(folder, 'debian', libjack), Buffer.alloc(readFileSync(join(folder, 'debian', libjack)).length));
    await collected();
    expect(debsAsked()).toEqual([`/${libjack}`]);
    expect(readFileSync(join(folder, 'debian', libjack))).toEqual(readFileSync(join(archive.folder, libjack)));
  });

  test('what another key signed is not taken', async () => {
    const other = new PackageArchive(join(place.path, 'other'));
    await expect(collected({ keyring: other.keyring })).rejects.toThrow(/not signed|NO_PUBKEY|GPG error/);
    other.forget();
    expect(existsSync(folder) ? readdirSync(folder) : []).toEqual([]);
  });

  test.each(['altered', 'cut'] as const)(
    'a package that comes %s leaves no half file, and comes the next time',
    async (fault) => {
      archive.faults.set('libjack_1.0-1_arm64.deb', fault);
      await expect(collected({ batch: 1 })).rejects.toThrow();
      expect(pool().join('\n')).not.toContain('libjack');
      await expect(readBundle(folder)).rejects.toThrow('not a finished repository');
      archive.faults.clear();
      archive.asked.length = 0;
      const there = pool().length;
      await collected();
      expect(debsAsked()).toContain(`/${libjack}`);
      expect(debsAsked().length).toBeLessThanOrEqual(4 - there);
      expect((await readBundle(folder)).kinds.device?.packages).toEqual(['libportaudio2']);
    },
  );

  test('what a newer archive no longer names goes away', async () => {
    await collected();
    archive.publish('trixie', [{ name: 'libportaudio2', version: '2.0-1' }, { name: 'cage' }]);
    try {
      await collected();
      expect(
        pool()
          .map((name) => name.split('/').at(-1))
          .toSorted(),
      ).toEqual(['cage_1.0-1_arm64.deb', 'libportaudio2_2.0-1_arm64.deb']);
    } finally {
      publish();
    }
  });

  test('is bounded', async () => {
    await expect(collected({ maxBytes: 1000 })).rejects.toThrow('more than');
    expect(debsAsked()).toEqual([]);
  });
});

describe("apt on the kit, with the card's packages and no network", () => {
  const kits: KitRoot[] = [];
  /** The kit's own script and Debian's own apt; only dpkg is not asked to unpack. */
  async function kitWith(damage: (at: string) => void = () => undefined) {
    await collected();
    await archive.close();
    const kit = new KitRoot();
    kits.push(kit);
    rmSync(kit.path('var/lib/sala/packages'), { recursive: true });
    kit.copyFolder(folder, 'var/lib/sala/packages');
    kit.copyFolder(archive.keyring, 'usr/share/keyrings/debian-archive-keyring.gpg');
    kit.useRealApt();
    damage(kit.path('var/lib/sala/packages'));
    const run = kit.run('first-boot.sh');
    await archive.serve();
    return { kit, run };
  }
  const flip = (file: string) => {
    const data = readFileSync(file);
    data.writeUInt8(data.readUInt8(data.length - 100) ^ 1, data.length - 100);
    writeFileSync(file, data);
  };
  afterAll(() => {
    for (const kit of kits) kit.remove();
  });

  test('takes them by their signature', async () => {
    const { kit, run } = await kitWith();
    expect(run.said).toContain('verdi-1 is ready');
    expect(kit.read('downloaded').trim().split('\n').toSorted()).toEqual(['libc6', 'libjack', 'libportaudio2']);
  });

  test.each([
    ['a package', `debian/${libjack}`],
    ['a list', 'debian/dists/trixie/main/binary-arm64/Packages.xz'],
    ['what is signed', 'debian/dists/trixie/InRelease'],
  ])('refuses them where %s is not what was signed', async (_, name) => {
    const { kit, run } = await kitWith((at) => flip(join(at, name)));
    expect(run.status).not.toBe(0);
    expect(run.said).toContain('stopped while installing packages from the card');
    expect(kit.has('var/lib/sala/kit/first-boot.done')).toBe(false);
    expect(kit.has('downloaded')).toBe(false);
  });

  test('refuses them where one is missing', async () => {
    const { run } = await kitWith((at) => rmSync(join(at, 'debian', libjack)));
    expect(run.status).not.toBe(0);
    expect(run.said).toContain('stopped while installing');
  });
});

describe('what is read', () => {
  test("the mirrors are those of the machine's own apt, other archives are passed over", () => {
    const targets = [
      'http://packages.example.org/tools/|tools-trixie|main',
      'http://mirror.example.org/debian/|trixie|contrib',
      'http://mirror.example.org/debian/|trixie|main',
      'http://security.example.org/debian-security/|trixie-security|main',
    ].join('\n');
    expect(mirrorsOf(targets, 'trixie')).toEqual({
      archive: 'http://mirror.example.org/debian/',
      security: 'http://security.example.org/debian-security/',
    });
    expect(mirrorsOf('http://mirror.example.org/debian/|bookworm|main', 'bookworm').security).toBe(
      'http://mirror.example.org/debian-security/',
    );
    expect(() => mirrorsOf('http://packages.example.org/|tools|main', 'trixie')).toThrow('no mirror');
  });

  test('a list that leads out of its archive is passed over', () => {
    const stanza = (path: string) => `Package: x\nVersion: 1\nFilename: ${path}\nSize: 3\nSHA256: ab\n`;
    expect([...readPackageIndex(stanza('pool/main/x/x/x_1_arm64.deb'))]).toHaveLength(1);
    for (const path of ['../x.deb', '/etc/x.deb', 'pool/../../x.deb', 'pool/main/../../../x.deb'])
      expect([...readPackageIndex(stanza(path))], path).toEqual([]);
  });

  test('a kind of kit that does not exist is named', async () => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const context = {
      stdin: new PassThrough(),
      stdout,
      stderr,
      env: {},
      now: () => 0,
      signal: new AbortController().signal,
    };
    expect(await runCommandLine(['bundle', folder, '--kind', 'lamp'], [bundle], context)).toBe(1);
    expect(String(stderr.read())).toContain('lamp is no kind of kit');
  });
});
