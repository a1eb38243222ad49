import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SalaError } from '../../systemd/errors.ts';
import { node, portaudio } from './pins.ts';
import { runTool, type ToolOptions } from './tools.ts';

/** @throws {SalaError} `release-download` where `file` is another one than was named */
export function checkHash(file: string, algorithm: 'sha256' | 'sha512', encoding: 'hex' | 'base64', wanted: string) {
  const found = createHash(algorithm).update(readFileSync(file)).digest(encoding);
  if (found === wanted) return;
  throw new SalaError(`${file} is not what was to be downloaded: its ${algorithm} is ${found}, not ${wanted}`, {
    code: 'release-download',
    hint: 'Try again; if it stays so, somebody changed it on the way, or provisioning/release/pins.ts is out of date.',
  });
}

/** Fetches Node for arm64 from the registry that npm is set to. @returns the folder with `bin`, `include`, LICENSE */
export async function fetchNode(folder: string, options: ToolOptions): Promise<string> {
  const { package: name, version, integrity } = node;
  const into = join(folder, 'node');
  mkdirSync(into);
  await runTool('npm', ['pack', `${name}@${version}`, '--silent'], { ...options, cwd: into });
  const file = join(into, `${name}-${version}.tgz`);
  checkHash(file, 'sha512', 'base64', integrity.replace('sha512-', ''));
  await runTool('tar', ['--extract', '--gzip', '--file', file, '--strip-components=1', '--directory', into], options);
  return into;
}

/** The mirrors of Debian that this machine is set to, each ending in a slash. */
async function mirrors(options: ToolOptions): Promise<string[]> {
  const format = ['--format', '$(REPO_URI)', 'Created-By: Packages', 'Origin: Debian', 'Label: Debian'];
  const found = (await runTool('apt-get', ['indextargets', ...format], options))
    .split('\n')
    .filter((line) => line !== '');
  return [...new Set(found)];
}

/** Fetches Debian's PortAudio for arm64 from this machine's own mirror. @returns the folder that it was unpacked to */
export async function fetchPortaudio(folder: string, options: ToolOptions): Promise<string> {
  const into = join(folder, 'portaudio');
  const file = join(folder, 'portaudio.deb');
  let failure: unknown = new SalaError('This machine knows no mirror of Debian', {
    code: 'release-mirror',
    hint: 'Build on Debian, after `apt update`.',
  });
  for (const mirror of await mirrors(options)) {
    try {
      const args = ['download-file', `${mirror}${portaudio.path}`, file, `SHA256:${portaudio.sha256}`];
      await runTool('/usr/lib/apt/apt-helper', args, options);
      checkHash(file, 'sha256', 'hex', portaudio.sha256);
      await runTool('dpkg-deb', ['--extract', file, into], options);
      return into;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
