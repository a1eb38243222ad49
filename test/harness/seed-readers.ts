import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

/** The programs that read a seed on a kit, of this machine or as `provisioning/setup.sh test` unpacked them. */

const unpacked = resolve(import.meta.dirname, '../../.cache/debian/seed');
const libraries = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
const environment = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C.UTF-8',
  PYTHONPATH: join(unpacked, 'usr/lib/python3/dist-packages'),
  PYTHONDONTWRITEBYTECODE: '1',
  PYTHONWARNINGS: 'ignore',
  LD_LIBRARY_PATH: ['usr/lib', 'lib'].map((folder) => join(unpacked, folder, libraries)).join(':'),
};

const answers = z.object({ yaml: z.array(z.unknown()), schema: z.array(z.string().nullable()) });

/**
 * What PyYAML makes of texts, and what `cloud-init schema` says to files: null where it finds them valid.
 * @throws where a text is no YAML
 */
export async function readAsCloudInit(asked: { yaml?: readonly string[]; schema?: readonly string[] }) {
  const script = join(import.meta.dirname, 'seed-readers.py');
  const running = promisify(execFile)('/usr/bin/python3', [script], {
    env: environment,
    maxBuffer: 64_000_000,
    timeout: 60_000,
  });
  running.child.stdin?.end(JSON.stringify({ yaml: [], schema: [], ...asked }));
  const { stdout } = await running;
  return answers.parse(JSON.parse(stdout));
}

const nmcli = existsSync('/usr/bin/nmcli') ? '/usr/bin/nmcli' : join(unpacked, 'usr/bin/nmcli');

/** A keyfile as NetworkManager's own parser understands it, written anew by NetworkManager. */
export function readAsNetworkManager(keyfile: string): { profile: string | null; said: string } {
  const { status, stdout, stderr } = spawnSync(
    nmcli,
    ['--offline', 'connection', 'modify', 'connection.zone', 'sala'],
    {
      env: environment,
      input: keyfile,
      encoding: 'utf8',
      timeout: 20_000,
    },
  );
  return { profile: status === 0 ? stdout : null, said: stderr };
}
