import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { type Release, releaseFile } from '../../systemd/agent/updates/manifest.ts';
import { SalaError } from '../../systemd/errors.ts';
import { filesBelow, packFolder, sha256Of } from './archive.ts';
import { type Commit, createdOf, exportCommit, findCommit, versionOf } from './commit.ts';
import { fetchNode, fetchPortaudio } from './downloads.ts';
import { isElf, loadingProblems } from './elf.ts';
import { collectLicences } from './licences.ts';
import { buildNaudiodon } from './naudiodon.ts';
import { budget, floor, sherpaBudget } from './pins.ts';
import { dropPackages, prune } from './pruning.ts';
import { runTool, type ToolOptions } from './tools.ts';

export interface BundleOrder {
  /** A git checkout with its packages installed. */
  readonly root: string;
  /** What to build: a commit, tag or branch. */
  readonly commit: string;
  /** Where the archive goes. */
  readonly output: string;
  /** Also the offline engine, for kits without any cloud. */
  readonly sherpa: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Told of each step. */
  readonly say: (line: string) => void;
}

const packageFile = z.object({
  name: z.string(),
  version: z.string(),
  license: z.string(),
  type: z.string(),
  engines: z.record(z.string(), z.string()),
  dependencies: z.record(z.string(), z.string()),
});

/** Compiles the exported commit with the compiler that is in the checkout. */
async function compile(root: string, source: string, options: ToolOptions): Promise<void> {
  const lock = 'package-lock.json';
  if (!readFileSync(join(root, lock)).equals(readFileSync(join(source, lock))))
    throw new SalaError('The packages of this commit are other ones than those installed here', {
      code: 'release-packages',
      hint: 'Check the commit out, run `npm run kit -- release` there; it installs what is missing.',
    });
  const modules = join(source, 'node_modules');
  symlinkSync(join(root, 'node_modules'), modules);
  await runTool(process.execPath, [join(source, 'provisioning/build.ts')], { ...options, cwd: source });
  rmSync(modules);
}

/** npm as it is on the machine: the Node that is one of its packages must not run it. */
const npmPath = (env: NodeJS.ProcessEnv): string =>
  (env.PATH ?? '')
    .split(':')
    .filter((folder) => !folder.endsWith('node_modules/.bin'))
    .join(':');

/** Installs what programs need to run, for 64-bit ARM; scripts of packages are not run. */
async function installPackages(source: string, options: ToolOptions): Promise<void> {
  const target = ['--os=linux', '--cpu=arm64', '--libc=glibc'];
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
  await runTool('npm', ['ci', '--omit=dev', '--include=optional', '--ignore-scripts', ...target, ...quiet], {
    ...options,
    cwd: source,
  });
}

