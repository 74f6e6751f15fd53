/** nanoclaw restore: a home from a backup. The daemon must be stopped; what is there is kept aside. */
import path from 'node:path';
import type { Command } from 'commander';
import { restoreBackup } from '../backup/restore.ts';
import { homeOf } from '../config.ts';
import { type Output, print } from './context.ts';

export function restoreCommand(program: Command): void {
  program
    .command('restore')
    .description('bring a backup back (with the daemon stopped)')
    .argument('<file>', 'the archive, as nanoclaw backup has made it')
    .option('--replace', 'the home has a database: move it aside first')
    .option('--json', 'machine-readable')
    .action(async (file: string, options: Output & { replace?: boolean }) => {
      const home = homeOf();
      const replace = options.replace === true;
      const { manifest, aside, keptSettings } = await restoreBackup({
        home,
        file: path.resolve(file),
        replace,
        now: new Date(),
      });
      const lines = [
        `Restored ${home} as of ${manifest.created_at}: ${manifest.tables.messages ?? 0} messages, ${manifest.tables.registered_groups ?? 0} groups.`,
        ...(aside === null ? [] : [`What was there is in ${aside}.`]),
        ...(keptSettings ? ['The .env that was there was kept.'] : []),
        ...(manifest.secrets || keptSettings
          ? []
          : ['The backup holds no tokens or keys: set them in .env before the start.']),
        'Turns that were running when it was made begin again at the start.',
      ];
      const value = {
        home,
        created_at: manifest.created_at,
        tables: manifest.tables,
        aside,
        kept_settings: keptSettings,
      };
      print(options, value, lines.join('\n'));
    });
}
