/** The real SDK in the real image looks back: what the model is given comes from its own group, in any script. */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';
import { createMessagesApi, type MessagesApi } from '../support/messages-api.ts';
import { whyNoAgentImage } from './agent-container.ts';
import { removeAll } from './docker-home.ts';

const whyNot = await whyNoAgentImage();
const COLD_MS = 60_000;

describe.skipIf(whyNot)(`Claude looks back${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  let model: MessagesApi;
  let api: BotApi;
  let home: TestHome;
  let family: number;

  beforeAll(async () => {
    model = await createMessagesApi({ script: () => 'unscripted' });
    api = await startBotApi();
    const engine = process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {};
    home = new TestHome({ ...api.settings, ...engine });
    writeFileSync(
      home.file('.env'),
      `ANTHROPIC_API_KEY=sk-ant-made-up-${randomUUID()}\nANTHROPIC_BASE_URL=${model.url}\n`,
    );
    family = api.group('Family');
    const friends = api.group('Friends');
    home.registerAll([
      { chatJid: String(family), name: 'Family', folder: 'family' },
      { chatJid: String(friends), name: 'Friends', folder: 'friends' },
    ]);
    await home.start();
    api.sim.say({ chat: family, from: 'anna', text: '我们下星期三在北京开会' });
    api.sim.say({ chat: friends, from: 'anna', text: 'SECRET 北京' });
  });
  afterAll(async () => {
    await removeAll(home);
    await api.close();
    await model.close();
  });

  it(
    'search_history and read_history tell the model what was said, and nothing of another group',
    async () => {
      model.use((request) => {
        const [result] = request.toolResults;
        if (!result)
          return {
            content: [{ toolUse: { name: 'mcp__nanoclaw__search_history', input: { query: '北京' } } }],
          };
        const id = /\[#(\d+)\]/.exec(result.text)?.[1];
        if (result.text.includes('the best first'))
          return {
            content: [
              {
                toolUse: { name: 'mcp__nanoclaw__read_history', input: { message_id: Number(id), limit: 2 } },
              },
            ],
          };
        return `read: ${result.text}`;
      });
      const answer = await api.ask(family, '@Nina when do we meet?', COLD_MS);
      expect(answer).toContain('Anna: 我们下星期三在北京开会');
      expect(answer).not.toContain('SECRET');
      const seen = model.main().map(({ raw }) => raw);
      expect(seen.join('')).not.toContain('SECRET');
      expect(seen.some((raw) => raw.includes('1 message of \\"Family\\", the best first'))).toBe(true);
    },
    3 * COLD_MS,
  );
});
