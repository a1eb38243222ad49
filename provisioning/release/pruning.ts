import { lstatSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Folders of a package that are for those who work on it; deeper in a package such a name may be code. */
const foldersAtTop = new Set([
  ...['test', 'tests', '__tests__', 'example', 'examples', 'benchmark', 'benchmarks', 'bench', 'doc', 'docs', 'man'],
  ...['.github', 'coverage', 'samples', 'demo', 'scripts'],
]);

/** Types, maps, words and sources: nothing that Node reads. */
const files =
  /(\.map|\.[cm]?ts|\.md|\.markdown|\.flow|\.tsbuildinfo|\.cc|\.cpp|\.c|\.h|\.hpp|\.inc|\.asm|\.S|\.gyp|\.gypi|\.lib|\.dll|\.dylib|\.woff|Makefile|\.npmignore|\.travis\.yml|\.editorconfig|\.eslintrc[^/]*)$/;

/** What of single packages goes besides: other platforms' binaries and what they were made of. */
const ofPackages: readonly RegExp[] = [
  /^better-sqlite3\/(deps|src)\//,
  /^better-sqlite3\/prebuilds\/(?!linux-arm64\.node$)/,
  /^koffi\/(vendor|lib)\//,
  /^@koromix\/koffi-linux-arm64\/musl_arm64\//,
  // C++'s way to the same library.
  /^sherpa-onnx-linux-arm64\/libsherpa-onnx-cxx-api\.so$/,
  // The largest of its tables of numbers is what is used, as modules; the rest says the same in other forms.
  /^libphonenumber-js\/(?!(max|core|es6)\/|metadata\.max\.json\.js$|package\.json$|LICENSE)/,
  // npm's own notes and links.
  /^\.package-lock\.json$/,
  /^\.bin\//,
];

/** Where a package's own path begins in a path below node_modules, also in a package of a package. */
const withinPackage = /^(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+\//;

/** Whether a file is left out of a release. @param path below `node_modules` */
export function isPruned(path: string): boolean {
  const inside = path.replace(withinPackage, '');
  return (
    files.test(path) ||
    (inside.includes('/') && foldersAtTop.has(inside.split('/')[0] ?? '')) ||
    ofPackages.some((pattern) => pattern.test(path))
  );
}

/** Deletes packages that are left out whole: what is only compiled against, and sherpa-onnx unless it was asked for. */
export function dropPackages(folder: string, withSherpa: boolean): void {
  for (const name of readdirSync(folder))
    if (name === 'node-addon-api' || (!withSherpa && name.startsWith('sherpa-onnx-')))
      rmSync(join(folder, name), { recursive: true });
}

/** Deletes what a release does not need from `folder`, a `node_modules`, with the folders that are left empty. */
export function prune(folder: string, path = ''): void {
  for (const name of readdirSync(join(folder, path))) {
    const below = path === '' ? name : `${path}/${name}`;
    if (lstatSync(join(folder, below)).isDirectory()) prune(folder, below);
    else if (isPruned(below)) rmSync(join(folder, below));
  }
  if (path !== '' && readdirSync(join(folder, path)).length === 0) rmdirSync(join(folder, path));
}
