/**
 * The runs of scheduled tasks. A due instant becomes exactly one row (UNIQUE task_id, due):
 *   due → running → finished(ok | quiet | gated | failed | stopped)      due → finished(skipped)
 *   running → due, when a failed attempt is to be repeated
 */
import type { Usage } from '../protocol.ts';
import type { ChatJid, Iso, TurnId } from '../types.ts';
import type { Sqlite } from './open.ts';

export type RunOutcome = 'ok' | 'quiet' | 'gated' | 'failed' | 'stopped' | 'skipped';

export interface TaskRun {
  id: number;
  taskId: string;
  chatJid: ChatJid;
  due: Iso;
  state: 'due' | 'running' | 'finished';
  outcome: RunOutcome | null;
  reason: string | null;
  origin: string;
  notBefore: Iso | null;
  attempt: number;
  /** Earlier instants that were missed and are covered by this run. */
  missed: number;
  turnId: TurnId | null;
  startedAt: Iso | null;
  finishedAt: Iso | null;
  latenessMs: number | null;
  error: string | null;
  usage: Usage | null;
  /** null: nothing to deliver, or not yet. */
  delivered: boolean | null;
}

type Row = Record<string, string | number | null>;

const RUN = `id, task_id, chat_jid, due, state, outcome, reason, origin, not_before, attempt, missed, turn_id, started_at,
  finished_at, lateness_ms, error, input_tokens, output_tokens, cost_usd, delivered`;

const toRun = (r: Row): TaskRun => ({
  id: r.id as number,
  taskId: r.task_id as string,
  chatJid: r.chat_jid as ChatJid,
  due: r.due as Iso,
  state: r.state as TaskRun['state'],
  outcome: r.outcome as RunOutcome | null,
  reason: r.reason as string | null,
  origin: r.origin as string,
  notBefore: r.not_before as Iso | null,
  attempt: r.attempt as number,
  missed: r.missed as number,
  turnId: r.turn_id as TurnId | null,
  startedAt: r.started_at as Iso | null,
  finishedAt: r.finished_at as Iso | null,
  latenessMs: r.lateness_ms as number | null,
  error: r.error as string | null,
  usage:
    r.input_tokens === null
      ? null
      : {
          input_tokens: r.input_tokens as number,
          output_tokens: r.output_tokens as number,
          cost_usd: r.cost_usd as number,
        },
  delivered: r.delivered === null ? null : r.delivered === 1,
});

