/** Conversations with the real SDK in the real image: how full they are, as Claude Code counts it. */
import { describe, expect, test } from 'vitest';
import type { Context } from '../../src/protocol.ts';
import { docker, sessionOf, useClaudeAgent, whyNoAgentImage } from './agent-container.ts';

const unavailable = await whyNoAgentImage();

describe.skipIf(unavailable !== null)(
  `conversations in their container${unavailable ? ` (${unavailable})` : ''}`,
  () => {
    const { api, mailbox, start, turn } = useClaudeAgent();
    type Finished = Awaited<ReturnType<typeof turn>>;
    const contextOf = ({ end }: Finished): Context => {
      if (end?.type !== 'turn_finished' || end.context === undefined) throw new Error('no context');
      return end.context;
    };

    test('each turn tells how full its conversation is: tokens of the last request and answer, beside the model’s window', async () => {
      const usage = { input: 40_000, cacheRead: 30_000, cacheCreation: 10_000, output: 500 };
      api().use((request) =>
        request.main === 2
          ? { content: [{ toolUse: { name: 'Bash', input: { command: 'true', description: 'x' } } }], usage }
          : { content: [{ text: 'ok' }], usage: { ...usage, input: 40_000 + request.main * 1000 } },
      );
      start();
      const first = await turn('one');
      const session_id = sessionOf(first);
      const one = contextOf(first);
      expect(one).toMatchObject({ session_id, tokens: 81_500, window: expect.any(Number) });
      expect(one.window).toBeGreaterThanOrEqual(200_000);
      expect(one.compact_at).toBeGreaterThan(one.window / 2);
      expect(one.compact_at).toBeLessThan(one.window);
      // What Claude Code itself sends to this API, which counts as it likes.
      expect(one.tools).toBeGreaterThan(1000);
      // The last of a turn's requests counts, not their sum.
      expect(contextOf(await turn('two', { session_id })).tokens).toBe(83_500);
      // Another process goes on with it.
      await docker('kill', mailbox().container);
      start(`${mailbox().container}-2`);
      expect(contextOf(await turn('three', { session_id }))).toMatchObject({ session_id, tokens: 84_500 });
    });

    test('a conversation that was compacted is as full as it is then', async () => {
      api().use((request) => ({
        content: [{ text: 'ok' }],
        usage: { input: request.main === 2 ? 990_000 : 20_000, output: 5 },
      }));
      start();
      const session_id = sessionOf(await turn('one'));
      expect(contextOf(await turn('two', { session_id })).tokens).toBe(990_005);
      expect(contextOf(await turn('three', { session_id }))).toMatchObject({ session_id, tokens: 20_005 });
    });
  },
);
