/** nanoclaw export <group>: one group's messages, tasks, folder and conversations, to read and to keep. */
import path from 'node:path';
import type { Command } from 'commander';
import { exportGroup, exportName } from '../backup/export.ts';
import { findGroup, type Output, print, readDb } from './context.ts';
import { bytesText } from './listing.ts';

export function exportCommand(program: Command): void {
  program
    .command('export')
    .description('write one group into a readable archive: its messages, tasks, folder and conversations')
    .argument('<group>', 'chat id or folder')
    .option('--to <file>', 'where to write it (default: data/exports/nanoclaw-export-<folder>-<time>.tar.gz)')
    .option('--json', 'machine-readable')
    .action((which: string, options: Output & { to?: string }) =>
      readDb(async (db, config) => {
        const group = findGroup(db, which);
        const { home } = config;
        const target = options.to ?? path.join(home, 'data', 'exports', exportName(group, new Date()));
        const timezone = group.timezone ?? config.timezone;
        const made = await exportGroup({ db, home, group, target: path.resolve(target), timezone });
        const { file, bytes, messages, tasks, turns, files, skipped } = made;
        const lines = [
          `${file}: ${bytesText(bytes)}, ${messages} messages, ${tasks} tasks, ${turns} turns, ${files} files.`,
          ...(skipped.length > 0 ? [`Left out, ${skipped.length}:`, ...skipped.slice(0, 10)] : []),
        ];
        print(options, made, lines.join('\n'));
      }),
    );
}
