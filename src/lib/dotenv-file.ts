/**
 * Changes single settings of a .env file and leaves everything else as it is: remarks, order, other keys, line ends.
 * What it writes is read back by the same parser that the daemon uses, and refused if that sees anything else.
 */
import { parseEnv } from 'node:util';

/** A line that sets a key: what stands before its value, and the rest. */
const setting = (key: string): RegExp => new RegExp(`^(\\s*(?:export\\s+)?${key}\\s*=)(.*)$`);
/** A line that shows how the key would be set. */
const example = (key: string): RegExp => new RegExp(`^\\s*#\\s?${key}=`);

/**
 * The text with the settings changed; the same text when they are so already. An empty value switches a setting off.
 * Throws a RangeError, naming the key, for a value that cannot be written (line breaks, all kinds of quotes).
 */
export function editDotEnv(text: string, changes: Readonly<Record<string, string>>): string {
  let result = text;
  for (const [key, value] of Object.entries(changes)) result = change(result, key, value);
  return result;
}

function change(text: string, key: string, value: string): string {
  const before = parseEnv(text) as Record<string, string>;
  if ((before[key] ?? '') === value) return text;
  const quoted = quote(key, value);
  const wanted = { ...before, [key]: value };
  for (const candidate of [inPlace(text, key, quoted), appended(text, key, quoted)])
    if (candidate !== null && isSame(parseEnv(candidate), wanted)) return candidate;
  throw new RangeError(`${key}: this file is written in a way that this cannot change; do it by hand`);
}

/** In the line that counts now, else below the example; null without either. */
function inPlace(text: string, key: string, quoted: string): string | null {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const lines = text.split(newline);
  const at = lines.findLastIndex((line) => setting(key).test(line));
  if (at !== -1) {
    const [, head = '', rest = ''] = setting(key).exec(lines[at] ?? '') ?? [];
    return lines.with(at, `${head}${quoted}${remarkOf(rest)}`).join(newline);
  }
  const shown = lines.findIndex((line) => example(key).test(line));
  return shown === -1 ? null : lines.toSpliced(shown + 1, 0, `${key}=${quoted}`).join(newline);
}

function appended(text: string, key: string, quoted: string): string {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const gap = text === '' || text.endsWith('\n') ? '' : newline;
  return `${text}${gap}${key}=${quoted}${newline}`;
}

/** What stands behind a value on its line. */
function remarkOf(rest: string): string {
  const [, remark] = /^\s*(?:"[^"]*"|'[^']*'|`[^`]*`|[^#"'`]*?)(\s*#.*)$/.exec(rest) ?? [];
  if (remark === undefined) return '';
  return /^\s/.test(remark) ? remark : ` ${remark}`;
}

/** In quotes where needed; the parser knows no escapes but \n between double ones. */
function quote(key: string, value: string): string {
  if (/^[\w@%+=:,./~^*-]*$/.test(value)) return value;
  if (/[\r\n\0]/.test(value)) throw new RangeError(`${key}: expected a value without line breaks`);
  const mark = ["'", '`', '"'].find(
    (each) => !value.includes(each) && (each !== '"' || !value.includes('\\n')),
  );
  if (mark === undefined)
    throw new RangeError(`${key}: expected a value that does not hold every kind of quote`);
  return `${mark}${value}${mark}`;
}

function isSame(a: NodeJS.Dict<string>, b: Record<string, string>): boolean {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => (a[key] ?? '') === (b[key] ?? ''));
}
