/**
 * A kit as far as its first boot needs one: a folder for a root with a card's software and packages, and commands that
 * write down what is asked of them and do it to that folder. The script runs as it is.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { root as project, temporaryFolder } from './programs.ts';

/** What a command does besides writing itself down; `$root` is the kit's. */
const commands: Readonly<Record<string, string>> = {
  'apt-get': `case "$*" in *install*)
    [ ! -e "$root/apt-fails" ] || exit 100
    for each; do case $each in -*|install) ;; *) echo "$each" >>"$root/var/lib/dpkg/installed" ;; esac; done ;;
  esac`,
  dpkg: '',
  'dpkg-query': 'for last; do :; done; grep -qx "$last" "$root/var/lib/dpkg/installed" 2>/dev/null && printf installed',
  'systemd-sysusers': 'for each; do [ -e "$each" ] || exit 1; done; : >"$root/etc/users-made"',
  systemctl: '',
  resize2fs: '',
  growpart: '',
  findmnt: 'for last; do :; done; case $last in */var/lib/sala) echo /dev/mmcblk0p3 ;; *) echo /dev/mmcblk0p2 ;; esac',
  lsblk: 'case "$*" in *PARTN*) echo 2 ;; *) echo mmcblk0 ;; esac',
  mount: '',
  date: 'case "$*" in *"-s @"*) for last; do :; done; echo "$last" >"$root/clock" ;; "+%s") if [ -e "$root/clock" ]; then tr -d @ <"$root/clock"; else /bin/date +%s; fi ;; *) exec /bin/date "$@" ;; esac',
};

/** Commands that only change the folder: a power failure may come before each of them. */
const plain = ['mv', 'ln', 'chmod', 'mkdir', 'sync', 'dd', 'rm', 'cat'] as const;

export type Kind = 'device' | 'display' | 'solo';

export class KitRoot {
  readonly #folder = temporaryFolder();
  readonly root = this.#folder.path;

  constructor(kind: Kind = 'device') {
    for (const [name, body] of Object.entries(commands)) this.#command(name, body);
    for (const name of plain) this.#command(name, `exec /bin/${name} "$@"`);
    this.write('etc/sala/kit.toml', `name = "verdi-1"\nkind = "${kind}"\nnot-before = "2026-11-01T00:00:00.000Z"\n`);
    this.write(
      'etc/fstab',
      'PARTUUID=a-01 /boot/firmware vfat defaults 0 2\nPARTUUID=a-02 / ext4 defaults,noatime 0 1\n',
    );
    this.write('etc/cloud/cloud.cfg', '');
    this.write('etc/resolv.conf', 'nameserver 10.0.0.1\n');
    this.seed('verdi-1-first');
    this.write('boot/firmware/sala/first-boot.log', '\n'.repeat(4096));
    for (const name of ['var/log', 'var/tmp', 'var/lib/NetworkManager', 'var/lib/systemd', 'var/lib/dpkg', 'run'])
      mkdirSync(this.path(name), { recursive: true });
    const release = 'var/lib/sala/software/releases/1.0.0';
    for (const name of ['systemd', 'provisioning/kit'])
      for (const file of readdirSync(join(project, name), { withFileTypes: true }))
        if (file.isFile() && !file.name.endsWith('.ts'))
          this.#copy(join(name, file.name), `${release}/${name}/${file.name}`);
    this.write(`${release}/package.json`, '{}');
    symlinkSync('releases/1.0.0', this.path('var/lib/sala/software/current'));
    for (const each of ['device', 'display', 'solo'])
      this.write(`var/lib/sala/packages/${each}.list`, 'libportaudio2\nalsa-utils\n');
    this.write(
      'var/lib/sala/packages/debian/dists/trixie/InRelease',
      'Origin: Debian\nDate: Sat, 14 Nov 2026 10:00:00 UTC\n',
    );
  }

  copyFolder(from: string, to: string): void {
    cpSync(from, this.path(to), { recursive: true });
  }

