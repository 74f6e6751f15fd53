/** nanoclaw turns: what the agents did, attempt by attempt. */
import type { Command } from 'commander';
import type { ListedTurn } from '../db/reports.ts';
import type { Db } from '../db.ts';
import { NanoClawError } from '../errors.ts';
import { formatDuration } from '../lib/duration.ts';
import { localTime } from '../lib/local-time.ts';
import { retryTurn } from '../retry.ts';
import type { TaskRules } from '../tasks.ts';
import { type Output, print, readDb, withDb } from './context.ts';
import { folderOf, follow, limitOf, oneOf, PAGE, SINCE_HELP, sinceOf } from './listing.ts';
import { oneLine, table } from './table.ts';

interface TurnFlags extends Output {
  group?: string;
  state?: string;
  since?: string;
  limit: string;
  follow?: boolean;
}

const STATES = ['queued', 'running', 'done', 'retried', 'failed', 'stopped'];

export function turnsCommand(program: Command): void {
  const turns = program.command('turns');
  turns
    .description('the newest turns: for whom, how they ended, how long they took, what they cost')
    .option('--group <folder>', 'only of this group (folder or chat id)')
    .option('--state <state>', `only these: ${STATES.join(', ')}`)
    .option('--since <time>', SINCE_HELP)
    .option('--limit <n>', 'how many', '20')
    .option('--follow', 'go on with new ones; with --json one line each')
    .option('--json', 'machine-readable')
    .action((options: TurnFlags) =>
      readDb(async (db, config) => {
        const limit = limitOf(options.limit);
        const folder = folderOf(db, options.group) ?? null;
        const state = options.state === undefined ? null : oneOf('--state', options.state, STATES);
        const since = sinceOf(options.since);
        if (!options.follow) {
          const found = db.reports.turns(folder, state, { afterSeq: 0, limit, since });
          const rows = found.map((turn) => row(turn, config.timezone));
          print(options, found, rows.length > 0 ? table([HEAD, ...rows]) : 'None.');
          return;
        }
        let afterSeq = 0;
        await follow(config.home, () => {
          for (const turn of db.reports.turns(folder, state, {
            afterSeq,
            limit: afterSeq === 0 ? limit : PAGE,
            since,
          })) {
            const line = options.json
              ? JSON.stringify(turn)
              : row(turn, config.timezone)
                  .map((cell) => oneLine(cell, 400))
                  .join('  ');
            process.stdout.write(`${line}\n`);
            afterSeq = turn.seq;
          }
        });
      }),
    );
  turns
    .command('retry')
    .argument('<turn>', 'its id, or the beginning of it that the list shows')
    .description('try again what failed for good: its messages wait for an answer as if they had just come')
    .option('--json', 'machine-readable')
    .action((start: string, _: Output, command: Command) =>
      withDb((db, config) => {
        const rules: TaskRules = { db, now: Date.now, defaultTimezone: config.timezone };
        const turn = findTurn(db, start);
        const { group, taskId } = retryTurn(rules, turn, 'operator');
        const what = taskId === null ? 'The messages wait' : `Task ${taskId} waits`;
        print(
          command.optsWithGlobals(),
          { turn, group: group.folder, task: taskId },
          `${what} for ${group.folder}’s next turn.`,
        );
      }),
    );
}

/** By its id, or by the beginning of it that the list shows. Throws RETRY_REFUSED. */
function findTurn(db: Db, start: string): string {
  const found = db.turns.startingWith(start);
  if (found.length === 1 && found[0] !== undefined) return found[0];
  throw new NanoClawError(
    'RETRY_REFUSED',
    found.length === 0 ? `No turn begins with "${start}".` : `More than one turn begins with "${start}".`,
    { fix: 'nanoclaw turns --state failed shows them; --json gives the whole ids.' },
  );
}

const HEAD = ['QUEUED', 'TURN', 'GROUP', 'KIND', 'STATE', 'TRY', 'TOOK', 'TOKENS', 'ERROR'];

const row = (t: ListedTurn, zone: string): string[] => [
  localTime(Date.parse(t.queued_at), zone),
  t.id.slice(0, 8),
  t.group_folder,
  t.kind,
  t.state,
  String(t.attempt),
  t.started_at && t.finished_at
    ? formatDuration(Math.max(0, Date.parse(t.finished_at) - Date.parse(t.started_at)))
    : '',
  t.input_tokens === null ? '' : `${t.input_tokens} + ${t.output_tokens ?? 0}`,
  oneLine(t.error_code === null ? '' : `${t.error_code}: ${t.error ?? ''}`, 60),
];
