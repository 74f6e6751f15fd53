import { expect, test } from 'vitest';
import { classifyFailure, isRefusedHistory, isStaleSession, resetTime } from './claude-failure.ts';

test.each([
  ['credential', { category: 'authentication_failed', text: 'Failed to authenticate' }],
  ['credential', { status: 401, text: 'API Error: 401' }],
  ['credential', { text: 'Not logged in · Please run /login' }],
  ['credential', { text: 'Invalid API key · Fix external API key' }],
  ['quota', { category: 'rate_limit', text: 'API Error: 429' }],
  ['quota', { category: 'billing_error', text: 'Credit balance is too low' }],
  ['quota', { status: 400, text: 'Your credit balance is too low to access the API' }],
  ['quota', { text: 'Claude usage limit reached' }],
  ['overload', { category: 'overloaded', text: 'Overloaded' }],
  ['overload', { status: 529, text: '' }],
  ['overload', { status: 502, text: 'bad gateway' }],
  ['overload', { text: 'API Error: Unable to connect to API (ECONNREFUSED)' }],
  ['context_too_long', { category: 'invalid_request', text: 'Prompt is too long' }],
  ['context_too_long', { status: 413, text: 'request too large' }],
  [
    'allowance',
    {
      category: 'invalid_request',
      status: 400,
      text: 'API Error: 400 Refused by NanoClaw: the allowance is used up (allowance_used_up).',
    },
  ],
  ['agent', { category: 'invalid_request', status: 400, text: 'messages.1: something odd' }],
  ['agent', { text: '' }],
] as const)('%s: %j', (code, failure) => {
  expect(classifyFailure(failure)).toBe(code);
});

test('a conversation that is gone is recognised', () => {
  expect(isStaleSession('No conversation found with session ID: 5')).toBe(true);
  expect(isStaleSession('no such file')).toBe(false);
});

test.each([
  [true, 400, 'API Error: 400 messages.1.content.0: Invalid `signature` in `thinking` block'],
  [true, 400, 'API Error: 400 due to tool use concurrency issues.'],
  [true, undefined, 'API Error: 400 orphaned tool_result in conversation history.'],
  [true, 400, 'messages: text content blocks must be non-empty'],
  [true, 400, 'API Error: 400 Could not process image'],
  [false, 400, 'max_tokens: must be greater than 0'],
  [false, 400, 'Your credit balance is too low'],
  [false, 500, 'tool_result: internal error'],
  [false, undefined, 'I could not process image 3 of your album'],
])('a history that is refused is recognised: %j, %j: %s', (is, status, text) => {
  expect(isRefusedHistory(status, text)).toBe(is);
});

test('the time at which a limit is lifted comes from the event, else from the text', () => {
  expect(resetTime(1_793_606_400, 'Claude usage limit reached|1793610000')).toBe(1_793_606_400_000);
  expect(resetTime(undefined, 'Claude AI usage limit reached|1793610000')).toBe(1_793_610_000_000);
  expect(resetTime(undefined, 'Credit balance is too low')).toBeUndefined();
  expect(resetTime(Number.NaN, '')).toBeUndefined();
  expect(resetTime(1e300, '')).toBeUndefined();
});
