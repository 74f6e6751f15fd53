/**
 * An allowance of one cent against the real Claude Agent SDK in real containers: the scripted Messages API says what it used, and is
 * asked by one turn only, also when four groups ask at once.
 */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BotApi, type Settings, startBotApi, TestHome } from '../support/daemon.ts';
import { createMessagesApi, type MessagesApi } from '../support/messages-api.ts';
import { whyNoAgentImage } from './agent-container.ts';
import { removeAll } from './docker-home.ts';

const whyNot = await whyNoAgentImage();
const COLD_MS = 90_000;
const ENGINE: Settings = process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {};

describe.skipIf(whyNot)(`allowances${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  let model: MessagesApi;
  let api: BotApi;
  let home: TestHome;
  let chats: number[];
  let main: number;

  beforeAll(async () => {
    const usage = { input: 30_000, output: 500, cacheRead: 1000 };
    model = await createMessagesApi({ script: () => ({ content: [{ text: 'Two.' }], usage, delayMs: 300 }) });
    api = await startBotApi();
    home = new TestHome({ ...api.settings, ...ENGINE, MAX_CONCURRENT_CONTAINERS: '4', WARM_MEMORY_MB: '0' });
    writeFileSync(
      home.file('.env'),
      `ANTHROPIC_API_KEY=sk-ant-made-up-${randomUUID()}\nANTHROPIC_BASE_URL=${model.url}\n`,
    );
    chats = [1, 2, 3, 4].map((n) => api.group(`Group ${n}`));
    main = api.group('Main');
    home.registerAll([
      { chatJid: String(main), name: 'Main', folder: 'main', isMain: true },
      ...chats.map((chat, n) => ({ chatJid: String(chat), name: `Group ${n}`, folder: `g${n}` })),
    ]);
    await home.start();
  });
  afterAll(async () => {
    await removeAll(home);
    await api.close();
    await model.close();
  });

  it(
    'of one cent stop the second turn before it costs anything, of four at once; a top-up lets them go on',
    async () => {
      expect(await api.ask(main, '/allowance all 0.01usd/day')).toContain('all groups together: $0.01 a day');
      for (const chat of chats) api.sim.say({ chat, from: 'you', text: '@Nina one and one?' });
      await api.until(() => chats.every((chat) => api.answers(chat).length > 0), 'all to be told', COLD_MS);
      const said = chats.map((chat) => api.answers(chat)[0]);
      expect(said.filter((text) => text === 'Two.')).toHaveLength(1);
      expect(said.filter((text) => text?.includes('is used up'))).toHaveLength(3);
      expect(model.main()).toHaveLength(1);
      const [charged] = home.rows<{ turns: number; input: number; cost: number }>(
        'SELECT sum(turns) AS turns, sum(input_tokens) AS input, sum(cost_usd) AS cost FROM usage_ledger',
      );
      // What it asks for itself, such as a title, comes on top.
      expect(charged).toMatchObject({ turns: 1 });
      expect(charged?.input).toBeGreaterThanOrEqual(31_000);
      expect(charged?.cost).toBeGreaterThan(0.01);

      await api.until(() => api.answers(main).at(-1)?.includes('Top it up?'), 'main to be asked');
      expect((await home.nanoclaw('allowance', 'topup', '1', '100')).code).toBe(0);
      await api.until(
        () => chats.every((chat) => api.answers(chat).includes('Two.')),
        'all to be answered',
        COLD_MS,
      );
      expect(model.main()).toHaveLength(4);
      const { stdout } = await home.nanoclaw('usage', '--json');
      expect(JSON.parse(stdout)).toMatchObject({
        turns: 4,
        allowances: [{ for: 'all', amount: 0.01, topped_up: 100 }],
      });
      expect(await api.ask(chats[0] ?? 0, '/usage')).toMatch(/^Today: 1 turn, 3\d,\d{3} tokens, \$0\.\d+\./);
    },
    4 * COLD_MS,
  );
});
