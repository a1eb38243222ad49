import { once } from 'node:events';
import { createServer } from 'node:net';

/** Linux takes the ports of outgoing connections from 32768 upwards. */
const first = 12_000;
const last = 32_000;

/** A free port of this machine that stays free while nobody listens on it: no outgoing connection is given it meanwhile. */
export async function lastingPort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = first + Math.floor(Math.random() * (last - first));
    const server = createServer();
    server.listen(port, host);
    try {
      await once(server, 'listening');
    } catch {
      continue; // somebody listens there
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}
