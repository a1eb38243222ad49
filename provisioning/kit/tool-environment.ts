/**
 * What Debian's programs are run with: this program's own environment, their answers in English, and the folders of the
 * system's programs, which Debian leaves out of users' paths.
 */
export const toolEnvironment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`,
  LC_ALL: 'C.UTF-8',
  ...more,
});
