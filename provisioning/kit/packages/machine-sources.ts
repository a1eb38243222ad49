import { SalaError } from '../../../systemd/errors.ts';

/** Where Debian's archive is for this machine. */
export interface Mirrors {
  readonly archive: string;
  readonly security: string;
}

/** What `apt-get indextargets` is asked for, one index a line. */
export const indexTargetsFormat = '$(REPO_URI)|$(RELEASE)|$(COMPONENT)';

/**
 * The mirrors out of the machine's own apt configuration, in whatever format its files are.
 * @param targets what `apt-get indextargets` printed @param codename of the machine's release @throws SalaError
 */
export function mirrorsOf(targets: string, codename: string): Mirrors {
  const rows = targets.split('\n').map((line) => line.split('|'));
  const find = (releases: readonly string[]) =>
    rows.find(([, release = '', component]) => component === 'main' && releases.includes(release))?.[0];
  const archive = find([codename, 'stable', 'testing', 'unstable', 'oldstable']);
  if (!archive)
    throw new SalaError("This machine's apt knows no mirror of Debian.", {
      code: 'no-mirror',
      hint: 'Name one with --mirror URL; it must have the suite trixie for arm64.',
    });
  const security = find([`${codename}-security`, 'stable-security', 'testing-security', 'oldstable-security']);
  return { archive, security: security ?? securityBeside(archive) };
}

/** Mirrors have the security archive beside the other. @param archive address of a mirror */
export function securityBeside(archive: string): string {
  return `${archive.replace(/\/+$/, '')}-security/`;
}
