/** What the bot may ask about a chat and its members, and leaving it. */
import { badRequest } from '../api-error.ts';
import type { SimChat, SimUser } from '../types.ts';
import type { World } from '../world.ts';
import { type Method, targetChat } from './context.ts';

export const getChat: Method = (context, params) => {
  const chat = targetChat(context, params);
  return {
    ...context.world.chatRef(chat),
    accent_color_id: Math.abs(chat.id % 7),
    max_reaction_count: 11,
    accepted_gift_types: {
      unlimited_gifts: false,
      limited_gifts: false,
      unique_gifts: false,
      premium_subscription: false,
      gifts_from_channels: false,
    },
    ...(chat.type === 'private' ? {} : { permissions: { can_send_messages: true, can_invite_users: true } }),
  };
};

/** A ChatMember as Telegram shows it, for the bot as for people. */
export function chatMember(world: World, chat: SimChat, user: SimUser): Record<string, unknown> {
  if (user.id === world.bot.id) {
    if (chat.botStatus === 'administrator') return { ...administrator(user), can_be_edited: false };
    if (chat.botStatus === 'restricted')
      return { user, status: 'restricted', is_member: true, can_send_messages: false, until_date: 0 };
    return { user, status: chat.botStatus, ...(chat.botStatus === 'kicked' ? { until_date: 0 } : {}) };
  }
  if (!chat.members.includes(user.id)) return { user, status: 'left' };
  if (chat.admins[0] === user.id) return { user, status: 'creator', is_anonymous: false };
  return chat.admins.includes(user.id) ? administrator(user) : { user, status: 'member' };
}

function administrator(user: SimUser): Record<string, unknown> {
  return {
    user,
    status: 'administrator',
    can_be_edited: false,
    is_anonymous: false,
    can_manage_chat: true,
    can_delete_messages: true,
    can_manage_video_chats: false,
    can_restrict_members: false,
    can_promote_members: false,
    can_change_info: false,
    can_invite_users: true,
    can_post_stories: false,
    can_edit_stories: false,
    can_delete_stories: false,
    can_pin_messages: true,
  };
}

export const getChatMember: Method = (context, params) => {
  const chat = targetChat(context, params);
  const id = params.integer('user_id');
  if (id === undefined) throw badRequest('invalid user_id specified');
  const user = context.world.user(id);
  if (!user) throw badRequest('PARTICIPANT_ID_INVALID');
  return chatMember(context.world, chat, user);
};

export const getChatAdministrators: Method = (context, params) => {
  const chat = targetChat(context, params);
  if (chat.type === 'private') throw badRequest('there are no administrators in the private chat');
  const users = chat.admins.map((id) => context.world.user(id)).filter((user) => user !== undefined);
  const bot = chat.botStatus === 'administrator' ? [context.world.bot] : [];
  return [...users, ...bot].map((user) => chatMember(context.world, chat, user));
};

export const getChatMemberCount: Method = (context, params) => targetChat(context, params).members.length + 1;

export const leaveChat: Method = (context, params) => {
  const chat = targetChat(context, params);
  if (chat.type === 'private') throw badRequest("chat member status can't be changed in private chats");
  context.world.post(chat, context.world.bot, { left_chat_member: context.world.bot });
  chat.botStatus = 'left';
  context.events.emit('chat', { chatId: chat.id });
  return true;
};
