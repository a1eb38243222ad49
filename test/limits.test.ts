import { type ClientRequestArgs, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { captionsProtocol } from '../relay/protocol.js';
import { admission, bearer, knock, nextAddress } from './harness/attackers/wire.ts';
import { TestRelay, temporaryFolder } from './harness/programs.ts';

describe('a relay with little room, behind a proxy at 127.0.0.1', () => {
  const folder = temporaryFolder();
  let relay: TestRelay;
  let tokens: { publish: string; read: string };
  beforeAll(async () => {
    const limits = { 'max-readers': 2, 'max-readers-per-address': 1, 'max-requests-per-minute': 40 };
    const args = Object.entries(limits).flatMap(([name, value]) => [`--${name}`, String(value)]);
    relay = await TestRelay.start({ dataDir: folder.path, args: [...args, '--trusted-proxy', '127.0.0.1'] });
    tokens = await relay.room('hall');
  });
  afterAll(async () => {
    await relay.stop();
    folder.remove();
  });

  /** @param client the address that the proxy saw */
  const asked = (path: string, client: string, options: ClientRequestArgs = {}) =>
    new Promise<{ status: number; code: string; retryAfter: string | undefined }>((resolve, reject) => {
      const headers = { 'x-forwarded-for': client, ...bearer(tokens.read) };
      const sent = request({ host: '127.0.0.1', port: relay.port, path, agent: false, headers, ...options });
      sent.on('error', reject);
      sent.on('response', (response) => {
        let text = '';
        response.on('data', (data) => {
          text += data;
        });
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            code: /"code":"([\w-]+)"/.exec(text)?.[1] ?? '',
            retryAfter: response.headers['retry-after'],
          }),
        );
      });
      sent.end();
    });
  const read = (client: string) => {
    const prey = { port: relay.port, room: 'hall', otherRoom: '', tokens: { ...none, ...tokens }, seconds: 0 };
    return knock(prey, 'captions', tokens.read, { localAddress: '127.0.0.1', headers: { 'x-forwarded-for': client } });
  };
  const none = { admin: '', otherPublish: '', otherRead: '', revoked: '', expired: '' };

  test('tells a reader in words that every place is taken, also where a browser hides it, and takes it when one is free', async () => {
    const captions = '/api/rooms/hall/captions';
    expect(await asked(captions, '198.51.100.1')).toMatchObject({ status: 426, code: 'upgrade-required' });
    const first = read('198.51.100.1');
    expect(await admission(first)).toBe('open');
    expect(first.protocol).toBe(captionsProtocol);
    expect(await admission(read('198.51.100.1'))).toBe('429 too-many-sockets');
    expect(await asked(captions, '198.51.100.1')).toEqual({ status: 429, code: 'too-many-sockets', retryAfter: '5' });
    const second = read('198.51.100.2');
    expect(await admission(second)).toBe('open');
    expect(await admission(read('198.51.100.3'))).toBe('503 too-many-readers');
    expect(await asked(captions, '198.51.100.3')).toEqual({ status: 503, code: 'too-many-readers', retryAfter: '5' });
    const unknown = { headers: { 'x-forwarded-for': '198.51.100.3', ...bearer('sub_nothing') } };
    expect(await asked(captions, '198.51.100.3', unknown)).toMatchObject({ status: 401 });
    second.terminate();
    await expect.poll(() => asked(captions, '198.51.100.3')).toMatchObject({ status: 426 });
    first.terminate();
  });

  test('counts requests by the address that the proxy saw; nobody else may name one', async () => {
    const answers = async (path: string, client: (i: number) => string, options: ClientRequestArgs = {}) => {
      const all = [];
      for (let i = 0; i < 60; i++) all.push(await asked(path, client(i), options));
      return all.filter(({ status }) => status === 429);
    };
    const refused = await answers('/healthz', () => '203.0.113.7');
    expect(refused.length).toBeGreaterThanOrEqual(18);
    expect(refused[0]).toMatchObject({ code: 'too-many-requests', retryAfter: expect.stringMatching(/^[12]$/) });
    expect(await answers('/healthz', (i) => `203.0.113.${100 + i}`)).toEqual([]);
    const outside = { localAddress: nextAddress() };
    expect((await answers('/healthz', (i) => `203.0.113.${200 + i}`, outside)).length).toBeGreaterThanOrEqual(18);
    const organizer = (token: string) => ({ headers: { 'x-forwarded-for': '203.0.113.7', ...bearer(token) } });
    expect(await asked('/api/rooms', '', organizer(relay.adminToken))).toMatchObject({ status: 200 });
    expect(await asked('/api/rooms', '', organizer(tokens.read))).toMatchObject({ status: 429 });
  });
});
