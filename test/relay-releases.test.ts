/** Releases at the relay: uploaded in pieces, offered, fetched by kits. Costs 1 s. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readlinkSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Admission } from '../relay/access.ts';
import { ReleaseDownloads } from '../relay/release-downloads.ts';
import { ReleaseStore } from '../relay/releases.ts';
import { signRelease } from '../systemd/agent/updates/manifest.ts';
import { TestApi } from './harness/api.ts';
import { adminSecret } from './harness/doors.ts';
import { newKey } from './harness/kits.ts';
import { temporaryFolder } from './harness/programs.ts';
import { type MadeRelease, makeRelease, releaseKey } from './harness/release-maker.ts';

let folder: ReturnType<typeof temporaryFolder>;
let store: ReleaseStore;
let api: TestApi;
const made = makeRelease('1.1.0', 2, { more: [{ name: 'big', content: randomBytes(200_000) }] });

async function open(limits = {}): Promise<void> {
  store = new ReleaseStore({ folder: join(folder.path, 'releases'), publicKeyPem: releaseKey.pem, limits });
  await store.load();
}

beforeEach(async () => {
  folder = temporaryFolder();
  await open({ reserveBytes: 0 });
  api = new TestApi({ releases: store });
  api.rooms.put('verdi');
});
afterEach(() => {
  api.rooms.remove();
  folder.remove();
});

const put = (path: string, body: object) => api.ask('PUT', path, body);
const begin = ({ release, manifest }: MadeRelease) => put(`/api/releases/${release.version}`, { manifest });
async function piece(version: string, bytes: Uint8Array, from = 0, token = adminSecret) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' };
  const options = { method: 'PUT', headers, body: new Uint8Array(bytes) };
  const response = await api.app.request(`/api/releases/${version}/archive?from=${from}`, options);
  const text = await response.text();
  return `${response.status} ${/"code":"([\w-]+)"/.exec(text)?.[1] ?? ''}`.trim();
}
async function upload(release: MadeRelease): Promise<void> {
  expect((await begin(release)).status).toBe(200);
  expect(await piece(release.release.version, release.archive)).toBe('200');
}
const offer = (version: string | null, more = {}) => put('/api/releases/offered', { version, ...more });
const codeOf = ({ status, text }: { status: number; text: string }) =>
  `${status} ${/"code":"([\w-]+)"/.exec(text)?.[1] ?? ''}`.trim();
const files = () => readdirSync(join(folder.path, 'releases')).sort();

async function kitKey(): Promise<string> {
  const { token } = api.kits.create('verdi-1', 'device', 'verdi', '');
  const key = newKey();
  await api.ask('POST', '/api/enrolment', { key, version: '1.0.0' }, token);
  return key;
}
async function fetched(path: string, key: string, headers = {}) {
  const response = await api.app.request(path, { headers: { authorization: `Bearer ${key}`, ...headers } });
  return { response, body: Buffer.from(await response.arrayBuffer()) };
}

describe('an upload', () => {
  test('comes in pieces, and may go on after a restart', async () => {
    await begin(made);
    expect(await piece('1.1.0', made.archive.subarray(0, 1000))).toBe('200');
    await open({ reserveBytes: 0 });
    expect(store.get('1.1.0').receivedBytes).toBe(1000);
    api = new TestApi({ releases: store, rooms: api.rooms });
    expect((await begin(made)).body).toMatchObject({ received: 1000, complete: false });
    expect(await piece('1.1.0', made.archive.subarray(1000), 1000)).toBe('200');
    expect((await api.ask('GET', '/api/releases')).body).toMatchObject({
      releases: [{ version: '1.1.0', complete: true, offered: false, sha256: made.release.sha256 }],
    });
    expect(files()).toEqual(['sala-1.1.0-linux-arm64.json', 'sala-1.1.0-linux-arm64.tar.gz']);
  });

  test('is promised no room that others were promised', async () => {
    const { bavail, bsize } = statfsSync(folder.path);
    await open({ reserveBytes: bavail * bsize - 400e6 });
    api = new TestApi({ releases: store, rooms: api.rooms });
    const huge = (version: string) => {
      const release = { ...made.release, version, bytes: 250e6 };
      return put(`/api/releases/${version}`, { manifest: signRelease(release, releaseKey.signing) });
    };
    expect((await huge('2.0.0')).status).toBe(200);
    expect(codeOf(await huge('2.1.0'))).toBe('503 disk');
  });

  test('whose last piece came before a power cut, unchecked, is not taken for whole', async () => {
    await begin(made);
    await piece('1.1.0', made.archive.subarray(0, 1000));
    const part = join(folder.path, 'releases/sala-1.1.0-linux-arm64.tar.gz.part');
    writeFileSync(part, Buffer.alloc(made.archive.length));
    await open({ reserveBytes: 0 });
    expect(() => store.whole('1.1.0')).toThrow('There is no release');
    api = new TestApi({ releases: store, rooms: api.rooms });
    await upload(made);
    expect(store.whole('1.1.0').version).toBe('1.1.0');
  });

  test('takes no piece twice, none out of order, none too many, none of a stranger', async () => {
    await begin(made);
    expect(await piece('1.1.0', made.archive.subarray(5), 5)).toBe('409 release-piece');
    expect(await piece('1.1.0', made.archive.subarray(0, 100))).toBe('200');
    expect(await piece('1.1.0', made.archive.subarray(0, 100))).toBe('409 release-piece');
    expect(await piece('1.1.0', Buffer.concat([made.archive.subarray(100), Buffer.from('x')]), 100)).toBe(
      '409 release-piece',
    );
    expect(await piece('1.1.0', Buffer.alloc(0), 100)).toBe('409 release-piece');
    expect(await piece('1.1.0', Buffer.alloc(5 * 1024 * 1024), 100)).toMatch(/^413/);
    expect(await piece('1.1.0', made.archive.subarray(100), 100, await kitKey())).toMatch(/^403/);
    expect(store.get('1.1.0').receivedBytes).toBe(100);
  });

  test('of other bytes than its manifest says begins anew, and is never offered', async () => {
    await begin(made);
    const other = Buffer.from(made.archive);
    other[20_000] = (other[20_000] ?? 0) ^ 1;
    expect(await piece('1.1.0', other)).toBe('409 release-damaged');
    expect(codeOf(await offer('1.1.0'))).toBe('404 release-unknown');
    expect(files()).toEqual(['sala-1.1.0-linux-arm64.json']);
    expect(await piece('1.1.0', made.archive)).toBe('200');
  });

  test('needs a manifest that is signed by the key of the relay, and is of that version', async () => {
    const foreign = signRelease(made.release, generateKeyPairSync('ed25519').privateKey);
    expect(codeOf(await begin({ ...made, manifest: foreign }))).toBe('400 release-signature');
    expect(codeOf(await begin({ ...made, manifest: '{}' }))).toBe('400 release-manifest');
    expect(codeOf(await put('/api/releases/1.2.0', { manifest: made.manifest }))).toBe('400 release-manifest');
    expect(files()).toEqual([]);
    store = new ReleaseStore({
      folder: join(folder.path, 'releases'),
      publicKeyPem: null,
      limits: { reserveBytes: 0 },
    });
    await expect(store.begin('1.1.0', foreign)).resolves.toMatchObject({ receivedBytes: 0 });
  });

  test('of another release by the same version is refused, and so is one too many, and one on a full disk', async () => {
    await begin(made);
    expect(codeOf(await begin(makeRelease('1.1.0', 3)))).toBe('409 release-exists');
    await open({ reserveBytes: 0, maxReleases: 1 });
    await expect(store.begin('1.2.0', makeRelease('1.2.0', 3).manifest)).rejects.toMatchObject({
      code: 'releases-full',
    });
    await open({ reserveBytes: 2 ** 52 });
    await expect(store.begin('1.2.0', makeRelease('1.2.0', 3).manifest)).rejects.toMatchObject({ code: 'disk' });
  });

  test('a release that is offered is not deleted; another is, with its files', async () => {
    await upload(made);
    await offer('1.1.0');
    expect(codeOf(await api.ask('DELETE', '/api/releases/1.1.0'))).toBe('409 release-offered');
    await offer(null);
    expect((await api.ask('DELETE', '/api/releases/1.1.0')).status).toBe(204);
    expect(files()).toEqual(['offered.json']);
    expect(codeOf(await api.ask('GET', '/api/releases/1.1.0'))).toBe('404 release-unknown');
  });
});

describe('what is offered', () => {
  test('is told to whoever listens, and is known after a restart', async () => {
    await upload(made);
    const told: unknown[] = [];
    store.onOffered(() => told.push(store.offered));
    const { version, sha256, bytes } = made.release;
    await offer('1.1.0');
    await offer('1.1.0', { downgrade: true });
    await offer(null);
    expect(told).toEqual([{ version, sha256, bytes }, { version, sha256, bytes, downgrade: true }, null]);
    await offer('1.1.0', { downgrade: true });
    await open();
    expect(store.offered).toEqual({ version, sha256, bytes, downgrade: true });
  });

  test('is nothing where its archive is gone, or the note of it makes no sense', async () => {
    await upload(made);
    await offer('1.1.0');
    writeFileSync(join(folder.path, 'releases/sala-1.1.0-linux-arm64.tar.gz'), 'short');
    await open();
    expect(store.offered).toBeNull();
    writeFileSync(join(folder.path, 'releases/offered.json'), '{"version":"../../x","downgrade":false}');
    await open();
    expect(store.offered).toBeNull();
  });

  test('stands in the audit log', async () => {
    await upload(made);
    await offer('1.1.0');
    const [entry] = api.rights.audit.list({ limit: 1 }).entries;
    expect(entry).toMatchObject({ act: 'offered a release to the kits', detail: { version: '1.1.0' } });
  });
});

describe('a kit', () => {
  test('fetches the manifest and the archive, also the rest of it', async () => {
    await upload(made);
    const key = await kitKey();
    const manifest = await fetched('/api/kit/release/1.1.0/manifest', key);
    expect(manifest.body.toString()).toBe(made.manifest);
    const whole = await fetched('/api/kit/release/1.1.0', key);
    expect([whole.response.status, whole.body.equals(made.archive)]).toEqual([200, true]);
    const rest = await fetched('/api/kit/release/1.1.0', key, { range: 'bytes=70000-' });
    expect([rest.response.status, rest.body.equals(made.archive.subarray(70_000))]).toEqual([206, true]);
    const { bytes } = made.release;
    expect(rest.response.headers.get('content-range')).toBe(`bytes 70000-${bytes - 1}/${bytes}`);
    for (const range of ['bytes=5-9', 'bytes=-5', `bytes=${bytes}-`, 'lines=1-'])
      expect((await fetched('/api/kit/release/1.1.0', key, { range })).response.status, range).toBe(200);
  });

  test('gets nothing that is not whole, and nobody else gets anything', async () => {
    await begin(made);
    const key = await kitKey();
    expect((await fetched('/api/kit/release/1.1.0', key)).response.status).toBe(404);
    expect((await fetched('/api/kit/release/1.1.0/manifest', key)).response.status).toBe(404);
    expect((await fetched('/api/kit/release/..%2foffered', key)).response.status).toBe(400);
    await piece('1.1.0', made.archive);
    expect((await fetched('/api/kit/release/1.1.0', adminSecret)).response.status).toBe(403);
    api.kits.delete('verdi-1');
    expect((await fetched('/api/kit/release/1.1.0', key)).response.status).toBe(401);
    expect(existsSync(join(folder.path, 'releases'))).toBe(true);
  });

  const large = makeRelease('1.2.0', 3, { more: [{ name: 'big', content: randomBytes(3_000_000) }] });
  const ask = (key: string, method = 'GET') =>
    api.app.request('/api/kit/release/1.2.0', { method, headers: { authorization: `Bearer ${key}` } });
  const openFiles = () =>
    readdirSync('/proc/self/fd').filter((each) => {
      try {
        return readlinkSync(`/proc/self/fd/${each}`).startsWith(join(folder.path, 'releases'));
      } catch {
        return false;
      }
    }).length;

  test('fetches one archive at a time, the one it asked for last, and nothing more once it is revoked', async () => {
    await upload(large);
    const key = await kitKey();
    const dead = [await ask(key), await ask(key), await ask(key)];
    const alive = await ask(key);
    await expect.poll(openFiles).toBe(1);
    for (const each of dead) await expect(each.arrayBuffer()).rejects.toThrow('asked once more');
    expect(Buffer.from(await alive.arrayBuffer()).equals(large.archive)).toBe(true);
    const running = await ask(key);
    api.kits.delete('verdi-1');
    await expect(running.arrayBuffer()).rejects.toThrow('the key of the kit ended');
    await expect.poll(openFiles).toBe(0);
  });

  test('that asks only whether it is there leaves no file open', async () => {
    await upload(large);
    const key = await kitKey();
    const opened = vi.spyOn(store, 'fileOf');
    const { status, headers } = await ask(key, 'HEAD');
    expect([status, headers.get('content-length')]).toEqual([200, String(large.release.bytes)]);
    expect(opened).not.toHaveBeenCalled();
  });

  test('waits where as many as the relay bears fetch already', async () => {
    await upload(large);
    const downloads = new ReleaseDownloads({ maxDownloads: 2 });
    const by = (actor: string) =>
      downloads.begin({ ...admission, actor }, store.fileOf('1.2.0'), 0, large.release.bytes - 1);
    const [one, two] = [by('kit a'), by('kit b')];
    expect(by('kit c')).toMatchObject({ status: 503, code: 'too-many-downloads' });
    expect(by('kit b')).toBeInstanceOf(ReadableStream);
    for (const each of [one, two]) expect(each).toBeInstanceOf(ReadableStream);
    downloads.end(() => true);
    await expect.poll(() => downloads.size).toBe(0);
    expect(by('kit c')).toBeInstanceOf(ReadableStream);
    downloads.end(() => true);
  });
});

const admission: Admission = {
  ...{ tokenId: 'a', sessionId: null, anonymous: false, right: 'kit', actor: '', expiresMs: null },
  kit: { name: 'verdi-1', isFormer: false },
};
