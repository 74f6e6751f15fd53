/** The bot itself: who it is, its webhook, its commands. */
import { badRequest } from '../api-error.ts';
import type { Method } from './context.ts';

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

const scopeKey = (scope: unknown, language: string | undefined): string =>
  JSON.stringify([scope ?? { type: 'default' }, language ?? '']);

export const setMyCommands: Method = ({ commands }, params) => {
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
  commands.set(scopeKey(params.json('scope', 'scope'), params.text('language_code')), list);
  return true;
};

export const getMyCommands: Method = ({ commands }, params) =>
  commands.get(scopeKey(params.json('scope', 'scope'), params.text('language_code'))) ?? [];

export const deleteMyCommands: Method = ({ commands }, params) => {
  commands.delete(scopeKey(params.json('scope', 'scope'), params.text('language_code')));
  return true;
};
