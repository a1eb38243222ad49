import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { FetchError, fetchLimits, fetchPorts, fetchSchedule, mistakeInUrl } from '../relay/schedule/fetch.ts';
import { isPublicAddress } from '../relay/schedule/public-address.ts';
import { scheduleLimits } from '../relay/schedule/schedule-file.ts';
import { HttpsSite } from './harness/https-site.ts';

const nothing = { etag: null, lastModified: null };
let site: HttpsSite;
beforeAll(async () => {
  site = await new HttpsSite().start();
});
afterAll(() => site.stop());
beforeEach(() => {
  site.asked.length = 0;
});
const fetched = (
  url: string,
  ports = site.ports(),
  known: { etag: string | null; lastModified: string | null } = nothing,
  limits = fetchLimits,
) => fetchSchedule(url, known, ports, limits);
const text = async (url: string, ports = site.ports()) => {
  const answer = await fetched(url, ports);
  return answer.changed ? Buffer.from(answer.bytes).toString() : null;
};

describe('an address', () => {
  test.each([
    ...['127.0.0.1', '127.9.9.9', '10.1.2.3', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0'],
    ...['224.0.0.1', '240.0.0.1', '255.255.255.255', '192.0.2.1', '198.18.0.1', '::', '::1', 'fe80::1', 'fe80::1%eth0'],
    ...[
      'fc00::1',
      'fd00:ec2::254',
      'ff02::1',
      '::ffff:127.0.0.1',
      '::ffff:169.254.169.254',
      '::ffff:a00:1',
      '::127.0.0.1',
    ],
    ...['64:ff9b::7f00:1', '64:ff9b::a9fe:a9fe', '64:ff9b:1::808:808', '2002:7f00:1::', '2002:808:808::', '2001:0:1::'],
    ...['2001:db8::1', 'fec0::1', '5f00::1', '100::1', '', 'localhost', '0x7f.1', '2130706433'],
  ])('%s is not on the open internet', (address) => expect(isPublicAddress(address)).toBe(false));

  test.each(['8.8.8.8', '93.184.215.14', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808'])('%s is', (address) =>
    expect(isPublicAddress(address)).toBe(true),
  );

  test.each([
    ['http://talks.example.org/schedule.json', /https/],
    ['ftp://talks.example.org/', /https/],
    ['file:///etc/passwd', /https/],
    ['https://user:secret@talks.example.org/', /password/],
    ['https://talks.example.org:8443/', /port 443/],
    ['https://127.0.0.1/', /private network/],
    ['https://2130706433/', /private network/],
    ['https://0x7f.1/', /private network/],
    ['https://[::1]/', /private network/],
    ['https://[fd00:ec2::254]/latest/meta-data', /private network/],
    ['https://[::ffff:169.254.169.254]/', /private network/],
    [`https://talks.example.org/${'a'.repeat(2000)}`, /longer/],
    ['schedule.json', /no address/],
  ])('%s is refused', (url, why) => expect(mistakeInUrl(url)).toMatch(why));

  test('of a name at port 443 is taken', () => {
    expect(mistakeInUrl('https://talks.example.org/schedule.json?token=x')).toBeNull();
    expect(mistakeInUrl('https://talks.example.org:443/')).toBeNull();
  });
});

describe('what is fetched', () => {
  test('comes as it is, or packed; and says how to ask for less the next time', async () => {
    for (const [encoding, pack] of [
      ['identity', (body: string) => Buffer.from(body)],
      ['gzip', gzipSync],
      ['br', brotliCompressSync],
    ] as const) {
      site.answer = (_, response) =>
        response
          .writeHead(200, { 'content-encoding': encoding, etag: '"1"', 'last-modified': 'then' })
          .end(pack('{"a":1}'));
      const answer = await fetched(site.url());
      expect(answer).toMatchObject({ changed: true, etag: '"1"', lastModified: 'then' });
      expect(answer.changed && Buffer.from(answer.bytes).toString()).toBe('{"a":1}');
    }
    site.answer = (request, response) =>
      response.writeHead(request.headers['if-none-match'] === '"1"' ? 304 : 500).end();
    expect(await fetched(site.url(), site.ports(), { etag: '"1"', lastModified: 'then' })).toEqual({ changed: false });
    expect(site.asked.at(-1)?.headers['if-modified-since']).toBe('then');
  });

  test('is asked for by name, and by nothing that tells who asks', async () => {
    site.answer = (_, response) => response.end('x');
    await text(site.url('/a?token=t'));
    const [request] = site.asked;
    expect(request?.url).toBe('/a?token=t');
    expect(request?.headers.host).toBe(`talks.test:${site.port}`);
    expect(Object.keys(request?.headers ?? {}).sort()).toEqual([
      'accept',
      'accept-encoding',
      'connection',
      'host',
      'user-agent',
    ]);
  });

  test('may lead on five times, not six, and not to itself for ever', async () => {
    site.answer = ({ url = '' }, response) => {
      const hop = Number(url.slice(1));
      if (hop === 0) response.end('there');
      else response.writeHead(302, { location: `/${hop - 1}` }).end();
    };
    expect(await text(site.url('/5'))).toBe('there');
    await expect(text(site.url('/6'))).rejects.toThrow('leads on more than 5 times');
    site.answer = (_, response) => response.writeHead(301).end();
    await expect(text(site.url())).rejects.toThrow('does not say where to');
  });

  test.each([
    ['http://talks.test/', /https/],
    ['https://127.0.0.2/', /at port|private/],
    ['https://169.254.169.254/latest/meta-data/', /at port|private/],
    ['file:///etc/passwd', /https/],
    ['//user:pw@talks.test/', /password|port/],
  ])('may not lead on to %s', async (location, why) => {
    site.answer = (_, response) => response.writeHead(302, { location }).end();
    await expect(text(site.url())).rejects.toThrow(why);
    expect(site.asked).toHaveLength(1);
  });

  test('is refused where it is too long: by its own word, by what comes, and by what that unpacks to', async () => {
    const long = 'a'.repeat(scheduleLimits.maxBytes + 1);
    site.answer = (_, response) => response.end(long);
    await expect(text(site.url())).rejects.toThrow('more than 5 MB');
    site.answer = (_, response) => {
      response.write(long);
      response.end(); // in chunks, without a length
    };
    await expect(text(site.url())).rejects.toThrow('more than 5 MB');
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(1024 * 1024);
    site.answer = (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    await expect(text(site.url())).rejects.toThrow('more than 5 MB');
    site.answer = (_, response) => response.writeHead(200, { 'content-encoding': 'zstd' }).end('x');
    await expect(text(site.url())).rejects.toThrow('not understood');
    site.answer = (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('not packed');
    await expect(text(site.url())).rejects.toThrow(FetchError);
  });

  test('is not taken in part, and not waited for for ever', async () => {
    site.answer = (_, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('{"half":');
      setTimeout(() => response.destroy(), 20);
    };
    await expect(text(site.url())).rejects.toThrow(FetchError);
    site.answer = (_, response) => void response.writeHead(200).write('{');
    const short = { ...fetchLimits, timeoutMs: 300 };
    await expect(fetched(site.url(), site.ports(), nothing, short)).rejects.toThrow('No whole answer within 0.3 s');
    site.answer = () => {};
    await expect(fetched(site.url(), site.ports(), nothing, short)).rejects.toThrow('No whole answer within 0.3 s');
  });

  test.each([401, 404, 429, 500, 503])('is told by its status where that is %d', async (status) => {
    site.answer = (_, response) => response.writeHead(status).end('no');
    await expect(text(site.url())).rejects.toThrow(`status ${status}`);
  });
});

describe('the guard', () => {
  const closed = () => site.ports({ mayConnect: fetchPorts.mayConnect });

  test('keeps a name from leading to where no schedule is, and asks nothing there', async () => {
    for (const address of ['127.0.0.1', '169.254.169.254', '10.0.0.1', '::1', '::ffff:127.0.0.1']) {
      const ports = { ...closed(), resolve: async () => [{ address, family: address.includes(':') ? 6 : 4 }] };
      await expect(text(site.url(), ports)).rejects.toThrow('leads into a private network');
    }
    const both = async () => [
      { address: '93.184.215.14', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ];
    await expect(text(site.url(), { ...closed(), resolve: both })).rejects.toThrow('leads into a private network');
    expect(site.asked).toHaveLength(0);
  });

  test('connects to the address that it checked: a name that changes its mind is asked once', async () => {
    site.answer = (_, response) => response.end('checked');
    const resolve = vi.fn<typeof fetchPorts.resolve>(async () => [{ address: '127.0.0.1', family: 4 }]);
    resolve.mockImplementationOnce(async () => [{ address: '127.0.0.1', family: 4 }]);
    const checked: string[] = [];
    const mayConnect = (address: string) => checked.push(address) === 1;
    expect(await text(site.url(), site.ports({ resolve, mayConnect }))).toBe('checked');
    expect(resolve).toHaveBeenCalledTimes(1);
    expect(checked).toEqual(['127.0.0.1']);
    // Led on, it is asked and checked anew; the second answer is another, and refused.
    checked.length = 0;
    site.answer = (_, response) => response.writeHead(302, { location: site.url('/', 'other.test') }).end();
    site.asked.length = 0;
    await expect(text(site.url(), site.ports({ resolve, mayConnect }))).rejects.toThrow('leads into a private network');
    expect(site.asked).toHaveLength(1);
  });

  test('trusts no certificate but those of authorities, and none of another name', async () => {
    const { ca: _, ...strangers } = site.ports();
    await expect(text(site.url(), strangers)).rejects.toThrow('certificate is not trusted');
    await expect(text(site.url('/', 'third.test'))).rejects.toThrow('certificate is not trusted');
    expect(site.asked).toHaveLength(0);
  });

  test('tells no more of an address than that it failed', async () => {
    const resolve = async () => Promise.reject(Object.assign(new Error('queryA secret'), { code: 'ENOTFOUND' }));
    const failure = await text(site.url('/?token=hush'), site.ports({ resolve })).catch((error) => error);
    expect(failure).toBeInstanceOf(FetchError);
    expect(failure.message).toBe('It cannot be reached: no such name is known');
    expect(`${failure.message} ${failure.hint}`).not.toMatch(/hush/);
  });

  test('does not call it a connection that failed where the resolver is away', async () => {
    const away = Object.assign(new Error('getaddrinfo ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'getaddrinfo' });
    const failing = text(site.url(), site.ports({ resolve: () => Promise.reject(away) }));
    await expect(failing).rejects.toThrow('It cannot be reached: its name cannot be looked up (ECONNREFUSED)');
  });
});
