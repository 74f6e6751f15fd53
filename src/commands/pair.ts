/** nanoclaw pair: a code that makes the chat it is sent from the main group. */
import type { Command } from 'commander';
import { formatDuration } from '../lib/duration.ts';
import { CODE_LIVES_MS, openPairing } from '../pairing.ts';
import { type Output, print, withDb } from './context.ts';

export function pairCommand(program: Command): void {
  program
    .command('pair')
    .description('make the first main group: prints a code to send to the bot')
    .option('--json', 'machine-readable')
    .action((options: Output) =>
      withDb((db, config) => {
        const { code, expiresAt } = openPairing(db, Date.now());
        const text = [
          `Send this to the bot, from the chat that shall be the main group, within ${formatDuration(CODE_LIVES_MS)}:`,
          '',
          `  /pair ${code}`,
          '',
          `It works once. Whoever sends it administers ${config.assistantName}, so show it to nobody.`,
        ].join('\n');
        print(options, { code, expires_at: expiresAt }, text);
      }),
    );
}
