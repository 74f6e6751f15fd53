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

  /** Goes on working whatever it is told, and asks the model again each time. */
  const endless = () => {
    const usage = { input: 30_000, output: 500, cacheRead: 1000 };
    model.use(() => ({ content: [{ toolUse: { name: 'Bash', input: { command: 'true' } } }], usage }));
  };
  const lastOf = (folder: string) =>
    home
      .rows<{
        state: string;
        error_code: string;
        attempt: number;
        charged_tokens: number;
        charged_usd: number;
        cost_usd: number;
      }>(
        'SELECT state, error_code, attempt, charged_tokens, charged_usd, cost_usd FROM turns WHERE group_folder = ? ORDER BY seq',
        folder,
      )
      .at(-1);
  const usedBy = (folder: string) =>
    home.row<{ tokens: number; usd: number }>(
      'SELECT sum(input_tokens + output_tokens) AS tokens, sum(cost_usd) AS usd FROM usage_ledger WHERE group_folder = ?',
      folder,
    ) ?? { tokens: 0, usd: 0 };

  it(
    'stop a turn that goes on in the middle, one answer beyond at the most: tokens, and money at list prices',
    async () => {
      await api.ask(main, '/allowance all off');
      for (const [folder, chat, allowance] of [
        ['g0', chats[0] ?? 0, '150000tokens/day'],
        ['g1', chats[1] ?? 0, `${(usedBy('g1').usd + 0.35).toFixed(4)}usd/day`],
      ] as const) {
        await api.ask(main, `/allowance ${folder} ${allowance}`);
        endless();
        const before = model.main().length;
        const asked = api.answers(main).filter((text) => text.includes('Top it up?')).length;
        api.sim.say({ chat, from: 'you', text: '@Nina work on and on' });
        await api.until(
          () => api.answers(chat).at(-1)?.includes('in the middle of it'),
          'the chat to be told',
          COLD_MS,
        );
        expect(lastOf(folder)).toMatchObject({ state: 'failed', error_code: 'allowance', attempt: 1 });
        expect(model.main().length - before).toBeGreaterThan(1);
        const used = usedBy(folder);
        const [limit, one, total] =
          folder === 'g0' ? [150_000, 31_500, used.tokens] : [parseFloat(allowance), 0.2, used.usd];
        expect(total).toBeGreaterThanOrEqual(limit);
        expect(total).toBeLessThan(limit + one);
        await api.until(
          () => api.answers(main).filter((text) => text.includes('Top it up?')).length > asked,
          'main to be asked',
        );
      }
      // The daemon's own count at list prices is what the SDK reports.
      const turn = lastOf('g1');
      expect(turn?.charged_usd).toBeCloseTo(turn?.cost_usd ?? 0, 4);
      const refused = home.rows(
        "SELECT detail FROM audit_log WHERE action = 'model_request' AND outcome = 'refused'",
      );
      expect(refused.length).toBeGreaterThan(0);

      // What comes next waits at the gate, and is answered after a top-up.
      model.use(() => 'Two.');
      expect(await api.ask(chats[0] ?? 0, '@Nina one and one?')).toContain('is used up');
      const asked = model.main().length;
      const topups = await home.nanoclaw('allowance', 'list', '--json');
      const { id } =
        (JSON.parse(topups.stdout) as { id: number; for: string }[]).find((one) => one.for === 'g0') ?? {};
      expect((await home.nanoclaw('allowance', 'topup', String(id))).code).toBe(0);
      await api.until(() => api.answers(chats[0] ?? 0).at(-1) === 'Two.', 'the answer', COLD_MS);
      expect(model.main().length - asked).toBe(1);
    },
    4 * COLD_MS,
  );
});
