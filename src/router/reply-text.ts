/** What the agent wrote, as what Telegram may be sent. Pure. */

/** Telegram's limit for a message's text, in UTF-16 units. */
export const MAX_MESSAGE_LENGTH = 4096;

/** Takes out `<internal>…</internal>`: the agent's notes to itself. An unclosed one hides all that follows. */
export function stripInternal(text: string): string {
  return text
    .replace(/<internal>[\s\S]*?<\/internal>/gi, '')
    .replace(/<internal>[\s\S]*$/i, '')
    .trim();
}

/**
 * Cuts a text into parts of at most `limit` UTF-16 units, at a paragraph, a line, a sentence or a word where one
 * ends in the second half, else anywhere but inside a surrogate pair. The parts joined are the text.
 */
export function splitText(text: string, limit: number = MAX_MESSAGE_LENGTH): string[] {
  const parts: string[] = [];
  let rest = text;
  while (rest.length > limit) {
    const cut = borderBefore(rest, limit);
    parts.push(rest.slice(0, cut));
    rest = rest.slice(cut);
  }
  if (rest !== '') parts.push(rest);
  return parts;
}

function borderBefore(text: string, limit: number): number {
  const window = text.slice(0, limit);
  for (const border of ['\n\n', '\n', '. ', ' ']) {
    const at = window.lastIndexOf(border);
    if (at >= limit / 2) return at + border.length;
  }
  const last = text.charCodeAt(limit - 1);
  const insidePair = last >= 0xd800 && last <= 0xdbff;
  return insidePair && limit > 1 ? limit - 1 : limit;
}
