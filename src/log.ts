/**
 * The log: JSON lines to nanoclaw.log, and readable lines to the terminal when there is one.
 * One child per component, an `event` name in each line, ids instead of content. Message text never above debug.
 */
import pino from 'pino';
import type { RotatingFile } from './log/rotating-file.ts';

export type Logger = pino.Logger;

export interface LogOptions {
  file: Pick<RotatingFile, 'write'> | null;
  level: string;
  /** Also write here as short readable lines (stderr of `start`). */
  console?: { write(line: string): void };
  /** Strings that must never appear in a line: tokens and keys. */
  secrets?: readonly string[];
}

/** Opens the log. Each line is written before the call returns: what was logged before a crash is there. */
export function createLogger(options: LogOptions): Logger {
  // As they stand in a line of JSON; the longest first, in case one begins like another.
  const secrets = (options.secrets ?? [])
    .filter((secret) => secret.length >= 8)
    .map((secret) => JSON.stringify(secret).slice(1, -1))
    .sort((a, b) => b.length - a.length);
  const redact = (line: string) =>
    secrets.reduce(
      (text, secret) => (text.includes(secret) ? text.replaceAll(secret, '[redacted]') : text),
      line,
    );
  const sink = {
    write(line: string) {
      const clean = redact(line);
      options.file?.write(clean);
      options.console?.write(readable(clean));
    },
  };
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: pino.stdSerializers.err },
    },
    sink,
  );
}

/** A logger that writes nothing. */
export const silentLogger = (): Logger => pino({ level: 'silent' });

/** A line of the log for people. */
export function readable(line: string): string {
  try {
    const { time, level, component, event, msg, err, ...rest } = JSON.parse(line) as Record<string, unknown>;
    const details = Object.entries(rest)
      .filter(([key]) => key !== 'pid' && key !== 'hostname')
      .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
      .join(' ');
    const reason = err && typeof err === 'object' && 'message' in err ? ` (${String(err.message)})` : '';
    const text = `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${component ? `${String(component)}: ` : ''}${String(msg ?? event ?? '')}${reason}${details ? `  ${details}` : ''}`;
    // Names of files and chats are other people's words: they must not steer the operator's terminal.
    return `${text.replace(/\p{Cc}/gu, (c) => (c === '\n' ? ' ' : '\ufffd'))}\n`;
  } catch {
    return line;
  }
}
