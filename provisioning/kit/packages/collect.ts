import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SalaError } from '../../../systemd/errors.ts';
import { type IndexedPackage, readPackageIndex, signedFile } from './package-index.ts';
import { type Archive, architecture, type Download, type PrivateApt } from './private-apt.ts';
import { type Bundle, bundleFile, isFile, place, placeText, prune, sha256OfFile } from './repository.ts';
import { type Kind, wantedPackages } from './wanted.ts';

export interface CollectOptions {
  readonly folder: string;
  /** On the same file system as `folder`, to be thrown away. */
  readonly workFolder: string;
  readonly apt: PrivateApt;
  readonly archives: readonly Archive[];
  readonly suite: string;
  readonly kinds: readonly Kind[];
  readonly wanted?: Readonly<Record<Kind, readonly string[]>>;
  readonly tell: (line: string) => void;
  readonly maxBytes?: number;
  /** How many files one call of apt fetches: after each, what came stays. */
  readonly batch?: number;
}

/** A file of the repository, with where it comes from. */
interface Wanted {
  readonly path: string;
  readonly from: string;
  readonly sha256: string;
  readonly bytes: number;
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
const address = ({ address }: Archive, path: string) =>
  `${address.replace(/\/+$/, '')}/${path.split('/').map(encodeURIComponent).join('/').replaceAll('%2B', '+').replaceAll('%7E', '~')}`;

/**
 * Makes a folder a repository that apt on a kit can use with no network: signed lists as Debian signed them, and the
 * packages which the named kinds of kit need. What is there already stays; what is no longer needed goes at the end.
 */
export async function collect(options: CollectOptions): Promise<Bundle> {
  const { folder, workFolder, apt, archives, suite, kinds, tell } = options;
  const { wanted = wantedPackages, maxBytes = 2e9, batch = 25 } = options;
  await mkdir(workFolder, { recursive: true });
  await apt.start();
  tell('Fetching the lists of packages.');
  await apt.update();

  const lists: Wanted[] = [];
  const releases: { path: string; text: string }[] = [];
  const index = new Map<string, Wanted>();
  for (const archive of archives) {
    const at = `${archive.folder}/dists/${archive.suite}`;
    const release = await readFile(apt.releaseFile(archive), 'utf8');
    const name = `main/binary-${architecture}/Packages.xz`;
    const signed = signedFile(release, name);
    if (!signed) throw unsigned(archive, name);
    releases.push({ path: `${at}/InRelease`, text: release });
    const from = address(archive, `dists/${archive.suite}/main/binary-${architecture}/by-hash/SHA256/${signed.sha256}`);
    lists.push({ path: `${at}/${name}`, from, ...signed });
    for (const entry of readPackageIndex(await apt.packageIndex(archive)))
      index.set(key(entry), poolFile(archive, entry));
  }

  const entries: Bundle['kinds'] = {};
  const pool = new Map<string, Wanted>();
  for (const kind of kinds) {
    const files = (await apt.closure(wanted[kind])).map((each) => {
      const file = index.get(key(each));
      if (file) return file;
      throw new SalaError(`${each.name} ${each.version} is in no index.`, {
        code: 'apt',
        hint: 'The mirror changed meanwhile: call it again.',
      });
    });
    for (const file of files) pool.set(file.path, file);
    const all = [
      ...releases.map(({ path }) => path),
      ...lists.map(({ path }) => path),
      ...files.map(({ path }) => path),
    ];
    const bytes = [...lists, ...files].reduce((sum, each) => sum + each.bytes, 0);
    entries[kind] = { packages: [...wanted[kind]], files: [...all, `${kind}.list`].sort(), bytes };
    tell(`${kind}: ${files.length} packages, ${megabytes(bytes)}`);
  }

  const all = [...lists, ...pool.values()];
  const total = all.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total > maxBytes)
    throw new SalaError(`The packages are ${megabytes(total)}, more than ${megabytes(maxBytes)}.`, {
      code: 'too-large',
      hint: 'Look at what the list of packages draws in.',
    });

  const missing: Wanted[] = [];
  for (const file of [...pool.values()]) if (!(await isFile(join(folder, file.path), file))) missing.push(file);
  const bytes = missing.reduce((sum, each) => sum + each.bytes, 0);
  tell(missing.length === 0 ? 'All packages are there.' : `Fetching ${missing.length} packages, ${megabytes(bytes)}.`);
  for (let at = 0; at < missing.length; at += batch) {
    await fetchFiles(missing.slice(at, at + batch), options);
    if (at + batch < missing.length) tell(`${at + batch} of ${missing.length}`);
  }

  // From here to the end it is no finished repository: signed lists belong together.
  await rm(join(folder, bundleFile), { force: true });
  const stale: Wanted[] = [];
  for (const file of lists) if (!(await isFile(join(folder, file.path), file))) stale.push(file);
  await fetchFiles(stale, options);
  for (const { path, text } of releases) await placeText(text, join(folder, path));
  for (const kind of kinds) await placeText(`${wanted[kind].join('\n')}\n`, join(folder, `${kind}.list`));
  const keep = new Set(Object.values(entries).flatMap((entry) => entry?.files ?? []));
  const gone = await prune(folder, keep);
  if (gone > 0) tell(`${gone} files of before are gone.`);
  const bundle: Bundle = { version: 1, suite, architecture, kinds: entries };
  await placeText(`${JSON.stringify(bundle, null, 1)}\n`, join(folder, bundleFile));
  return bundle;
}

const key = ({ name, version }: { name: string; version: string }) => `${name} ${version}`;

const poolFile = (archive: Archive, { path, sha256, bytes }: IndexedPackage): Wanted => ({
  path: `${archive.folder}/${path}`,
  from: address(archive, path),
  sha256,
  bytes,
});

const unsigned = ({ suite }: Archive, name: string) =>
  new SalaError(`The signed list of ${suite} does not name ${name}.`, {
    code: 'apt',
    hint: `The mirror must have ${suite} for ${architecture}.`,
  });

/** Fetches into the work folder, checks each file itself once more, and only then puts it to its place. */
async function fetchFiles(files: readonly Wanted[], { apt, folder, workFolder }: CollectOptions): Promise<void> {
  const downloads: (Download & { path: string })[] = files.map((file) => ({
    ...file,
    to: join(workFolder, file.sha256),
  }));
  await apt.download(downloads);
  for (const { to, path, sha256 } of downloads) {
    if ((await sha256OfFile(to)) !== sha256)
      throw new SalaError(`${path} came with other contents than the signed list says.`, {
        code: 'apt',
        hint: 'Try another mirror with --mirror URL.',
      });
    await place(to, join(folder, path));
  }
}
