import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ownToken, requestHeaders, responseHeaders, routeOf } from './model-routes.ts';

describe('routeOf', () => {
  it.each([
    ['POST', '/v1/messages'],
    ['POST', '/v1/messages?beta=true'],
    ['POST', '/v1/messages/count_tokens?beta=true'],
    ['GET', '/v1/models'],
    ['GET', '/v1/models?limit=1000&after_id=x'],
    ['GET', '/v1/models/claude-opus-4-1@20250805'],
  ])('forwards %s %s as it is', (method, url) => {
    expect(routeOf(method, url)).toMatchObject({ kind: 'forward', path: url });
  });

  it('forwards chat completions below an upstream that is named with its /v1, and nothing of the other API', () => {
    expect(routeOf('POST', '/v1/chat/completions', 'chat')).toEqual({
      kind: 'forward',
      path: '/chat/completions',
    });
    expect(routeOf('GET', '/v1/models', 'chat')).toEqual({ kind: 'forward', path: '/models' });
    for (const path of [
      '/v1/messages',
      '/v1/embeddings',
      '/v1/responses',
      '/v1/files',
      '/chat/completions',
      '/v1',
    ])
      expect(routeOf('POST', path, 'chat').kind).toBe('refused');
    expect(routeOf('POST', '/v1/chat/completions', 'messages').kind).toBe('refused');
    for (const path of ['/v1/chat/completions/../../x', '/v1/chat/%63ompletions', '//v1/chat/completions'])
      expect(routeOf('POST', path, 'chat').kind).toBe('refused');
  });

  it('answers the health check itself', () => {
    for (const method of ['GET', 'HEAD']) expect(routeOf(method, '/')).toEqual({ kind: 'health' });
  });

  it.each([
    ['GET', '/v1/messages'],
    ['DELETE', '/v1/messages'],
    ['POST', '/'],
    ['POST', '/v1/models'],
    ['POST', '/v1/files'],
    ['GET', '/v1/organizations/users'],
    ['POST', '/v1/messages/batches'],
    ['POST', '/v1/messages/'],
    ['POST', '/v1/Messages'],
    ['POST', '//v1/messages'],
    ['POST', '/v1//messages'],
    ['POST', '/v1/../v1/messages'],
    ['POST', '/v1/./messages'],
    ['POST', '/x/%2e%2e/v1/messages'],
    ['GET', '/v1/models/..%2forganizations'],
    ['GET', '/v1/models/../organizations'],
    ['GET', '/v1/models/x%5c..'],
    ['GET', '/v1/models/x/y'],
    ['POST', '/v1/messages\\..\\x'],
    ['POST', 'http://evil.example/v1/messages'],
    ['POST', '*'],
    ['POST', '/v1/messages?x=\r\nevil'],
    ['POST', '/v1/messages#x'],
    ['POST', '/v1/messages;x'],
    ['CONNECT', 'api.anthropic.com:443'],
    [undefined, undefined],
  ])('refuses %s %s', (method, url) => {
    expect(routeOf(method, url).kind).toBe('refused');
  });

  it('forwards nothing that a URL parser reads as another path', () => {
    const part = fc.oneof(
      fc.constantFrom(
        'v1',
        'messages',
        'models',
        '..',
        '.',
        '%2e',
        '%2F',
        '/',
        '//',
        '\\',
        '?',
        '#',
        ';',
        '@',
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.constantFrom('GET', 'POST'), fc.array(part, { maxLength: 8 }), (method, parts) => {
        const url = `/${parts.join('/')}`;
        const route = routeOf(method, url);
        if (route.kind !== 'forward') return;
        const parsed = new URL(url, 'http://upstream');
        expect(parsed.host).toBe('upstream');
        expect(parsed.pathname).toMatch(/^\/v1\/(messages|messages\/count_tokens|models|models\/[^/]+)$/);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('headers', () => {
  const from = {
    host: 'gateway:1',
    authorization: 'Bearer own-token-own-token-1',
    'x-api-key': 'own-token-own-token-1',
    'anthropic-version': '2023-06-01',
    'anthropic-beta': 'a,b',
    'x-forwarded-for': '1.2.3.4',
    'proxy-authorization': 'Basic x',
    connection: 'keep-alive, x-hop',
    'x-hop': 'me',
    'transfer-encoding': 'chunked',
    cookie: 'a=b',
    'content-type': 'application/json',
  };

  it('puts the host’s credential in place of the container’s, one of the two', () => {
    expect(requestHeaders(from, { kind: 'apiKey', value: 'real' }, 'api.example')).toEqual({
      host: 'api.example',
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'a,b',
      'content-type': 'application/json',
      'x-api-key': 'real',
    });
    const token = requestHeaders(from, { kind: 'authToken', value: 'real' }, 'h');
    expect([token.authorization, token['x-api-key'], token['anthropic-beta']]).toEqual([
      'Bearer real',
      undefined,
      'a,b',
    ]);
    expect(requestHeaders(from, { kind: 'oauth', value: 'real' }, 'h')['anthropic-beta']).toBe(
      'a,b,oauth-2025-04-20',
    );
    expect(requestHeaders({}, { kind: 'oauth', value: 'real' }, 'h')['anthropic-beta']).toBe(
      'oauth-2025-04-20',
    );
    expect(requestHeaders(from, null, 'h').authorization).toBeUndefined();
  });

  it('gives back no header that carries the credential', () => {
    const back = responseHeaders(
      { 'request-id': 'r', 'x-echo': 'Bearer real-key', 'set-cookie': ['a'] },
      { kind: 'apiKey', value: 'real-key' },
    );
    expect(back).toEqual({ 'request-id': 'r' });
  });

  it('finds the container’s token in either header', () => {
    const token = 'A'.repeat(43);
    expect(ownToken({ authorization: `Bearer ${token}` })).toBe(token);
    expect(ownToken({ 'x-api-key': token })).toBe(token);
    for (const bad of ['short', `${token} x`, '', 'x'.repeat(200)])
      expect(ownToken({ 'x-api-key': bad })).toBeNull();
  });
});
