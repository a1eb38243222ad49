import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ClientAddresses, readAddress } from '../relay/addresses.ts';

function request(peer: string | undefined, forwarded?: string): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: peer });
  const made = new IncomingMessage(socket);
  if (forwarded !== undefined) made.headers['x-forwarded-for'] = forwarded;
  return made;
}
const seen = (trusted: string[], peer: string, forwarded?: string) =>
  new ClientAddresses(trusted).of(request(peer, forwarded)).address;

describe('where a request comes from', () => {
  it('is the peer, whatever a stranger says was forwarded, from the loopback address too', () => {
    expect(seen([], '203.0.113.9', '198.51.100.1')).toBe('203.0.113.9');
    expect(seen([], '127.0.0.1', '198.51.100.1')).toBe('127.0.0.1');
    expect(seen(['10.0.0.1'], '10.0.0.2', '198.51.100.1')).toBe('10.0.0.2');
  });

  it('is, behind trusted proxies, the rightmost that is not one of them', () => {
    expect(seen(['127.0.0.1'], '127.0.0.1', '198.51.100.1')).toBe('198.51.100.1');
    expect(seen(['127.0.0.1'], '127.0.0.1', '1.1.1.1, 198.51.100.1')).toBe('198.51.100.1');
    expect(seen(['127.0.0.1', '10.0.0.0/8'], '127.0.0.1', '1.1.1.1, 198.51.100.1, 10.1.2.3')).toBe('198.51.100.1');
    expect(seen(['127.0.0.1'], '::ffff:127.0.0.1', '198.51.100.1')).toBe('198.51.100.1');
    expect(seen(['fd00::/8'], 'fd00::1', '2001:db8::5')).toBe('2001:db8::5');
  });

  it('is the proxy itself where it says nothing, or nothing that is an address', () => {
    expect(seen(['127.0.0.1'], '127.0.0.1')).toBe('127.0.0.1');
    expect(seen(['127.0.0.1'], '127.0.0.1', 'unknown')).toBe('127.0.0.1');
    expect(seen(['127.0.0.1'], '127.0.0.1', '1.1.1.1, <script>')).toBe('127.0.0.1');
  });

  it('is told once where a neighbour forwards for others and nobody trusts it', () => {
    const told: string[] = [];
    const addresses = new ClientAddresses(['10.0.0.1'], (peer) => told.push(peer));
    for (const peer of ['10.0.0.1', '1.1.1.1', '2001:db9::1']) addresses.of(request(peer, '198.51.100.1'));
    addresses.of(request('127.0.0.1'));
    expect(told).toEqual([]);
    for (let i = 0; i < 3; i++) addresses.of(request('::ffff:127.0.0.1', '198.51.100.1'));
    addresses.of(request('10.0.0.2', '198.51.100.1'));
    expect(told).toEqual(['::ffff:127.0.0.1']);
  });

  it('is unknown where the peer is gone', () => {
    expect(new ClientAddresses().of(request(undefined)).address).toBe('unknown');
  });

  it('counts IPv6 by its /64 and IPv4 as itself, also in the clothes of IPv6', () => {
    const prefix = (text: string) => readAddress(text)?.prefix;
    expect(prefix('2001:db8:1:2:aaaa::1')).toBe(prefix('2001:DB8:1:2:bbbb:cccc:0:9'));
    expect(prefix('2001:db8:1:2::1')).toBe('2001:db8:1:2::/64');
    expect(prefix('2001:db8:1:3::1')).not.toBe(prefix('2001:db8:1:2::1'));
    expect(readAddress('::ffff:192.0.2.7')).toEqual({ address: '192.0.2.7', prefix: '192.0.2.7' });
    expect(readAddress('fe80::1%eth0')).toEqual({ address: 'fe80::1', prefix: 'fe80::/64' });
    expect(readAddress('no address')).toBeNull();
  });

  it('refuses a proxy that is no address', () => {
    expect(() => new ClientAddresses(['proxy.example'])).toThrow(/proxy.example/);
  });
});
