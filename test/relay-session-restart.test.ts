import { afterEach, expect, test } from 'vitest';
import WebSocket from 'ws';
import { liveProtocol } from '../relay/protocol.js';
import { Reading } from './harness/doors.ts';
import { TestRelay, temporaryFolder } from './harness/programs.ts';

const folder = temporaryFolder();
let relay: TestRelay | undefined;
afterEach(async () => {
  await relay?.stop();
  folder.remove();
});

test('an admin page stays logged in over a restart of the relay, by tokens that were made before, and the log goes on', {
  timeout: 60_000,
}, async () => {
  const origin = 'https://captions.example';
  const args = ['--origin', `${origin},http://localhost:1`];
  let running = await TestRelay.start({ dataDir: folder.path, args });
  relay = running;
  await running.room('hall');
  const { token } = await running.call<{ token: string }>('POST', '/api/tokens', { right: 'admin', label: 'Ada' });
  const login = await fetch(`${running.url}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin },
    body: JSON.stringify({ token }),
  });
  expect(login.status).toBe(200);
  const cookie = /^__Host-sala-session=[^;]+/.exec(login.headers.get('set-cookie') ?? '')?.[0] ?? '';
  const live = () => {
    const headers = { cookie, origin };
    return new Reading(new WebSocket(`ws://127.0.0.1:${running.port}/api/live`, [liveProtocol], { headers }));
  };
  const page = live();
  await page.until(({ messages }) => messages.length > 0);
  expect(page.messages[0]).toMatchObject({ type: 'hello' });
  await running.stop();
  expect((await page.closed).code).toBe(1012);

  running = await TestRelay.start({ dataDir: folder.path, args, port: running.port });
  relay = running;
  const again = live();
  await again.until(({ messages }) => messages.length > 0);
  const put = await fetch(`${running.url}/api/rooms/hall/clear`, { method: 'POST', headers: { cookie, origin } });
  expect(put.status).toBe(200);
  const { entries } = await running.call<{ entries: { act: string; actor: string; address: string }[] }>(
    'GET',
    '/api/audit',
  );
  expect(entries[0]).toMatchObject({
    ...{ act: 'cleared the screens', room: 'hall', address: '127.0.0.1' },
    actor: expect.stringMatching(/^token "Ada" \(/),
  });
  expect(entries.map(({ act }) => act)).toEqual([
    ...['cleared the screens', 'logged in', 'made a token', 'made a token', 'made a token', 'set a room'],
  ]);
  await fetch(`${running.url}/api/session`, { method: 'DELETE', headers: { cookie, origin } });
  expect((await again.closed).code).toBe(4401);
  await running.stop();
  for (const secret of [token, cookie.split('.')[1] ?? 'x'])
    expect(running.program.output.includes(secret.slice(-40))).toBe(false);
});
