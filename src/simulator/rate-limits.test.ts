import { describe, expect, it } from 'vitest';
import type { Clock } from '../lib/clock.ts';
import { RateLimits } from './rate-limits.ts';

function limitsAt() {
  let at = 0;
  const clock: Clock = { now: () => at, monotonic: () => at, after: () => ({ cancel: () => {} }) };
  const limits = new RateLimits(clock);
  const send = (chat = '1', method = 'sendMessage'): string => {
    try {
      limits.check(method, chat);
      return 'ok';
    } catch (error) {
      return error instanceof Error ? error.message : '';
    }
  };
  return { send, pass: (ms: number) => (at += ms) };
}

describe('RateLimits', () => {
  it('allows a small burst, then one message a second in a chat', () => {
    const { send, pass } = limitsAt();
    expect([send(), send(), send(), send()]).toEqual(['ok', 'ok', 'ok', 'Too Many Requests: retry after 1']);
    expect(send('2')).toBe('ok');
    pass(1000);
    expect([send(), send()]).toEqual(['ok', 'Too Many Requests: retry after 1']);
  });

  it('allows twenty a minute in a group and says how long to wait', () => {
    const { send, pass } = limitsAt();
    for (let i = 0; i < 20; i += 1) {
      expect(send('-1')).toBe('ok');
      pass(1000);
    }
    expect(send('-1')).toBe('Too Many Requests: retry after 40');
    pass(40_000);
    expect(send('-1')).toBe('ok');
  });

  it('allows thirty a second over all chats, edits and reactions included', () => {
    const { send, pass } = limitsAt();
    const answers = Array.from({ length: 31 }, (_, i) =>
      send(String(i), i % 2 ? 'sendMessage' : 'setMessageReaction'),
    );
    expect(answers.filter((a) => a === 'ok')).toHaveLength(30);
    expect(answers.at(-1)).toBe('Too Many Requests: retry after 1');
    expect(send('1', 'getChat')).toBe('ok');
    pass(1000);
    expect(send('99')).toBe('ok');
  });
});
