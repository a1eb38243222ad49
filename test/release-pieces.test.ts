/** What a release is made of, piece by piece; all of it is built, twice, in release-arm64.long.ts. Costs 1 s. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { filesBelow, packFolder, sha256Of } from '../provisioning/release/archive.ts';
import { createdOf, findCommit, versionOf } from '../provisioning/release/commit.ts';
import { checkHash } from '../provisioning/release/downloads.ts';
import { compareVersions, isElf, loadingProblems, readElf } from '../provisioning/release/elf.ts';
import { makeReleaseKey, readSigningKey } from '../provisioning/release/keys.ts';
import { collectLicences } from '../provisioning/release/licences.ts';
import { floor, node } from '../provisioning/release/pins.ts';
import { dropPackages, isPruned, prune } from '../provisioning/release/pruning.ts';
import { runTool } from '../provisioning/release/tools.ts';
import { unpackArchive } from '../systemd/agent/updates/archive.ts';
import { releaseVersion } from '../systemd/agent/updates/manifest.ts';
import { root, temporaryFolder } from './harness/programs.ts';

let folder: ReturnType<typeof temporaryFolder>;
const path = (name: string) => join(folder.path, name);
const write = (name: string, content: string | Buffer, mode = 0o644) => {
  mkdirSync(dirname(path(name)), { recursive: true });
  writeFileSync(path(name), content);
  chmodSync(path(name), mode);
};
const lock = z
  .object({ packages: z.record(z.string(), z.object({ version: z.string().optional(), dev: z.boolean().optional() })) })
  .parse(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')));

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

describe('binaries', () => {
  const prebuilds = join(root, 'node_modules/better-sqlite3/prebuilds');
  const read = (name: string) => readFileSync(join(prebuilds, name));

  test('that load on 64-bit ARM with the libraries of Debian 12 pass', () => {
    const elf = readElf('sqlite', read('linux-arm64.node'));
    expect(elf.architecture).toBe('arm64');
    expect(elf.needs.get('GLIBC')).toBe('2.34');
    expect(loadingProblems('sqlite', read('linux-arm64.node'), floor)).toEqual([]);
  });

  test('of other machines are refused, and those that need newer libraries', () => {
    expect(loadingProblems('sqlite', read('linux-x64.node'), floor)).toEqual(['sqlite is made for x86-64']);
    expect(loadingProblems('sqlite', read('linux-arm64.node'), { GLIBC: '2.33' })).toEqual([
      'sqlite needs GLIBC 2.34, newer than 2.33',
    ]);
    expect(loadingProblems('sqlite', read('linux-arm64.node'), { ...floor, GLIBCXX: '3.4.9' })).toHaveLength(1);
  });

  test('that are cut off are refused in words', () => {
    expect(() => readElf('half', read('linux-arm64.node').subarray(0, 5000))).toThrow('half is a damaged program');
    expect([isElf(read('linux-arm64.node')), isElf(read('win32-x64.node'))]).toEqual([true, false]);
  });

  test('versions are compared by their numbers', () => {
    expect(compareVersions('2.4', '2.36')).toBeLessThan(0);
    expect(compareVersions('2.36', '2.36')).toBe(0);
    expect(compareVersions('3.4.30', '3.4.9')).toBeGreaterThan(0);
    expect(compareVersions('2.36.1', '2.36')).toBeGreaterThan(0);
  });
});

describe('the archive', () => {
  const fill = (name: string, seconds: number) => {
    write(`${name}/bin/node`, 'program', 0o755);
    write(`${name}/relay/main.js`, 'relay'.repeat(1000), seconds % 2 ? 0o600 : 0o664);
    write(`${name}/${'deep/'.repeat(20)}file.js`, 'far down');
    for (const file of filesBelow(path(name))) utimesSync(path(`${name}/${file}`), seconds, seconds);
  };

  test('of the same files is the same, whenever and by whomever they were made', async () => {
    fill('one', 1);
    fill('two', 1_700_000_000);
    for (const name of ['one', 'two']) await packFolder(path(name), path(`${name}.tar.gz`), 1_796_110_200, {});
    expect(await sha256Of(path('one.tar.gz'))).toBe(await sha256Of(path('two.tar.gz')));
    fill('three', 1);
    write('three/relay/main.js', 'relax'.repeat(1000));
    await packFolder(path('three'), path('three.tar.gz'), 1_796_110_200, {});
    expect(await sha256Of(path('three.tar.gz'))).not.toBe(await sha256Of(path('one.tar.gz')));
  });

  test('is one that a kit unpacks', async () => {
    fill('one', 1);
    await packFolder(path('one'), path('one.tar.gz'), 1_796_110_200, {});
    const found: string[] = [];
    const sink = {
      folder: async () => {},
      file: async (name: string, isProgram: boolean, content: AsyncIterable<Buffer>) => {
        let bytes = 0;
        for await (const piece of content) bytes += piece.length;
        found.push(`${name} ${isProgram ? 'program' : 'file'} ${bytes}`);
      },
    };
    const source = async function* () {
      // In pieces of odd lengths.
      const tar = gunzipSync(readFileSync(path('one.tar.gz')));
      for (let at = 0; at < tar.length; at += 777) yield tar.subarray(at, at + 777);
    };
    const bytes = await unpackArchive(source(), sink, { maxBytes: 100_000 });
    expect(found.sort()).toEqual([
      'bin/node program 7',
      `${'deep/'.repeat(20)}file.js file 8`,
      'relay/main.js file 5000',
    ]);
    expect(bytes).toBe(5015);
  });
});

describe('of the packages', () => {
  const modules = join(root, 'node_modules');
  const production = Object.entries(lock.packages).flatMap(([name, { dev }]) =>
    name.startsWith('node_modules/') && !dev && existsSync(join(root, name)) ? [name.replace('node_modules/', '')] : [],
  );

  test('everything stays that Node loads of them', () => {
    const require = createRequire(join(root, 'package.json'));
    const resolved = production.flatMap((name) => {
      try {
        return [require.resolve(name).replace(`${modules}/`, '')];
      } catch {
        return [];
      }
    });
    expect(resolved.length).toBeGreaterThan(50);
    expect(resolved.filter((file) => file.endsWith('.js') && isPruned(file))).toEqual([]);
    const scripts = [
      'yaml/dist/doc/Document.js',
      'koffi/src/koffi/src/static.cjs',
      'zod/v4/core/doc.js',
      'pino/lib/tools.js',
    ];
    expect(scripts.filter((file) => !existsSync(join(modules, file)))).toEqual([]);
    expect(scripts.filter(isPruned)).toEqual([]);
    expect(
      ['@fontsource/opendyslexic/files/a.woff2', 'naudiodon/build/Release/naudiodon.node'].filter(isPruned),
    ).toEqual([]);
  });

  test('what nobody loads goes, and so do the binaries of other machines', () => {
    const gone = [
      'pino/test/basic.test.js',
      '@hono/node-server/dist/index.d.ts',
      'zod/index.d.cts',
      'bintrees/examples/client.html',
      'proxy-addr/node_modules/ipaddr.js/README.md',
      'better-sqlite3/deps/sqlite3.c',
      'better-sqlite3/src/better_sqlite3.cpp',
      'better-sqlite3/prebuilds/linux-x64.node',
      'better-sqlite3/prebuilds/linuxmusl-arm64.node',
      'naudiodon/portaudio/bin/portaudio_x64.dll',
      '.package-lock.json',
      '.bin/semver',
    ];
    expect(gone.filter((file) => !isPruned(file))).toEqual([]);
    expect(isPruned('better-sqlite3/prebuilds/linux-arm64.node')).toBe(false);
  });

  test('of the package that knows telephone numbers only what is used stays, and works', () => {
    const [from, to] = [join(root, 'node_modules/libphonenumber-js'), path('node_modules/libphonenumber-js')];
    cpSync(from, to, {
      recursive: true,
      filter: (file) => statSync(file).isDirectory() || !isPruned(`libphonenumber-js${file.slice(from.length)}`),
    });
    const bytes = filesBelow(to).reduce((sum, name) => sum + statSync(join(to, name)).size, 0);
    expect(bytes).toBeLessThan(1_500_000); // of 9 MB
    write('phone.mjs', "import p from 'libphonenumber-js/max'; console.log(p('+39 06 6982')?.country);");
    expect(execFileSync(process.execPath, [path('phone.mjs')], { encoding: 'utf8' })).toMatch(/^(IT|VA)\n$/);
  });

  test('folders that are left empty go, and sherpa-onnx unless it was asked for', () => {
    for (const file of ['a/test/deep/x.js', 'a/index.js', 'sherpa-onnx-node/a.js', 'node-addon-api/napi.h'])
      write(`modules/${file}`, '');
    dropPackages(path('modules'), true);
    expect(readdirSync(path('modules')).sort()).toEqual(['a', 'sherpa-onnx-node']);
    dropPackages(path('modules'), false);
    prune(path('modules'));
    expect(filesBelow(path('modules'))).toEqual(['a/index.js']);
    expect(readdirSync(path('modules/a'))).toEqual(['index.js']);
  });

  test('the licences of all are in one place, with the words for those that brought none', () => {
    write(
      'bundle/node_modules/@a/b/package.json',
      JSON.stringify({ name: '@a/b', version: '1.0.0', license: 'MIT', author: 'Ada' }),
    );
    write('bundle/node_modules/c/package.json', JSON.stringify({ name: 'c', version: '2.0.0', license: 'ISC' }));
    write('bundle/node_modules/c/LICENSE.md', 'the words of c');
    write('bundle/node_modules/c/license.js', 'code');
    write(
      'bundle/node_modules/c/node_modules/d/package.json',
      JSON.stringify({ name: 'd', version: '3.0.0', license: 'MIT' }),
    );
    write('node.txt', 'the words of Node');
    collectLicences(path('bundle'), { node: path('node.txt') });
    const read = (name: string) => readFileSync(path(`bundle/licences/${name}`), 'utf8');
    expect(readdirSync(path('bundle/licences')).sort()).toEqual(
      ['@a+b-1.0.0.txt', 'Apache-2.0.txt', 'MIT.txt', 'README.txt', 'c-2.0.0.txt', 'd-3.0.0.txt', 'node.txt'].sort(),
    );
    expect(read('c-2.0.0.txt')).toContain('the words of c');
    expect(read('@a+b-1.0.0.txt')).toMatch(/@a\/b 1\.0\.0, licence MIT, by Ada\n[\s\S]*see MIT\.txt/);
    expect(read('README.txt')).toContain('d 3.0.0: MIT');
    expect(existsSync(path('bundle/node_modules/c/license.js'))).toBe(true);
  });
});

describe('what it is made from', () => {
  test('Node is the one of the lock file', () => {
    expect(node.version).toBe(lock.packages['node_modules/node']?.version);
  });

  test('a commit names the release, and orders it', async () => {
    const commit = await findCommit(root, 'HEAD', {});
    expect(commit.hash).toMatch(/^[0-9a-f]{40}$/);
    const made = { hash: '8039fc570a876d26c3eba5acee390a1660723930', seconds: 1_795_294_948 };
    expect(createdOf(made)).toBe('2026-11-21T21:02:28Z');
    expect(versionOf('0.1.0', made)).toBe('0.1.0-20261121210228-8039fc5');
    expect(releaseVersion.safeParse(versionOf('0.1.0', made, 'sherpa')).success).toBe(true);
    await expect(findCommit(root, 'no-such-commit', {})).rejects.toMatchObject({ code: 'release-commit' });
    await expect(findCommit(folder.path, 'HEAD', {})).rejects.toMatchObject({ code: 'release-commit' });
  });

  test('what was downloaded is what was named', () => {
    write('file', 'abc');
    const right = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(() => checkHash(path('file'), 'sha256', 'hex', right)).not.toThrow();
    write('file', 'abd');
    expect(() => checkHash(path('file'), 'sha256', 'hex', right)).toThrow('is not what was to be downloaded');
  });

  test('a tool that is missing or fails says what to do', async () => {
    await expect(runTool('aarch64-linux-gnu-g++', [], { env: { PATH: '/nowhere' } })).rejects.toMatchObject({
      code: 'tool-missing',
      hint: 'On Debian: sudo apt install g++-aarch64-linux-gnu',
    });
    await expect(runTool('sh', ['-c', 'echo oh no >&2; exit 3'])).rejects.toMatchObject({
      code: 'tool-failed',
      hint: 'It said:\noh no',
    });
  });
});

describe('the key', () => {
  test('is the builder’s alone, and is never replaced', () => {
    const file = path('keys/release.key');
    expect(makeReleaseKey(file)).toBe(path('keys/release.pub'));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readSigningKey(file).publicPem).toBe(readFileSync(path('keys/release.pub'), 'utf8'));
    const before = readFileSync(file, 'utf8');
    expect(() => makeReleaseKey(file)).toThrow('There is a key already');
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  test('that others may read, that is missing, or is none, signs nothing', () => {
    const file = path('release.key');
    makeReleaseKey(file);
    chmodSync(file, 0o640);
    expect(() => readSigningKey(file)).toThrow('Others may read the key');
    expect(() => readSigningKey(path('none.key'))).toThrow('cannot be read');
    write('odd.key', 'no key', 0o600);
    expect(() => readSigningKey(path('odd.key'))).toThrow('cannot be read');
  });
});
