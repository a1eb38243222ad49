/** What the kernel tells of mounted file systems, and what was asked for. */

export interface Mount {
  readonly path: string;
  /** Of the file system itself, not of this one view of it: a unit's own view may be read-only although the file system is not. */
  readonly options: readonly string[];
}

/** Of `/proc/self/mountinfo`. */
export function parseMounts(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [views = '', system = ''] = line.split(' - ', 2);
    const path = views.split(' ')[4];
    const options = system.split(' ')[2];
    return path && options ? [{ path, options: options.split(',') }] : [];
  });
}

/** Whether the file system mounted there can only be read; null where nothing is mounted there. */
export function isReadOnly(mounts: readonly Mount[], path: string): boolean | null {
  // The last one covers those before it.
  const mount = mounts.findLast((each) => each.path === path);
  if (!mount) return null;
  // Newer kernels leave `rw` and say this instead.
  return mount.options.includes('ro') || mount.options.includes('emergency_ro');
}

/** Whether `/etc/fstab` and the kernel's command line ask for a root that is only read. */
export function isRootMeantReadOnly(fstab: string, cmdline: string): boolean {
  if (/\boverlayroot=tmpfs\b/.test(cmdline)) return true;
  return fstab.split('\n').some((line) => {
    const [device = '', path, , options = ''] = line.trim().split(/\s+/);
    return !device.startsWith('#') && path === '/' && options.split(',').includes('ro');
  });
}
