/** The database in a backup: copied in one read transaction, whole and compact, and looked through before it is kept. */
import { randomUUID } from 'node:crypto';
import Database from 'better-sqlite3';
import { NanoClawError } from '../errors.ts';

/** Copies `source`, which a daemon may be writing to, to `target`, and checks the copy. Returns `target`. */
export function takeSnapshot(source: string, target: string): string {
  const db = new Database(source, { timeout: 5000, fileMustExist: true });
  try {
    db.prepare('VACUUM INTO ?').run(target);
  } finally {
    db.close();
  }
  checkDatabase(target);
  return target;
}

/** Throws BACKUP_INVALID when the file is damaged. */
export function checkDatabase(file: string): void {
  const problems = withDatabase(file, (db) =>
    db.prepare<[], string>('PRAGMA integrity_check(5)').pluck().all(),
  );
  if (problems.length === 1 && problems[0] === 'ok') return;
  throw new NanoClawError('BACKUP_INVALID', `The database in it is damaged: ${problems.join('; ')}.`);
}

export interface SnapshotFacts {
  schema: number;
  instance_id: string;
  tables: Record<string, number>;
}

export function describeSnapshot(file: string): SnapshotFacts {
  return withDatabase(file, (db) => {
    const names = db
      .prepare<[], string>(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
      )
      .pluck()
      .all();
    const count = (name: string) =>
      db
        .prepare<[], number>(`SELECT count(*) FROM "${name.replaceAll('"', '""')}"`)
        .pluck()
        .get() ?? 0;
    return {
      schema: db.prepare<[], number>('SELECT coalesce(max(id), 0) FROM migrations').pluck().get() ?? 0,
      instance_id:
        db.prepare<[], string>("SELECT value FROM meta WHERE key = 'instance_id'").pluck().get() ?? '',
      tables: Object.fromEntries(names.map((name) => [name, count(name)])),
    };
  });
}

/** Containers bear the instance's id: two homes with one id would take each other's away. */
export function giveNewInstance(file: string): void {
  const db = new Database(file, { fileMustExist: true });
  try {
    db.prepare("UPDATE meta SET value = ? WHERE key = 'instance_id'").run(randomUUID());
  } finally {
    db.close();
  }
}

function withDatabase<T>(file: string, work: (db: Database.Database) => T): T {
  const db = new Database(file, { readonly: true, fileMustExist: true });
  try {
    return work(db);
  } finally {
    db.close();
  }
}
