/** The text of an HTML page, roughly as it is read: without scripts, styles and markup, links with where they lead. Pure, in linear time. */

const ENTITIES: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  ndash: '–',
  mdash: '—',
  hellip: '…',
};
/** What stands between their tags is nothing to read. */
const UNREAD = new Set(['script', 'style', 'noscript', 'svg', 'template', 'head']);
/** Its slash and name; a doctype counts as one. A `<` that begins none is text. */
const TAG = /^<([/!?]?)([a-z][a-z0-9]*)/;
const BREAKS =
  /^(?:p|div|br|li|tr|h[1-6]|ul|ol|table|section|article|header|footer|pre|blockquote|hr|dt|dd)$/;

export function readablePage(html: string): string {
  const parts: string[] = [];
  const title = /<title[^>]{0,1000}>([^<]{1,500})/i.exec(html.slice(0, 100_000))?.[1];
  if (title) parts.push(title.trim(), '\n\n');
  let link: string | null = null;
  for (let at = 0; at < html.length; ) {
    const open = html.indexOf('<', at);
    if (open < 0) {
      parts.push(html.slice(at));
      break;
    }
    parts.push(html.slice(at, open));
    if (html.startsWith('<!--', open)) {
      at = after(html, '-->', open);
      continue;
    }
    const [, ends, name] = TAG.exec(html.slice(open, open + 40).toLowerCase()) ?? [];
    if (ends === undefined || name === undefined) {
      parts.push('<');
      at = open + 1;
      continue;
    }
    const close = after(html, '>', open);
    const tag = html.slice(open, Math.min(close, open + 2000));
    at = close;
    if (UNREAD.has(name) && ends === '') {
      at = after(html, '>', endOf(html, name, close));
      continue;
    }
    if (name === 'a') {
      if (ends !== '' && link !== null) parts.push(` (${link})`);
      link = ends !== '' ? null : (/\bhref=["']?(https?:[^"'\s>]{1,500})/i.exec(tag)?.[1] ?? null);
    }
    if (BREAKS.test(name)) parts.push(name === 'li' && ends === '' ? '\n- ' : '\n');
    else if (name === 'td' || name === 'th') parts.push(' ');
  }
  return plain(parts.join(''));
}

function plain(text: string): string {
  return text
    .replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,8}));/gi, (whole, decimal, hex, name) => {
      if (name !== undefined) return ENTITIES[String(name).toLowerCase()] ?? whole;
      const point = decimal !== undefined ? Number(decimal) : Number.parseInt(hex, 16);
      return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point).toWellFormed() : '';
    })
    .split('\n')
    .map((line) => line.replace(/[^\S\n]+/g, ' ').trim())
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

/** Behind the next `what`; the end where there is none. */
function after(html: string, what: string, from: number): number {
  const at = html.indexOf(what, from);
  return at < 0 ? html.length : at + what.length;
}

/** Where the end tag begins, in whatever case. */
function endOf(html: string, name: string, from: number): number {
  const end = new RegExp(`</${name}\\b`, 'gi');
  end.lastIndex = from;
  return end.exec(html)?.index ?? html.length;
}
