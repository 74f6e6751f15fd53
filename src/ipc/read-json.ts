/** A mailbox file as a value of a schema, or the reason why it is none. Pure but for the reading. */
import { z } from 'zod';
import { messageOf } from '../errors.ts';
import type { MailboxDirectory } from '../mailbox/read.ts';

/** `id`: the command's, when that much could be read. */
export type Read<T> = 'gone' | { value: T; bytes: number } | { reason: string; id: string | null };

export function readJson<T>(directory: MailboxDirectory, name: string, schema: z.ZodType<T>): Read<T> {
  let text: string;
  try {
    text = directory.read(name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'gone';
    return { reason: messageOf(error), id: null };
  }
  const bomb = partsProblem(text);
  if (bomb !== null) return { reason: bomb, id: null };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { reason: 'the file is not JSON', id: null };
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { value: parsed.data, bytes: Buffer.byteLength(text) };
  const issue = parsed.error.issues[0];
  const where = issue && issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
  const id = z.object({ id: z.uuid() }).safeParse(json);
  return {
    reason: `the file is not a valid command or event: ${where}${issue?.message ?? 'unknown'}`.slice(0, 500),
    id: id.success ? id.data.id : null,
  };
}

/** No command or event is deeper, or has more parts; to parse a megabyte of brackets takes a quarter of a second. */
const MAX_DEPTH = 32;
const MAX_PARTS = 2000;

/** Looks at brackets, commas and colons outside of strings, before anything is built from them. */
function partsProblem(text: string): string | null {
  let depth = 0;
  let parts = 0;
  for (let i = 0; i < text.length; i += 1) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) {
      for (i += 1; i < text.length && text.charCodeAt(i) !== QUOTE; i += 1)
        if (text.charCodeAt(i) === BACKSLASH) i += 1;
      continue;
    }
    if (c === OPEN_BRACKET || c === OPEN_BRACE) depth += 1;
    else if (c === CLOSE_BRACKET || c === CLOSE_BRACE) depth -= 1;
    else if (c !== COMMA && c !== COLON) continue;
    parts += 1;
    if (depth > MAX_DEPTH) return `the file is nested too deep, at most ${MAX_DEPTH} levels are allowed`;
    if (parts > MAX_PARTS) return `the file has too many parts, at most ${MAX_PARTS} are allowed`;
  }
  return null;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const COMMA = 0x2c;
const COLON = 0x3a;

/** Agents name a command's file after its id: so even one that cannot be read can be answered. */
export function idOfName(name: string): string | null {
  const id = z.uuid().safeParse(name.replace(/\.json$/, ''));
  return id.success ? id.data : null;
}
