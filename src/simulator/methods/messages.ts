/** Text messages: send, edit, delete, react, draft, typing. */
import { badRequest } from '../api-error.ts';
import type { Params } from '../params.ts';
import { formatText, isBlank, MAX_CAPTION, MAX_TEXT } from '../text.ts';
import { defined, MEDIA_KINDS, type SimChat, type SimEntity, type SimMessage } from '../types.ts';
import {
  keyboard,
  type Method,
  type MethodContext,
  placement,
  targetChat,
  targetMessage,
} from './context.ts';

/** Telegram names no figure; people's programs give up on a button after about so long. */
export const CALLBACK_LIVES_MS = 60_000;
const DELETABLE_SECONDS = 48 * 60 * 60;
const ACTIONS = new Set(
  'typing upload_photo record_video upload_video record_voice upload_voice record_audio upload_audio upload_document choose_sticker find_location record_video_note upload_video_note'.split(
    ' ',
  ),
);
/** What a bot may react with. */
const REACTIONS = new Set(
  '❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡'.split(
    ' ',
  ),
);

function messageText(params: Params): { text: string; entities?: SimEntity[] } {
  const raw = params.text('text');
  if (!raw) throw badRequest('message text is empty');
  const { text, entities } = formatText(raw, params.text('parse_mode'), params.json('entities', 'entities'));
  if (isBlank(text)) throw badRequest('text must be non-empty');
  if (text.length > MAX_TEXT) throw badRequest('message is too long');
  return entities.length > 0 ? { text, entities } : { text };
}

/** Empty when there is none. */
export function messageCaption(params: Params): { caption?: string; caption_entities?: SimEntity[] } {
  const raw = params.text('caption');
  if (!raw) return {};
  const given = params.json('caption_entities', 'caption entities');
  const { text, entities } = formatText(raw, params.text('parse_mode'), given);
  if (isBlank(text)) return {};
  if (text.length > MAX_CAPTION) throw badRequest('message caption is too long');
  return entities.length > 0 ? { caption: text, caption_entities: entities } : { caption: text };
}

export const sendMessage: Method = (context, params) => {
  const chat = targetChat(context, params);
  const content = { ...messageText(params), ...defined({ reply_markup: keyboard(params) }) };
  return context.world.post(chat, context.world.bot, content, placement(chat, params));
};

function ownMessage(context: MethodContext, params: Params): { chat: SimChat; message: SimMessage } {
  const chat = targetChat(context, params);
  const message = targetMessage(chat, params, 'message to edit not found');
  if (message.from.id !== context.world.bot.id) throw badRequest("message can't be edited");
  return { chat, message };
}

function applyEdit(context: MethodContext, chat: SimChat, before: SimMessage, after: SimMessage): SimMessage {
  if (JSON.stringify(sortedContent(before)) === JSON.stringify(sortedContent(after)))
    throw badRequest(
      'message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message',
    );
  return context.world.replace(chat, { ...after, edit_date: context.world.seconds() });
}

function sortedContent(m: SimMessage): unknown {
  return [m.text, m.entities, m.caption, m.caption_entities, m.reply_markup];
}

export const editMessageText: Method = (context, params) => {
  const content = messageText(params);
  const { chat, message } = ownMessage(context, params);
  if (message.text === undefined) throw badRequest('there is no text in the message to edit');
  const { entities: _old, reply_markup: _markup, ...kept } = message;
  return applyEdit(context, chat, message, {
    ...kept,
    ...content,
    ...defined({ reply_markup: keyboard(params) }),
  });
};

export const editMessageCaption: Method = (context, params) => {
  const { chat, message } = ownMessage(context, params);
  if (!MEDIA_KINDS.some((kind) => message[kind]))
    throw badRequest('there is no caption in the message to edit');
  const { caption: _old, caption_entities: _entities, reply_markup: _markup, ...kept } = message;
  const content = { ...messageCaption(params), ...defined({ reply_markup: keyboard(params) }) };
  return applyEdit(context, chat, message, { ...kept, ...content });
};

