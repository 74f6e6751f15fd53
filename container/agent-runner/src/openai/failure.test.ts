import { APICallError } from '@ai-sdk/provider';
import { expect, test } from 'vitest';
import { failureOf } from './failure.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const api = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new APICallError({
    message: 'said by the library',
    url: 'http://127.0.0.1/v1/chat/completions',
    requestBodyValues: {},
    statusCode: status,
    responseHeaders: headers,
    responseBody: typeof body === 'string' ? body : JSON.stringify(body),
  });
const of = (error: unknown) => failureOf(error, 'qwen', NOW);

test.each([
  ['credential', 401, { error: { message: 'Incorrect API key', code: 'invalid_api_key' } }],
  ['credential', 403, 'forbidden'],
  ['quota', 402, { error: { message: 'Insufficient Balance' } }],
  ['quota', 429, { error: { message: 'You exceeded your current quota', code: 'insufficient_quota' } }],
  ['context_too_long', 400, { error: { message: 'x', code: 'context_length_exceeded' } }],
  [
    'context_too_long',
    400,
    { error: { message: 'the request exceeds the available context size (4096 tokens)' } },
  ],
  ['context_too_long', 400, { object: 'error', message: 'maximum context length is 8192 tokens' }],
  ['context_too_long', 413, ''],
  [
    'allowance',
    400,
    {
      type: 'error',
      error: { message: 'Refused by NanoClaw: the allowance is used up (allowance_used_up).' },
    },
  ],
  ['model', 404, { error: 'model "qwen" not found, try pulling it first' }],
  ['model', 400, { error: { message: 'registry.ollama.ai/library/qwen does not support tools' } }],
  ['model', 400, { message: '"auto" tool choice requires --enable-auto-tool-choice to be set' }],
  ['agent', 400, { error: { message: 'messages.1: something odd' } }],
  ['agent', 422, { detail: 'unexpected field' }],
] as const)('%s, not asked again: %i %j', (code, status, body) => {
  const failure = of(api(status, body));
  expect(failure).toMatchObject({ code });
  expect(failure.again).toBeUndefined();
});

test.each([500, 502, 503, 504, 529, 408])('%i is asked again, and an overload', (status) => {
  expect(of(api(status, 'busy'))).toMatchObject({ code: 'overload', again: { afterMs: null } });
});

test('a server that cannot be reached, or breaks off, is asked again', () => {
  for (const message of [
    'Cannot connect to API: connect ECONNREFUSED',
    'terminated',
    'other side closed: socket',
  ])
    expect(of(new Error(message))).toMatchObject({ code: 'overload', again: { afterMs: null } });
});

test('an error in the middle of a stream is read like any other', () => {
  expect(of({ message: 'Rate limit reached', type: 'rate_limit_exceeded' })).toMatchObject({ code: 'quota' });
  expect(of({ message: 'The server is overloaded', code: 'server_error' })).toMatchObject({
    code: 'overload',
  });
  expect(of({ message: 'context window exceeded' })).toMatchObject({ code: 'context_too_long' });
  expect(of({ odd: true })).toMatchObject({ code: 'agent' });
});

test('a short limit is waited out, a long one is told with its end', () => {
  const body = { error: { message: 'slow down' } };
  expect(of(api(429, body, { 'retry-after': '2' }))).toMatchObject({
    code: 'quota',
    again: { afterMs: 2000 },
  });
  expect(of(api(429, body, { 'retry-after-ms': '150' })).again).toEqual({ afterMs: 150 });
  const long = of(api(429, body, { 'retry-after': '3600' }));
  expect(long).toMatchObject({ code: 'quota', resetsAt: NOW + 3_600_000 });
  expect(long.again).toBeUndefined();
  expect(of(api(429, body, { 'retry-after': 'Sat, 21 Nov 2026 13:00:00 GMT' })).resetsAt).toBe(
    NOW + 3_600_000,
  );
  expect(of(api(429, body, { 'x-ratelimit-reset-requests': '1h2m3.5s' })).resetsAt).toBe(NOW + 3_723_500);
  expect(of(api(429, body, { 'retry-after': 'soon' })).resetsAt).toBeUndefined();
});

test('the message names status and words, the model where it is missing, and is short', () => {
  expect(of(api(404, { error: { message: 'no such model' } })).message).toMatch(
    /answered 404 for the model “qwen” \(OPENAI_MODEL, OPENAI_BASE_URL\): no such model/,
  );
  expect(of(api(400, 'x'.repeat(100_000))).message.length).toBeLessThanOrEqual(1000);
  expect(of(api(500, { error: { message: 'image input is not supported' } })).aboutPictures).toBe(true);
});
