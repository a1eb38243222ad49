import { createHash, generateKeyPairSync } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FatFiles } from '../provisioning/kit/card/boot-files.ts';
import { dumpExt4, readExt4 } from '../provisioning/kit/card/data-partition.ts';
import { readTable } from '../provisioning/kit/card/partition-table.ts';
import { CardRecords } from '../provisioning/kit/card/records.ts';
import { flash } from '../provisioning/kit/commands/flash.ts';
import { renderSeed } from '../provisioning/kit/seed/index.ts';
import { runKit } from './harness/kit-command.ts';
import { type KitEvent, kitEvent } from './harness/kit-event.ts';
import { debian, imageCmdline, imageDiskId, imageFstab, pack, releaseVersion } from './harness/pi-image.ts';

/** About 5 s: a Raspberry-Pi-shaped image, flashed to image files without any right, and read back by other programs. */

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

function headOf(file: string): Buffer {
  const head = Buffer.alloc(512);
  const handle = openSync(file, 'r');
  readSync(handle, head, 0, head.length, 0);
  closeSync(handle);
  return head;
}

function cardOf(file: string) {
  const table = readTable(headOf(file));
  const at = (index: number) => table.partitions.find((each) => each.index === index)?.startBytes ?? Number.NaN;
  return { table, bootAt: at(1), rootAt: at(2), dataAt: at(3), boot: new FatFiles(file, at(1)) };
}

const filesBelow = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes('/software/current')) // the same once more
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(folder.length + 1), sha256(readFileSync(path))])
      .toSorted(),
  );

