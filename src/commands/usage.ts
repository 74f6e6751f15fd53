/** nanoclaw usage: what turns have used, by group, person, task or day. */
import type { Command } from 'commander';
import { allowanceRecord, dayIn, daysOf } from '../allowances.ts';
import type { UsageKey, UsedBy } from '../db/allowances.ts';
import type { Used } from '../db/usage.ts';
import type { Db } from '../db.ts';
import { titleOf } from '../tasks.ts';
import { ENGLISH } from '../words.ts';
import { allowanceRows } from './allowance.ts';
import { type Output, print, readDb } from './context.ts';
import { folderOf, oneOf, SINCE_HELP, sinceOf } from './listing.ts';
import { oneLine, table } from './table.ts';

const KEYS = ['group', 'person', 'task', 'day'] as const satisfies readonly UsageKey[];

interface Flags extends Output {
  group?: string;
  by: string;
  since?: string;
}

export function usageCommand(program: Command): void {
  program
    .command('usage')
    .description('what turns have used of the model since the first of the month, and what may be used')
    .option('--group <folder>', 'only of this group (folder or chat id)')
    .option('--by <what>', `one line for each: ${KEYS.join(', ')}`, 'group')
    .option('--since <time>', `${SINCE_HELP}; counted in whole days`)
    .option('--json', 'machine-readable')
    .action((options: Flags) => {
      const by = oneOf('--by', options.by, KEYS);
      const since = sinceOf(options.since);
      return readDb((db, config) => {
        const today = dayIn(Date.now(), config.timezone);
        const from =
          since === undefined ? daysOf('month', today)[0] : dayIn(Date.parse(since), config.timezone);
        const folder = folderOf(db, options.group) ?? null;
        const rows = db.allowances.usedBy(by, folder, [from, today]);
        if (by === 'day') rows.sort((a, b) => (a.key < b.key ? -1 : 1));
        const total = sumOf(rows);
        const allowances = db.allowances
          .all()
          .filter(({ scope, who }) => folder === null || (scope === 'group' && who === folder));
        const value = {
          from,
          to: today,
          group_folder: folder,
          ...total,
          by,
          rows: rows.map(({ key, ...used }) => ({ [by]: key === '' ? null : key, ...used })),
          allowances: allowances.map((each) => allowanceRecord(db, each, today)),
        };
        const shown = rows.map((row) => [nameOf(db, by, row.key), ...cells(row)]);
        const head = [by.toUpperCase(), 'TURNS', 'INPUT', 'OUTPUT', 'COST'];
        const text = [
          `From ${from} to ${today} (${config.timezone}):`,
          rows.length === 0 ? 'Nothing was used.' : table([head, ...shown, ['(all)', ...cells(total)]]),
          ...(allowances.length === 0 ? [] : ['', table(allowanceRows(db, allowances, today))]),
        ];
        print(options, value, text.join('\n'));
      });
    });
}

const cells = ({ turns, input_tokens: input, output_tokens: output, cost_usd: cost }: Used): string[] => [
  String(turns),
  String(input),
  String(output),
  ENGLISH.amount('usd', cost),
];

function sumOf(rows: readonly UsedBy[]): Used {
  const sum = (of: keyof Used) => rows.reduce((total, row) => total + row[of], 0);
  return {
    turns: sum('turns'),
    input_tokens: sum('input_tokens'),
    output_tokens: sum('output_tokens'),
    cost_usd: sum('cost_usd'),
  };
}

/** `(nobody)`: of a task, or between turns; `(messages)`: of no task. */
function nameOf(db: Db, by: UsageKey, key: string): string {
  if (key === '') return by === 'task' ? '(messages)' : '(nobody)';
  if (by === 'task') {
    const task = db.tasks.byId(key);
    return task === null ? key : `${key} ${oneLine(titleOf(task), 40)}`;
  }
  if (by !== 'person') return key;
  for (const { chatJid } of db.groups.all()) {
    const name = db.messages.nameOf(chatJid, key);
    if (name !== null) return `${key} ${oneLine(name, 40)}`;
  }
  return key;
}
