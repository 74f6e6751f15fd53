/** /usage and /allowance, as people read them, and what they say to bad input. The whole daemon. */
import { expect, it } from 'vitest';
import type { Group } from '../../src/types.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';

async function ask(daemon: InnerDaemon, group: Group, text: string): Promise<string> {
  const count = daemon.told(group).length;
  await daemon.say(group, text);
  return await daemon.until(() => daemon.told(group)[count] ?? '');
}

it('a group sees its own use, by person and task; main sees all, and sets what may be used', async () => {
  const daemon = new InnerDaemon();
  const main = daemon.register('main', { isMain: true });
  const family = daemon.register('family');
  daemon.register('garden');
  const task = daemon.add(family, '30m');
  const usage = { input_tokens: 1000, output_tokens: 234, cost_usd: 0.05 };
  daemon.agent.answer = () => ({ text: 'done', usage });
  await daemon.start();
  await ask(daemon, family, '@Nina hello');
  const ben = { from: { id: 2002, is_bot: false, first_name: 'Ben' } };
  await daemon.say(family, '@Nina hello', undefined, ben);
  await daemon.until(() => daemon.told(family).length === 2);
  await daemon.clock.advance(31 * 60_000);
  await daemon.until(() => daemon.told(family).length === 3);
  expect(await ask(daemon, main, '/allowance family 1usd/day')).toBe(
    'Allowance of group “family”: $1.00 a day. Used: $0.15; left: $0.85.',
  );
  expect(await ask(daemon, main, '/allowance all 20000tokens/month')).toBe(
    'Allowance of all groups together: 20,000 tokens a month. Used: 3,702 tokens; left: 16,298 tokens.',
  );
  expect(await ask(daemon, family, '/usage')).toBe(
    [
      'Today: 3 turns, 3,702 tokens, $0.15.',
      'This month: 3 turns, 3,702 tokens, $0.15.',
      'This month by person:',
      '– Anna: 1 turn, 1,234 tokens, $0.05',
      '– Ben: 1 turn, 1,234 tokens, $0.05',
      'This month by task:',
      `– ${task.id} “look at the weather”: 1 turn, 1,234 tokens, $0.05`,
      'Allowance of group “family”: $1.00 a day. Used: $0.15; left: $0.85.',
    ].join('\n'),
  );
  // A group is not told of another one, whatever it asks.
  expect(await ask(daemon, family, '/usage garden')).toContain('Anna');
  expect(await ask(daemon, main, '/usage garden')).toBe(
    ['Today: 0 turns, 0 tokens, $0.00.', 'This month: 0 turns, 0 tokens, $0.00.'].join('\n'),
  );
  expect(await ask(daemon, main, '/usage')).toBe(
    [
      'Today: 3 turns, 3,702 tokens, $0.15.',
      'This month: 3 turns, 3,702 tokens, $0.15.',
      'This month by group:',
      '– family: 3 turns, 3,702 tokens, $0.15',
      'Allowance of all groups together: 20,000 tokens a month. Used: 3,702 tokens; left: 16,298 tokens.',
      'Allowance of group “family”: $1.00 a day. Used: $0.15; left: $0.85.',
    ].join('\n'),
  );
  expect(await ask(daemon, main, '/allowance all off')).toBe(
    'There is no allowance of all groups together any more.',
  );
  daemon.db.sqlite.exec("UPDATE registered_groups SET language = 'de'");
  expect(await ask(daemon, family, '/usage')).toMatch(
    /Budget für Gruppe „family“: 1,00\s\$ am Tag\. Verbraucht: 0,15\s\$/,
  );
});

it('what cannot be is refused, with what was expected, and changes nothing', async () => {
  const daemon = new InnerDaemon();
  const main = daemon.register('main', { isMain: true });
  const family = daemon.register('family');
  await daemon.start();
  for (const [text, expected] of [
    ['/allowance nowhere 1usd/day', 'expected the folder of a group, all, or person:ID'],
    ['/allowance person:anna 1usd/day', 'expected the folder of a group, all, or person:ID'],
    ['/allowance family lots', 'expected an amount above 0 like 1usd/day'],
    ['/allowance family', 'expected /allowance FOLDER|all|person:ID'],
    ['/allowance family off', 'there is no allowance "family"'],
    ['/usage nowhere', 'there is no group with the folder "nowhere"'],
  ] as const)
    expect(await ask(daemon, main, text)).toContain(expected);
  expect(await ask(daemon, main, '/allowance')).toBe('There are no allowances.');
  expect(await ask(daemon, family, '/allowance family 1usd/day')).toBe(
    '/allowance works in the main group only.',
  );
  expect(daemon.db.allowances.all()).toEqual([]);
});
