/** What a setting's text may be, and what is said when it is not. */
import path from 'node:path';
import { z } from 'zod';
import { parseDuration } from '../lib/duration.ts';

export const whole = (min: number, max: number, what: string) =>
  z
    .string()
    .regex(/^\d+$/, `expected ${what}: a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((n) => n >= min && n <= max, `expected ${what}: a whole number from ${min} to ${max}`);
const SHORTEST_KEEP_MS = 60_000;
/** A length of time or `forever`; in milliseconds, null for ever. */
export const keepFor = z.string().transform((text, context) => {
  if (text.trim().toLowerCase() === 'forever') return null;
  const ms = parseDuration(text);
  if (ms !== null && ms >= SHORTEST_KEEP_MS) return ms;
  context.addIssue('expected how long to keep it, at least 1m: a length like 7d, 12h or 30m, or forever');
  return z.NEVER;
});
const HOUR_MS = 3_600_000;
export const backupEvery = z.string().transform((text, context) => {
  if (text.trim().toLowerCase() === 'off') return null;
  const ms = parseDuration(text);
  if (ms !== null && ms >= HOUR_MS) return ms;
  context.addIssue('expected off, or how often, at least 1h: a length like 1d, 12h or 7d');
  return z.NEVER;
});
export const DAY_MS = 86_400_000;
export const httpUrl = (what: string) =>
  z.string().refine((value) => /^https?:$/.test(URL.canParse(value) ? new URL(value).protocol : ''), {
    message: `expected ${what}: a URL that begins with http:// or https://`,
  });
export const oneOf = <const T extends readonly string[]>(values: T) =>
  z.enum(values, { error: `expected one of: ${values.join(', ')}` });

/** A program of the machine by its whole path, and its first arguments, as words. */
export const programWithArguments = (example: string) =>
  z
    .string()
    .transform((text) => text.trim().split(/\s+/))
    .refine(
      ([program = '']) => path.isAbsolute(program),
      `expected a program by its whole path, like ${example}, with its first arguments`,
    );
