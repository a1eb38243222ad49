import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { SalaError } from '../../../systemd/errors.ts';
import type { Command, CommandContext } from '../command.ts';
import { collect } from '../packages/collect.ts';
import { indexTargetsFormat, type Mirrors, mirrorsOf, securityBeside } from '../packages/machine-sources.ts';
import { type Archive, output, PrivateApt } from '../packages/private-apt.ts';
import { type Kind, kinds } from '../packages/wanted.ts';

const keyrings = [
  '/usr/share/keyrings/debian-archive-keyring.gpg',
  '/usr/share/keyrings/debian-archive-keyring.pgp',
] as const;

const suite = 'trixie';

async function machineMirrors({ env, signal }: CommandContext): Promise<Mirrors> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const codename = /^VERSION_CODENAME="?([\w-]+)/m.exec(release)?.[1] ?? 'stable';
  const args = ['indextargets', '--format', indexTargetsFormat, 'Created-By: Packages'];
  return mirrorsOf(await output('apt-get', args, { env, signal }), codename);
}

function readKinds(value: unknown): readonly Kind[] {
  const named = Array.isArray(value) ? value : [];
  if (named.length === 0) return kinds;
  const wrong = named.find((name) => !kinds.includes(name));
  if (wrong !== undefined)
    throw new SalaError(`${wrong} is no kind of kit.`, { code: 'usage', hint: `--kind takes ${kinds.join(', ')}.` });
  return kinds.filter((kind) => named.includes(kind));
}

/** `sala-kit bundle`: the Debian packages that kits need, as a repository for their cards. */
export const bundle: Command = {
  name: 'bundle',
  summary: 'collects the Debian packages that kits need, as a signed repository for their cards',
  operands: 'FOLDER',
  options: {
    kind: { type: 'string', multiple: true, value: 'KIND', help: `only for ${kinds.join(', ')}; may be repeated` },
    mirror: { type: 'string', value: 'URL', help: "Debian's archive; otherwise that of this machine's apt" },
    'security-mirror': { type: 'string', value: 'URL', help: 'its security archive; otherwise beside the other' },
    keyring: { type: 'string', value: 'FILE', help: "Debian's keys; otherwise those of this machine" },
  },
  async run({ values, positionals }, context) {
    const folder = resolve(positionals[0] ?? '');
    const wanted = readKinds(values.kind);
    const text = (name: string) => {
      const value = values[name];
      return typeof value === 'string' ? value : undefined;
    };
    const keyring = text('keyring') ?? keyrings.find((file) => existsSync(file));
    if (keyring === undefined || !existsSync(keyring))
      throw new SalaError("Debian's keys are not there.", {
        code: 'no-keyring',
        hint: 'Install debian-archive-keyring, or name the file with --keyring FILE.',
      });
    const mirror = text('mirror');
    const mirrors = mirror ? { archive: mirror, security: securityBeside(mirror) } : await machineMirrors(context);
    const security = text('security-mirror') ?? mirrors.security;
    const archives: Archive[] = [
      { folder: 'debian', address: mirrors.archive, suite },
      { folder: 'debian', address: mirrors.archive, suite: `${suite}-updates` },
      { folder: 'debian-security', address: security, suite: `${suite}-security` },
    ];
    // Beside the repository: on the same file system, and what a broken line left is taken up again.
    const workFolder = `${folder}.part`;
    await mkdir(folder, { recursive: true });
    const apt = new PrivateApt({
      folder: join(workFolder, 'apt'),
      archives,
      keyring: resolve(keyring),
      signal: context.signal,
    });
    const tell = (line: string) => context.stdout.write(`${line}\n`);
    await collect({ folder, workFolder, apt, archives, suite, kinds: wanted, tell });
    await rm(workFolder, { recursive: true, force: true });
    tell(`The packages are in ${folder}. The inventory names it: [packages] dir.`);
    return 0;
  },
};
