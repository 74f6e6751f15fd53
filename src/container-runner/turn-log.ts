/** data/logs/<folder>/<turn>.log: what happened in a turn, without what was said. One short file per turn. */
import { appendFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { groupPaths } from '../mailbox/layout.ts';
import { type Folder, iso } from '../types.ts';

/** Best effort: a full disk must not fail a turn because of its log. */
export function appendTurnLog(home: string, folder: Folder, turn: string, nowMs: number, line: string): void {
  try {
    const { logDir } = groupPaths(home, folder);
    mkdirSync(logDir, { recursive: true });
    appendFileSync(path.join(logDir, `${turn}.log`), `${iso(nowMs)} ${line}\n`);
  } catch {
    // The database and nanoclaw.log still tell.
  }
}
