import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allowEntry, checkNetwork, type NetworkRules, whyNotConnect } from './network.ts';

const rules = (network: NetworkRules['network'], ...networkAllow: string[]): NetworkRules => ({
  network,
  networkAllow,
});

describe('an entry of an allowlist', () => {
  it.each([
    ['example.org', 'example.org'],
    ['  Example.ORG. ', 'example.org'],
    ['*.example.org', '*.example.org'],
    ['example.org:8443', 'example.org:8443'],
    ['example.org:00443', 'example.org:443'],
    ['*.Example.org.:443', '*.example.org:443'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['localhost', 'localhost'],
    ['_dmarc.example.org', '_dmarc.example.org'],
  ])('%j is %s', (text, entry) => {
    expect(allowEntry(text)).toBe(entry);
    expect(allowEntry(entry)).toBe(entry);
  });

  it.each([
    '',
    '*',
    '*.',
    '*.org',
    'ex*mple.org',
    '**.example.org',
    'a.*.example.org',
    'https://example.org',
    'example.org/path',
    'user@example.org',
    'example.org:',
    'example.org:0',
    'example.org:65536',
    'example.org:443:443',
    'example..org',
    '-example.org',
    '1.2.3.4',
    '2130706433',
    '0x7f.1',
    '[::1]',
    '::1',
    'exa mple.org',
    'example.org\nevil.example',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(130)}example`,
  ])('%j is refused', (text) => {
    expect(allowEntry(text)).toBeNull();
  });

  it('never allows a host that the person who wrote it did not name', () => {
    const label = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    fc.assert(
      fc.property(fc.array(label, { minLength: 2, maxLength: 4 }), label, (labels, other) => {
        const host = labels.join('.');
        fc.pre(allowEntry(host) !== null);
        const list = rules('allowlist', host);
        expect(whyNotConnect(list, host, 443)).toBeNull();
        for (const near of [`${other}.${host}`, `${other}${host}`, `${host}${other}`, `${host}.${other}`])
          expect(whyNotConnect(list, near, 443)).not.toBeNull();
        const below = rules('allowlist', `*.${host}`);
        expect(whyNotConnect(below, `${other}.${host}`, 443)).toBeNull();
        for (const near of [host, `${other}${host}`, `.${host}`, `${host}.${other}`])
          expect(whyNotConnect(below, near, 443)).not.toBeNull();
      }),
      { numRuns: 300 },
    );
  });
});

describe('a policy', () => {
  it('open: any host, on the ports of the web', () => {
    expect(whyNotConnect(rules('open'), 'example.org', 443)).toBeNull();
    expect(whyNotConnect(rules('open'), '198.51.100.7', 80)).toBeNull();
    expect(whyNotConnect(rules('open'), 'example.org', 22)).toMatch(/"open": port 22 is not allowed/);
  });

  it('allowlist: a port belongs to its entry', () => {
    const list = rules('allowlist', 'a.example', 'b.example:8443');
    expect(whyNotConnect(list, 'a.example', 80)).toBeNull();
    expect(whyNotConnect(list, 'a.example', 8443)).toMatch(/"allowlist": a.example:8443 is not on its list/);
    expect(whyNotConnect(list, 'b.example', 8443)).toBeNull();
    expect(whyNotConnect(list, 'b.example', 443)).not.toBeNull();
    expect(whyNotConnect(list, '93.184.216.34', 443)).not.toBeNull();
  });

  it('none: nothing, whatever the list of another time says', () => {
    expect(whyNotConnect(rules('none', 'a.example'), 'a.example', 443)).toMatch(/"none": only the model/);
  });

  it('is checked as a whole, and says what was expected', () => {
    expect(checkNetwork('allowlist', ['A.example', 'a.example.'])).toEqual({
      rules: { network: 'allowlist', networkAllow: ['a.example'] },
      problems: [],
    });
    expect(checkNetwork('closed', ['x/y']).problems).toEqual([
      'network: expected open, allowlist, none, got "closed"',
      'allow: expected a host like example.org, *.example.org or example.org:8443, got "x/y"',
    ]);
    expect(checkNetwork('allowlist', []).problems).toEqual([expect.stringContaining('at least one host')]);
    expect(
      checkNetwork(
        'open',
        Array.from({ length: 201 }, (_, n) => `h${n}.example`),
      ).problems,
    ).toEqual(['allow: expected at most 200 hosts']);
  });
});
