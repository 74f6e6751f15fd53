/**
 * The tool ask_user, for real: the real Claude Agent SDK in its container asks by the tool, a scripted Messages API is the model,
 * people press buttons at a Bot API server. What the model is told is looked at in its next request. Skipped by name without an
 * engine or image; with NANOCLAW_REQUIRE_DOCKER=1 that is a failure.
 */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SimMessage } from '../../src/simulator/simulator.ts';
import { type BotApi, type Daemon, type Settings, startBotApi, TestHome } from '../support/daemon.ts';
import { createMessagesApi, type MessagesApi } from '../support/messages-api.ts';
import { whyNoAgentImage } from './agent-container.ts';
import { removeAll } from './docker-home.ts';

const whyNot = await whyNoAgentImage();
const COLD_MS = 60_000;
const ENGINE: Settings = process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {};

describe.skipIf(whyNot)(`Claude asks people${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  let model: MessagesApi;
  let api: BotApi;
  let home: TestHome;
  let daemon: Daemon;
  let family: number;

  beforeAll(async () => {
    model = await createMessagesApi({ script: () => 'unscripted' });
    api = await startBotApi();
    home = new TestHome({ ...api.settings, ...ENGINE });
    const key = `ANTHROPIC_API_KEY=sk-ant-made-up-${randomUUID()}`;
    writeFileSync(home.file('.env'), `${key}\nANTHROPIC_BASE_URL=${model.url}\n`);
    family = api.group('Family');
    home.registerAll([{ chatJid: String(family), name: 'Family', folder: 'family' }]);
    daemon = await home.start();
  });
  afterAll(async () => {
    await removeAll(home);
    await api.close();
    await model.close();
  });

  /** The model asks this, and then says what it was told; a question that came as a message it repeats. */
  const asking = (question: string, wait_s: number) =>
    model.use((request) => {
      const [result] = request.toolResults;
      if (result) return `${result.isError ? 'failed' : 'told'}: ${result.text}`;
      const [, chosen] = />(Chosen: [^<]+)<\/message>/.exec(request.userText) ?? [];
      if (chosen !== undefined) return `heard: ${chosen}`;
      const input = { question, choices: ['**Pizza**', 'Pasta'], wait_s };
      return { content: [{ toolUse: { name: 'mcp__nanoclaw__ask_user', input } }] };
    });
  const messages = (): SimMessage[] => [...api.sim.world.chat(family).messages.values()];
  const stands = (question: string) =>
    api.until(
      () => messages().find((m) => m.text === question && m.reply_markup !== undefined),
      'the question',
      COLD_MS,
    );
  const press = ({ message_id: messageId, reply_markup }: SimMessage, choice: number) => {
    const data = reply_markup?.inline_keyboard[choice]?.[0]?.callback_data ?? '';
    api.sim.pressButton({ chat: family, messageId, from: 'anna', data });
  };
  const says = (text: string | RegExp) =>
    api.until(
      () => api.answers(family).find((each) => (typeof text === 'string' ? each === text : text.test(each))),
      `the answer ${text}`,
      COLD_MS,
    );

  it(
    'and is told the answer in its next request, in the same turn',
    async () => {
      asking('What shall we *eat*?', 120);
      api.sim.say({ chat: family, from: 'you', text: '@Nina plan the dinner' });
      const message = await stands('What shall we eat?');
      expect(message.reply_markup?.inline_keyboard.flat().map(({ text }) => text)).toEqual([
        '**Pizza**',
        'Pasta',
      ]);
      press(message, 1);
      await says(/^told: Choice 2 of 2 was chosen: "Pasta"\. By Anna \(user \d+\)\.$/);
      expect(model.main().map(({ toolResults }) => toolResults)).toMatchObject([
        [],
        [{ text: expect.stringContaining('"Pasta"'), isError: false }],
      ]);
      await says('What shall we eat?\n\n✓ Anna chose: Pasta');
      expect(home.rows('SELECT state FROM turns')).toEqual([{ state: 'done' }]);
    },
    2 * COLD_MS,
  );

  it(
    'and is told in the same turn, though the daemon was killed and the button pressed before the next one began',
    async () => {
      asking('And to drink?', 300);
      api.sim.say({ chat: family, from: 'you', text: '@Nina plan the drinks' });
      const message = await stands('And to drink?');
      await daemon.kill('SIGKILL');
      press(message, 0);
      daemon = await home.start();
      await says(/^told: Choice 1 of 2 was chosen: "Pizza"\. By Anna/);
      await says(/And to drink\?\n\n✓ Anna chose: \*\*Pizza\*\*$/);
      await home.until(() => home.row("SELECT 1 FROM turns WHERE state <> 'done'") === undefined, 'its end');
      expect(home.rows('SELECT attempt FROM turns')).toEqual([{ attempt: 1 }, { attempt: 1 }]);
      expect(home.rows('SELECT settled_as FROM agent_questions')).toEqual([
        { settled_as: 'result' },
        { settled_as: 'result' },
      ]);
    },
    2 * COLD_MS,
  );

  it(
    'and hears of it in its next turn, when nobody was waited for',
    async () => {
      asking('And when?', 0);
      api.sim.say({ chat: family, from: 'you', text: '@Nina plan the time' });
      await says(/^told: Asked, and not waited for\./);
      press(await stands('And when?'), 1);
      await says('heard: Chosen: Pasta');
      const last = model.main().at(-1);
      expect(last?.userText).toMatch(
        /<message id="-\d+" sender="Anna" sender_id="\d+" .*for_you="yes"><reply_to id="\d+" sender="Nina">And when\?<\/reply_to>Chosen: Pasta<\/message>/,
      );
    },
    2 * COLD_MS,
  );
});
