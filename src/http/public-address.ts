/**
 * Is this address on the public internet? Pure. Default deny: what is not clearly a public unicast address is not.
 * IPv6 forms that carry an IPv4 address (mapped, translated, NAT64) are judged by the address they carry, because
 * that is where the packets go. Sources: IANA special-purpose registries for IPv4 and IPv6.
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net';

const SPECIAL_V4: readonly (readonly [network: string, bits: number, what: string])[] = [
  ['0.0.0.0', 8, 'this network'],
  ['10.0.0.0', 8, 'a private range'],
  ['100.64.0.0', 10, 'carrier-grade NAT'],
  ['127.0.0.0', 8, 'loopback'],
  ['168.63.129.16', 32, 'a metadata service'],
  ['169.254.0.0', 16, 'link-local or a metadata service'],
  ['172.16.0.0', 12, 'a private range'],
  ['192.0.0.0', 24, 'a reserved range'],
  ['192.0.2.0', 24, 'a documentation range'],
  ['192.88.99.0', 24, 'a reserved range'],
  ['192.168.0.0', 16, 'a private range'],
  ['198.18.0.0', 15, 'a benchmarking range'],
  ['198.51.100.0', 24, 'a documentation range'],
  ['203.0.113.0', 24, 'a documentation range'],
  ['224.0.0.0', 4, 'multicast'],
  ['240.0.0.0', 4, 'a reserved range'],
];

/** Why the address is not public, or null when it is. Takes what a resolver returns: plain IPv4 or IPv6. */
export function whyNotPublic(address: string): string | null {
  if (isIPv4(address)) return whyNotV4(toNumber(address));
  if (!isIPv6(address)) return 'not an address';
  if (address.includes('%')) return 'link-local';
  const groups = toGroups(address);
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = groups;
  const v4 = g * 65_536 + h;
  const zero = (...values: number[]) => values.every((value) => value === 0);
  if (zero(a, b, c, d) && ((e === 0 && f === 0xffff) || (e === 0xffff && f === 0))) return whyNotV4(v4);
  if (a === 0x64 && b === 0xff9b && zero(c, d, e, f)) return whyNotV4(v4);
  if (a === 0x64 && b === 0xff9b) return 'local NAT64';
  if (a === 0x2001 && b < 0x0200) return 'a reserved range (Teredo and others)';
  if (a === 0x2001 && b === 0x0db8) return 'a documentation range';
  if (a === 0x2002) return '6to4';
  if (a === 0x3fff && b < 0x1000) return 'a documentation range';
  if ((a & 0xe000) === 0x2000) return null;
  if ((a & 0xfe00) === 0xfc00) return 'a private range';
  if ((a & 0xffc0) === 0xfe80) return 'link-local';
  if ((a & 0xff00) === 0xff00) return 'multicast';
  if (zero(a, b, c, d, e, f, g) && h === 1) return 'loopback';
  return 'a reserved range';
}

/** One spelling for each address, so that a host's own can be compared. IPv4-mapped becomes IPv4. */
export function canonicalAddress(address: string): string {
  const bare = address.replace(/%.*$/, '');
  if (!isIPv6(bare)) return bare;
  const groups = toGroups(bare);
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    const [g = 0, h = 0] = groups.slice(6);
    return [g >> 8, g & 255, h >> 8, h & 255].join('.');
  }
  return groups.map((group) => group.toString(16)).join(':');
}

/**
 * Judges whether an address is on a network that this host is on itself: its neighbours may have public addresses, IPv6
 * mostly, and trust whoever stands beside them. `own` as "192.0.2.2/24" or without a length, for that address alone;
 * an IPv6 address stands for its /64 at least, since hosts are given a single one of a network they share.
 */
export function ownNetworks(own: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const each of own) {
    const [text = '', length] = each.split('/');
    const address = canonicalAddress(text);
    const v4 = isIPv4(address);
    if (!v4 && !isIPv6(address)) continue;
    const bits = length === undefined ? (v4 ? 32 : 128) : Number(length);
    // A tunnel may claim half of the internet, which does not make it a neighbourhood.
    const isNetwork = v4 ? bits >= 8 : bits >= 32;
    if (!isNetwork) list.addAddress(address, v4 ? 'ipv4' : 'ipv6');
    else list.addSubnet(address, v4 ? bits : Math.min(bits, 64), v4 ? 'ipv4' : 'ipv6');
  }
  return (address) => {
    const canonical = canonicalAddress(address);
    return list.check(canonical, isIPv4(canonical) ? 'ipv4' : 'ipv6');
  };
}

function whyNotV4(value: number): string | null {
  for (const [network, bits, what] of SPECIAL_V4) {
    const size = 2 ** (32 - bits);
    const start = toNumber(network);
    if (value >= start && value < start + size) return what;
  }
  return null;
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** The eight groups of a valid IPv6 address. */
function toGroups(address: string): number[] {
  const plain = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, p, q, r, s) =>
    [Number(p) * 256 + Number(q), Number(r) * 256 + Number(s)].map((group) => group.toString(16)).join(':'),
  );
  const [head = '', tail] = plain.split('::');
  const parse = (text: string) => (text ? text.split(':').map((group) => Number.parseInt(group, 16)) : []);
  const left = parse(head);
  if (tail === undefined) return left;
  const right = parse(tail);
  return [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right];
}
