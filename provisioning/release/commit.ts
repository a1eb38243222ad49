import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SalaError } from '../../systemd/errors.ts';
import { runTool, type ToolOptions } from './tools.ts';

export interface Commit {
  readonly hash: string;
  /** When it was made, in seconds since 1970. */
  readonly seconds: number;
}

/** RFC 3339, UTC, whole seconds. */
export const createdOf = ({ seconds }: Commit): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');

/**
 * `0.1.0-20261121205900-8039fc5`: the version of package.json, when the commit was made, which one it is.
 * @param variant what else is in it: a release with other contents has another version
 */
export function versionOf(packageVersion: string, commit: Commit, variant = ''): string {
  const when = createdOf(commit).replace(/\D/g, '');
  return [packageVersion, when, commit.hash.slice(0, 7), variant].filter((part) => part !== '').join('-');
}

/** Whether `commit` can be found in `root`. @throws {SalaError} `release-commit` */
export async function findCommit(root: string, name: string, options: ToolOptions): Promise<Commit> {
  try {
    const said = await runTool('git', ['-C', root, 'log', '-1', '--format=%H %ct', name, '--'], options);
    const [hash = '', seconds] = said.trim().split(' ');
    return { hash, seconds: Number(seconds) };
  } catch (cause) {
    throw new SalaError(`There is no commit ${name} in ${root}`, {
      code: 'release-commit',
      hint: 'Build in a git checkout of Sala, and name a commit, a tag or a branch of it.',
      cause,
    });
  }
}

/** Puts the files of `commit`, and nothing that is only in the checkout, into `folder`. */
export async function exportCommit(
  root: string,
  { hash }: Commit,
  folder: string,
  options: ToolOptions,
): Promise<void> {
  const archive = join(folder, 'commit.tar');
  const source = join(folder, 'source');
  mkdirSync(source);
  await runTool('git', ['-C', root, 'archive', '--format=tar', `--output=${archive}`, hash], options);
  await runTool('tar', ['--extract', '--file', archive, '--directory', source], options);
}
