/** What of an agent's words is for the chat. Pure. */

/** Takes out `<internal>…</internal>`: the agent's notes to itself. An unclosed one hides all that follows. */
export function stripInternal(text: string): string {
  return text
    .replace(/<internal>[\s\S]*?<\/internal>/gi, '')
    .replace(/<internal>[\s\S]*$/i, '')
    .trim();
}
