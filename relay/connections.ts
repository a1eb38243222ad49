import type { Server, ServerOptions } from 'node:http';
import type { Socket } from 'node:net';
import { type ClientAddresses, readAddress, unknownAddress } from './addresses.ts';

/** For the http server before the upgrade: by default a half-sent header would hold a connection for a minute. After it,
 * the doors' own timers count. Only WebSockets leave HTTP; another `Upgrade` is ignored, as RFC 9110 allows. */
export const httpServerOptions: ServerOptions = {
  headersTimeout: 5000,
  requestTimeout: 8000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 8192,
  keepAliveTimeout: 65_000,
  shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
};

export interface ConnectionLimits {
  /** Of all clients; a place in the kernel and some memory each. */
  readonly maxConnections: number;
  /** A venue is one address; each browser there opens several. Not for trusted proxies, which all clients share. */
  readonly maxConnectionsPerAddress: number;
}

export const defaultConnectionLimits: ConnectionLimits = {
  maxConnections: 20_000,
  maxConnectionsPerAddress: 16_000,
};

/** How many connections the relay's ports hold, of each address too. What is beyond is dropped before a byte is read. */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #addresses: ClientAddresses;
  /** By address; as many as there are connections. */
  readonly #open = new Map<string, number>();
  dropped = 0;

  constructor(limits: ConnectionLimits, addresses: ClientAddresses) {
    this.#limits = limits;
    this.#addresses = addresses;
  }

  get addresses(): number {
    return this.#open.size;
  }

  watch(server: Server): void {
    server.maxConnections = this.#limits.maxConnections;
    server.on('drop', () => this.dropped++);
    server.on('connection', (socket) => this.#enter(socket));
  }

  #enter(socket: Socket): void {
    const { remoteAddress } = socket;
    if (this.#addresses.isProxy(remoteAddress)) return;
    const { prefix } = readAddress(remoteAddress ?? '') ?? unknownAddress;
    const open = this.#open.get(prefix) ?? 0;
    if (open >= this.#limits.maxConnectionsPerAddress) {
      this.dropped++;
      socket.resetAndDestroy();
      return;
    }
    this.#open.set(prefix, open + 1);
    socket.once('close', () => {
      const left = (this.#open.get(prefix) ?? 1) - 1;
      if (left > 0) this.#open.set(prefix, left);
      else this.#open.delete(prefix);
    });
  }
}
