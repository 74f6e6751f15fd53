/** Files that main has sent to become a specialist's, from the command until the file is there, or will not come. */
import type { Seq } from '../types.ts';
import type { Sqlite } from './open.ts';

export interface Addition {
  seq: Seq;
  /** Of a group, or `global`. */
  folder: string;
  actor: string;
}

export function additionRepository(db: Sqlite) {
  const insert = db.prepare(
    'INSERT INTO specialist_additions (message_seq, folder, actor) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const of = db.prepare<[number], { message_seq: number; folder: string; actor: string }>(
    'SELECT message_seq, folder, actor FROM specialist_additions WHERE message_seq = ?',
  );
  const remove = db.prepare('DELETE FROM specialist_additions WHERE message_seq = ?');
  return {
    want(seq: Seq, folder: string, actor: string): void {
      insert.run(seq, folder, actor);
    },
    of(seq: Seq): Addition | null {
      const row = of.get(seq);
      return row ? { seq: row.message_seq as Seq, folder: row.folder, actor: row.actor } : null;
    },
    settle(seq: Seq): void {
      remove.run(seq);
    },
  };
}
