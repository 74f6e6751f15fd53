/** What every command needs: where the home is, how to print, how to fail. */

import { type Config, loadConfig } from '../config.ts';
import { databaseFile } from '../db/open.ts';
import { createDb, type Db } from '../db.ts';
import type { RegistryOptions } from '../registry.ts';
import { iso } from '../types.ts';

export interface Output {
  json?: boolean;
}

/** `--json` prints the value, otherwise the text for people. */
export function print(output: Output, value: unknown, text: string): void {
  process.stdout.write(output.json ? `${JSON.stringify(value, null, 2)}\n` : `${text}\n`);
}

/** Opens the database of the home, runs `work`, closes it. Works with the daemon running or stopped. */
export async function withDb<T>(work: (db: Db, config: Config) => T | Promise<T>): Promise<T> {
  const config = loadConfig();
  const db = createDb(databaseFile(config.home), {
    onUpgrade: ({ from, to, backup }) =>
      process.stderr.write(`The database was upgraded from schema ${from} to ${to}; as it was: ${backup}\n`),
  });
  try {
    return await work(db, config);
  } finally {
    db.close();
  }
}

export const registryOf = (db: Db, config: Config): RegistryOptions => ({
  db,
  home: config.home,
  assistantName: config.assistantName,
  now: () => iso(Date.now()),
});

/** Columns padded to their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
