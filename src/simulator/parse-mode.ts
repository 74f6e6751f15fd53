/** Telegram's three parse modes, as strict as Telegram: a mistake is a 400 "can't parse entities". Pure. */
import { badRequest } from './api-error.ts';
import { parseHtml } from './parse-html.ts';
import { parseLegacyMarkdown, parseMarkdownV2 } from './parse-markdown.ts';
import type { SimEntity } from './types.ts';

/** Throws BotApiError. Offsets in messages are byte offsets into the UTF-8 text, as Telegram counts them. */
export function parseFormatted(source: string, mode: string): { text: string; entities: SimEntity[] } {
  switch (mode.toLowerCase()) {
    case 'html':
      return parseHtml(source);
    case 'markdownv2':
      return parseMarkdownV2(source);
    case 'markdown':
      return parseLegacyMarkdown(source);
    default:
      throw badRequest('unsupported parse_mode');
  }
}
