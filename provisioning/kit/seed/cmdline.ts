import type { Kit } from '../inventory.ts';

/** Words that are ours or stand in our way; the image's others stay as they are. */
const ours =
  /^(ds=.*|video=.*|consoleblank=.*|vt\.global_cursor_default=.*|logo\.nologo|quiet|splash|plymouth\..*|cfg80211\.ieee80211_regdom=.*|systemd\.run(_success_action|_failure_action)?=.*|systemd\.unit=kernel-command-line\.target|cloud-init=.*|network-config=.*)$/;

/**
 * The kernel's command line for a kit, from the one that is there: one line, its words of before kept. The instance id
 * in it wins over the one in `meta-data`, so a stale one would make a new seed count for nothing.
 * @param old as read from `cmdline.txt`; more than one line, as a slip of an editor leaves it, is joined
 */
export function reconcileCmdline(old: string, instanceId: string, kit: Kit): string {
  const kept = old.split(/\s+/).filter((word) => word !== '' && !ours.test(word));
  const { screen, network } = kit;
  const added = [
    `ds=nocloud;i=${instanceId}`,
    ...(network.wifiCountry === undefined ? [] : [`cfg80211.ieee80211_regdom=${network.wifiCountry}`]),
    ...(screen === undefined
      ? []
      : [
          // Forced on (D): a screen that is switched on late, or off and on, never takes the output away.
          `video=${screen.connector}:${screen.mode.replace('@', 'M@')}D`,
          'consoleblank=0',
          'vt.global_cursor_default=0',
          'logo.nologo',
          'quiet',
        ]),
  ];
  return `${[...kept, ...added].join(' ')}\n`;
}
