import { type Server, type ServerOptions, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ClientAddresses, readAddress, unknownAddress } from './addresses.ts';

export const defaultHttpLimits = {
  /** How long the head of a request, and all of it, may take, in s: the file of a schedule may be long, and a phone's line
   * narrow. A stranger's is answered and closed as soon as its head is here. */
  headerTimeout: 5,
  requestTimeout: 30,
  /** Of calls but those with lists or files. */
  maxBodyBytes: 64 * 1024,
};

/**
 * For the http server before the upgrade: by default a half-sent header would hold a connection for a minute. After it,
 * the doors' own timers count. Only WebSockets leave HTTP; another `Upgrade` is ignored, as RFC 9110 allows.
 */
export const httpServerOptions = ({ headerTimeout, requestTimeout } = defaultHttpLimits): ServerOptions => ({
  headersTimeout: headerTimeout * 1000,
  requestTimeout: requestTimeout * 1000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 8192,
  keepAliveTimeout: 65_000,
  shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
});

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

const statusOf: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  HPE_HEADER_OVERFLOW: 431,
};

/** All of them are looked at for that. */
const clearEveryMs = 1000;

/** How many connections the relay's ports hold, of each address too. What is beyond is dropped before a byte is read. */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #addresses: ClientAddresses;
  /** By address; as many as there are connections. */
  readonly #open = new Map<string, number>();
  #clearedMs = Number.NEGATIVE_INFINITY;
  dropped = 0;
  /** Requests that were too slow, too long or no HTTP, by the status they were answered with. */
  readonly faults = new Map<number, number>();

  constructor(limits: ConnectionLimits, addresses: ClientAddresses) {
    this.#limits = limits;
    this.#addresses = addresses;
  }

  get addresses(): number {
    return this.#open.size;
  }

  watch(server: Server): void {
    server.maxConnections = this.#limits.maxConnections;
    server.on('drop', () => this.#drop(server));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#refuse(error, socket));
    server.on('connection', (socket) => this.#enter(server, socket));
  }

  /** As Node itself answers them; counted. */
  #refuse({ code = '' }: NodeJS.ErrnoException, socket: Duplex): void {
    if (code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    const status = statusOf[code] ?? 400;
    this.faults.set(status, (this.faults.get(status) ?? 0) + 1);
    socket.once('finish', () => socket.destroy());
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`);
  }

  /** Who only holds a place without asking for anything gives way to whoever comes next. */
  #drop(server: Server): void {
    this.dropped++;
    const now = performance.now();
    if (now - this.#clearedMs < clearEveryMs) return;
    this.#clearedMs = now;
    server.closeIdleConnections();
  }

  #enter(server: Server, socket: Socket): void {
    const { remoteAddress } = socket;
    if (this.#addresses.isProxy(remoteAddress)) return;
    const { prefix } = readAddress(remoteAddress ?? '') ?? unknownAddress;
    const open = this.#open.get(prefix) ?? 0;
    if (open >= this.#limits.maxConnectionsPerAddress) {
      socket.resetAndDestroy();
      this.#drop(server);
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
