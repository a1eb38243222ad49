import { createHash } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ObjectStore } from '../relay/objects/object-store.ts';
import { openStore } from '../relay/objects/open-store.ts';
import { s3Failure } from '../relay/objects/s3-failures.ts';
import { temporaryFolder } from './harness/programs.ts';
import { S3StandIn } from './stand-ins/s3.ts';
import { s3StandInEnvironment } from './stand-ins/s3-environment.ts';
import type { S3Fault } from './stand-ins/s3-faults.ts';

const folder = temporaryFolder();
const body = Buffer.alloc(200_000, 'sound');
const content = { bytes: body.length, sha256: createHash('sha256').update(body).digest('hex'), parts: [] };
const limits = { silenceMs: 5000, callMs: 10_000, maxAttempts: 1 };
/** Of a store that is to be too slow. */
const impatient = { ...limits, silenceMs: 300 };
let standIn: S3StandIn;
let url: string;
let store: ObjectStore;

const stub = (more: Record<string, string> = {}) => {
  for (const [name, value] of Object.entries({ ...s3StandInEnvironment, ...more })) vi.stubEnv(name, value);
};
beforeAll(() => stub());
afterAll(() => {
  vi.unstubAllEnvs();
  folder.remove();
});
beforeEach(async () => {
  standIn = new S3StandIn({ minPartBytes: 1 });
  url = (await standIn.start()).url;
  store = await openStore('s3://talks', { endpoint: url, limits });
  await store.put('there', body);
});
afterEach(() => standIn.stop());

const fails = (code: string) =>
  expect.objectContaining({ code, message: expect.stringMatching(/talks|there/), hint: expect.stringMatching(/\w/) });

let downloads = 0;
const download = () => join(folder.path, `download-${++downloads}`);

/** Every call, on a store that has `there`. */
const calls: Readonly<Record<string, () => Promise<unknown>>> = {
  head: () => store.head('there'),
  get: () => store.get('there', body.length),
  download: () => store.download('there', download()),
  put: () => store.put('new', body),
  verify: () => store.verify('there', content),
  list: () => store.list(''),
  delete: () => store.delete('there'),
  startUpload: () => store.startUpload('new'),
  uploadPart: async () => store.uploadPart('new', await uploadId(), 1, body),
  uploadedParts: async () => store.uploadedParts('new', await uploadId()),
  completeUpload: async () => store.completeUpload('new', ...(await uploaded())),
  abortUpload: async () => store.abortUpload('new', await uploadId()),
};
/** What goes before the fault. */
const uploadId = async () =>
  standIn.held.startUpload({ key: 'new', contentType: '', encryption: null, kmsKey: null, withSha256: true });
const uploaded = async () => {
  const id = await uploadId();
  const { etag } = standIn.held.putPart('new', id, 1, body, Buffer.from(content.sha256, 'hex').toString('base64'));
  return [id, [{ number: 1, bytes: body.length, etag, sha256: content.sha256 }]] as const;
};

const faults: readonly [S3Fault, string][] = [
  [{ kind: 'refuse' }, 'store-refused'],
  [{ kind: 'busy' }, 'store-unreachable'],
  [{ kind: 'broken' }, 'store-unreachable'],
  [{ kind: 'full' }, 'store-full'],
  [{ kind: 'slow', ms: 700 }, 'store-unreachable'],
  [{ kind: 'lost' }, 'store-unreachable'],
];

describe.each(faults)('a store with the fault %j', (fault, code) => {
  test.each(Object.keys(calls))(`says so of %s: ${code}`, async (name) => {
    if (fault.kind === 'slow') store = await openStore('s3://talks', { endpoint: url, limits: impatient });
    standIn.fail(fault);
    await expect(calls[name]?.()).rejects.toEqual(fails(code));
    standIn.heal();
    await calls.head?.();
  });
});

