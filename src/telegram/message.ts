/**
 * A message as Telegram tells it, as we need it: who said what, where, in reply to what. Pure; throws only for a chat or a sender
 * that cannot be (update.ts makes an unreadable update of that). Files, stickers and the like become a short text (media.ts), so
 * that the agent knows that something was there.
 */
import type { Message, MessageEntity } from 'grammy/types';
import type { Entity } from '../trigger.ts';
import { type ChatInfo, type ChatJid, chatJid, type Iso, iso, type RepliedTo } from '../types.ts';
import { fileOf, type IncomingFile, inBrackets, mediaText } from './media.ts';

export interface IncomingMessage {
  chat: ChatInfo;
  isPrivate: boolean;
  messageId: number;
  /** Null in General, and where there are no topics: a chain of replies is none. */
  threadId: number | null;
  /** What its topic is called. `isCurrent`: now; else when it was made. */
  topicName: { name: string; isCurrent: boolean } | null;
  sender: string;
  senderName: string;
  /** Another bot. */
  senderIsBot: boolean;
  /** What the sender's Telegram is set to, e.g. "de" or "pt-br"; null where it does not say. */
  language: string | null;
  timestamp: Iso;
  text: string;
  /** Where in `text` the sender's own words begin: behind the words for an attachment. */
  ownFrom: number;
  entities: readonly Entity[];
  /** Who wrote it, when the sender only passed it on. */
  forwardedFrom: string | null;
  replyTo: (RepliedTo & { senderId: string; file: IncomingFile | null }) | null;
  /** What came with it, if a bot can fetch it. */
  file: IncomingFile | null;
  /** The same for all messages of one album, which come one by one. */
  albumId: string | null;
  /** A place, perhaps a live one, which is edited whenever it moves. */
  isPlace: boolean;
  /** A change in the chat (someone joined, a new title, …) rather than something that was said. */
  service: boolean;
  /** The group has become this supergroup. */
  migratedTo: ChatJid | null;
  /** This supergroup was that group. Comes in the new chat, beside `migratedTo` in the old one. */
  migratedFrom: ChatJid | null;
}

/** Null for what is no chat's id: nothing may be moved to, or noted for, a chat that cannot be. */
export const jidOf = (id: unknown): ChatJid | null =>
  Number.isSafeInteger(id) ? chatJid(id as number) : null;

export function toChat(chat: Message['chat']): ChatInfo {
  const c = chat as unknown as {
    id: number;
    type: string;
    title?: string;
    first_name?: string;
    last_name?: string;
    username?: string;
    is_forum?: boolean;
  };
  const jid = jidOf(c.id);
  if (jid === null) throw new Error('a chat without a number');
  const name = c.title ?? ([c.first_name, c.last_name].filter(Boolean).join(' ') || String(c.id));
  return {
    chatJid: jid,
    name,
    type: c.type ?? 'unknown',
    username: c.username ?? null,
    isForum: c.is_forum === true,
  };
}

export function toIncoming(m: Message): IncomingMessage {
  const chat = toChat(m.chat);
  const from = senderOf(m);
  const service = serviceText(m);
  const said = m.text ?? m.caption ?? '';
  const prefix = service ?? mediaText(m);
  const shift = prefix === null ? 0 : prefix.length + (said === '' ? 0 : 1);
  return {
    chat,
    isPrivate: chat.type === 'private',
    messageId: m.message_id,
    threadId: topicOf(m),
    topicName: topicName(m),
    sender: from.id,
    senderName: from.name,
    senderIsBot: from.isBot,
    language: m.sender_chat ? null : languageCode(m.from),
    timestamp: seconds(m.date),
    text: prefix === null ? said : said === '' ? prefix : `${prefix} ${said}`,
    ownFrom: shift,
    entities: entitiesOf(m, shift),
    forwardedFrom: forwardedFrom(m),
    replyTo: repliedTo(m),
    file: fileOf(m),
    albumId: typeof m.media_group_id === 'string' && m.media_group_id !== '' ? m.media_group_id : null,
    isPlace: m.location !== undefined,
    service: service !== null,
    migratedTo: jidOf(m.migrate_to_chat_id),
    migratedFrom: jidOf(m.migrate_from_chat_id),
  };
}

function senderOf(m: Message): { id: string; name: string; isBot: boolean } {
  // Channels and anonymous administrators speak as a chat; `from` is then a stand-in bot.
  if (m.sender_chat)
    return {
      id: String(m.sender_chat.id),
      name: toChat(m.sender_chat as Message['chat']).name,
      isBot: false,
    };
  if (!m.from) return { id: '0', name: 'unknown', isBot: false };
  return { id: String(m.from.id), name: nameOf(m.from), isBot: m.from.is_bot };
}

/** General has the number 1, and is named by none. */
function topicOf(m: Message): number | null {
  const { message_thread_id: id } = m;
  if (!m.is_topic_message || !Number.isSafeInteger(id)) return null;
  return id === undefined || (id === 1 && m.chat.type !== 'private') ? null : id;
}

