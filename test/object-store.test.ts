import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import S3rver from 's3rver';
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

const s3rver = new S3rver({
  port: 0,
  address: '127.0.0.1',
  silent: true,
  directory: join(folder.path, 's3rver'),
  configureBuckets: [{ name: 'talks' }],
});
let s3rverUrl = '';

const candidates: Candidate[] = [
  {
    name: 'a folder',
    open: () => openStore(`folder:${join(folder.path, `store-${++opened}`)}`),
    conditions: true,
  },
  {
    name: 'S3',
    open: () => openStore(`s3://talks/run-${++opened}`, { endpoint: standInUrl, encrypt: true }),
    conditions: true,
  },
  {
    // It knows no checksums either, and cannot list the parts of an upload.
    name: 's3rver, which ignores conditions',
    open: async () => {
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'S3RVER');
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'S3RVER');
      const store = await openStore(`s3://talks/run-${++opened}`, { endpoint: s3rverUrl });
      await store.head('credentials-are-read');
      stubCredentials();
      return store;
    },
    conditions: false,
  },
];

const stubCredentials = () => {
  for (const [name, value] of Object.entries(s3StandInEnvironment)) vi.stubEnv(name, value);
};
let standInUrl = '';
beforeAll(async () => {
  stubCredentials();
  standInUrl = (await standIn.start()).url;
  s3rverUrl = `http://127.0.0.1:${(await s3rver.run()).port}`;
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await standIn.stop();
  await s3rver.close();
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
      // s3rver goes from folder to folder.
      return conditions ? found : found.sort();
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
    // Whoever says the same was not the first either.
    await expect(store.put('p', bytes('1'), { ifAbsent: true })).rejects.toEqual(fails('store-exists'));
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

  describe('an object in parts', () => {
    const first = randomBytes(5 * 1_048_576);
    const second = randomBytes(1000);
    const whole = Buffer.concat([first, second]);
    const content = { bytes: whole.length, sha256: sha256(whole), parts: [sha256(first), sha256(second)] };

    test('is there when all of them are, and not before', async () => {
      const id = await store.startUpload('a/audio', { contentType: 'audio/flac' });
      const part1 = await store.uploadPart('a/audio', id, 1, first);
      await store.uploadPart('a/audio', id, 2, randomBytes(2000));
      const part2 = await store.uploadPart('a/audio', id, 2, second);
      expect(part2).toMatchObject({ number: 2, bytes: 1000 });
      expect(await store.head('a/audio')).toBeNull();
      expect((await store.list('')).objects).toEqual([]);
      if (conditions) expect(await store.uploadedParts('a/audio', id)).toEqual([part1, part2]);
      const { etag } = await store.completeUpload('a/audio', id, [part1, part2]);
      expect(await store.head('a/audio')).toEqual({ key: 'a/audio', bytes: whole.length, etag });
      await store.verify('a/audio', content);
      expect(Buffer.from((await store.get('a/audio', whole.length)).body).equals(whole)).toBe(true);
      const file = join(folder.path, `parts-${opened}`);
      expect(await store.download('a/audio', file)).toEqual({ bytes: whole.length, sha256: content.sha256 });
    });

    test.skipIf(!conditions)('can be given up, and is no more when it was', async () => {
      const id = await store.startUpload('a');
      const part = await store.uploadPart('a', id, 1, second);
      await store.abortUpload('a', id);
      await store.abortUpload('a', id);
      expect(await store.uploadedParts('a', id)).toBeNull();
      await expect(store.uploadPart('a', id, 2, second)).rejects.toEqual(fails('store-missing'));
      await expect(store.completeUpload('a', id, [part])).rejects.toEqual(fails('store-missing'));
      expect(await store.uploadedParts('a', '00000000-0000-0000-0000-000000000000')).toBeNull();
      expect(await store.head('a')).toBeNull();
    });

    test.skipIf(!conditions)('is not made of parts that are not there', async () => {
      const id = await store.startUpload('a');
      const part = await store.uploadPart('a', id, 1, second);
      const other = { ...part, etag: sha256(first), sha256: sha256(first) };
      await expect(store.completeUpload('a', id, [other])).rejects.toEqual(fails('store-damaged'));
      await expect(store.completeUpload('a', id, [{ ...part, number: 2 }])).rejects.toEqual(fails('store-damaged'));
      expect(await store.head('a')).toBeNull();
      await store.completeUpload('a', id, [part]);
      expect(await store.head('a')).toMatchObject({ bytes: 1000 });
    });

    test('takes the place of what was there', async () => {
      await store.put('a', bytes('before'));
      const id = await store.startUpload('a');
      const part = await store.uploadPart('a', id, 1, second);
      expect(await store.head('a')).toMatchObject({ bytes: 6 });
      await store.completeUpload('a', id, [part]);
      await store.verify('a', { bytes: 1000, sha256: sha256(second), parts: [sha256(second)] });
    });
  });

  test('says whether what it holds is what it ought to be', async () => {
    const body = randomBytes(50_000);
    const content = { bytes: body.length, sha256: sha256(body), parts: [] };
    await store.put('a', body);
    await store.verify('a', content);
    await expect(store.verify('b', content)).rejects.toEqual(fails('store-missing'));
    await expect(store.verify('a', { ...content, sha256: sha256(bytes('x')) })).rejects.toEqual(fails('store-damaged'));
    await expect(store.verify('a', { ...content, bytes: 49_999 })).rejects.toEqual(fails('store-damaged'));
  });

  test('stops when it is told to', async () => {
    const reason = new Error('enough');
    await expect(store.put('a', bytes('x'), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(await store.head('a')).toBeNull();
  });
});
