/**
 * A group becomes a supergroup, which is another chat to Telegram. Each chat says so in a service message, in any order and
 * perhaps only one of them, and so does a refused send; whichever comes first moves the group (db/group-move.ts), in the
 * caller's transaction. From then on the old id is another name of the group: what still comes from the old chat
 * is taken as the new chat's.
 */
import { formerMessageId } from '../db/group-move.ts';
import type { IncomingMessage } from '../telegram/message.ts';
import type { Incoming } from '../telegram/update.ts';
import type { ChatJid } from '../types.ts';
import { type PauseContext, pauseGroup } from './pauses.ts';

/**
 * True when it was moved; false when it was before, or is none of ours. Where the new chat is another group already, the old
 * one is paused: which of the two it shall be is the operator's choice.
 */
export function moveGroup(context: PauseContext, from: ChatJid, to: ChatJid): boolean {
  const { db, log } = context;
  if (!db.groups.migrate(from, to)) {
    const [old, taken] = [db.groups.byJid(from), db.groups.byJid(to)];
    if (old && taken)
      pauseGroup(context, old, 'gone', `its chat is ${to} now, which is the group ${taken.folder}`);
    return false;
  }
  db.pauses.clear(to);
  log.info({ event: 'group_migrated', from, to });
  return true;
}

/** An update of the chat that the group was before, as one of the chat that it is now. */
export function asOfNow<T extends Incoming>(incoming: T, to: ChatJid): T {
  if ('message' in incoming) return { ...incoming, message: movedMessage(incoming.message, to) };
  if (incoming.kind !== 'callback_query' || incoming.press.chat === null) return incoming;
  const { press } = incoming;
  const messageId = formerMessageId(press.messageId);
  return { ...incoming, press: { ...press, chat: { ...incoming.press.chat, chatJid: to }, messageId } };
}

function movedMessage(message: IncomingMessage, to: ChatJid): IncomingMessage {
  const { chat, sender, replyTo } = message;
  return {
    ...message,
    chat: { ...chat, chatJid: to },
    messageId: formerMessageId(message.messageId),
    // An administrator who writes as the group.
    sender: sender === chat.chatJid ? to : sender,
    replyTo: replyTo && {
      ...replyTo,
      messageId: replyTo.messageId === null ? null : formerMessageId(replyTo.messageId),
    },
  };
}