describe('what is not as it was sent', () => {
  const cases: readonly [string, S3Fault, string, string][] = [
    ['a body that is cut off on its way here', { kind: 'cut' }, 'get', 'store-unreachable'],
    ['a file that is cut off on its way here', { kind: 'cut', on: ['GetObject'] }, 'download', 'store-unreachable'],
    ['a body that is cut off on its way there', { kind: 'cut' }, 'put', 'store-unreachable'],
    ['a part that is cut off', { kind: 'cut' }, 'uploadPart', 'store-unreachable'],
    ['a body with a wrong byte', { kind: 'spoil' }, 'get', 'store-damaged'],
    ['a file with a wrong byte', { kind: 'spoil' }, 'download', 'store-damaged'],
    ['a wrong hash of what was put', { kind: 'lie' }, 'put', 'store-damaged'],
    ['a wrong hash of a part', { kind: 'lie' }, 'uploadPart', 'store-damaged'],
    ['a wrong hash of what is there', { kind: 'lie' }, 'verify', 'store-damaged'],
  ];
  test.each(cases)('%s is noticed', async (_, fault, name, code) => {
    standIn.fail(fault);
    await expect(calls[name]?.()).rejects.toEqual(fails(code));
    expect(existsSync(join(folder.path, `download-${downloads}`))).toBe(false);
    expect(standIn.keys).not.toContain(name === 'put' && fault.kind === 'cut' ? 'new' : 'never');
  });

  test.each(Object.keys(calls))('a web page is no answer to %s', async (name) => {
    standIn.fail({ kind: 'page' });
    await expect(calls[name]?.()).rejects.toEqual(fails('store-unreachable'));
  });

  test.each(Object.keys(calls).filter((name) => !/delete|abort/.test(name)))('neither is nothing: %s', async (name) => {
    standIn.fail({ kind: 'nothing' });
    await expect(calls[name]?.()).rejects.toEqual(fails('store-unreachable'));
  });

  test('a bucket that does not exist is no missing key', async () => {
    const other = await openStore('s3://no-such-bucket', { endpoint: url, limits });
    const missing = expect.objectContaining({ code: 'store-missing', hint: expect.stringContaining('bucket') });
    await expect(other.head('there')).rejects.toEqual(missing);
    await expect(other.get('there', 10)).rejects.toEqual(missing);
    await expect(other.put('there', body)).rejects.toEqual(missing);
    await expect(other.uploadedParts('there', 'x')).rejects.toEqual(missing);
  });

  test('nobody listens', async () => {
    await standIn.stop();
    await expect(store.head('there')).rejects.toEqual(fails('store-unreachable'));
    await expect(
      (await openStore('s3://talks', { endpoint: 'http://no-such-host.invalid', limits })).list(''),
    ).rejects.toEqual(fails('store-unreachable'));
    standIn = new S3StandIn();
    await standIn.start();
  });
});

describe('an answer that was lost', () => {
  beforeEach(async () => {
    store = await openStore('s3://talks', { endpoint: url, limits: { ...limits, maxAttempts: 3 } });
  });

  test.each(['ifAbsent', 'ifMatch'] as const)(
    'is no reason to believe that somebody else was first: %s',
    async (condition) => {
      const { etag = '' } = (await store.head('there')) ?? {};
      const [key, options] =
        condition === 'ifAbsent' ? (['new', { ifAbsent: true }] as const) : (['there', { ifMatch: etag }] as const);
      const next = Buffer.from('mine');
      standIn.fail({ kind: 'lost', on: ['PutObject'], times: 1 });
      const put = await store.put(key, next, options);
      expect(await store.head(key)).toMatchObject({ etag: put.etag, bytes: 4 });
      expect(
        standIn.requests.filter(({ operation, status }) => operation === 'PutObject' && status === 412),
      ).toHaveLength(1);
    },
  );

  test('where somebody else was first, it is said', async () => {
    standIn.on('request', ({ operation }) => {
      if (operation !== 'PutObject') return;
      standIn.removeAllListeners('request');
      standIn.held.put('new', Buffer.from('theirs'), { contentType: '', encryption: null, kmsKey: null }, null);
    });
    standIn.fail({ kind: 'lost', on: ['PutObject'], times: 1 });
    await expect(store.put('new', Buffer.from('mine'), { ifAbsent: true })).rejects.toEqual(fails('store-exists'));
    expect(standIn.text('new')).toBe('theirs');
  });

  test('and a store that is busy for a moment, are outlived in one call', async () => {
    standIn.fail({ kind: 'busy', times: 1 });
    standIn.fail({ kind: 'broken', times: 1 });
    await store.put('new', body);
    expect(standIn.keys).toContain('new');
  });
});

test('what others have put under names of their own is not listed, and hides nothing', async () => {
  await standIn.stop();
  standIn = new S3StandIn({ maxKeys: 2 });
  const options = { contentType: '', encryption: null, kmsKey: null };
  for (const key of ['a/1', 'a/notes (1).txt', 'a/notes (2).txt', 'a/notes (3).txt', 'a/notes (4).txt', 'a/z'])
    standIn.held.put(key, body, options, null);
  store = await openStore('s3://talks', { endpoint: (await standIn.start()).url, limits });
  expect(await store.list('a/')).toMatchObject({ objects: [{ key: 'a/1' }], more: true });
  expect(await store.list('a/', 'a/1')).toMatchObject({ objects: [{ key: 'a/z' }], more: false });
});

