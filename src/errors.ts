/**
 * The catalogue of errors. Three kinds, by who has to act:
 * - `operator`: a person at the machine must change something; the message carries the fix and is printed as it is.
 * - `rejected`: input was refused; it is set aside with the reason and nothing is retried.
 * - `transient`: the world failed for a while; the caller retries with backoff.
 * Every code is described in docs/errors.md; a test holds the two together.
 */
import { ENGLISH, type Sentence, type Words } from './words.ts';

export type ErrorKind = 'operator' | 'rejected' | 'transient';

export const ERROR_CODES = {
  CONFIG_INVALID: 'operator',
  SCHEMA_NEWER: 'operator',
  SCHEMA_OLDER: 'operator',
  DATABASE_MISSING: 'operator',
  DATABASE_CORRUPT: 'operator',
  BACKUP_FAILED: 'operator',
  BACKUP_INVALID: 'operator',
  RESTORE_REFUSED: 'operator',
  SERVICE_UNAVAILABLE: 'operator',
  SETUP_FAILED: 'operator',
  HOME_LOCKED: 'operator',
  HOME_UNWRITABLE: 'operator',
  PORT_IN_USE: 'operator',
  NO_DAEMON: 'operator',
  SENDER_RULES_INVALID: 'operator',
  NETWORK_NOT_ENFORCED: 'operator',
  IMAGE_MISSING: 'operator',
  IMAGE_MISMATCH: 'operator',
  IMAGE_BUILD_FAILED: 'operator',
  UNEXPECTED: 'operator',
  GROUP_INVALID: 'rejected',
  GROUP_EXISTS: 'rejected',
  GROUP_UNKNOWN: 'rejected',
  MOUNT_REFUSED: 'rejected',
  TASK_INVALID: 'rejected',
  TASK_UNKNOWN: 'rejected',
  RETRY_REFUSED: 'rejected',
  ALLOWANCE_INVALID: 'rejected',
  ALLOWANCE_UNKNOWN: 'rejected',
  MCP_UNKNOWN: 'rejected',
  MCP_CHANGED: 'rejected',
  COMMAND_INVALID: 'rejected',
  COMMAND_REFUSED: 'rejected',
  FILE_REFUSED: 'rejected',
  ENGINE_DOWN: 'transient',
  ENGINE_REFUSED: 'transient',
  CONTAINER_EXITED: 'transient',
  TURN_TIMEOUT: 'transient',
  AGENT_FAILED: 'transient',
  DATABASE_BUSY: 'transient',
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** An expected failure. `message` is one plain sentence; `fix`, if any, says what to do about it. */
export class NanoClawError extends Error {
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly fix: string | undefined;
  readonly #said: Sentence;

  /** A sentence instead of a text: what may be said in a chat, too. `message` is then the English one. */
  constructor(code: ErrorCode, message: string | Sentence, options: { fix?: string; cause?: unknown } = {}) {
    const said = typeof message === 'string' ? () => message : message;
    super(said(ENGLISH), options.cause === undefined ? undefined : { cause: options.cause });
    this.#said = said;
    this.name = 'NanoClawError';
    this.code = code;
    this.kind = ERROR_CODES[code];
    this.fix = options.fix;
  }

  /** The message for a chat. */
  in(words: Words): string {
    return this.#said(words);
  }
}

/** The message of anything that was thrown, on one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s*\n\s*/g, ' ').trim();
}
