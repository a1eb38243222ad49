import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy that misbehaves on command: what a venue's network does to a connection. */
export class FaultyProxy {
  readonly #target: { host: string; port: number };
  readonly #pairs = new Set<readonly [client: Socket, upstream: Socket]>();
  #server: Server;
  #refusing = false;
  #blackHole = false;
  port = 0;
  /** Connections accepted so far. */
  accepted = 0;

  constructor(target: { host: string; port: number }) {
    this.#target = target;
    this.#server = this.#make();
  }

  async start(port = 0): Promise<this> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    this.port = typeof address === 'object' && address ? address.port : port;
    return this;
  }

  /** Resets every open connection. */
  cut(): void {
    for (const [client, upstream] of this.#pairs) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
  }

  /** Refuses new connections and cuts the open ones, until called with false. */
  async refuse(on: boolean): Promise<void> {
    if (on === this.#refusing) return;
    this.#refusing = on;
    if (on) {
      const closed = once(this.#server, 'close');
      this.#server.close();
      this.cut();
      await closed;
    } else {
      this.#server = this.#make();
      await this.start(this.port);
    }
  }

  /** Swallows every byte both ways without closing anything, until called with false. Swallowed bytes are lost, so the
   * connections that were open do not recover; new ones made meanwhile are swallowed too. */
  blackHole(on: boolean): void {
    this.#blackHole = on;
  }

  /** Ends only the direction from the client: a half-closed connection. */
  halfClose(): void {
    for (const [client, upstream] of this.#pairs) {
      client.unpipe(upstream);
      upstream.end();
    }
  }

  async stop(): Promise<void> {
    this.cut();
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }

  #make(): Server {
    return createServer((client) => {
      this.accepted++;
      const upstream = connect(this.#target);
      const pair = [client, upstream] as const;
      this.#pairs.add(pair);
      const pass = (from: Socket, to: Socket) =>
        from.on('data', (chunk) => {
          if (this.#blackHole) return;
          if (!to.write(chunk)) {
            from.pause();
            to.once('drain', () => from.resume());
          }
        });
      pass(client, upstream);
      pass(upstream, client);
      client.on('end', () => this.#blackHole || upstream.end());
      upstream.on('end', () => this.#blackHole || client.end());
      for (const socket of pair) {
        socket.on('error', () => {});
        socket.on('close', () => {
          this.#pairs.delete(pair);
          if (this.#blackHole) return;
          client.destroy();
          upstream.destroy();
        });
      }
    });
  }
}
