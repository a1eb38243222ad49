import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FolderStore } from '../relay/objects/folder.ts';
import { openStore, parseStoreAddress } from '../relay/objects/open-store.ts';
import { ConfigurationError } from '../systemd/errors.ts';
import { root, temporaryFolder } from './harness/programs.ts';
import { until } from './harness/until.ts';
import { UploadHouse } from './harness/upload-house.ts';
import { s3StandInEnvironment } from './stand-ins/s3-environment.ts';

let folder = temporaryFolder();
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  folder.remove();
});

interface Running {
  readonly child: ChildProcess;
  readonly lines: string[];
  readonly errors: string[];
  readonly closed: Promise<unknown>;
}

function run(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(process.execPath, [join(root, 'test/harness', file), ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const lines: string[] = [];
  const errors: string[] = [];
  child.stdout?.on('data', (data) => lines.push(...String(data).split('\n').filter(Boolean)));
  child.stderr?.on('data', (data) => errors.push(String(data)));
  return { child, lines, errors, closed: once(child, 'close') };
}

const counted = async (store: FolderStore) => Number(Buffer.from((await store.get('counter', 10_000)).body).toString());

describe('a folder that several programs use', () => {
  const path = () => join(folder.path, 'store');

  test('keeps every change that was made under a condition, and makes none of the others', async () => {
    const programs = [1, 2, 3].map(() => run('store-counter.ts', [`folder:${path()}`, '20']));
    for (const { child, errors, closed } of programs) {
      await closed;
      expect(errors.join('')).toBe('');
      expect(child.exitCode).toBe(0);
    }
    expect(await counted(new FolderStore(path()))).toBe(60);
    expect(readdirSync(join(path(), '.sala/tmp'))).toEqual([]);
  });

  test('is whole and free when one of them is killed in the midst of its work', async () => {
    const store = new FolderStore(path());
    for (let kills = 0; kills < 2; kills++) {
      const { child, lines, closed } = run('store-counter.ts', [`folder:${path()}`, '100000']);
      await until(() => lines.length > 5 + 7 * kills || undefined, { what: 'some work' });
      child.kill('SIGKILL');
      await closed;
      const { etag } = (await store.head('counter')) ?? {};
      const before = await counted(store);
      // The last one may have been made and not told.
      expect(before).toBeGreaterThanOrEqual(lines.length);
      await store.put('counter', Buffer.from(`${before}`), { ifMatch: etag ?? '' });
    }
    // What they left of their work goes in time.
    const left = join(path(), '.sala/tmp/left-over');
    writeFileSync(left, '');
    await store.tidy();
    expect(existsSync(left)).toBe(true);
    utimesSync(left, 0, 0);
    await (await openStore(`folder:${path()}`)).head('counter');
    expect(existsSync(left)).toBe(false);
  });

  test('is tidied while others write to it', async () => {
    const [store, tidier] = [new FolderStore(path()), new FolderStore(path())];
    const written = Promise.all(Array.from({ length: 300 }, (_, i) => store.put(`many/${i}`, Buffer.from('x'))));
    let isWritten = false;
    void written.finally(() => (isWritten = true));
    while (!isWritten) await tidier.tidy();
    await written;
    expect((await store.list('many/')).objects).toHaveLength(300);
  });

  test('is not empty because its disk is not mounted', async () => {
    const store = new FolderStore(path());
    await store.put('a/b', Buffer.from('x'));
    renameSync(path(), `${path()}-away`);
    mkdirSync(path());
    const away = expect.objectContaining({ code: 'store-unreachable', hint: expect.stringContaining('Mount') });
    await expect(store.head('a/b')).rejects.toEqual(away);
    await expect(store.get('a/b', 10)).rejects.toEqual(away);
    await expect(store.put('a/b', Buffer.from('x'))).rejects.toEqual(away);
    await expect(store.list('')).rejects.toEqual(away);
    await expect(store.delete('a/b')).rejects.toEqual(away);
    await expect(store.startUpload('a/c')).rejects.toEqual(away);
    await expect(store.uploadedParts('a/c', crypto.randomUUID())).rejects.toEqual(away);
    rmSync(path(), { recursive: true });
    renameSync(`${path()}-away`, path());
    expect(await store.head('a/b')).toMatchObject({ bytes: 1 });
  });

  test('cannot have a key that is the beginning of another one, and says so', async () => {
    const store = new FolderStore(path());
    await store.put('a', Buffer.from('x'));
    await expect(store.put('a/b', Buffer.from('y'))).rejects.toMatchObject({ code: 'store-key' });
    expect(await store.head('a/b')).toBeNull();
    await store.put('c/d', Buffer.from('y'));
    await expect(store.put('c', Buffer.from('y'))).rejects.toMatchObject({ code: 'store-key' });
  });

  test.skipIf(process.getuid?.() === 0)('that may not be written to is refused in words', async () => {
    mkdirSync(path());
    chmodSync(path(), 0o500);
    await expect(openStore(`folder:${path()}`)).rejects.toMatchObject({ code: 'store-refused' });
  });
});

describe('addresses of stores', () => {
  test('are a bucket, with or without a prefix, or a folder', () => {
    expect(parseStoreAddress('s3://my-talks')).toEqual({ kind: 's3', bucket: 'my-talks', prefix: '' });
    expect(parseStoreAddress('s3://my-talks/expo/2026/')).toEqual({
      kind: 's3',
      bucket: 'my-talks',
      prefix: 'expo/2026/',
    });
    expect(parseStoreAddress('folder:/srv/talks')).toEqual({ kind: 'folder', path: '/srv/talks' });
  });

  test.each([
    '',
    'folder:',
    's3://',
    's3://UPPER',
    's3:bucket',
    'https://bucket',
    '/srv/talks',
    's3://a',
    's3://my-talks/a b',
  ])('%j is none', (address) => {
    expect(() => parseStoreAddress(address)).toThrow(ConfigurationError);
  });
});

test('a relay that is killed in mid-upload goes on with the next part, and all arrives once', async () => {
  const house = new UploadHouse();
  const { url } = await house.standIn.start();
  try {
    const files = [house.file('r/talk/part', 'talk', 1_500_000), house.file('r/talk/manifest.json', 'talk', 300)];
    const args = [join(house.folder.path, 'data'), url];
    const told: string[] = [];
    const created: string[] = [];
    house.standIn.on('created', ({ detail }) => created.push(detail.object.key));
    house.standIn.fail({ kind: 'slow', ms: 15 });
    for (const at of [1, 6, 12, null]) {
      const { child, lines, closed } = run(
        'upload-child.ts',
        [...args, at === 1 ? JSON.stringify(files.map(({ body: _, ...file }) => file)) : '[]'],
        s3StandInEnvironment,
      );
      // In the midst of a request, somewhere.
      if (at !== null)
        await until(() => house.asked('UploadPart') >= at || created.length > 1 || undefined, { what: 'a part' });
      else await until(() => lines.includes('stored talk') || undefined, { what: 'the end' });
      child.kill('SIGKILL');
      await closed;
      told.push(...lines);
    }
    expect(files.every((file) => house.holds(file))).toBe(true);
    expect(created).toEqual(['r/talk/part', 'r/talk/manifest.json']);
    expect(told).toEqual(['stored talk']);
    expect(house.asked('CreateMultipartUpload')).toBe(1);
    // Fifteen, and at most one more for each that was under way when it was killed.
    expect(house.asked('UploadPart')).toBeLessThanOrEqual(15 + 3);
    expect(house.standIn.held.uploads.size).toBe(0);
  } finally {
    await house.close();
  }
});
