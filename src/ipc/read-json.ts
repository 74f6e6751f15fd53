/** A mailbox file as a value of a schema, or the reason why it is none. Pure but for the reading. */
import { z } from 'zod';
import { messageOf } from '../errors.ts';
import type { MailboxDirectory } from '../mailbox/read.ts';

/** `id`: the command's, when that much could be read. */
export type Read<T> = 'gone' | { value: T } | { reason: string; id: string | null };

export function readJson<T>(directory: MailboxDirectory, name: string, schema: z.ZodType<T>): Read<T> {
  let text: string;
  try {
    text = directory.read(name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'gone';
    return { reason: messageOf(error), id: null };
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { reason: 'the file is not JSON', id: null };
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { value: parsed.data };
  const issue = parsed.error.issues[0];
  const where = issue && issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
  const id = z.object({ id: z.uuid() }).safeParse(json);
  return {
    reason: `the file is not a valid command or event: ${where}${issue?.message ?? 'unknown'}`.slice(0, 500),
    id: id.success ? id.data.id : null,
  };
}
