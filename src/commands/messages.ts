/** nanoclaw messages <chat>: what was said, and what became of it; or what was said with these words. */
import type { Command } from 'commander';
import { formerMessageId } from '../db/group-move.ts';
import type { ListedMessage } from '../db/reports.ts';
import type { Found } from '../db/search.ts';
import type { Db } from '../db.ts';
import { NanoClawError } from '../errors.ts';
import { localTime } from '../lib/local-time.ts';
import { type ChatJid, chatJid, DISPOSITIONS } from '../types.ts';
import { type Output, print, readDb } from './context.ts';
import { follow, limitOf, oneOf, PAGE, SINCE_HELP, sinceOf } from './listing.ts';
import { oneLine, table } from './table.ts';

interface MessageFlags extends Output {
  limit: string;
  disposition?: string;
  search?: string;
  since?: string;
  follow?: boolean;
}

export function messagesCommand(program: Command): void {
  program
    .command('messages')
    .description('the newest messages of a chat and what became of each')
    .argument('<chat>', 'chat id or folder')
    .option('--limit <n>', 'how many', '20')
    .option('--disposition <d>', 'only these: answered, failed, stopped, not_for_nina, … or open')
    .option('--since <time>', SINCE_HELP)
    .option(
      '--search <words>',
      'the best matches instead, in any script; "words between quotes" stand together',
    )
    .option('--follow', 'go on with new ones; with --json one line each')
    .option('--json', 'machine-readable')
    .action((chat: string, options: MessageFlags) =>
      readDb(async (db, config) => {
        const limit = limitOf(options.limit);
        const since = sinceOf(options.since);
        const group = db.groups.byFolder(chat) ?? db.groups.find(chatJid(chat));
        const jid = group?.chatJid ?? chatJid(chat);
        if (!group && !/^-?\d+$/.test(chat)) {
          throw new NanoClawError(
            'GROUP_UNKNOWN',
            `No registered group has the chat id or folder "${chat}".`,
            {
              fix: 'nanoclaw groups list shows them.',
            },
          );
        }
        const zone = group?.timezone ?? config.timezone;
        const disposition =
          options.disposition === undefined ? null : oneOf('--disposition', options.disposition, KINDS);
        if (options.search !== undefined) return search(db, jid, zone, options, options.search);
        if (!options.follow) {
          const found = db.reports.messages(jid, disposition, { afterSeq: 0, limit, since });
          print(
            options,
            found,
            found.length > 0 ? table([HEAD, ...found.map((m) => row(m, zone))]) : 'None.',
          );
          return;
        }
        let afterSeq = 0;
        await follow(config.home, () => {
          const found = db.reports.messages(jid, disposition, {
            afterSeq,
            limit: afterSeq === 0 ? limit : PAGE,
            since,
          });
          for (const message of found) {
            process.stdout.write(
              `${options.json ? JSON.stringify(message) : row(message, zone).join('  ')}\n`,
            );
            afterSeq = message.seq;
          }
        });
      }),
    );
}

function search(db: Db, jid: ChatJid, zone: string, options: MessageFlags, query: string): void {
  if (options.follow || options.disposition !== undefined)
    throw new NanoClawError('COMMAND_INVALID', '--search goes with --limit, --since and --json only.');
  const limit = limitOf(options.limit);
  const result = db.search.messages(jid, { query, limit, since: sinceOf(options.since) });
  if (result === null)
    throw new NanoClawError('COMMAND_INVALID', `--search is "${query}"; expected at least one word.`);
  const { found, index } = result;
  if (!index.complete)
    process.stderr.write(
      `The index is still being made${index.since === null ? '' : `, back to ${localTime(Date.parse(index.since), zone)} so far`}: older messages may be missing.\n`,
    );
  print(
    options,
    found.map(listed),
    found.length > 0 ? table([FOUND, ...found.map((m) => hit(m, zone))]) : 'None.',
  );
}

const FOUND = ['TIME', 'MESSAGE', 'FROM', 'TEXT'];

const hit = (m: Found, zone: string): string[] => [
  localTime(Date.parse(m.timestamp), zone),
  idOf(m.messageId),
  oneLine(m.senderName, 24),
  oneLine(m.content),
];

const listed = (m: Found) => ({
  seq: m.seq,
  message_id: m.messageId,
  thread_id: m.threadId,
  sender: m.sender,
  sender_name: m.senderName,
  content: m.content,
  timestamp: m.timestamp,
  disposition: m.disposition,
  has_all_words: m.all,
});

const KINDS = [...DISPOSITIONS, 'open'] as const;

const HEAD = ['TIME', 'MESSAGE', 'FROM', 'DISPOSITION', 'TEXT'];

/** Below zero: from before its chat became a supergroup, when it had this id. */
const idOf = (id: number): string => (id < 0 ? `${formerMessageId(id)} (before)` : String(id));

const row = (m: ListedMessage, zone: string): string[] => [
  localTime(Date.parse(m.timestamp), zone),
  idOf(m.message_id),
  oneLine(m.sender_name, 24),
  m.disposition ?? (m.turn_id === null ? 'waits' : 'in its turn'),
  oneLine(m.content),
];
