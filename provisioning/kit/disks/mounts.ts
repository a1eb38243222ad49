/** One line of /proc/self/mountinfo. */
export interface Mount {
  /** `8:1`, or `0:45` where the file system (Btrfs, ZFS, overlay) hides its disks behind a number of its own. */
  readonly number: string;
  readonly point: string;
  readonly filesystem: string;
  /** What was mounted, as it was named then: `/dev/sda1`, `rpool/ROOT`, `/dev/sda:/dev/sdb`. */
  readonly source: string;
}

/** The kernel writes blanks and backslashes as `\040`. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/** Reads /proc/self/mountinfo; a line that is not understood is an error, never skipped. */
export function parseMountinfo(text: string): readonly Mount[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [left = '', right = ''] = line.split(' - ');
      const [, , number, , point] = left.split(' ');
      const [filesystem, source] = right.split(' ');
      if (number === undefined || point === undefined || filesystem === undefined || source === undefined)
        throw new Error(`not a line of mountinfo: ${line}`);
      return { number, point: unescaped(point), filesystem, source: unescaped(source) };
    });
}

/** Paths of what /proc/swaps lists: devices and files. */
export const parseSwaps = (text: string): readonly string[] =>
  text
    .split('\n')
    .slice(1)
    .map((line) => unescaped(line.split(/\s/)[0] ?? ''))
    .filter((path) => path !== '');

/** What the system would mount, unlock or boot from by itself: how fstab, crypttab and the kernel's command line name it. */
export function namedDevices(fstab: string, crypttab: string, cmdline: string): readonly string[] {
  const lines = (text: string) =>
    text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.split(/\s+/));
  const booted = cmdline.split(/\s+/).flatMap((word) => /^(?:root|resume)=(.+)$/.exec(word)?.slice(1) ?? []);
  const names = [...lines(fstab).map(([source]) => source), ...lines(crypttab).map(([, source]) => source), ...booted];
  return names.flatMap((name) => (name === undefined ? [] : [unescaped(name.replaceAll('"', ''))]));
}
