/**
 * Trying again what failed for good: used alike by people (chat, buttons) and the operator (command line). What failed with one turn
 * is tried again together: its messages wait for an answer as if they had just come, or the task has another run.
 * Invariants: only what counts as failed is opened again, in one transaction with the note in the audit log; what was
 * answered, stopped or tried again already is refused (RETRY_REFUSED, GROUP_UNKNOWN), and then nothing has changed.
 * It wakes nobody: whoever calls it wakes the chat's queue after the commit.
 */
import type { Turn } from './db/turn-row.ts';
import type { Db } from './db.ts';
import { NanoClawError } from './errors.ts';
import { runTaskNow, type TaskRules, titleOf } from './tasks.ts';
import { type ChatJid, type Group, type Iso, iso, type TurnId } from './types.ts';
import type { Sentence } from './words.ts';

/** What waits again. */
export interface Retried {
  group: Group;
  /** Null: messages. */
  taskId: string | null;
}

/** Something that failed and may be tried again. */
export interface Failed {
  turnId: TurnId;
  group: Group;
  taskId: string | null;
  finishedAt: Iso;
  /** What was asked for. */
  words: string;
}

/** Looked at for recentFailures: most of what failed a while ago has been tried again or is beyond help. */
const LOOKED_AT = 200;

/** `actor` as in the audit log, e.g. `telegram:1001`. */
export function retryTurn(rules: TaskRules, id: string, actor: string): Retried {
  const { db } = rules;
  return db.transaction(() => {
    const turn = db.turns.byId(id);
    if (turn === null) throw refused((w) => w.refused.noTurn(id.slice(0, 40)));
    const { state } = turn;
    if (state !== 'failed') throw refused((w) => w.refused.turns[state]);
    const group = db.groups.byJid(turn.chatJid);
    if (group === null)
      throw new NanoClawError('GROUP_UNKNOWN', (w) => w.refused.notRegisteredNow(turn.chatJid));
    const taskId = turn.kind === 'task' ? retryRun(rules, turn, actor) : null;
    if (turn.kind === 'messages' && db.messages.reopen(turn) === 0)
      throw refused((w) => w.refused.triedAgain);
    db.audit.note({
      at: iso(rules.now()),
      actor,
      group: group.folder,
      action: 'retry',
      outcome: 'done',
      detail: taskId === null ? `turn ${turn.id}` : `turn ${turn.id} of task ${taskId}`,
    });
    return { group, taskId };
  });
}

/** `messageId`: one that failed, or the one by which the chat was told so. */
export function retryMessage(rules: TaskRules, jid: ChatJid, messageId: number, actor: string): Retried {
  const message = rules.db.trace(jid, messageId)?.message ?? null;
  if (message === null) throw refused((w) => w.refused.noMessage(messageId));
  const { disposition, turnId } = message;
  if (disposition === null) throw refused((w) => w.refused.waitsAlready);
  if (turnId === null || !['failed', 'own', 'answered', 'stopped'].includes(disposition))
    throw refused((w) => w.refused.didNotFail);
  // What an agent of main has sent here bears the id of main's turn, which is not this chat's to begin again.
  if (rules.db.turns.byId(turnId)?.chatJid !== jid) throw refused((w) => w.refused.fromElsewhere);
  return retryTurn(rules, turnId, actor);
}

/** Newest first. */
export function recentFailures(db: Db, since: Iso, limit: number): Failed[] {
  const found: Failed[] = [];
  for (const turn of db.turns.failedSince(since, LOOKED_AT)) {
    if (found.length === limit) break;
    const group = db.groups.byJid(turn.chatJid);
    const run = turn.kind === 'task' ? failedRun(db, turn) : null;
    const words = run === null ? db.messages.failedWords(turn.id) : run.prompt;
    if (group === null || turn.finishedAt === null || words === null) continue;
    const { id: turnId, finishedAt } = turn;
    found.push({ turnId, group, taskId: run?.taskId ?? null, finishedAt, words });
  }
  return found;
}

/** Of a run that failed, the task; null when the task has run since, or is not to run any more. */
function failedRun(db: Db, turn: Turn): { taskId: string; prompt: string; wasOnce: boolean } | null {
  const run = db.taskRuns.byTurn(turn.id);
  const task = run === null ? null : db.tasks.byId(run.taskId);
  if (!run || !task || run.outcome !== 'failed') return null;
  const wasOnce = task.status === 'done' && task.scheduleType === 'once';
  if (task.status !== 'active' && task.status !== 'paused' && !wasOnce) return null;
  if (db.taskRuns.ofTask(task.id, 1)[0]?.id !== run.id) return null;
  return { taskId: task.id, prompt: titleOf(task), wasOnce };
}

function retryRun(rules: TaskRules, turn: Turn, actor: string): string {
  const { db } = rules;
  const failed = failedRun(db, turn);
  if (failed === null) throw refused((w) => w.refused.taskRanSince);
  // One that was to run once is over; it is over again when this run has ended.
  if (failed.wasOnce) db.tasks.setStatus(failed.taskId, 'active', null);
  const task = db.tasks.byId(failed.taskId);
  if (task === null) throw refused((w) => w.refused.taskIsGone);
  runTaskNow(rules, task, actor);
  return task.id;
}

const refused = (why: Sentence) => new NanoClawError('RETRY_REFUSED', why);
