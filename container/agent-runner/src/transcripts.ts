/** Where Claude Code keeps a conversation: `projects/<folder>/<session id>.jsonl` below its own folder. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Claude Code reads all of it to go on with a conversation, several times its size in memory. */
const LARGEST_BYTES = 64 * 1024 * 1024;
const ID = /^[\w-]{1,128}$/;

/** `configDir` as CLAUDE_CONFIG_DIR. Null: there is none. Throws what the file system throws. */
export function transcriptOf(configDir: string, sessionId: string): string | null {
  if (!ID.test(sessionId)) return null;
  const projects = join(configDir, 'projects');
  for (const folder of foldersOf(projects)) {
    const file = join(projects, folder, `${sessionId}.jsonl`);
    if (lstatSync(file, { throwIfNoEntry: false })) return file;
  }
  return null;
}

function foldersOf(projects: string): string[] {
  try {
    const all = readdirSync(projects, { withFileTypes: true });
    return all.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Larger than a conversation that can be gone on with. */
export function isTooLarge(configDir: string, sessionId: string, most = LARGEST_BYTES): boolean {
  const file = transcriptOf(configDir, sessionId);
  return file !== null && (lstatSync(file, { throwIfNoEntry: false })?.size ?? 0) > most;
}