  /** Debian's own apt, which looks for and checks what it is asked for, and unpacks nothing. */
  useRealApt(): void {
    this.write('var/lib/dpkg/status', '');
    const state = this.path('var/lib/apt');
    mkdirSync(state, { recursive: true });
    const options = `-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State='${state}' -o Dir::State::status='${this.path('var/lib/dpkg/status')}' -o Debug::NoLocking=true`;
    const install = `/usr/bin/apt-get ${options} --download-only "$@" || exit; /usr/bin/apt-get ${options} --simulate "$@" | sed -n 's/^Inst \\([^ ]*\\).*/\\1/p' >"$root/downloaded"`;
    this.#command('apt-get', `case "$*" in *install*) ${install} ;; *) exec /usr/bin/apt-get ${options} "$@" ;; esac`);
  }

  /** What `sala-kit` puts on the kernel's command line. */
  seed(id: string): void {
    this.write('proc/cmdline', `console=tty1 root=PARTUUID=a-02 rootwait ds=nocloud;i=${id} consoleblank=0\n`);
  }

  path(name: string): string {
    return join(this.root, name);
  }

  has(name: string): boolean {
    return lstatSync(this.path(name), { throwIfNoEntry: false }) !== undefined;
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  write(name: string, content: string, mode = 0o644): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), content);
    chmodSync(this.path(name), mode);
  }

  erase(name: string): void {
    rmSync(this.path(name), { force: true });
  }

  get calls(): string[] {
    return existsSync(this.path('calls')) ? this.read('calls').trim().split('\n') : [];
  }

  /** Runs one of the kit's scripts; the power fails before the command with number `cutAt`, from 1. */
  run(script: 'first-boot.sh' | 'seed.sh', { cutAt = 0, env = {} }: { cutAt?: number; env?: NodeJS.ProcessEnv } = {}) {
    rmSync(this.path('calls'), { force: true });
    // What is in memory is gone with the power.
    rmSync(this.path('run'), { recursive: true, force: true });
    mkdirSync(this.path('run'));
    // Its own group of processes: the power fails for all of it at once.
    const { status, signal, stdout, stderr } = spawnSync(
      'setsid',
      ['/bin/sh', join(project, 'provisioning/kit', script)],
      {
        env: {
          PATH: `${this.path('bin')}:/usr/bin:/bin`,
          SALA_ROOT: this.root,
          CUT_AT: String(cutAt),
          TZ: 'UTC',
          ...env,
        },
        encoding: 'utf8',
        timeout: 60_000,
      },
    );
    return { status, signal, said: `${stdout}${stderr}` };
  }

  /** Everything that lasts, by path: contents, modes, targets of links. */
  lasting(): Record<string, string> {
    const entries = readdirSync(this.root, { recursive: true, withFileTypes: true }).map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const name = relative(this.root, path);
      if (entry.isSymbolicLink()) return [name, `-> ${readlinkSync(path)}`];
      const mode = (statSync(path).mode & 0o777).toString(8);
      return [name, entry.isFile() ? `${mode} ${readFileSync(path, 'latin1')}` : mode];
    });
    const passing = /^(bin|run|proc|calls|clock|boot|var\/lib\/dpkg)(\/|$)/;
    return Object.fromEntries(entries.filter(([name = '']) => !passing.test(name)).toSorted());
  }

  remove(): void {
    this.#folder.remove();
  }

  #command(name: string, body: string): void {
    const script = `#!/bin/sh\nroot='${this.root}'\necho "${name} $*" >>"$root/calls"\nif [ "\${CUT_AT:-0}" != 0 ] && [ "$(wc -l <"$root/calls")" -ge "$CUT_AT" ]; then kill -9 0; fi\n${body}\n`;
    this.write(`bin/${name}`, script, 0o755);
  }

  #copy(from: string, to: string): void {
    mkdirSync(dirname(this.path(to)), { recursive: true });
    copyFileSync(join(project, from), this.path(to));
  }
}
