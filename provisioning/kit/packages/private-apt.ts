import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, SalaError } from '../../../systemd/errors.ts';
import { toolEnvironment } from '../tool-environment.ts';

export const architecture = 'arm64';

/** One archive with its suite. */
export interface Archive {
  /** Its folder in the repository: `debian`. */
  readonly folder: string;
  readonly address: string;
  readonly suite: string;
}

export interface PrivateAptOptions {
  /** Its own lists and cache; may be thrown away. */
  readonly folder: string;
  readonly archives: readonly Archive[];
  /** Debian's keys: what they did not sign is refused. */
  readonly keyring: string;
  readonly signal: AbortSignal;
  /** How often a broken line is tried again. */
  readonly retries?: number;
  readonly maxOutputBytes?: number;
  readonly timeoutMs?: number;
}

export interface Download {
  readonly from: string;
  readonly to: string;
  readonly sha256: string;
}

const quoted = (value: string) => value.replaceAll('"', '');

/** Runs a program to its end; what it printed. @throws SalaError with its last words */
export async function output(
  file: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; signal: AbortSignal; maxOutputBytes?: number; timeoutMs?: number },
): Promise<string> {
  const { env, signal, maxOutputBytes = 128 * 1024 * 1024, timeoutMs = 1_800_000 } = options;
  return await new Promise((resolve, reject) => {
    execFile(
      file,
      [...args],
      { env, signal, maxBuffer: maxOutputBytes, timeout: timeoutMs, encoding: 'utf8' },
      (error, stdout, stderr) => {
        if (!error) return resolve(stdout);
        const words = stderr.trim().split('\n').slice(-6).join('\n') || messageOf(error);
        reject(
          new SalaError(`${file.split('/').at(-1)} did not work:\n${words}`, {
            code: 'apt',
            hint: 'Look at the mirror and the network, then call it again: what is there stays.',
            cause: error,
          }),
        );
      },
    );
  });
}

/**
 * apt for another architecture and suite than the machine's own, beside it: it touches nothing of the machine's and
 * verifies every signature. Its status says that nothing is installed.
 */
export class PrivateApt {
  readonly #options: PrivateAptOptions;

  constructor(options: PrivateAptOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { folder, archives, keyring, retries = 3 } = this.#options;
    await rm(folder, { recursive: true, force: true });
    for (const name of ['lists/partial', 'cache/archives/partial', 'empty'])
      await mkdir(join(folder, name), { recursive: true });
    const sources = archives.map(
      ({ address, suite }) => `deb [arch=${architecture} signed-by=${keyring}] ${address} ${suite} main\n`,
    );
    await writeFile(join(folder, 'sources'), sources.join(''));
    await writeFile(join(folder, 'status'), '');
    const settings: Readonly<Record<string, string>> = {
      'APT::Architecture': architecture,
      'APT::Architectures': architecture,
      'APT::Install-Recommends': 'false',
      'APT::Sandbox::User': process.getuid?.() === 0 ? 'root' : '',
      'Acquire::GzipIndexes': 'false',
      'Acquire::Languages': 'none',
      'Acquire::Retries': String(retries),
      'Acquire::http::Timeout': '30',
      'Acquire::https::Timeout': '30',
      'Dir::State': folder,
      'Dir::State::lists': join(folder, 'lists'),
      'Dir::State::status': join(folder, 'status'),
      'Dir::Cache': join(folder, 'cache'),
      'Dir::Etc::sourcelist': join(folder, 'sources'),
      'Dir::Etc::sourceparts': join(folder, 'empty'),
      'Dir::Etc::preferences': join(folder, 'empty/none'),
      'Dir::Etc::preferencesparts': join(folder, 'empty'),
      'Dir::Etc::trusted': join(folder, 'empty/none'),
      'Dir::Etc::trustedparts': join(folder, 'empty'),
    };
    // The machine's own configuration stays: its proxy. Hooks of its packages are not for this.
    const lines = [
      ...['APT::Update', 'DPkg::Pre-Install-Pkgs', 'DPkg::Post-Invoke', 'Acquire::IndexTargets::deb::DEP-11'].map(
        (name) => `#clear ${name};`,
      ),
      '#clear APT::Architectures;',
      ...Object.entries(settings).map(([name, value]) => `${name} "${quoted(value)}";`),
    ];
    await writeFile(join(folder, 'apt.conf'), `${lines.join('\n')}\n`);
  }

  /** Renews the lists. */
  async update(): Promise<void> {
    await this.#run('apt-get', ['-qq', '--error-on=any', 'update']);
  }

  /** Address and path in its list folder of each suite's signed Release. */
  releaseFile({ address, suite }: Archive): string {
    const name = `${address.replace(/^\w+:\/*/, '').replace(/\/+$/, '')}/dists/${suite}/InRelease`;
    return join(this.#options.folder, 'lists', name.replaceAll('_', '%5f').replaceAll('/', '_'));
  }

  /** The index of packages of `archive`, as text. */
  async packageIndex(archive: Archive): Promise<string> {
    const file = this.releaseFile(archive).replace(/InRelease$/, `main_binary-${architecture}_Packages`);
    return await readFile(file, 'utf8');
  }

  /** All that `packages` need, they included, where nothing is installed yet: names with versions. */
  async closure(packages: readonly string[]): Promise<{ readonly name: string; readonly version: string }[]> {
    const plan = await this.#run('apt-get', ['-qq', '--simulate', '--no-install-recommends', 'install', ...packages]);
    return [...plan.matchAll(/^Inst (\S+) \((\S+) /gm)].flatMap(([, name, version]) =>
      name && version ? [{ name: name.replace(/:\w+$/, ''), version }] : [],
    );
  }

  /** Fetches files; each is checked against its hash and taken away again where it is another. */
  async download(files: readonly Download[]): Promise<void> {
    const triples = files.flatMap(({ from, to, sha256 }) => [from, to, `SHA256:${sha256}`]);
    if (triples.length > 0) await this.#run('/usr/lib/apt/apt-helper', ['-qq', 'download-file', ...triples]);
  }

  async #run(file: string, args: readonly string[]): Promise<string> {
    const { folder, signal, maxOutputBytes, timeoutMs } = this.#options;
    const env = toolEnvironment();
    // Read after the machine's own configuration, and so in charge.
    return await output(file, ['-c', join(folder, 'apt.conf'), ...args], {
      env,
      signal,
      ...(maxOutputBytes !== undefined && { maxOutputBytes }),
      ...(timeoutMs !== undefined && { timeoutMs }),
    });
  }
}
