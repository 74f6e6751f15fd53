/**
 * Reactions, with real daemons and a strict Bot API server, and a SIGKILL at each step: no 👀 is left standing, the agent's own
 * stands, and what is shown changes as often as without it; what was cut off is told once more, which changes nothing.
 */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Step } from '../../src/lib/failpoint.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';

let api: BotApi;
let home: TestHome;
let group: number;

beforeEach(async () => {
  api = await startBotApi({ strictLimits: true });
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
  home.settings.HOME = home.dir;
  group = api.group('Family', 'you', 'anna');
  home.registerAll([{ chatJid: String(group), name: 'Family', folder: 'family' }]);
  expect((await home.nanoclaw('groups', 'set', 'family', '--reactions', 'on')).code).toBe(0);
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

/** What Telegram was told to show, message by message, in order; `''`: nothing. */
const told = (messageId: number): string[] =>
  api.sim.ledger
    .filter(
      ({ method, params }) => method === 'setMessageReaction' && Number(params.message_id) === messageId,
    )
    .map(({ params }) => {
      const given = typeof params.reaction === 'string' ? JSON.parse(params.reaction) : params.reaction;
      return (given as { emoji: string }[]).map(({ emoji }) => emoji).join();
    });
const shown = (messageId: number) =>
  api.sim.world.chat(group).reactions.get(messageId)?.get(api.sim.world.bot.id)?.join() ?? '';
/** As often as one thing follows another. */
const changes = (list: readonly string[]) => list.filter((each, n) => n === 0 || each !== list[n - 1]);
const atRest = () => home.until(() => home.row('SELECT 1 FROM reactions') === undefined, 'nothing to tell');

it('the tool: the agent’s own takes the place of 👀 and stays', async () => {
  await home.start();
  const { message_id: id } = api.sim.say({ chat: group, from: 'anna', text: '@Nina react 👍' });
  await api.until(() => api.answers(group).some((text) => text.includes('👍 is being shown')), 'the answer');
  await atRest();
  expect(shown(id)).toBe('👍');
  expect(changes(told(id)).at(-1)).toBe('👍');
});

const STEPS: readonly (readonly [Step, number])[] = [
  ['turn.running', 1],
  ['reaction.begun', 1],
  ['reaction.answered', 1],
  ['command.done', 1],
  ['command.answered', 1],
  ['turn.settled', 1],
  ['reaction.begun', 2],
  ['reaction.answered', 2],
];

it.each(STEPS)(
  'SIGKILL at %s, time %i',
  async (step, nth) => {
    const dying = home.spawn({ FAILPOINTS: `${step}=kill@${nth}` });
    const { message_id: plain } = api.sim.say({ chat: group, from: 'you', text: '@Nina hello' });
    const { message_id: asked } = api.sim.say({ chat: group, from: 'anna', text: '@Nina react 👍' });
    expect((await dying.exited).signal).toBe('SIGKILL');
    await home.start();
    const open =
      "SELECT 1 FROM messages WHERE disposition IS NULL UNION SELECT 1 FROM outbox WHERE state = 'pending'";
    await home.until(() => home.row(open) === undefined, 'the answers');
    await home.until(
      () => home.row("SELECT 1 FROM turns WHERE state IN ('queued', 'running')") === undefined,
      'their turns',
    );
    await atRest();
    expect([shown(plain), shown(asked)]).toEqual(['', '👍']);
    for (const [id, last] of [
      [plain, ''],
      [asked, '👍'],
    ] as const) {
      const list = told(id);
      // The one that was cut off; and the agent's, when its turn had to begin again.
      expect(list.length - changes(list).length).toBeLessThanOrEqual(id === asked ? 2 : 1);
      expect(list.length === 0 ? last : list.at(-1)).toBe(last);
      // 👀 comes at most once, and never after the end.
      expect(changes(list).filter((each) => each === '👀').length).toBeLessThanOrEqual(1);
    }
  },
  60_000,
);
