/** /usage and /allowance, as people read them, and what they say to bad input. The whole daemon. */
import path from 'node:path';
import { expect, it } from 'vitest';
import { MIGRATIONS } from '../../src/db/migrations.ts';
import { openDatabase } from '../../src/db/open.ts';
import { createDb } from '../../src/db.ts';
import { type Group, type Iso, turnId } from '../../src/types.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';
import { tempFolder } from '../support/world.ts';

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

it('what turns had used before there was a ledger is in it, by who asked and by task', () => {
  const file = path.join(tempFolder(), 'nanoclaw.db');
  const old = openDatabase(file, MIGRATIONS.slice(0, 4));
  const turn = old.prepare(
    `INSERT INTO turns (id, chat_jid, group_folder, kind, state, attempt, chain, queued_at, started_at, finished_at,
       input_tokens, output_tokens, cost_usd) VALUES (?, '-1', 'family', ?, ?, 1, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const at = '2026-11-02T08:00:00.000Z';
  turn.run('a', 'messages', 'done', 'a', at, at, at, 100, 5, 0.25);
  turn.run('b', 'task', 'failed', 'b', at, at, at, null, null, null);
  turn.run('c', 'messages', 'retried', 'c', at, null, at, null, null, null);
  turn.run('d', 'messages', 'running', 'd', at, at, null, null, null, null);
  old.exec(`INSERT INTO messages (chat_jid, message_id, sender, sender_name, content, timestamp, turn_id, trigger_kind, received_at)
      VALUES ('-1', 1, '7', 'Ann', 'x', '${at}', 'a', NULL, '${at}'), ('-1', 2, '1001', 'Anna', 'x', '${at}', 'a', 'mention', '${at}');
    INSERT INTO task_runs (task_id, chat_jid, due, state, origin, turn_id) VALUES ('t1', '-1', '${at}', 'finished', 'schedule', 'b');
    INSERT INTO model_usage (group_folder, day, requests, failures, input_tokens, output_tokens) VALUES ('family', '2026-11-02', 3, 0, 100, 5)`);
  old.close();
  const db = createDb(file);
  const rows = () =>
    db.sqlite.prepare('SELECT * FROM usage_ledger ORDER BY person DESC, task_id').raw().all();
  const before = [
    ['family', '2026-11-02', '1001', '', 1, 100, 5, 0.25],
    ['family', '2026-11-02', '', 't1', 1, 0, 0, 0],
  ];
  expect(rows()).toEqual(before);
  // The one that was under way is charged when it ends, and only with what the proxy counts from now on.
  const use = { requests: 1, failures: 0, inputTokens: 30, outputTokens: 3 };
  db.usage.add('family', '2026-11-02', use);
  const usage = { input_tokens: 20, output_tokens: 2, cost_usd: 0.5 };
  expect(db.turns.finish(turnId('d'), 'done', '2026-11-02T08:05:00.000Z' as Iso, null, usage)).toBe(true);
  expect(rows()).toEqual([
    ...before.slice(0, 1),
    ['family', '2026-11-02', '', '', 1, 30, 3, 0.5],
    ...before.slice(1),
  ]);
  db.close();
});
