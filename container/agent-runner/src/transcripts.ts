/** Where Claude Code keeps a conversation: `projects/<folder>/<session id>.jsonl` below its own folder. */
import { globSync, lstatSync } from 'node:fs';
import { join } from 'node:path';

/** Claude Code reads all of it to go on with a conversation, several times its size in memory. */
const LARGEST_BYTES = 64 * 1024 * 1024;
const ID = /^[\w-]{1,128}$/;

/** `configDir` as CLAUDE_CONFIG_DIR. Null: there is none. Throws what the file system throws. */
export function transcriptOf(configDir: string, sessionId: string): string | null {
  if (!ID.test(sessionId)) return null;
  const [file] = globSync(join('projects', '*', `${sessionId}.jsonl`), { cwd: configDir });
  return file === undefined ? null : join(configDir, file);
}

/** Larger than a conversation that can be gone on with. */
export function isTooLarge(configDir: string, sessionId: string, most = LARGEST_BYTES): boolean {
  const file = transcriptOf(configDir, sessionId);
  return file !== null && (lstatSync(file, { throwIfNoEntry: false })?.size ?? 0) > most;
}