export function taskRunRepository(db: Sqlite) {
  const addRun = db.prepare(
    `INSERT INTO task_runs (task_id, chat_jid, due, state, outcome, reason, origin, not_before, missed, finished_at, lateness_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (task_id, due) DO NOTHING`,
  );
  const openRun = db.prepare<[string], Row>(
    `SELECT ${RUN} FROM task_runs INDEXED BY task_runs_open WHERE task_id = ? AND state <> 'finished' LIMIT 1`,
  );
  const waiting = db.prepare<[string, string], Row>(
    `SELECT ${RUN} FROM task_runs INDEXED BY task_runs_waiting
     WHERE chat_jid = ? AND state = 'due' AND (not_before IS NULL OR not_before <= ?) ORDER BY id LIMIT 1`,
  );
  const allWaiting = db.prepare<[string], Row>(
    `SELECT ${RUN} FROM task_runs INDEXED BY task_runs_waiting WHERE chat_jid = ? AND state = 'due' ORDER BY id`,
  );
  const neverBegun = db.prepare<[], Row>(
    `SELECT ${RUN} FROM task_runs INDEXED BY task_runs_waiting
     WHERE state = 'due' AND origin = 'schedule' AND attempt = 0 ORDER BY id`,
  );
  const skipRun = db.prepare(
    `UPDATE task_runs SET state = 'finished', outcome = 'skipped', reason = ?, finished_at = ?, lateness_ms = ?
     WHERE id = ? AND state <> 'finished'`,
  );
  const waitingChats = db
    .prepare<[string], string>(
      `SELECT DISTINCT chat_jid FROM task_runs INDEXED BY task_runs_waiting
       WHERE state = 'due' AND (not_before IS NULL OR not_before <= ?)`,
    )
    .pluck();
  const startRun = db.prepare(
    `UPDATE task_runs SET state = 'running', attempt = attempt + 1, turn_id = ?, started_at = coalesce(started_at, ?),
       lateness_ms = coalesce(lateness_ms, ?) WHERE id = ? AND state = 'due'`,
  );
  const byTurn = db.prepare<[string], Row>(`SELECT ${RUN} FROM task_runs WHERE turn_id = ?`);
  const again = db.prepare(
    "UPDATE task_runs SET state = 'due', not_before = ?, error = ? WHERE id = ? AND state = 'running'",
  );
  const bringForward = db.prepare<[string]>(
    `UPDATE task_runs INDEXED BY task_runs_waiting SET not_before = strftime('%Y-%m-%dT%H:%M:%fZ', not_before, ?)
     WHERE state = 'due' AND not_before IS NOT NULL`,
  );
  const uncount = db.prepare('UPDATE task_runs SET attempt = max(0, attempt - 1) WHERE id = ?');
  const finishRun = db.prepare(
    `UPDATE task_runs SET state = 'finished', outcome = ?, reason = ?, error = ?, finished_at = ?, input_tokens = ?,
       output_tokens = ?, cost_usd = ? WHERE id = ? AND state <> 'finished'`,
  );
  const runsOf = db.prepare<[string, number], Row>(
    `SELECT ${RUN} FROM task_runs WHERE task_id = ? ORDER BY due DESC LIMIT ?`,
  );
  const delivered = db.prepare(
    `UPDATE task_runs SET delivered = CASE
       WHEN EXISTS (SELECT 1 FROM outbox o WHERE o.turn_id = task_runs.turn_id AND o.state = 'failed') THEN 0
       WHEN EXISTS (SELECT 1 FROM outbox o WHERE o.turn_id = task_runs.turn_id AND o.state <> 'sent') THEN NULL
       ELSE 1 END
     WHERE turn_id = ?`,
  );
  const skipOpen = db.prepare(
    `UPDATE task_runs SET state = 'finished', outcome = 'skipped', reason = ?, finished_at = ? WHERE task_id = ? AND state = 'due'`,
  );

  const skipOpenIn = db.prepare(
    `UPDATE task_runs INDEXED BY task_runs_waiting SET state = 'finished', outcome = 'skipped', reason = ?, finished_at = ?
     WHERE chat_jid = ? AND state = 'due'`,
  );

  const findRun = (row: Row | undefined): TaskRun | null => (row === undefined ? null : toRun(row));

  return {
    /** False when this instant has its row already. */
    add(r: {
      taskId: string;
      chatJid: ChatJid;
      due: Iso;
      origin: string;
      notBefore?: Iso | null;
      missed?: number;
      skipped?: { reason: string; at: Iso; latenessMs: number };
    }): boolean {
      const done = addRun.run(
        r.taskId,
        r.chatJid,
        r.due,
        r.skipped ? 'finished' : 'due',
        r.skipped ? 'skipped' : null,
        r.skipped?.reason ?? null,
        r.origin,
        r.notBefore ?? null,
        r.missed ?? 0,
        r.skipped?.at ?? null,
        r.skipped?.latenessMs ?? null,
      );
      return done.changes === 1;
    },
    /** The run that is waiting or going on, if any. */
    open: (taskId: string): TaskRun | null => findRun(openRun.get(taskId)),
    nextWaiting: (jid: ChatJid, now: Iso): TaskRun | null => findRun(waiting.get(jid, now)),
    /** Also those that wait to be tried again. */
    waiting: (jid: ChatJid): TaskRun[] => allWaiting.all(jid).map(toRun),
    /** Runs of the schedule that wait for their first attempt. */
    neverBegun: (): TaskRun[] => neverBegun.all().map(toRun),
    /** It will not run. */
    skip(id: number, reason: string, at: Iso, latenessMs: number): void {
      skipRun.run(reason, at, latenessMs, id);
    },
    chatsWithWaiting: (now: Iso): ChatJid[] => waitingChats.all(now) as ChatJid[],
    start: (id: number, turn: TurnId, at: Iso, latenessMs: number): boolean =>
      startRun.run(turn, at, latenessMs, id).changes === 1,
    byTurn: (turn: TurnId): TaskRun | null => findRun(byTurn.get(turn)),
    /** Whatever waits for another try is due so many milliseconds earlier. */
    bringForward(ms: number): void {
      bringForward.run(`-${ms / 1000} seconds`);
    },
    /** The attempt failed; it waits for another one. `counted` false: it was nobody's fault. */
    again(id: number, notBefore: Iso, error: string, counted: boolean): void {
      again.run(notBefore, error, id);
      if (!counted) uncount.run(id);
    },
    finish(
      id: number,
      outcome: RunOutcome,
      at: Iso,
      more: { reason?: string | null; error?: string | null; usage?: Usage | null },
    ): boolean {
      const u = more.usage;
      return (
        finishRun.run(
          outcome,
          more.reason ?? null,
          more.error ?? null,
          at,
          u?.input_tokens ?? null,
          u?.output_tokens ?? null,
          u?.cost_usd ?? null,
          id,
        ).changes === 1
      );
    },
    /** Newest first. */
    ofTask: (taskId: string, limit: number): TaskRun[] => runsOf.all(taskId, limit).map(toRun),
    /** Something that the turn wrote was sent, or never will be. */
    noteDelivery(turn: TurnId): void {
      delivered.run(turn);
    },
    /** What waits of a task that is not to run any more. */
    skipWaiting(taskId: string, reason: string, at: Iso): void {
      skipOpen.run(reason, at, taskId);
    },
    /** What waits in a chat where nothing is to run any more. */
    skipWaitingIn(jid: ChatJid, reason: string, at: Iso): void {
      skipOpenIn.run(reason, at, jid);
    },
  };
}
