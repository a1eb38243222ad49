import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FaultyProxy } from './harness/proxy.ts';
import { noise } from './harness/random.ts';
import { until } from './harness/until.ts';

let server: Server;
let proxy: FaultyProxy;
let client: Socket;
const accepted: Socket[] = [];
const got: { bytes: Buffer; atMs: number }[] = [];

beforeEach(async () => {
  got.length = 0;
  accepted.length = 0;
  server = createServer((socket) => {
    accepted.push(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => got.push({ bytes, atMs: performance.now() }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  proxy = await new FaultyProxy({
    host: '127.0.0.1',
    port: typeof address === 'object' && address ? address.port : 0,
  }).start();
  client = connect(proxy.port, '127.0.0.1');
  client.on('error', () => {});
  await once(client, 'connect');
});

afterEach(async () => {
  client.destroy();
  await proxy.stop();
  for (const socket of accepted) socket.destroy();
  await new Promise((closed) => server.close(closed));
});

const received = () => got.reduce((sum, { bytes }) => sum + bytes.length, 0);

test('a throttled line passes its rate, every byte in order', async () => {
  proxy.throttle(50_000);
  const sent = noise(1, 100_000);
  const begunMs = performance.now();
  client.write(sent);
  await until(() => received() === sent.length || undefined, { what: 'all bytes' });
  const seconds = ((got.at(-1)?.atMs ?? 0) - begunMs) / 1000;
  expect(seconds).toBeGreaterThan(1.8);
  expect(seconds).toBeLessThan(3);
  expect(Buffer.compare(Buffer.concat(got.map(({ bytes }) => bytes)), sent)).toBe(0);
});

test('a long line delays both directions and loses nothing when it closes', async () => {
  await until(() => accepted[0], { what: 'a connection' });
  proxy.delay(300);
  const begunMs = performance.now();
  client.write('there');
  client.end();
  await until(() => received() === 5 || undefined);
  expect((got[0]?.atMs ?? 0) - begunMs).toBeGreaterThan(290);
  const again = connect(proxy.port, '127.0.0.1');
  await once(again, 'connect');
  const socket = await until(() => accepted[1], { what: 'the second connection' });
  const saidMs = performance.now();
  socket.write('back');
  await once(again, 'data');
  expect(performance.now() - saidMs).toBeGreaterThan(290);
  again.destroy();
});

test('an untouched proxy passes everything at once', async () => {
  client.write(noise(2, 3_000_000));
  await until(() => received() === 3_000_000 || undefined, { what: 'all bytes' });
});