describe('flash to an image file', () => {
  let event: KitEvent;
  let file = '';
  let said = '';
  beforeAll(async () => {
    event = kitEvent({ image: (plain) => pack(plain, 'xz', 'xz') });
    file = join(event.folder, 'card.img');
    const run = runKit([flash], ['flash', event.inventoryFile, '--to', file]);
    expect(await run.ended, run.text()).toBe(0);
    said = run.text();
  });
  afterAll(() => event.close());

  test('the table has a new identifier, root up to the data partition, and that to the end', () => {
    const { table } = cardOf(file);
    expect(table.diskId).not.toBe(imageDiskId);
    const [boot, root, data] = table.partitions;
    expect(boot).toMatchObject({ startBytes: 8 << 20, sizeBytes: 40 << 20, type: 0x0c });
    expect(root).toMatchObject({ startBytes: 48 << 20, type: 0x83 });
    expect((root?.startBytes ?? 0) + (root?.sizeBytes ?? 0)).toBe(data?.startBytes);
    expect(root?.sizeBytes).toBeGreaterThan(3.7e9);
    expect((data?.startBytes ?? 0) + (data?.sizeBytes ?? 0)).toBeGreaterThan(7.5e9 - (10 << 20));
    expect(statSync(file).size).toBe(7.5e9);
    expect(statSync(file).blocks * 512).toBeLessThan(60e6);
  });

  test('the boot partition has the seed and everything else as the image had it', async () => {
    const { boot, table } = cardOf(file);
    const [kit] = event.inventory.kits;
    if (!kit) throw new Error('no kit');
    const secrets = event.secrets.of(kit);
    const id = secrets.instanceId ?? '';
    expect(id).toMatch(/^room-1-sound-[0-9a-f]{16}$/);
    const paths = await boot.list();
    const found = await boot.read(paths);
    const text = (path: string) => found.get(path)?.toString('utf8');
    const line = text('cmdline.txt') ?? '';
    expect(line).toContain(`root=PARTUUID=${table.diskId}-02 `);
    expect(line).toContain(`ds=nocloud;i=${id}`);
    expect(line.split('\n')).toHaveLength(2);
    expect(imageCmdline).toContain('rpios-image');
    expect(line).not.toContain('rpios-image');
    expect(text('meta-data')).toContain(id);
    const notBefore = /not-before = "?([^"\n]+)"?/.exec(text('user-data') ?? '')?.[1] ?? '';
    for (const { path, content } of renderSeed(event.inventory, kit, secrets, id, Date.parse(notBefore)))
      expect(text(path), path).toBe(content);
    expect(text('sala/enrolment-token')).toBe('enr_room-1-sound_secretOfThisKit\n');
    expect(paths).toEqual(expect.arrayContaining(['config.txt', 'issue.txt', 'kernel8.img', 'overlays/README']));
    expect(found.get('kernel8.img')?.equals(Buffer.alloc(3 << 20, 'kernel '))).toBe(true);
  });

  test('the system partition names the card, and nothing else in it has changed', async () => {
    const { rootAt, table } = cardOf(file);
    const fstab = (await readExt4(file, rootAt, '/etc/fstab'))?.toString('utf8');
    expect(fstab).toBe(imageFstab.replaceAll(imageDiskId, table.diskId));
    expect((await readExt4(file, rootAt, '/var/log/boot'))?.toString('latin1')).toContain(imageDiskId);
    expect((await readExt4(file, rootAt, '/blob'))?.equals(Buffer.alloc(2 << 20, 'system '))).toBe(true);
    expect(debian('e2fsck', ['-fn', `${file}?offset=${rootAt}`]).toString()).toContain('rootfs');
  });

  test('the data partition has the release, the link to it and the packages, all of root, and is sound', async () => {
    const { dataAt } = cardOf(file);
    const there = join(event.folder, 'dump');
    mkdirSync(there);
    await dumpExt4(file, dataAt, '/', there);
    const software = `software/releases/${releaseVersion}`;
    const found = filesBelow(there);
    expect(Object.keys(found).toSorted()).toEqual([
      'packages/Packages',
      'packages/bundle.json',
      'packages/cage_0.2_arm64.deb', // and not what a screen needs
      `${software}/a name with blanks`,
      `${software}/bin/node`,
      `${software}/provisioning/kit/first-boot.sh`,
    ]);
    const collected = filesBelow(join(event.folder, 'packages'));
    for (const path of ['Packages', 'bundle.json', 'cage_0.2_arm64.deb'])
      expect(found[`packages/${path}`], path).toBe(collected[path]);
    const link = debian('debugfs', ['-R', 'stat /software/current', `${file}?offset=${dataAt}`]).toString();
    expect(link).toContain(`Fast link dest: "releases/${releaseVersion}"`);
    const node = debian('debugfs', ['-R', `stat /${software}/bin/node`, `${file}?offset=${dataAt}`]).toString();
    expect(node).toMatch(/Mode:\s+0755/);
    expect(node).toMatch(/User:\s+0\s+Group:\s+0/);
    const fs = debian('dumpe2fs', ['-h', `${file}?offset=${dataAt}`]).toString();
    expect(fs).toContain('Filesystem volume name:   sala-data');
    debian('e2fsck', ['-fn', `${file}?offset=${dataAt}`]);
  });

  test('the card is on record, without a secret, and the result is told', () => {
    const records = new CardRecords(event.inventoryFile);
    const [record] = records.all();
    expect(record).toMatchObject({
      kit: 'room-1-sound',
      target: file,
      bytes: 7.5e9,
      image: event.inventory.image.sha256,
    });
    expect(record?.diskId).toBe(cardOf(file).table.diskId);
    expect(readFileSync(records.file, 'utf8')).not.toContain('secretOfThisKit');
    expect(statSync(records.file).mode & 0o077).toBe(0);
    expect(said).toContain('room-1-sound: ');
    expect(said).toContain('read back and equal');
    expect(said).not.toContain('secretOfThisKit');
  });

  test('what is there already is not touched', async () => {
    const before = statSync(file).mtimeMs;
    const run = runKit([flash], ['flash', event.inventoryFile, '--to', file]);
    expect(await run.ended).toBe(1);
    expect(run.text()).toContain('is there already');
    expect(statSync(file).mtimeMs).toBe(before);
  });
});

