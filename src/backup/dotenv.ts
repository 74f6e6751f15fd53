/** A .env file without what must not leave the machine. */
import { settingsSchema } from '../config/settings.ts';
import { SECRET_SETTINGS } from '../config.ts';

const isHarmless = (key: string): boolean =>
  key in settingsSchema.shape && !(SECRET_SETTINGS as readonly string[]).includes(key);

/**
 * Keeps lines that set one of our settings which is no secret, and remarks without anything that looks like a value.
 * Every other line, whatever it is (a key of another program, the rest of a long value), is replaced by a remark that
 * names at most its key.
 */
export function withoutSecrets(text: string): string {
  return text
    .split('\n')
    .map((line) => {
      if (line.trim() === '') return line;
      if (/^\s*#/.test(line)) return /[=:]\s*\S|\S{20,}/.test(line) ? '#' : line;
      const [, key, value] = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=(.*)$/.exec(line) ?? [];
      // A quote may open a value of several lines: those cannot be told from other lines here.
      // A URL may hold a password.
      const isPlain = !/["'`]|:\/\/[^/\s]*@/.test(value ?? '');
      if (key !== undefined && isHarmless(key) && isPlain) return line;
      return `# ${key ?? 'a line'}: not in this backup`;
    })
    .join('\n');
}
