/** A kit's updater and the relay's own calls, over a socket. Costs 1 s. */
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { uploadRelease } from '../provisioning/release/upload.ts';
import { ReleaseStore } from '../relay/releases.ts';
import { machineDisk } from '../systemd/agent/updates/disk.ts';
import { TestApi } from './harness/api.ts';
import { adminSecret } from './harness/doors.ts';
import { newKey } from './harness/kits.ts';
import { makeRelease, releaseKey } from './harness/release-maker.ts';
import { UpdatedKit } from './harness/updated-kit.ts';

let kit: UpdatedKit;
let store: ReleaseStore;
let api: TestApi;
let server: Server;
let key: string;
let url: string;
/** Answers to kits break off after so many bytes. */
let breakAfter: number | null;

beforeEach(async () => {
  kit = new UpdatedKit();
  breakAfter = null;
  store = new ReleaseStore({
    ...{ folder: kit.path('relay'), publicKeyPem: releaseKey.pem, limits: { reserveBytes: 0 } },
  });
  await store.load();
  api = new TestApi({ releases: store });
  api.rooms.put('verdi');
  const answer = getRequestListener(api.app.fetch);
  server = createServer((request, response) => {
    const write = response.write.bind(response);
    let written = 0;
    if (breakAfter !== null && /release\/[^/]+$/.test(request.url ?? ''))
      response.write = (chunk: Uint8Array, ...rest: never[]) => {
        written += chunk.length;
        if (written > (breakAfter ?? 0)) setTimeout(() => request.socket.destroy(), 20);
        return write(chunk.subarray(0, breakAfter ?? 0), ...rest);
      };
    void answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  url = `http://127.0.0.1:${port}`;
  const { token } = api.kits.create('verdi-1', 'device', 'verdi', '');
  key = newKey();
  await api.ask('POST', '/api/enrolment', { key, version: '1.0.0' }, token);
});
afterEach(async () => {
  await kit.remove();
  server.closeAllConnections();
  server.close();
  api.rooms.remove();
});

test('what an organizer uploads and offers comes to the kit, also over a line that breaks', async () => {
  const made = makeRelease('1.1.0', 2, { more: [{ name: 'big', content: randomBytes(400_000) }] });
  const file = kit.path('archive.tar.gz');
  kit.write('archive.tar.gz', made.archive);
  const lines: string[] = [];
  const order = {
    ...{ relay: url, adminToken: adminSecret, version: '1.1.0', manifest: made.manifest, file, fetch },
    ...{ signal: new AbortController().signal, say: (line: string) => lines.push(line) },
  };
  await expect(uploadRelease({ ...order, adminToken: 'x' })).rejects.toMatchObject({ code: 'release-upload' });
  kit.write('archive.tar.gz', made.archive.subarray(0, 1000));
  await expect(uploadRelease(order)).rejects.toThrow('shorter than its manifest');
  kit.write('archive.tar.gz', made.archive);
  await uploadRelease(order);
  expect(lines.slice(-2)).toEqual(['uploaded 100 %', expect.stringContaining('offer it')]);
  const offer = {
    method: 'PUT',
    headers: { authorization: `Bearer ${adminSecret}`, 'content-type': 'application/json' },
  };
  await fetch(`${url}/api/releases/offered`, { ...offer, body: JSON.stringify({ version: '1.1.0' }) });

  await kit.updater.stop();
  breakAfter = 100_000;
  kit.start(machineDisk, {}, { relay: url, key: () => key, fetch });
  kit.updater.offer(store.offered);
  await kit.told('fetching', /the line broke/);
  breakAfter = null;
  await kit.told('staged');
  kit.updater.idle(true);
  await kit.told('switched');
  expect(kit.inCharge).toBe('1.1.0');
  expect(kit.read('var/lib/sala/software/releases/1.1.0/big')?.length).toBeGreaterThan(100_000);

  api.kits.delete('verdi-1');
  expect((await fetch(`${url}/api/kit/release/1.1.0`, { headers: { authorization: `Bearer ${key}` } })).status).toBe(
    401,
  );
});