describe('flash refuses, and leaves nothing behind', () => {
  let event: KitEvent;
  beforeAll(() => {
    event = kitEvent();
  });
  afterAll(() => event.close());

  const flashed = async (inventory: string, ...args: readonly string[]) => {
    const file = join(event.folder, 'card.img');
    const run = runKit([flash], ['flash', inventory, '--to', file, ...args], { TMPDIR: event.folder });
    const status = await run.ended;
    expect(existsSync(file)).toBe(false);
    expect(readdirSync(event.folder).filter((name) => name.startsWith('sala-kit-'))).toEqual([]);
    expect(new CardRecords(event.inventoryFile).all()).toEqual([]);
    return { status, text: run.text() };
  };
  const cut = (file: string, part = 0.6) => {
    truncateSync(file, Math.floor(statSync(file).size * part));
    return file;
  };
  const written = (name: string, text: string) => {
    const file = join(event.folder, name);
    writeFileSync(file, text);
    return file;
  };

  const cases: readonly (readonly [string, (plain: string) => string, string])[] = [
    ['an xz archive that ends too early', (plain) => cut(pack(plain, 'xz', 'xz')), 'damaged or not complete'],
    ['a gzip archive that ends too early', (plain) => cut(pack(plain, 'gzip', 'gz')), 'damaged or not complete'],
    ['a zstd archive that ends too early', (plain) => cut(pack(plain, 'zstd', 'zst')), 'damaged or not complete'],
    ['a text', () => written('text.img', 'not an image'), 'it has no partition table'],
    ['a zip archive', () => written('zip.img', 'PK\x03\x04 and so on'), 'is a zip archive'],
    ['an image that is not there', () => join(event.folder, 'nowhere.img'), 'cannot be read'],
    [
      'an image whose fstab cannot be found',
      (plain) => {
        const bytes = readFileSync(plain);
        const line = Buffer.from(`\nPARTUUID=${imageDiskId}`);
        for (let at = bytes.indexOf(line); at !== -1; at = bytes.indexOf(line, at + 1)) bytes[at] = 0x20;
        const odd = join(event.folder, 'odd.img');
        writeFileSync(odd, bytes);
        return odd;
      },
      "cannot be given an identifier of the card's own",
    ],
    ['an image that ends too early', (plain) => cut(plain, 0.9), 'ends before its last partition does'],
  ];
  for (const [what, image, words] of cases)
    test(what, async () => {
      const { status, text } = await flashed(event.withImage(image(event.image)));
      expect(text).toContain(words);
      expect(status).toBe(1);
    });

  test('packages that were not collected for this kind of kit, or not to the end', async () => {
    const file = join(event.folder, 'packages/bundle.json');
    const whole = readFileSync(file, 'utf8');
    const { kinds, ...rest } = JSON.parse(whole);
    writeFileSync(file, JSON.stringify({ ...rest, kinds: { display: kinds.display } }));
    const other = await flashed(event.inventoryFile);
    rmSync(file);
    const unfinished = await flashed(event.inventoryFile);
    writeFileSync(file, whole);
    expect(other.text).toContain('holds no packages for a device kit');
    expect(unfinished.text).toContain('is not a finished repository of packages');
    expect([other.status, unfinished.status]).toEqual([1, 1]);
  });

  test('an image with another checksum', async () => {
    const { status, text } = await flashed(event.withImage(event.image, '0'.repeat(64)));
    expect(text).toContain('is not the one the inventory names');
    expect(status).toBe(1);
  });

  test('a card that is too small, a kit that is not there, a release that is not what was signed', async () => {
    const small = await flashed(event.inventoryFile, '--size', '0.2');
    expect(small.status).toBe(1);
    expect((await flashed(event.inventoryFile, 'room-1-sond')).text).toContain('did you mean "room-1-sound"');
    writeFileSync(event.inventory.release.file, 'another archive');
    expect((await flashed(event.inventoryFile)).text).toContain('is not the one that its manifest describes');
    const { publicKey } = generateKeyPairSync('ed25519');
    writeFileSync(event.inventory.release.publicKey, publicKey.export({ type: 'spki', format: 'pem' }));
    expect((await flashed(event.inventoryFile)).text).toContain('is not signed with the key that is trusted here');
  });
});
