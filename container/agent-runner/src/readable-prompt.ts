/** A turn's prompt (src/prompt.ts) as people would write it down. Pure, total: what is no such prompt stays as it is. */

/** Who said what, a line or more each. */
export function readablePrompt(prompt: string): string {
  const withoutReminders = prompt.replace(/<system-reminder>[\s\S]*?<\/system-reminder>/g, '').trim();
  const messages = [...withoutReminders.matchAll(/<message ([^>]*)>([\s\S]*?)<\/message>/g)];
  if (messages.length > 0) {
    return messages
      .map(
        ([, attributes = '', inside = '']) =>
          `**${attribute(attributes, 'sender') ?? 'somebody'}**: ${readInside(inside)}`,
      )
      .join('\n\n');
  }
  const task = /<scheduled_task ([^>]*)>([\s\S]*?)<\/scheduled_task>/.exec(withoutReminders);
  if (task) return `**Task ${attribute(task[1] ?? '', 'id') ?? ''}**: ${unescaped(task[2] ?? '')}`;
  return withoutReminders;
}

function readInside(inside: string): string {
  return unescaped(
    inside
      .replace(
        /<reply_to [^>]*?sender="([^"]*)"[^>]*>([\s\S]*?)<\/reply_to>/g,
        (_, sender: string, text: string) => {
          const words = text.replace(/<[^>]*>/g, '').slice(0, 200);
          return `(to ${sender}: “${words}”) `;
        },
      )
      .replace(
        /<attachment ([^>]*?)(?:\/>|>([\s\S]*?)<\/attachment>)/g,
        (_, attributes: string, words?: string) => {
          const where = attribute(attributes, 'path') ?? attribute(attributes, 'name') ?? 'a file';
          return ` [${where}]${words ? ` ${words}` : ''}`;
        },
      )
      .replace(/<[^>]*>/g, ''),
  ).trim();
}

function attribute(attributes: string, name: string): string | null {
  const value = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes)?.[1];
  return value === undefined ? null : unescaped(value);
}

const NAMED: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function unescaped(text: string): string {
  return text.replace(
    /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]+));/gi,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return NAMED[name] ?? whole;
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}
