/**
 * Topics of forums: their names, and what of them the agent was shown. Where each topic is a conversation, its own turns move its
 * mark; turns of the whole group move the group's, below which everything counts as shown in every topic.
 */
import type { ChatJid, Conversation, Seq } from '../types.ts';
import type { Sqlite } from './open.ts';

/** In a query over `messages`: the agent was not shown it, nor was it counted as left out. */
export const NOT_SHOWN = `messages.seq > (SELECT shown_seq FROM registered_groups g WHERE g.chat_jid = messages.chat_jid)
  AND messages.seq > coalesce((SELECT shown_seq FROM topics t
    WHERE t.chat_jid = messages.chat_jid AND t.thread_id = coalesce(messages.thread_id, 0)), 0)`;

export function topicRepository(db: Sqlite) {
  const name = db
    .prepare<[string, number], string | null>('SELECT name FROM topics WHERE chat_jid = ? AND thread_id = ?')
    .pluck();
  const setName = db.prepare(
    `INSERT INTO topics (chat_jid, thread_id, name) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET name = iif(? OR name IS NULL, excluded.name, name)`,
  );
  const shown = db
    .prepare<[number, string], number>(
      `SELECT max(shown_seq, coalesce((SELECT shown_seq FROM topics t WHERE t.chat_jid = g.chat_jid AND t.thread_id = ?), 0))
       FROM registered_groups g WHERE chat_jid = ?`,
    )
    .pluck();
  const moveAll = db.prepare('UPDATE registered_groups SET shown_seq = max(shown_seq, ?) WHERE chat_jid = ?');
  const moveOne = db.prepare(
    `INSERT INTO topics (shown_seq, chat_jid, thread_id) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET shown_seq = max(shown_seq, excluded.shown_seq)`,
  );
  const backAll = db.prepare(
    'UPDATE registered_groups SET shown_seq = ? WHERE chat_jid = ? AND shown_seq = ?',
  );
  const backOne = db.prepare(
    'UPDATE topics SET shown_seq = ? WHERE chat_jid = ? AND shown_seq = ? AND thread_id = ?',
  );

  return {
    name: (jid: ChatJid, threadId: number): string | null => name.get(jid, threadId) ?? null,
    /** As a message says it. `isCurrent`: so it is called now; else when it was made, which a later name outlives. */
    noteName(
      jid: ChatJid,
      threadId: number | null,
      called: { name: string; isCurrent: boolean } | null,
    ): void {
      if (threadId !== null && called !== null) setName.run(jid, threadId, called.name, +called.isCurrent);
    },
    /** What the conversation's turns have shown up to now. Of the whole group: what was shown in every topic. */
    shownSeq: (jid: ChatJid, conversation: Conversation): Seq =>
      (shown.get(conversation ?? -1, jid) ?? 0) as Seq,
    /** Everything in the conversation up to `seq` was shown, or counted as left out. */
    moveShown(jid: ChatJid, conversation: Conversation, seq: Seq): void {
      if (conversation === null) moveAll.run(seq, jid);
      else moveOne.run(seq, jid, conversation);
    },
    /** Undoes that, unless more was shown since. */
    moveShownBack(jid: ChatJid, conversation: Conversation, from: Seq | null, to: Seq | null): void {
      if (conversation === null) backAll.run(to, jid, from);
      else backOne.run(to, jid, from, conversation);
    },
  };
}

export type TopicRepository = ReturnType<typeof topicRepository>;
