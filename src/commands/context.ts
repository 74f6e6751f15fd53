/** What every command needs: where the home is, how to print, how to reach the database. */
import { type Config, loadConfig } from '../config.ts';
import { databaseFile, explainStorage, isStorageFailure } from '../db/open.ts';
import { createDb, type Db } from '../db.ts';
import { NanoClawError } from '../errors.ts';
import { poke } from '../lib/poke.ts';
import { meansOf } from '../policy/thinking.ts';
import type { RegistryOptions } from '../registry.ts';
import { chatJid, type Group, iso } from '../types.ts';
import { plain } from './table.ts';

export interface Output {
  json?: boolean;
}

/** `--json` prints the value, otherwise the text for people. */
export function print(output: Output, value: unknown, text: string): void {
  process.stdout.write(output.json ? `${JSON.stringify(value, null, 2)}\n` : `${plain(text)}\n`);
}

/** Opens the database of the home to read, and closes it. Changes nothing, not even the schema. Throws DATABASE_MISSING. */
export function readDb<T>(work: (db: Db, config: Config) => T | Promise<T>): Promise<T> {
  return using(true, work);
}

/**
 * Opens the database of the home to change it (a new one where there is none), and closes it. With the daemon running or
 * stopped; a running one is told, unless `work` throws.
 */
export async function withDb<T>(work: (db: Db, config: Config) => T | Promise<T>): Promise<T> {
  return await using(false, async (db, config) => {
    const result = await work(db, config);
    poke(config.home);
    return result;
  });
}

async function using<T>(readonly: boolean, work: (db: Db, config: Config) => T | Promise<T>): Promise<T> {
  const config = loadConfig();
  const file = databaseFile(config.home);
  const db = createDb(file, {
    readonly,
    onUpgrade: ({ from, to, backup }) =>
      process.stderr.write(`The database was upgraded from schema ${from} to ${to}; as it was: ${backup}\n`),
  });
  try {
    return await work(db, config);
  } catch (error) {
    throw isStorageFailure(error) ? explainStorage(error, file) : error;
  } finally {
    db.close();
  }
}

/** By chat id (also the one before it became a supergroup) or folder. Throws GROUP_UNKNOWN. */
export function findGroup(db: Db, which: string): Group {
  const group = db.groups.find(chatJid(which)) ?? db.groups.byFolder(which);
  if (group) return group;
  throw new NanoClawError('GROUP_UNKNOWN', `No registered group has the chat id or folder "${which}".`, {
    fix: 'nanoclaw groups list shows them.',
  });
}

export const registryOf = (db: Db, config: Config): RegistryOptions => ({
  db,
  home: config.home,
  assistantName: config.assistantName,
  now: () => iso(Date.now()),
  thinking: { defaults: config.thinking, means: meansOf(config) },
});
