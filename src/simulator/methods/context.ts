/** What every Bot API method has at hand, and the checks they share: which chat, which thread, which reply. */
import type { Clock } from '../../lib/clock.ts';
import { BotApiError, badRequest, forbidden } from '../api-error.ts';
import type { SimEmitter } from '../events.ts';
import type { FileStore } from '../files.ts';
import type { Params } from '../params.ts';
import type { SimButton, SimChat, SimKeyboard, SimMessage } from '../types.ts';
import type { UpdateQueue } from '../updates.ts';
import { type PostOptions, topicOf, type World } from '../world.ts';

export interface MethodContext {
  readonly world: World;
  readonly updates: UpdateQueue;
  readonly files: FileStore;
  readonly events: SimEmitter;
  readonly clock: Clock;
  /** Presses of buttons by their id, the newest thousand. */
  readonly callbacks: Map<string, { at: number; isAnswered: boolean }>;
  readonly commands: Map<string, unknown>;
}

/** Carries a call out at once and returns its `result`; throws BotApiError. */
export type Method = (context: MethodContext, params: Params) => unknown;

const kindOf = (chat: SimChat): string => (chat.type === 'supergroup' ? 'supergroup' : 'group');

/** The chat of `chat_id`, if the bot may do something there. */
export function targetChat({ world }: MethodContext, params: Params, name = 'chat_id'): SimChat {
  const given = params.text(name)?.trim();
  if (!given) throw badRequest('chat_id is empty');
  const chat = /^-?\d+$/.test(given) ? world.chats.get(Number(given)) : undefined;
  if (!chat) {
    const known = [...world.people.values()].some((p) => String(p.user.id) === given);
    throw known ? forbidden("bot can't initiate conversation with a user") : badRequest('chat not found');
  }
  if (chat.migratedTo !== null)
    throw new BotApiError(400, 'Bad Request: group chat was upgraded to a supergroup chat', {
      migrate_to_chat_id: chat.migratedTo,
    });
  if (chat.type === 'private') {
    if (chat.botStatus === 'kicked') throw forbidden('bot was blocked by the user');
    if (chat.botStatus === 'left') throw forbidden("bot can't initiate conversation with a user");
  }
  if (chat.botStatus === 'kicked') throw forbidden(`bot was kicked from the ${kindOf(chat)} chat`);
  if (chat.botStatus === 'left') throw forbidden(`bot is not a member of the ${kindOf(chat)} chat`);
  return chat;
}

/** Where in the chat a message goes: its thread and what it replies to. */
export function placement(chat: SimChat, params: Params): PostOptions {
  if (chat.botStatus === 'restricted')
    throw badRequest('not enough rights to send text messages to the chat');
  const replyTo = repliedMessage(chat, params);
  const given = params.integer('message_thread_id') || undefined;
  const inherited = chat.isForum && replyTo ? topicOf(replyTo) : undefined;
  if (given !== undefined) {
    const isTopic = chat.topics.some((t) => t.threadId === given);
    // General has the id 1, and is none that could be named.
    const exists = chat.isForum
      ? isTopic
      : chat.type === 'supergroup' && chat.messages.has(given) && !isTopic;
    if (!exists) throw badRequest('message thread not found');
    if (chat.isForum && replyTo && topicOf(replyTo) !== given)
      throw badRequest('message to be replied not found');
  }
  const threadId = given ?? inherited;
  const isClosed =
    threadId === undefined
      ? chat.isGeneralClosed
      : chat.topics.some((topic) => topic.threadId === threadId && topic.isClosed);
  // Only who may manage topics writes in one that is closed, and no bot here may.
  if (chat.isForum && isClosed) throw badRequest('TOPIC_CLOSED');
  return { ...(threadId ? { threadId } : {}), ...(replyTo ? { replyTo } : {}) };
}

function repliedMessage(chat: SimChat, params: Params): SimMessage | undefined {
  const value = params.json('reply_parameters', 'reply parameters');
  let messageId = params.integer('reply_to_message_id');
  let optional = params.flag('allow_sending_without_reply');
  if (value !== undefined) {
    if (typeof value !== 'object' || value === null)
      throw badRequest("can't parse reply parameters JSON object");
    const reply = value as Record<string, unknown>;
    messageId = typeof reply.message_id === 'number' ? reply.message_id : Number(reply.message_id ?? 0);
    optional = reply.allow_sending_without_reply === true;
    const other = reply.chat_id;
    if (other !== undefined && String(other) !== String(chat.id)) messageId = -1;
  }
  if (messageId === undefined || messageId === 0) return undefined;
  const message = chat.messages.get(messageId);
  if (!message && !optional) throw badRequest('message to be replied not found');
  return message;
}

/** The message of `message_id` in the chat, or the given error. */
export function targetMessage(chat: SimChat, params: Params, missing: string): SimMessage {
  const id = params.integer('message_id');
  if (id === undefined) throw badRequest('message identifier is not specified');
  const message = chat.messages.get(id);
  if (!message) throw badRequest(missing);
  return message;
}

/** Inline keyboards are kept; other kinds of markup are accepted and have no effect here. */
export function keyboard(params: Params): SimKeyboard | undefined {
  const value = params.json('reply_markup', 'reply keyboard markup');
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object') throw badRequest('object expected as reply markup');
  const rows = (value as Record<string, unknown>).inline_keyboard;
  if (rows === undefined) return undefined;
  if (!Array.isArray(rows)) throw badRequest('field "inline_keyboard" must be of type Array');
  const checked = rows.map((row: unknown) => {
    if (!Array.isArray(row)) throw badRequest('field "inline_keyboard" must be an Array of Arrays');
    return row.map(button);
  });
  const filled = checked.filter((row) => row.length > 0);
  if (filled.flat().length > 100) throw badRequest('REPLY_MARKUP_TOO_LONG');
  return filled.length > 0 ? { inline_keyboard: filled } : undefined;
}

function button(value: unknown): SimButton {
  if (typeof value !== 'object' || value === null)
    throw badRequest("can't parse inline keyboard button: InlineKeyboardButton must be an Object");
  const { text, callback_data: data, url } = value as Record<string, unknown>;
  if (typeof text !== 'string' || text === '')
    throw badRequest('can\'t parse inline keyboard button: Can\'t find field "text"');
  if (typeof url === 'string') {
    if (!/^(https?|tg):\/\//i.test(url))
      throw badRequest(`inline keyboard button URL '${url}' is invalid: Wrong HTTP URL`);
    return { text, url };
  }
  if (typeof data !== 'string')
    throw badRequest("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard");
  const size = Buffer.byteLength(data);
  if (size < 1 || size > 64) throw badRequest('BUTTON_DATA_INVALID');
  return { text, callback_data: data };
}
