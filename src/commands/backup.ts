/** nanoclaw backup: a checked archive of all that cannot be made anew, while the daemon runs or not. */
import { statSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { createBackup } from '../backup/create.ts';
import { listBackups, pruneBackups } from '../backup/keep.ts';
import { backupName } from '../backup/layout.ts';
import { readBackup } from '../backup/read.ts';
import { homeOf, loadConfig } from '../config.ts';
import { NanoClawError } from '../errors.ts';
import { programVersion } from '../lib/project-root.ts';
import { type Output, print } from './context.ts';
import { bytesText } from './listing.ts';
import { table } from './table.ts';

interface BackupFlags extends Output {
  to?: string;
  withSecrets?: boolean;
  keep?: string;
}

export function backupCommand(program: Command): void {
  const backup = program
    .command('backup')
    .description('archive the database, groups, sessions and settings, and check the archive')
    .option('--to <file>', 'where to write it (default: data/backups/nanoclaw-<time>.tar.gz)')
    .option('--with-secrets', 'with the tokens and keys of .env; without it they are left out')
    .option('--keep <n>', 'how many to keep in data/backups; 0 keeps all (default: BACKUP_KEEP)')
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
  if (options.keep !== undefined && !/^\d{1,4}$/.test(options.keep)) {
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
  const keep = options.keep === undefined ? kept() : Number(options.keep);
  const removed = options.to === undefined && keep !== 0 ? pruneBackups(folderOf(home), keep) : [];
  const messages = manifest.tables.messages ?? 0;
  const files = Object.keys(manifest.files).length;
  const lines = [
    `${file}: ${bytesText(bytes)}, ${messages} messages, ${files} files; read back and checked.`,
    ...(secrets ? ['It holds your tokens and keys: keep it as safe as them.'] : []),
    ...(manifest.skipped.length > 0
      ? [`Left out, ${manifest.skipped.length}:`, ...manifest.skipped.slice(0, 10)]
      : []),
    ...(removed.length > 0 ? [`${removed.length} older ones were removed; ${keep} are kept.`] : []),
  ];
  const { files: _, ...facts } = manifest;
  print(options, { file, bytes, file_count: files, ...facts, removed }, lines.join('\n'));
}

/** A backup is made whatever is wrong with the settings; then none is removed. */
function kept(): number {
  try {
    return loadConfig().backup.keep;
  } catch {
    return 0;
  }
}

async function list(options: Output): Promise<void> {
  const found = listBackups(folderOf(homeOf())).map((file) => ({ file, bytes: statSync(file).size }));
  const rows = found.map(({ file, bytes }) => [file, bytesText(bytes)]);
  print(options, found, rows.length > 0 ? table(rows) : 'There is no backup yet: nanoclaw backup makes one.');
}

async function check(file: string, options: Output): Promise<void> {
  const { files, ...facts } = await readBackup(path.resolve(file), null);
  const count = Object.keys(files).length;
  const text = `${file} is whole: of ${facts.created_at}, schema ${facts.schema}, ${count} files, ${facts.tables.messages ?? 0} messages.`;
  print(options, { file, file_count: count, ...facts }, text);
}