/** Puts everything together. @returns the bundle's folder, as it is to be packed */
async function assemble(
  work: string,
  order: BundleOrder,
  release: Pick<Release, 'version' | 'commit' | 'created'>,
  options: ToolOptions,
): Promise<string> {
  const { root, sherpa, say } = order;
  const source = join(work, 'source');
  const modules = join(source, 'node_modules');
  say('compiling the programs');
  await compile(root, source, options);
  say('fetching the packages for 64-bit ARM');
  await installPackages(source, options);
  const [node, portaudio] = [await fetchNode(work, options), await fetchPortaudio(work, options)];
  say('compiling naudiodon, which reads the sound card');
  await buildNaudiodon(join(modules, 'naudiodon'), node, portaudio, options);

  const bundle = join(work, 'bundle');
  cpSync(join(source, 'dist'), bundle, { recursive: true });
  renameSync(modules, join(bundle, 'node_modules'));
  // npm links this package to its folder; in a release nothing is a link.
  const linked = join(bundle, 'node_modules/segfault-handler');
  rmSync(linked, { force: true, recursive: true });
  cpSync(join(source, 'device/sources/segfault-handler'), linked, { recursive: true });
  mkdirSync(join(bundle, 'bin'));
  await runTool(
    'aarch64-linux-gnu-strip',
    ['--strip-unneeded', '-o', join(bundle, 'bin/node'), join(node, 'bin/node')],
    options,
  );
  cpSync(join(source, 'LICENSE'), join(bundle, 'LICENSE'));
  dropPackages(join(bundle, 'node_modules'), sherpa);
  collectLicences(bundle, {
    node: join(node, 'LICENSE'),
    portaudio: join(portaudio, 'usr/share/doc/libportaudio2/copyright'),
  });
  prune(join(bundle, 'node_modules'));
  const fields = packageFile.parse(JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')));
  const write = (name: string, content: object) =>
    writeFileSync(join(bundle, name), `${JSON.stringify(content, null, 2)}\n`);
  write('package.json', { ...fields, version: release.version });
  write('release.json', release);
  return bundle;
}

/** @throws {SalaError} where the bundle holds what it must not, or is too large */
function check(bundle: string, files: readonly string[], unpackedBytes: number, maxUnpackedBytes: number): void {
  const problems: string[] = [];
  for (const name of files) {
    const path = join(bundle, name);
    if (!lstatSync(path).isFile()) problems.push(`${name} is a link`);
    else if (/(\.node|\.so[.0-9]*)$|^bin\//.test(name) || isElf(readFileSync(path)))
      problems.push(...loadingProblems(name, readFileSync(path), floor));
  }
  for (const name of ['bin/node', 'relay/main.js', 'device/main.js', 'display/caption.html', 'provisioning/main.js'])
    if (!existsSync(join(bundle, name))) problems.push(`${name} is missing`);
  if (unpackedBytes > maxUnpackedBytes) problems.push(tooLarge('unpacked', unpackedBytes, maxUnpackedBytes));
  refuse(problems);
}

const megabytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
const tooLarge = (how: string, bytes: number, most: number) =>
  `${how} it has ${megabytes(bytes)}, more than the ${megabytes(most)} of its budget`;

function refuse(problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new SalaError(`This is no release that kits could run:\n${problems.join('\n')}`, {
    code: 'release-unfit',
    hint: 'A package or the compiler is too new or too large for Debian 12; provisioning/release/pins.ts holds the bounds.',
  });
}

/** Everything in a release but its hash, which comes with the archive. */
export interface Bundle {
  readonly file: string;
  readonly release: Release;
}

/** Builds the archive of a release from a commit. @throws {SalaError} */
export async function buildBundle(order: BundleOrder): Promise<Bundle> {
  const { root, output, sherpa, signal, env, say } = order;
  const options: ToolOptions = { signal, env: { ...env, PATH: npmPath(env) } };
  const commit: Commit = await findCommit(root, order.commit, options);
  const work = mkdtempSync(join(tmpdir(), 'sala-release-'));
  try {
    await exportCommit(root, commit, work, options);
    const { version: number } = packageFile.parse(JSON.parse(readFileSync(join(work, 'source/package.json'), 'utf8')));
    const version = versionOf(number, commit, sherpa ? 'sherpa' : '');
    say(`release ${version}`);
    const facts = { version, commit: commit.hash, created: createdOf(commit) };
    const bundle = await assemble(work, order, facts, options);
    const files = filesBelow(bundle);
    const unpackedBytes = files.reduce((sum, name) => sum + lstatSync(join(bundle, name)).size, 0);
    const extra = sherpa ? sherpaBudget : { bytes: 0, unpackedBytes: 0 };
    check(bundle, files, unpackedBytes, budget.unpackedBytes + extra.unpackedBytes);
    say(`packing ${files.length} files, ${megabytes(unpackedBytes)}`);
    const packed = join(work, releaseFile(version, 'tar.gz'));
    await packFolder(bundle, packed, commit.seconds, options);
    const bytes = statSync(packed).size;
    if (bytes > budget.bytes + extra.bytes) refuse([tooLarge('packed', bytes, budget.bytes + extra.bytes)]);
    mkdirSync(output, { recursive: true });
    const file = join(output, releaseFile(version, 'tar.gz'));
    cpSync(packed, `${file}.part`);
    renameSync(`${file}.part`, file);
    const sha256 = await sha256Of(file);
    return { file, release: { format: 1, platform: 'linux-arm64', ...facts, sha256, bytes, unpackedBytes } };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
