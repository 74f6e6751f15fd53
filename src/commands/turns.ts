/** nanoclaw turns: what the agents did, attempt by attempt. */
import type { Command } from 'commander';
import type { ListedTurn } from '../db/reports.ts';
import { NanoClawError } from '../errors.ts';
import { formatDuration } from '../next-run/duration.ts';
import { localTime } from '../prompt.ts';
import { type Output, print, table, withDb } from './context.ts';
import { follow, limitOf, oneLine } from './listing.ts';

interface TurnFlags extends Output {
  group?: string;
  state?: string;
  limit: string;
  follow?: boolean;
}

const STATES = ['queued', 'running', 'done', 'retried', 'failed', 'stopped'];

export function turnsCommand(program: Command): void {
  program
    .command('turns')
    .description('the newest turns: for whom, how they ended, how long they took, what they cost')
    .option('--group <folder>', 'only of this group')
    .option('--state <state>', `only these: ${STATES.join(', ')}`)
    .option('--limit <n>', 'how many', '20')
    .option('--follow', 'go on with new ones; with --json one line each')
    .option('--json', 'machine-readable')
    .action((options: TurnFlags) =>
      withDb(async (db, config) => {
        const limit = limitOf(options.limit);
        const { group: folder = null, state = null } = options;
        if (state !== null && !STATES.includes(state))
          throw new NanoClawError(
            'COMMAND_INVALID',
            `--state is "${state}"; expected one of: ${STATES.join(', ')}.`,
          );
        if (!options.follow) {
          const found = db.reports.turns(folder, state, { afterSeq: 0, limit });
          const rows = found.map((turn) => row(turn, config.timezone));
          print(options, found, rows.length > 0 ? table([HEAD, ...rows]) : 'None.');
          return;
        }
        let afterSeq = 0;
        await follow(config.home, () => {
          for (const turn of db.reports.turns(folder, state, {
            afterSeq,
            limit: afterSeq === 0 ? limit : 10_000,
          })) {
            const line = options.json ? JSON.stringify(turn) : row(turn, config.timezone).join('  ');
            process.stdout.write(`${line}\n`);
            afterSeq = turn.seq;
          }
        });
      }),
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
