/** nanoclaw why <chat> <message id>: what became of a message. */
import type { Command } from 'commander';
import { NanoClawError } from '../errors.ts';
import { chatJid } from '../types.ts';
import { explainMessage } from '../why.ts';
import { type Output, print, readDb } from './context.ts';

export function whyCommand(program: Command): void {
  program
    .command('why')
    .description('what became of a message, and when')
    .argument('<chat>', 'chat id or folder')
    .argument('<message>', 'Telegram message id')
    .option('--json', 'machine-readable')
    .action((chat: string, message: string, options: Output) =>
      readDb((db, config) => {
        if (!/^\d{1,15}$/.test(message))
          throw new NanoClawError('COMMAND_INVALID', 'message: expected a Telegram message id');
        const named = db.groups.byFolder(chat);
        const group = named ?? db.groups.find(chatJid(chat));
        const zone = group?.timezone ?? config.timezone;
        const { trace, lines } = explainMessage(db, named?.chatJid ?? chatJid(chat), Number(message), zone);
        print(options, trace ?? { message: null }, lines.join('\n'));
        if (trace === null) process.exitCode = 1;
      }),
    );
}
