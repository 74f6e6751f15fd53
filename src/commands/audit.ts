/** nanoclaw audit: who did, or tried, what. `--follow` goes on with what comes. */
import type { Command } from 'commander';
import type { AuditEntry } from '../db/audit.ts';
import { NanoClawError } from '../errors.ts';
import { parseDuration } from '../next-run/duration.ts';
import { type Iso, iso } from '../types.ts';
import { type Output, print, withDb } from './context.ts';
import { follow, limitOf } from './listing.ts';

/** At once; what is beyond comes with the next change. */
const PAGE = 10_000;

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
    .option('--group <folder>', 'only what concerns this group')
    .option('--since <time>', 'an instant (2026-11-02T08:00:00Z) or how long ago (2h, 3d)')
    .option('--limit <n>', 'the newest so many', '50')
    .option('--follow', 'go on with what comes, until Ctrl-C')
    .option('--json', 'machine-readable; with --follow one entry a line')
    .action((options: Options) => {
      const since = sinceOf(options.since);
      const limit = limitOf(options.limit);
      return withDb(async (db, config) => {
        const found = db.audit.list({ group: options.group, since, limit }).reverse();
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
        await follow(config.home, () =>
          show(db.audit.list({ group: options.group, since, afterId: last, limit: PAGE })),
        );
      });
    });
}

/** An entry as scripts see it. */
const toJson = ({ group, ...entry }: AuditEntry) => ({ ...entry, group_folder: group });

function toLine(e: AuditEntry): string {
  const detail = e.detail === null ? '' : `  ${e.detail}`;
  const times = e.times > 1 ? `  (${e.times} times within the minute)` : '';
  return `${e.at}  ${e.actor}  ${e.group ?? '-'}  ${e.action}  ${e.outcome}${detail}${times}`;
}

function sinceOf(text: string | undefined): Iso | undefined {
  if (text === undefined) return undefined;
  const ago = parseDuration(text);
  if (ago !== null) return iso(Date.now() - ago);
  const at = Date.parse(text);
  if (Number.isFinite(at)) return iso(at);
  throw new NanoClawError(
    'COMMAND_INVALID',
    `--since: expected an instant like 2026-11-02T08:00:00Z or a length like 2h, got "${text}"`,
  );
}
