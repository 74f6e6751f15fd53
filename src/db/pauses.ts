/** Groups that are paused since the bot may not write in their chat: why, since when, what waits there. */
import type { ChatJid, Folder, Iso, TurnId } from '../types.ts';
import type { Sqlite } from './open.ts';

/** removed: from the group; blocked: by the person; restricted: it is there and may not write; gone: the chat. */
export type PauseReason = 'removed' | 'blocked' | 'restricted' | 'gone';

export interface Pause {
  chatJid: ChatJid;
  folder: Folder;
  reason: PauseReason;
  /** What Telegram said, or who did it; for the operator. */
  detail: string;
  since: Iso;
  /** Questions and replies that have waited too long. */
  gaveUp: number;
}

export function pauseRepository(db: Sqlite) {
  const SELECT = `SELECT chat_jid AS chatJid, folder, paused AS reason, paused_detail AS detail, paused_at AS since,
      paused_gave_up AS gaveUp FROM registered_groups`;
  const of = db.prepare<[string], Pause>(`${SELECT} WHERE chat_jid = ? AND paused IS NOT NULL`);
  const all = db.prepare<[], Pause>(`${SELECT} WHERE paused IS NOT NULL ORDER BY paused_at, folder`);
  const set = db.prepare(
    'UPDATE registered_groups SET paused = ?, paused_detail = ?, paused_at = coalesce(paused_at, ?) WHERE chat_jid = ?',
  );
  const clear = db.prepare(
    'UPDATE registered_groups SET paused = NULL, paused_detail = NULL, paused_at = NULL, paused_gave_up = 0 WHERE chat_jid = ?',
  );
  const questions = db
    .prepare<[string], number>('SELECT count(*) FROM messages WHERE chat_jid = ? AND disposition IS NULL')
    .pluck();
  const giveUp = db.prepare(
    `UPDATE messages SET disposition = 'failed', reason = ?
     WHERE chat_jid = ? AND disposition IS NULL AND turn_id IS NULL AND received_at < ?`,
  );
  const giveUpReplies = db.prepare<[string, string, string], { turnId: TurnId | null }>(
    `UPDATE outbox INDEXED BY outbox_open SET state = 'failed', error = ?
     WHERE chat_jid = ? AND state IN ('pending', 'sending', 'uncertain') AND state <> 'sending' AND created_at < ?
     RETURNING turn_id AS turnId`,
  );
  const noteGivenUp = db.prepare(
    'UPDATE registered_groups SET paused_gave_up = paused_gave_up + ? WHERE chat_jid = ?',
  );
  return {
    /** Null: it is not paused. */
    of: (jid: ChatJid): Pause | null => of.get(jid) ?? null,
    /** The longest first. */
    all: (): Pause[] => all.all(),
    /** Paused before, it stays paused since then. */
    set(jid: ChatJid, reason: PauseReason, detail: string, at: Iso): void {
      set.run(reason, detail, at, jid);
    },
    clear: (jid: ChatJid): boolean => clear.run(jid).changes > 0,
    /** Messages of the chat that are owed an answer. */
    questions: (jid: ChatJid): number => questions.get(jid) ?? 0,
    /** What has waited since before then waits no longer. Returns the turns whose replies are given up. */
    giveUp(jid: ChatJid, before: Iso, why: string): TurnId[] {
      const messages = giveUp.run(why, jid, before).changes;
      const replies = giveUpReplies.all(why, jid, before);
      if (messages + replies.length > 0) noteGivenUp.run(messages + replies.length, jid);
      return replies.flatMap(({ turnId }) => (turnId === null ? [] : [turnId]));
    },
  };
}
