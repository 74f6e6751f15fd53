/**
 * A turn that is begun again repeats what its agent did before: the agent cannot know. What it asks for a second time,
 * the same thing in the same turn, is not done twice; it is told what came of it the first time. What an agent asks
 * twice in one attempt is meant twice. Pure but for the look-up.
 */
import { createHash } from 'node:crypto';
import type { Turn } from '../db/turn-row.ts';
import type { Db } from '../db.ts';
import type { Command, CommandType } from '../protocol/commands.ts';

/** The others do the same as often as they are given. */
const ADDS_UP: ReadonlySet<CommandType> = new Set([
  'send_message',
  'send_file',
  'schedule_task',
  'run_task',
  'register_group',
]);

/** What is asked for, whatever its id; null when doing it again does no harm. */
export function digestOf(command: Command): string | null {
  if (!ADDS_UP.has(command.type)) return null;
  const { id: _, ...deed } = command;
  // "In ten minutes" is another instant in the next attempt, and the same wish.
  if (deed.type === 'schedule_task' && deed.schedule_type === 'once') deed.schedule_value = '';
  const sorted = Object.entries(deed).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('base64url');
}

/** What came of it in an earlier attempt of this turn, as long as this attempt has not asked for it as often. */
export function doneBefore(db: Db, turn: Turn | null, digest: string | null): string | null {
  if (turn === null || digest === null) return null;
  return db.agents.doneInEarlierAttempt(turn.id, digest);
}
