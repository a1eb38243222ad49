import { serve } from '@hono/node-server';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestApi } from './harness/api.ts';

let api: TestApi;

beforeEach(() => {
  api = new TestApi();
});

afterEach(() => api.rooms.remove());

const ask: TestApi['ask'] = (...asked) => api.ask(...asked);

test('pages come with their policy, and nothing but pages comes out of their folder', async () => {
  const page = await ask('GET', '/rooms/verdi', undefined, null);
  expect(page.status).toBe(200);
  expect(page.headers.get('content-type')).toContain('text/html');
  expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
  expect(page.headers.get('cache-control')).toBe('no-cache');
  for (const path of ['/admin', '/', '/relay/protocol.js', '/display/admin/admin.js', '/display/admin/admin.css'])
    expect({ path, status: (await ask('GET', path, undefined, null)).status }).toEqual({ path, status: 200 });
  expect((await ask('GET', '/admin', undefined, null)).headers.get('content-security-policy')).toContain(
    "frame-ancestors 'none'",
  );
  const tag = page.headers.get('etag') ?? '';
  expect((await api.app.request('/rooms/verdi', { headers: { 'if-none-match': tag } })).status).toBe(304);
  for (const path of [
    '/rooms/Verdi',
    '/rooms/verdi/',
    '/display/README.md',
    '/display/',
    '/display',
    '/display/none.js',
  ])
    expect({ path, status: (await ask('GET', path, undefined, null)).status }).toEqual({ path, status: 404 });
  const call = await ask('GET', '/api/rooms');
  expect(call.headers.get('cache-control')).toBe('no-store');
  expect(call.headers.get('x-content-type-options')).toBe('nosniff');
});

test('the page of the stand-in microphone alone may use one, and nobody may frame it', async () => {
  const header = async (path: string, name: string) =>
    (await ask('GET', path, undefined, null)).headers.get(name)?.split(/[,;] */) ?? [];
  expect(await header('/rooms/verdi/microphone', 'permissions-policy')).toContain('microphone=(self)');
  expect(await header('/rooms/verdi/microphone', 'content-security-policy')).toContain("frame-ancestors 'none'");
  // The same files by their own names: a page in a frame of a neighbour's page is sent the cookie all the same.
  for (const path of ['/display/microphone/microphone.html', '/display/admin/admin.html'])
    expect(await header(path, 'content-security-policy')).toContain("frame-ancestors 'none'");
  for (const path of ['/rooms/verdi', '/admin', '/', '/display/microphone/microphone.js'])
    expect(await header(path, 'permissions-policy')).toEqual(expect.arrayContaining(['microphone=()', 'camera=()']));
  for (const path of ['/rooms/Verdi/microphone', '/rooms/verdi/microphone/', '/rooms/-/microphone'])
    expect({ path, status: (await ask('GET', path, undefined, null)).status }).toEqual({ path, status: 404 });
});

test('no path leads out of the folder of the pages', async () => {
  const server = serve({ fetch: api.app.fetch, port: 0, hostname: '127.0.0.1' });
  await new Promise<void>((done) => server.once('listening', () => done()));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const { request } = await import('node:http');
  const status = (path: string) =>
    new Promise<number>((done) =>
      request({ port, host: '127.0.0.1', path }, (response) => {
        response.resume();
        done(response.statusCode ?? 0);
      }).end(),
    );
  expect(await status('/display/admin/admin.js')).toBe(200);
  for (const path of [
    '/display/../relay/protocol.js/../../package.json',
    '/display/../package.json',
    '/display/..%2fpackage.json',
    '/display/%2e%2e/relay/options.js',
    '/display/%2e%2e%2frelay%2fprotocol.js',
    '/display/..%5crelay%5cprotocol.js',
    '/display//etc/passwd.js',
    '/display/admin/admin.js%00.html',
    '/display/.hidden.js',
    '/display/kiosk/../../package.json',
    '/display/./../relay/doors.ts',
  ])
    expect({ path, status: await status(path) }).toEqual({ path, status: 404 });
  await new Promise<void>((done) => server.close(() => done()));
});
