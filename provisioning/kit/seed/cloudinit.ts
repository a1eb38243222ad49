import { isDeepStrictEqual } from 'node:util';
import { parse, stringify } from 'yaml';
import { SalaError } from '../../../systemd/errors.ts';
import { firstBootSeed } from './first-boot.ts';
import type { SeedFile, SeedFormat, SeedInput } from './format.ts';
import { type KitFile, kitFiles } from './kit-files.ts';

/** cloud-init's first line: without it the whole file is taken for nothing, without a word. */
const marker = '#cloud-config\n';

/** cloud-init reads YAML 1.1, where `0600`, `on` and `1:30` are no texts unless quoted. */
const yaml = (value: unknown) => stringify(value, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false });

/** Plain letters and ends of lines pass through YAML as they are; all else goes as base64, which cannot be misread. */
function writtenFile({ path, mode, content }: KitFile) {
  const isPlain = /^[\n\x20-\x7e]*$/.test(content);
  return {
    path,
    owner: 'root:root',
    permissions: mode,
    ...(isPlain ? { content } : { encoding: 'b64', content: Buffer.from(content).toString('base64') }),
  };
}

/** The one account: by key alone. Whoever has a key may do everything, as they are here to mend the kit. */
function accounts({ inventory: { ssh } }: SeedInput) {
  return [
    {
      name: ssh.user,
      gecos: 'Sala',
      shell: '/bin/bash',
      groups: 'adm,systemd-journal',
      lock_passwd: true,
      // Said in any case: what is left out may be granted by the image's own defaults.
      sudo: ssh.keys.length > 0 ? 'ALL=(ALL) NOPASSWD:ALL' : null,
    },
  ];
}

/** Raspberry Pi OS asks for a user's name on the screen at the first start, unless it is told not to. */
const noWizard = ['systemctl', 'mask', 'userconfig.service'];
const noPi = `rm -f /etc/ssh/sshd_config.d/rename_user.conf /etc/xdg/autostart/piwiz.desktop /etc/sudoers.d/010_*-nopasswd
for each in pi rpi-first-boot-wizard; do if id "$each" >/dev/null 2>&1; then userdel --force --remove "$each"; fi; done`;
/** What an earlier seed wrote and this one may not: settings, networks and rights do not outlive their seed. */
const ofEarlierSeeds = [
  '/etc/sala/*.toml',
  '/etc/sala/*.env',
  '/etc/sala/admin-token',
  '/etc/sala/status-pin',
  '/etc/sala/release-key.pub',
  '/etc/NetworkManager/system-connections/*',
  '/etc/ssh/sala-authorized-keys',
  '/etc/ssh/sshd_config.d/10-sala.conf',
  '/etc/sudoers.d/90-cloud-init-users',
  '/etc/systemd/timesyncd.conf.d/sala.conf',
];
const radioOn = `rfkill unblock wifi
for each in /var/lib/systemd/rfkill/*:wlan; do if [ -e "$each" ]; then echo 0 >"$each"; fi; done
nmcli radio wifi on`;

function commands({ inventory, kit }: SeedInput): string[][] {
  const shell = (script: string) => ['sh', '-c', script];
  const hasKeys = inventory.ssh.keys.length > 0;
  return [
    shell(noPi),
    ...(hasKeys
      ? [
          ['systemctl', 'enable', 'ssh.service'],
          ['systemctl', 'restart', '--no-block', 'ssh.service'],
        ]
      : [
          ['systemctl', 'disable', 'ssh.service'],
          ['systemctl', 'stop', '--no-block', 'ssh.service'],
        ]),
    ...(kit.network.wifi.length > 0 ? [shell(radioOn)] : []),
    // They started before their files were there.
    ['systemctl', 'try-restart', '--no-block', 'NetworkManager.service', 'systemd-timesyncd.service'],
  ];
}

function userData(input: SeedInput) {
  const { inventory, kit } = input;
  const { bootcmd, writeFiles, runcmd } = firstBootSeed;
  return {
    hostname: kit.name,
    // Not `true`, which would write /etc/hosts anew for ever.
    manage_etc_hosts: 'localhost',
    timezone: inventory.timezone,
    users: accounts(input),
    disable_root: true,
    ssh_pwauth: false,
    // A card seeded anew stays the host that its builder's computer knows.
    ssh_deletekeys: false,
    package_update: false,
    package_upgrade: false,
    apt: { preserve_sources_list: true },
    bootcmd: [...bootcmd, noWizard, ['sh', '-c', `rm -f ${ofEarlierSeeds.join(' ')}`]],
    write_files: [
      ...kitFiles(input).map(writtenFile),
      ...writeFiles.map((file) => writtenFile({ ...file, mode: file.permissions, secret: false })),
    ],
    runcmd: [...commands(input), ...runcmd],
  };
}

/** `value` as YAML that reads back as it was. @throws SalaError where it does not */
function checkedYaml(file: string, head: string, value: unknown): string {
  const text = `${head}${yaml(value)}`;
  if (isDeepStrictEqual(parse(text, { version: '1.1' }), value)) return text;
  throw new SalaError(`the seed's ${file} does not read back as it was written`, {
    code: 'seed-unreadable',
    hint: 'Report this; plan shows the seed. Unusual letters in titles or names may be why.',
  });
}

/** Raspberry Pi OS from Trixie on: cloud-init's NoCloud, on the boot partition. */
export const cloudinit: SeedFormat = {
  name: 'cloudinit',
  render(input) {
    const { kit, secrets, instanceId } = input;
    const files: SeedFile[] = [
      { path: 'user-data', content: checkedYaml('user-data', marker, userData(input)), secret: true },
      {
        path: 'meta-data',
        // The image has its fixed id with an underscore, cloud-init's own form is the other: both, or one is stale.
        content: checkedYaml('meta-data', '', {
          dsmode: 'local',
          'instance-id': instanceId,
          instance_id: instanceId,
          'local-hostname': kit.name,
        }),
        secret: false,
      },
      // NetworkManager's keyfiles are among the files of user-data; netplan would get in their way.
      { path: 'network-config', content: '', secret: false },
      ...firstBootSeed.bootFiles,
    ];
    if (secrets.enrolment)
      files.push({ path: 'sala/enrolment-token', content: `${secrets.enrolment.token}\n`, secret: true });
    return files;
  },
};
