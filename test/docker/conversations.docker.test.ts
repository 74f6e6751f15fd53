/** Conversations with the real SDK in the real image: how full they are, as Claude Code counts it. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, globSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Context } from '../../src/protocol.ts';
import { type Settings, startBotApi, TestHome } from '../support/daemon.ts';
import { createMessagesApi } from '../support/messages-api.ts';
import { docker, sessionOf, useClaudeAgent, whyNoAgentImage } from './agent-container.ts';
import { removeAll } from './docker-home.ts';

const COLD_MS = 60_000;
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

    const archives = () => {
      const dir = join(mailbox().groupDir, 'conversations');
      return readdirSync(dir).map((name) => readFileSync(join(dir, name), 'utf8'));
    };
    /** One that was answered; its process is gone. */
    const talked = async (): Promise<string> => {
      api().use(() => 'The heron is grey.');
      start();
      const session_id = sessionOf(await turn('Which colour has the heron?'));
      await docker('kill', mailbox().container);
      start(`${mailbox().container}-2`);
      return session_id;
    };
    const transcript = (id: string) => {
      const [file = ''] = globSync(join(mailbox().homeDir, '.claude/projects/*', `${id}.jsonl`));
      return file;
    };

    test.each([
      ['the signature of a thought', 'messages.1.content.0: Invalid `signature` in `thinking` block'],
      [
        'a tool without its result',
        'messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_01',
      ],
      ['an empty text', 'messages: text content blocks must be non-empty'],
    ])(
      'a history that the model refuses (%s) is told as such, archived, and not gone on with',
      async (_, message) => {
        const session_id = await talked();
        api().use(() => ({ status: 400, message }));
        const { end } = await turn('And the swan?', { session_id });
        expect(end).toMatchObject({ status: 'error', error: { code: 'stale_session' } });
        expect(archives()).toEqual([expect.stringContaining('The heron is grey.')]);
        // In a fresh one the same refusal is the message's own fault.
        const fresh = await turn('And the swan?');
        expect(fresh.end).toMatchObject({ status: 'error', error: { code: 'agent' } });
        expect(archives()).toHaveLength(1);
        api().use(() => 'white');
        expect((await turn('And the swan?')).text).toBe('white');
      },
    );

    test('a prompt that is too long for the model: the conversation is archived before it is left', async () => {
      const session_id = await talked();
      api().use(() => ({ status: 400, message: 'prompt is too long: 210000 tokens > 200000 maximum' }));
      const { end } = await turn('And the swan?', { session_id });
      expect(end).toMatchObject({ status: 'error', error: { code: 'context_too_long' } });
      expect(archives()[0]).toContain('The heron is grey.');
    });

    test('a transcript that nobody can read, or that is gone, is replaced by a fresh conversation in the same turn', async () => {
      for (const harm of [
        (file: string) => writeFileSync(file, 'no json\n'.repeat(20)),
        (file: string) => rmSync(file),
      ]) {
        const session_id = await talked();
        harm(transcript(session_id));
        api().use(() => 'white');
        const finished = await turn('And the swan?', { session_id });
        expect(finished.text).toBe('white');
        expect(finished.events.filter(({ type }) => type === 'session')).toMatchObject([{ fresh: true }]);
        await docker('kill', mailbox().container);
        mailbox().container = `${mailbox().container}-more`;
      }
    });

    test('one that has grown too large is not loaded; its newest part is archived', async () => {
      const session_id = await talked();
      const line = `${JSON.stringify({ type: 'user', message: { role: 'user', content: 'x'.repeat(1024 * 1024 - 100) } })}\n`;
      const file = transcript(session_id);
      const whole = readFileSync(file, 'utf8');
      writeFileSync(file, line.repeat(65));
      appendFileSync(file, whole);
      const before = api().requests.length;
      expect((await turn('And the swan?', { session_id })).end).toMatchObject({
        status: 'error',
        error: { code: 'context_too_long' },
      });
      expect(api().requests).toHaveLength(before);
      expect(archives()[0]).toMatch(/left out/);
    });

    test('one that is left for the turn is archived first', async () => {
      const left_session = await talked();
      api().use(() => 'white');
      const finished = await turn('And the swan?', { left_session });
      expect(finished.text).toBe('white');
      expect(archives()).toEqual([expect.stringContaining('The heron is grey.')]);
      expect(api().main().at(-1)?.raw).not.toContain('heron');
    });
  },
);

