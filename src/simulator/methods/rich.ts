/**
 * sendRichMessage: a message in Telegram's own Markdown, up to 32,768 characters. Kept and shown as a text with what
 * the reading of it gave; blocks and nesting are counted as far as their limits go.
 */
import { badRequest } from '../api-error.ts';
import { isBlank } from '../text.ts';
import { defined } from '../types.ts';
import { keyboard, type Method, placement, targetChat } from './context.ts';

const MAX_RICH = 32_768;
const MAX_BLOCKS = 500;

export const sendRichMessage: Method = (context, params) => {
  const chat = targetChat(context, params);
  const given = params.json('rich_message', 'rich message');
  if (typeof given !== 'object' || given === null) throw badRequest('rich message is not specified');
  const { markdown, html, blocks } = given as Record<string, unknown>;
  if ([markdown, html, blocks].filter((one) => one !== undefined).length !== 1)
    throw badRequest('exactly one of the fields html, markdown and blocks must be specified');
  const source = markdown ?? html;
  if (typeof source !== 'string')
    throw badRequest('the simulator takes rich messages as Markdown or HTML only');
  if (isBlank(source)) throw badRequest('rich message must be non-empty');
  if ([...source].length > MAX_RICH) throw badRequest('rich message is too long');
  if (source.split(/\n+/).length > MAX_BLOCKS) throw badRequest('RICH_MESSAGE_BLOCKS_TOO_MUCH');
  const content = { rich_message: { markdown: source }, ...defined({ reply_markup: keyboard(params) }) };
  return context.world.post(chat, context.world.bot, content, placement(chat, params));
};
