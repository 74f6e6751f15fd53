/** Every method the simulator knows, by its lower-case name. getUpdates waits, so it is handled by bot-api.ts. */
import * as bot from './bot.ts';
import * as chats from './chats.ts';
import type { Method } from './context.ts';
import { getFile, sendMedia } from './media.ts';
import * as messages from './messages.ts';
import { sendRichMessage } from './rich.ts';

const named: Readonly<Record<string, Method>> = {
  getMe: bot.getMe,
  setWebhook: bot.setWebhook,
  deleteWebhook: bot.deleteWebhook,
  getWebhookInfo: bot.getWebhookInfo,
  setMyCommands: bot.setMyCommands,
  getMyCommands: bot.getMyCommands,
  deleteMyCommands: bot.deleteMyCommands,
  sendMessage: messages.sendMessage,
  sendRichMessage,
  editMessageText: messages.editMessageText,
  editMessageCaption: messages.editMessageCaption,
  editMessageReplyMarkup: messages.editMessageReplyMarkup,
  deleteMessage: messages.deleteMessage,
  sendChatAction: messages.sendChatAction,
  sendMessageDraft: messages.sendMessageDraft,
  setMessageReaction: messages.setMessageReaction,
  answerCallbackQuery: messages.answerCallbackQuery,
  sendPhoto: sendMedia('photo'),
  sendDocument: sendMedia('document'),
  sendAudio: sendMedia('audio'),
  sendVoice: sendMedia('voice'),
  sendVideo: sendMedia('video'),
  getFile,
  getChat: chats.getChat,
  getChatMember: chats.getChatMember,
  getChatAdministrators: chats.getChatAdministrators,
  getChatMemberCount: chats.getChatMemberCount,
  leaveChat: chats.leaveChat,
};

const METHODS = new Map(
  Object.entries(named).map(([name, run]) => [name.toLowerCase(), { name, run }] as const),
);

export function findMethod(name: string): { name: string; run: Method } | undefined {
  return METHODS.get(name.toLowerCase());
}
