/**
 * What people see in a chat, for real: a strict Bot API server, the real engine and image, and in it the real Claude Agent SDK
 * before a scripted Messages API. Reactions by the tool, topics of a forum, long answers. Pictures: pictures.docker.test.ts.
 * Skipped by name without an engine or image; with NANOCLAW_REQUIRE_DOCKER=1 that is a failure.
 */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BotApi, type Settings, startBotApi, TestHome } from '../support/daemon.ts';
import { createMessagesApi, type MessagesApi } from '../support/messages-api.ts';
import { whyNoAgentImage } from './agent-container.ts';
import { removeAll } from './docker-home.ts';

const whyNot = await whyNoAgentImage();
/** A cold start on two busy cores. */
const COLD_MS = 60_000;
const ENGINE: Settings = process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {};

describe.skipIf(whyNot)(`a chat with Claude in containers${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  let model: MessagesApi;
  let api: BotApi;
  let home: TestHome;
  let family: number;
  const forum = -1_002_000_000_077;

  beforeAll(async () => {
    model = await createMessagesApi({ script: () => 'unscripted' });
    api = await startBotApi({ strictLimits: true });
    home = new TestHome({ ...api.settings, ...ENGINE, WARM_MEMORY_MB: '0' });
    writeFileSync(
      home.file('.env'),
      `ANTHROPIC_API_KEY=sk-ant-made-up-${randomUUID()}\nANTHROPIC_BASE_URL=${model.url}\n`,
    );
    family = api.group('Family', 'you', 'anna');
    api.sim.addChat({ id: forum, type: 'supergroup', title: 'Forum', members: ['you', 'anna'] });
    home.registerAll([
      { chatJid: String(family), name: 'Family', folder: 'family' },
      { chatJid: String(forum), name: 'Forum', folder: 'forum' },
    ]);
    await home.start();
  });
  afterAll(async () => {
    await removeAll(home);
    await api.close();
    await model.close();
  });

  const reactionTo = (messageId: number) =>
    api.sim.world.chat(family).reactions.get(messageId)?.get(api.sim.world.bot.id)?.join();
  const react = (message_id: number, emoji: string) => ({
    content: [{ toolUse: { name: 'mcp__nanoclaw__react', input: { message_id, emoji } } }],
  });

  it(
    'Claude reacts to the message that asked, by the id it was shown, and is told why another does not work',
    async () => {
      model.use(({ toolResults, userText }) => {
        if (toolResults.length > 0) return 'Done.';
        const [, id] = /<message id="(\d+)"[^>]*for_you="yes"/.exec(userText) ?? [];
        return react(Number(id), '🎉');
      });
      api.sim.say({ chat: family, from: 'anna', text: 'I passed' });
      const { message_id: id } = api.sim.say({ chat: family, from: 'you', text: '@Nina celebrate' });
      await api.until(() => reactionTo(id) === '🎉', 'the reaction', COLD_MS);
      await api.until(() => api.answers(family).at(-1) === 'Done.', 'the answer', COLD_MS);
      expect(model.main().at(-1)?.toolResults).toEqual([
        { text: 'Accepted; 🎉 is being shown.', isError: false },
      ]);

      model.use(({ toolResults }) => (toolResults.length > 0 ? 'I cannot.' : react(id, '🦖')));
      expect(await api.ask(family, '@Nina and a dinosaur', COLD_MS)).toBe('I cannot.');
      expect(model.main().at(-1)?.toolResults).toMatchObject([
        { text: expect.stringContaining('does not allow bots to react with'), isError: true },
      ]);
      expect(reactionTo(id)).toBe('🎉');
    },
    2 * COLD_MS,
  );

  it(
    'a topic of a forum is a conversation of its own, and its answer and file land in it',
    async () => {
      const topic = (name: string) => api.sim.createTopic(forum, name, 'you').threadId;
      const [plans, errands] = [topic('Plans'), topic('Errands')];
      const use = (name: string, input: Record<string, unknown>) => ({
        content: [{ toolUse: { name, input } }],
      });
      model.use(({ toolResults: [result], userText }) => {
        if (result?.text.includes('Accepted')) return 'About errands.';
        if (result) return use('mcp__nanoclaw__send_file', { path: 'list.txt' });
        if (!userText.includes('a file')) return 'About plans.';
        return use('Write', { file_path: '/workspace/group/list.txt', content: 'milk' });
      });
      const said = () =>
        [...api.sim.world.chat(forum).messages.values()]
          .filter(({ from }) => from.is_bot)
          .map((m) => [m.is_topic_message ? m.message_thread_id : null, m.text ?? m.document?.file_name]);
      api.sim.say({ chat: forum, from: 'you', text: '@Nina what are the plans?', threadId: plans });
      await api.until(() => said().length === 1, 'the first answer', COLD_MS);
      api.sim.say({ chat: forum, from: 'anna', text: '@Nina an errand, with a file', threadId: errands });
      await api.until(() => said().length === 3, 'file and answer', COLD_MS);
      api.sim.say({ chat: forum, from: 'anna', text: '@Nina and here?' });
      await api.until(() => said().length === 4, 'the answer in General', COLD_MS);
      expect(said()).toEqual([
        [plans, 'About plans.'],
        [errands, 'list.txt'],
        [errands, 'About errands.'],
        [null, 'About plans.'],
      ]);
      // Each is a session of its own.
      expect(JSON.stringify(model.main().at(-1)?.body.messages)).not.toContain('errand');
    },
    3 * COLD_MS,
  );

  it(
    'an answer of 30 KB with code blocks arrives whole and readable',
    async () => {
      const part = (n: number) =>
        `Step ${n}: run this, and look at what it says.\n\n\`\`\`js\n${Array.from({ length: 30 }, (_, line) => `console.log(${n}, ${line}, 'step ${n}');`).join('\n')}\n\`\`\`\n`;
      const answer = Array.from({ length: 34 }, (_, n) => part(n)).join('\n');
      expect(answer.length).toBeGreaterThan(30_000);
      model.use(() => answer);
      const before = api.answers(family).length;
      api.sim.say({ chat: family, from: 'you', text: '@Nina tell me all the steps' });
      await api.until(
        () => api.answers(family).at(-1)?.includes("console.log(33, 29, 'step 33');"),
        'the end',
        COLD_MS,
      );
      const parts = [...api.sim.world.chat(family).messages.values()]
        .filter(({ from }) => from.is_bot)
        .slice(before);
      const texts = parts.map(({ text }) => text ?? '');
      expect(Math.max(...texts.map(({ length }) => length))).toBeLessThanOrEqual(4096);
      // Every line once, in its order.
      const lines = texts
        .join('\n')
        .split('\n')
        .filter((line) => line.trim() !== '');
      const expected = answer.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('```'));
      expect(lines).toEqual(expected);
      // Every line of code lies in a block of its language, also where a block goes on in the next part.
      for (const { text = '', entities = [] } of parts) {
        const blocks = entities.filter(({ type }) => type === 'pre');
        for (const { index } of text.matchAll(/console\.log\(/g))
          expect(
            blocks.some(
              ({ offset, length, language }) =>
                language === 'js' && offset <= index && index < offset + length,
            ),
          ).toBe(true);
      }
    },
    2 * COLD_MS,
  );
});
