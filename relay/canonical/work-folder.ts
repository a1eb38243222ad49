import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../systemd/errors.ts';

const name = /^job-(\d+)-/;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** Runs `work` in a folder of its own within `parent`, which is gone afterwards; those of programs that were killed go, too. */
export async function inWorkFolder<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(parent, { recursive: true, mode: 0o700 });
  for (const left of await readdir(parent)) {
    const pid = Number(name.exec(left)?.[1] ?? process.pid);
    const isOurs = pid === process.pid || isAlive(pid);
    if (!isOurs) await rm(join(parent, left), { recursive: true, force: true });
  }
  const folder = await mkdtemp(join(parent, `job-${process.pid}-`));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
