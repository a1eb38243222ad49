import ipaddr from 'ipaddr.js';

/**
 * Whether an address is one of the open internet. An instance's metadata service (169.254.169.254, fd00:ec2::254), its
 * neighbours and the relay itself are not, nor are they by another spelling: an IPv4 address inside of an IPv6 one
 * (mapped, NAT64) is judged by itself, and what is tunnelled (6to4, Teredo) is none.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.parse(text);
  if (address instanceof ipaddr.IPv4) return address.range() === 'unicast';
  if (text.includes('%')) return false;
  const range = address.range();
  const bytes = address.toByteArray();
  const isWellKnownNat64 = range === 'rfc6052' && bytes.slice(4, 12).every((byte) => byte === 0);
  const isMapped = address.isIPv4MappedAddress();
  if (isMapped || isWellKnownNat64) return new ipaddr.IPv4(bytes.slice(12)).range() === 'unicast';
  // All that is given out of the unicast space is in 2000::/3.
  return range === 'unicast' && ((bytes[0] ?? 0) & 0xe0) === 0x20;
}
