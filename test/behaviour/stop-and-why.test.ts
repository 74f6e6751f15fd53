/** /stop ends what runs and what waits; /why and `nanoclaw why` tell what became of a message. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';

describe('in a chat', () => {
  let api: BotApi;
  let home: TestHome;

  beforeAll(async () => {
    api = await startBotApi();
    home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
    await home.start();
  });
  afterAll(async () => {
    await home.dispose();
    await api.close();
  });

  const stateOf = (folder: string) =>
    home.row<{ state: string }>(
      `SELECT state FROM turns WHERE group_folder = '${folder}' ORDER BY queued_at DESC`,
    )?.state;

  it('/stop ends the running turn, and the group goes on with the next question', async () => {
    const chat = api.group('Stop');
    await home.addGroup(chat, 'stop');
    api.sim.say({ chat, from: 'you', text: '@Nina slow 600' });
    await home.until(() => stateOf('stop') === 'running', 'the turn to run');
    expect(await api.ask(chat, '/stop')).toBe('Stopped.');
    await home.until(() => stateOf('stop') === 'stopped', 'the turn to be stopped');
    expect(home.row("SELECT disposition FROM messages WHERE content = '@Nina slow 600'")).toEqual({
      disposition: 'stopped',
    });
    expect(await api.ask(chat, '@Nina ping')).toBe('pong');
    expect(await api.ask(chat, '/stop')).toBe('There is nothing to stop.');
  });

  it('/stop ends what waits to be tried again', async () => {
    const chat = api.group('Waiting');
    await home.addGroup(chat, 'waiting');
    api.sim.say({ chat, from: 'you', text: '@Nina fail' });
    await home.until(() => stateOf('waiting') === 'retried', 'the first attempt to fail');
    expect(await api.ask(chat, '/stop')).toBe('Stopped.');
    expect(home.row("SELECT disposition FROM messages WHERE content = '@Nina fail'")).toEqual({
      disposition: 'stopped',
    });
  });

  it('/why and nanoclaw why say what became of a message', async () => {
    const chat = api.group('Why');
    await home.addGroup(chat, 'why');
    const context = api.sim.say({ chat, from: 'anna', text: 'just talking' });
    const asked = api.sim.say({ chat, from: 'you', text: '@Nina ping' });
    await api.until(() => api.answers(chat).length === 1, 'the answer');
    const why = async (replyTo: number) => {
      const before = api.answers(chat).length;
      api.sim.say({ chat, from: 'you', text: '/why', replyTo });
      await api.until(() => api.answers(chat).length > before, 'the explanation');
      return api.answers(chat).at(-1);
    };
    expect(await why(asked.message_id)).toMatch(
      /Meant for Nina \(it names her\); answered\.\nThe turn .* done .*\nReply \d+: sent .* as message \d+/s,
    );
    expect(await why(context.message_id)).toMatch(/no trigger\. It was shown to her as context/);

    const told = await home.nanoclaw('why', 'why', String(asked.message_id), '--json');
    expect(told.code).toBe(0);
    expect(JSON.parse(told.stdout)).toMatchObject({
      message: { disposition: 'answered', triggerKind: 'mention' },
      turns: [{ state: 'done', attempt: 1 }],
      sent: [{ state: 'sent' }],
    });
    expect((await home.nanoclaw('why', 'why', '999999')).code).toBe(1);
    expect((await home.nanoclaw('why', 'why', 'first')).code).toBe(2);
  });
});
