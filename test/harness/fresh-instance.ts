/**
 * A machine of AWS as far as its first start needs one: a folder for a root, and commands that write down what is asked
 * of them. The scripts run as they are but for their paths.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isObject, type Json, readTemplate } from './cloudformation.ts';
import { root as project, temporaryFolder } from './programs.ts';

export const volumeId = 'vol-0123456789abcdef0';
const diskName = 'nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0';
const mebibyte = 1_048_576;

const settings: Readonly<Record<string, string>> = {
  'AWS::Region': 'eu-south-1',
  'AWS::StackName': 'sala',
  ReleaseBucket: 'releases-of-ours',
  ReleaseKey: 'sala-1.tar.gz',
  DomainName: 'sala.example.org',
  Language: 'it-IT',
  MaxCostPerDay: '',
  MaxEngineSessions: '25',
  EventName: 'event',
  'Address.AllocationId': 'eipalloc-1',
  Data: volumeId,
  AdminToken: 'arn:aws:secretsmanager:eu-south-1:1:secret:token',
  Log: 'sala-log',
};

/** What a command does besides writing itself down; `$root` is the machine's. */
const commands: Readonly<Record<string, string>> = {
  aws: `case "$*" in
    *get-object*) [ ! -e "$root/s3-refuses" ] || { echo AccessDenied >&2; exit 254; }; for last; do :; done; cp "$root/s3/$6" "$last" ;;
    *get-secret-value*) echo "the-admin-token-of-the-stack" ;;
    *attach-volume*) [ ! -e "$root/volume-busy" ] || { rm "$root/volume-busy"; echo VolumeInUse >&2; exit 254; }
      mkdir -p "$root/dev/disk/by-id"; cp "$root/volume" "$root/dev/disk/by-id/${diskName}" ;;
    *put-log-events*) for last; do :; done; cat "\${last#file://}" >>"$root/log-events" ;;
  esac`,
  'apt-get': '[ ! -e "$root/apt-fails" ]',
  systemctl: 'case "$*" in *is-active*amazon*) exit 3 ;; *"restart sala-relay"*) [ ! -e "$root/relay-fails" ] ;; esac',
  curl: 'case "$*" in *readyz*) [ ! -e "$root/not-ready" ] ;; *amazon-ssm*) [ ! -e "$root/no-agent" ] ;; esac',
  blkid: 'for last; do :; done; head -c 4 "$last" | grep -q ext4 || exit 2',
  'mkfs.ext4': 'for last; do :; done; printf ext4 | dd of="$last" conv=notrunc status=none',
  mountpoint: '[ -e "$root/mounted" ]',
  mount: `head -c 4 "$root/dev/disk/by-id/${diskName}" | grep -q ext4 && : >"$root/mounted"`,
  df: 'printf "1B-blocks\\n30000000000\\n"',
  install:
    'rest=""; while [ $# -gt 0 ]; do case $1 in -o|-g) shift ;; *) rest="$rest \'$1\'" ;; esac; shift; done; eval "/usr/bin/install $rest"',
  resize2fs: '',
  'systemd-sysusers': '',
  dpkg: '',
  sleep: '',
};

export class FreshInstance {
  readonly #folder = temporaryFolder();
  readonly root = this.#folder.path;
  /** Of the release in the bucket. */
  sha256 = '';
  /** Where recordings go; none: nowhere. */
  recordingBucket = '';

  constructor() {
    for (const [name, body] of Object.entries(commands))
      this.write(
        `bin/${name}`,
        `#!/bin/bash\nroot='${this.root}'\necho "${name} $*" >>"$root/calls"\n${body}\n`,
        0o755,
      );
    this.write('var/lib/cloud/data/instance-id', 'i-0abc\n');
    this.write('var/log/cloud-init-output.log', 'what the console saw\n');
    this.write('etc/fstab', '');
    for (const folder of ['etc/caddy', 'etc/systemd/system', 'tmp']) mkdirSync(this.path(folder), { recursive: true });
    this.mark('calls');
    this.insertVolume(Buffer.alloc(2 * mebibyte));
    this.publish(true);
  }

  remove(): void {
    this.#folder.remove();
  }

  mark(name: string): void {
    this.write(name, '');
  }

  write(path: string, content: string | Buffer, mode = 0o644): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), content);
    chmodSync(this.path(path), mode);
  }

  path(name: string): string {
    return join(this.root, name);
  }

  read(path: string): string {
    return readFileSync(this.path(path), 'utf8');
  }

  has(path: string): boolean {
    return existsSync(this.path(path));
  }

  /** What the volume holds before it is attached. */
  insertVolume(content: Buffer): void {
    this.write('volume', content);
  }

  get disk(): Buffer {
    return readFileSync(this.path(`dev/disk/by-id/${diskName}`));
  }

  /** Puts a release into the bucket: what the scripts need of one. @param pinned whether the stack is told its hash */
  publish(pinned: boolean): void {
    const release = this.path('release');
    for (const folder of ['provisioning/aws', 'systemd'])
      cpSync(join(project, folder), join(release, folder), { recursive: true });
    for (const name of ['install.sh', 'journal-to-cloudwatch.sh']) {
      const path = `release/provisioning/aws/${name}`;
      this.write(path, this.#moved(this.read(path)), 0o755);
    }
    if (!pinned) this.write('release/something-else', 'unlike the pinned one');
    mkdirSync(this.path('s3'), { recursive: true });
    const archive = this.path('s3/sala-1.tar.gz');
    spawnSync('tar', ['-czf', archive, '-C', release, '.']);
    if (pinned) this.sha256 = createHash('sha256').update(readFileSync(archive)).digest('hex');
  }

  /** The first start: what the template gives as user data. */
  start() {
    return this.run(['bash', '-c', this.#moved(this.userData())]);
  }

  userData(): string {
    let found: Json | undefined = readTemplate(readFileSync(join(project, 'provisioning/aws/relay.yaml'), 'utf8'));
    for (const step of 'Resources/Machine/Properties/LaunchTemplateData/UserData/Fn::Base64/Fn::Sub'.split('/'))
      found = isObject(found) ? found[step] : undefined;
    return String(found).replaceAll(/\$\{([^}]+)\}/g, (_, name: string) => {
      const { sha256: ReleaseSha256, recordingBucket: RecordingBucket } = this;
      const value = { ...settings, ReleaseSha256, RecordingBucket }[name];
      if (value === undefined) throw new Error(`nothing is known of ${name}`);
      return value;
    });
  }

  run([command = '', ...args]: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const { status, stdout, stderr } = spawnSync(command, args, {
      env: { PATH: `${this.path('bin')}:${process.env.PATH}`, SALA_PATIENCE: '0', ...env },
      encoding: 'utf8',
      timeout: 20_000,
    });
    const calls = this.read('calls').split('\n').filter(Boolean);
    this.mark('calls');
    return { status, said: stdout + stderr, calls };
  }

  #moved(script: string): string {
    return script.replaceAll(
      /(?<![\w.$])\/(etc|opt|tmp|dev\/disk|var\/(?:lib|log))(?=\/)/g,
      (path) => this.root + path,
    );
  }
}
