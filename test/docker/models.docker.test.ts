/**
 * Each group its own model, for real: a daemon as a process, the real engine and image, Claude through the real Agent SDK and the
 * provider for chat completions side by side, each against its scripted server behind the daemon's proxy. Credentials are made up.
 */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BotApi, type Settings, startBotApi, TestHome } from '../support/daemon.ts';
import { createMessagesApi, type MessagesApi, type SeenRequest } from '../support/messages-api.ts';
import { createOpenAiApi, type OpenAiApi } from '../support/openai-api.ts';
import { docker, whyNoAgentImage } from './agent-container.ts';
import { removeAll } from './docker-home.ts';

const whyNot = await whyNoAgentImage();
const COLD_MS = 90_000;
const ENGINE: Settings = process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {};
const CLAUDE_KEY = `sk-ant-made-up-${randomUUID()}`;
const OPENAI_KEY = `sk-made-up-${randomUUID()}`;

describe.skipIf(whyNot)(`models of groups${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  let messages: MessagesApi;
  let chats: OpenAiApi;
  let api: BotApi;
  let home: TestHome;
  let [main, one, two, three]: number[] = [];

  beforeAll(async () => {
    messages = await createMessagesApi({ script: () => 'Here is Claude.' });
    chats = await createOpenAiApi({ key: OPENAI_KEY });
    api = await startBotApi();
    home = new TestHome({ ...api.settings, ...ENGINE });
    writeFileSync(
      home.file('.env'),
      [
        `ANTHROPIC_API_KEY=${CLAUDE_KEY}`,
        `ANTHROPIC_BASE_URL=${messages.url}`,
        `OPENAI_API_KEY=${OPENAI_KEY}`,
        `OPENAI_BASE_URL=${chats.url}`,
        'OPENAI_PRICE=1/2, dear=1000/2000',
        'OPENAI_CONTEXT_TOKENS=2000000',
        '',
      ].join('\n'),
    );
    [main, one, two, three] = ['Main', 'One', 'Two', 'Three'].map((name) => api.group(name));
    home.registerAll([
      { chatJid: String(main), name: 'Main', folder: 'main', isMain: true },
      ...[one, two, three].map((chat, n) => ({ chatJid: String(chat), name: `G${n}`, folder: `g${n}` })),
    ]);
    await home.start();
  });
  afterAll(async () => {
    await removeAll(home);
    await api.close();
    await messages.close();
    await chats.close();
    // The empty one that a test of the doors has sent.
    expect(chats.refusals).toHaveLength(1);
  });
  beforeEach(() => {
    messages.use(() => 'Here is Claude.');
    chats.use(() => 'Here is the other.');
  });

  const says = async (chat: number | undefined, text: string, expected: RegExp): Promise<string> => {
    const before = api.answers(chat ?? 0).length;
    api.sim.say({ chat: chat ?? 0, from: 'you', text });
    const found = () =>
      api
        .answers(chat ?? 0)
        .slice(before)
        .find((answer) => expected.test(answer));
    return await api.until(found, `an answer like ${expected}`, COLD_MS);
  };
  const aboutThinking = ({ raw }: SeenRequest) => {
    const { model, thinking, output_config } = JSON.parse(raw) as Record<string, unknown>;
    return { model, thinking, output_config };
  };
  const containerOf = (folder: string): string =>
    home.row<{ engine_id: string }>(
      'SELECT engine_id FROM containers WHERE group_folder = ? AND ended_at IS NULL',
      folder,
    )?.engine_id ?? 'none';

  it(
    'are in the requests to the model, of groups that work at once, and change from one turn to the next',
    async () => {
      await says(main, '/model g0 claude-opus-4-6 effort low', /From its next turn on g0 thinks with claude/);
      await says(main, '/model g1 claude-sonnet-4-5 thinking 4096', /at most 4096 tokens of thinking/);
      await says(main, '/model g2 openai qwen3:8b effort max', /g2 thinks with openai, qwen3:8b/);
      await Promise.all([
        says(one, '@Nina hello from one', /Here is Claude/),
        says(two, '@Nina hello from two', /Here is Claude/),
        says(three, '@Nina hello from three', /Here is the other/),
      ]);
      const seen = (words: string) => {
        const request = messages.main().findLast(({ userText }) => userText.includes(words));
        if (!request) throw new Error(`nobody asked about ${words}`);
        return aboutThinking(request);
      };
      expect(seen('hello from one')).toMatchObject({
        model: 'claude-opus-4-6',
        output_config: { effort: 'low' },
      });
      expect(seen('hello from two')).toMatchObject({
        model: 'claude-sonnet-4-5',
        thinking: { type: 'enabled', budget_tokens: 4096 },
      });
      expect(chats.requests.at(-1)?.body).toMatchObject({ model: 'qwen3:8b', reasoning_effort: 'xhigh' });
      expect(chats.requests.at(-1)?.headers.authorization).toBe(`Bearer ${OPENAI_KEY}`);
      expect(messages.main().every(({ headers }) => headers['x-api-key'] === CLAUDE_KEY)).toBe(true);

      // The same container goes on, with another model, in the same conversation.
      const before = containerOf('g0');
      await says(main, '/model g0 claude-sonnet-4-5 effort default thinking 0', /no thinking/);
      await says(one, '@Nina once more from one', /Here is Claude/);
      expect(seen('once more from one').model).toBe('claude-sonnet-4-5');
      expect([undefined, { type: 'disabled' }]).toContainEqual(seen('once more from one').thinking);
      expect(messages.main().at(-1)?.raw).toContain('hello from one');
      expect(containerOf('g0')).toBe(before);

      expect(
        home.row("SELECT charged_usd > 0 AS paid, cost_usd > 0 AS told FROM turns WHERE provider = 'openai'"),
      ).toEqual({ paid: 1, told: 1 });
    },
    4 * COLD_MS,
  );

  it(
    'keep each container to the server of its own provider',
    async () => {
      const asked = [messages.requests.length, chats.requests.length];
      const tries = [
        'for base in "$ANTHROPIC_BASE_URL" "${OPENAI_BASE_URL%/v1}"; do [ -n "$base" ] || continue;',
        'for p in v1/chat/completions v1/messages; do',
        'curl -s -o /dev/null -w "$p %{http_code}\\n" -X POST -H "Authorization: Bearer ${ANTHROPIC_AUTH_TOKEN:-$OPENAI_API_KEY}" -H "content-type: application/json" -d "{}" "$base/$p"; done; done',
      ].join(' ');
      expect((await docker('exec', containerOf('g0'), 'sh', '-c', tries)).split('\n')).toEqual([
        'v1/chat/completions 403',
        'v1/messages 200',
      ]);
      expect((await docker('exec', containerOf('g2'), 'sh', '-c', tries)).split('\n')).toEqual([
        'v1/chat/completions 400',
        'v1/messages 403',
      ]);
      expect(messages.requests.length - (asked[0] ?? 0)).toBe(1);
      expect(chats.requests.length - (asked[1] ?? 0)).toBe(0);
      expect(
        messages.requests.some(({ raw, headers }) => `${raw}${JSON.stringify(headers)}`.includes(OPENAI_KEY)),
      ).toBe(false);
      expect(await docker('exec', containerOf('g0'), 'env')).not.toContain('OPENAI');
      expect(await docker('exec', containerOf('g2'), 'env')).not.toContain('ANTHROPIC');
    },
    COLD_MS,
  );

  it(
    'the most turns are kept by both: the chat is told, nothing is tried again, and the next message is answered',
    async () => {
      await says(main, '/model g0 turns 2', /at most 2 turns/);
      await says(main, '/model g2 turns 3', /at most 3 turns/);
      messages.use(() => ({ content: [{ toolUse: { name: 'Bash', input: { command: 'true' } } }] }));
      chats.use(() => ({ text: 'I look.', calls: [{ name: 'Bash', input: { command: 'true' } }] }));
      const [before, beforeChats] = [messages.main().length, chats.requests.length];
      await says(one, '@Nina turn in circles', /more steps than I am allowed/);
      await says(three, '@Nina turn in circles', /more steps than I am allowed/);
      expect(messages.main().length - before).toBe(2);
      expect(chats.requests.length - beforeChats).toBe(3);
      messages.use(() => 'Here is Claude.');
      chats.use(() => 'Here is the other.');
      // Each turn has its own.
      for (let n = 0; n < 2; n += 1) await says(one, `@Nina again ${n}`, /Here is Claude/);
      await says(three, '@Nina again', /Here is the other/);
      expect(
        home.rows("SELECT attempt, state FROM turns WHERE error_code = 'max_turns' ORDER BY seq"),
      ).toEqual([
        { attempt: 1, state: 'failed' },
        { attempt: 1, state: 'failed' },
      ]);
    },
    3 * COLD_MS,
  );

  it(
    'switching the provider begins a new conversation in a new container, in both directions',
    async () => {
      const old = containerOf('g2');
      await says(main, '/model g2 claude', /a new one begins/);
      await says(three, '@Nina who is there?', /Here is Claude/);
      expect(
        api.answers(three ?? 0).filter((text) => text.includes('another provider’s model')),
      ).toHaveLength(1);
      expect(containerOf('g2')).not.toBe(old);
      expect(messages.main().at(-1)?.raw).not.toContain('turn in circles');
      await says(main, '/model g2 openai qwen3:8b', /a new one begins/);
      await says(three, '@Nina and now?', /Here is the other/);
      expect(
        api.answers(three ?? 0).filter((text) => text.includes('another provider’s model')),
      ).toHaveLength(2);
    },
    3 * COLD_MS,
  );

  it(
    'an allowance ends a turn of a chat completions server in the middle, and a dearer model is paid for as what it is',
    async () => {
      const work = { text: 'I look.', calls: [{ name: 'Bash', input: { command: 'true' } }] };
      chats.use(() => ({ ...work, usage: { input: 100_000, output: 10 } }));
      await says(main, '/model g2 turns default', /g2 thinks with openai, qwen3:8b/);
      await says(main, '/allowance g2 1usd/day', /Allowance of group.* a day/);
      const before = chats.requests.length;
      await says(three, '@Nina work on and on', /in the middle of it/);
      const turns = () =>
        home.rows<{ state: string; error_code: string | null; charged_usd: number }>(
          "SELECT state, error_code, charged_usd FROM turns WHERE group_folder = 'g2' ORDER BY seq",
        );
      expect(turns().at(-1)).toMatchObject({ state: 'failed', error_code: 'allowance' });
      // A tenth of a dollar each.
      expect(chats.requests.length - before).toBeGreaterThanOrEqual(9);
      expect(chats.requests.length - before).toBeLessThanOrEqual(10);
      expect(turns().at(-1)?.charged_usd).toBeLessThan(1.2);
      await says(main, '/allowance g2 off', /no allowance/);

      // Between turns, past the agent.
      const body = JSON.stringify({
        model: 'dear',
        stream: true,
        stream_options: { include_usage: true },
        messages: [
          { role: 'system', content: 'x' },
          { role: 'user', content: 'x' },
        ],
      });
      const dear = `curl -s -o /dev/null -w "%{http_code}" -X POST -H "Authorization: Bearer $OPENAI_API_KEY" -H "content-type: application/json" -d '${body}' "$OPENAI_BASE_URL/chat/completions"`;
      chats.use(() => ({ text: 'x', usage: { input: 1000, output: 0 } }));
      await says(three, '@Nina be there', /^x$/);
      expect(await docker('exec', containerOf('g2'), 'sh', '-c', dear)).toBe('200');
      await says(three, '@Nina be thrifty', /^x$/);
      const between = home.row<{ usd: number }>(
        "SELECT cost_usd AS usd FROM usage_ledger WHERE group_folder = 'g2' AND person = ''",
      );
      expect(between?.usd).toBeCloseTo(1, 6);
    },
    3 * COLD_MS,
  );
});
