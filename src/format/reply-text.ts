/** What of an agent's words is for the chat. Pure. */

const NOTE = /<(\/?)internal>/gi;

/** Takes out `<internal>…</internal>`: the agent's notes to itself. An unclosed one hides all that follows. */
export function stripInternal(text: string): string {
  let shown = '';
  let from = 0;
  let isHidden = false;
  for (const { 0: tag, 1: slash, index } of text.matchAll(NOTE)) {
    // One in another is text of it; a closing one alone is text of the reply.
    if (isHidden === (slash === '')) continue;
    if (!isHidden) shown += text.slice(from, index);
    isHidden = !isHidden;
    from = index + tag.length;
  }
  return (isHidden ? shown : shown + text.slice(from)).trim();
}
