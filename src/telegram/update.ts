/** Telegram's updates as we need them. Pure, total: whatever the server sends, this returns something. */
import type { CallbackQuery, Message, Update } from 'grammy/types';
import { messageOf } from '../errors.ts';
import type { ChatInfo, ChatJid, Iso } from '../types.ts';
import { type IncomingMessage, jidOf, languageCode, nameOf, seconds, toChat, toIncoming } from './message.ts';

/** What the poller asks for. Sticky at Telegram's side, so it is sent with every poll. */
export const ALLOWED_UPDATES = [
  'message',
  'edited_message',
  'callback_query',
  'my_chat_member',
  'chat_member',
  'message_reaction',
  'stopped_message_generation',
] as const;

/** Somebody pressed a button under one of our messages. */
export interface Press {
  /** Telegram's id, to be answered. */
  id: string;
  /** Null: under a message that is in no chat of ours. */
  chat: ChatInfo | null;
  messageId: number;
  sender: string;
  senderName: string;
  language: string | null;
  /** Whatever the sender's program says; at most 64 bytes of it are ours. */
  data: string;
}

/** What somebody's reaction to a message is now. */
export interface IncomingReaction {
  chatJid: ChatJid;
  messageId: number;
  sender: string;
  senderName: string;
  senderIsBot: boolean;
  at: Iso;
  /** Empty: it was taken back. */
  emoji: string;
}

export type Incoming =
  | { kind: 'message'; message: IncomingMessage }
  | { kind: 'edited_message'; message: IncomingMessage; editedAt: Iso }
  | {
      kind: 'my_chat_member';
      chat: ChatInfo;
      status: string;
      isIn: boolean;
      mayWrite: boolean;
      wasIn: boolean;
      by: string | null;
    }
  | { kind: 'callback_query'; press: Press }
  /** Somebody pressed Telegram's own stop button under a draft of ours. */
  | { kind: 'stopped_message_generation'; chatJid: ChatJid; draftId: number }
  | { kind: 'message_reaction'; reaction: IncomingReaction }
  | { kind: 'other'; name: string; chatJid: ChatJid | null }
  /** Not of the shape that Telegram documents. */
  | { kind: 'unreadable'; reason: string; chatJid: ChatJid | null };

/** Never throws for JSON of any shape that has an update_id. */
export function parseUpdate(update: Update): Incoming {
  try {
    return parse(update);
  } catch (error) {
    const id: unknown = (update.message ?? update.edited_message ?? update.my_chat_member)?.chat?.id;
    return {
      kind: 'unreadable',
      reason: messageOf(error),
      chatJid: jidOf(id),
    };
  }
}

function parse(update: Update): Incoming {
  if (update.message?.chat) return { kind: 'message', message: toIncoming(update.message) };
  if (update.edited_message?.chat) {
    const message = toIncoming(update.edited_message);
    return {
      kind: 'edited_message',
      message,
      editedAt: seconds(update.edited_message.edit_date ?? update.edited_message.date),
    };
  }
  if (update.my_chat_member?.chat) {
    const { chat, from, new_chat_member: now, old_chat_member: before } = update.my_chat_member;
    return {
      kind: 'my_chat_member',
      chat: toChat(chat),
      status: String(now?.status ?? 'unknown'),
      isIn: isMember(now),
      mayWrite: isMember(now) && (now?.status !== 'restricted' || now.can_send_messages === true),
      wasIn: isMember(before),
      by: from ? nameOf(from) : null,
    };
  }
  if (update.callback_query) return { kind: 'callback_query', press: toPress(update.callback_query) };
  if (update.stopped_message_generation?.chat) {
    const { chat, draft_id: draftId } = update.stopped_message_generation;
    return {
      kind: 'stopped_message_generation',
      chatJid: toChat(chat).chatJid,
      draftId: Number(draftId) || 0,
    };
  }
  if (update.message_reaction?.chat)
    return { kind: 'message_reaction', reaction: toReaction(update.message_reaction) };
  const name = Object.keys(update).find((key) => key !== 'update_id') ?? 'empty';
  const inner = (
    update as unknown as Record<
      string,
      { chat?: { id?: unknown }; message?: { chat?: { id?: unknown } } } | null
    >
  )[name];
  const id = inner?.chat?.id ?? inner?.message?.chat?.id;
  return { kind: 'other', name: name.slice(0, LONGEST_KIND), chatJid: jidOf(id) };
}

/** Names of kinds that nobody knows yet are kept, too. */
const LONGEST_KIND = 64;

function toReaction(update: NonNullable<Update['message_reaction']>): IncomingReaction {
  const { chat, user, actor_chat: actor, message_id: messageId, new_reaction: now } = update;
  const emojis = (Array.isArray(now) ? now : []).map((each) => {
    if (each.type === 'emoji') return String(each.emoji).slice(0, 16);
    return each.type === 'paid' ? '⭐' : '[custom emoji]';
  });
  return {
    chatJid: toChat(chat as Message['chat']).chatJid,
    messageId: Number(messageId),
    sender: String(user?.id ?? actor?.id ?? 0),
    senderName: user ? nameOf(user) : actor ? toChat(actor as Message['chat']).name : 'somebody',
    senderIsBot: user?.is_bot === true,
    at: seconds(update.date),
    emoji: emojis.slice(0, 3).join(' '),
  };
}

const isMember = (member: { status?: unknown; is_member?: unknown } | undefined): boolean =>
  member?.status === 'restricted'
    ? member.is_member === true
    : ['member', 'administrator', 'creator'].includes(String(member?.status));

function toPress(query: CallbackQuery): Press {
  const { message } = query;
  return {
    id: String(query.id),
    chat: message?.chat ? toChat(message.chat) : null,
    messageId: message?.message_id ?? 0,
    sender: String(query.from.id),
    senderName: nameOf(query.from),
    language: languageCode(query.from),
    data: typeof query.data === 'string' ? query.data.slice(0, 64) : '',
  };
}
