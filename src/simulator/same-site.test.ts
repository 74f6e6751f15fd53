import { describe, expect, it } from 'vitest';
import { refusal } from './same-site.ts';

const json = { 'content-type': 'application/json' };

describe('refusal', () => {
  it.each([
    ['a program', { host: '127.0.0.1:7420', ...json }],
    [
      'the page',
      { host: 'localhost:7420', origin: 'http://localhost:7420', 'sec-fetch-site': 'same-origin', ...json },
    ],
    ['the page over IPv6', { host: '[::1]:7420', origin: 'http://[::1]:7420', ...json }],
    ['a name from the options', { host: 'sim.lan:7420', origin: 'http://sim.lan:7420', ...json }],
    ['an upload', { host: 'localhost', 'content-type': 'application/octet-stream' }],
  ])('lets in %s', (_who, headers) => {
    expect(refusal('POST', headers, ['sim.lan'])).toBeUndefined();
  });

  it.each([
    ['another origin', { host: 'localhost:7420', origin: 'https://evil.example', ...json }],
    ['another port', { host: 'localhost:7420', origin: 'http://localhost:9999', ...json }],
    ['an opaque origin', { host: 'localhost:7420', origin: 'null', ...json }],
    ['another site', { host: 'localhost:7420', 'sec-fetch-site': 'cross-site', ...json }],
    ['another subdomain', { host: 'localhost:7420', 'sec-fetch-site': 'same-site', ...json }],
    ['a rebound name', { host: 'evil.example:7420', ...json }],
    ['no host', json],
    ['a form', { host: 'localhost:7420', 'content-type': 'application/x-www-form-urlencoded' }],
    ['plain text', { host: 'localhost:7420', 'content-type': 'text/plain' }],
    ['no type', { host: 'localhost:7420' }],
  ])('refuses a write from %s', (_who, headers) => {
    expect(refusal('POST', headers, [])).toEqual(expect.any(String));
  });

  it('refuses reads from other sites and rebound names, but lets people follow a link', () => {
    expect(refusal('GET', { host: 'localhost', 'sec-fetch-site': 'cross-site' }, [])).toBeDefined();
    expect(refusal('GET', { host: 'evil.example' }, [])).toBeDefined();
    const link = { host: 'localhost', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' } as const;
    expect(refusal('GET', link, [])).toBeUndefined();
  });
});
