import { IncomingMessage } from 'node:http';
import type { Context } from 'hono';
import ipaddr from 'ipaddr.js';
import proxyAddr from 'proxy-addr';

/** Where a request comes from. It gives no right to anything: limits count by it, and the audit log names it. */
export interface ClientAddress {
  /** Canonical; an IPv4 address in IPv6's clothes is IPv4. */
  readonly address: string;
  /** What limits count by: the address, of IPv6 its /64, which is one customer's. */
  readonly prefix: string;
}

/** What is said where there is no connection: a call within the process, or one whose peer is gone. */
export const unknownAddress: ClientAddress = { address: 'unknown', prefix: 'unknown' };

const prefixBits = 64;

/** The address in its canonical form; null where the text is none. */
export function readAddress(text: string): ClientAddress | null {
  if (!ipaddr.isValid(text)) return null;
  const parsed = ipaddr.process(text);
  if (!(parsed instanceof ipaddr.IPv6)) return { address: parsed.toString(), prefix: parsed.toString() };
  delete parsed.zoneId; // of this machine's own link: says nothing about the peer
  const address = parsed.toString();
  return {
    address,
    prefix: `${ipaddr.IPv6.networkAddressFromCIDR(`${address}/${prefixBits}`).toString()}/${prefixBits}`,
  };
}

/** Reads from where a request comes. `X-Forwarded-For` is believed only as far as trusted proxies wrote it. */
export class ClientAddresses {
  readonly #isTrusted: (address: string) => boolean;
  #tell: (peer: string) => void;

  /**
   * @param trusted addresses or CIDR of the proxies before the relay
   * @param tell called once, with a neighbour that forwards for others and is not trusted: all its clients are one address
   * @throws {TypeError} when one of them is neither
   */
  constructor(trusted: readonly string[] = [], tell: (peer: string) => void = () => {}) {
    const matches = proxyAddr.compile([...trusted]);
    this.#isTrusted = (address) => matches(address, 0);
    this.#tell = tell;
  }

  /** Whether the peer is one of the proxies: all clients share its connections. */
  isProxy(peer: string | undefined): boolean {
    return peer !== undefined && this.#isTrusted(peer);
  }

  /** The hop nearest to the relay that is no trusted proxy. */
  of(request: IncomingMessage): ClientAddress {
    this.#look(request);
    // Nearest first, up to the first that is not trusted; what is no address ends the belief as well.
    const hops = proxyAddr.all(request, this.#isTrusted).map((hop: string | undefined) => readAddress(hop ?? ''));
    const unreadable = hops.indexOf(null);
    return hops.at(unreadable < 0 ? -1 : Math.max(0, unreadable - 1)) ?? unknownAddress;
  }

  /** Anybody can send the header; a neighbour that does is most likely a proxy that was forgotten. */
  #look({ headers, socket: { remoteAddress: peer = '' } }: IncomingMessage): void {
    if (headers['x-forwarded-for'] === undefined || this.isProxy(peer)) return;
    if (!ipaddr.isValid(peer) || ipaddr.process(peer).range() === 'unicast') return;
    this.#tell(peer);
    this.#tell = () => {};
  }

  /** The same of a call to the HTTP API. */
  ofCall(context: Context): ClientAddress {
    const request: unknown = context.env?.incoming;
    return request instanceof IncomingMessage ? this.of(request) : unknownAddress;
  }
}
