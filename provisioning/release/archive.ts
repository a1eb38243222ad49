import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { runTool, type ToolOptions } from './tools.ts';

/**
 * Packs `folder` so that the same files give the same bytes: sorted, nobody's, all of one time, no names of users.
 * gzip by the program, not by zlib: what zlib writes depends on the processor.
 * @param seconds since 1970; the time of each file
 */
export async function packFolder(folder: string, file: string, seconds: number, options: ToolOptions): Promise<void> {
  const tar = file.replace(/\.gz$/, '');
  const same = [
    '--sort=name',
    `--mtime=@${seconds}`,
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--mode=u=rwX,go=rX',
  ];
  await runTool(
    'tar',
    [
      '--create',
      '--format=ustar',
      '--hard-dereference',
      ...same,
      '--file',
      tar,
      '--directory',
      folder,
      ...readdirSync(folder).sort(),
    ],
    // Sorted by bytes in each language.
    { ...options, env: { ...(options.env ?? {}), LC_ALL: 'C' } },
  );
  await runTool('gzip', ['-9', '--no-name', '--force', tar], options);
}

/** The SHA-256 of a file, in hex. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** All files below `folder`, as paths below it, in order. */
export function filesBelow(folder: string, path = ''): string[] {
  return readdirSync(join(folder, path))
    .sort()
    .flatMap((name) => {
      const below = path === '' ? name : `${path}/${name}`;
      return lstatSync(join(folder, below)).isDirectory() ? filesBelow(folder, below) : [below];
    });
}
