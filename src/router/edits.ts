/**
 * Edits. Before a turn has the message, the edit is the message. While a turn has it, the next turn of the conversation is told what
 * it says now. Afterwards it is only noted, unless it makes a message that was only context into one for Nina: then she is asked,
 * once, whatever is edited later. A command is given by a message, never by an edit. In the caller's transaction.
 */
import type { Db } from '../db.ts';
import type { BotIdentity } from '../telegram/api.ts';
import type { IncomingMessage } from '../telegram/message.ts';
import type { Incoming } from '../telegram/update.ts';
import type { ChatJid, Group, Iso, Seq } from '../types.ts';
import { REASONS } from '../words.ts';
import type { Judge, Verdict } from './judge.ts';

export interface EditsOptions<Woken> {
  db: Db;
  judge: Judge;
  noteFiles: (seq: Seq, message: IncomingMessage, group: Group, verdict: Verdict, woken: Woken) => void;
}

/** A place that moved. A live one does so every few seconds, for hours: nothing of that is kept. */
export const isMove = (incoming: Incoming): boolean =>
  incoming.kind === 'edited_message' && incoming.message.isPlace;

export function createEdits<Woken extends { queue: Set<ChatJid> }>({
  db,
  judge,
  noteFiles,
}: EditsOptions<Woken>) {
  return function applyEdit(
    bot: BotIdentity,
    message: IncomingMessage,
    editedAt: Iso,
    group: Group,
    woken: Woken,
  ): void {
    const known = db.messages.byMessageId(group.chatJid, message.messageId);
    if (known === null) return; // one that we never had is none of our business
    // Offered again after a later one: the later one stays.
    if (known.editedAt !== null && editedAt < known.editedAt) return;
    const file = db.attachments.ofMessage(known.seq);
    const hasNewFile = message.file !== null && file?.uniqueId !== message.file.uniqueId;
    if (known.now === message.text && !hasNewFile) return db.messages.noteSameWords(known.seq, editedAt);
    const wasOpen = known.disposition === null;
    const wasContext = known.disposition === 'not_for_nina';
    if (message.isPlace && known.claimed) return;
    const kind = judge.edited(bot, message, group, { seq: known.seq, wasContext });
    if (!(wasOpen && !known.claimed) && !(wasContext && (kind !== null || !known.claimed))) {
      db.messages.noteEdit(known.seq, message.text, editedAt);
      if (db.corrections.isAtWork(known.seq)) db.corrections.note(known.seq, group.chatJid);
      return;
    }
    const disposition = kind === null ? 'not_for_nina' : null;
    const request = kind === null ? null : judge.requestFor(bot, message, group);
    const reason = kind !== null ? null : wasOpen ? REASONS.superseded : 'keep';
    db.messages.replaceContent(known.seq, message.text, editedAt, disposition, kind, request, reason);
    const isStranger = judge.isStranger(message, group);
    const verdict = {
      disposition,
      ...(kind ? { kind } : {}),
      ...(isStranger ? { isStranger } : {}),
    } as const;
    noteFiles(known.seq, message, group, verdict, woken);
    if (kind === null && message.albumId !== null)
      db.messages.closeAlbum(group.chatJid, message.albumId, message.sender, REASONS.superseded);
    if (kind !== null) woken.queue.add(group.chatJid);
  };
}
