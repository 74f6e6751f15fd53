/**
 * nanoclaw setup with everything real but the far ends: the real engine and image, a Bot API server, and a scripted Messages
 * API on loopback. From a token and a key to Nina's first message, and then to Claude's first answer.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAIN_CHAT_ID } from '../../src/simulator/simulator.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';
import { createMessagesApi, type MessagesApi } from '../support/messages-api.ts';
import { runWithInput } from '../support/run.ts';
import { whyNoAgentImage } from './agent-container.ts';
import { removeAll } from './docker-home.ts';

const whyNot = await whyNoAgentImage();
const KEY = `sk-ant-made-up-${randomUUID()}`;
const COLD_MS = 120_000;

describe.skipIf(whyNot)(`setup with Claude in Docker${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  let model: MessagesApi;
  let api: BotApi;
  let home: TestHome;
  beforeAll(async () => {
    model = await createMessagesApi({ script: () => 'Forty-two.' });
    api = await startBotApi();
    home = new TestHome(process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {});
  });
  afterAll(async () => {
    await removeAll(home);
    await api.close();
    await model.close();
  });

  it(
    'a token and a key are all it takes',
    async () => {
      const flags = ['--token', '-', '--api-root', api.url, '--anthropic-api-key', '-'];
      const more = ['--anthropic-base-url', model.url, '--no-service', '--json'];
      const run = runWithInput(['setup', ...flags, ...more], {
        cwd: home.dir,
        env: home.environment({ HOME: home.dir }),
        input: `${api.sim.token}\n${KEY}\n`,
      });
      const line = await run.printed(/\/pair \S+/, COLD_MS);
      api.sim.say({ chat: MAIN_CHAT_ID, from: 'you', text: line });
      const { code, stdout, stderr } = await run.ended;
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('Docker answers') });
      expect(JSON.parse(stdout)).toMatchObject({
        model: { provider: 'claude', credential: 'ANTHROPIC_API_KEY', state: 'works' },
        image: { name: 'nanoclaw-agent:latest', state: expect.stringMatching(/^(reused|built)$/) },
        main: { folder: 'main' },
        greeted: true,
        warnings: [],
      });
      expect(model.requests.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /v1/models']);
      expect(model.requests[0]?.headers['x-api-key']).toBe(KEY);
      expect(api.answers(MAIN_CHAT_ID).at(-1)).toContain('I think with Claude.');
      for (const text of [stdout, stderr, home.read('nanoclaw.log')]) expect(text).not.toContain(KEY);

      // What was set up is what runs from now on.
      await home.start();
      expect(await api.ask(MAIN_CHAT_ID, 'What is six times seven?', COLD_MS)).toBe('Forty-two.');
      expect(new Set(model.main().map(({ headers }) => headers['x-api-key']))).toEqual(new Set([KEY]));
    },
    3 * COLD_MS,
  );
});
