/** What is wrong, until it is not: one open row for each kind and subject, told once. Closed ones are kept for a while. */
import type { Iso } from '../types.ts';
import type { Sqlite } from './open.ts';

export interface ProblemRow {
  id: number;
  kind: string;
  /** What it concerns, e.g. a group's folder or a chat; empty for the whole daemon. */
  subject: string;
  detail: string;
  openedAt: Iso;
  /** When people were told, or null. */
  toldAt: Iso | null;
}

/** Kind of the rows that say which chats were told to wait; no problem of their own. */
export const CHAT_TOLD = 'chat_told';
/** Closed rows that are kept, so that a flapping engine does not fill the table. */
const KEPT = 500;

export function problemRepository(db: Sqlite) {
  const COLUMNS = 'id, kind, subject, detail, opened_at AS openedAt, told_at AS toldAt';
  const open = db.prepare<[], ProblemRow>(
    `SELECT ${COLUMNS} FROM problems INDEXED BY problems_open WHERE closed_at IS NULL`,
  );
  const insert = db.prepare(
    'INSERT INTO problems (kind, subject, detail, opened_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const told = db.prepare('UPDATE problems SET told_at = ? WHERE id = ?');
  const close = db.prepare('UPDATE problems SET closed_at = ? WHERE id = ?');
  const prune = db.prepare(
    'DELETE FROM problems WHERE closed_at IS NOT NULL AND id <= (SELECT max(id) FROM problems) - ?',
  );

  return {
    /** Oldest first. */
    open: (): ProblemRow[] => open.all().sort((a, b) => a.id - b.id),
    /** Nothing happens when it is open already. */
    add(kind: string, subject: string, detail: string, at: Iso): void {
      insert.run(kind, subject, detail, at);
    },
    setTold(id: number, at: Iso): void {
      told.run(at, id);
    },
    close(id: number, at: Iso): void {
      close.run(at, id);
      prune.run(KEPT);
    },
  };
}
