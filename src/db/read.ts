/**
 * The database for somebody who only looks: opened read-only, never made, never migrated. A file of another schema than
 * this program's is told as such, since the queries here would not fit.
 */
import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import { messageOf } from '../errors.ts';
import { groupRepository } from './groups.ts';
import { mcpRepository } from './mcp.ts';
import { MIGRATIONS } from './migrations.ts';
import { mountRepository } from './mounts.ts';
import { BUSY_TIMEOUT_MS, type Sqlite, schemaVersion } from './open.ts';
import { pauseRepository } from './pauses.ts';
import { taskRepository } from './tasks.ts';
import { turnRepository } from './turns.ts';

/** What writes in these repositories throws. */
export type ReadDb = ReturnType<typeof repositories>;

export type Readable =
  | { state: 'open'; db: ReadDb; schema: number }
  | { state: 'absent' }
  | { state: 'schema'; seen: number; known: number }
  | { state: 'damaged'; why: string }
  /** It may be whole, but this user cannot read it, or not now. */
  | { state: 'unreadable'; why: string };

const repositories = (sqlite: Sqlite) => ({
  sqlite,
  groups: groupRepository(sqlite),
  mounts: mountRepository(sqlite),
  mcp: mcpRepository(sqlite),
  pauses: pauseRepository(sqlite),
  tasks: taskRepository(sqlite),
  turns: turnRepository(sqlite),
});

/** Never throws. The caller closes what is open. */
export function readDatabase(file: string): Readable {
  if (!existsSync(file)) return { state: 'absent' };
  let sqlite: Sqlite | undefined;
  try {
    sqlite = new Database(file, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    const known = MIGRATIONS.at(-1)?.id ?? 0;
    const seen = isOurs(sqlite) ? schemaVersion(sqlite) : 0;
    if (seen === known) return { state: 'open', db: repositories(sqlite), schema: seen };
    sqlite.close();
    return { state: 'schema', seen, known };
  } catch (error) {
    sqlite?.close();
    const { code = '' } = error as { code?: string };
    const why = messageOf(error);
    return /^SQLITE_(CORRUPT|NOTADB|ERROR)/.test(code)
      ? { state: 'damaged', why }
      : { state: 'unreadable', why };
  }
}

const isOurs = (sqlite: Sqlite): boolean =>
  sqlite.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'migrations'").get() !== undefined;