export const editMessageReplyMarkup: Method = (context, params) => {
  const { chat, message } = ownMessage(context, params);
  const { reply_markup: _markup, ...kept } = message;
  return applyEdit(context, chat, message, { ...kept, ...defined({ reply_markup: keyboard(params) }) });
};

export const deleteMessage: Method = (context, params) => {
  const chat = targetChat(context, params);
  const message = targetMessage(chat, params, 'message to delete not found');
  const own = message.from.id === context.world.bot.id;
  const mayAny = chat.type === 'private' || chat.botStatus === 'administrator';
  if (!own && !mayAny) throw badRequest("message can't be deleted");
  const old = context.world.seconds() - message.date > DELETABLE_SECONDS;
  if (old && !(chat.type === 'supergroup' && chat.botStatus === 'administrator'))
    throw badRequest("message can't be deleted for everyone");
  context.world.remove(chat, [message.message_id]);
  return true;
};

export const sendChatAction: Method = (context, params) => {
  const chat = targetChat(context, params);
  const action = params.text('action') ?? '';
  if (!ACTIONS.has(action)) throw badRequest('wrong parameter action in request');
  const { threadId } = placement(chat, params);
  context.events.emit('typing', { chatId: chat.id, action, threadId });
  return true;
};

export const sendMessageDraft: Method = (context, params) => {
  const chat = targetChat(context, params);
  if (chat.type !== 'private') throw badRequest('message drafts can be sent only to private chats');
  const draftId = params.integer('draft_id');
  if (!draftId) throw badRequest('draft_id must be non-zero');
  const raw = params.text('text') ?? '';
  const { text } = formatText(raw, params.text('parse_mode'), params.json('entities', 'entities'));
  if (text.length > MAX_TEXT) throw badRequest('message is too long');
  context.events.emit('draft', { chatId: chat.id, draftId, text, canStop: params.flag('can_stop') });
  return true;
};

export const setMessageReaction: Method = (context, params) => {
  const chat = targetChat(context, params);
  const message = targetMessage(chat, params, 'message to react not found');
  const given = params.json('reaction', 'reaction types') ?? [];
  if (!Array.isArray(given)) throw badRequest("can't parse reaction types JSON object");
  const emoji = given.map((item: unknown) => {
    const { type, emoji: value } = (typeof item === 'object' && item !== null ? item : {}) as Record<
      string,
      unknown
    >;
    if (type !== 'emoji' || typeof value !== 'string' || !REACTIONS.has(value.replaceAll('\ufe0f', '')))
      throw badRequest('REACTION_INVALID');
    return value;
  });
  if (emoji.length > 1) throw badRequest('REACTIONS_TOO_MANY');
  setReaction(context, chat, message.message_id, context.world.bot.id, emoji);
  return true;
};

/** Replaces a user's reaction and tells who listens; returns what it was. */
export function setReaction(
  { events }: Pick<MethodContext, 'events'>,
  chat: SimChat,
  messageId: number,
  userId: number,
  emoji: string[],
): string[] {
  const by = chat.reactions.get(messageId) ?? new Map<number, string[]>();
  const before = by.get(userId) ?? [];
  if (emoji.length > 0) by.set(userId, emoji);
  else by.delete(userId);
  if (by.size > 0) chat.reactions.set(messageId, by);
  else chat.reactions.delete(messageId);
  events.emit('reaction', { chatId: chat.id, messageId, userId, emoji });
  return before;
}

export const answerCallbackQuery: Method = (context, params) => {
  const id = params.text('callback_query_id') ?? '';
  const press = context.callbacks.get(id);
  if (!press || press.isAnswered || context.clock.monotonic() - press.at > CALLBACK_LIVES_MS)
    throw badRequest('query is too old and response timeout expired or query ID is invalid');
  const text = params.text('text') ?? '';
  if (text.length > 200) throw badRequest('MESSAGE_TOO_LONG');
  press.isAnswered = true;
  context.events.emit('callback-answered', { id, text, showAlert: params.flag('show_alert') });
  return true;
};
