/** nanoclaw backup: a checked archive of all that cannot be made anew, while the daemon runs or not. */
import { statSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { createBackup } from '../backup/create.ts';
import { listBackups, pruneBackups } from '../backup/keep.ts';
import { backupName } from '../backup/layout.ts';
import { readBackup } from '../backup/read.ts';
import { homeOf } from '../config.ts';
import { NanoClawError } from '../errors.ts';
import { programVersion } from '../lib/project-root.ts';
import { type Output, print } from './context.ts';
import { table } from './table.ts';

interface BackupFlags extends Output {
  to?: string;
  withSecrets?: boolean;
  keep: string;
}

export function backupCommand(program: Command): void {
  const backup = program
    .command('backup')
    .description('archive the database, groups, sessions and settings, and check the archive')
    .option('--to <file>', 'where to write it (default: data/backups/nanoclaw-<time>.tar.gz)')
    .option('--with-secrets', 'with the tokens and keys of .env; without it they are left out')
    .option('--keep <n>', 'how many to keep in data/backups; 0 keeps all', '7')
    .option('--json', 'machine-readable')
    .action(run);
  backup
    .command('list')
    .description('the backups in data/backups, newest first')
    .option('--json', 'machine-readable')
    .action((_: Output, command: Command) => list(command.optsWithGlobals<Output>()));
  backup
    .command('check')
    .description('read an archive through and say what is in it')
    .argument('<file>', 'the archive')
    .option('--json', 'machine-readable')
    .action((file: string, _: Output, command: Command) => check(file, command.optsWithGlobals<Output>()));
}

const folderOf = (home: string) => path.join(home, 'data', 'backups');

async function run(options: BackupFlags): Promise<void> {
  if (!/^\d{1,4}$/.test(options.keep)) {
    throw new NanoClawError(
      'COMMAND_INVALID',
      `--keep is "${options.keep}"; expected a number from 0 to 9999.`,
    );
  }
  const home = homeOf();
  const now = new Date();
  const target = path.resolve(options.to ?? path.join(folderOf(home), backupName(now)));
  const secrets = options.withSecrets === true;
  const { file, bytes, manifest } = await createBackup({
    home,
    target,
    secrets,
    version: programVersion(),
    now,
  });
  const removed =
    options.to === undefined && options.keep !== '0'
      ? pruneBackups(folderOf(home), Number(options.keep))
      : [];
  const messages = manifest.tables.messages ?? 0;
  const files = Object.keys(manifest.files).length;
  const lines = [
    `${file}: ${size(bytes)}, ${messages} messages, ${files} files; read back and checked.`,
    ...(secrets ? ['It holds your tokens and keys: keep it as safe as them.'] : []),
    ...(manifest.skipped.length > 0
      ? [`Left out, ${manifest.skipped.length}:`, ...manifest.skipped.slice(0, 10)]
      : []),
    ...(removed.length > 0 ? [`${removed.length} older ones were removed (--keep ${options.keep}).`] : []),
  ];
  const { files: _, ...facts } = manifest;
  print(options, { file, bytes, file_count: files, ...facts, removed }, lines.join('\n'));
}

async function list(options: Output): Promise<void> {
  const found = listBackups(folderOf(homeOf())).map((file) => ({ file, bytes: statSync(file).size }));
  const rows = found.map(({ file, bytes }) => [file, size(bytes)]);
  print(options, found, rows.length > 0 ? table(rows) : 'There is no backup yet: nanoclaw backup makes one.');
}

async function check(file: string, options: Output): Promise<void> {
  const { files, ...facts } = await readBackup(path.resolve(file), null);
  const count = Object.keys(files).length;
  const text = `${file} is whole: of ${facts.created_at}, schema ${facts.schema}, ${count} files, ${facts.tables.messages ?? 0} messages.`;
  print(options, { file, file_count: count, ...facts }, text);
}

function size(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