describe('what is asked of the service', () => {
  const last = () => standIn.requests.at(-1)?.headers ?? {};

  test('encryption by the store’s key or by one of KMS, of objects and uploads alike', async () => {
    const kms = await openStore('s3://talks', { endpoint: url, kmsKey: 'arn:key', limits });
    await kms.put('a', body);
    expect(standIn.held.objects.get('a')).toMatchObject({ encryption: 'aws:kms', kmsKey: 'arn:key' });
    const own = await openStore('s3://talks', { endpoint: url, encrypt: true, limits });
    const id = await own.startUpload('b', { contentType: 'audio/flac' });
    expect(standIn.held.uploads.get(id)).toMatchObject({ encryption: 'AES256', contentType: 'audio/flac' });
    await store.put('c', body);
    expect(standIn.held.objects.get('c')?.encryption).toBeNull();
  });

  test('every body with its SHA-256, which is also what is signed', async () => {
    await store.put('a', body);
    expect(last()).toMatchObject({
      'x-amz-checksum-sha256': Buffer.from(content.sha256, 'hex').toString('base64'),
      'x-amz-content-sha256': content.sha256,
    });
    await store.uploadPart('new', await uploadId(), 1, body);
    expect(last()).toMatchObject({ 'x-amz-content-sha256': content.sha256 });
  });

  test('credentials that were put right are used without a restart', async () => {
    stub({ AWS_ACCESS_KEY_ID: 'AKIAWRONG0000000000' });
    store = await openStore('s3://talks', { endpoint: url, limits });
    await expect(store.list('')).rejects.toEqual(fails('store-refused'));
    stub();
    await store.list('');
  });

  test('a large body has the time that it takes, a stalled one has not', async () => {
    const patient = await openStore('s3://talks', {
      endpoint: url,
      limits: { ...limits, silenceMs: 5000, callMs: 200, minBytesPerSecond: 100_000 },
    });
    standIn.fail({ kind: 'slow', ms: 600, times: 1 });
    // 200 ms and two seconds for what is sent.
    await patient.put('new', body);
    standIn.fail({ kind: 'slow', ms: 600 });
    await expect(patient.head('new')).rejects.toMatchObject({
      code: 'store-unreachable',
      message: expect.stringContaining('slow'),
    });
  });

  test('no credentials are said to be none', async () => {
    stub({ AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' });
    store = await openStore('s3://talks', { endpoint: url, limits });
    await expect(store.list('')).rejects.toMatchObject({
      code: 'store-refused',
      message: expect.stringContaining('credentials'),
    });
    stub();
  });

  test('the name of a store has no secret in it', async () => {
    const other = await openStore('s3://talks/a/b', { endpoint: 'http://user:secret@127.0.0.1:1/', limits });
    expect(other.name).toBe('bucket talks/a/b at 127.0.0.1:1');
  });
});

describe('what a service may answer', () => {
  const answer = (name: string, status: number, message = name) =>
    s3Failure(Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } }), 'bucket x', 'put y');

  test.each([
    ['ExpiredToken', 400, 'store-refused', /credentials/],
    ['SignatureDoesNotMatch', 403, 'store-refused', /credentials/],
    ['RequestTimeTooSkewed', 403, 'store-refused', /clock/],
    ['PermanentRedirect', 301, 'store-refused', /region/],
    ['AuthorizationHeaderMalformed', 400, 'store-refused', /region/],
    ['KMS.DisabledException', 400, 'store-refused', /\w/],
    ['NotImplemented', 501, 'store-refused', /conditional/],
    ['QuotaExceeded', 403, 'store-full', /room/],
    ['XMinioStorageFull', 507, 'store-full', /room/],
    ['RequestTimeout', 400, 'store-unreachable', /\w/],
    ['TooManyRequests', 429, 'store-unreachable', /\w/],
    ['ConditionalRequestConflict', 409, 'store-unreachable', /\w/],
    ['BadDigest', 400, 'store-damaged', /\w/],
    ['InvalidPart', 400, 'store-damaged', /\w/],
    ['NoSuchBucket', 404, 'store-missing', /bucket/],
    ['Unknown', 0, 'store-unreachable', /\w/],
  ])('%s (%i) is %s', (name, status, code, hint) => {
    expect(answer(name, status)).toMatchObject({ code, hint: expect.stringMatching(hint) });
  });

  test('a certificate that is not trusted is said to be so', () => {
    const error = Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    expect(s3Failure(error, 'bucket x', 'put y')).toMatchObject({
      code: 'store-unreachable',
      hint: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
    });
  });
});

test('a folder that cannot be used yet keeps nobody from starting, and is used as soon as it can be', async () => {
  const place = join(folder.path, 'late');
  writeFileSync(place, 'its disk is not mounted');
  const address = `folder:${place}/store`;
  await expect(openStore(address)).rejects.toMatchObject({ code: expect.stringMatching(/^store-/) });
  const late = await openStore(address, {}, true);
  const refused = { code: expect.stringMatching(/^store-/), hint: expect.stringMatching(/\w/) };
  await expect(late.head('there')).rejects.toMatchObject(refused);
  await expect(late.put('there', body)).rejects.toMatchObject(refused);
  rmSync(place);
  await late.put('there', body);
  await late.verify('there', content);
});
