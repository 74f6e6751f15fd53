/**
 * What a group thinks with over a SIGKILL: real daemons and agents. A choice that was confirmed is the one that the next turn is
 * thought with; who waits for a provider that cannot be asked is told once, loses nothing, and is answered once.
 */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';

const LONG_MS = 60_000;

let api: BotApi;
let home: TestHome;
let main: number;
let family: number;

beforeEach(async () => {
  api = await startBotApi();
  // A server that nobody asks: without containers nothing thinks with a model.
  home = new TestHome({
    ...api.settings,
    CONTAINER_RUNTIME: 'process',
    OPENAI_BASE_URL: 'http://127.0.0.1:9/v1',
  });
  main = api.group('Main');
  family = api.group('Family');
  home.registerAll([
    { chatJid: String(main), name: 'Main', folder: 'main', isMain: true },
    { chatJid: String(family), name: 'Family', folder: 'family', requiresTrigger: false },
  ]);
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

it(
  'a daemon that is killed behind each step goes on with what was chosen, and tells nobody twice',
  async () => {
    const chosen = () =>
      home.row("SELECT provider, model, max_turns FROM registered_groups WHERE folder = 'family'");
    let daemon = await home.start();
    expect(await api.ask(main, '/model family openai qwen3:8b turns 7')).toContain(
      'family thinks with openai',
    );
    await daemon.kill('SIGKILL');
    expect(chosen()).toEqual({ provider: 'openai', model: 'qwen3:8b', max_turns: 7 });

    daemon = await home.start();
    expect(await api.ask(family, 'hello one')).toContain('only the offline agent works without containers');
    await home.until(
      () => home.row("SELECT 1 FROM outbox WHERE state <> 'sent'") === undefined,
      'main to be told, too',
      LONG_MS,
    );
    await daemon.kill('SIGKILL');
    daemon = await home.start();
    api.sim.say({ chat: family, from: 'anna', text: 'hello two' });
    await home.until(
      () =>
        home.rows("SELECT 1 FROM messages WHERE content LIKE 'hello%' AND disposition IS NULL").length === 2,
      'both to wait',
      LONG_MS,
    );
    expect(await api.ask(main, '/model family offline')).toContain('family thinks with offline');
    await daemon.kill('SIGKILL');

    await home.start();
    await home.until(
      () =>
        home.rows("SELECT 1 FROM messages WHERE content LIKE 'hello%' AND disposition = 'answered'")
          .length === 2,
      'both to be answered',
      LONG_MS,
    );
    const said = api.answers(family).filter((text) => text.includes('without containers'));
    expect(said).toHaveLength(1);
    expect(home.rows("SELECT provider, state FROM turns WHERE group_folder = 'family'")).toEqual([
      { provider: 'offline', state: 'done' },
    ]);
    const aboutFamily = () => api.answers(main).filter((text) => text.includes('“family”'));
    await api.until(() => aboutFamily().length === 2, 'main to hear that it is over', LONG_MS);
  },
  4 * LONG_MS,
);
