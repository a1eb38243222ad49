/**
 * What the seed does so that the first boot happens, whenever the power goes. cloud-init takes the mark that a module
 * has run for this instance *before* it runs it, so a module that the power cut would never run again. Until the first
 * boot is done, each boot takes these marks away (`bootcmd` runs in every boot, before all others that matter).
 * What is written is written anew then, so nothing here may append.
 */

/** Where first-boot.sh leaves that it is done, with the instance id it was done for. */
export const firstBootDone = '/var/lib/sala/kit/first-boot.done';

/** Its breadcrumb, on the boot partition: written in place, so that no cut can hurt the file system there. */
export const breadcrumb = { path: 'sala/first-boot.log', bytes: 4096 } as const;

/** cloud-init's own words for it: `write_files`, a command of `bootcmd` and `runcmd`. */
export interface FirstBootSeed {
  readonly bootcmd: readonly (readonly string[])[];
  readonly writeFiles: readonly { readonly path: string; readonly permissions: string; readonly content: string }[];
  readonly runcmd: readonly (readonly string[])[];
  /** Files of the boot partition. */
  readonly bootFiles: readonly { readonly path: string; readonly content: string; readonly secret: false }[];
}

const mountUnit = `# The data partition: buffer, software, packages. Without it nothing of Sala starts.
[Unit]
Description=Sala's data partition
Requires=systemd-fsck@dev-disk-by\\x2dlabel-sala\\x2ddata.service
After=systemd-fsck@dev-disk-by\\x2dlabel-sala\\x2ddata.service blockdev@dev-disk-by\\x2dlabel-sala\\x2ddata.target
Before=local-fs.target umount.target
Conflicts=umount.target
DefaultDependencies=no

[Mount]
What=/dev/disk/by-label/sala-data
Where=/var/lib/sala
Type=ext4
Options=noatime,nodev,nosuid

[Install]
WantedBy=multi-user.target
`;

const serviceUnit = `# Runs until it has succeeded once for this seed. Everything it needs is on the card.
[Unit]
Description=First start of this Sala kit
ConditionPathExists=!${firstBootDone}
RequiresMountsFor=/var/lib/sala
After=cloud-final.service

[Service]
Type=oneshot
# When the card was written, the data's file system was made as small as what is on it.
ExecStartPre=-/usr/lib/systemd/systemd-growfs /var/lib/sala
ExecStart=/bin/sh /var/lib/sala/software/current/provisioning/kit/first-boot.sh
StandardOutput=journal+console
StandardError=journal+console
Restart=on-failure
RestartSec=15
TimeoutStartSec=30min

[Install]
WantedBy=multi-user.target
`;

/** The end of the first boot disables cloud-init: where it runs, it has not come to its end, or there is a new seed. */
const again = 'rm -f /var/lib/cloud/instance/sem/config_*';
const units = '/etc/systemd/system';

/** What a seed holds of the first boot; the same for every kit. The script finds the rest in `/etc/sala/kit.toml`. */
export const firstBootSeed: FirstBootSeed = {
  bootcmd: [
    ['sh', '-c', again],
    // cloud-init's last stages wait for the network, for a minute where there is none. Nothing here needs it.
    ['systemctl', '--no-block', 'stop', 'NetworkManager-wait-online.service'],
  ],
  writeFiles: [
    { path: `${units}/var-lib-sala.mount`, permissions: '0644', content: mountUnit },
    { path: `${units}/sala-first-boot.service`, permissions: '0644', content: serviceUnit },
  ],
  runcmd: [
    // What was written has to be on the disk before a mark says so.
    ['sync'],
    ['systemctl', 'daemon-reload'],
    ['systemctl', 'enable', 'var-lib-sala.mount', 'sala-first-boot.service'],
    // It waits for the end of cloud-init, which waits for this command.
    ['systemctl', 'start', '--no-block', 'sala-first-boot.service'],
  ],
  bootFiles: [{ path: breadcrumb.path, content: '\n'.repeat(breadcrumb.bytes), secret: false }],
};
