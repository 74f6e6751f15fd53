/** The bot itself: who it is, its webhook, its commands. */
import { badRequest } from '../api-error.ts';
import { Params } from '../params.ts';
import type { SimChat, SimUser } from '../types.ts';
import { type Method, type MethodContext, targetChat } from './context.ts';

export const getMe: Method = ({ world }) => ({
  ...world.bot,
  can_join_groups: true,
  can_read_all_group_messages: !world.privacyMode,
  supports_inline_queries: false,
  can_connect_to_business: false,
  has_main_web_app: false,
  has_topics_enabled: false,
});

/** A list of update kinds out of a call's parameters; undefined when it was not given or is no list. */
export function allowedUpdates(value: unknown): string[] | undefined {
  return Array.isArray(value) ? value.filter((kind) => typeof kind === 'string') : undefined;
}

/** Remembers the address and withholds updates from getUpdates, as Telegram does. It never calls the address. */
export const setWebhook: Method = ({ updates }, params) => {
  const url = params.text('url') ?? '';
  if (url && !/^https:\/\//i.test(url))
    throw badRequest('bad webhook: An HTTPS URL must be provided for webhook');
  const allowed = allowedUpdates(params.json('allowed_updates', 'allowed_updates'));
  if (allowed) updates.setAllowed(allowed);
  if (params.flag('drop_pending_updates')) updates.dropPending();
  updates.setWebhook(url);
  return true;
};

export const deleteWebhook: Method = ({ updates }, params) => {
  if (params.flag('drop_pending_updates')) updates.dropPending();
  updates.setWebhook('');
  return true;
};

export const getWebhookInfo: Method = ({ updates }) => ({
  url: updates.webhook,
  has_custom_certificate: false,
  pending_update_count: updates.pendingCount,
  ...(updates.allowed ? { allowed_updates: updates.allowed } : {}),
});

const PLAIN_SCOPES = ['default', 'all_private_chats', 'all_group_chats', 'all_chat_administrators'];
const CHAT_SCOPES = ['chat', 'chat_administrators', 'chat_member'];

const keyOf = (scope: object, language: string): string => JSON.stringify([scope, language]);

/** Which list a call means. A chat must be one that the bot is in. */
function scopeKey(context: MethodContext, params: Params): string {
  const given = params.json('scope', 'scope') ?? { type: 'default' };
  if (typeof given !== 'object' || given === null)
    throw badRequest("can't parse BotCommandScope JSON object");
  const { type, chat_id: chatId, user_id: userId } = given as Record<string, unknown>;
  const language = params.text('language_code') ?? '';
  if (typeof type === 'string' && PLAIN_SCOPES.includes(type)) return keyOf({ type }, language);
  if (typeof type !== 'string' || !CHAT_SCOPES.includes(type))
    throw badRequest("can't parse BotCommandScope: unsupported type specified");
  const chat = targetChat(context, new Params([['chat_id', chatId]]));
  if (type === 'chat_administrators' && chat.type === 'private')
    throw badRequest("chat_administrators scope can't be used in private chats");
  if (type !== 'chat_member') return keyOf({ type, chat: chat.id }, language);
  if (!context.world.user(Number(userId))) throw badRequest('invalid user_id specified');
  return keyOf({ type, chat: chat.id, user: Number(userId) }, language);
}

export const setMyCommands: Method = (context, params) => {
  const list = params.json('commands', 'commands');
  if (!Array.isArray(list)) throw badRequest("can't parse commands JSON object");
  if (list.length > 100) throw badRequest('BOT_COMMANDS_TOO_MUCH');
  for (const item of list as unknown[]) {
    const { command, description } = (typeof item === 'object' && item !== null ? item : {}) as Record<
      string,
      unknown
    >;
    if (typeof command !== 'string' || !/^\/?[a-z0-9_]{1,32}$/.test(command))
      throw badRequest('BOT_COMMAND_INVALID');
    if (typeof description !== 'string' || description.length < 1 || description.length > 256)
      throw badRequest('BOT_COMMAND_DESCRIPTION_INVALID');
  }
  const key = scopeKey(context, params);
  if (list.length === 0) context.commands.delete(key);
  else context.commands.set(key, list);
  context.events.emit('commands', {});
  return true;
};

export const getMyCommands: Method = (context, params) =>
  context.commands.get(scopeKey(context, params)) ?? [];

export const deleteMyCommands: Method = (context, params) => {
  context.commands.delete(scopeKey(context, params));
  context.events.emit('commands', {});
  return true;
};

/** The commands that a person is offered in a chat: the narrowest list that was set, their own language before any. */
export function commandsIn(
  { commands }: Pick<MethodContext, 'commands'>,
  chat: SimChat,
  user: Pick<SimUser, 'id' | 'language_code'>,
): unknown {
  const isAdmin = chat.admins.includes(user.id);
  const language = user.language_code?.split('-')[0] ?? '';
  const inGroup = [
    { type: 'chat_member', chat: chat.id, user: user.id },
    ...(isAdmin ? [{ type: 'chat_administrators', chat: chat.id }] : []),
    { type: 'chat', chat: chat.id },
    ...(isAdmin ? [{ type: 'all_chat_administrators' }] : []),
    { type: 'all_group_chats' },
  ];
  const scopes =
    chat.type === 'private' ? [{ type: 'chat', chat: chat.id }, { type: 'all_private_chats' }] : inGroup;
  for (const scope of [...scopes, { type: 'default' }]) {
    const list = commands.get(keyOf(scope, language)) ?? commands.get(keyOf(scope, ''));
    if (list !== undefined) return list;
  }
  return [];
}
