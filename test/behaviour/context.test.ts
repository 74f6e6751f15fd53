/** /context: how full a conversation is, as its agent said last: told by the daemon, by topic, after a restart, and without an agent. */
import { expect, it } from 'vitest';
import type { Context } from '../../src/protocol.ts';
import type { Group } from '../../src/types.ts';
import { runCli } from '../support/cli.ts';
import { startBotApi, TestHome } from '../support/daemon.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';
import { failing } from '../support/scripted-agent.ts';

const NONE = 'There is no conversation here: your next message begins one.';
const inTopic = (id: number) => ({
  is_topic_message: true,
  message_thread_id: id,
  reply_to_message: { message_id: id, date: 0, forum_topic_created: { name: 'Plans', icon_color: 1 } },
});
const full = (tokens: number, more: Partial<Context> = {}): Context => ({
  ...{ session_id: 'one', tokens, window: 200_000, compact_at: 160_000 },
  ...more,
});

async function asks(daemon: InnerDaemon, group: Group, text: string, topic?: number): Promise<string> {
  const before = daemon.told(group).length;
  await daemon.say(group, text, undefined, topic === undefined ? {} : inTopic(topic));
  await daemon.until(() => daemon.told(group).length > before);
  return daemon.told(group).at(-1) ?? '';
}

it('says what the agent said at the end of the last turn, also after a restart, and begins anew with /new', async () => {
  const daemon = new InnerDaemon();
  const family = daemon.register('family');
  daemon.agent.answer = ({ prompt }) => ({
    ...{ text: 'ok', session: 'one' },
    context: prompt.includes('two')
      ? full(84_000, { instructions: 9000, tools: 15_000 })
      : full(42_000, { compact_at: 160_000 }),
  });
  await daemon.start();
  expect(await asks(daemon, family, '/context')).toBe(NONE);
  await asks(daemon, family, '@Nina one');
  expect(await asks(daemon, family, '/context')).toBe(
    [
      `This conversation began at ${new Date(daemon.clock.now()).toISOString().slice(0, 16).replace('T', ' ')}: 1 turn.`,
      'Full to 21 %: 42,000 of 200,000 tokens.',
      'At 160,000 (80 %) I sum it up, keep the whole of it in conversations/ and go on. /new begins a fresh one.',
    ].join('\n'),
  );
  await asks(daemon, family, '@Nina two');
  await daemon.stop();
  await daemon.start({ ready: true });
  const said = await asks(daemon, family, '/context');
  expect(said).toContain(': 2 turns.\nFull to 42 %: 84,000 of 200,000 tokens.\nWhat was said and done takes');
  expect(said).toContain('about 60,000, instructions and memory 9,000, descriptions of tools 15,000.');
  // What waits for a turn needs no other.
  expect(daemon.agent.turns).toHaveLength(2);

  await asks(daemon, family, '/new');
  expect(await asks(daemon, family, '/context')).toBe(NONE);
});

it('a turn of a conversation that was left meanwhile, or of another, says nothing about this one', async () => {
  const daemon = new InnerDaemon();
  const family = daemon.register('family');
  daemon.agent.answer = () => ({ text: 'ok', session: 'one', context: full(1000) });
  await daemon.start();
  await asks(daemon, family, '@Nina one');
  daemon.agent.answer = () => ({ text: 'ok', context: full(5000, { session_id: 'another' }) });
  await asks(daemon, family, '@Nina two');
  expect(await asks(daemon, family, '/context')).toContain('1,000 of 200,000');

  daemon.agent.answer = () => 'hold';
  await daemon.say(family, '@Nina three');
  await daemon.until(() => daemon.agent.turns.length === 3);
  await asks(daemon, family, '/new');
  daemon.agent.finish(daemon.agent.turns[2], { text: 'done', context: full(9000) });
  await daemon.until(() => daemon.told(family).includes('done'));
  expect(await asks(daemon, family, '/context')).toBe(NONE);
});

it('a turn that failed tells it, too; without a word of it, it is not known', async () => {
  const daemon = new InnerDaemon();
  const family = daemon.register('family');
  daemon.agent.answer = () => ({ text: 'ok', session: 'one' });
  await daemon.start();
  await asks(daemon, family, '@Nina one');
  expect(await asks(daemon, family, '/context')).toMatch(
    /: 0 turns\.\nHow full it is I know after its next turn\.$/,
  );
  daemon.agent.answer = () => ({ ...failing, context: full(190_000) });
  await daemon.say(family, '@Nina two');
  await daemon.until(() => daemon.db.sessions.of(family.folder, 0)?.context !== null);
  expect(await asks(daemon, family, '/context')).toContain('Full to 95 %');
});

it('a topic’s own where topics have their own; main of any group, by its folder; others only of their own', async () => {
  const daemon = new InnerDaemon();
  const main = daemon.register('main', { isMain: true });
  const family = daemon.register('family');
  daemon.agent.answer = ({ thread_id }) => ({
    ...{ text: 'ok', session: `of ${thread_id}` },
    context: full(thread_id === null ? 1000 : 2000, { session_id: `of ${thread_id}` }),
  });
  await daemon.start();
  expect(await asks(daemon, main, '/context family')).toBe(
    'There is no conversation in “family”: the next message begins one.',
  );
  await asks(daemon, family, '@Nina one', 7);
  expect(await asks(daemon, family, '/context')).toBe(NONE);
  expect(await asks(daemon, family, '/context', 7)).toContain('2,000 of 200,000');
  await asks(daemon, family, '@Nina two');
  expect(await asks(daemon, family, '/context main')).toContain('1,000 of 200,000');
  expect(await asks(daemon, main, '/context family')).toMatch(
    /^General\nThis .*\nFull to 1 %: 1,000 [\s\S]*\n\n“Plans”\nThis .*\nFull to 1 %: 2,000 /,
  );
  expect(await asks(daemon, main, '/context nowhere')).toContain('nowhere');
  expect(await asks(daemon, main, '/context')).toBe(NONE);
});

it('in German', async () => {
  const daemon = new InnerDaemon();
  daemon.language = 'de';
  const family = daemon.register('family');
  daemon.agent.answer = () => ({
    ...{ text: 'ok', session: 'one' },
    context: full(84_000, { instructions: 9000, tools: 15_000 }),
  });
  await daemon.start();
  await asks(daemon, family, '@Nina eins');
  expect(await asks(daemon, family, '/context')).toMatch(
    /^Dieses Gespräch begann am .*: 1 Runde\.\nZu 42 % voll: 84\.000 von 200\.000 Tokens\.\nDavon hat, was gesagt und getan wurde, etwa 60\.000/,
  );
});

it('the offline agent tells its own, in the chat and on the command line', async () => {
  const api = await startBotApi();
  const home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process', AGENT_PROVIDER: 'offline' });
  try {
    const chat = api.group('Family');
    home.registerAll([{ chatJid: String(chat), name: 'Family', folder: 'family', requiresTrigger: false }]);
    await home.start();
    expect(await api.ask(chat, 'The heron is grey and stands in the pond behind the house')).toContain(
      'heron',
    );
    expect(await api.ask(chat, '/context')).toMatch(
      /: 1 turn\.\nFull to 1 %: 15 of 6,250 tokens\.\n\/new begins a fresh one\.$/,
    );
    const { code, stdout } = await runCli(home, {}, 'status', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      perGroup: [{ folder: 'family', sessionTurns: 1, contextTokens: 15, contextWindow: 6250 }],
    });
    expect((await runCli(home, {}, 'status')).stdout).toContain('session 1 % full');
  } finally {
    await home.dispose();
    await api.close();
  }
});