function topicName(m: Message): IncomingMessage['topicName'] {
  const now: unknown = m.forum_topic_created?.name ?? m.forum_topic_edited?.name;
  const then: unknown = m.reply_to_message?.forum_topic_created?.name;
  const name = now ?? then;
  return typeof name === 'string' && name !== ''
    ? { name: name.slice(0, 128), isCurrent: now !== undefined }
    : null;
}

/** `quote` is the part that was picked out. A message of another topic, or chat, comes as an `external_reply`. */
function repliedTo(m: Message): IncomingMessage['replyTo'] {
  const { reply_to_message: reply, external_reply: external, quote } = m;
  const picked = typeof quote?.text === 'string' ? quote.text : null;
  if (external) {
    const isHere = external.chat?.id === m.chat.id && Number.isSafeInteger(external.message_id);
    const like = external as unknown as Message;
    const by = (external.origin as Origin | undefined)?.sender_user;
    return {
      messageId: isHere ? (external.message_id ?? null) : null,
      name: originName(external.origin) ?? 'somebody',
      text: picked ?? mediaText(like) ?? '',
      isQuote: picked !== null,
      chat: isHere ? null : (titleOf(external.chat) ?? 'another chat'),
      // What Nina wrote elsewhere is nothing that is asked of her here.
      senderId: isHere && by ? String(by.id) : '',
      file: fileOf(like),
    };
  }
  // In a topic, every message "replies" to the one that opened the topic; that is no reply.
  if (!reply || ('forum_topic_created' in reply && reply.forum_topic_created)) return null;
  return {
    messageId: reply.message_id,
    name: senderOf(reply).name,
    text: picked ?? reply.text ?? reply.caption ?? mediaText(reply) ?? '',
    isQuote: picked !== null,
    chat: null,
    senderId: senderOf(reply).id,
    file: fileOf(reply),
  };
}

interface Origin {
  sender_user?: Person;
  sender_user_name?: unknown;
  sender_chat?: unknown;
  chat?: unknown;
  author_signature?: unknown;
}

const forwardedFrom = (m: Message): string | null => originName(m.forward_origin);

const titleOf = (chat: unknown): string | null => {
  const { title, first_name: name } = (chat ?? {}) as { title?: unknown; first_name?: unknown };
  return typeof title === 'string' ? title : typeof name === 'string' ? name : null;
};

/** Whose a message was. The kinds of an origin have grown before: whatever comes, it is somebody's. */
function originName(given: unknown): string | null {
  const origin = given as Origin | undefined;
  if (!origin) return null;
  if (origin.sender_user) return nameOf(origin.sender_user);
  const chat = origin.sender_chat ?? origin.chat;
  if (chat) {
    const name = titleOf(chat) ?? 'somebody';
    return typeof origin.author_signature === 'string' ? `${name} (${origin.author_signature})` : name;
  }
  return typeof origin.sender_user_name === 'string' ? origin.sender_user_name : 'somebody';
}

/** Of an IETF tag's usual shape: it is kept, and shown to nobody. */
export const languageCode = (user: { language_code?: unknown } | undefined): string | null =>
  typeof user?.language_code === 'string' && /^[a-z]{2,3}(-[a-z0-9]{1,8}){0,3}$/i.test(user.language_code)
    ? user.language_code.toLowerCase()
    : null;

interface Person {
  id: number;
  first_name: string;
  last_name?: string;
  username?: string;
}

export const nameOf = (user: Person): string =>
  [user.first_name, user.last_name].filter(Boolean).join(' ') || user.username || String(user.id);

/** Those that lie in the text: a length that is none must not make spaces of it later. */
function entitiesOf(m: Message, shift: number): Entity[] {
  const raw: readonly MessageEntity[] = m.entities ?? m.caption_entities ?? [];
  const end = (m.text ?? m.caption ?? '').length;
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  return raw
    .filter(({ offset, length }) => isCount(offset) && isCount(length) && offset + length <= end)
    .map(({ type, offset, length }) => ({ type, offset: offset + shift, length }));
}

export const seconds = (unix: number): Iso => iso((Number.isFinite(unix) ? unix : 0) * 1000);

function serviceText(m: Message): string | null {
  const names = (people: readonly { first_name: string }[]) => people.map((p) => p.first_name).join(', ');
  if (m.new_chat_members) return inBrackets('joined:', names(m.new_chat_members));
  if (m.left_chat_member) return inBrackets('left:', names([m.left_chat_member]));
  if (m.new_chat_title) return inBrackets('new title:', m.new_chat_title);
  if (m.migrate_to_chat_id !== undefined) return '[the group became a supergroup]';
  if (m.migrate_from_chat_id !== undefined) return '[the group became this supergroup]';
  if (m.pinned_message) return '[a message was pinned]';
  if (m.forum_topic_created) return inBrackets('topic created:', m.forum_topic_created.name);
  if (m.group_chat_created || m.supergroup_chat_created) return '[the group was created]';
  const said = m.text !== undefined || m.caption !== undefined || mediaText(m) !== null;
  return said ? null : '[service message]';
}
