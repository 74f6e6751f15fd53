/**
 * A group has become a supergroup, which has another chat id: what it takes to move all that is its own there, in the
 * caller's transaction. The new chat counts its messages from 1 again, so those that move take ids below zero: none of the
 * new ones looks like a repeat, and `formerMessageId` still finds them by their old id.
 * What stays under the old id, since it tells what happened there: inbox, chats, replies that are settled.
 */
import type { ChatJid } from '../types.ts';
import type { Sqlite } from './open.ts';

/** Where a message of the old chat is found in the new one. */
export const formerMessageId = (messageId: number): number => -1 - messageId;

/** Beyond every id that Telegram gives: should a group ever move twice, nothing lands on what moved before. */
const GENERATION = 1e15;

/** Why a change of a message that was still to be made is given up. */
const STAYED_BEHIND = 'the message stayed behind in the old chat';

/** Where it is noted until when a group waits for its next turn, as it was told in this topic. */
export const turnLimitKey = (jid: ChatJid, threadId: number | null): string =>
  `turn_limit_until:${jid}${threadId === null ? '' : `:${threadId}`}`;

/** The caller has made sure that `from` is registered and `to` is not. */
export function groupMove(db: Sqlite): (from: ChatJid, to: ChatJid) => void {
  const moved = (id: string) => `iif(${id} >= 0, -1 - ${id}, ${id} - ${GENERATION})`;
  const moves = [
    `UPDATE messages SET chat_jid = ?, message_id = ${moved('message_id')},
       reply_to_message_id = ${moved('reply_to_message_id')} WHERE chat_jid = ?`,
    // The ended ones, too: they are the attempts of those that wait, and count for the limit of the hour.
    'UPDATE turns SET chat_jid = ? WHERE chat_jid = ?',
    `UPDATE outbox SET chat_jid = ?, reply_to = NULL, state = iif(edit_of IS NULL, state, 'failed'),
       error = iif(edit_of IS NULL, error, '${STAYED_BEHIND}')
       WHERE chat_jid = ? AND state IN ('pending', 'sending', 'uncertain')`,
    `UPDATE task_runs SET chat_jid = ? WHERE task_id IN (SELECT id FROM scheduled_tasks WHERE chat_jid = ?)`,
    'UPDATE scheduled_tasks SET chat_jid = ? WHERE chat_jid = ?',
    'UPDATE questions SET chat_jid = ? WHERE chat_jid = ?',
    'UPDATE agent_questions SET chat_jid = ? WHERE chat_jid = ?',
    `UPDATE OR REPLACE heard_reactions SET chat_jid = ?, message_id = ${moved('message_id')} WHERE chat_jid = ?`,
    // On messages of a chat that nobody can reach any more.
    'DELETE FROM reactions WHERE ? <> chat_jid AND chat_jid = ?',
    'UPDATE OR REPLACE chat_admins SET chat_jid = ? WHERE chat_jid = ?',
    "UPDATE OR REPLACE problems SET subject = ? WHERE kind = 'chat_told' AND subject = ? AND closed_at IS NULL",
    // The same people, who are answered in the same language.
    `INSERT INTO chats (chat_jid, name, type, username, is_forum, first_seen, last_activity, language)
       SELECT ?, name, 'supergroup', NULL, is_forum, first_seen, last_activity, language FROM chats WHERE chat_jid = ?
       ON CONFLICT (chat_jid) DO UPDATE SET language = coalesce(language, excluded.language)`,
    'UPDATE corrections SET chat_jid = ? WHERE chat_jid = ?',
    'UPDATE OR REPLACE topics SET chat_jid = ? WHERE chat_jid = ?',
    'UPDATE forgettings SET chat_jid = ? WHERE chat_jid = ?',
    'UPDATE forgettings SET told_jid = ? WHERE told_jid = ?',
    // The words of the chat are the group's under the same key, or, where the new one has a key already, indexed anew.
    `INSERT OR IGNORE INTO search_due SELECT seq FROM messages m JOIN search_chats c USING (chat_jid)
       WHERE m.chat_jid = ? AND m.chat_jid <> ?`,
    'UPDATE OR REPLACE search_chats SET chat_jid = ? WHERE chat_jid = ?',
    'UPDATE registered_groups SET former_jid = chat_jid, chat_jid = ? WHERE chat_jid = ?',
  ].map((sql) => db.prepare(sql));
  const moveMeta = db.prepare('UPDATE OR REPLACE meta SET key = ? WHERE key = ?');
  return (from, to) => {
    for (const move of moves) move.run(to, from);
    // A group that moves had no topics before.
    moveMeta.run(turnLimitKey(to, null), turnLimitKey(from, null));
  };
}
