import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { textFrame } from '../relay/text-frame.ts';

const server = createServer();
const sockets = new WebSocketServer({ noServer: true });
let client: WebSocket;
let line: Duplex;

beforeAll(async () => {
  server.on('upgrade', (request, socket: Duplex, head) => {
    sockets.handleUpgrade(request, socket, head, () => {
      line = socket;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  client = new WebSocket(`ws://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`);
  await once(client, 'open');
});
afterAll(() => {
  client.terminate();
  server.close();
});

test.for([0, 1, 125, 126, 127, 65_535, 65_536, 200_000])(
  'a client reads a message of %i bytes as it was written',
  async (length) => {
    const text = 'é'.repeat(Math.floor(length / 2)) + 'x'.repeat(length % 2);
    const heard = once(client, 'message');
    line.write(textFrame(Buffer.from(text)));
    const [data, isBinary] = await heard;
    expect({ isBinary, text: String(data) }).toEqual({ isBinary: false, text });
  },
);
