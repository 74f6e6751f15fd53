/** nanoclaw audit: who did, or tried, what. `--follow` goes on with what comes. */
import type { Command } from 'commander';
import type { AuditEntry } from '../db/audit.ts';
import { type Output, print, readDb } from './context.ts';
import { folderOf, follow, limitOf, PAGE, SINCE_HELP, sinceOf } from './listing.ts';
import { plain } from './table.ts';

interface Options extends Output {
  group?: string;
  since?: string;
  limit: string;
  follow?: boolean;
}

export function auditCommand(program: Command): void {
  program
    .command('audit')
    .description('who did, or tried, what: registrations, admin commands, refusals; oldest first')
    .option('--group <folder>', 'only what concerns this group (folder or chat id)')
    .option('--since <time>', SINCE_HELP)
    .option('--limit <n>', 'the newest so many', '50')
    .option('--follow', 'go on with what comes, until Ctrl-C')
    .option('--json', 'machine-readable; with --follow one entry a line')
    .action((options: Options) => {
      const since = sinceOf(options.since);
      const limit = limitOf(options.limit);
      return readDb(async (db, config) => {
        const group = folderOf(db, options.group);
        const found = db.audit.list({ group, since, limit }).reverse();
        if (!options.follow) {
          print(options, found.map(toJson), found.map(toLine).join('\n') || 'Nothing is noted.');
          return;
        }
        let last = 0;
        const show = (entries: AuditEntry[]) => {
          for (const entry of entries) {
            process.stdout.write(`${options.json ? JSON.stringify(toJson(entry)) : toLine(entry)}\n`);
            last = Math.max(last, entry.id);
          }
        };
        show(found);
        await follow(config.home, () => show(db.audit.list({ group, since, afterId: last, limit: PAGE })));
      });
    });
}

/** An entry as scripts see it. */
const toJson = ({ group, ...entry }: AuditEntry) => ({ ...entry, group_folder: group });

function toLine(e: AuditEntry): string {
  const detail = e.detail === null ? '' : `  ${e.detail}`;
  const times = e.times > 1 ? `  (${e.times} times within the minute)` : '';
  return plain(`${e.at}  ${e.actor}  ${e.group ?? '-'}  ${e.action}  ${e.outcome}${detail}${times}`);
}
