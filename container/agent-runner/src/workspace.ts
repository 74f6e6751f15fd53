/**
 * Looks before the first turn whether the agent can write where it must, by writing where it can. A folder owned by the wrong
 * user is the most common way to a silent agent, so the sentence names the path and the uid.
 */
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { MAILBOX } from '../../../src/protocol.ts';

/** Read by the host: only asked about, since any file left there would be taken for a command or an event. */
const READ_BY_HOST = [MAILBOX.messages, MAILBOX.tasks, MAILBOX.events];
/** A full disk passes; that is for the turns to wait out, and no question of rights. */
const NOT_ABOUT_RIGHTS = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE']);

/** Returns what is wrong, in one sentence for the operator, or null when all is writable. Makes missing out/ folders. */
export function workspaceProblem(paths: {
  groupDir: string;
  home: string;
  mailboxDir: string;
}): string | null {
  const { groupDir, home, mailboxDir } = paths;
  const asked = READ_BY_HOST.map((directory) => join(mailboxDir, directory));
  const staging = join(mailboxDir, MAILBOX.staging);
  for (const path of [groupDir, home, join(mailboxDir, 'out'), staging, ...asked]) {
    try {
      if (path === staging || asked.includes(path)) fs.mkdirSync(path, { recursive: true });
      if (asked.includes(path)) fs.accessSync(path, fs.constants.W_OK | fs.constants.X_OK);
      else probe(path);
    } catch (error) {
      const code = errorCode(error);
      if (NOT_ABOUT_RIGHTS.has(code)) continue;
      const uid = process.getuid?.() ?? 'unknown';
      return `${path} is not writable for uid ${uid} (${code}); give that folder to this user, or run the agent as its owner`;
    }
  }
  return null;
}

function probe(directory: string): void {
  const file = join(directory, `.nanoclaw-probe-${randomUUID()}`);
  fs.closeSync(fs.openSync(file, 'wx', 0o600));
  fs.rmSync(file, { force: true });
}

/** The system's code of a failure, such as EACCES. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}
