/**
 * Scheduled tasks and their runs. A due instant becomes exactly one row of task_runs (UNIQUE task_id, due):
 *   due → running → finished(ok | quiet | gated | failed | stopped)      due → finished(skipped)
 *   running → due, when a failed attempt is to be repeated
 */
import type { Usage } from '../protocol.ts';
import type { ChatJid, Folder, Iso, TurnId } from '../types.ts';
import type { Sqlite } from './open.ts';

export type TaskStatus = 'active' | 'paused' | 'done' | 'cancelled';
export type RunOutcome = 'ok' | 'quiet' | 'gated' | 'failed' | 'stopped' | 'skipped';

export interface Task {
  id: string;
  folder: Folder;
  chatJid: ChatJid;
  prompt: string;
  scheduleType: 'cron' | 'interval' | 'once';
  scheduleValue: string;
  timezone: string;
  contextMode: 'group' | 'isolated';
  /** run_once, skip, or within:<duration> */
  misfire: string;
  script: string | null;
  threadId: number | null;
  status: TaskStatus;
  statusReason: string | null;
  anchor: Iso;
  nextRun: Iso | null;
  lastRun: Iso | null;
  lastResult: string | null;
  /** Failed runs in a row. */
  failures: number;
  createdBy: string;
  createdAt: Iso;
}

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

const TASK = `id, group_folder, chat_jid, prompt, schedule_type, schedule_value, timezone, context_mode, misfire, script,
  thread_id, status, status_reason, anchor, next_run, last_run, last_result, failures, created_by, created_at`;
const RUN = `id, task_id, chat_jid, due, state, outcome, reason, origin, not_before, attempt, missed, turn_id, started_at,
  finished_at, lateness_ms, error, input_tokens, output_tokens, cost_usd, delivered`;

const toTask = (r: Row): Task => ({
  id: r.id as string,
  folder: r.group_folder as Folder,
  chatJid: r.chat_jid as ChatJid,
  prompt: r.prompt as string,
  scheduleType: r.schedule_type as Task['scheduleType'],
  scheduleValue: r.schedule_value as string,
  timezone: r.timezone as string,
  contextMode: r.context_mode as Task['contextMode'],
  misfire: r.misfire as string,
  script: r.script as string | null,
  threadId: r.thread_id as number | null,
  status: r.status as TaskStatus,
  statusReason: r.status_reason as string | null,
  anchor: r.anchor as Iso,
  nextRun: r.next_run as Iso | null,
  lastRun: r.last_run as Iso | null,
  lastResult: r.last_result as string | null,
  failures: r.failures as number,
  createdBy: r.created_by as string,
  createdAt: r.created_at as Iso,
});

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