describe.skipIf(unavailable !== null)(
  `conversations in their container${unavailable ? ` (${unavailable})` : ''}, with the daemon`,
  () => {
    test(
      'how full it is, that it is renewed once and said so, and that what is forgotten is in no byte of the home',
      async () => {
        const model = await createMessagesApi({ script: () => 'unscripted' });
        const api = await startBotApi();
        const engine: Settings = process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {};
        const home = new TestHome({ ...api.settings, ...engine });
        onTestFinished(async () => {
          await removeAll(home);
          await api.close();
          await model.close();
        });
        writeFileSync(
          home.file('.env'),
          `ANTHROPIC_API_KEY=sk-ant-made-up\nANTHROPIC_BASE_URL=${model.url}\n`,
        );
        const family = api.group('Family', 'you');
        await home.start();
        await home.addGroup(family, 'family', '--no-trigger');
        const seq = { name: 'Bash', input: { command: 'seq 1 40000', description: 'count' } };
        model.use((request) => {
          if (request.userText.includes('marzipanquelle') && request.toolResults.length === 0)
            return { content: [{ toolUse: seq }] };
          return { content: [{ text: `answer ${request.main}` }], usage: { input: 50_000, output: 100 } };
        });
        const secret = api.sim.say({
          chat: family,
          from: 'you',
          text: 'the marzipanquelle hides below the stairs',
        });
        await api.until(() => api.answers(family).length === 1, 'an answer', COLD_MS);
        expect(await api.ask(family, '/context')).toMatch(
          /: 1 turn\.\nFull to 5 %: 50,100 of 1,000,000 tokens\./,
        );
        expect(await api.ask(family, 'and below the attic?', COLD_MS)).toMatch(/^answer/);

        const holding = () => {
          const found = spawnSync('grep', ['-rl', 'marzipanquelle', home.dir], { encoding: 'utf8' });
          return found.stdout.trim().split('\n').filter(Boolean);
        };
        expect(holding().some((file) => file.includes('/.claude/projects/'))).toBe(true);
        api.sim.say({ chat: family, from: 'you', text: '/forget', replyTo: secret.message_id });
        const receipt = await api.until(
          () => api.answers(family).find((text) => text.startsWith('Forgotten')),
          'the receipt',
          COLD_MS,
        );
        expect(receipt).toContain('1 conversation with the model: the next message begins a fresh one');
        await home.until(() => holding().length === 0, `no file with it, not ${holding()}`, COLD_MS);
        expect(await api.ask(family, '/context')).toBe(
          'There is no conversation here: your next message begins one.',
        );
        expect(await api.ask(family, 'hello again', COLD_MS)).toMatch(/^answer/);
        expect(model.main().at(-1)?.raw).not.toMatch(/marzipanquelle|attic/);

        // Refused from here on, whatever is sent with it: once, then answered in a fresh one.
        model.use((request) =>
          request.raw.includes('hello again')
            ? { status: 400, message: 'messages.1.content.0: Invalid `signature` in `thinking` block' }
            : 'well again',
        );
        const before = api.answers(family).length;
        api.sim.say({ chat: family, from: 'you', text: 'are you there?' });
        await api.until(() => api.answers(family).length === before + 2, 'two answers', COLD_MS);
        expect(api.answers(family).slice(before)).toEqual([
          'I could not go on with our earlier conversation, so I began a fresh one. Files and notes stay.',
          'well again',
        ]);
        const [archive = ''] = readdirSync(home.file('groups/family/conversations'));
        expect(readFileSync(home.file('groups/family/conversations', archive), 'utf8')).toContain(
          'hello again',
        );
      },
      4 * COLD_MS,
    );
  },
);
