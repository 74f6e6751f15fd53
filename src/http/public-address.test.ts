import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalAddress, ownNetworks, whyNotPublic } from './public-address.ts';

describe('whyNotPublic', () => {
  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '172.15.0.1',
    '172.32.0.1',
    '100.63.255.255',
    '100.128.0.0',
    '223.255.255.255',
    '2606:4700::1111',
    '2a00:1450:4001:81b::200e',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
  ])('allows %s', (address) => expect(whyNotPublic(address)).toBeNull());
  it.each([
    '0.0.0.0',
    '10.0.0.1',
    '100.64.0.1',
    '100.100.100.200',
    '127.0.0.1',
    '127.255.255.254',
    '168.63.129.16',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.192',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '239.255.255.255',
    '255.255.255.255',
    '::',
    '::1',
    '::7f00:1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:169.254.169.254',
    '0:0:0:0:0:ffff:0a00:0001',
    '::ffff:0:127.0.0.1',
    '64:ff9b::127.0.0.1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::1',
    '2002:7f00:1::',
    '2001::1',
    '2001:db8::1',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fe80::1%eth0',
    'ff02::1',
    '100::1',
    'fec0::1',
    '3fff::1',
    'localhost',
    '',
    '1.2.3',
    '0x7f.1',
    '2130706433',
  ])('refuses %s', (address) => expect(whyNotPublic(address)).toEqual(expect.any(String)));

  it('judges every IPv4 address the same in its IPv6 forms', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const plain = whyNotPublic(address);
        for (const prefix of ['::ffff:', '::ffff:0:', '64:ff9b::'])
          expect(whyNotPublic(prefix + address)).toBe(plain);
      }),
      { numRuns: 2000 },
    );
  });

  it('has an answer for every IPv6 address, and one spelling', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        expect([null, 'string']).toContain(
          whyNotPublic(address) === null ? null : typeof whyNotPublic(address),
        );
        expect(canonicalAddress(canonicalAddress(address))).toBe(canonicalAddress(address));
      }),
      { numRuns: 2000 },
    );
    expect(canonicalAddress('::ffff:1.2.3.4')).toBe('1.2.3.4');
    expect(canonicalAddress('FE80::1%eth0')).toBe(canonicalAddress('fe80:0:0::0:1'));
  });
});

describe('ownNetworks', () => {
  const isOwn = ownNetworks([
    '127.0.0.1/8',
    '203.0.113.7/24',
    '198.51.100.9',
    '::ffff:192.0.2.2',
    '2a02:8106:1:2:3:4:5:6/128',
    '2001:4860:1::1',
    'fe80::1%eth0/64',
    '8.8.8.8/1',
    'nonsense',
  ]);

  it.each([
    '127.9.9.9',
    '203.0.113.200',
    '::ffff:203.0.113.200',
    '198.51.100.9',
    '192.0.2.2',
    '2a02:8106:1:2:ffff::1',
    '2001:4860:1::2',
    'fe80::99',
    '8.8.8.8',
  ])('%s is one of them', (address) => {
    expect(isOwn(address)).toBe(true);
  });

  it.each(['203.0.114.1', '198.51.100.10', '192.0.2.3', '2a02:8106:1:3::1', '2001:4860:2::1', '8.8.4.4'])(
    '%s is not',
    (address) => {
      expect(isOwn(address)).toBe(false);
    },
  );
});