export function taskRepository(db: Sqlite) {
  const insert = db.prepare(
    `INSERT INTO scheduled_tasks (${TASK}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const update = db.prepare(
    `UPDATE scheduled_tasks SET prompt = ?, schedule_type = ?, schedule_value = ?, timezone = ?, context_mode = ?,
       misfire = ?, script = ?, anchor = ?, next_run = ?, status = ?, status_reason = ?, failures = ? WHERE id = ?`,
  );
  const byId = db.prepare<[string], Row>(`SELECT ${TASK} FROM scheduled_tasks WHERE id = ?`);
  const ofGroup = db.prepare<[string], Row>(
    `SELECT ${TASK} FROM scheduled_tasks WHERE group_folder = ? ORDER BY created_at`,
  );
  const all = db.prepare<[], Row>(`SELECT ${TASK} FROM scheduled_tasks ORDER BY group_folder, created_at`);
  const countOpen = db
    .prepare<[string], number>(
      "SELECT count(*) FROM scheduled_tasks WHERE group_folder = ? AND status IN ('active', 'paused')",
    )
    .pluck();
  const due = db.prepare<[string, number], Row>(
    `SELECT ${TASK} FROM scheduled_tasks INDEXED BY scheduled_tasks_due
     WHERE status = 'active' AND next_run IS NOT NULL AND next_run <= ? ORDER BY next_run LIMIT ?`,
  );
  const firstDue = db
    .prepare<[], string>(
      `SELECT next_run FROM scheduled_tasks INDEXED BY scheduled_tasks_due
       WHERE status = 'active' AND next_run IS NOT NULL ORDER BY next_run LIMIT 1`,
    )
    .pluck();
  const setNext = db.prepare('UPDATE scheduled_tasks SET next_run = ? WHERE id = ?');
  const setStatus = db.prepare(
    'UPDATE scheduled_tasks SET status = ?, status_reason = ?, next_run = NULL WHERE id = ?',
  );
  const ran = db.prepare(
    'UPDATE scheduled_tasks SET last_run = ?, last_result = ?, failures = ? WHERE id = ?',
  );
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
  const firstLater = db
    .prepare<[string], string | null>(
      `SELECT min(not_before) FROM task_runs INDEXED BY task_runs_waiting WHERE state = 'due' AND not_before > ?`,
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

  const find = (row: Row | undefined): Task | null => (row === undefined ? null : toTask(row));
  const findRun = (row: Row | undefined): TaskRun | null => (row === undefined ? null : toRun(row));

  return {
    insert(t: Task): void {
      insert.run(
        t.id,
        t.folder,
        t.chatJid,
        t.prompt,
        t.scheduleType,
        t.scheduleValue,
        t.timezone,
        t.contextMode,
        t.misfire,
        t.script,
        t.threadId,
        t.status,
        t.statusReason,
        t.anchor,
        t.nextRun,
        t.lastRun,
        t.lastResult,
        t.failures,
        t.createdBy,
        t.createdAt,
      );
    },
    update(t: Task): void {
      update.run(
        t.prompt,
        t.scheduleType,
        t.scheduleValue,
        t.timezone,
        t.contextMode,
        t.misfire,
        t.script,
        t.anchor,
        t.nextRun,
        t.status,
        t.statusReason,
        t.failures,
        t.id,
      );
    },
    byId: (id: string): Task | null => find(byId.get(id)),
    ofGroup: (folder: Folder): Task[] => ofGroup.all(folder).map(toTask),
    all: (): Task[] => all.all().map(toTask),
    /** Active and paused ones of a group. */
    countOpen: (folder: Folder): number => countOpen.get(folder) ?? 0,
    /** Active tasks whose time has come, oldest first. */
    due: (now: Iso, limit: number): Task[] => due.all(now, limit).map(toTask),
    /** When the next task or postponed run is due. */
    nextWake(now: Iso): Iso | null {
      const times = [firstDue.get(), firstLater.get(now)].filter((t): t is string => typeof t === 'string');
      return (times.sort()[0] ?? null) as Iso | null;
    },
    setNextRun(id: string, next: Iso | null): void {
      setNext.run(next, id);
    },
    /** Ends or pauses: no further run is due. */
    setStatus(id: string, status: TaskStatus, reason: string | null): void {
      setStatus.run(status, reason, id);
    },
    noteResult(id: string, lastRun: Iso, result: string, failures: number): void {
      ran.run(lastRun, result, failures, id);
    },

    /** False when this instant has its row already. */
    addRun(r: {
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
    openRun: (taskId: string): TaskRun | null => findRun(openRun.get(taskId)),
    nextWaiting: (jid: ChatJid, now: Iso): TaskRun | null => findRun(waiting.get(jid, now)),
    /** Also those that wait to be tried again. */
    allWaiting: (jid: ChatJid): TaskRun[] => allWaiting.all(jid).map(toRun),
    /** Runs of the schedule that wait for their first attempt. */
    neverBegun: (): TaskRun[] => neverBegun.all().map(toRun),
    /** It will not run. */
    skipRun(id: number, reason: string, at: Iso, latenessMs: number): void {
      skipRun.run(reason, at, latenessMs, id);
    },
    chatsWithWaiting: (now: Iso): ChatJid[] => waitingChats.all(now) as ChatJid[],
    startRun: (id: number, turn: TurnId, at: Iso, latenessMs: number): boolean =>
      startRun.run(turn, at, latenessMs, id).changes === 1,
    byTurn: (turn: TurnId): TaskRun | null => findRun(byTurn.get(turn)),
    /** The attempt failed; it waits for another one. `counted` false: it was nobody's fault. */
    /** Whatever waits for another try is due so many milliseconds earlier. */
    bringForward(ms: number): void {
      bringForward.run(`-${ms / 1000} seconds`);
    },
    runAgain(id: number, notBefore: Iso, error: string, counted: boolean): void {
      again.run(notBefore, error, id);
      if (!counted) uncount.run(id);
    },
    finishRun(
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
    runsOf: (taskId: string, limit: number): TaskRun[] => runsOf.all(taskId, limit).map(toRun),
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
