import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ObjectStore } from '../relay/objects/object-store.ts';
import { openStore } from '../relay/objects/open-store.ts';
import { temporaryFolder } from './harness/programs.ts';
import { S3StandIn } from './stand-ins/s3.ts';
import { s3StandInEnvironment } from './stand-ins/s3-environment.ts';

interface Candidate {
  readonly name: string;
  /** A store with nothing in it. */
  open(): Promise<ObjectStore>;
  /** It does what is asked only under a condition. */
  readonly conditions: boolean;
}

const folder = temporaryFolder();
const standIn = new S3StandIn({ maxKeys: 3 });
let opened = 0;

const candidates: Candidate[] = [
  {
    name: 'a folder',
    open: () => openStore(`folder:${join(folder.path, `store-${++opened}`)}`),
    conditions: true,
  },
  {
    name: 'S3',
    open: async () => openStore(`s3://talks/run-${++opened}`, { endpoint: standInUrl, encrypt: true }),
    conditions: true,
  },
];

let standInUrl = '';
beforeAll(async () => {
  for (const [name, value] of Object.entries(s3StandInEnvironment)) vi.stubEnv(name, value);
  standInUrl = (await standIn.start()).url;
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await standIn.stop();
  folder.remove();
});

const bytes = (text: string) => new TextEncoder().encode(text);
const sha256 = (body: Uint8Array) => createHash('sha256').update(body).digest('hex');
const fails = (code: string) => expect.objectContaining({ code, hint: expect.stringMatching(/\w/) });

describe.each(candidates)('$name', ({ open, conditions }) => {
  let store: ObjectStore;
  beforeEach(async () => {
    store = await open();
  });

  test('gives back what was put, and names its content', async () => {
    const { etag } = await store.put('a/b.json', bytes('one'), { contentType: 'application/json' });
    expect(Buffer.from((await store.get('a/b.json', 100)).body).toString()).toBe('one');
    expect(await store.get('a/b.json', 100)).toMatchObject({ etag });
    expect(await store.head('a/b.json')).toEqual({ key: 'a/b.json', bytes: 3, etag });
    const changed = await store.put('a/b.json', bytes('two'));
    expect(changed.etag).not.toBe(etag);
    expect((await store.put('other', bytes('one'))).etag).toBe(etag);
  });

  test('tells what is missing from what is empty', async () => {
    expect(await store.head('nothing')).toBeNull();
    await expect(store.get('nothing', 100)).rejects.toEqual(fails('store-missing'));
    await expect(store.download('nothing', join(folder.path, 'never'))).rejects.toEqual(fails('store-missing'));
    await store.put('empty', new Uint8Array());
    expect((await store.get('empty', 0)).body).toHaveLength(0);
    expect(await store.head('empty')).toMatchObject({ bytes: 0 });
  });

  test('gives no more than is expected', async () => {
    await store.put('large', bytes('0123456789'));
    await expect(store.get('large', 9)).rejects.toEqual(fails('store-too-large'));
    expect((await store.get('large', 10)).body).toHaveLength(10);
  });

  test('lists by prefix, in order, from page to page', async () => {
    const keys = ['t/a/1', 't/a/2', 't/a-b', 't/a/3/x', 't/b', 't/B', 'u', 't/a.b'];
    for (const key of keys) await store.put(key, bytes(key));
    const all = async (prefix: string) => {
      const found: string[] = [];
      for (let more = true; more; ) {
        const page = await store.list(prefix, found.at(-1));
        for (const { key, bytes: size, etag } of page.objects) {
          found.push(key);
          expect(size).toBe(key.length);
          expect(etag).toBe((await store.head(key))?.etag);
        }
        more = page.more;
      }
      return found;
    };
    expect(await all('t/')).toEqual(keys.filter((key) => key !== 'u').sort());
    expect(await all('t/a/')).toEqual(['t/a/1', 't/a/2', 't/a/3/x']);
    expect(await all('t/a')).toEqual(['t/a-b', 't/a.b', 't/a/1', 't/a/2', 't/a/3/x']);
    expect(await all('')).toEqual([...keys].sort());
    expect(await all('none/')).toEqual([]);
  });

  test('forgets what is deleted, also twice', async () => {
    await store.put('a/b/c', bytes('x'));
    await store.put('a/d', bytes('y'));
    await store.delete('a/b/c');
    await store.delete('a/b/c');
    expect(await store.head('a/b/c')).toBeNull();
    expect((await store.list('')).objects.map(({ key }) => key)).toEqual(['a/d']);
    await store.put('a/b', bytes('where a folder was'));
    expect(await store.head('a/b')).not.toBeNull();
  });

  test('downloads into a new file, or leaves none', async () => {
    const body = randomBytes(300_000);
    await store.put('audio', body);
    const file = join(folder.path, `download-${opened}`);
    expect(await store.download('audio', file)).toEqual({ bytes: body.length, sha256: sha256(body) });
    expect(readFileSync(file).equals(body)).toBe(true);
    await expect(store.download('audio', join(folder.path, 'no', 'such', 'folder'))).rejects.toThrow(/ENOENT/);
    expect(existsSync(join(folder.path, 'no'))).toBe(false);
  });

  test.skipIf(!conditions)('puts only where nothing is, and only in the place of what was read', async () => {
    const { etag } = await store.put('p', bytes('1'), { ifAbsent: true });
    await expect(store.put('p', bytes('2'), { ifAbsent: true })).rejects.toEqual(fails('store-exists'));
    expect(await store.head('p')).toMatchObject({ etag });
    const second = await store.put('p', bytes('2'), { ifMatch: etag });
    await expect(store.put('p', bytes('3'), { ifMatch: etag })).rejects.toEqual(fails('store-changed'));
    await expect(store.put('q', bytes('3'), { ifMatch: etag })).rejects.toEqual(fails('store-changed'));
    expect(await store.head('p')).toMatchObject({ etag: second.etag });
    expect(await store.head('q')).toBeNull();
  });

  test.each(['', '/a', 'a/', 'a//b', '../a', 'a/../b', './a', '.sala/lock.db', 'a b', 'a\0b', 'ä', 'x'.repeat(901)])(
    'takes %j for no key',
    async (key) => {
      await expect(store.put(key, bytes('x'))).rejects.toEqual(fails('store-key'));
      await expect(store.get(key, 10)).rejects.toEqual(fails('store-key'));
      await expect(store.head(key)).rejects.toEqual(fails('store-key'));
      await expect(store.delete(key)).rejects.toEqual(fails('store-key'));
    },
  );

  test('stops when it is told to', async () => {
    const reason = new Error('enough');
    await expect(store.put('a', bytes('x'), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(await store.head('a')).toBeNull();
  });
});
