import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { machineFiles } from '../systemd/agent/files.ts';
import { Scrub } from '../systemd/agent/scrub.ts';
import { ImageDisk } from './harness/image-disk.ts';
import { temporaryFolder } from './harness/programs.ts';

// Real file systems in image files, whose bytes are searched. About 2 s.

const disks: ImageDisk[] = [];
afterEach(() => {
  for (const disk of disks.splice(0)) disk.remove();
});

async function mounted(kind: 'vfat' | 'ext4', skip: (why: string) => never): Promise<ImageDisk> {
  const disk = await ImageDisk.mount(kind);
  if (typeof disk === 'string') return skip(disk);
  disks.push(disk);
  return disk;
}

/** Writes a file and has it on the disk. @param keep so much of it: what is cut off stays in its last block */
function put(path: string, text: string, keep = text.length): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  const file = openSync(path, 'r+');
  writeSync(file, text, 0);
  fsyncSync(file);
  closeSync(file);
  // By its path: fusefat knows no other way.
  if (keep < text.length)
    execFileSync('python3', ['-c', 'import os, sys; os.truncate(sys.argv[1], int(sys.argv[2]))', path, String(keep)]);
}

const token = 'enr_0123456789ab_THE-TOKEN-OF-THE-CARD';
const secrets = [token, 'the-pin-of-this-kit', 'the-pass-phrase', 'what-stood-there-before', 'the-copy-of-cloud-init'];

test('after the enrolment no byte of a secret is on the boot partition, nor in what cloud-init kept', async ({
  skip,
}) => {
  const boot = await mounted('vfat', skip);
  const cloud = await mounted('ext4', skip);
  put(join(boot.path, 'sala/enrolment-token'), `${token}\n`);
  const userData = `#cloud-config\n${'# padding\n'.repeat(3000)}the-pin-of-this-kit\n`;
  put(join(boot.path, 'user-data'), `${userData}what-stood-there-before\n`, userData.length);
  put(join(boot.path, 'network-config'), 'password: the-pass-phrase\n');
  put(join(boot.path, 'cmdline.txt'), 'console=tty1 ds=nocloud;i=sala-1-1\n');
  put(join(cloud.path, 'instances/sala-1-1/user-data.txt'), `the-pin-of-this-kit the-copy-of-cloud-init`);
  put(join(cloud.path, 'instances/sala-1-1/obj.pkl'), `${'x'.repeat(200_000)}the-pass-phrase`);
  put(join(cloud.path, 'instances/sala-1-1/sem/config_users'), 'done');
  const found = () => secrets.map((secret) => [boot.count(secret), cloud.count(secret)]);
  expect(found()).toEqual([
    [1, 0],
    [1, 1],
    [1, 1],
    [1, 0],
    [0, 1],
  ]);

  const scrub = new Scrub({
    ...{ files: machineFiles, bootDir: boot.path, cloudDir: cloud.path, isTokenUsed: () => true },
    ...{ isSeedUsed: async () => true, writable: (work) => work() },
  });
  expect(await scrub.run()).toEqual({ isDone: true, problem: null });
  expect(existsSync(join(boot.path, 'cmdline.txt'))).toBe(true);
  expect(existsSync(join(cloud.path, 'instances/sala-1-1/sem/config_users'))).toBe(true);
  for (const disk of disks) disk.unmount();
  expect(found()).toEqual(secrets.map(() => [0, 0]));
});

test('what is only deleted would be found: the search is no blank', async ({ skip }) => {
  const boot = await mounted('vfat', skip);
  put(join(boot.path, 'user-data'), 'the-pin-of-this-kit');
  await machineFiles.remove(join(boot.path, 'user-data'));
  boot.unmount();
  expect(boot.count('the-pin-of-this-kit')).toBe(1);
});

test('a token that is still to be exchanged is not erased, and its erasing is still to be done', async () => {
  const [boot, cloud] = [temporaryFolder(), temporaryFolder()];
  try {
    put(join(boot.path, 'sala/enrolment-token'), 'enr_1_unspent');
    put(join(boot.path, 'user-data'), 'the-pin-of-this-kit');
    let isUsed = false;
    const scrub = new Scrub({
      ...{ files: machineFiles, bootDir: boot.path, cloudDir: cloud.path, isTokenUsed: () => isUsed },
      ...{ isSeedUsed: async () => true, writable: (work) => work() },
    });
    expect(await scrub.run()).toEqual({ isDone: false, problem: null });
    expect(existsSync(join(boot.path, 'sala/enrolment-token'))).toBe(true);
    expect(existsSync(join(boot.path, 'user-data'))).toBe(false);
    isUsed = true;
    expect(await scrub.run()).toEqual({ isDone: true, problem: null });
    expect(existsSync(join(boot.path, 'sala/enrolment-token'))).toBe(false);
  } finally {
    boot.remove();
    cloud.remove();
  }
});
